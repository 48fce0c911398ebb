"""Images from a folder, a manifest or the drawing board: listed with their categories, loaded one by one.

Photographs become grey (ITU-R BT.601), their shorter side is resized to ``size / crop_fraction`` pixels
(bicubic, antialiased) and the centre is kept; those that are `size` x `size` already are left alone.

A file that is no image or is cut short is found while listing, named and skipped, or refused where the run is
strict. The check is cheap: a JPEG must have a sound header and end with its end marker (which every truncated
file lacks); only other files are read through. A flipped bit inside a JPEG mostly decodes without complaint,
so it is not looked for; a file that does not decode after all raises DataError when it is loaded.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from cogattn.errors import DataError
from cogattn.running.digests import combined, file_digest
from cogattn.seeds import Streams
from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages
from cogattn.vision.images.layouts import Entry, Listing, read_folder, read_manifest
from cogattn.vision.images.silhouettes import SILHOUETTES

EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB")
JPEG_END = b"\xff\xd9"
UNREADABLE = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, EOFError, MemoryError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises on damaged files."""


class Source(Protocol):
    """Where an image comes from."""

    def load(self, image_id: str, label: int) -> NDArray[np.float32]:
        """Return the image, shape (size, size), grey in [0, 1]; raise DataError where it cannot be read."""
        ...

    def load_rgb(self, image_id: str, label: int) -> NDArray[np.float32]:
        """Return the image in colour, (3, size, size) in [0, 1]; raise DataError where it cannot be read."""
        ...

    def digest(self, image_id: str) -> str:
        """Return what changes when the image does; raise DataError where it cannot be read."""
        ...


@dataclass(frozen=True, eq=False)
class ImageList:
    """Images with their categories, in an order that depends on names only.

    Parameters
    ----------
    ids : tuple of str
        Name of each image, unique; for files the path within the folder.
    categories : tuple of str
        Names of all categories.
    labels : array, shape (n,), int64
        Category of each image, an index into `categories`.
    source : Source
        Where the images come from.
    seed : int
        The run's seed, from which `split` draws.
    skipped : mapping of str to str
        Reason by id of each damaged image that was met and left out.
    n_left_out : int
        Images of ImageNet classes outside the 16 categories.
    """

    ids: tuple[str, ...]
    categories: tuple[str, ...]
    labels: NDArray[np.int64]
    source: Source
    seed: int
    skipped: Mapping[str, str] = field(default_factory=dict)
    n_left_out: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def load(self, index: int) -> NDArray[np.float32]:
        """Return image `index`, grey in [0, 1], (size, size); raise DataError where it cannot be read."""
        return self.source.load(self.ids[index], int(self.labels[index]))

    def load_rgb(self, index: int) -> NDArray[np.float32]:
        """Return image `index` in colour, (3, size, size) in [0, 1]; raise DataError where it cannot be read."""
        return self.source.load_rgb(self.ids[index], int(self.labels[index]))

    def digest(self, index: int) -> str:
        """Return what changes when image `index` does; raise DataError where it cannot be read."""
        return self.source.digest(self.ids[index])

    def content(self) -> str:
        """Return the SHA-256 over names, categories and bytes of all images, and the order of the categories.

        Raises
        ------
        DataError
            If a file cannot be read.
        """
        images = {
            image_id: f"{self.categories[label]} {self.source.digest(image_id)}"
            for image_id, label in zip(self.ids, self.labels, strict=True)
        }
        return combined({"images": combined(images), "categories": "\n".join(self.categories)})

    def split(self, n_train_per_category: int) -> tuple[ImageList, ImageList]:
        """Return images to train a readout on, and the images to test it with; no image is in both.

        Scenes are drawn anew for training, so all of these remain for tests. Files are divided by the seed.

        Parameters
        ----------
        n_train_per_category : int
            Training images of each category.

        Returns
        -------
        training, test : ImageList

        Raises
        ------
        DataError
            If some category would have no image left to test with.
        """
        if isinstance(self.source, _DrawingBoard):
            counts = [n_train_per_category] * len(self.categories)
            return _drawn(self.source, counts, self.seed, prefix="train/"), self
        counts = np.bincount(self.labels, minlength=len(self.categories))
        fewest = int(counts.argmin())
        if counts[fewest] <= n_train_per_category:
            raise DataError(
                f"observer.train_per_category must leave images to test with; got {n_train_per_category} "
                f"of the {counts[fewest]} images of {self.categories[fewest]}"
            )
        rng = Streams(self.seed).generator("images", "training")
        train = np.zeros(len(self.ids), dtype=bool)
        for label in range(len(self.categories)):
            train[rng.permutation(np.flatnonzero(self.labels == label))[:n_train_per_category]] = True
        return self._part(train), self._part(~train)

    def _part(self, chosen: NDArray[np.bool_]) -> ImageList:
        ids = tuple(self.ids[i] for i in np.flatnonzero(chosen))
        return replace(self, ids=ids, labels=_frozen(self.labels[chosen]))


