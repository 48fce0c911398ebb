"""What a reader of networks beside the people of Flesch et al. (2018) must know before the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cogattn.measures import Estimate, Measure
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.trees import checks
from cogattn.rehearsal.trees.design import GROUPS, N_TEST, N_TRAINING, RUNS
from cogattn.rehearsal.trees.learners import Beside, Learners
from cogattn.rehearsal.trees.measures import BENEFIT, PROTECTION
from cogattn.rehearsal.trees.reading import LATEST_S, People

WORDS = {BENEFIT: "test accuracy", PROTECTION: "less intrusion"}


def remarks_of(config: RehearsalConfig, people: People | None, beside: Beside) -> list[str]:
    """Return sentences: who the people are, what counts, what networks are, and what came out."""
    return [
        *(_people(people) if people is not None else _simulated(config)),
        _networks(config),
        *_findings(beside, config.budgets[0]),
    ]


def _people(people: People) -> Iterator[str]:
    course = people.course
    sizes = ", ".join(f"{group} {course.groups.count(group)}" for group in GROUPS)
    yield (
        f"People: {len(course)} persons of experiment {course.experiment} of Flesch et al. (2018), whose trials are CC "
        f"BY-NC-SA ({sizes}); whoever the authors left out is in no file, and nobody else is left out."
    )
    counted = course.category[:, N_TRAINING:] != 0
    missed = people.missed & (course.category != 0)
    yield (
        f"Of {N_TEST} test trials {_span(counted.sum(axis=1))} count: the trees of the others are on the boundary. "
        f"Misses (none within {LATEST_S:g} s; {missed.sum():,} of {(course.category != 0).sum():,} trials) are wrong "
        "answers, as in the published analysis."
    )


def _span(counts: np.ndarray) -> str:
    return str(counts[0]) if np.ptp(counts) == 0 else f"{counts.min()} to {counts.max()}"


def _simulated(config: RehearsalConfig) -> Iterator[str]:
    yield (
        f"No people (trees.path): {config.trees.n_twins} courses of each curriculum are drawn by the design of "
        f"experiment {config.trees.experiment} of Flesch et al. (2018)."
    )


def _networks(config: RehearsalConfig) -> str:
    given = config.training.learning_rate is not None
    why = "given" if given else "the best in training without rehearsal"
    return (
        f"Networks see degrees of branchiness and leafiness: {config.network.widths[0]:,} rectified units, "
        f"gradient descent on reward at {checks.learning_rate(config):g} ({why}), a step for each of {N_TRAINING} "
        "trials and for each that is rehearsed. Need runs in items since a trial; where nothing is rehearsed the trial "
        "itself is learnt once more."
    )


def _findings(beside: Beside, budget: float) -> Iterator[str]:
    networks = beside.at(budget)
    for measure in (BENEFIT, PROTECTION) if networks else ():
        values = {rule: dict(own.benefits())[measure] for rule, own in networks.items()}
        yield f"{_of_people(beside.people, measure)}{_of_networks(values)}."


def _of_people(people: Learners | None, measure: Measure) -> str:
    start = f"By blocks of {RUNS['b200']} trials instead of interleaved ones"
    if people is None:
        return f"{start}, {WORDS[measure]}: "
    value = dict(people.benefits())[measure]
    return f"{start} people gain {_told(value)} ({WORDS[measure]}); "


def _of_networks(values: dict[Rule, Estimate]) -> str:
    gain = [rule.text for rule, value in values.items() if value.lo > 0]
    lose = sum(value.hi < 0 for value in values.values())
    best = max(values, key=lambda rule: values[rule].estimate)
    who = f"networks gain by {', '.join(gain)}" if gain else "networks gain by no schedule"
    return f"{who} and lose by {lose} of {len(values)}; most by {best.text}, {_told(values[best])}"


def _told(value: Estimate) -> str:
    return f"{value.estimate:+.3f} [{value.lo:+.3f}, {value.hi:+.3f}]"
