from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from cogattn.kernels.winograd import MIN_CHANNELS, FastConvolution, fits, hasten


def layer(n_in: int = 3, n_out: int = 5, **options) -> nn.Conv2d:
    torch.manual_seed(0)
    options = {"padding": 1} | options
    return nn.Conv2d(n_in, n_out, 3, **options).requires_grad_(False)


@pytest.mark.parametrize("size", [(1, 1), (4, 4), (7, 3), (13, 18)])
@pytest.mark.parametrize("bias", [True, False])
def test_fast_convolution_is_the_plain_one(size: tuple[int, int], bias: bool) -> None:
    plain = layer(bias=bias).double()
    maps = torch.randn(2, 3, *size, dtype=torch.float64)
    assert_close(FastConvolution(plain)(maps), plain(maps), rtol=1e-10, atol=1e-12)


def test_rounding_stays_near_that_of_single_precision() -> None:
    plain = layer(256, 256)
    maps = torch.rand(1, 256, 15, 15).contiguous(memory_format=torch.channels_last)
    exact = layer(256, 256).double()(maps.double())
    error = (FastConvolution(plain)(maps) - exact).norm() / exact.norm()
    assert error < 1e-5


def test_only_layers_that_gain_and_fit_are_replaced() -> None:
    wide = {"n_in": MIN_CHANNELS, "n_out": MIN_CHANNELS}
    others = [
        layer(), layer(**wide, stride=2), layer(**wide, padding=0), layer(**wide, dilation=2),
        layer(**wide, groups=2), layer(**wide, padding_mode="reflect"), nn.ReLU(),
    ]  # fmt: skip
    assert not any(fits(other) for other in others)
    module = nn.Sequential(nn.Sequential(layer(**wide), nn.ReLU()), others[1])
    maps = torch.randn(1, MIN_CHANNELS, 8, 8)
    before = module(maps)
    hastened = hasten(module)
    assert [type(m) for m in hastened.modules()].count(FastConvolution) == 1
    assert_close(hastened(maps), before, rtol=1e-4, atol=1e-4)
