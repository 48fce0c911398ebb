"""Error consistency in noise: do networks fail on the trials on which others fail, people of a trial table included?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking.counts import has_trials, read_trials
from cogattn.psychophysics.naming.consistency import common_trials, error_consistency
from cogattn.seeds import Streams
from cogattn.study import Trials

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig

CONSISTENCY_COLUMNS = (
    "first", "second", "kappa", "lo", "hi", "observed", "expected", "n_trials", "n_images",
)  # fmt: skip


def consistency_table(
    config: MaskingConfig, trials: Trials, observers: Mapping[str, Observer]
) -> pd.DataFrame:
    """Return Cohen's kappa of every pair of observers that share trials, people of a trial table included.

    Parameters
    ----------
    config : MaskingConfig
        Its ``humans`` may be a table of trials.
    trials : Trials
        Of the run.
    observers : mapping of str to Observer
        By id, in the order of the table.

    Returns
    -------
    DataFrame
        Columns `CONSISTENCY_COLUMNS`; empty for the adaptive design, and where no two share a trial. Pairs of people
        are left out.
    """
    persons = _people_trials(config)
    if config.design.kind == "adaptive" or len(observers) + len(persons) < 2:
        return pd.DataFrame(columns=list(CONSISTENCY_COLUMNS))
    own = trials["masking"]
    found = {observers[str(name)]: rows for name, rows in own.groupby("observer", sort=False)} | persons
    rows = []
    for first, second in combinations(found, 2):
        if first.role == second.role == "person" or common_trials(found[first], found[second]).empty:
            continue
        rng = Streams(config.seed).generator("summary", first.id, second.id, "consistency")
        value = error_consistency(
            found[first],
            found[second],
            rng=rng,
            confidence=config.channel.confidence,
        )
        rows.append({"first": first.id, "second": second.id, **vars(value)})
    return pd.DataFrame(rows, columns=list(CONSISTENCY_COLUMNS))


def _people_trials(config: MaskingConfig) -> dict[Observer, pd.DataFrame]:
    """Trials of each person, where the run's people have any."""
    if config.observer.kind == "human" or not has_trials(config.humans):
        return {}
    people = read_trials(config.humans).groupby("observer", sort=False)
    return {Observer.person(str(name)): rows for name, rows in people}
