"""A frozen image network that answers with class scores or pooled features and does its own preprocessing.

Images are (n, 3, height, width) in [0, 1] everywhere outside; size, interpolation, mean and standard
deviation are the network's and never the caller's business; device, precision and images at once are the execution's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.errors import ObserverError
from cogattn.observers.config import Interpolation
from cogattn.running.hardware import current, default_batch

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Network:
    """A frozen classifier in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Module
        Maps normalised images (n, 3, input_size, input_size) to scores (n, n_classes); moved to `device`
        and frozen.
    name : str
        What tables call it.
    n_classes : int
        Number of scores per image.
    input_size : int
        Side of the images that the module takes, in pixels; images of another size are resized to it.
    mean, std : tuple of float
        Per channel, in units of the image's range: the module sees ``(image - mean) / std``.
    interpolation : {"bilinear", "bicubic"}
        How images are resized, antialiased.
    device : str
        ``"auto"`` (that of `cogattn.running.hardware.current`) or a torch device.

    Raises
    ------
    ObserverError
        By `logits` and `features`, for images of another shape, type or range, or more at once than the device holds.

    Notes
    -----
    Answers come back on the device of the images. They are plain numbers, made in ``torch.inference_mode``,
    unless ``differentiable=True``: then gradients reach the images through resizing and normalisation. They are never
    computed in fp16, in which those below 6e-8 are zero, but in float32.

    Examples
    --------
    >>> from cogattn.observers import TimmObserver, build_network
    >>> network = build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0)
    >>> network.logits(torch.rand(8, 3, 224, 224)).shape
    torch.Size([8, 1000])
    >>> network.features(torch.rand(8, 3, 224, 224)).shape
    torch.Size([8, 1280])
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        name: str,
        n_classes: int,
        input_size: int,
        mean: tuple[float, float, float] = (0.0, 0.0, 0.0),
        std: tuple[float, float, float] = (1.0, 1.0, 1.0),
        interpolation: Interpolation = "bicubic",
        device: str = "auto",
    ) -> None:
        self.name, self.n_classes, self.input_size = name, n_classes, input_size
        self.mean, self.std, self.interpolation = mean, std, interpolation
        hardware = current()
        self.device = torch.device(hardware.device if device == "auto" else device)
        self.precision = hardware.precision
        self.batch = hardware.batch or default_batch(self.device.type)
        by_pixel = self.device.type == "cpu" or self.precision != "fp32"  # as tensor cores take them, too
        self.memory_format = torch.channels_last if by_pixel else torch.contiguous_format
        self.module = module.eval().requires_grad_(False).to(self.device).to(memory_format=self.memory_format)

    def logits(self, images: Tensor, *, differentiable: bool = False) -> Tensor:
        """Return scores before softmax, shape (n, n_classes), for images (n, 3, height, width) in [0, 1]."""
        return self._answer(self.module, images, differentiable=differentiable)

    def features(self, images: Tensor, *, differentiable: bool = False) -> Tensor:
        """Return pooled features before the classifier, shape (n, n_features).

        Raises
        ------
        ObserverError
            If the module has no ``forward_features`` and ``forward_head`` as timm's networks have.
        """
        if not (hasattr(self.module, "forward_features") and hasattr(self.module, "forward_head")):
            raise ObserverError(
                f"a readout's network must have timm's forward_features and forward_head; got {self.name}"
            )
        return self._answer(self._pooled, images, differentiable=differentiable)

    def preprocess(self, images: Tensor) -> Tensor:
        """Resize and normalise images (n, 3, height, width) in [0, 1] to what the module takes."""
        size = (self.input_size, self.input_size)
        if images.shape[-2:] != size:
            images = functional.interpolate(images, size, mode=self.interpolation, antialias=True).clamp(0, 1)
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (images - mean) / std

    @contextmanager
    def computing(self, *, differentiable: bool = False) -> Generator[None]:
        """Have layers compute in the execution's precision inside: TensorFloat-32 is off unless asked for."""
        with ExitStack() as inside:
            if self.device.type == "cuda":
                inside.enter_context(_products_in_tf32(self.precision == "tf32"))
            if self.precision == "bf16" or (self.precision == "fp16" and not differentiable):
                inside.enter_context(torch.autocast(self.device.type, AUTOCAST[self.precision]))
            yield

    def _pooled(self, inputs: Tensor) -> Tensor:
        halves = cast(_TwoHalves, self.module)
        return halves.forward_head(halves.forward_features(inputs), pre_logits=True)

    def _answer(self, forward: Callable[[Tensor], Tensor], images: Tensor, *, differentiable: bool) -> Tensor:
        _check_form(images)
        with torch.enable_grad() if differentiable else torch.inference_mode():
            parts = images.split(self.batch)
            return torch.cat([self._forward(forward, part, differentiable=differentiable) for part in parts])

    def _forward(
        self, forward: Callable[[Tensor], Tensor], images: Tensor, *, differentiable: bool
    ) -> Tensor:
        try:
            seen = self._sent(images, grey=not differentiable and images.stride(1) == 0)
            inputs = self.preprocess(seen).contiguous(memory_format=self.memory_format)
            with self.computing(differentiable=differentiable):
                answer = forward(inputs)
            return (answer.float() if self.precision in AUTOCAST else answer).to(images.device)
        except torch.OutOfMemoryError as error:
            raise ObserverError(
                f"--batch must be of as many images as {self.device} has memory for; got {len(images)} at once "
                f"({self.name})"
            ) from error

    def _sent(self, images: Tensor, *, grey: bool) -> Tensor:
        """Images on the network's device, their range checked there; of grey ones a single channel travels."""
        sent = (images[:, :1] if grey else images).to(self.device, torch.float32, non_blocking=True)
        if sent.numel():
            low, high = torch.stack(sent.detach().aminmax()).tolist()
            if not (low >= 0 and high <= 1):
                raise ObserverError(
                    f"images must lie in [0, 1]; got values from {low:.4g} to {high:.4g} ({self.name})"
                )
        return sent.expand(-1, 3, -1, -1) if grey else sent


@contextmanager
def _products_in_tf32(on: bool) -> Generator[None]:
    """Allow TensorFloat-32 in matrix products and convolutions, or forbid it; then as it was."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = on
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _check_form(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ObserverError(
            f"images must be floats (n, 3, height, width); got {images.dtype} {tuple(images.shape)}"
        )


class _TwoHalves(Protocol):
    """What timm's networks have beside ``forward``."""

    def forward_features(self, inputs: Tensor) -> Tensor: ...

    def forward_head(self, features: Tensor, pre_logits: bool) -> Tensor: ...
