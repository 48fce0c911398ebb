"""A search as eccNET makes it: look, compare, go to the best pixel, close its cell, paint its item over, look again.

Eight rules make it what it is; each can be left out for a plainer one:

============  ==========================================================  ==============================================
rule          with it                                                     without it
============  ==========================================================  ==============================================
window        the network sees a window about each fixation, twice as     it sees the display and 64 pixels about it, on
              wide as the display and its margin                          a grid that stays; rings follow the fixation
rings         poolings 3 to 5 average over windows that grow in rings     all poolings average over 2 x 2
half_scale    poolings 3 to 5 of the target, at stride 32, are compared   the same layers of both, at stride 16
              with layers before them, at stride 16
map_scaling   maps are scaled to 0 to 1 and weighted by their maxima      raw maps are averaged
sharpening    three times the difference of two Gaussians is added        nothing is added
pixels        the best pixel of all open cells is fixated                 the middle of the cell with the best mean
painting      the item in a fixated cell is painted over                  its cell is closed, but goes on being seen
touching      found when 10 x 10 pixels touch the target's box            found when the fixated pixel lies in it
============  ==========================================================  ==============================================

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, section 2, and the authors' public code.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from cogattn.errors import ConfigError, DataError
from cogattn.psychophysics.search.config import EccnetRule
from cogattn.psychophysics.search.eccnet.network import EccNet, Picture
from cogattn.psychophysics.search.eccnet.plan import MARGIN_PX
from cogattn.psychophysics.search.eccnet.priority import (
    Array,
    Gaussians,
    best_cell,
    best_pixel,
    combine,
    enlarge,
    gaussian,
    match,
    sharpen,
)

TOUCH_PX = 10
"""Side of the square about a fixation that finds what it touches."""

Mask = NDArray[np.bool_]
Pixel = tuple[int, int]


def eccnet_fixations(
    network: nn.Module,
    image: Picture,
    target: Picture,
    *,
    cells: Mask,
    target_box: Mask,
    background: int,
    gaussians: Gaussians,
    max_fixations: int,
    pixels_per_degree: float = 30.0,
    without: Collection[EccnetRule] = (),
) -> NDArray[np.int64]:
    """Search a display by eccNET's rules.

    Parameters
    ----------
    network : nn.Module
        timm's ``vgg16``, or another VGG of timm, which takes red, green and blue from 0 to 255 less 123.68, 116.779
        and 103.939. Its maxima become averages; the network given is not changed.
    image : array of uint8, shape (height, width) or (height, width, 3)
        The display.
    target : array of uint8, shape (rows, columns) or (rows, columns, 3)
        Picture of the target, tightly cut.
    cells : array of bool, shape (n, height, width)
        Where each of the places lies that are visited once.
    target_box : array of bool, shape (height, width)
        Where the target counts as found; nowhere if it is absent.
    background : int
        Grey from 0 to 255 about the display and where items were.
    gaussians : ((size, sd), (size, sd))
        What the map is sharpened with: sizes, odd, and SDs in cells of 16 pixels; an SD of 0 follows from the size.
    max_fixations : int
        End of a search (paper: the number of cells and one more).
    pixels_per_degree : float
        Resolution (paper: 30).
    without : collection of str
        Rules to leave out, see this module.

    Returns
    -------
    array of int, shape (n_fixations, 2)
        Rows and columns of the display's pixels, the start in its middle first. Row and column are 0 where no pixel
        was left that is better than the worst one of the map.

    Raises
    ------
    ObserverError
        If the network is no VGG.
    DataError
        If arrays do not fit each other.
    ConfigError
        If a window is of even size or there is no fixation to make.
    """
    _check(image, target, cells, target_box, max_fixations)
    for size, sd in gaussians:
        gaussian(int(size), sd)
    seeing = EccNet(network, pixels_per_degree=pixels_per_degree, without=tuple(without))
    return fixations(
        seeing,
        seeing.know(target),
        image,
        cells=cells,
        target_box=target_box,
        background=background,
        gaussians=gaussians,
        max_fixations=max_fixations,
        without=without,
    )


def fixations(
    network: EccNet,
    known: list[Tensor],
    image: Picture,
    *,
    cells: Mask,
    target_box: Mask,
    background: ArrayLike,
    gaussians: Gaussians,
    max_fixations: int,
    without: Collection[EccnetRule] = (),
) -> NDArray[np.int64]:
    """Search with a network and target maps at hand; see `eccnet_fixations`."""
    shown = _Shown(image, cells, np.asarray(background, dtype=np.uint8), moves="window" not in without)
    path = [(image.shape[0] // 2, image.shape[1] // 2)]
    for _ in range(max_fixations):
        priority = _priority(network, known, shown, path[-1], gaussians, without)
        found = _next(priority, shown, path[-1], by_pixel="pixels" not in without)
        if found is None:
            break
        path.append(found)
        shown.close(found, paint="painting" not in without)
        if finds(found, target_box, touching="touching" not in without):
            break
    return np.array(path, dtype=np.int64)


class _Shown:
    """A display in its background as it is seen from a fixation, with the cells that are still open."""

    def __init__(self, image: Picture, cells: Mask, background: Picture, *, moves: bool) -> None:
        self.size = image.shape[:2]
        self.moves, self.background, self.open = moves, background, cells.copy()
        self.reach = max(self.size) + MARGIN_PX
        room = [(self.reach, self.reach)] * 2
        around = np.empty((*(n + 2 * self.reach for n in self.size), *image.shape[2:]), dtype=np.uint8)
        around[...] = background
        around[self._inside] = image
        self._picture = around
        self._cells = np.pad(cells, [(0, 0), *room])

    @property
    def _inside(self) -> tuple[slice, slice]:
        return slice(self.reach, self.reach + self.size[0]), slice(self.reach, self.reach + self.size[1])

    def corner(self, gaze: Pixel) -> Pixel:
        """Row and column, in the display, of the first pixel that is seen."""
        return (gaze[0] - self.reach, gaze[1] - self.reach) if self.moves else (-MARGIN_PX, -MARGIN_PX)

    def seen(self, gaze: Pixel) -> Picture:
        """The picture that the network takes."""
        return self._picture[self._place(gaze)]

    def allowed(self, gaze: Pixel) -> Mask:
        """Open cells in that picture, (n, height, width)."""
        return self._cells[(slice(None), *self._place(gaze))]

    def close(self, gaze: Pixel, *, paint: bool) -> None:
        """Close the first cell that a fixation is in."""
        at = (gaze[0] + self.reach, gaze[1] + self.reach)
        (hit,) = np.nonzero(self._cells[(slice(None), *at)])
        if len(hit):
            closed = self._cells[hit[0]].copy()
            self._cells[:, closed] = False
            if paint:
                self._picture[closed] = self.background

    def _place(self, gaze: Pixel) -> tuple[slice, slice]:
        top, left = (at + self.reach for at in self.corner(gaze))
        height, width = (
            (2 * self.reach, 2 * self.reach) if self.moves else (n + 2 * MARGIN_PX for n in self.size)
        )
        return slice(top, top + height), slice(left, left + width)


def _priority(
    network: EccNet,
    known: list[Tensor],
    shown: _Shown,
    gaze: Pixel,
    gaussians: Gaussians,
    without: Collection[EccnetRule],
) -> Array:
    """The priority of every pixel that is seen from a fixation."""
    picture = shown.seen(gaze)
    if shown.moves:
        maps = network.see(picture, background=shown.background)
    else:
        maps = network.see(picture, centre=(gaze[0] + MARGIN_PX, gaze[1] + MARGIN_PX))
    matches = [match(seen, target) for seen, target in zip(maps, known, strict=True)]
    priority = combine(matches, scaled="map_scaling" not in without)
    if "sharpening" not in without:
        priority = sharpen(priority, gaussians)
    return enlarge(priority, (picture.shape[0], picture.shape[1]))


def _next(priority: Array, shown: _Shown, gaze: Pixel, *, by_pixel: bool) -> Pixel | None:
    """The next fixation, kept inside the display; None where no cell is open and only cells can be chosen."""
    cells = shown.allowed(gaze)
    best = best_pixel(priority, np.asarray(cells.any(axis=0))) if by_pixel else best_cell(priority, cells)
    if best is None:
        return None
    top, left = shown.corner(gaze)
    return min(max(best[0] + top, 0), shown.size[0]), min(max(best[1] + left, 0), shown.size[1])


def finds(gaze: Pixel, target_box: Mask, *, touching: bool = True) -> bool:
    """Whether a fixation finds the target.

    Parameters
    ----------
    gaze : tuple of int
        Row and column.
    target_box : array of bool, shape (height, width)
        Where the target counts as found.
    touching : bool
        Whether 10 x 10 pixels about the fixation need only touch it; False if the pixel itself must lie in it.
    """
    row, column = int(gaze[0]), int(gaze[1])
    if not touching:
        return bool(target_box[row : row + 1, column : column + 1].any())
    half = TOUCH_PX // 2
    return bool(target_box[max(0, row - half) : row + half, max(0, column - half) : column + half].any())


def _check(image: Picture, target: Picture, cells: Mask, target_box: Mask, max_fixations: int) -> None:
    for name, picture in (("image", image), ("target", target)):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
            raise DataError(
                f"{name} must be uint8 of shape (height, width) or (height, width, 3); got {picture.dtype} "
                f"{picture.shape}"
            )
    for name, mask, before in (("cells", cells, cells.shape[:1]), ("target_box", target_box, ())):
        if mask.dtype != np.bool_ or mask.shape != (*before, *image.shape[:2]):
            raise DataError(
                f"{name} must be bool and as large as the image, {image.shape[:2]}; got {mask.dtype} {mask.shape}"
            )
    if max_fixations < 1:
        raise ConfigError(f"max_fixations must be at least 1; got {max_fixations}")
