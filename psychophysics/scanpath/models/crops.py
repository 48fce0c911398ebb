"""Pixels of objects: each cut out of its scene, resized and stretched, as the published model takes them.

As published (Fang et al., 2024): 150 pixels high and 93 wide whatever the object's shape, and each stretched so that
its darkest value is 0 and its brightest 255. Departure: they are resized with antialiasing.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Layout

SIZE = (150, 93)
"""(height, width) as published."""
KEPT_BYTES = 1_000_000_000
"""Crops that are kept; others are cut again when they are asked for."""


def crops_of(layout: Layout, *, size: tuple[int, int] = SIZE) -> Tensor:
    """Cut the objects of a layout out of its image.

    Parameters
    ----------
    layout : Layout
        Boxes are cut, whatever the outlines.
    size : tuple of int
        (height, width) in pixels.

    Returns
    -------
    Tensor of uint8, shape (n_objects, 3, height, width)

    Raises
    ------
    DataError
        If the scene has no image, or one that cannot be read.
    """
    if layout.scene.picture is None:
        raise DataError(f"a scene must have an image for its objects to be cut out; got none ({layout.name})")
    pixels = np.rint(layout.scene.image * 255).astype(np.uint8)
    image = Image.fromarray(pixels).convert("RGB")
    cut = [_cut(image, thing.box_px, size) for thing in layout.scene.objects]
    return torch.from_numpy(np.stack(cut)).movedim(-1, 1).contiguous()


def _cut(image: Image.Image, box: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    right, bottom = min(box[2], float(image.width)), min(box[3], float(image.height))
    x, y = int(left), int(top)  # what lies beyond is cut off first, or resizing would mix it in
    whole = image.crop((x, y, math.ceil(right), math.ceil(bottom)))
    inside = (left - x, top - y, right - x, bottom - y)
    resized = whole.resize((size[1], size[0]), Image.Resampling.BILINEAR, box=inside)
    values = np.asarray(resized, dtype=np.float32)
    low, high = float(values.min()), float(values.max())
    return np.rint((values - low) * (255 / max(high - low, 1.0))).astype(np.uint8)


class Crops(Mapping[str, Tensor]):
    """Crops by the layout's name, cut when they are first asked for.

    Parameters
    ----------
    layouts : sequence of Layout
        Whose names are the keys.
    size : tuple of int
        (height, width) in pixels.
    kept_bytes : int
        How much is kept at most; beyond it, what has not been asked for the longest goes.
    """

    def __init__(
        self, layouts: Sequence[Layout], *, size: tuple[int, int] = SIZE, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._layouts = {layout.name: layout for layout in layouts}
        self._size, self._kept_bytes = size, kept_bytes
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._n_bytes = 0

    def __getitem__(self, name: str) -> Tensor:
        """Return the crops of a layout; see `crops_of`."""
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        found = crops_of(self._layouts[name], size=self._size)
        self._kept[name] = found
        self._n_bytes += found.nbytes
        while self._n_bytes > self._kept_bytes and len(self._kept) > 1:
            self._n_bytes -= self._kept.popitem(last=False)[1].nbytes
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)

    def __len__(self) -> int:
        return len(self._layouts)
