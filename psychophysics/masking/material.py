"""The images of a run: those that trials show, those that a readout is trained on, and cue-conflict images.

They are listed once and kept; `forget` has them listed anew, since files may have come and gone. SciPy, which is slow
to load, is imported only with cue-conflict images: a finished run that is asked for again lists its images, too.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.errors import DataError
from cogattn.vision.images.listing import ImageList, list_images

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig
    from cogattn.psychophysics.probes.shape_bias import ConflictImages
    from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages


def trial_images(config: MaskingConfig) -> ImageList:
    """Return the images that trials show; raise DataError where they cannot be had."""
    return _divided(config)[1]


def training_images(config: MaskingConfig) -> ImageList:
    """Return the images that a readout is trained on, none for another observer."""
    return _divided(config)[0]


def images_content(config: MaskingConfig) -> str:
    """Return the SHA-256 over names, categories and bytes of all images listed, those for training too."""
    return _content(config.images, config.seed, config.stimulus.strict)


def conflict_images(config: MaskingConfig) -> ConflictImages:
    """Return the cue-conflict images; raise DataError where they cannot be had."""
    return _conflicts(_conflict_folder(config))


def conflicts_content(config: MaskingConfig) -> str:
    """Return the SHA-256 over names and bytes of the cue-conflict images."""
    return _conflicts_content(_conflict_folder(config))


def forget() -> None:
    """List all images anew when they are next wanted."""
    for kept in (_listed, _split, _content, _conflicts, _conflicts_content):
        kept.cache_clear()


def _divided(config: MaskingConfig) -> tuple[ImageList, ImageList]:
    """Training and trial images; without a readout the first is empty."""
    n_train = config.observer.train_per_category if config.observer.kind == "readout" else 0
    return _split(config.images, config.seed, config.stimulus.strict, n_train)


@lru_cache(maxsize=4)
def _split(
    images: ProceduralImages | FolderImages | ManifestImages, seed: int, strict: bool, n_train: int
) -> tuple[ImageList, ImageList]:
    return _listed(images, seed, strict).split(n_train)


@lru_cache(maxsize=4)
def _listed(images: ProceduralImages | FolderImages | ManifestImages, seed: int, strict: bool) -> ImageList:
    return list_images(images, seed=seed, strict=strict)


@lru_cache(maxsize=4)
def _content(images: ProceduralImages | FolderImages | ManifestImages, seed: int, strict: bool) -> str:
    return _listed(images, seed, strict).content()


def _conflict_folder(config: MaskingConfig) -> Path:
    if config.shape_bias is None:
        raise DataError("shape_bias.path must be given; got none")
    return config.shape_bias.path


@lru_cache(maxsize=2)
def _conflicts(folder: Path) -> ConflictImages:
    from cogattn.psychophysics.probes.shape_bias import list_conflicts

    return list_conflicts(folder)


@lru_cache(maxsize=2)
def _conflicts_content(folder: Path) -> str:
    return _conflicts(folder).content()
