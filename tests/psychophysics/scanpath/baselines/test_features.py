from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cogattn.psychophysics.scanpath.baselines.features import NAMES, TARGET, features
from cogattn.psychophysics.scanpath.baselines.geometry import KNOTS_DEG, geometry_of, tents
from cogattn.psychophysics.scanpath.baselines.moments import Moments, block
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet


def moments_of(layout: Layout, *paths: list[int]) -> Moments:
    some = [ObjectPath(0, "p", np.array(path), np.zeros((len(path), 2))) for path in paths]
    return block(layout, some, np.arange(len(some))).moments


def planes(moments: Moments, target: int = -1) -> dict[str, np.ndarray]:
    even = np.full(moments.layout.n_objects, 1 / moments.layout.n_objects)
    return dict(zip(NAMES, features(moments, even, even, target), strict=False))


def test_every_plane_has_a_name_and_says_something(simulated: PathSet) -> None:
    assert len(set(NAMES)) == len(NAMES)
    rng = np.random.default_rng(0)
    angle, away = rng.uniform(0, 2 * np.pi, 16), np.geomspace(0.3, 24, 16)
    layout = replace(simulated.layouts[0], position_deg=(away * [np.cos(angle), np.sin(angle)]).T)
    paths = [list(path.objects) for path in simulated.paths if path.layout == 0] + [[0, 0, 1, 0, 1]]
    moments = moments_of(layout, *paths)
    dense = rng.dirichlet(np.ones(layout.n_objects))
    found = features(moments, dense, dense[::-1].copy(), 3)
    assert found.shape == (len(NAMES), len(moments), layout.n_objects)
    assert np.isfinite(found).all()
    silent = [name for name, plane in zip(NAMES, found, strict=True) if not np.ptp(plane)]
    assert silent == []
    assert np.abs(found).max() < 20  # so that one ridge does for all


def test_a_target_that_is_not_told_leaves_no_trace(simulated: PathSet) -> None:
    layout = simulated.layouts[0]
    moments = moments_of(layout, [0, 3, layout.target, 2])
    untold = planes(moments)
    assert len(untold) == len(NAMES) - len(TARGET)
    told = planes(moments, layout.target)
    for name, plane in untold.items():
        np.testing.assert_array_equal(plane, told[name])


def test_no_term_knows_content(simulated: PathSet) -> None:
    layout = simulated.layouts[0]
    others = tuple(replace(thing, category="other") for thing in layout.scene.objects)
    blind = replace(layout, scene=replace(layout.scene, picture=None, objects=others))
    path = [0, 3, 1, 3]
    for name, plane in planes(moments_of(layout, path)).items():
        np.testing.assert_array_equal(plane, planes(moments_of(blind, path))[name])


def test_history_says_what_was_looked_at(make_layout) -> None:
    found = planes(moments_of(make_layout("a", n_objects=5), [1, 1, 2, 0, 2]), 2)
    assert found["stays"][5].tolist() == [0, 0, 1, 0, 0]
    assert found["visited"][5].tolist() == [1, 1, 1, 0, 0]
    assert found["just left"][5].tolist() == [1, 0, 0, 0, 0]
    np.testing.assert_allclose(found["log visits"][5], np.log([2, 3, 3, 1, 1]), rtol=1e-6)
    assert found["target, seen"][3].tolist() == [0, 0, 1, 0, 0]
    assert not found["target, seen"][2].any()


def test_going_on_is_the_cosine_with_the_last_saccade(make_layout) -> None:
    layout = make_layout("a", n_objects=16)  # two rows of eight, 2 degrees apart
    found = planes(moments_of(layout, [1, 2, 10]))
    whole = found["goes on, near"] + found["goes on, far"]
    np.testing.assert_allclose(whole[2, [3, 7, 0, 10]], [1, 1, -1, 0], atol=1e-6)
    np.testing.assert_allclose(whole[3, 11], 0, atol=1e-6)  # came downwards, goes rightwards
    assert not whole[1].any()  # the first fixation has no saccade before it


def test_polar_table_is_a_map_of_distance_and_direction(make_layout) -> None:
    geometry = geometry_of(make_layout("a", n_objects=48))
    far, right = geometry.distance[:-1], geometry.x[:-1]
    tables = geometry.polar[:, :-1].reshape(len(KNOTS_DEG), 5, 48, 48)
    np.testing.assert_allclose(tables[:, 0].sum(axis=0), far > 0)
    np.testing.assert_allclose(tables[:, 1].sum(axis=0), right, atol=1e-6)
    np.testing.assert_allclose(
        tables[:, 3].sum(axis=0), np.cos(2 * np.arccos(np.clip(right, -1, 1))) * (far > 0), atol=1e-3
    )
    assert not geometry.polar[:, -1].any()


@pytest.mark.parametrize("knot", range(len(KNOTS_DEG)))
def test_tents_are_one_at_their_knot(knot: int) -> None:
    weights = tents(np.array(KNOTS_DEG[knot]), KNOTS_DEG)
    np.testing.assert_allclose(weights, np.eye(len(KNOTS_DEG))[knot], atol=1e-6)
