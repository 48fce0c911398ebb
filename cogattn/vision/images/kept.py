"""The images of a run, listed once and kept: those that trials show, and those that a readout is trained on.

`forget` has them listed anew, since files may have come and gone.
"""

from __future__ import annotations

from functools import lru_cache

from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages
from cogattn.vision.images.listing import ImageList, list_images

Images = ProceduralImages | FolderImages | ManifestImages


@lru_cache(maxsize=4)
def divided(
    images: Images, *, seed: int, strict: bool = False, n_train_per_category: int = 0
) -> tuple[ImageList, ImageList]:
    """Return the images that a readout is trained on, and those that trials show; no image is in both.

    Parameters
    ----------
    images : ProceduralImages, FolderImages or ManifestImages
        Settings.
    seed : int
        The run's.
    strict : bool
        Refuse damaged files.
    n_train_per_category : int
        For training; without, the first list is empty.

    Raises
    ------
    DataError
        If they cannot be had, or a category would have none to be tested with.
    """
    return _listed(images, seed, strict).split(n_train_per_category)


@lru_cache(maxsize=4)
def content(images: Images, *, seed: int, strict: bool = False) -> str:
    """Return the SHA-256 over names, categories and bytes of all images listed, those for training too."""
    return _listed(images, seed, strict).content()


def forget() -> None:
    """List all images anew when they are next wanted."""
    for kept in (_listed, divided, content):
        kept.cache_clear()


@lru_cache(maxsize=4)
def _listed(images: Images, seed: int, strict: bool) -> ImageList:
    return list_images(images, seed=seed, strict=strict)
