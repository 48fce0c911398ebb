from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import softmax
from scipy.stats import norm

from cogattn.psychophysics.search.config import ScenesSettings
from cogattn.psychophysics.search.natural import baselines as module
from cogattn.psychophysics.search.natural.baselines import (
    AMPLITUDES_DEG,
    N_FEATURES,
    PRIOR,
    baselines,
    features_of,
)
from cogattn.psychophysics.search.natural.folds import Folds
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.maps import Common, others_density
from cogattn.psychophysics.search.natural.scores import auc_of, nss_of
from cogattn.vision.scenes.scene import Scanpath, Scene

SETTINGS = ScenesSettings(pitch_deg=1.0)
SIZE_PX = (96, 128)
SCALE = 8.0


def scene(number: int, paths: tuple[Scanpath, ...]) -> Scene:
    return Scene(f"s{number:02}", np.zeros(SIZE_PX, dtype=np.float32), SIZE_PX, SCALE, scanpaths=paths)


def centre_of(points: np.ndarray) -> np.ndarray:
    """A centre bias (n_places,) off the middle, so that it must be learned."""
    density = norm.pdf(points[:, 0], 2, 4) * norm.pdf(points[:, 1], 0, 2)
    return density / density.sum()


TRUTH = PRIOR.copy()
TRUTH[2 : 2 + len(AMPLITUDES_DEG)] = np.interp(AMPLITUDES_DEG, [0, 1, 4, 25], [-2, 2, 0, -4])
TRUTH[2 + 2 * len(AMPLITUDES_DEG) + 2] = 0.8  # rather left and right than up and down