def list_images(
    settings: ProceduralImages | FolderImages | ManifestImages, *, seed: int, strict: bool = False
) -> ImageList:
    """List the images that `settings` name.

    Parameters
    ----------
    settings : ProceduralImages, FolderImages or ManifestImages
        What to show. With ``max_images``, images are drawn by the seed in turn from all categories; of two
        numbers the smaller one's images are among the larger one's.
    seed : int
        The run's seed.
    strict : bool
        Refuse damaged images instead of skipping them.

    Returns
    -------
    ImageList

    Raises
    ------
    DataError
        If there is nothing to show, the layout is unknown, a category has no sound image, a path leads out of
        its folder, an image is listed twice, or `strict` and an image is damaged.
    """
    match settings:
        case ProceduralImages():
            n_categories = len(SILHOUETTES)
            counts = [len(range(k, settings.n_images, n_categories)) for k in range(n_categories)]
            return _drawn(_DrawingBoard(settings.size, seed), counts, seed)
        case FolderImages():
            return _sound(read_folder(settings), settings, seed, strict)
        case _:
            return _sound(read_manifest(settings), settings, seed, strict)


def _drawn(board: _DrawingBoard, counts: list[int], seed: int, prefix: str = "") -> ImageList:
    """Scenes named by category and number."""
    names = tuple(SILHOUETTES)
    ids = tuple(f"{prefix}{name}/{i:04d}" for name, n in zip(names, counts, strict=True) for i in range(n))
    return ImageList(ids, names, _frozen(np.repeat(np.arange(len(names)), counts)), board, seed)


def _sound(listing: Listing, settings: FolderImages | ManifestImages, seed: int, strict: bool) -> ImageList:
    """The images of a listing that can be read, at most ``max_images`` of them."""
    skipped: dict[str, str] = {}
    entries = _readable(listing.entries, skipped)
    if settings.max_images is not None:
        if settings.max_images < len(listing.categories):
            raise DataError(
                f"images.max_images must be at least the number of categories, {len(listing.categories)}; "
                f"got {settings.max_images}"
            )
        entries = _balanced(listing, settings.max_images, seed, skipped)
    chosen = sorted(entries, key=lambda entry: entry.id)
    if strict and skipped:
        first = next(iter(skipped))
        raise DataError(
            f"images must all be readable under stimulus.strict; got {len(skipped)} damaged, "
            f"the first {first} ({skipped[first]})"
        )
    found = Counter(entry.category for entry in chosen)
    for name in listing.categories:
        if not found[name]:
            raise DataError(
                f"every category must have a readable image; got damaged ones only of {name} "
                f"in {settings.path}"
            )
    label_of = {name: label for label, name in enumerate(listing.categories)}
    return ImageList(
        tuple(entry.id for entry in chosen),
        listing.categories,
        _frozen(np.array([label_of[entry.category] for entry in chosen])),
        _Files({entry.id: entry.path for entry in chosen}, settings.size, settings.crop_fraction),
        seed,
        skipped,
        listing.n_left_out,
    )


