"""The images of a run: those that trials show, and those that a readout is trained on."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cogattn.vision.images.listing import ImageList, list_images

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.config import MaskingConfig


def trial_images(config: MaskingConfig) -> ImageList:
    """Return the images that trials show; raise DataError where they cannot be had."""
    return _divided(config)[1]


def training_images(config: MaskingConfig) -> ImageList:
    """Return the images that a readout is trained on; raise DataError if this observer needs none."""
    return _divided(config)[0]


@lru_cache(maxsize=2)
def _divided(config: MaskingConfig) -> tuple[ImageList, ImageList]:
    """Training and trial images; without a readout the first is empty."""
    listed = list_images(config.images, seed=config.seed, strict=config.stimulus.strict)
    n_train = config.observer.train_per_category if config.observer.kind == "readout" else 0
    return listed.split(n_train)
