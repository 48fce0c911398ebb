from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from cogattn.psychophysics.scanpath.models.codes import (
    place_codes,
    position_table,
    sinusoids,
    target_cosines,
)

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


def fitted_table(n: int, *, max_steps: int = 10_000) -> torch.Tensor:
    """Codes fitted to the cosines as published: Adam at 1e-2, from standard normal numbers."""
    wanted = torch.from_numpy(target_cosines(n)).float()
    start = np.random.default_rng(0).standard_normal((n, 86))
    codes = torch.from_numpy(start).float().requires_grad_()
    optimiser = torch.optim.Adam([codes], lr=1e-2)
    for _ in range(max_steps):
        norms, unit = codes.norm(dim=1), torch.nn.functional.normalize(codes, dim=1)
        off, uneven = unit @ unit.T - wanted, norms - norms.mean()
        if max(off.detach().abs().max(), (uneven / norms.mean()).detach().abs().max()) < 1e-3:
            break
        optimiser.zero_grad()
        ((off.square().sum() + uneven.square().mean()) / (n * max(n - 1, 1))).backward()
        optimiser.step()
    return codes.detach()


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
