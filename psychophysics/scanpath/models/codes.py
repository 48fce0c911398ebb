"""Codes of rows and columns whose likeness falls as a Gaussian of distance, and the grid that they need.

The published model (Fang et al., 2024) knows places by a table with one code for each row or column number, fitted
beforehand so that cos(code_i, code_j) = exp(-(i - j)^2 / (2 sigma^2)) with sigma = 2 and equal norms. A place is
code[row] || code[column] || code[is the target], cut to the width that there is. Two places are then as like as
G(rows apart) + G(columns apart), a cross and no disc, and the mark of the target is a weak one: codes 0 and 1 have a
cosine of .88.

Departure: the published table is fitted by Adam from random numbers (`fitted_table`). The matrix of those cosines has
an exact square root, which takes no time and depends on no optimiser (`position_table`); both have the cosines, and the
norm that random numbers start with.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import theilslopes
from torch import Tensor
from torch.nn import functional

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout

SIGMA, COLUMNS = 2.0, 86
"""As published: width of the Gaussian in rows, and features of a code."""
OFF_GRID = 0.25
"""Farthest that the middle of an object may lie from the middle of its cell, in cells."""


def target_cosines(n: int, *, sigma: float = SIGMA) -> Array:
    """Return exp(-(i - j)^2 / (2 sigma^2)), shape (n, n): how alike two of `n` codes shall be."""
    apart = np.subtract.outer(np.arange(n), np.arange(n))
    return np.exp(-(apart**2) / (2 * sigma**2))


def position_table(n: int, *, columns: int = COLUMNS, sigma: float = SIGMA, seed: int = 0) -> Tensor:
    """Return codes with exactly these cosines, shape (n, columns): a square root of them, turned at random.

    Parameters
    ----------
    n : int
        Rows of the table; with more of them than columns the cosines are the nearest of that rank.
    columns : int
        Features of a code.
    sigma : float
        Width of the Gaussian, in rows.
    seed : int
        Of the rotation.

    Returns
    -------
    Tensor, shape (n, columns)
        Of norm sqrt(columns), as standard normal numbers have.
    """
    values, vectors = np.linalg.eigh(target_cosines(n, sigma=sigma))
    kept = np.argsort(values)[::-1][:columns]
    root = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0))
    drawn = np.random.default_rng(seed).standard_normal((columns, len(kept)))
    turned = root @ np.linalg.qr(drawn)[0].T
    codes = turned / np.linalg.norm(turned, axis=1, keepdims=True) * np.sqrt(columns)
    return torch.from_numpy(codes).float()


def fitted_table(
    n: int,
    *,
    columns: int = COLUMNS,
    sigma: float = SIGMA,
    seed: int = 0,
    learning_rate: float = 1e-2,
    max_steps: int = 10_000,
    tolerance: float = 1e-3,
) -> Tensor:
    """Return codes fitted to these cosines as published: Adam from standard normal numbers.

    Parameters
    ----------
    n, columns, sigma
        As in `position_table`.
    seed : int
        Of the numbers that it starts from.
    learning_rate, max_steps : float and int
        Published: 1e-2 and 10,000.
    tolerance : float
        Ends once all cosines are so near, and the norms relative to their mean.

    Returns
    -------
    Tensor, shape (n, columns)
    """
    wanted = torch.from_numpy(target_cosines(n, sigma=sigma)).float()
    start = np.random.default_rng(seed).standard_normal((n, columns))
    codes = torch.from_numpy(start).float().requires_grad_()
    optimiser = torch.optim.Adam([codes], lr=learning_rate)
    for _ in range(max_steps):
        norms, unit = codes.norm(dim=1), functional.normalize(codes, dim=1)
        off, uneven = unit @ unit.T - wanted, norms - norms.mean()
        if max(off.detach().abs().max(), (uneven / norms.mean()).detach().abs().max()) < tolerance:
            break
        optimiser.zero_grad()
        ((off.square().sum() + uneven.square().mean()) / (n * max(n - 1, 1))).backward()
        optimiser.step()
    return codes.detach()


def place_codes(table: Tensor, row: Tensor, column: Tensor, is_target: Tensor, *, width: int) -> Tensor:
    """Return the codes of places (..., width): of row, column and 1 at the target or 0, one after the other, cut."""
    parts = torch.cat([table[row], table[column], table[is_target.long()]], dim=-1)
    return parts[..., :width]


def sinusoids(n: int, width: int) -> Tensor:
    """Return the code of each place in a sequence, shape (n, width), sine and cosine in turn (Vaswani et al., 2017)."""
    rates = torch.exp(-np.log(10_000) * torch.arange(0, width, 2) / width)
    angles = torch.arange(n)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def cells_of(position: Array, size: Array) -> tuple[Ints, Ints] | None:
    """Find the row and column of each object of a layout; None where they are not the cells of a regular grid.

    Parameters
    ----------
    position, size : array, shape (n_objects, 2)
        Middles, and widths and heights, in any one unit; cells may be empty.

    Returns
    -------
    rows, columns : array of int, shape (n_objects,)
        From 0 at the top and at the left.
    """
    columns, rows = (_steps(position[:, axis], float(np.median(size[:, axis]))) for axis in (0, 1))
    if rows is None or columns is None:
        return None
    taken = set(zip(rows.tolist(), columns.tolist(), strict=True))
    return (rows, columns) if len(taken) == len(position) else None


def _steps(middles: Array, extent: float) -> Ints | None:
    """Number of each object along one axis: objects less than half of one apart are level with each other."""
    order = np.argsort(middles, kind="stable")
    is_next: NDArray[np.bool_] = np.diff(middles[order]) > extent / 2
    level = np.empty(len(middles), dtype=np.int64)
    level[order] = np.concatenate([[0], np.cumsum(is_next)])
    lines = np.array([np.median(middles[level == one]) for one in range(level.max() + 1)])
    pitch = float(np.median(np.diff(lines))) if len(lines) > 1 else extent
    number = np.rint((lines - lines[0]) / pitch).astype(np.int64)
    if len(lines) > 1:
        pitch = float(theilslopes(lines, number)[0])
    number = number[level]
    start = float(np.median(middles - number * pitch))
    off = np.abs(middles - start - number * pitch) / pitch
    return number if off.max() <= OFF_GRID else None


def grid_of(layouts: Iterable[Layout]) -> tuple[int, int]:
    """Return the (rows, columns) that hold every one of some layouts.

    Raises
    ------
    DataError
        If a layout is no grid: the codes know rows and columns by their numbers.
    """
    rows, columns = 1, 1
    for layout in layouts:
        cells = cells_of(layout.position_deg, layout.size_deg)
        if cells is None:
            raise DataError(
                f"objects must be the cells of a regular grid for the published model; got others ({layout.name}); "
                f"set objects.source to grid, or models to ours"
            )
        rows, columns = max(rows, int(cells[0].max()) + 1), max(columns, int(cells[1].max()) + 1)
    return rows, columns
