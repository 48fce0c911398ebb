"""Codes of rows and columns whose likeness falls as a Gaussian of distance.

The published model (Fang et al., 2024) knows places by a table with one code for each row or column number, fitted
beforehand so that cos(code_i, code_j) = exp(-(i - j)^2 / (2 sigma^2)) with sigma = 2 and equal norms. A place is
code[row] || code[column] || code[is the target], cut to the width that there is. Two places are then as like as
G(rows apart) + G(columns apart), a cross and no disc, and the mark of the target is a weak one: codes 0 and 1 have a
cosine of .88.

Departure: the published table is fitted by Adam from random numbers. The matrix of those cosines has an exact square
root, which takes no time and depends on no optimiser (`position_table`); both have the cosines, and the norm that
random numbers start with.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cogattn.psychophysics.scanpath.layouts.items import Array

SIGMA, COLUMNS = 2.0, 86
"""As published: width of the Gaussian in rows, and features of a code."""


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


def place_codes(table: Tensor, row: Tensor, column: Tensor, is_target: Tensor, *, width: int) -> Tensor:
    """Return the codes of places (..., width): of row, column and 1 at the target or 0, one after the other, cut."""
    parts = torch.cat([table[row], table[column], table[is_target.long()]], dim=-1)
    return parts[..., :width]


def sinusoids(n: int, width: int) -> Tensor:
    """Return the code of each place in a sequence, shape (n, width), sine and cosine in turn (Vaswani et al., 2017)."""
    rates = torch.exp(-np.log(10_000) * torch.arange(0, width, 2) / width)
    angles = torch.arange(n)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
