"""What came of A, B and A again: networks under each schedule beside people, group by group.

A row is an observer's mean over its networks with Student's interval, or a share of them with Wilson's. Beside it stand
the people of ``transfer.path``, or, where none are given, what is published of them (see `measures`).

Two questions are asked of each schedule: is interference higher where the rules are near than where they are far, as it
is in people, and do the weights of rule B gather at both ends? An end is the share of learners whose weight is below
.1, or above .9; a group has two humps where each end holds at least a tenth of it and both together at least half.
That is a description, not a test of unimodality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.rehearsal.columns import ANSWERS, PERSONS
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.rules import rules_of
from cogattn.rehearsal.transfer import measures
from cogattn.rehearsal.transfer.design import GROUPS, Group
from cogattn.rehearsal.transfer.figures import curves_figure, weights_figure
from cogattn.rehearsal.transfer.measures import (
    HIGH,
    HIGH_HUMP,
    INTERFERENCE,
    LOW,
    LOW_HUMP,
    LUMPER,
    NEAR_LESS_FAR,
)
from cogattn.rehearsal.transfer.people import NO_BUDGET, PEOPLE, block_rows, person_rows, persons
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.stats import wilson_interval
from cogattn.study import Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Human = Mapping[str, Estimate]

EACH, BOTH = 0.1, 0.5
"""Least share of learners at each end, and at both together, that makes two humps."""
TWO_RULES: tuple[Group, ...] = ("near", "far")
IN_TABLES = (measures.GENERALISATION.key, measures.FINAL.key, measures.SUMMER.key)
"""Measures that the table of learners holds and the summary does not."""
PRINTED = "people: means printed with the public code (Holton et al., 2026)"


def rows(config: RehearsalConfig, trials: Trials) -> list[Row]:
    """Return the summary's rows: observer by observer, budget by budget."""
    learners, beside = trials[PERSONS], _human(config)
    return [
        row
        for rule in rules_of(config)
        for budget in config.budgets
        for row in _rows(config, rule.observer, budget, _of(learners, rule.text, budget), beside)
    ]


def people(config: RehearsalConfig) -> pd.DataFrame | None:
    """Return the persons of ``transfer.path``, as `cogattn.measures.people_table`; None where none are given."""
    return None if config.transfer.path is None else persons(config.transfer.path)


def tables(config: RehearsalConfig, trials: Trials) -> dict[str, pd.DataFrame]:
    """Return each learner's numbers, people among them, and accuracy by block."""
    learners, answers = trials[PERSONS], trials[ANSWERS]
    if config.transfer.path is not None:
        learners = pd.concat([person_rows(config.transfer.path), learners], ignore_index=True)
        answers = pd.concat([block_rows(config.transfer.path), answers], ignore_index=True)
    return {"transfer": learners, "transfer_blocks": _curves(answers)}


def figures(config: RehearsalConfig, trials: Trials) -> dict[str, Callable[[], Figure]]:
    """Return the distributions of weights, and accuracy block by block, a figure a budget each."""
    found = tables(config, trials)
    names = {PEOPLE: PEOPLE} | {rule.text: rule.observer.name for rule in rules_of(config)}
    drawn: dict[str, Callable[[], Figure]] = {}
    for budget in config.budgets:
        ending = "" if len(config.budgets) == 1 else f"_{budget:g}".replace(".", "_")
        own, blocks = (table[table["budget"].isin([budget, NO_BUDGET])] for table in found.values())
        drawn[f"transfer_weights{ending}"] = partial(weights_figure, own, names)
        drawn[f"transfer_blocks{ending}"] = partial(curves_figure, blocks, names)
    return drawn


def remarks(config: RehearsalConfig, trials: Trials) -> tuple[str, ...]:
    """Return what a reader must know: who the people are, and which schedule has what people have."""
    return (*_on_people(config), *_findings(config, trials[PERSONS]))


def _rows(
    config: RehearsalConfig, observer: Observer, budget: float, learners: pd.DataFrame, beside: Human
) -> Iterator[Row]:
    note = PRINTED if config.transfer.path is None else ""
    for measure, value in _estimates(learners):
        if measure.key.split(".")[0] in IN_TABLES:
            continue
        human = beside.get(measure.key)
        at = measure if len(config.budgets) == 1 else _at(measure, budget)
        yield Row(observer, at, value, human, note if human is not None else "")


def _at(measure: Measure, budget: float) -> Measure:
    return measure.at(f"budget_{budget:g}", label=f"{measure.label}, budget {budget:g}")


def _estimates(learners: pd.DataFrame) -> Iterator[tuple[Measure, Estimate]]:
    """All measures of some learners, group by group; nothing of groups that nobody is in."""
    for measure in measures.OF_PERSONS:
        for group in GROUPS:
            values = _values(learners, measure, group)
            if len(values):
                yield measures.of_group(measure, group), _mean(values, measure)
    near, far = (_values(learners, INTERFERENCE, group) for group in TWO_RULES)
    if len(near) and len(far):
        yield NEAR_LESS_FAR, _difference(near, far)
    for group in TWO_RULES:
        weights = _values(learners, INTERFERENCE, group)
        if len(weights):
            yield measures.of_group(LOW_HUMP, group), _share(weights < LOW)
            yield measures.of_group(HIGH_HUMP, group), _share(weights > HIGH)


