"""The work of networks that timm's authors have counted, and the time that they have measured."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cogattn.observers.rates import H200_AT_BEST, RTX_4090, count_work, work_of


@pytest.mark.parametrize(
    ("name", "gmacs", "macts", "millions"),
    [
        ("resnet18", 1.82, 2.48, 11.69),
        ("efficientnet_b0", 0.4, 6.75, 5.29),
        (
            "vit_tiny_patch16_224",
            1.26,
            4.12,
            5.72,
        ),  # timm counts 5.97 with attention's products, which are no layers
    ],
)
def test_work_is_that_of_timm_s_results(name: str, gmacs: float, macts: float, millions: float):
    """Columns infer_gmacs, infer_macts and param_count of timm's benchmark tables."""
    work = work_of(name)
    assert work.gmacs == pytest.approx(gmacs, abs=0.02, rel=0.02)
    assert work.macts == pytest.approx(macts, rel=0.01)
    assert work.n_parameters / 1e6 == pytest.approx(millions, abs=0.01)


def test_work_of_one_layer_is_algebra():
    with torch.device("meta"):
        layer = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.Flatten(), nn.Linear(5 * 64, 7))
    work = count_work(layer, size=8)
    assert work.gmacs == pytest.approx((64 * 5 * 27 + 320 * 7) / 1e9)
    assert work.macts == pytest.approx((5 * 64 + 7) / 1e6)
    assert RTX_4090.seconds(work) == pytest.approx(4.8 * H200_AT_BEST.seconds(work))


@pytest.mark.parametrize(("name", "per_second"), [("resnet18", 18247), ("efficientnet_b0", 9832)])
def test_the_time_of_an_image_is_near_the_measured_one(name: str, per_second: float):
    assert 0.5 < RTX_4090.seconds(work_of(name)) * per_second < 2
