from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest

from cogattn.errors import ConfigError
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath import baselines
from cogattn.psychophysics.scanpath.baselines.moments import block
from cogattn.psychophysics.scanpath.baselines.registry import BASELINES
from cogattn.psychophysics.scanpath.baselines.simple import Centre, Density, Histogram, Nearest, Uniform, bins
from cogattn.psychophysics.scanpath.baselines.stepwise import Stepwise
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.vision.scenes.scene import Scene, SceneObject

RULES = [Uniform, Centre, Density, Nearest, Histogram]
ROWS, COLUMNS = 6, 8


@pytest.fixture(scope="module")
def fitted(simulated: PathSet, split: Split, config: ScanpathConfig) -> dict[str, Stepwise]:
    made = {name: baselines.make(Observer(name, variant=name))() for name in BASELINES}
    made["viewers"] = baselines.make(Observer("2 viewers", variant="viewers", copy=2))()
    return {name: one.fit(simulated, split, config) for name, one in made.items()}


NAMES = [*BASELINES, "viewers"]


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_tells_finite_probabilities(name, fitted, simulated, split, bits_of) -> None:
    paths = [simulated.paths[k] for k in split.test[::-1]]
    predictions = fitted[name].predict(simulated, paths)
    assert np.isfinite(bits_of(paths, predictions)).all()
    for path, one in zip(paths, predictions, strict=True):
        assert one.log_p.shape == (len(path), 16)
        assert one.log_end.shape == (len(path) + 1,)
        assert np.isfinite(one.log_p).all()
        assert np.isfinite(one.log_end).all()
        assert one.log_end.max() <= 0
        assert one.log_end[0] < -20  # nobody ends before the first fixation


@pytest.mark.parametrize("name", NAMES)
def test_what_was_learned_is_read_back(name, fitted, simulated, split) -> None:
    state = {key: np.ascontiguousarray(array) for key, array in fitted[name].state().items()}
    other = baselines.make(Observer(name, variant=name, copy=2))().load(state)
    paths = [simulated.paths[k] for k in split.test]
    pairs = zip(fitted[name].predict(simulated, paths), other.predict(simulated, paths), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours.log_p, theirs.log_p)
        np.testing.assert_array_equal(ours.log_end, theirs.log_end)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_paths_are_paths(name, fitted, simulated, split) -> None:
    paths = [simulated.paths[k] for k in split.test[:8]]
    draw = {"max_length": 9}
    drawn = fitted[name].sample(simulated, paths, n=3, rng=np.random.default_rng(1), **draw)
    again = fitted[name].sample(simulated, paths, n=3, rng=np.random.default_rng(1), **draw)
    assert [len(some) for some in drawn] == [3] * 8
    for one, same in zip(chain(*drawn), chain(*again), strict=True):
        assert 1 <= len(one) <= 9
        assert set(one.tolist()) <= set(range(16))
        np.testing.assert_array_equal(one, same)
    assert all(
        len(some) == 1
        for some in fitted[name].sample(simulated, paths, n=0, rng=np.random.default_rng(1), **draw)
    )


@pytest.mark.parametrize("name", ["histogram", "history"])
def test_objects_are_drawn_as_often_as_they_are_likely(name, fitted, simulated, split) -> None:
    path = simulated.paths[split.test[0]]
    begun = ObjectPath(path.layout, path.person, path.objects, path.fixations_px, n_given=1)
    n = 4000
    (drawn,) = fitted[name].sample(simulated, [begun], n=n, rng=np.random.default_rng(2), max_length=2)
    assert all(one[0] == path.objects[0] and len(one) == 2 for one in drawn)
    expected = np.exp(fitted[name].predict(simulated, [begun])[0].log_p[0])
    often = np.bincount([one[1] for one in drawn], minlength=16) / n
    assert np.abs(often - expected).max() < 4 * np.sqrt(expected.max() / n)


