"""Pictures as networks see them: in colour, of any size, in code values from 0 to 1; and their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.running.ahead import ahead
from cogattn.running.hardware import current
from cogattn.vision.images.listing import UNREADABLE

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".png", ".jpg", ".jpeg")
BATCH = 32


def read_rgb(folder: Path, name: str) -> NDArray[np.float32]:
    """Return the image `name` of a folder, (3, height, width) in [0, 1]; raise DataError if it cannot be read."""
    from PIL import Image

    try:
        with Image.open(folder / name) as image:
            pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
    except UNREADABLE as error:
        raise DataError(f"{name} must be a readable image; got {error} ({folder})") from None
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)


def score_images(
    load: Callable[[int], NDArray[np.float32]],
    indices: Sequence[int],
    scores_of: Callable[[Tensor], Tensor],
    n_categories: int,
) -> NDArray[np.float64]:
    """Return an observer's scores of all categories, shape (n_indices, n_categories); the highest is its answer.

    Parameters
    ----------
    load : callable
        Index -> image (3, height, width) in [0, 1]; images may differ in size.
    indices : sequence of int
        Which to show.
    scores_of : callable
        (n, 3, height, width) in [0, 1] -> scores (n, n_categories).
    n_categories : int
        Number of scores.

    Notes
    -----
    Threads read the images ahead (`cogattn.running.hardware.Hardware.threads_ahead`).
    """
    import torch

    hardware = current()
    size = max(BATCH, hardware.images_at_once)
    parts = [indices[start : start + size] for start in range(0, len(indices), size)]
    scores = [np.zeros((0, n_categories))]
    for pixels in ahead(
        lambda part: [load(index) for index in part], parts, n_threads=hardware.threads_ahead
    ):
        shown = [torch.from_numpy(one) for one in pixels]
        alike = (
            [torch.stack(shown)] if len({one.shape for one in shown}) == 1 else [one[None] for one in shown]
        )
        scores += [scores_of(images).detach().double().cpu().numpy() for images in alike]
    return np.concatenate(scores)
