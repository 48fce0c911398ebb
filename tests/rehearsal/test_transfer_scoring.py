"""What is measured of one learner, from answers whose accuracies are set by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cogattn.rehearsal.transfer.design import Course, simulated
from cogattn.rehearsal.transfer.scoring import Answers, blocks, fitted_blocks, measured
from cogattn.seeds import Streams

SAME, NEAR, _ = simulated(1, Streams(1))


def answers_of(course: Course, *, passes: int = 1) -> Answers:
    """Half right throughout; winters end A1 at .9 and begin B at .6; A2's winters are at .7, A1's summers at .8."""
    accuracy = np.full((3, passes * 120), 0.5)
    accuracy[0, ::2] = 0.8
    accuracy[0, 1::2][-6:] = 0.9
    accuracy[1, 1::2][:6] = np.array([0.5, 0.7] * 3)
    accuracy[2, 1::2] = 0.7
    rules = np.array([course.rule_a, course.rule_b, course.rule_b])[:, None, None]
    return Answers(course, accuracy, np.broadcast_to(rules, (3, 10, 6)) + 0.0)


@pytest.mark.parametrize("passes", [1, 10], ids=["person", "network"])
def test_measures_are_those_of_the_answers(passes: int) -> None:
    found = {one.key: rest for one, *rest in measured(answers_of(NEAR, passes=passes), learnt_only=True)}
    transfer, se, n = found["transfer"]
    assert (transfer, n) == (pytest.approx(0.6 - 0.9), 12)
    assert se == pytest.approx(np.std([0.5, 0.7] * 3, ddof=1) / math.sqrt(6))
    assert found["retention"][0] == pytest.approx(0.7 - 0.9)
    assert found["final_accuracy"][0] == pytest.approx(0.9)
    assert found["summer_accuracy"][0] == pytest.approx(0.8)
    assert found["interference"][0] == pytest.approx(1)
    assert found["lumper"][0] == 1


def test_the_untold_winter_counts_in_the_second_half_of_a1_alone() -> None:
    answers = answers_of(NEAR, passes=2)
    answers.accuracy[:] = 0.5
    answers.accuracy[0, :120][NEAR.tests[0]] = 0.1  # the first of two passes is the first half
    answers.accuracy[0, 120:][NEAR.tests[0]] = 0.7
    answers.accuracy[2, :120][NEAR.tests[2]] = 0.2
    found = {one.key: rest for one, *rest in measured(answers, learnt_only=True)}
    assert found["generalisation"] == [pytest.approx(0.7), pytest.approx(0, abs=1e-9), 10]


def test_one_rule_has_no_weight() -> None:
    keys = {one.key for one, *_ in measured(answers_of(SAME), learnt_only=False)}
    assert "interference" not in keys
    assert "transfer" in keys


def test_a_network_that_did_not_learn_rule_b_still_has_a_weight() -> None:
    answers = answers_of(NEAR)
    answers.applied[1] = NEAR.rule_a
    assert "interference" in {one.key for one, *_ in measured(answers, learnt_only=False)}
    assert "interference" not in {one.key for one, *_ in measured(answers, learnt_only=True)}


def test_the_first_block_of_each_tenth_is_fitted() -> None:
    """As published of 100 passes, of 60 winters each: six winters at the beginning of every tenth pass."""
    found = fitted_blocks(np.arange(6000))
    np.testing.assert_array_equal(found, np.arange(0, 6000, 600)[:, None] + np.arange(6))
    np.testing.assert_array_equal(fitted_blocks(np.arange(60)), np.arange(60).reshape(10, 6))


def test_blocks_are_tenths_of_a_part_by_season() -> None:
    rows = list(blocks(answers_of(NEAR, passes=10)))
    assert len(rows) == 60
    assert rows[0] == ("A1.01", "summer", pytest.approx(0.8), 60)
    assert rows[21][:2] == ("B.01", "winter")
    assert rows[21][2] == pytest.approx((6 * 0.6 + 54 * 0.5) / 60)
    assert rows[-1] == ("A2.10", "winter", pytest.approx(0.7), 60)
