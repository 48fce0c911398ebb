"""Settings that say which images are shown; `listing` turns them into images with categories."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from cogattn.config import Settings


class ProceduralImages(Settings):
    """Sixteen drawn categories, made from the seed: the offline default."""

    kind: Literal["procedural"] = "procedural"
    n_images: int = Field(default=320, ge=16, le=1_000_000)
    """Images in all, spread evenly over the categories."""
    size: int = Field(default=224, ge=32, le=1024)
    """Side in pixels."""


class FolderImages(Settings):
    """A folder of images whose categories are told by its layout."""

    kind: Literal["folder"] = "folder"
    path: Path
    """The folder."""
    layout: Literal["auto", "wnid", "flat", "categories", "graysplit"] = "auto"
    """``wnid``: class folders n01440764/...; ``flat``: ILSVRC2012_val_00000001.JPEG ... with `ground_truth`;
    ``categories``: one sub-folder per category; ``graysplit``: files named ..._dog.JPEG."""
    ground_truth: Path | None = None
    """For ``flat``: text file, one class per line, a wnid or an index 0-999 in timm's (sorted wnid) order."""
    size: int = Field(default=224, ge=32, le=1024)
    """Side in pixels after resizing the shorter side to size / `crop_fraction` and cropping the centre; images
    already of this size are left alone."""
    crop_fraction: float = Field(default=0.875, gt=0, le=1)
    """Part of the resized image that the centre crop keeps."""
    max_images: int | None = Field(default=None, ge=1)
    """At most this many images, drawn by the seed and balanced over categories; all when absent."""


class ManifestImages(Settings):
    """Images listed in a CSV file with the columns ``path`` (relative to the file) and ``category``."""

    kind: Literal["manifest"] = "manifest"
    path: Path
    """The CSV file."""
    size: int = Field(default=224, ge=32, le=1024)
    """As for a folder."""
    crop_fraction: float = Field(default=0.875, gt=0, le=1)
    """As for a folder."""
    max_images: int | None = Field(default=None, ge=1)
    """As for a folder."""
