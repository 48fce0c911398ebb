"""What a run shows: whole images, those that train a readout, and cue-conflict images, each listed once and kept.

Whole images are grey; cue-conflict images are shown as they are. SciPy, which is slow to load, is imported only where
images are drawn or weighed: a finished run that is asked for again lists its images, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn.errors import DataError
from cogattn.psychophysics.naming.conflicts import ConflictImages, DrawnConflicts, list_conflicts
from cogattn.vision.images import kept
from cogattn.vision.images.listing import ImageList

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from cogattn.psychophysics.naming.config import Conflicts, NamingConfig


@dataclass(frozen=True)
class FullContrast:
    """Images that train a readout, as they are; no trial shows them."""

    images: ImageList

    @property
    def labels(self) -> NDArray[np.int64]:
        """Category of each image, an index into `categories`."""
        return self.images.labels

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories."""
        return self.images.categories

    def stimuli(self) -> Tensor:
        """Return them, (n, 3, size, size) in [0, 1]."""
        return load(self.images, range(len(self.images)))


def whole_images(config: NamingConfig) -> ImageList:
    """Return the images that may be attacked; raise DataError where they cannot be had."""
    return _divided(config)[1]


def training(config: NamingConfig) -> FullContrast | None:
    """Return the images that a readout is trained on, None for another observer."""
    return FullContrast(_divided(config)[0]) if config.observer.kind == "readout" else None


def images_content(config: NamingConfig) -> str:
    """Return the SHA-256 over names, categories and bytes of all whole images, those for training too."""
    return kept.content(config.images, seed=config.seed)


def conflict_images(config: NamingConfig) -> ConflictImages | DrawnConflicts:
    """Return the cue-conflict images; raise DataError where they cannot be had."""
    if config.shown.kind != "conflicts":
        raise DataError(f"shown.kind must be conflicts; got {config.shown.kind}")
    return _conflicts(config.shown, config.seed if config.shown.path is None else 0)


def conflicts_content(config: NamingConfig) -> str:
    """Return the SHA-256 over names and bytes of the cue-conflict images."""
    return _conflicts_content(config.shown)


def load(images: ImageList, indices: Sequence[int] | NDArray[np.int64]) -> Tensor:
    """Return grey images at full contrast over three channels, (n, 3, size, size) in [0, 1]."""
    import torch

    grey = torch.from_numpy(np.stack([images.load(int(index)) for index in indices]))
    return grey.unsqueeze(1).expand(-1, 3, -1, -1)


def forget() -> None:
    """List all images anew when they are next wanted."""
    kept.forget()
    for one in (_conflicts, _conflicts_content):
        one.cache_clear()


def _divided(config: NamingConfig) -> tuple[ImageList, ImageList]:
    """Training and whole images; without a readout the first is empty."""
    n_train = config.observer.train_per_category if config.observer.kind == "readout" else 0
    return kept.divided(config.images, seed=config.seed, n_train_per_category=n_train)


@lru_cache(maxsize=2)
def _conflicts(settings: Conflicts, seed: int) -> ConflictImages | DrawnConflicts:
    if settings.path is None:
        return DrawnConflicts(settings.n_images, settings.size, seed)
    return list_conflicts(settings.path)


@lru_cache(maxsize=2)
def _conflicts_content(settings: Conflicts) -> str:
    return list_conflicts(cast("Path", settings.path)).content()
