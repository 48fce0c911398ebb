"""Networks: preprocessing against algebra and PIL, gradients against calculus, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers import Network
from cogattn.observers.network import _products_in_tf32
from cogattn.running.hardware import Hardware, using

MEAN, STD = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)


class ChannelMeans(nn.Module):
    """Answers with the mean of each channel of what it is given."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean(dim=(2, 3))


class Linear(nn.Module):
    """One score per class, linear in the pixels, with timm's two halves."""

    def __init__(self, n_classes: int = 4, size: int = 8) -> None:
        super().__init__()
        self.layer = nn.Linear(3 * size * size, n_classes)

    def forward_features(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return features.flatten(1) if pre_logits else self.layer(features.flatten(1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(inputs))


def network(module: nn.Module, *, size: int = 8, n_classes: int = 3) -> Network:
    return Network(
        module, name="test", n_classes=n_classes, input_size=size, mean=MEAN, std=STD, device="cpu"
    )


def test_module_sees_images_less_mean_over_sd():
    images = torch.rand(5, 3, 8, 8)
    expected = (images.mean(dim=(2, 3)) - torch.tensor(MEAN)) / torch.tensor(STD)
    torch.testing.assert_close(network(ChannelMeans()).logits(images), expected)


@pytest.mark.parametrize("sizes", [(21, 8), (8, 21), (30, 17)])
@pytest.mark.parametrize(
    ("interpolation", "resample"),
    [("bicubic", Image.Resampling.BICUBIC), ("bilinear", Image.Resampling.BILINEAR)],
)
def test_resizing_is_that_of_pil(sizes: tuple[int, int], interpolation, resample):
    shown, taken = sizes
    image = np.random.default_rng(0).uniform(0.2, 0.8, (shown, shown)).astype(np.float32)
    resized = np.clip(np.asarray(Image.fromarray(image).resize((taken, taken), resample)), 0, 1)
    net = Network(ChannelMeans(), name="test", n_classes=3, input_size=taken, interpolation=interpolation)
    ours = net.preprocess(torch.from_numpy(image).expand(1, 3, -1, -1))[0, 0].numpy()
    np.testing.assert_allclose(ours, resized, atol=2e-6)


def test_images_of_the_network_s_size_are_not_resampled():
    images = torch.rand(2, 3, 8, 8)
    net = Network(ChannelMeans(), name="test", n_classes=3, input_size=8)
    assert torch.equal(net.preprocess(images), images)


def test_gradient_reaches_the_pixels_through_normalisation():
    module = Linear()
    images = torch.rand(1, 3, 8, 8, requires_grad=True)
    network(module).logits(images, differentiable=True)[0, 2].backward()
    weight = module.layer.weight[2].view(3, 8, 8)
    torch.testing.assert_close(images.grad[0], weight / torch.tensor(STD).view(3, 1, 1))


def test_gradient_reaches_the_pixels_through_resizing():
    images = torch.rand(1, 3, 16, 16, dtype=torch.float64).mul_(0.5).add_(0.25).requires_grad_()
    network(ChannelMeans()).logits(images, differentiable=True).sum().backward()
    total = images.grad.sum(dim=(0, 2, 3))  # raising every pixel by d raises every mean by d / std
    torch.testing.assert_close(total, 1 / torch.tensor(STD, dtype=torch.float64), rtol=1e-5, atol=0)


def test_network_is_frozen_and_answers_without_gradients():
    module = nn.Sequential(Linear(), nn.Dropout(0.5))
    net = network(module)
    images = torch.rand(3, 3, 8, 8)
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not net.logits(images).requires_grad
    assert torch.equal(net.logits(images), net.logits(images))


def test_features_are_what_the_classifier_weighs():
    module = Linear()
    net = network(module)
    images = torch.rand(3, 3, 8, 8)
    features = net.features(images)
    assert features.shape == (3, 192)
    torch.testing.assert_close(features @ module.layer.weight.T + module.layer.bias, net.logits(images))


def test_a_module_without_features_is_refused_for_readouts():
    with pytest.raises(ObserverError, match="forward_features"):
        network(ChannelMeans()).features(torch.rand(1, 3, 8, 8))


@pytest.mark.parametrize(
    ("images", "told"),
    [
        (torch.full((1, 3, 8, 8), 1.01), "in \\[0, 1\\]"),
        (torch.full((1, 3, 8, 8), -0.01), "in \\[0, 1\\]"),
        (torch.full((1, 3, 8, 8), torch.nan), "nan"),
        (torch.zeros(3, 8, 8), "n, 3, height, width"),
        (torch.zeros(1, 1, 8, 8), "n, 3, height, width"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "uint8"),
    ],
)
def test_images_of_other_shape_type_or_range_are_refused(images: torch.Tensor, told: str):
    with pytest.raises(ObserverError, match=told):
        network(ChannelMeans()).logits(images)


def test_no_images_give_no_answers():
    assert network(ChannelMeans()).logits(torch.zeros(0, 3, 8, 8)).shape == (0, 3)


class Counting(ChannelMeans):
    """Notes how many images it was given each time, and in which type a product comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.n_images: list[int] = []
        self.types: list[torch.dtype] = []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.n_images.append(len(inputs))
        product = inputs.flatten(1) @ torch.ones(192, 3)
        self.types.append(product.dtype)
        return product


@pytest.mark.parametrize(("batch", "parts"), [(None, [4, 4, 2]), (5, [5, 5]), (64, [10])])
def test_images_reach_the_module_as_many_at_once_as_the_execution_says(batch: int | None, parts: list[int]):
    with using(Hardware(("cpu",), batch=batch)):
        net = network(Counting())
    images = torch.rand(10, 3, 8, 8)
    torch.testing.assert_close(net.logits(images), network(Counting()).logits(images))
    assert net.module.n_images == parts


@pytest.mark.parametrize(("precision", "kind"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_layers_compute_in_the_execution_s_precision_and_answers_are_float32(precision, kind):
    images = torch.rand(10, 3, 8, 8)
    with using(Hardware(("cpu",), precision)):
        net = network(Counting())
    answers = net.logits(images)
    assert set(net.module.types) == {kind}
    assert answers.dtype == torch.float32
    exact = network(Counting()).logits(images)
    error = (answers - exact).abs().max() / exact.abs().max()
    assert 0 < error < torch.finfo(kind).eps


def test_gradients_in_fp16_are_those_of_float32():
    module, images = Linear(), torch.rand(2, 3, 8, 8)
    with using(Hardware(("cpu",), "fp16")):
        half = network(module)
    gradients = []
    for net in (half, network(module)):
        seen = images.clone().requires_grad_()
        (1e-9 * net.logits(seen, differentiable=True)[:, 2]).sum().backward()
        gradients.append(seen.grad)
    assert torch.equal(*gradients)
    assert gradients[0].abs().min() > 0


def test_grey_images_are_answered_as_their_copies_in_three_channels():
    grey = torch.rand(6, 1, 12, 12)
    net = network(Linear())
    assert torch.equal(net.logits(grey.expand(-1, 3, -1, -1)), net.logits(grey.repeat(1, 3, 1, 1)))
    with pytest.raises(ObserverError, match="in \\[0, 1\\]"):
        net.logits((grey + 1).expand(-1, 3, -1, -1))


def test_too_many_images_for_the_memory_are_one_sentence():
    class Full(ChannelMeans):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ObserverError, match="--batch must be of as many images as cpu has memory for; got 4"):
        network(Full()).logits(torch.rand(10, 3, 8, 8))


def test_tensor_float_32_is_off_unless_asked_for():
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    for on in (True, False):
        with _products_in_tf32(on):
            assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is on
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
