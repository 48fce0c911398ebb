"""Worth in people: bits as algebra and enumeration have them, and a copyist lands where it should."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from cogattn.errors import DataError
from cogattn.people import Worth, worth
from cogattn.people.prediction import worth_of_bits
from cogattn.psychophysics.naming.people import read_answers
from cogattn.vision.images.categories import CATEGORIES

N_ANSWERS = 8
ATTENDS = 0.7
"""Probability with which a simulated person names what is there; else any answer, each as often."""


def draw(k: int, n_images: int, copied: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """An observer who answers as a fresh person would with probability `copied`, else anything; and k people."""
    seen = rng.integers(N_ANSWERS, size=n_images)
    attends = rng.random((k + 1, n_images)) < np.append(np.full(k, ATTENDS), copied * ATTENDS)[:, None]
    answers = np.where(attends, seen, rng.integers(N_ANSWERS, size=(k + 1, n_images)))
    return answers[-1], answers[:-1]


def bits_of_agreement(share: float) -> float:
    """Bits that an answer leaves open if it is right with this probability, and all others are equally likely else."""
    return -share * np.log2(share) - (1 - share) * np.log2((1 - share) / (N_ANSWERS - 1))


def true_worth(copied: float) -> float:
    """Of the copyist, by algebra: two people agree by naming what is there, or by chance."""
    agreement = [c * ATTENDS**2 + (1 - c * ATTENDS**2) / N_ANSWERS for c in (copied, 1.0)]
    own, one = map(bits_of_agreement, agreement)
    return (np.log2(N_ANSWERS) - own) / (np.log2(N_ANSWERS) - one)


# ---- bits


def test_bits_from_none_and_from_one_are_those_of_the_population() -> None:
    observer, people = draw(6, 6000, 0.5, np.random.default_rng(0))
    found = worth(observer, people)
    agreement = ATTENDS**2 + (1 - ATTENDS**2) / N_ANSWERS
    assert found.curve[0] == pytest.approx(np.log2(N_ANSWERS), abs=0.01)
    assert found.curve[1] == pytest.approx(bits_of_agreement(agreement), abs=0.03)
    assert found.worth == pytest.approx(true_worth(0.5), abs=0.03)


def enumerated(people: np.ndarray, n: int) -> float:
    """Bits from n others, by going through all sets of n of those who answered, with the best share for each half."""
    halves = np.random.default_rng(0).permutation(people.shape[1]) % 2
    return float(
        np.mean([_of_target(people[i], np.delete(people, i, axis=0), n, halves) for i in range(len(people))])
    )


def _of_target(target: np.ndarray, others: np.ndarray, n: int, halves: np.ndarray) -> float:
    prior = np.array([(others == answer).sum() + 0.5 for answer in range(N_ANSWERS)])
    bits = partial(_open, target, others, prior / prior.sum(), n)
    best = partial(
        minimize_scalar, lambda c, shown: sum(bits(c, shown)), method="bounded", bounds=(-0.05, 0.9999)
    )
    fitted = [best(args=(halves == half,), options={"xatol": 1e-6}).x for half in (0, 1)]
    return float(np.mean([list(bits(c, halves >= 0)) for c in fitted]))


def _open(
    target: np.ndarray, others: np.ndarray, prior: np.ndarray, n: int, c: float, shown: np.ndarray
) -> Iterator[float]:
    for image in np.flatnonzero(shown & (target >= 0)):
        given = [answer for answer in others[:, image] if answer >= 0]
        sets = list(combinations(given, min(n, len(given)))) if given else []
        base = prior[target[image]]
        shares = [np.mean(np.array(one) == target[image]) for one in sets] or [base]
        yield float(np.mean([-np.log2(base + c * (share - base)) for share in shares]))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_bits_are_the_mean_over_all_sets_of_people_who_answered(n: int) -> None:
    rng = np.random.default_rng(1)
    observer, people = draw(4, 300, 0.5, rng)
    people[rng.random(people.shape) < 0.3] = -1
    assert ((people >= 0).sum(axis=0) == 1).any()  # somebody whom nobody else predicts
    found = worth(observer, people, n_alternatives=N_ANSWERS)
    assert found.curve[n] == pytest.approx(enumerated(people, n), abs=1e-4)


def test_order_of_people_and_names_of_answers_change_nothing() -> None:
    rng = np.random.default_rng(2)
    observer, people = draw(5, 200, 0.6, rng)
    renamed = rng.permutation(N_ANSWERS)
    first, second = worth(observer, people), worth(renamed[observer], renamed[people[::-1]])
    assert (second.worth, second.lo, second.hi) == pytest.approx((first.worth, first.lo, first.hi), abs=1e-6)


def test_answers_that_were_not_given_tell_nothing() -> None:
    rng = np.random.default_rng(3)
    observer, people = draw(5, 400, 1.0, rng)
    half = np.where(rng.random(400) < 0.5, observer, -1)
    whole, part = worth(observer, people), worth(half, people)
    assert part.worth == pytest.approx(whole.worth / 2, abs=0.2)
    assert part.bits == pytest.approx((whole.bits + whole.curve[0]) / 2, abs=0.12)
    unseen = np.concatenate([people, np.full((5, 100), -1)], axis=1)
    assert worth(np.append(observer, np.zeros(100, int)), unseen).n_images == 400


# ---- observers


@pytest.mark.slow
@pytest.mark.parametrize("copied", [0.0, 0.25, 0.5, 1.0])
def test_a_copyist_lands_at_its_true_worth_and_intervals_hold_it(copied: float) -> None:
    rng, n, true = np.random.default_rng(4), 80, true_worth(copied)
    found = [worth(*draw(6, 150, copied, rng)) for _ in range(n)]
    estimates = np.array([one.worth for one in found])
    assert abs(np.median(estimates) - true) <= 3 * 1.25 * estimates.std() / n**0.5 + 0.005
    held = np.mean([one.lo <= true <= one.hi for one in found])
    assert abs(held - 0.95) <= 0.02 + 2.6 * (0.95 * 0.05 / n) ** 0.5


@pytest.mark.slow
def test_intervals_hold_where_people_differ_much_and_images_are_many() -> None:
    rng, n, n_images = np.random.default_rng(5), 30, 400
    held = []
    for _ in range(n):
        seen = rng.integers(N_ANSWERS, size=n_images)
        attends = rng.random((9, n_images)) < np.append(rng.beta(8, 2, 8), 0.0)[:, None]
        attends[-1] = rng.random(n_images) < rng.beta(8, 2, n_images)  # a fresh person each time
        answers = np.where(attends, seen, rng.integers(N_ANSWERS, size=attends.shape))
        one = worth(answers[-1], answers[:-1])
        held.append(one.lo <= 1 <= one.hi)
    assert abs(np.mean(held) - 0.95) <= 0.02 + 2.6 * (0.95 * 0.05 / n) ** 0.5


def test_an_observer_beyond_all_people_is_worth_more_than_can_be_told() -> None:
    rng = np.random.default_rng(6)
    seen = rng.integers(N_ANSWERS, size=600)
    people = np.where(rng.random((4, 600)) < 0.4, seen, rng.integers(N_ANSWERS, size=(4, 600)))
    found = worth(seen, people)
    assert found.worth == found.hi == np.inf
    assert 1 < found.lo <= 3


def test_an_observer_that_says_one_thing_is_worth_nobody() -> None:
    _, people = draw(5, 400, 0.0, np.random.default_rng(7))
    found = worth(np.full(400, 3), people)
    assert found.worth == pytest.approx(0.0, abs=0.02)
    assert found.hi < 0.05


def test_scores_that_hold_no_more_than_the_answer_are_worth_the_same() -> None:
    observer, people = draw(6, 1000, 0.5, np.random.default_rng(8))
    answers, scores = worth(observer, people), worth(2.0 * np.eye(N_ANSWERS)[observer], people)
    assert scores.worth == pytest.approx(answers.worth, abs=0.01)
    assert scores.curve == answers.curve


def test_scores_that_know_when_they_are_unsure_are_worth_more() -> None:
    rng = np.random.default_rng(9)
    seen = rng.integers(N_ANSWERS, size=1000)
    people = np.where(rng.random((6, 1000)) < ATTENDS, seen, rng.integers(N_ANSWERS, size=(6, 1000)))
    sure = rng.random(1000) < 0.5
    observer = np.where(sure, seen, rng.integers(N_ANSWERS, size=1000))
    scores = np.eye(N_ANSWERS)[observer] * np.where(sure, 3.0, 0.0)[:, None]
    assert worth(scores, people).lo > worth(observer, people).worth
    missing = np.where(sure[:, None], scores, np.nan)
    assert worth(missing, people).bits == pytest.approx(worth(scores, people).bits, abs=1e-3)


def test_bits_between_two_points_of_the_curve_are_interpolated() -> None:
    curve = np.array([4.0, 2.0, 1.5])
    assert [worth_of_bits(curve, bits) for bits in (4.2, 4.0, 3.0, 1.6, 1.5, 1.4)] == pytest.approx(
        [-0.1, 0.0, 0.5, 1.8, 2.0, np.inf]
    )


# ---- refused

SOME, ALL = draw(4, 100, 0.5, np.random.default_rng(10))


@pytest.mark.parametrize(
    ("answers", "people", "n", "words"),
    [
        (SOME, ALL[:2], None, r"people must be 3 or more, .* got shape \(2, 100\)"),
        (SOME[:90], ALL, None, "one per image of people, 100"),
        (SOME, ALL + 0.5, None, "people must be codes of answers"),
        (np.full(100, -2), ALL, None, "answers must be codes of answers"),
        (np.array(["cat"] * 100), ALL, None, "answers must be codes of answers"),
        (
            SOME,
            (np.arange(100) + np.arange(4)[:, None]) // 100 % 2,
            None,
            "must predict each other, or worth",
        ),
        (SOME, ALL, 4, "n_alternatives must be 2 or more, above every code"),
        (np.zeros((100, 5)), ALL, None, "above every code, and as many as scores; got 5"),
        (np.full((100, N_ANSWERS), np.inf), ALL, None, "scores must be finite"),
        (np.where(np.arange(100) < 15, SOME, -1), ALL, None, "20 answers or more; got 15"),
    ],
)
def test_what_cannot_be_weighed_is_refused(answers, people, n: int | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        worth(answers, people, n_alternatives=n)


@pytest.mark.slow
def test_people_who_do_not_predict_each_other_are_no_measure() -> None:
    found = [_worth_or_none(*np.random.default_rng(seed).integers(8, size=(5, 100))) for seed in range(8)]
    unbounded = [(one.lo, one.hi) == (-np.inf, np.inf) for one in found if one is not None]
    assert 0 < len(unbounded) < 8
    assert all(unbounded)


def _worth_or_none(observer: np.ndarray, *people: np.ndarray) -> Worth | None:
    try:
        return worth(observer, people)
    except DataError:
        return None


# ---- people who name cue-conflict images


@pytest.fixture(scope="module")
def naming(shared_data) -> np.ndarray:
    """Ten people's answers to 1,280 images, as codes."""
    answers = read_answers(shared_data / "masking" / "model_vs_human", "cue-conflict")
    wide = answers.pivot_table(index="person", columns="image", values="response", aggfunc="first")
    code = {name: number for number, name in enumerate(CATEGORIES)}
    return np.array([[code.get(answer, -1) for answer in row] for row in wide.fillna("").to_numpy()])


@pytest.fixture(scope="module")
def of_a_person(naming) -> Worth:
    return worth(naming[0], naming, n_alternatives=16)


def test_people_leave_as_many_bits_of_each_other_open_as_reported(naming, of_a_person) -> None:
    assert naming.shape == (10, 1280)
    assert of_a_person.curve[0] == pytest.approx(3.99, abs=0.01)
    assert of_a_person.curve[1] == pytest.approx(2.14, abs=0.06)
    assert of_a_person.curve[9] == pytest.approx(1.41, abs=0.01)


def test_a_person_of_cue_conflict_is_worth_about_one(naming) -> None:
    found = [worth(naming[i], np.delete(naming, i, axis=0), n_alternatives=16) for i in range(3)]
    assert 0.5 < np.median([one.worth for one in found]) < 2
