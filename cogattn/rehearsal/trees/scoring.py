"""Right and wrong answers as the measures of each learner; people's and networks' are scored by the same code.

As in the published analysis, trees on the boundary of a rule do not count, and the first test trial is neither a switch
nor a stay.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cogattn.rehearsal.trees.design import N_TRAINING, N_TRIALS, Course
from cogattn.rehearsal.trees.measures import INTRUSION, STAY, SWITCH, TEST, TRAINING, of_group

PART = 50
"""Training trials that are told together."""
TEST_PART = "test"
FIRST, SECOND = "first", "second"
"""Gardens, in the order in which a learner met them."""

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]


def scored(course: Course, correct: ArrayLike) -> pd.DataFrame:
    """Return the measures of each learner.

    Parameters
    ----------
    course : Course
        What they met.
    correct : array of bool, shape (n_persons, N_TRIALS)
        Whether the answer was right.

    Returns
    -------
    DataFrame
        person, group, measure (``test_accuracy.b200``), estimate, se (binomial), n (trials that count).
    """
    right = np.asarray(correct, dtype=bool)
    counts, test = course.category != 0, np.arange(N_TRIALS) >= N_TRAINING
    later = np.arange(N_TRIALS) > N_TRAINING
    share = {
        TEST: _share(right, counts & test),
        SWITCH: _share(right, counts & later & course.switch),
        STAY: _share(right, counts & later & ~course.switch),
        INTRUSION: _intrusion(course, right, counts & test),
        TRAINING: _share(right, counts & ~test),
    }
    rows = [
        (person, group, of_group(measure, group).key, float(value[who]), float(se[who]), int(n[who]))
        for who, (person, group) in enumerate(zip(course.persons, course.groups, strict=True))
        for measure, (value, se, n) in share.items()
    ]
    return pd.DataFrame(rows, columns=["person", "group", "measure", "estimate", "se", "n"])


def answers(course: Course, correct: ArrayLike) -> pd.DataFrame:
    """Return each learner's accuracy by stretch of training and in the test, in each garden.

    Returns
    -------
    DataFrame
        person, group, part (``training 1`` are the first 50 trials, ``test``), task (``first``, ``second``: which
        garden was met first), score, n; without parts in which a garden was not met.
    """
    right, counts = np.asarray(correct, dtype=bool), course.category != 0
    rows = [
        (course.persons[who], course.groups[who], part, task, float(score[who]), int(n[who]))
        for part, within in _parts()
        for task, there in ((FIRST, ~course.second), (SECOND, course.second))
        for score, _, n in [_share(right, counts & there & within)]
        for who in np.flatnonzero(n)
    ]
    return pd.DataFrame(rows, columns=["person", "group", "part", "task", "score", "n"])


def _parts() -> Iterator[tuple[str, Bools]]:
    trial = np.arange(N_TRIALS)
    for number, start in enumerate(range(0, N_TRAINING, PART), start=1):
        yield f"training {number}", (trial >= start) & (trial < start + PART)
    yield TEST_PART, trial >= N_TRAINING


def _share(right: Bools, counted: Bools) -> tuple[NDArray[np.float64], NDArray[np.float64], Counts]:
    """Share of right answers among trials that count, its binomial standard error, and how many they are."""
    n = counted.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (right & counted).sum(axis=1) / n
        return share, np.sqrt(share * (1 - share) / n), n


def _intrusion(
    course: Course, right: Bools, counted: Bools
) -> tuple[NDArray[np.float64], NDArray[np.float64], Counts]:
    """Accuracy where both rules agree less that where they are opposed, with its error and trials."""
    same, same_se, n_same = _share(right, counted & (course.category == course.other_category))
    opposed, opposed_se, n_opposed = _share(right, counted & (course.category == -course.other_category))
    return same - opposed, np.hypot(same_se, opposed_se), n_same + n_opposed
