from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from cogattn.kernels.folding import agree, fold_batch_norms


def shaken(module: nn.Module) -> nn.Module:
    """A frozen network whose batch norms do something."""
    generator = torch.Generator().manual_seed(1)

    def draw(tensor: torch.Tensor, low: float, high: float) -> None:
        tensor.data.copy_(torch.rand(tensor.shape, generator=generator) * (high - low) + low)

    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            draw(norm.weight, 0.5, 1.5)
            draw(norm.bias, -0.3, 0.3)
            draw(norm.running_mean, -0.2, 0.2)
            draw(norm.running_var, 0.5, 2.0)
    return module.eval()


def count(module: nn.Module, kind: type) -> int:
    return sum(isinstance(one, kind) for one in module.modules())


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0", "regnetx_002", "vgg11_bn"])
def test_folded_networks_show_the_same_features(name: str) -> None:
    torch.manual_seed(0)
    network = shaken(timm.create_model(name))
    folded = fold_batch_norms(network)
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        before, after = (one.forward_intermediates(x, intermediates_only=True) for one in (network, folded))
    assert count(network, nn.BatchNorm2d) > 5
    assert count(folded, nn.BatchNorm2d) == 0
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * float(a.abs().max()))


def test_the_network_itself_is_left_alone() -> None:
    network = shaken(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fold_batch_norms(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)],
        [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)],
        [nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)],
    ],
)
def test_what_cannot_be_folded_stays(layers: list[nn.Module]) -> None:
    network = nn.Sequential(*layers).eval()
    assert fold_batch_norms(network) is network


def test_a_network_in_training_is_not_folded() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    assert fold_batch_norms(network) is network


def test_maps_agree_up_to_rounding_and_no_further() -> None:
    a = torch.rand(1, 2, 3, 3)
    assert agree([a], [a + 1e-6])
    assert not agree([a], [a + 0.01])
    assert not agree([a], [a[:, :1]])
    assert not agree([a], [a * float("nan")])
