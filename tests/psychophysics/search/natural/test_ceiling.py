"""The ceiling: its formula look by look, and what is chosen for a group of scenes on the others alone."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.search.config import ScenesSettings
from cogattn.psychophysics.search.natural.baselines import Told
from cogattn.psychophysics.search.natural.calibration import calibrate
from cogattn.psychophysics.search.natural.ceiling import BANDWIDTHS_DEG, EXPONENTS, PAIRS, Others
from cogattn.psychophysics.search.natural.folds import Folds
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.maps import others_density
from cogattn.psychophysics.search.natural.scores import auc_of, nss_of
from cogattn.vision.scenes.scene import Scanpath, Scene

SETTINGS = ScenesSettings(pitch_deg=1.5)
SIZE_PX, SCALE, E2 = (96, 128), 8.0, 1.7
N_SCENES, N_PEOPLE = 6, 4


def looked(rng: np.random.Generator) -> Looks:
    """Everybody looks about a spot that is the scene's own."""
    scenes = []
    for number in range(N_SCENES):
        spot = rng.uniform(20, 76, 2)
        paths = tuple(
            Scanpath(f"p{person}", np.clip(spot + rng.normal(0, 10, (5, 2)), 1, 95))
            for person in range(N_PEOPLE)
        )
        image = np.zeros(SIZE_PX, dtype=np.float32)
        scenes.append(Scene(f"s{number}", image, SIZE_PX, SCALE, scanpaths=paths))
    return Looks.at(scenes, SETTINGS)


@pytest.fixture(scope="module")
def seen() -> tuple[Looks, Others, list[np.ndarray], list[np.ndarray]]:
    """What others add to made-up baselines that differ from place to place and from look to look."""
    rng = np.random.default_rng(0)
    looks = looked(rng)
    others = Others(looks, e2_deg=E2)
    centres, dynamics = [], []
    for scene in range(N_SCENES):
        n = len(looks.lattices[scene].points_deg)
        centres.append(rng.dirichlet(np.full(n, 5.0)))
        dynamics.append(rng.dirichlet(np.full(n, 5.0), size=len(looks.of_scene(scene))))
        others(scene, centres[scene], dynamics[scene])
    return looks, others, centres, dynamics


def test_others_are_weighed_look_by_look_as_the_formula_says(
    seen: tuple[Looks, Others, list[np.ndarray], list[np.ndarray]],
) -> None:
    looks, others, centres, dynamics = seen
    for scene in range(N_SCENES):
        points = looks.lattices[scene].points_deg
        for bandwidth_number, bandwidth in enumerate(BANDWIDTHS_DEG):
            density = others_density(looks, scene, bandwidth)
            for index, look in enumerate(looks.of_scene(scene)):
                place, own = looks.place[look], density[looks.person[look]]
                gaze = points[int(looks.rows["gaze"].iloc[look])]
                near = (1 + np.hypot(*(points - gaze).T) / E2) ** -2
                for kind, worth in enumerate((own, own * near)):
                    column = kind * len(BANDWIDTHS_DEG) + bandwidth_number
                    assert others._alone[look, column] == pytest.approx(np.log2(worth[place] / worth.sum()))
                for exponent in EXPONENTS:
                    product = dynamics[scene][index] * (own / centres[scene]) ** exponent
                    product = (product / product.sum())[None]
                    at = np.array([place])
                    expected = [np.log2(product[0, place]), nss_of(product, at)[0], auc_of(product, at)[0]]
                    column = PAIRS.index((bandwidth, exponent))
                    np.testing.assert_allclose(others._products[:, look, column], expected, rtol=1e-9)


def test_a_group_s_bandwidth_and_exponent_are_the_likeliest_of_the_other_groups(
    seen: tuple[Looks, Others, list[np.ndarray], list[np.ndarray]],
) -> None:
    looks, others, *_ = seen
    folds = Folds(np.arange(N_SCENES) % 3)
    group = folds.of_scene[looks.scene]
    base = Told(np.random.default_rng(1).normal(-5, 1, (len(looks), 3)), np.zeros(0), np.zeros(0))
    found = others.ceiling(base, folds)
    chosen = []
    for fold in range(3):
        means = [others._products[0][group != fold, pair].mean() for pair in range(len(PAIRS))]
        chosen.append(int(np.argmax(means)))
        inside = group == fold
        for values, products in zip((found.log2, found.nss, found.auc), others._products, strict=True):
            np.testing.assert_array_equal(values[inside], products[inside, chosen[-1]])
    assert (found.bandwidth_deg, found.exponent) == tuple(np.median([PAIRS[one] for one in chosen], axis=0))
    np.testing.assert_array_equal(found.as_searcher.log2, calibrate(others._alone, base.log2, group).log2)


def test_a_group_of_its_own_kind_is_told_what_the_others_are(
    seen: tuple[Looks, Others, list[np.ndarray], list[np.ndarray]],
) -> None:
    """One group's own best pair is no other group's: it must not be the one that it is told by."""
    looks, *_ = seen
    others, folds = Others(looks, e2_deg=E2), Folds(np.arange(N_SCENES) % 2)
    group = folds.of_scene[looks.scene]
    others._products[0] = -9.0
    others._products[0][group == 0, 3] = -1.0
    others._products[0][group == 1, 7] = -2.0
    others._alone[:] = -6.0
    base = Told(np.full((len(looks), 2), -6.0), np.zeros(0), np.zeros(0))
    found = others.ceiling(base, folds)
    assert (found.log2 == -9.0).all()
