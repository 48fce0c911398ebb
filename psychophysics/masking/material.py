"""The images of a run: those that trials show, and those that a readout is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogattn.vision.images import kept
from cogattn.vision.images.kept import forget as forget
from cogattn.vision.images.listing import ImageList

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig


def trial_images(config: MaskingConfig) -> ImageList:
    """Return the images that trials show; raise DataError where they cannot be had."""
    return _divided(config)[1]


def training_images(config: MaskingConfig) -> ImageList:
    """Return the images that a readout is trained on, none for another observer."""
    return _divided(config)[0]


def images_content(config: MaskingConfig) -> str:
    """Return the SHA-256 over names, categories and bytes of all images listed, those for training too."""
    return kept.content(config.images, seed=config.seed, strict=config.stimulus.strict)


def _divided(config: MaskingConfig) -> tuple[ImageList, ImageList]:
    n_train = config.observer.train_per_category if config.observer.kind == "readout" else 0
    return kept.divided(
        config.images, seed=config.seed, strict=config.stimulus.strict, n_train_per_category=n_train
    )