def test_lengths_are_drawn_as_people_end(fitted, simulated, split) -> None:
    drawn = fitted["uniform"].sample(
        simulated, [simulated.paths[0]], n=3000, rng=np.random.default_rng(3), max_length=500
    )
    people = [len(simulated.paths[k]) for k in split.train]
    lengths = [len(one) for one in drawn[0]]
    assert np.mean(lengths) == pytest.approx(np.mean(people), rel=0.1)
    assert np.mean(np.array(lengths) <= 4) == pytest.approx(np.mean(np.array(people) <= 4), abs=0.05)
    greedy = fitted["uniform"].sample(
        simulated, [simulated.paths[0]], n=0, rng=np.random.default_rng(3), max_length=500
    )
    assert len(greedy[0][0]) == pytest.approx(np.median(people), abs=1.5)


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(ConfigError, match=r"baselines must be of uniform.*got nothing"):
        baselines.make(Observer("x", variant="nothing"))


# ---- each rule recovers what it is about


def grid(name: str) -> Layout:
    side, scale = 40.0, 20.0
    corners = np.array([(side * c, side * r) for r in range(ROWS) for c in range(COLUMNS)])
    objects = tuple(SceneObject(f"o{k}", (x, y, x + side, y + side)) for k, (x, y) in enumerate(corners))
    size_px = (int(side) * ROWS, int(side) * COLUMNS)
    position = (corners + side / 2 - np.array([size_px[1], size_px[0]]) / 2) / scale
    return Layout(
        Scene(name, None, size_px, scale, objects),
        position,
        np.full((len(corners), 2), 2.0),
        None,
        name,
        scale,
    )


def data_from(choose: Callable[[Layout, list[int], np.random.Generator], int], *, n: int = 60) -> PathSet:
    """Paths of 12 fixations over a grid, the next one chosen by a rule."""
    rng = np.random.default_rng(0)
    layouts = tuple(grid(f"g{k:02d}") for k in range(n))
    paths = []
    for number, layout in enumerate(layouts):
        chosen: list[int] = []
        for _ in range(12):
            chosen.append(choose(layout, chosen, rng))
        objects = np.array(chosen, dtype=np.int64)
        middles = layout.position_deg[objects] * layout.scale + layout.scene.middle_px
        paths.append(ObjectPath(number, "p", objects, middles + rng.uniform(-15, 15, middles.shape)))
    return PathSet(layouts, tuple(paths))


def fit(one: Stepwise, data: PathSet) -> Stepwise:
    numbers = np.arange(len(data.paths))
    return one.fit(data, Split(numbers[:40], numbers[40:50], numbers[50:]), ScanpathConfig())


def test_uniform_is_one_over_the_number_of_objects(path_set, make_layout) -> None:
    data = path_set(("a", "p", [0, 1, 2]), layouts={"a": make_layout("a", n_objects=5)})
    split = Split(np.arange(1), np.zeros(0, dtype=np.int64), np.arange(1))
    (one,) = Uniform().fit(data, split, ScanpathConfig()).predict(data, data.paths)
    np.testing.assert_allclose(one.log_p, -np.log(5))


def test_centre_finds_the_width_of_a_gaussian() -> None:
    def choose(layout, chosen, rng):
        while True:  # a Gaussian whose tails beyond the image are looked away from
            place = rng.normal(0, 0.2, 2)
            if np.abs(place).max() < 0.5:
                column, row = ((place + 0.5) * [COLUMNS, ROWS]).astype(int)
                return int(row * COLUMNS + column)

    assert fit(Centre(), data_from(choose)).width == pytest.approx(0.2, rel=0.06)


def test_density_is_the_share_of_each_cell_of_a_shared_grid() -> None:
    chances = np.random.default_rng(5).dirichlet(np.full(ROWS * COLUMNS, 0.3))
    data = data_from(lambda layout, chosen, rng: int(rng.choice(len(chances), p=chances)))
    found = np.exp(fit(Density(), data).of_layout(data.layouts[0]))
    shares = (
        np.bincount(np.concatenate([path.objects for path in data.paths[:40]]), minlength=len(chances)) / 480
    )
    assert np.abs(found - shares).max() < 0.02
    assert np.abs(found - chances).max() < 0.05


