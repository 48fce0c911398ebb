from __future__ import annotations

import functools

import pytest
import timm
import torch
from torch.nn import functional
from torch.testing import assert_close

from cogattn.errors import ObserverError
from cogattn.observers.build import timm_network
from cogattn.observers.network import Network
from cogattn.vision.fovea import Backbone, FoveatedField, Level, foveate, image_inputs
from cogattn.vision.retina import INTEGRATIONS, Integration

UNIFORM, V2 = INTEGRATIONS["uniform"], INTEGRATIONS["v2"]


@functools.cache
def network(name: str) -> Network:
    torch.manual_seed(0)
    return timm_network(timm.create_model(name), name=name, device="cpu")


def random_field(integration: Integration, *, size: int = 48, stride: int = 4) -> FoveatedField:
    maps = torch.randn(2, 3, size // stride, size // stride, generator=torch.Generator().manual_seed(0))
    return FoveatedField(
        [Level(maps.double(), stride)],
        image_size=(size, size),
        pixels_per_degree=4.0,
        integration=integration,
    )


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("tf_efficientnet_lite0", [8, 16, 32]),
        ("resnet18", [8, 16, 32]),
        ("vit_tiny_patch16_224", [16, 16, 16]),
    ],
)
def test_uniform_field_is_the_plain_network_from_every_gaze(name: str, strides: list[int]) -> None:
    net = network(name)
    images = torch.rand(2, 3, 128, 160)
    field = foveate(Backbone(net), images, pixels_per_degree=30, integration=UNIFORM)
    assert [level.stride_px for level in field.levels] == strides
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (net.mean, net.std))
    module = net.module
    if name.startswith("vit"):
        module = timm.create_model(name)
        module.load_state_dict(net.module.state_dict())
        module.eval().set_input_size(img_size=(128, 160))
    with torch.inference_mode():
        plain = module.forward_intermediates((images - mean) / std, intermediates_only=True)
    plain = [plain[i] for i in field_indices(name, len(plain))]
    for seen, expected in zip(field.features(torch.tensor([[0.0, 0.0], [1.7, -2.0]])), plain, strict=True):
        assert seen.shape == (2, 2, *expected.shape[1:])
        assert_close(seen, expected.unsqueeze(1).expand_as(seen), rtol=1e-4, atol=1e-4)


def field_indices(name: str, n: int) -> list[int]:
    return [3, 7, 11] if name.startswith("vit") else [n - 3, n - 2, n - 1]


def test_a_network_is_not_changed_by_its_backbone() -> None:
    net = network("vit_tiny_patch16_224")
    before = net.module.pos_embed.clone()
    Backbone(net)(torch.rand(1, 3, 128, 128))
    assert_close(net.module.pos_embed, before)
    assert net.logits(torch.rand(1, 3, 224, 224)).shape == (1, 1000)


def test_pooled_features_are_means_over_windows_that_grow_with_eccentricity() -> None:
    """Whole-cell windows against an explicit loop."""
    integration = Integration((0.5,), 1.0)
    field = random_field(integration)
    maps = field.levels[0].maps
    gaze = torch.tensor([[-3.5, 1.5]], dtype=torch.float64)
    seen = field.features(gaze)[0][:, 0]
    for row in range(12):
        for column in range(12):
            center = torch.tensor([column - 5.5, row - 5.5], dtype=torch.float64)  # one degree a cell
            width = 1 + 0.5 * max(0.0, float((center - gaze[0]).norm()) - 1)
            assert_close(seen[:, :, row, column], window_mean(maps, column + 0.5, row + 0.5, width))


