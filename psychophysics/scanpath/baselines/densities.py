"""Densities over pixels that others predicted, as chances of objects: what is within an object's outline adds up.

A folder holds one file a scene, named as the scene is: ``.npy``, ``.npz`` with one array, or a grey image. It may be as
large as the scene's image, or smaller or larger of the same shape. Numbers are relative: of densities, or, where some
are negative, their natural logarithms, in all files or in none. As with fixations, a pixel counts for the smallest
object that holds it, and one on no object for the nearest, or for none (``objects.beside``).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import ObjectSettings
from cogattn.psychophysics.scanpath.layouts.assigning import areas_px
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, PathSet
from cogattn.vision.scenes.scene import pixels

ARRAYS = (".npy", ".npz")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MAX_BYTES = 1 << 28
"""Of one file, and of the array in it."""
SAME_SHAPE = 0.02
"""Largest relative difference of the ratio of sides."""
EVEN = 0.01
"""Part of the chances that is spread evenly over a layout's objects where some object would be impossible."""
NOBODYS = -1


def is_there(path: Path) -> bool:
    """Whether a path is a folder with such files."""
    return path.is_dir() and any(_files(path))


def read(path: Path, data: PathSet, settings: ObjectSettings) -> tuple[dict[int, Array], tuple[str, ...]]:
    """Read a folder of densities.

    Parameters
    ----------
    path : Path
        The folder.
    data : PathSet
        The layouts.
    settings : ObjectSettings
        Where pixels beside objects count.

    Returns
    -------
    dict
        ln of the chance of each object, by the number of the layout.
    tuple of str
        What a reader must know.

    Raises
    ------
    DataError
        If no file is of a layout, or one is no density of its layout's image.
    """
    files = {file.stem: file for file in _files(path)}
    numbers = {layout.name: number for number, layout in enumerate(data.layouts)}
    known = {name: number for name, number in numbers.items() if _stem(name, files)}
    if not known:
        raise DataError(
            f"predictions must be named as scenes are ({next(iter(numbers))} ...); got {next(iter(files), 'no file')} "
            f"({path})"
        )
    maps = {number: _density(files[_stem(name, files)]) for name, number in known.items()}
    logarithmic = {number: bool((values < 0).any()) for number, values in maps.items()}
    if len(set(logarithmic.values())) > 1:
        odd = next(number for number, one in logarithmic.items() if one)
        raise DataError(
            f"densities must all be logarithms, or none; got negative numbers of {sum(logarithmic.values())} of "
            f"{len(maps)} scenes ({data.layouts[odd].name}, {path})"
        )
    chances = {
        number: over_objects(
            _linear(values, logarithmic[number], data.layouts[number].name), data.layouts[number], settings
        )
        for number, values in maps.items()
    }
    bare = [number for number, chance in chances.items() if (chance <= 0).any()]
    for number in bare:
        chances[number] = (1 - EVEN) * chances[number] + EVEN / len(chances[number])
    unused = len(files) - len({_stem(name, files) for name in known})
    said = _said(path.name, len(maps), any(logarithmic.values()), len(bare), unused)
    return {number: np.log(chance) for number, chance in chances.items()}, said


def over_objects(density: Array, layout: Layout, settings: ObjectSettings) -> Array:
    """Return the chance of each object, (n_objects,), from a density over pixels, (height, width), of any sum.

    Raises
    ------
    DataError
        If the density has another shape than the image, or nothing on or near an object.
    """
    height, width = layout.scene.size_px
    rows, columns = density.shape
    if abs(np.log((columns / rows) / (width / height))) > SAME_SHAPE:
        raise DataError(
            f"densities must have the shape of their image, {height} x {width}; got {rows} x {columns} ({layout.name})"
        )
    owner = owners(layout, (rows, columns), settings)
    counted = owner != NOBODYS
    total = np.bincount(owner[counted], weights=density[counted], minlength=layout.n_objects)
    if not total.sum() > 0:
        raise DataError(f"densities must have something on objects; got nothing ({layout.name})")
    return total / total.sum()


def owners(layout: Layout, shape: tuple[int, int], settings: ObjectSettings) -> Ints:
    """Return the object that each pixel of a map of some shape counts for, -1 for none."""
    height, width = layout.scene.size_px
    step = np.array([height / shape[0], width / shape[1]])  # pixels of the image a pixel of the map
    y, x = ((np.arange(n) + 0.5) * size for n, size in zip(shape, step, strict=True))
    owner = np.full(shape, NOBODYS, dtype=np.int64)
    areas = areas_px(layout.scene.objects)
    for number in sorted(range(layout.n_objects), key=lambda k: (-areas[k], -k)):  # the smallest comes last
        thing = layout.scene.objects[number]
        _paint(owner, number, x, y, thing.box_px, thing.polygon_px)
    if settings.beside == "drop" or not (owner == NOBODYS).any() or (owner == NOBODYS).all():
        return owner
    apart, nearest = distance_transform_edt(owner == NOBODYS, sampling=step, return_indices=True)
    limit = np.inf if settings.beside_deg is None else settings.beside_deg * layout.scale
    return np.where(apart <= limit, owner[tuple(nearest)], NOBODYS)