def _balanced(listing: Listing, max_images: int, seed: int, skipped: dict[str, str]) -> list[Entry]:
    """Readable images drawn from the categories in turn; only images that come up are checked."""
    rng = Streams(seed).generator("images", "drawn")
    piles: list[Iterator[Entry]] = []
    for name in listing.categories:
        pile = [entry for entry in listing.entries if entry.category == name]
        piles.append(_readable([pile[i] for i in rng.permutation(len(pile))], skipped))
    piles = [piles[k] for k in rng.permutation(len(piles))]
    chosen: list[Entry] = []
    while piles and len(chosen) < max_images:
        drawn = [(pile, entry) for pile in piles if (entry := next(pile, None)) is not None]
        piles = [pile for pile, _ in drawn]
        chosen += [entry for _, entry in drawn]
    return chosen[:max_images]


def _readable(entries: tuple[Entry, ...] | list[Entry], skipped: dict[str, str]) -> Iterator[Entry]:
    """Yield the entries whose files are sound and note the reasons of the others in `skipped`."""
    for entry in entries:
        reason = damage(entry.path)
        if reason is None:
            yield entry
        else:
            skipped[entry.id] = reason


def damage(path: Path) -> str | None:
    """Return what is wrong with an image file, None if nothing; cheap where it was asked before."""
    try:
        status = path.stat()
    except OSError as error:
        return str(error.strerror)
    return _damage(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=2**17)
def _damage(path: Path, n_bytes: int, modified_ns: int) -> str | None:
    """What is wrong with a file, None if nothing; kept as long as its size and date stay the same."""
    try:
        with Image.open(path) as image:
            if image.mode not in EIGHT_BIT_MODES:
                return f"is not of 8 bits per channel (Pillow mode {image.mode})"
            if image.format == "PNG":
                image.verify()  # checksums of all chunks, nothing decoded
            elif image.format != "JPEG" or not _ends_well(path):
                image.load()
    except UNREADABLE as error:
        return _reason(error)
    return None


def _ends_well(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-len(JPEG_END), 2)
        return stream.read() == JPEG_END


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "is not an image"
    return " ".join(str(error).split()) or type(error).__name__


@dataclass(frozen=True)
class _DrawingBoard:
    """Scenes drawn from the seed and their names."""

    size: int
    seed: int

    def load(self, image_id: str, label: int) -> NDArray[np.float32]:
        from cogattn.vision.images import procedural  # loads scipy, which a list does not need

        return procedural.draw(label, Streams(self.seed).generator("scene", image_id), self.size)

    def load_rgb(self, image_id: str, label: int) -> NDArray[np.float32]:
        return np.repeat(self.load(image_id, label)[None], 3, axis=0)  # what is drawn is grey

    def digest(self, image_id: str) -> str:
        return f"drawn {self.size} {self.seed}"


@dataclass(frozen=True, eq=False)
class _Files:
    """Image files, resized and cropped."""

    paths: Mapping[str, Path]
    size: int
    crop_fraction: float

    def load(self, image_id: str, label: int) -> NDArray[np.float32]:
        return self._pixels(image_id, "L")

    def load_rgb(self, image_id: str, label: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._pixels(image_id, "RGB").transpose(2, 0, 1))

    def digest(self, image_id: str) -> str:
        return file_digest(self.paths[image_id])

    def _pixels(self, image_id: str, mode: Literal["L", "RGB"]) -> NDArray[np.float32]:
        try:
            with Image.open(self.paths[image_id]) as image:
                whole = image.convert(mode)
        except UNREADABLE as error:
            raise DataError(f"image {image_id} must be readable; got: {_reason(error)}") from None
        return np.divide(np.asarray(self._fitted(whole)), 255, dtype=np.float32)

    def _fitted(self, image: Image.Image) -> Image.Image:
        """Resize the shorter side to size / crop_fraction and keep the centre."""
        if image.size == (self.size, self.size):
            return image
        scale = round(self.size / self.crop_fraction) / min(image.size)
        width, height = (max(self.size, round(side * scale)) for side in image.size)
        left, top = (width - self.size) // 2, (height - self.size) // 2
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        return resized.crop((left, top, left + self.size, top + self.size))


def _frozen(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    labels = labels.astype(np.int64)
    labels.flags.writeable = False
    return labels
