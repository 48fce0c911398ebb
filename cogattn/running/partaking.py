"""Who of several observers can take part, where the run is to go on without those that cannot.

The run that goes on is that of the others: it has the id, the cells and the tables that it would have if they alone had
been named. Who was left out is told by whoever asked.
"""

from __future__ import annotations

from typing import TypeVar

from cogattn.config import StudyConfig
from cogattn.errors import ObserverError, ObserversRefused
from cogattn.observers.config import FactoryObserver, ReadoutObserver, TimmObserver
from cogattn.observers.roster import observer_names, without
from cogattn.study import Study

C = TypeVar("C", bound=StudyConfig)


def partaking(study: Study, config: C) -> tuple[C, dict[str, str]]:
    """Return the settings without the observers that cannot take part, and why they cannot.

    Parameters
    ----------
    study : Study
        What is asked.
    config : StudyConfig
        Its settings; observers are those of ``observer``.

    Returns
    -------
    config : StudyConfig
        As given where all can.
    left_out : dict of str to str
        Reasons, by the observer's id.

    Raises
    ------
    ConfigError, DataError, ObserverError
        If something else is wrong with the run, or no observer is left.
    """
    left_out: dict[str, str] = {}
    while True:
        try:
            study.check(config)
            _look_at_contents(study, config)
            return config, left_out
        except ObserversRefused as refused:
            observer = getattr(config, "observer", None)
            if not isinstance(observer, TimmObserver | ReadoutObserver | FactoryObserver):
                raise
            if not set(refused.reasons) <= set(observer_names(observer)) or not refused.n_others:
                raise
            left_out |= refused.reasons
            config = config.model_copy(update={"observer": without(observer, refused.reasons)})


def _look_at_contents(study: Study, config: StudyConfig) -> None:
    """Find the observers whose weights cannot be had after all: a download that breaks off."""
    seen: dict[str, str] = {}
    for cell in study.cells(config):
        if seen.get(cell.observer):
            continue
        try:
            study.contents(config, cell)
            seen.setdefault(cell.observer, "")
        except ObserverError as error:
            seen[cell.observer] = str(error)
    reasons = {name: why for name, why in seen.items() if why}
    if reasons:
        raise ObserversRefused(reasons, len(seen) - len(reasons))
