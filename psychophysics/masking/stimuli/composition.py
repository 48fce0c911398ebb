"""From an image to a stimulus: grey, low contrast about a mean, masked by noise, inside [0, 1].

Images and what a network is shown are 8-bit sRGB *code values* over 255, which are not proportional to light: code .5
is a luminance of .214. Contrast, mean and noise are set on one of two scales. On ``code`` they act on the code values
themselves, as in the programs of Subramanian et al. (2023). On ``luminance`` the image is first turned
into linear luminance, relative to white, by the transfer function of sRGB, and the finished stimulus back into code
values; so a mean of .449 is .449 of the light of white (code .701), and noise of SD s has an RMS contrast of s / .449.
The spectrum of the noise is that of its band on the scale on which it was added.

As in the paper every image keeps the same part of its own contrast, so RMS contrast still differs between images.
Where image plus noise leaves [0, 1] of the scale, the sum is clipped and the clipped pixels counted; the paper's way,
which moves the image pixel instead, is the option ``reference``. The paper also stored its stimuli as JPEG; here
nothing is compressed.

References
----------
IEC 61966-2-1:1999, Default RGB colour space - sRGB: the transfer function.
Subramanian, Sizikova, Majaj and Pelli (2023), NeurIPS; arXiv 2309.13190.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

MARGIN = 0.1  # the paper's epsilon: how far inside [0, 1] a moved pixel comes to lie
Scale = Literal["code", "luminance"]


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Images ready to be shown.

    Parameters
    ----------
    images : Tensor, shape (n, height, width)
        In [0, 1]: code values, or on the scale on which noise was added.
    n_clipped : Tensor, shape (n,), int64
        Pixels of each image that did not fit into [0, 1] and were changed.
    """

    images: Tensor
    n_clipped: Tensor


def to_scale(codes: Tensor, scale: Scale) -> Tensor:
    """Return code values in [0, 1] on a scale: as they are, or as luminance relative to white, in [0, 1].

    Luminance is code / 12.92 up to code 0.04045, ((code + 0.055) / 1.055)^2.4 above (IEC 61966-2-1).
    """
    if scale == "code":
        return codes
    return torch.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def to_codes(images: Tensor, scale: Scale) -> Tensor:
    """Return images on a scale, in [0, 1], as code values; the inverse of `to_scale`."""
    if scale == "code":
        return images
    return torch.where(images <= 0.0031308, 12.92 * images, 1.055 * images ** (1 / 2.4) - 0.055)


def set_contrast(images: Tensor, contrast: float, mean: float) -> Tensor:
    """Keep part of each image's contrast and give it a mean: ``(x - mean(x)) * contrast + mean``.

    Parameters
    ----------
    images : Tensor, shape (n, height, width)
        In [0, 1], on the scale on which contrast is set.
    contrast : float
        Part kept (paper: 0.2).
    mean : float
        Mean of every result (paper: 0.449).

    Returns
    -------
    Tensor, shape (n, height, width)
        Inside [0, 1] for the paper's values, not for all others.
    """
    return (images - images.mean(dim=(1, 2), keepdim=True)).mul_(contrast).add_(mean)


def add_noise(
    images: Tensor,
    unit_noise: Tensor,
    sds: Tensor | Sequence[float],
    *,
    clipping: Literal["clip", "reference"] = "clip",
    generators: Sequence[np.random.Generator] | None = None,
) -> Stimuli:
    """Add noise of the given SDs and make the sum fit into [0, 1].

    Parameters
    ----------
    images : Tensor, shape (n, height, width)
        On the scale on which noise is added.
    unit_noise : Tensor, shape (n, height, width)
        Noise of nominal SD 1.
    sds : Tensor or sequence of float, shape (n,)
        Noise SD of each image, in units of the scale; 0 for none.
    clipping : {"clip", "reference"}
        ``clip`` sets what leaves [0, 1] to the limit. ``reference`` moves the *image* pixel so that the sum
        lies 0.1 inside; where that would take the image pixel itself out of [0, 1], the pixel's noise is
        redrawn, white and Gaussian, until the sum fits (here in one step, from the truncated Gaussian).
    generators : sequence of Generator, length n
        For ``reference`` only: the streams from which noise pixels are redrawn.

    Returns
    -------
    Stimuli

    Raises
    ------
    ValueError
        If `clipping` is ``reference`` and there are no `generators`.
    """
    if clipping == "reference" and generators is None:
        raise ValueError("generators must be given where clipping is 'reference', which redraws; got None")
    sd = torch.as_tensor(sds, dtype=images.dtype, device=images.device)
    total = (unit_noise * sd.view(-1, 1, 1)).add_(images)
    leaves = (total.amin(dim=(1, 2)) < 0) | (total.amax(dim=(1, 2)) > 1)
    n_clipped = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    for i in leaves.nonzero().flatten().tolist():
        outside = (total[i] < 0) | (total[i] > 1)
        n_clipped[i] = outside.sum()
        if generators is not None and clipping == "reference":
            pixels, noise = images[i, outside], unit_noise[i, outside] * sd[i]
            total[i, outside] = _moved(pixels, noise, float(sd[i]), generators[i])
    return Stimuli(total.clamp_(0, 1), n_clipped)


def _moved(pixels: Tensor, noise: Tensor, sd: float, generator: np.random.Generator) -> Tensor:
    """The paper's answer to sums outside [0, 1], (m,): move the image pixel, else redraw the noise pixel."""
    dark = pixels + noise < 0
    total = torch.where(dark, pixels.new_tensor(MARGIN), pixels.new_tensor(1 - MARGIN))
    unmovable = torch.where(dark, total - noise > 1, total - noise < 0)
    if unmovable.any():
        total[unmovable] = pixels[unmovable] + _truncated(pixels[unmovable], sd, generator)
    return total


def _truncated(pixels: Tensor, sd: float, generator: np.random.Generator) -> Tensor:
    """Gaussian noise of this SD on condition that pixel plus noise lies in [0, 1]; (m,) -> (m,)."""
    low, high = torch.special.ndtr(-pixels.double() / sd), torch.special.ndtr((1 - pixels.double()) / sd)
    uniform = torch.from_numpy(generator.random(len(pixels))).to(pixels.device)
    return (sd * torch.special.ndtri(low + (high - low) * uniform)).to(pixels.dtype)