def _mean(values: Array, measure: Measure) -> Estimate:
    if measure == LUMPER:
        return _share(values > 0)
    if measure.scale == "share":
        return mean_interval(values, lowest=0.0, highest=1.0)
    return mean_interval(values)


def _share(held: NDArray[np.bool_]) -> Estimate:
    lo, hi = wilson_interval(int(held.sum()), len(held))
    return Estimate(float(held.mean()), float(lo), float(hi), len(held))


def _difference(near: Array, far: Array) -> Estimate:
    """Difference of the means of two groups with Welch's interval; none where both answer alike throughout."""
    value, n = float(near.mean() - far.mean()), len(near) + len(far)
    if min(len(near), len(far)) < 2 or np.ptp(near) == np.ptp(far) == 0:
        return Estimate.bare(value, n)
    own = [group.var(ddof=1) / len(group) for group in (near, far)]
    freedom = sum(own) ** 2 / sum(
        one**2 / (len(group) - 1) for one, group in zip(own, (near, far), strict=True)
    )
    half = float(stats.t.ppf(0.975, freedom) * np.sqrt(sum(own)))
    return Estimate(value, value - half, value + half, n)


def _values(learners: pd.DataFrame, measure: Measure, group: str) -> Array:
    own = learners[(learners["measure"] == measure.key) & (learners["group"] == group)]["estimate"]
    return own.dropna().to_numpy(float)


def _of(learners: pd.DataFrame, observer: str, budget: float) -> pd.DataFrame:
    return learners[(learners["observer"] == observer) & np.isclose(learners["budget"], budget)]


def _human(config: RehearsalConfig) -> Human:
    """People by key: those of the files, else what is published."""
    if config.transfer.path is None:
        return measures.published()
    return {measure.key: value for measure, value in _estimates(person_rows(config.transfer.path))}


def _curves(answers: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of learners block by block, with Student's interval, cut to what an accuracy can be."""
    keys = ["observer", "budget", "group", "part", "task"]
    found = answers.groupby(keys, sort=False)["score"].agg(["mean", "sem", "count"]).reset_index()
    half = stats.t.ppf(0.975, np.maximum(found["count"] - 1, 1)) * found["sem"].where(found["sem"] > 0)
    ends = {"lo": (found["mean"] - half).clip(lower=0), "hi": (found["mean"] + half).clip(upper=1)}
    return found[keys].assign(score=found["mean"], **ends, n=found["count"])


def _on_people(config: RehearsalConfig) -> Iterator[str]:
    if config.transfer.path is None:
        yield (
            "No people were given (transfer.path): beside interference and transfer stand the means that are printed "
            "with the public code of Holton et al. (2026). That people are of two sorts, who answer by rule B "
            "(lumpers) and who do not (splitters), they say; how many are of which is not printed."
        )
        return
    from cogattn.rehearsal.transfer.reader import exclusions, read_people

    yield from exclusions(read_people(config.transfer.path))
    yield _finding(PEOPLE, person_rows(config.transfer.path))


def _findings(config: RehearsalConfig, learners: pd.DataFrame) -> Iterator[str]:
    for rule in rules_of(config):
        for budget in config.budgets:
            own = _of(learners, rule.text, budget)
            at = "" if len(config.budgets) == 1 else f" (budget {budget:g})"
            if len(own):
                yield _finding(f"{rule.observer.name}{at}", own)


def _finding(name: str, learners: pd.DataFrame) -> str:
    """Order of near and far, and humps, of some learners."""
    found = {measure.key: value for measure, value in _estimates(learners)}
    parts = []
    if NEAR_LESS_FAR.key in found:
        difference = found[NEAR_LESS_FAR.key]
        near, far = (found[f"{INTERFERENCE.key}.{group}"].estimate for group in TWO_RULES)
        parts.append(f"weight of rule B {near:.2f} near and {far:.2f} far, {_order(difference)}")
    for group in TWO_RULES:
        if f"{LOW_HUMP.key}.{group}" in found:
            low, high = (found[f"{key}.{group}"].estimate for key in (LOW_HUMP.key, HIGH_HUMP.key))
            parts.append(f"{group}: {low:.0%} below {LOW:g}, {high:.0%} above {HIGH:g} ({humps(low, high)})")
    return f"{name[:1].upper()}{name[1:]}: {'; '.join(parts) or 'no group has two rules'}."


def _order(difference: Estimate) -> str:
    """Whether near is above far, as in people."""
    value = f"{difference.estimate:+.2f}"
    if not np.isfinite(difference.lo):
        return f"near less far {value}"
    verdict = "near above far" if difference.lo > 0 else "far above near" if difference.hi < 0 else "no order"
    return f"near less far {value} [{difference.lo:+.2f}, {difference.hi:+.2f}], {verdict}"


def humps(low: float, high: float) -> str:
    """Say whether weights gather at both ends.

    Parameters
    ----------
    low, high : float
        Shares of learners whose weight is below .1, and above .9.
    """
    if min(low, high) >= EACH and low + high >= BOTH:
        return "two humps"
    return "one hump" if max(low, high) >= BOTH else "no humps at the ends"
