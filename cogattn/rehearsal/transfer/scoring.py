"""From answers on the ring to what is measured of a learner, the same for people and for networks.

A winter answer is held against the summer place that the learner had just been told of the plant (people), or that it
had just answered (networks), as published: the difference is the rule that it applied. People's mixtures are of all
winter answers of A2; a network that meets a part a hundred times gives as many answers as a person does, those of the
first block of each tenth of the part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.measures import Measure
from cogattn.rehearsal.transfer.design import BLOCK, N_BLOCKS, N_STIMULI, PARTS, SEASONS, Course
from cogattn.rehearsal.transfer.measures import (
    FINAL,
    GENERALISATION,
    INTERFERENCE,
    LUMPER,
    RETENTION,
    SUMMER,
    TRANSFER,
)
from cogattn.rehearsal.transfer.vonmises import RULES_APART, Mixture, fit_mixture

Array = NDArray[np.float64]
Value = tuple[Measure, float, float, int]
"""A measure, its estimate, standard error, and how many answers it rests on."""

N_ENDS = N_STIMULI
"""Winter answers at the end of A1 and at the beginning of B: one of each plant."""


@dataclass(frozen=True)
class Answers:
    """What a learner answered.

    Parameters
    ----------
    course : Course
        What it was asked.
    accuracy : array, shape (3, n_passes * n_trials)
        Of each answer by part, the part's trials over and over; NaN where there is none.
    applied : array, shape (3, n_blocks, 6)
        The rule of each winter answer, in radians, in the blocks that are fitted; NaN where there is no answer.
    """

    course: Course
    accuracy: Array
    applied: Array

    @property
    def winters(self) -> Array:
        """Accuracy of winter answers, shape (3, n_passes * n_trials / 2)."""
        return self.accuracy[:, 1::2]


def measured(answers: Answers, *, learnt_only: bool) -> Iterator[Value]:
    """Yield what is measured of one learner.

    Parameters
    ----------
    answers : Answers
        Of one person, or of one network.
    learnt_only : bool
        Whether interference is left out of who did not learn rule B, as of people it is published.
    """
    winters, course = answers.winters, answers.course
    final, first = winters[0, -N_ENDS:], winters[1, :N_ENDS]
    yield _difference(TRANSFER, first, final)
    if has_two_rules(course) and (learnt_rule_b(answers) or not learnt_only):
        found = mixture(answers, 2)
        yield INTERFERENCE, found.weight, _standard_error(found), found.n
        yield LUMPER, float(found.only_b > found.only_a), math.nan, found.n
    yield _difference(RETENTION, winters[2], final)
    late = np.flatnonzero(np.tile(course.tests[0], answers.accuracy.shape[1] // course.n_trials))
    late = late[late >= answers.accuracy.shape[1] // 2]
    if len(late):
        yield _mean(GENERALISATION, answers.accuracy[0, late])
    yield _mean(FINAL, final)
    yield _mean(SUMMER, answers.accuracy[0, ::2])


def has_two_rules(course: Course) -> bool:
    """Whether rule B is another one than rule A."""
    return abs(np.angle(np.exp(1j * (course.rule_b - course.rule_a)))) >= RULES_APART


def mixture(answers: Answers, part: int) -> Mixture:
    """Return the mixture of rules in a part; in A1 and B without the first block, as published."""
    applied = answers.applied[part] if part == 2 else answers.applied[part, 1:]
    return fit_mixture(applied.ravel(), answers.course.rule_a, answers.course.rule_b)


def learnt_rule_b(answers: Answers) -> bool:
    """Whether rule B alone is likelier than rule A alone in part B, its first block left out."""
    found = mixture(answers, 1)
    return found.only_b > found.only_a


def blocks(answers: Answers) -> Iterator[tuple[str, str, float, int]]:
    """Yield part and tenth (``A1.01``), season, mean accuracy and number of answers."""
    for part, name in enumerate(PARTS):
        tenths = answers.accuracy[part].reshape(N_BLOCKS, -1)
        for k, own in enumerate(tenths):
            for season, of in enumerate(SEASONS):
                values = own[season::2]
                n = int((~np.isnan(values)).sum())
                yield f"{name}.{k + 1:02d}", of, float(np.nanmean(values)) if n else math.nan, n


def fitted_blocks(values: Array) -> Array:
    """Return what belongs to the first block of each tenth of a part.

    Parameters
    ----------
    values : array, shape (..., n_passes * 60)
        One for each winter trial.

    Returns
    -------
    array, shape (..., 10, 6)
    """
    tenths = values.reshape(*values.shape[:-1], N_BLOCKS, -1)
    return tenths[..., : BLOCK // 2]


def _difference(measure: Measure, ours: Array, theirs: Array) -> Value:
    own, other = (values[~np.isnan(values)] for values in (ours, theirs))
    if not len(own) or not len(other):
        return measure, math.nan, math.nan, len(own) + len(other)
    se = math.hypot(_error(own), _error(other))
    return measure, float(own.mean() - other.mean()), se, len(own) + len(other)


def _mean(measure: Measure, values: Array) -> Value:
    kept = values[~np.isnan(values)]
    return measure, float(kept.mean()) if len(kept) else math.nan, _error(kept), len(kept)


def _error(values: Array) -> float:
    """Standard error of a mean."""
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def _standard_error(found: Mixture) -> float:
    """Half the width of the weight's 95 % interval in units of a normal one's."""
    return (found.hi - found.lo) / (2 * 1.959964)
