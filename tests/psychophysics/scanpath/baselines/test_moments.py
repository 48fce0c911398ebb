from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cogattn.psychophysics.scanpath.baselines.moments import HABITS, beginnings, block, blocks, by_layout
from cogattn.psychophysics.scanpath.layouts.items import PathSet

PARTS = ("number", "now", "before", "visits", "last", "habits")


def test_one_step_at_a_time_is_the_same_history(simulated: PathSet) -> None:
    paths = [path for path in simulated.paths if path.layout == 3]
    whole = block(simulated.layouts[3], paths, np.arange(len(paths))).moments
    for number, path in enumerate(paths):
        step = beginnings(simulated.layouts[3], [path], 1)
        for row in np.flatnonzero(whole.path == number):
            for part in PARTS:
                np.testing.assert_allclose(getattr(step, part)[0], getattr(whole, part)[row], atol=1e-5)
            if row < len(whole) - 1 and whole.path[row + 1] == number:
                step = step.after(path.objects[step.number])


def test_a_moment_knows_the_past_only(path_set: Callable[..., PathSet]) -> None:
    data = path_set(("a", "p", [2, 2, 0, 2]))
    moments = block(data.layouts[0], data.paths, np.arange(1)).moments
    assert moments.now.tolist() == [-1, 2, 2, 0, 2]
    assert moments.before.tolist() == [-1, -1, 2, 2, 0]
    assert moments.visits[:, 2].tolist() == [0, 1, 2, 2, 3]
    assert moments.last[:, 2].tolist() == [0, 1, 2, 2, 4]
    assert moments.may_end.tolist() == [False, True, True, True, True]
    habits = dict(zip(HABITS, moments.habits[-1], strict=True))
    assert (habits["moves"], habits["stays"], habits["revisits"]) == (2, 1, 1)
    assert habits["log amplitude"] == pytest.approx(2 * np.log1p(4))  # objects 0 and 2 are 4 degrees apart


def test_given_fixations_are_history_but_no_choices(path_set: Callable[..., PathSet]) -> None:
    data = path_set(("a", "p", [2, 1, 0], {"n_given": 1}))
    one = next(blocks(data, data.paths))
    assert one.chosen.tolist() == [1, 0, -1]
    assert one.moments.now.tolist() == [2, 1, 0]
    assert one.moments.may_end.tolist() == [False, True, True]
    assert beginnings(data.layouts[0], data.paths, 2).visits[:, 2].tolist() == [1, 1]


def test_paths_come_back_by_layout(simulated: PathSet) -> None:
    order = np.random.default_rng(0).permutation(len(simulated.paths))
    paths = [simulated.paths[k] for k in order]
    found = list(by_layout(paths))
    assert [layout for layout, _ in found] == list(range(30))
    assert all(paths[k].layout == layout for layout, own in found for k in own)
    assert sorted(np.concatenate([own for _, own in found])) == list(range(len(paths)))
    assert list(by_layout([])) == []