def simulated(
    rng: np.random.Generator, *, n_scenes: int, n_people: int, n_looks: int
) -> tuple[Looks, np.ndarray]:
    """Looks of people who are told by `TRUTH`, and the log2 of what it gives each of them."""
    blank = Looks.at([scene(0, (Scanpath("p", np.full((2, 2), 40.0)),))], SETTINGS)
    points = blank.lattices[0].points_deg
    log_centre = np.log(centre_of(points))
    scenes, told = [], []
    for number in range(n_scenes):
        paths = []
        for person in range(n_people):
            where = [len(points) // 2]
            for step in range(1, n_looks + 1):
                row = {
                    "scene": 0, "fixation": step, "place": 0, "gaze": where[-1],
                    "previous": where[-2] if step > 1 else -1, "earlier": tuple(where[: max(step - 2, 0)]),
                }  # fmt: skip
                one = replace(blank, rows=blank.rows.iloc[:1].assign(**{k: [v] for k, v in row.items()}))
                features = features_of(one, np.array([0])).astype(float)
                features[..., 0] = log_centre
                density = softmax((features @ TRUTH)[0])
                where.append(int(rng.choice(len(points), p=density)))
                told.append(np.log2(density[where[-1]]))
            paths.append(Scanpath(f"p{person}", points[where] * SCALE + np.array(SIZE_PX[::-1]) / 2))
        scenes.append(scene(number, tuple(paths)))
    return Looks.at(scenes, SETTINGS), np.array(told)


@pytest.fixture(scope="module")
def world() -> tuple[Looks, np.ndarray, Folds]:
    looks, told = simulated(np.random.default_rng(0), n_scenes=12, n_people=12, n_looks=6)
    return looks, told, Folds(np.arange(12) % 5)


def test_both_baselines_tell_nearly_as_much_as_the_truth_that_made_the_looks(
    world: tuple[Looks, np.ndarray, Folds],
) -> None:
    looks, told, folds = world
    found = baselines(looks, folds, rng=np.random.default_rng(2))
    centre, no_content = (one.own(looks, folds).mean() for one in (found.centre, found.no_content))
    assert told.mean() - 0.08 < no_content <= told.mean() + 0.02
    assert centre < no_content - 0.3
    even = np.log2(1 / len(looks.lattices[0].points_deg))
    assert centre > even + 0.3


@pytest.mark.slow
def test_what_a_group_is_told_does_not_depend_on_where_anybody_looked_in_it(
    world: tuple[Looks, np.ndarray, Folds],
) -> None:
    looks, _, folds = world
    inside = folds.of_scene[looks.scene] == 3
    moved = np.where(inside, np.random.default_rng(5).permutation(looks.place), looks.place)
    other = replace(looks, rows=looks.rows.assign(place=moved))
    seen: dict[str, list[np.ndarray]] = {}
    fits = {}
    for name, one in (("as it is", looks), ("moved", other)):
        seen[name] = []
        chosen = np.flatnonzero(folds.of_scene == 3)[0]

        def watch(
            number: int, centre: np.ndarray, no_content: np.ndarray, *, keep=seen[name], at=chosen
        ) -> None:
            if number == at:
                keep += [centre.copy(), no_content]

        fits[name] = baselines(one, folds, rng=np.random.default_rng(2), watch=watch)
    for before, after in zip(seen["as it is"], seen["moved"], strict=True):
        assert after == pytest.approx(before, abs=1e-7)
    first, second = fits["as it is"], fits["moved"]
    assert second.coefficients[3] == pytest.approx(first.coefficients[3], abs=1e-6)
    assert np.abs(second.coefficients[4] - first.coefficients[4]).max() > 1e-3


def test_every_look_is_scored_by_the_densities_told_without_its_group(
    world: tuple[Looks, np.ndarray, Folds],
) -> None:
    looks, _, folds = world
    seen: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def watch(number: int, centre: np.ndarray, no_content: np.ndarray) -> None:
        seen[number] = centre.copy(), no_content

    found = baselines(looks, folds, rng=np.random.default_rng(2), watch=watch)
    for number, densities in seen.items():
        own = looks.of_scene(number)
        for told, density in zip((found.centre, found.no_content), densities, strict=True):
            place = looks.place[own]
            expected = np.log2(density[np.arange(len(own)), place])
            np.testing.assert_allclose(told.log2[own, folds.of_scene[number]], expected, atol=1e-6)
            np.testing.assert_allclose(told.nss[own], nss_of(density, place), atol=1e-6)
            np.testing.assert_allclose(told.auc[own], auc_of(density, place), atol=1e-6)
    assert sorted(seen) == list(range(12))


def test_features_of_a_saccade_by_hand() -> None:
    """From (0, 0) to (3, 0), then to the places of the lattice: lengths, directions, turns, and where it was."""
    middle = np.array(SIZE_PX[::-1]) / 2
    degrees = np.array([[0.5, 0.5], [3.5, 0.5], [3.5, 3.5], [6.5, 3.5]])
    looks = Looks.at([scene(0, (Scanpath("p", degrees * SCALE + middle),))], SETTINGS)
    points = looks.lattices[0].points_deg
    features = features_of(looks, np.array([0, 1, 2]))
    n = len(AMPLITUDES_DEG)
    amplitude, of_first = features[..., 2 : 2 + n], features[..., 2 + n : 2 + 2 * n]
    direction, turn = features[..., 2 + 2 * n : 6 + 2 * n], features[..., 6 + 2 * n : 8 + 2 * n]
    back, nearest = features[..., 8 + 2 * n : 11 + 2 * n], features[..., 11 + 2 * n :]

    def at(x: float, y: float) -> int:
        return int(np.hypot(*(points - (x, y)).T).argmin())

    knots = np.array(AMPLITUDES_DEG)
    assert amplitude[1, at(6.5, 0.5)] @ knots == pytest.approx(3)  # hats give distances back
    assert amplitude[1, at(3.5, 4.5)] @ knots == pytest.approx(4)
    assert of_first[0, at(3.5, 0.5)] @ knots == pytest.approx(3)
    assert not of_first[1:].any()
    np.testing.assert_allclose(direction[1, at(6.5, 0.5)], [1, 0, 1, 1], atol=1e-6)
    np.testing.assert_allclose(direction[1, at(3.5, 4.5)], [0, 1, -1, 1], atol=1e-6)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(direction[1, at(5.5, 2.5)], [half, half, 0, -1], atol=1e-6)
    np.testing.assert_allclose(turn[1, at(6.5, 0.5)], [1, 1], atol=1e-6)  # straight on
    np.testing.assert_allclose(turn[1, at(0.5, 0.5)], [-1, 1], atol=1e-6)  # back
    np.testing.assert_allclose(turn[1, at(3.5, 4.5)], [0, -1], atol=1e-6)
    assert not turn[0].any()  # a first saccade turns from nowhere
    np.testing.assert_allclose(back[1, at(0.5, 0.5)], [1, 0, 0], atol=1e-6)  # where it has just been
    assert not back[0].any()
    np.testing.assert_allclose(nearest[2, at(0.5, 0.5)], [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(nearest[2, at(1.5, 0.5)], [0, 1, 0], atol=1e-6)
    assert not nearest[1].any()


def test_the_slope_of_the_likelihood_is_its_derivative(world: tuple[Looks, np.ndarray, Folds]) -> None:
    looks, _, _ = world
    logit = module._Logit(looks, np.arange(40))
    common = Common.of(looks)
    logit.set_centre(common, common.smooth(common.counts, 2.0))
    used = np.ones(40, dtype=np.float32)
    at = np.random.default_rng(0).normal(0, 0.3, N_FEATURES)
    error = check_grad(lambda b: logit._loss(b, used)[0], lambda b: logit._loss(b, used)[1], at, epsilon=1e-3)
    assert error < 0.05 * np.linalg.norm(logit._loss(at, used)[1])


def test_densities_of_others_leave_the_person_out(world: tuple[Looks, np.ndarray, Folds]) -> None:
    looks, _, _ = world
    density = others_density(looks, 2, 1.0)
    assert density.sum(axis=1) == pytest.approx(np.ones(12))
    own = looks.of_scene(2)[looks.person[looks.of_scene(2)] == 5]
    place = looks.place.copy()
    place[own] = 0
    moved = others_density(replace(looks, rows=looks.rows.assign(place=place)), 2, 1.0)
    assert moved[5] == pytest.approx(density[5])
    assert np.abs(moved[4] - density[4]).max() > 1e-4


def test_scenes_of_other_sizes_share_a_centre_bias() -> None:
    rng = np.random.default_rng(0)

    def looked(number: int, size_px: tuple[int, int]) -> Scene:
        height, width = size_px
        points = np.clip(rng.normal((0.7, 0.3), 0.07, size=(200, 2)), 0.01, 0.99) * (width, height)
        return replace(scene(number, (Scanpath("p", points),)), size_px=size_px)

    looks = Looks.at([looked(0, (96, 128)), looked(1, (48, 200)), looked(2, (100, 60))], SETTINGS)
    found = baselines(looks, Folds.of(3, rng), rng=rng)
    told = found.centre.own(looks, Folds.of(3, np.random.default_rng(0)))
    even = -np.log2([len(lattice.points_deg) for lattice in looks.lattices])[looks.scene]
    for number in range(3):
        assert (told - even)[looks.of_scene(number)].mean() > 1.0


def test_fixations_off_the_image_are_counted_and_left_out() -> None:
    path = Scanpath("p", np.array([[64.0, 48], [20, 20], [200, 20], [30, 30]]))
    looks = Looks.at([scene(0, (path,))], SETTINGS)
    assert (len(looks), looks.off_image) == (2, 1)
    assert looks.rows["fixation"].tolist() == [1, 3]
    assert looks.rows["previous"].tolist() == [-1, looks.rows["place"][0]]
    assert looks.rows["earlier"].tolist()[1] == (looks.rows["gaze"][0],)
