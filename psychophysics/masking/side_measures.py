"""What else is measured beside the channel: shape bias, robustness, error consistency, relations across networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.measures import Estimate, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import measures
from cogattn.psychophysics.masking.across_networks import MIN_NETWORKS, PREDICTORS, relate
from cogattn.psychophysics.masking.counts import has_trials, read_trials
from cogattn.psychophysics.masking.naming import NamingPeople, naming_rows, shape_means
from cogattn.psychophysics.masking.people import person_observer
from cogattn.psychophysics.probes.consistency import common_trials, error_consistency
from cogattn.psychophysics.probes.robustness import robust_accuracy
from cogattn.psychophysics.probes.shape_bias import shape_bias
from cogattn.seeds import Streams
from cogattn.study import Trials

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig
    from cogattn.psychophysics.masking.observed import Observed

HUMAN_SHAPE_BIAS = Estimate(0.959, math.nan, math.nan, 10)
"""Ten observers on cue-conflict images, shape / (shape + texture): Geirhos et al. (2019). Where ``shape_bias.humans``
names persons, these take its place."""
CONSISTENCY_COLUMNS = (
    "first", "second", "kappa", "lo", "hi", "observed", "expected", "n_trials", "n_images",
)  # fmt: skip


def side_rows(
    config: MaskingConfig,
    trials: Trials,
    observer: Observer,
    *,
    people: NamingPeople | None = None,
    pairs: pd.DataFrame | None = None,
) -> list[Row]:
    """Return an observer's rows of everything beside the channel.

    Parameters
    ----------
    config : MaskingConfig
        Of the run.
    trials : Trials
        Of the run.
    observer : Observer
        Whose.
    people : NamingPeople, optional
        Persons who named the cue-conflict images.
    pairs : DataFrame, optional
        The observer's pairs with them, as `pairs_table` makes them.
    """
    shown, attacked = (_own(trials[table], observer) for table in ("shape_bias", "robustness"))
    rows = _shape_rows(config, observer, shown, shape_means(people, confidence=config.channel.confidence))
    if pairs is not None:
        rows += naming_rows(config, people, pairs, observer, shown)
    return [*rows, *_robustness_rows(config, observer, attacked)]


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


def across_networks_table(
    config: MaskingConfig, rows: Sequence[Row], observers: Sequence[Observed]
) -> pd.DataFrame:
    """Return relations between the channel and each other measure over the run's networks; empty where they are few."""
    networks = [observed for observed in observers if observed.observer.role == "network"]
    if len(networks) < MIN_NETWORKS:
        return pd.DataFrame()
    channels = pd.DataFrame(
        {
            "network": observed.observer.id,
            "bandwidth_octaves": observed.ml.bandwidth_octaves,
            "center_cpi": observed.ml.center_cpi,
            "peak_sensitivity": observed.ml.peak_sensitivity,
        }
        for observed in networks
    ).set_index("network")
    outcomes: dict[str, dict[str, float]] = {}
    for row in rows:
        outcomes.setdefault(row.measure.key, {})[row.observer.id] = row.value.estimate
    found = []
    for key, values in outcomes.items():
        table = channels.assign(**{key: pd.Series(values)}).reset_index()
        rng = Streams(config.seed).generator("summary", "across networks", key)
        found.append(relate(table, key, rng=rng, predictors=PREDICTORS, confidence=config.channel.confidence))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def _own(table: pd.DataFrame, observer: Observer) -> pd.DataFrame:
    return table[table["observer"] == observer.id]


def _shape_rows(
    config: MaskingConfig, observer: Observer, trials: pd.DataFrame, human: Mapping[str, Estimate]
) -> list[Row]:
    if trials.empty:
        return []
    found = shape_bias(
        trials["category"].tolist(),
        trials["texture"].tolist(),
        trials["response"].tolist(),
        confidence=config.channel.confidence,
    )
    return [
        Row(observer, measures.SHAPE_BIAS, found.bias, human.get(measures.SHAPE_BIAS.key, HUMAN_SHAPE_BIAS)),
        Row(observer, measures.SHAPE_ACCURACY, found.accuracy, human.get(measures.SHAPE_ACCURACY.key)),
    ]


def _robustness_rows(config: MaskingConfig, observer: Observer, trials: pd.DataFrame) -> list[Row]:
    settings = config.robustness
    if trials.empty or settings is None:
        return []
    clean = trials[trials["epsilon"] == 0].set_index("image")["correct"]
    rows = []
    for epsilon in settings.epsilons:
        attacked = trials[trials["epsilon"] == epsilon].set_index("image")["correct"].loc[clean.index]
        found = robust_accuracy(clean.to_numpy(), attacked.to_numpy(), confidence=config.channel.confidence)
        rows += [
            Row(observer, measures.robust_accuracy(settings.norm, epsilon), found.accuracy),
            Row(observer, measures.accuracy_kept(settings.norm, epsilon), found.kept),
        ]
    return rows


def _people_trials(config: MaskingConfig) -> dict[Observer, pd.DataFrame]:
    """Trials of each person, where the run's people have any."""
    if config.observer.kind == "human" or not has_trials(config.humans):
        return {}
    people = read_trials(config.humans).groupby("observer", sort=False)
    return {person_observer(str(name)): rows for name, rows in people}
