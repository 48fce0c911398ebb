from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Layout
from cogattn.psychophysics.scanpath.models.codes import (
    cells_of,
    fitted_table,
    grid_of,
    place_codes,
    position_table,
    sinusoids,
    target_cosines,
)
from cogattn.vision.scenes.scene import Scene, SceneObject

PUBLISHED = [1, 0.883, 0.607, 0.325, 0.135]
"""Cosines of the first code with the first five of the table that the publication ships."""


def cosines(table: torch.Tensor) -> torch.Tensor:
    unit = table.double() / table.double().norm(dim=1, keepdim=True)
    return unit @ unit.T


@pytest.mark.parametrize("n", [11, 14])
def test_codes_are_as_like_as_the_published_ones(n: int) -> None:
    table = position_table(n)
    assert table.shape == (n, 86)
    assert_close(cosines(table)[0, :5], torch.tensor(PUBLISHED).double(), atol=6e-4, rtol=0)
    assert_close(cosines(table), torch.from_numpy(target_cosines(n)), atol=1e-5, rtol=0)
    assert_close(table.norm(dim=1), torch.full((n,), 86**0.5), atol=1e-4, rtol=0)


def test_codes_fitted_as_published_have_the_same_cosines() -> None:
    table = fitted_table(5)
    assert_close(cosines(table)[0], torch.tensor(PUBLISHED).double(), atol=2e-3, rtol=0)
    assert float(table.norm(dim=1).std() / table.norm(dim=1).mean()) < 2e-3
    assert not torch.equal(fitted_table(5, max_steps=1), table)


def test_a_place_is_the_code_of_row_column_and_target_cut_to_its_width() -> None:
    table = position_table(14)
    row, column, flag = torch.tensor([3, 5]), torch.tensor([7, 0]), torch.tensor([0, 1])
    found = place_codes(table, row, column, flag, width=256)
    assert found.shape == (2, 256)
    assert torch.equal(found[1], torch.cat([table[5], table[0], table[1]])[:256])
    apart = found[0] @ place_codes(table, row + 1, column + 2, flag, width=256)[0]
    crossed = 86 * (np.exp(-1 / 8) + np.exp(-4 / 8)) + float(table[0, :84].square().sum())
    assert float(apart) == pytest.approx(crossed, rel=1e-4)


def test_order_codes_are_those_of_the_transformer() -> None:
    codes = sinusoids(4, 6)
    assert codes[0].tolist() == [0, 1, 0, 1, 0, 1]
    assert float(codes[3, 2]) == pytest.approx(np.sin(3 / 10_000 ** (2 / 6)), abs=1e-6)


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