def test_nearest_finds_the_fall_off_and_walks_to_the_nearest_unvisited() -> None:
    def choose(layout, chosen, rng):
        gaze = layout.position_deg[chosen[-1]] if chosen else np.zeros(2)
        away = np.hypot(*(layout.position_deg - gaze).T)
        chance = np.exp(-away / 1.5)
        chance[chosen] = 0
        if rng.random() < 0.2:
            chance[:] = 1
        return int(rng.choice(len(chance), p=chance / chance.sum()))

    data = data_from(choose)
    one = fit(Nearest(), data)
    assert one.scale_deg == pytest.approx(1.5, rel=0.15)
    assert one.even == pytest.approx(0.2, abs=0.05)
    (walk,) = one.sample(data, [data.paths[0]], n=0, rng=np.random.default_rng(0), max_length=40)[0]
    layout = data.layouts[0]
    for step in range(1, len(walk)):
        unvisited = np.setdiff1d(np.arange(layout.n_objects), walk[:step])
        away = np.hypot(*(layout.position_deg[unvisited] - layout.position_deg[walk[step - 1]]).T)
        assert walk[step] in unvisited[away < away.min() + 1e-6]


def test_histogram_finds_where_saccades_go() -> None:
    def choose(layout, chosen, rng):
        if not chosen:
            return int(rng.integers(layout.n_objects))
        way = layout.position_deg - layout.position_deg[chosen[-1]]
        chance = np.where(np.abs(way[:, 1]) < 0.4 * way[:, 0], 8.0, 1.0)
        return int(rng.choice(len(chance), p=chance / chance.sum()))

    data = data_from(choose)
    one = fit(Histogram(), data)
    start = ROWS // 2 * COLUMNS + 3
    begun = ObjectPath(55, "p", np.array([start, 0]), np.zeros((2, 2)), n_given=1)
    p = np.exp(one.predict(data, [begun])[0].log_p[0])
    way = data.layouts[0].position_deg - data.layouts[0].position_deg[start]
    true = np.where(np.abs(way[:, 1]) < 0.4 * way[:, 0], 8.0, 1.0)
    assert np.corrcoef(p, true)[0, 1] > 0.9
    assert p[start + 1] / p[start + COLUMNS] == pytest.approx(8, rel=0.3)


def test_histogram_does_not_know_what_was_looked_at(fitted, simulated, split) -> None:
    path = simulated.paths[split.test[0]]
    objects = np.array([3, 5, 2, 5, 7])
    whole = ObjectPath(path.layout, "p", objects, np.zeros((5, 2)))
    other = ObjectPath(path.layout, "p", np.array([9, 8, 1, 5, 7]), np.zeros((5, 2)))
    ours, theirs = fitted["histogram"].predict(simulated, [whole, other])
    np.testing.assert_array_equal(ours.log_p[4], theirs.log_p[4])
    assert not np.array_equal(*(one.log_p[4] for one in fitted["history"].predict(simulated, [whole, other])))


def test_an_object_twice_as_large_is_twice_as_likely(fitted, simulated) -> None:
    layout = simulated.layouts[0]
    paths = [ObjectPath(0, "p", np.array([4]), np.zeros((1, 2)))]
    moments = block(layout, paths, np.arange(1)).moments
    log_p, own = fitted["histogram"].log_p(moments)[0], bins(moments)[0]
    pairs = [(a, b) for a in range(16) for b in range(a) if own[a] == own[b]]
    ratio = [log_p[a] - log_p[b] for a, b in pairs]
    np.testing.assert_allclose(ratio, [layout.log_area[a] - layout.log_area[b] for a, b in pairs], atol=0.25)
    assert any(layout.log_area[a] != layout.log_area[b] for a, b in pairs)
