"""What a network was raised on: images altered in one way, to test where its asymmetries come from.

Gupta et al. (2021) trained VGG16 on ImageNet turned by 90 degrees, seen through a fish-eye lens, or strewn with
lines, and found asymmetries weakened or reversed. Each diet here alters a batch of images; a network trained on
such images, with whatever training one has, searches as ``--observer.weights`` or ``--observer.kind factory``.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, section 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

Diet = Callable[[Tensor, torch.Generator], Tensor]
"""From images (n, channels, height, width) in [0, 1] to as many of the same size; the generator is its chance."""


def plain(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images as they are."""
    return images


def rotated(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn images by 90 degrees anticlockwise: light comes from the left, the horizon stands upright."""
    return images.rot90(1, (2, 3))


def upside_down(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn images by 180 degrees: light comes from below."""
    return images.rot90(2, (2, 3))


def fish_eyed(images: Tensor, generator: torch.Generator, *, strength: float = 0.5) -> Tensor:
    """Bend straight lines: radii r of the image show ``r * (1 + strength * r^2)``, scaled to its corners.

    Parameters
    ----------
    images : Tensor, shape (n, channels, height, width)
        In [0, 1].
    generator : torch.Generator
        Not used.
    strength : float
        Bending at the corners; 0 changes nothing.
    """
    height, width = images.shape[-2:]
    y, x = torch.meshgrid(
        *(
            (torch.arange(n, device=images.device, dtype=images.dtype) + 0.5) * 2 / n - 1
            for n in (height, width)
        ),
        indexing="ij",
    )
    squared = (x**2 + y**2) / 2  # 1 at the corners
    grid = torch.stack([x, y], dim=-1) * ((1 + strength * squared) / (1 + strength)).unsqueeze(-1)
    return functional.grid_sample(
        images, grid.expand(len(images), -1, -1, -1), padding_mode="border", align_corners=False
    )


def lined(images: Tensor, generator: torch.Generator, *, n_lines: int = 10, width: float = 0.01) -> Tensor:
    """Draw straight lines of random place, direction and grey over images.

    Parameters
    ----------
    images : Tensor, shape (n, channels, height, width)
        In [0, 1].
    generator : torch.Generator
        Draws the lines; it lives on the CPU.
    n_lines : int
        Lines an image.
    width : float
        Of a line, as a part of the image's height.
    """
    n, _, height, columns = images.shape
    draws = torch.rand(3, n, n_lines, 1, 1, generator=generator).to(images)
    angle, offset, grey = draws[0] * torch.pi, draws[1] - 0.5, draws[2]
    y, x = torch.meshgrid(
        (torch.arange(height, device=images.device) + 0.5) / height - 0.5,
        (torch.arange(columns, device=images.device) + 0.5) / height - 0.5 * columns / height,
        indexing="ij",
    )
    distance = (x * angle.cos() + y * angle.sin() - offset).abs()  # (n, lines, height, width)
    for line in range(n_lines):
        ink = (distance[:, line, None] < width / 2).to(images)
        images = images + ink * (grey[:, line, None] - images)
    return images


DIETS: Mapping[str, Diet] = {
    "plain": plain,
    "rotated": rotated,
    "upside_down": upside_down,
    "fish_eyed": fish_eyed,
    "lined": lined,
}
"""Diets by name."""
