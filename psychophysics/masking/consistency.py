"""Error consistency in noise: do networks fail on the trials on which others fail, people of a trial table included?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking.counts import has_trials, read_trials
from cogattn.psychophysics.naming.consistency import TRIAL_KEYS
from cogattn.psychophysics.naming.pairs import PAIR_COLUMNS, consistency_of_pairs
from cogattn.seeds import Streams
from cogattn.study import Trials

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig


def consistency_table(
    config: MaskingConfig, trials: Trials, observers: Mapping[str, Observer]
) -> pd.DataFrame:
    """Return error consistency and copy probability of every pair of observers that share trials.

    Parameters
    ----------
    config : MaskingConfig
        Its ``humans`` may be a table of trials: then people are paired with networks and with each other.
    trials : Trials
        Of the run.
    observers : mapping of str to Observer
        By id, in the order of the table.

    Returns
    -------
    DataFrame
        Columns `PAIR_COLUMNS`, networks first; empty for the adaptive design, and where no two share a trial.
    """
    persons = _people_trials(config)
    if config.design.kind == "adaptive" or len(observers) + len(persons) < 2:
        return pd.DataFrame(columns=list(PAIR_COLUMNS))
    columns = ["observer", *TRIAL_KEYS, "correct"]
    own = trials["masking"]
    shown = [own.loc[own["observer"].isin(list(observers)), columns]]
    shown += [rows.assign(observer=person.id)[columns] for person, rows in persons.items()]
    streams = Streams(config.seed)
    return consistency_of_pairs(
        pd.concat(shown, ignore_index=True),
        streams=lambda first, second: streams.generator("summary", first, second, "consistency"),
        confidence=config.channel.confidence,
    )


def _people_trials(config: MaskingConfig) -> dict[Observer, pd.DataFrame]:
    """Trials of each person, where the run's people have any."""
    if config.observer.kind == "human" or not has_trials(config.humans):
        return {}
    people = read_trials(config.humans).groupby("observer", sort=False)
    return {Observer.person(str(name)): rows for name, rows in people}
