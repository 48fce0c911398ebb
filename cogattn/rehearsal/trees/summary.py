"""Schedules beside people who learnt two rules: test accuracy by curriculum, benefit of blocks, whole distributions.

The summary and the figures are of the first budget, the tables of all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.measures import Estimate, Row, people_table
from cogattn.rehearsal.columns import ANSWERS
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.trees import scoring
from cogattn.rehearsal.trees.design import GROUPS
from cogattn.rehearsal.trees.figures import schedules_figure
from cogattn.rehearsal.trees.learners import Beside, people_of, sign_beside
from cogattn.rehearsal.trees.likeness import likeness
from cogattn.rehearsal.trees.measures import (
    BENEFIT,
    INTRUSION,
    PROTECTION,
    TEST,
    of_group,
    of_groups,
)
from cogattn.rehearsal.trees.remarks import remarks_of
from cogattn.seeds import Streams
from cogattn.study import Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PEOPLE = "people"
"""What tables call people where they stand among schedules."""
COMPARED = (TEST, INTRUSION)
"""Measures whose whole distributions are compared."""
NAN = math.nan
GROUP_COLUMNS = (
    "observer", "budget", "measure", "group", "estimate", "lo", "hi", "n", "human", "human_lo", "human_hi", "human_n",
)  # fmt: skip
BENEFIT_COLUMNS = (
    "observer", "budget", "measure", "estimate", "lo", "hi", "n", "human", "human_lo", "human_hi", "human_n", "sign",
)  # fmt: skip
LIKENESS_COLUMNS = (
    "observer", "budget", "measure", "group", "n_people", "n_networks", "wasserstein", "lo", "hi", "above", "above_lo",
    "above_hi", "ks", "p",
)  # fmt: skip


def rows(config: RehearsalConfig, trials: Trials) -> list[Row]:
    """Return each schedule's group means and benefits of blocking beside people's."""
    beside = Beside.of(config, trials)
    found = []
    for rule, own in beside.at(config.budgets[0]).items():
        for measure, group in of_groups():
            human = beside.people.mean(measure, group) if beside.people else None
            found.append(Row(rule.observer, of_group(measure, group), own.mean(measure, group), human))
        theirs = dict(beside.people.benefits()) if beside.people else {}
        for measure, value in own.benefits():
            human = theirs.get(measure)
            found.append(Row(rule.observer, measure, value, human, sign_beside(value, human)))
    return found


def tables(config: RehearsalConfig, trials: Trials) -> dict[str, pd.DataFrame]:
    """Return persons beside their twins, group means, benefits, how like distributions are, and learning by garden."""
    beside = Beside.of(config, trials)
    found = {
        "persons": _persons(beside),
        "groups": pd.DataFrame(_groups(beside), columns=list(GROUP_COLUMNS)),
        "benefit": pd.DataFrame(_benefits(beside), columns=list(BENEFIT_COLUMNS)),
        "learning": _learning(config, trials),
    }
    if beside.people is not None:
        found["likeness"] = pd.DataFrame(_likeness(config, beside), columns=list(LIKENESS_COLUMNS))
    return found


def figures(config: RehearsalConfig, trials: Trials) -> dict[str, Callable[[], Figure]]:
    """Return pictures of persons beside schedules: test accuracy, and intrusion of the other rule."""
    beside = Beside.of(config, trials)
    networks = {rule.observer.name: own for rule, own in beside.at(config.budgets[0]).items()}
    if not networks:
        return {}
    return {
        "persons": partial(schedules_figure, networks, beside.people, TEST, BENEFIT),
        "intrusion": partial(schedules_figure, networks, beside.people, INTRUSION, PROTECTION),
    }


def remarks(config: RehearsalConfig, trials: Trials) -> list[str]:
    """Return what must be known before the numbers."""
    return remarks_of(config, people_of(config), Beside.of(config, trials))


def people(config: RehearsalConfig) -> pd.DataFrame | None:
    """Return the persons, each with the measures of the own group; None where schedules are simulated."""
    found = people_of(config)
    if found is None:
        return None
    named = {of_group(measure, group).key: of_group(measure, group) for measure, group in of_groups()}
    scores = scoring.scored(found.course, found.correct).drop(columns="group")
    return people_table(
        (person, named[key], value, se, n) for person, key, value, se, n in scores.itertuples(index=False)
    )


def _persons(beside: Beside) -> pd.DataFrame:
    """A line for each person and measure: people's value, and that of the twin by each schedule."""
    several = len({budget for _, budget in beside.networks}) > 1
    columns = {} if beside.people is None else {PEOPLE: beside.people}
    columns |= {
        f"{rule.text}, budget {budget:g}" if several else rule.text: own
        for (rule, budget), own in beside.networks.items()
    }
    keys = ["person", "group", "measure"]
    parts = [own.persons.set_index(keys)["estimate"].rename(name) for name, own in columns.items()]
    return pd.concat(parts, axis=1).reset_index() if parts else pd.DataFrame(columns=keys)


def _groups(beside: Beside) -> Iterator[tuple[object, ...]]:
    for (rule, budget), own in beside.networks.items():
        for measure, group in of_groups():
            human = beside.people.mean(measure, group) if beside.people else None
            yield rule.text, budget, measure.key, group, *_ends(own.mean(measure, group)), *_ends(human)


def _benefits(beside: Beside) -> Iterator[tuple[object, ...]]:
    theirs = dict(beside.people.benefits()) if beside.people else {}
    for (rule, budget), own in beside.networks.items():
        for measure, value in own.benefits():
            human = theirs.get(measure)
            yield rule.text, budget, measure.key, *_ends(value), *_ends(human), sign_beside(value, human)


def _ends(value: Estimate | None) -> tuple[float, float, float, int]:
    return (NAN, NAN, NAN, 0) if value is None else (value.estimate, value.lo, value.hi, value.n)


def _likeness(config: RehearsalConfig, beside: Beside) -> Iterator[tuple[object, ...]]:
    streams = Streams(config.seed).child("likeness")
    people = beside.people
    if people is None:
        return
    for (rule, budget), own in beside.networks.items():
        for measure in COMPARED:
            for group in GROUPS:
                theirs, ours = people.values(measure, group), own.values(measure, group)
                rng = streams.generator(rule.text, f"{budget:g}", measure.key, group)
                found = likeness(theirs, ours, rng=rng, n_resamples=config.n_bootstrap)
                yield (
                    rule.text, budget, measure.key, group, len(theirs), len(ours), *_ends(found.distance)[:3],
                    *_ends(found.above)[:3], found.ks, found.p,
                )  # fmt: skip


def _learning(config: RehearsalConfig, trials: Trials) -> pd.DataFrame:
    """Mean accuracy over learners by stretch of training and in the test, in each garden; people first."""
    found, parts = people_of(config), [trials[ANSWERS]]
    if found is not None:
        own = scoring.answers(found.course, found.correct)
        parts.insert(0, own.assign(observer=PEOPLE, budget=NAN))
    keys = ["observer", "budget", "group", "part", "task"]
    grouped = pd.concat(parts).groupby(keys, sort=False, dropna=False)["score"]
    return grouped.agg(score="mean", n="size").reset_index()