def _paint(owner: Ints, number: int, x: Array, y: Array, box: Sequence[float], polygon: Array | None) -> None:
    """Give the pixels whose middles lie in an object to it."""
    left, top, right, bottom = box
    if polygon is not None:
        (left, top), (right, bottom) = polygon.min(axis=0), polygon.max(axis=0)
    rows = slice(*np.searchsorted(y, [top, bottom]))
    columns = slice(*np.searchsorted(x, [left, right]))
    if polygon is None:
        owner[rows, columns] = number
        return
    from matplotlib.path import Path as Outline

    points = np.stack(np.meshgrid(x[columns], y[rows]), axis=-1)
    inside = Outline(polygon).contains_points(points.reshape(-1, 2)).reshape(points.shape[:2])
    owner[rows, columns][inside] = number


# ---- files


def _files(path: Path) -> Iterator[Path]:
    return (file for file in sorted(path.iterdir()) if file.suffix.lower() in (*ARRAYS, *IMAGES))


def _stem(scene: str, files: Mapping[str, Path]) -> str:
    """The file's name of a scene, which may be that of its image; empty where there is none."""
    return next((name for name in (scene, Path(scene).stem, Path(scene).name) if name in files), "")


def _density(file: Path) -> Array:
    values = _array(file) if file.suffix.lower() in ARRAYS else _image(file)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiub":
        raise DataError(
            f"densities must be arrays of numbers, (height, width); got {values.dtype} of shape {values.shape} "
            f"({file.name})"
        )
    found = values.astype(np.float64)
    if np.isnan(found).any() or (found == np.inf).any():
        raise DataError(
            f"densities must hold finite numbers; got {int((~(found < np.inf)).sum())} others ({file.name})"
        )
    return found


def _array(file: Path) -> NDArray[np.generic]:
    """The one array of a file; nothing in it is executed."""
    _guard(file, file.stat().st_size)
    try:
        if file.suffix.lower() == ".npy":
            with file.open("rb") as stream:
                version = np.lib.format.read_magic(stream)
                reader = (
                    np.lib.format.read_array_header_1_0
                    if version == (1, 0)
                    else np.lib.format.read_array_header_2_0
                )
                shape, _, dtype = reader(stream)
            _guard(file, int(np.prod(shape, dtype=object)) * dtype.itemsize)
            return np.load(file, allow_pickle=False)
        with zipfile.ZipFile(file) as archive:
            _guard(file, sum(member.file_size for member in archive.infolist()))
        with np.load(file, allow_pickle=False) as arrays:
            if len(arrays.files) != 1:
                raise ValueError(f"{len(arrays.files)} arrays where there must be one")
            return arrays[arrays.files[0]]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"densities must be arrays that NumPy wrote; got {error} ({file.name})") from error


def _image(file: Path) -> NDArray[np.generic]:
    from PIL import Image, UnidentifiedImageError

    _guard(file, file.stat().st_size)
    try:
        with Image.open(file) as image:
            _guard(file, image.size[0] * image.size[1] * 8)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"densities must be readable; got {error} ({file.name})") from error
    grey = pixels(file)
    if grey.ndim != 2:
        raise DataError(f"images of densities must be grey; got colours ({file.name})")
    return grey


def _guard(file: Path, n_bytes: int) -> None:
    if n_bytes > MAX_BYTES:
        raise DataError(
            f"densities must have at most {MAX_BYTES / 1e6:.0f} MB each; got {n_bytes / 1e6:.0f} ({file.name})"
        )


def _linear(values: Array, logarithmic: bool, where: str) -> Array:
    if logarithmic and np.isfinite(values.max()):
        values = np.exp(values - values.max())
    if not (values > 0).any():
        raise DataError(f"densities must be above 0 somewhere; got {values.max():g} at most ({where})")
    return values


def _said(name: str, n_maps: int, logarithmic: bool, n_bare: int, n_unused: int) -> tuple[str, ...]:
    scale = "natural logarithms, since some are negative" if logarithmic else "densities as they are"
    said = [
        f"predictions of {name}: {n_maps} densities over pixels, whose numbers are taken as {scale}; what is within an "
        "object's outline adds up to its chance, whatever was looked at before"
    ]
    if n_bare:
        said.append(
            f"predictions of {name}: in {n_bare} of {n_maps} layouts some object had no chance at all; there "
            f"{EVEN:.0%} is spread evenly over objects"
        )
    if n_unused:
        said.append(f"predictions of {name}: {n_unused} files are of no layout here")
    return tuple(said)
