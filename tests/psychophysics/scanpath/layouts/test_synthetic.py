"""Drawn layouts are what they say, and simulated persons choose by the weights that they are said to have."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chisquare

from cogattn.psychophysics.scanpath.config import ScanpathConfig, SyntheticSettings
from cogattn.psychophysics.scanpath.layouts import synthetic
from cogattn.psychophysics.scanpath.layouts.reading import data_of
from cogattn.psychophysics.scanpath.layouts.synthetic import COLOURS, FOUND, simulate, true_weights
from cogattn.psychophysics.scanpath.layouts.terms import TERMS, terms, terms_of_path
from cogattn.vision.scenes.scene import Scene

SMALL = SyntheticSettings(n_layouts=12, n_people=3)


def data(settings: SyntheticSettings, seed: int = 0):
    return data_of(ScanpathConfig(synthetic=settings, seed=seed))


def same(one: Scene, other: Scene) -> bool:
    return (
        np.array_equal(one.picture, other.picture)
        and [(o.name, o.box_px, o.category) for o in one.objects]
        == [(o.name, o.box_px, o.category) for o in other.objects]
        and all(
            np.array_equal(a.fixations_px, b.fixations_px)
            and np.array_equal(a.durations_ms, b.durations_ms)
            and (a.person, a.found) == (b.person, b.found)
            for a, b in zip(one.scanpaths, other.scanpaths, strict=False)
        )
    )


def test_scenes_follow_from_settings_and_seed() -> None:
    first, again, other = (simulate(SMALL, seed) for seed in (0, 0, 1))
    assert all(map(same, first, again))
    assert not any(map(same, first, other))
    assert len(first) == 12
    assert [path.person for path in first[0].scanpaths] == ["s1", "s2", "s3"]
    # more layouts and more people change none of those that were there
    more = simulate(SyntheticSettings(n_layouts=14, n_people=5), 0)
    assert all(map(same, first, more[:12]))


@pytest.mark.parametrize("n_objects", [2, 24, 57, 400])
def test_items_are_drawn_where_they_are_said_to_be(n_objects: int) -> None:
    for scene in simulate(SyntheticSettings(n_layouts=6, n_objects=n_objects, n_people=2), 3):
        height, width = scene.size_px
        assert scene.picture.shape == (height, width, 3)
        boxes = np.array([item.box_px for item in scene.objects])
        assert len(boxes) == n_objects
        assert (boxes >= 0).all()
        assert (boxes <= [width, height, width, height]).all()
        drawn = np.zeros((height, width), dtype=int)
        for item in scene.objects:
            left, top, right, bottom = map(int, item.box_px)
            drawn[top:bottom, left:right] += 1
            patch = scene.picture[top:bottom, left:right].reshape(-1, 3)
            colour, shape = item.category.split()
            of_item = (patch == COLOURS[colour]).all(axis=1)
            assert (of_item | (patch == 128).all(axis=1)).all()
            part = 1 if shape == "square" else np.pi / 4
            assert of_item.mean() == pytest.approx(part, abs=0.25 / np.sqrt(len(patch)) + 0.05)
        assert drawn.max() == 1  # none lies on another
        assert (scene.picture[drawn == 0] == 128).all()


def test_one_item_of_a_colour_is_looked_for_and_colours_take_turns() -> None:
    scenes = simulate(SMALL, 0)
    assert [scene.target.name for scene in scenes] == [list(COLOURS)[k % 4] for k in range(12)]
    places = set()
    for scene in scenes:
        found = [item for item in scene.objects if item.box_px == scene.target.box_px]
        assert len(found) == 1
        assert found[0].category.split()[0] == scene.target.name == scene.target.category
        places.add(found[0].name)
    assert len(places) > 4  # anywhere


def test_fixations_are_on_their_items_and_times_go_on() -> None:
    settings = SyntheticSettings(n_layouts=60, n_people=4)
    durations = []
    for scene in simulate(settings, 0):
        boxes = np.array([item.box_px for item in scene.objects])
        for path in scene.scanpaths:
            inside = (path.fixations_px[:, None] >= boxes[:, :2]) & (
                path.fixations_px[:, None] <= boxes[:, 2:]
            )
            holding = inside.all(axis=2)
            assert (holding.sum(axis=1) == 1).all()
            target = [item.box_px for item in scene.objects].index(scene.target.box_px)
            assert path.found == holding[-1, target]
            assert (np.diff(path.onsets_ms) == path.durations_ms[:-1] + 30).all()
            durations.append(path.durations_ms)
    log = np.log(np.concatenate(durations))
    assert np.median(log) == pytest.approx(np.log(220), abs=0.03)
    assert log.std() == pytest.approx(0.35, abs=0.02)


def test_paths_end_at_a_constant_rate_and_half_the_time_on_the_target() -> None:
    settings = SyntheticSettings(n_layouts=300, n_people=4, n_fixations=8)
    found = data(settings)
    on_target, ends = [], []
    for path in found.paths:
        on_target.append(path.objects == found.layout_of(path).target)
        ends.append(np.arange(len(path)) == len(path) - 1)
    on_target, ends = np.concatenate(on_target), np.concatenate(ends)
    for chosen, rate in ((~on_target, 1 / 8), (on_target, 1 - 7 / 8 * (1 - FOUND))):
        n = chosen.sum()
        assert abs(ends[chosen].mean() - rate) < 3.5 * np.sqrt(rate * (1 - rate) / n)


def test_persons_choose_among_the_objects_that_readers_see(monkeypatch) -> None:
    looked_at = {}

    def spying(layout, objects):
        looked_at[layout.name] = layout
        return terms(layout, objects)

    monkeypatch.setattr(synthetic, "terms", spying)
    synthetic.simulate(SMALL, 0)
    for layout in data(SMALL).layouts:
        own = looked_at[layout.name]
        np.testing.assert_allclose(own.position_deg, layout.position_deg)
        np.testing.assert_allclose(own.size_deg, layout.size_deg)
        np.testing.assert_allclose(own.log_area, layout.log_area)
        assert (own.target, own.scale, own.categories) == (layout.target, layout.scale, layout.categories)


def test_without_weights_every_object_is_as_likely() -> None:
    none = dict.fromkeys(TERMS, 0.0)
    found = data(SyntheticSettings(n_layouts=60, n_objects=5, n_people=10, **none))
    counts = np.bincount(np.concatenate([path.objects for path in found.paths]), minlength=5)
    assert chisquare(counts).pvalue > 1e-3


def test_weights_are_spread_about_those_that_were_set() -> None:
    table = true_weights(SyntheticSettings(n_people=100), 0)
    assert set(table["weight"]) == set(TERMS)
    by_weight = table.groupby("weight")["value"]
    for name, own in by_weight:
        mean = getattr(SyntheticSettings(), name)
        assert own.mean() == pytest.approx(mean, abs=3.5 * 0.25 * abs(mean) / 10)
        assert own.std() == pytest.approx(0.25 * abs(mean), rel=0.3)
    same_for_all = true_weights(SyntheticSettings(spread=0), 0)
    assert (same_for_all.groupby("weight")["value"].nunique() == 1).all()
    # a person has the same weights whoever else there is
    few = true_weights(SyntheticSettings(n_people=10), 0).set_index(["person", "weight"])["value"]
    many = true_weights(SyntheticSettings(n_people=20), 0).set_index(["person", "weight"])["value"]
    assert few.equals(many[few.index])


def test_the_weights_come_back_from_the_choices() -> None:
    settings = SyntheticSettings(n_layouts=250, n_people=2, spread=0.5)
    found = data(settings)
    truth = true_weights(settings, 0).pivot(index="person", columns="weight", values="value")
    for person in found.people:
        steps, chosen = [], []
        for path in found.paths:
            if path.person == person:
                steps.append(terms_of_path(found.layout_of(path), path.objects)[:-1])
                chosen.append(path.objects)
        x, y = np.concatenate(steps), np.concatenate(chosen)
        own = x[np.arange(len(y)), y]

        def loss(weights: np.ndarray, x=x, own=own) -> tuple[float, np.ndarray]:
            value = x @ weights
            top = value.max(axis=1, keepdims=True)
            chance = np.exp(value - top)
            total = chance.sum(axis=1, keepdims=True)
            slope = np.einsum("no,nok->k", chance / total, x) - own.sum(axis=0)
            return float((top + np.log(total)).sum() - (own @ weights).sum()), slope

        fit = minimize(loss, np.zeros(len(TERMS)), jac=True, method="L-BFGS-B")
        p = np.exp(x @ fit.x)
        p /= p.sum(axis=1, keepdims=True)
        mean = np.einsum("no,nok->nk", p, x)
        information = np.einsum("no,nok,nol->kl", p, x, x, optimize=True) - mean.T @ mean
        se = np.sqrt(np.diag(np.linalg.inv(information)))
        assert (se < 0.25).all()
        z = (fit.x - truth.loc[person, list(TERMS)].to_numpy(float)) / se
        assert np.abs(z).max() < 3.5
