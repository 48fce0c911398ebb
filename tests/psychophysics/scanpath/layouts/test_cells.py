from __future__ import annotations

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.grids import cells_of, grid_of
from cogattn.psychophysics.scanpath.layouts.items import Layout
from cogattn.vision.scenes.scene import Scene, SceneObject


def grid(rows: int, columns: int, jitter: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.divmod(np.arange(rows * columns), columns)
    noise = np.random.default_rng(0).uniform(-jitter, jitter, (rows * columns, 2))
    return np.stack([x * 3.0 - 4, y * 2.0 + 1], 1) + noise * [3, 2], np.tile([2.5, 1.9], (rows * columns, 1))


def test_rows_and_columns_are_found_in_any_order_and_with_gaps() -> None:
    position, size = grid(6, 14, jitter=0.15)
    order = np.random.default_rng(1).permutation(84)[:50]
    cells = cells_of(position[order], size[order])
    assert cells is not None
    assert (cells[0] * 14 + cells[1]).tolist() == order.tolist()


def test_a_whole_empty_column_is_counted() -> None:
    position, size = grid(3, 5)
    kept = np.arange(15) % 5 != 2
    cells = cells_of(position[kept], size[kept])
    assert cells is not None
    assert sorted(set(cells[1].tolist())) == [0, 1, 3, 4]


def test_what_is_no_grid_has_no_cells() -> None:
    position, size = grid(4, 4)
    shifted = position.copy()
    shifted[5, 0] += 1.2  # .4 of a cell
    assert cells_of(shifted, size) is None
    anywhere = np.random.default_rng(0).uniform(0, 20, (24, 2))
    assert cells_of(anywhere, np.ones((24, 2))) is None
    twice = np.concatenate([position, position[:1] + 0.1])
    assert cells_of(twice, np.concatenate([size, size[:1]])) is None


def layout(name: str, position: np.ndarray, size: np.ndarray) -> Layout:
    objects = tuple(SceneObject(str(i), (0, 0, 1, 1)) for i in range(len(position)))
    return Layout(Scene(name, None, (10, 10), objects=objects), position, size, None, name, 1.0)


def test_the_grid_of_some_layouts_holds_each_and_other_layouts_are_refused_by_name() -> None:
    shelves = [layout("wine", *grid(2, 11)), layout("yogurt", *grid(3, 9))]
    assert grid_of(shelves) == (3, 11)
    scattered = layout("table top", np.random.default_rng(0).uniform(0, 20, (24, 2)), np.ones((24, 2)))
    with pytest.raises(DataError, match=r"cells of a regular grid.*table top"):
        grid_of([*shelves, scattered])
