"""Untrained controls: the architecture stays, the numbers are drawn anew, the original is left alone."""

from __future__ import annotations

import math

import pytest
import timm
import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers.build import build_network
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.observers.live import register
from cogattn.observers.untrained import untrained_copy


class Own(nn.Module):
    """Parameters of every sort, in a layer that cannot reset itself."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.full((4096, 128), 7.0))
        self.gain = nn.Parameter(torch.full((8,), 7.0))
        self.out_bias = nn.Parameter(torch.full((8,), 7.0))
        self.temperature = nn.Parameter(torch.tensor(7.0))
        self.register_buffer("positions", torch.arange(5.0))
        self.norm = nn.BatchNorm1d(8)
        self.norm.running_mean.fill_(7.0)


def trained(module: nn.Module) -> nn.Module:
    """All floating numbers as training might leave them."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 2)
    return module


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_the_architecture_stays_and_every_learned_number_goes(name: str):
    module = trained(timm.create_model(name))
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    fresh = untrained_copy(module, seed=0, name="net")
    assert shapes(fresh) == shapes(module)
    assert repr(fresh) == repr(module)
    assert all(torch.equal(before[key], tensor) for key, tensor in module.state_dict().items())
    kept = [key for key, tensor in fresh.named_parameters() if torch.equal(tensor, before[key])]
    kept += [
        key for key, tensor in fresh.named_buffers() if "running" in key and torch.equal(tensor, before[key])
    ]
    assert kept == []
    assert bool(fresh.eval()(torch.rand(2, 3, 160, 160)).isfinite().all())


def test_numbers_follow_from_seed_and_name_alone():
    module = trained(nn.Linear(8, 8))
    before = torch.random.get_rng_state()
    first = untrained_copy(module, seed=3, name="net").weight
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(9)
    assert torch.equal(untrained_copy(trained(nn.Linear(8, 8)), seed=3, name="net").weight, first)
    assert not torch.equal(untrained_copy(module, seed=4, name="net").weight, first)
    assert not torch.equal(untrained_copy(module, seed=3, name="other").weight, first)


def test_layers_that_cannot_reset_themselves_are_drawn_as_he_et_al_do():
    fresh = untrained_copy(Own(), seed=0, name="own")
    assert fresh.kernel.mean().item() == pytest.approx(0, abs=1e-3)
    assert fresh.kernel.std().item() == pytest.approx(math.sqrt(2 / 128), rel=0.01)  # fan-in of 128
    assert fresh.out_bias.tolist() == [0] * 8
    assert fresh.gain.tolist() == [1] * 8
    assert fresh.temperature.item() == 1
    assert fresh.positions.tolist() == [0, 1, 2, 3, 4]
    assert fresh.norm.running_mean.tolist() == [0] * 8


def test_attention_of_torch_starts_anew():
    module = trained(nn.MultiheadAttention(8, 2))
    fresh = untrained_copy(module, seed=0, name="attention")
    assert fresh.in_proj_weight.abs().max().item() <= math.sqrt(
        6 / (8 + 24)
    )  # Glorot's bound, torch's own start
    assert fresh.in_proj_bias.tolist() == [0] * 24


def test_a_layer_that_fails_to_reset_is_named():
    class Broken(nn.Module):
        def reset_parameters(self, how: str) -> None:
            raise NotImplementedError(how)

    with pytest.raises(ObserverError, match=r"mine must have layers that can be drawn anew; got TypeError"):
        untrained_copy(Broken(), seed=0, name="mine")


def test_timm_s_control_is_timm_s_untrained_network():
    settings = TimmObserver(models=("test_vit",), weights="random")
    expected = build_network(settings, "test_vit", seed=5).module.state_dict()
    control = build_network(TimmObserver(models=("test_vit",)), "test_vit", seed=5, untrained=True)
    assert all(torch.equal(expected[key], tensor) for key, tensor in control.module.state_dict().items())


@pytest.mark.usefixtures("lab")
def test_a_factory_has_an_untrained_control():
    settings = FactoryObserver(target="lab:build", image_size=16)
    network, control, other = (
        build_network(settings, "lab:build", seed=seed, untrained=untrained)
        for seed, untrained in ((0, False), (0, True), (1, True))
    )
    images = torch.rand(4, 3, 16, 16)
    assert control.n_classes == network.n_classes
    assert shapes(control.module) == shapes(network.module)
    assert control.module.gain.tolist() == [1] * 4
    assert network.module.gain.tolist() == [3] * 4
    assert not torch.equal(control.logits(images), network.logits(images))
    assert not torch.equal(control.logits(images), other.logits(images))


def test_a_live_network_has_an_untrained_control():
    module = trained(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)))
    settings = register(module, name="live", image_size=16)
    control = build_network(settings, "live", seed=0, untrained=True)
    assert module[2].weight.min().item() >= 2
    assert float(control.module[2].weight.max()) < 1
    assert float(build_network(settings, "live", seed=0).module[2].weight.min()) >= 2