@pytest.mark.parametrize("name", INTEGRATIONS)
def test_every_preset_widens_each_level_by_its_own_slope(name: str) -> None:
    preset, generator = INTEGRATIONS[name], torch.Generator().manual_seed(0)
    levels = [
        Level(torch.randn(1, 2, 32 // stride, 32 // stride, generator=generator).double(), stride)
        for stride in (1, 2, 4)
    ]
    field = FoveatedField(levels, image_size=(32, 32), pixels_per_degree=1.0, integration=preset)
    gaze = torch.tensor([[-11.0, -8.0]], dtype=torch.float64)
    for index, (level, seen) in enumerate(zip(levels, field.features(gaze), strict=True)):
        slope = preset.slopes[index % len(preset.slopes)]
        for cell in range(level.maps.shape[-1]):
            middle = (cell + 0.5) * level.stride_px - 16
            eccentricity = float((torch.tensor([middle, middle]) - gaze[0]).norm())
            width = 1 + slope * max(0.0, eccentricity - preset.onset_deg) / level.stride_px  # in cells
            want = window_mean(level.maps, cell + 0.5, cell + 0.5, width)
            assert_close(seen[:, 0, :, cell, cell], want)


def window_mean(maps: torch.Tensor, x: float, y: float, width: float) -> torch.Tensor:
    """Mean over a square window with fractional edges, cell by cell."""
    total, area = torch.zeros(maps.shape[:2], dtype=maps.dtype), 0.0
    for row in range(maps.shape[2]):
        for column in range(maps.shape[3]):
            overlap_x = max(0.0, min(x + width / 2, column + 1) - max(x - width / 2, column))
            overlap_y = max(0.0, min(y + width / 2, row + 1) - max(y - width / 2, row))
            total += overlap_x * overlap_y * maps[:, :, row, column]
            area += overlap_x * overlap_y
    return total / area


def test_field_turns_with_the_image_and_the_gaze() -> None:
    field = random_field(V2)
    turned = FoveatedField(
        [Level(field.levels[0].maps.rot90(1, (2, 3)), 4)],
        image_size=(48, 48),
        pixels_per_degree=4.0,
        integration=V2,
    )
    gaze = torch.tensor([[2.0, -3.0]], dtype=torch.float64)
    turned_gaze = torch.stack([gaze[:, 1], -gaze[:, 0]], dim=1)  # anticlockwise, y down
    assert_close(turned.features(turned_gaze)[0], field.features(gaze)[0].rot90(1, (3, 4)))


def test_pooling_commutes_with_a_linear_readout() -> None:
    field = random_field(V2)
    weights = torch.randn(5, 3, 1, 1, dtype=torch.float64)
    points = torch.rand(30, 2, dtype=torch.float64) * 8 - 4
    gaze = torch.randn(4, 2, dtype=torch.float64)
    maps = field.levels[0].maps
    pooled_last = field.read(functional.conv2d(maps, weights), points, gaze, level=0)
    pooled_first = torch.einsum("oc,bcgp->bogp", weights[:, :, 0, 0], field.read(maps, points, gaze, level=0))
    assert_close(pooled_last, pooled_first)


def test_constant_maps_stay_constant_up_to_the_edge() -> None:
    field = FoveatedField(
        [Level(torch.full((1, 1, 12, 12), 100.0), 4)],
        image_size=(48, 48),
        pixels_per_degree=4.0,
        integration=V2,
    )
    seen = field.features(torch.tensor([[0.0, 0.0], [40.0, -40.0]]))[0]
    assert_close(seen, torch.full_like(seen, 100.0))


def test_gradients_reach_gaze_and_features() -> None:
    field = random_field(V2)
    maps = field.levels[0].maps[:1, :1].clone().requires_grad_()
    gaze = torch.tensor([[0.31, -0.77]], dtype=torch.float64, requires_grad=True)
    points = torch.tensor([[1.13, 2.2], [-3.4, 0.6]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda m, g: field.read(m, points, g, level=0), (maps, gaze))


def test_networks_without_features_are_refused() -> None:
    plain = Network(torch.nn.Flatten(), name="plain", n_classes=2, input_size=8)
    with pytest.raises(ObserverError, match="forward_intermediates"):
        Backbone(plain)
    with pytest.raises(ObserverError, match="levels must be"):
        Backbone(network("resnet18"), n_levels=9)


class OutOfOrder(torch.nn.Module):
    """Registers its layers in one order and runs them in another, so that folding by order would be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(3, 3, 3, stride=4), torch.nn.BatchNorm2d(3)
        self.norm.running_mean += 0.5
        self.feature_info = [{"reduction": 4, "module": "conv"}]

    def forward_intermediates(self, x, indices, intermediates_only):
        return [self.conv(self.norm(x))]


@pytest.mark.parametrize("module", [OutOfOrder(), None])
def test_a_backbone_shows_what_its_network_does_whatever_the_order_of_its_layers(
    module: torch.nn.Module | None,
) -> None:
    torch.manual_seed(0)
    net = network("resnet18") if module is None else Network(module, name="own", n_classes=2, input_size=32)
    backbone, images = Backbone(net, n_levels=1), torch.rand(1, 3, 64, 64)
    inputs = image_inputs(net, images, multiple=backbone.strides[-1])
    with torch.inference_mode():
        (expected,) = net.module.forward_intermediates(
            inputs, indices=backbone.indices, intermediates_only=True
        )
    torch.testing.assert_close(backbone(images)[0].maps, expected, rtol=1e-3, atol=1e-3)
    assert (backbone._folded is net.module) == (module is not None)
