"""What a run of the naming study says: each observer's measures, people beside them, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.measures import Estimate, Row, people_table, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming import figures, measures, persons, remarks
from cogattn.psychophysics.naming.config import Attacked, Conflicts, ImageSet, MadeSet, NamingConfig
from cogattn.psychophysics.naming.likeness import (
    naming_rows,
    others_than,
    pairs_table,
    shape_means,
    shape_values,
)
from cogattn.psychophysics.naming.material import conflict_images
from cogattn.psychophysics.naming.persons import NamingPeople
from cogattn.psychophysics.naming.plan import observers as all_observers
from cogattn.psychophysics.naming.robustness import RobustAccuracy, robust_accuracy
from cogattn.psychophysics.naming.sets.summary import summarise_set
from cogattn.psychophysics.naming.shape_bias import shape_bias
from cogattn.statistics.stats import wilson_interval
from cogattn.study import Results, Trials
from cogattn.vision.images.categories import CATEGORIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HUMAN_SHAPE_BIAS = Estimate(0.959, np.nan, np.nan, 10)
"""Ten observers on cue-conflict images, shape / (shape + texture): Geirhos et al. (2019). Where ``humans`` names
persons, these take its place; of drawn images it is not known."""


def summarise(config: NamingConfig, trials: Trials) -> Results:
    """Weigh every observer's answers and set people's beside them.

    Parameters
    ----------
    config : NamingConfig
        Of the run.
    trials : Trials
        Of all observers that are whole.
    """
    match config.shown:
        case Conflicts():
            return _conflicts(config, trials)
        case Attacked():
            return _attacked(config, trials)
        case ImageSet() | MadeSet():
            return summarise_set(config, trials)
    raise TypeError(f"shown.kind must be one that the study knows; got {config.shown.kind}")


def shape_rows(
    observer: Observer, trials: pd.DataFrame, human: Mapping[str, Estimate], level: float
) -> list[Row]:
    """Return an observer's shape bias and shape accuracy, people's beside them.

    Parameters
    ----------
    observer : Observer
        Whose.
    trials : DataFrame
        Its own, columns category, texture and response.
    human : mapping of str to Estimate
        People's means by the measure's key.
    level : float
        Confidence of the intervals.
    """
    columns = (trials[name].tolist() for name in ("category", "texture", "response"))
    found = shape_bias(*columns, confidence=level)
    return [
        Row(observer, measure, value, human.get(measure.key))
        for measure, value in ((measures.SHAPE_BIAS, found.bias), (measures.SHAPE_ACCURACY, found.accuracy))
    ]


def robustness_rows(config: NamingConfig, observer: Observer, trials: pd.DataFrame) -> list[Row]:
    """Return an observer's accuracy without attack and, for each radius, under attack and kept."""
    settings = config.shown
    if trials.empty or not isinstance(settings, Attacked):
        return []
    clean = trials.loc[trials["epsilon"] == 0, "correct"]
    lo, hi = wilson_interval(clean.sum(), len(clean), confidence=config.confidence)
    rows = [
        Row(observer, measures.UNATTACKED, Estimate(float(clean.mean()), float(lo), float(hi), len(clean)))
    ]
    for epsilon, found in _under_attack(config, trials).items():
        rows += [
            Row(observer, measures.robust_accuracy(settings.norm, epsilon), found.accuracy),
            Row(observer, measures.accuracy_kept(settings.norm, epsilon), found.kept),
        ]
    return rows


