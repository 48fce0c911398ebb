"""Likeness of right answers by condition: against the definition, against published ceilings, and its intervals."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from cogattn.psychophysics.naming.consistency import kappa as kappa_of_trials
from cogattn.psychophysics.naming.people import SETS, read_answers
from cogattn.psychophysics.naming.sets.by_condition import (
    STATISTICS,
    Answers,
    among_people,
    compare,
    each_pair,
    mean_over_pairs,
    mean_over_people,
    spread,
    with_people,
)
from cogattn.psychophysics.naming.sets.published import conditions_of

PUBLISHED = {
    "colour": 0.41543, "contrast": 0.43703, "cue-conflict": 0.33105, "edge": 0.31844, "eidolonI": 0.38634,
    "eidolonII": 0.45402, "eidolonIII": 0.45953, "false-colour": 0.44405, "high-pass": 0.44014,
    "low-pass": 0.46888, "phase-scrambling": 0.44667, "power-equalisation": 0.51063, "rotation": 0.43851,
    "silhouette": 0.47571, "sketch": 0.36962, "stylized": 0.50058, "uniform-noise": 0.43406,
}  # fmt: skip
"""Error consistency of people among each other, as Brain-Score has it as the ceiling of each set (Geirhos2021)."""
RESNET50_EDGE = {
    "bottle": (1, 2, 4, 6), "chair": (3,), "clock": (2, 4, 5, 6, 8, 9), "keyboard": (5, 8),
    "knife": (1, 2, 3, 4, 6, 7, 8, 9, 10),
}  # fmt: skip
"""Images of ``edge`` that ResNet-50 named right (its published answers, model-vs-human)."""


def people_of(name: str, shared_data: Path):
    table = read_answers(shared_data / "masking" / "model_vs_human", name)
    table = table.assign(observer=table["person"], correct=table["response"] == table["category"])
    conditions = conditions_of(name, table)
    images = list(dict.fromkeys(table["image"]))
    return (
        Answers.of(table, list(dict.fromkeys(table["person"])), images, conditions.names),
        conditions,
        images,
    )


def counted(conditions) -> list[int]:
    return [i for i, counts in enumerate(conditions.counted) if counts]


@pytest.mark.parametrize("name", SETS)
def test_peoples_error_consistency_is_the_published_ceiling(name: str, shared_data: Path):
    answers, conditions, _ = people_of(name, shared_data)
    found = mean_over_pairs(
        *among_people("error_consistency", answers.right, answers.condition, counted(conditions))
    )
    assert found.estimate == pytest.approx(PUBLISHED[name], abs=1e-5)
    assert found.lo < found.estimate < found.hi
    assert found.n == len(answers.right)


def test_a_published_network_has_its_published_consistency(shared_data: Path):
    """ResNet-50 on edges: .03626 (Brain-Score), 13.75 % right."""
    answers, _, images = people_of("edge", shared_data)
    right = [f"{name}{number}" for name, numbers in RESNET50_EDGE.items() for number in numbers]
    own = np.isin(images, right).astype(float)
    pairs = with_people("error_consistency", own, answers.right, answers.condition, [0])
    assert own.mean() == 0.1375
    assert mean_over_people(pairs).estimate == pytest.approx(0.03626, abs=5e-6)


def drawn(rng: np.random.Generator, n_images: int, n_people: int, n_conditions: int):
    """A network, people, and conditions, from eases of images and skills of persons."""
    condition = np.arange(n_images) % n_conditions
    ease = np.linspace(1.2, -0.2, n_conditions)[condition] if n_conditions > 1 else 0.8
    ease = ease + rng.normal(size=n_images)
    people = rng.random((n_people, n_images)) < ndtr(ease + rng.normal(0, 0.4, (n_people, 1)))
    own = rng.random(n_images) < ndtr(0.5 * ease - 0.2)
    return own.astype(float), people.astype(float), condition


def test_statistics_are_what_they_are_defined_as():
    own, people, condition = drawn(np.random.default_rng(0), 240, 3, 2)
    for person in people:
        by_hand: dict[str, list[float]] = {name: [] for name in STATISTICS}
        for one in (0, 1):
            a, b = own[condition == one], person[condition == one]
            by_hand["error_consistency"].append(float(kappa_of_trials(a, b)))
            by_hand["observed_consistency"].append(float((a == b).mean()))
            by_hand["accuracy_difference"].append(float((a.mean() - b.mean()) ** 2))
            by_hand["copy_probability"].append(float(a[b == 1].mean() - a[b == 0].mean()))
        for name, values in by_hand.items():
            found = compare(name, own[None], person[None], condition, [0, 1])
            assert found.value[0] == pytest.approx(np.mean(values), abs=1e-12)


@pytest.mark.parametrize("name", STATISTICS)
def test_the_pull_of_an_image_is_the_derivative_of_the_statistic(name: str):
    """Weighing one image a little more moves the statistic by its pull."""
    own, people, condition = drawn(np.random.default_rng(1), 60, 1, 1)
    found = compare(name, own[None], people, condition, [0])
    assert found.pull.mean() == pytest.approx(0, abs=1e-6)
    step = 1e-6
    for image in range(0, 60, 7):
        weight = np.full(60, (1 - step) / 60)
        weight[image] += step
        p, q, b = ((weight * part).sum() for part in (own, people[0], own * people[0]))
        moved = float(STATISTICS[name][0](np.array([p, q, b])))
        assert (moved - found.value[0]) / step == pytest.approx(found.pull[0, image], abs=1e-4)


def test_only_images_that_both_saw_count():
    own, people, condition = drawn(np.random.default_rng(2), 200, 2, 1)
    some = people.copy()
    some[0, :120] = np.nan
    found = compare("error_consistency", np.stack([own, own]), some, condition, [0])
    alone = compare("error_consistency", own[None, 120:], people[:1, 120:], condition[120:], [0])
    assert found.value[0] == pytest.approx(alone.value[0])
    assert (found.pull[0, :120] == 0).all()
    assert spread_of(found, 0) == pytest.approx(spread_of(alone, 0), rel=0.02)


def spread_of(pairs, number: int) -> float:
    return spread(replace(pairs, value=pairs.value[[number]], pull=pairs.pull[[number]]))[0]


def test_a_condition_without_a_value_is_left_out_of_a_pairs_mean():
    own, people, condition = drawn(np.random.default_rng(3), 200, 2, 2)
    own[condition == 0], people[0, condition == 0] = 1.0, 1.0  # both always right: no kappa
    found = with_people("error_consistency", own, people[:1], condition, [0, 1])
    alone = with_people("error_consistency", own, people[:1], condition, [1])
    assert found.value == pytest.approx(alone.value)
    nowhere = with_people("error_consistency", own, people[:1], condition, [0])
    assert np.isnan(nowhere.value).all()
    assert mean_over_people(nowhere).n == 0


def test_of_two_people_the_less_accurate_is_first():
    _, people, condition = drawn(np.random.default_rng(4), 300, 4, 1)
    _, who = among_people("copy_probability", people, condition, [0])
    accuracy = people.mean(axis=1)
    assert len(who) == 6
    assert (accuracy[who[:, 0]] <= accuracy[who[:, 1]]).all()


@pytest.mark.parametrize(("n", "reach"), [(3, 4.3027), (6, 2.5706)], ids=["three", "six"])
def test_the_interval_of_the_ceiling_is_over_persons_by_the_jackknife(n: int, reach: float):
    """With images that do not vary it is Arvesen's: pseudo-values of persons, Student's t of n - 1 degrees."""
    _, people, condition = drawn(np.random.default_rng(5), 400, n, 1)
    pairs, who = among_people("error_consistency", people, condition, [0])
    still = replace(pairs, pull=np.where(np.arange(400) < 1, 1e-12, -1e-12 / 399) + 0 * pairs.pull)
    found = mean_over_pairs(still, who)
    kappas = {frozenset(pair): value for pair, value in zip(who.tolist(), pairs.value, strict=True)}
    pseudo = [
        n * pairs.value.mean()
        - (n - 1)
        * np.mean([kappas[frozenset(pair)] for pair in combinations(range(n), 2) if person not in pair])
        for person in range(n)
    ]
    error = np.std(pseudo, ddof=1) / np.sqrt(n)
    assert found.hi - found.estimate == pytest.approx(reach * error, rel=1e-3)
    assert found.n == n


def test_two_persons_have_an_interval_over_images_and_one_has_no_ceiling():
    _, people, condition = drawn(np.random.default_rng(6), 400, 2, 1)
    pairs, who = among_people("error_consistency", people, condition, [0])
    found = mean_over_pairs(pairs, who)
    assert found.n == 2
    assert found.hi - found.lo == pytest.approx(2 * 1.96 * pairs.pull.std(ddof=1) / 20, rel=0.02)
    assert mean_over_pairs(*among_people("error_consistency", people[:1], condition, [0])).n == 0


def test_each_pair_has_an_interval_over_images():
    own, people, condition = drawn(np.random.default_rng(7), 900, 3, 1)
    pairs = with_people("error_consistency", own, people, condition, [0])
    for one, pull in zip(each_pair(pairs), pairs.pull, strict=True):
        assert (one.hi - one.lo) / 2 == pytest.approx(1.96 * pull.std() / 30, rel=0.01)


@pytest.mark.parametrize("statistic", ["error_consistency", "copy_probability"])
@pytest.mark.parametrize("kind", ["observer", "ceiling"])
def test_intervals_hold_the_truth_of_other_people_and_other_images(kind: str, statistic: str):
    """4 persons, 640 images in 4 conditions, 200 samples: 95 % intervals within binomial error of .95."""
    rng = np.random.default_rng(8)

    def ask(n_images: int, n_people: int):
        own, people, condition = drawn(rng, n_images, n_people, 4)
        if kind == "observer":
            return mean_over_people(with_people(statistic, own, people, condition, range(4)))
        return mean_over_pairs(*among_people(statistic, people, condition, range(4)))

    truth = ask(4000, 200 if kind == "observer" else 40)
    found = [ask(640, 4) for _ in range(200)]
    held = np.mean([one.lo <= truth.estimate <= one.hi for one in found])
    assert 0.9 <= held <= 0.995


def test_a_square_has_no_interval():
    own, people, condition = drawn(np.random.default_rng(9), 200, 4, 1)
    found = mean_over_people(with_people("accuracy_difference", own, people, condition, [0]))
    assert found.estimate > 0
    assert np.isnan([found.lo, found.hi]).all()


def test_trials_are_arranged_by_observer_and_image():
    trials = pd.DataFrame(
        {
            "observer": ["a", "a", "b", "b"], "image": ["x", "y", "y", "y"], "condition": ["1", "2", "2", "2"],
            "correct": [True, False, True, False],
        }
    )  # fmt: skip
    found = Answers.of(trials, ["b", "a"], ["y", "x"], ["1", "2"])
    assert found.condition.tolist() == [1, 0]
    np.testing.assert_array_equal(found.right, [[1, np.nan], [0, 1]])  # the first answer to an image