def categories_table(trials: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return shape, texture and other answers by observer and category of the shape, with the shape bias.

    Parameters
    ----------
    trials : DataFrame
        Columns observer, category, texture, response; images of two categories.
    level : float
        Confidence of the intervals.

    Returns
    -------
    DataFrame
        Columns observer, category, n_shape, n_texture, n_other, shape_bias, lo, hi.
    """
    counted = trials.assign(
        n_shape=trials["response"] == trials["category"], n_texture=trials["response"] == trials["texture"]
    )
    groups = counted.groupby(["observer", "category"], sort=False)
    table = groups[["n_shape", "n_texture"]].sum().astype("int64")
    table["n_other"] = groups.size() - table["n_shape"] - table["n_texture"]
    decided = table["n_shape"] + table["n_texture"]
    table["shape_bias"] = table["n_shape"] / decided.where(decided > 0)
    lo, hi = wilson_interval(table["n_shape"], decided.clip(lower=1), confidence=level)
    table["lo"], table["hi"] = (np.where(decided > 0, end, np.nan) for end in (lo, hi))
    return table.reset_index()


def _conflicts(config: NamingConfig, trials: Trials) -> Results:
    people, tested = persons.read_people(config), config.observer.kind == "human"
    shown, categories = _shown(config, trials, people)
    present = set(shown["observer"])
    observers = [observer for observer in all_observers(config) if observer.id in present]
    pairs = pairs_table(config, people, shown, observers)
    rows = []
    for observer in observers:
        own = shown[shown["observer"] == observer.id]
        others = others_than(people, observer) if people is not None else None
        rows += shape_rows(observer, own, _human_means(config, others), config.confidence)
        rows += naming_rows(config, people, pairs, observer, own, categories)
    rows = persons.with_persons(config, rows)
    tables = {"categories": categories_table(shown, config.confidence)}
    if not pairs.empty:
        tables["naming"] = pairs
    theirs = (
        pd.DataFrame()
        if people is None or tested
        else categories_table(_trials_of(people), config.confidence)
    )
    if not theirs.empty:
        tables["people_categories"] = theirs
    known = None if people is None else people_table(shape_values(people))
    pictures = _pictures(config, observers, rows, tables)
    said = remarks.of_conflicts(config, people, rows)
    return Results(summary_table(rows), tables, pictures, said, known)


def _attacked(config: NamingConfig, trials: Trials) -> Results:
    table = trials["attacked"]
    by_observer = {str(name): rows for name, rows in table.groupby("observer", sort=False)}
    observers = [observer for observer in all_observers(config) if observer.id in by_observer]
    rows = [row for one in observers for row in robustness_rows(config, one, by_observer[one.id])]
    rows = persons.with_persons(config, rows)
    accuracy = pd.concat(
        [_attack_table(config, one, by_observer[one.id]) for one in observers], ignore_index=True
    )
    names = {one.id: one.name for one in observers}
    pictures = {"robustness": partial(figures.robustness_figure, accuracy, names, _norm(config))}
    return Results(summary_table(rows), {"robustness": accuracy}, pictures, remarks.of_attacks(config, rows))


def _shown(
    config: NamingConfig, trials: Trials, people: NamingPeople | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """All answers to cue conflicts, and the categories that could be answered."""
    if config.observer.kind != "human":
        return trials["conflicts"], conflict_images(config).categories
    answers = trials["people"]
    asked = set() if people is None else set(people.images)
    return answers[answers["image"].isin(asked)].reset_index(drop=True), CATEGORIES


def _human_means(config: NamingConfig, people: NamingPeople | None) -> Mapping[str, Estimate]:
    if people is not None:
        return shape_means(people, confidence=config.confidence)
    published = config.shown.kind == "conflicts" and config.shown.path is not None
    return {measures.SHAPE_BIAS.key: HUMAN_SHAPE_BIAS} if published else {}


def _trials_of(people: NamingPeople) -> pd.DataFrame:
    return pd.concat([rows.assign(observer=person.id) for person, rows in people.trials.items()])


def _under_attack(config: NamingConfig, trials: pd.DataFrame) -> dict[float, RobustAccuracy]:
    """What is left of one observer's answers at each radius."""
    clean = trials[trials["epsilon"] == 0].set_index("image")["correct"]
    found = {}
    for epsilon in sorted(set(trials["epsilon"]) - {0.0}):
        attacked = trials[trials["epsilon"] == epsilon].set_index("image")["correct"].loc[clean.index]
        found[float(epsilon)] = robust_accuracy(
            clean.to_numpy(), attacked.to_numpy(), confidence=config.confidence
        )
    return found


def _attack_table(config: NamingConfig, observer: Observer, trials: pd.DataFrame) -> pd.DataFrame:
    """Columns observer, epsilon, n, accuracy, lo, hi, and the share kept with its interval."""
    clean = trials.loc[trials["epsilon"] == 0, "correct"].to_numpy()
    found = {
        0.0: robust_accuracy(clean, clean, confidence=config.confidence),
        **_under_attack(config, trials),
    }
    return pd.DataFrame(
        {
            "observer": observer.id, "epsilon": epsilon, "n": one.accuracy.n, "accuracy": one.accuracy.estimate,
            "lo": one.accuracy.lo, "hi": one.accuracy.hi,
            "kept": one.kept.estimate, "kept_lo": one.kept.lo, "kept_hi": one.kept.hi,
        }
        for epsilon, one in found.items()
    )  # fmt: skip


def _norm(config: NamingConfig) -> str:
    return config.shown.norm if isinstance(config.shown, Attacked) else ""


def _pictures(
    config: NamingConfig,
    observers: Sequence[Observer],
    rows: Sequence[Row],
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, Callable[[], Figure]]:
    names = {observer.id: observer.name for observer in observers}
    biases = {row.observer.id: row for row in rows if row.measure == measures.SHAPE_BIAS}
    theirs = tables.get("people_categories", tables["categories"].iloc[:0])
    pictures: dict[str, Callable[[], Figure]] = {
        "shape_bias": partial(figures.shape_bias_figure, tables["categories"], theirs, names, biases)
    }
    if "naming" in tables:
        pictures["naming"] = partial(figures.naming_figure, tables["naming"], names)
    if config.observer.kind != "human":
        pictures["stimuli"] = partial(figures.sheet_of, config)
    return pictures
