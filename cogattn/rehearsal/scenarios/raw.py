"""Pictures as bytes, before anything is done to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.rehearsal.scenarios import idx

if TYPE_CHECKING:
    from cogattn.rehearsal.resident import Pictures


@dataclass(frozen=True, eq=False)
class Raw:
    """Pictures and what they show.

    Parameters
    ----------
    train, test : array of uint8, shape (n_pictures, n_pixels)
        Grey levels.
    train_labels, test_labels : array of uint8, shape (n_pictures,)
        From 0.
    """

    train: NDArray[np.uint8]
    train_labels: NDArray[np.uint8]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.uint8]

    @property
    def n_classes(self) -> int:
        """Classes: one more than the highest label."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1

    def normalised(self) -> Pictures:
        """Return them as tensors, normalised by mean and standard deviation of the training part's pixels."""
        import torch

        from cogattn.rehearsal.resident import Pictures

        mean, sd = float(self.train.mean(dtype=np.float64)), float(self.train.std(dtype=np.float64))
        train, test = (
            (torch.tensor(part, dtype=torch.float32) - mean) / sd for part in (self.train, self.test)
        )
        labels = (torch.tensor(part, dtype=torch.int64) for part in (self.train_labels, self.test_labels))
        train_labels, test_labels = labels
        return Pictures(train, train_labels, test, test_labels, self.n_classes)


def from_files(folder: Path) -> Raw:
    """Return the pictures of a folder of four idx files.

    Raises
    ------
    DataError
        If one is missing or damaged, or they do not belong together.
    """
    files = idx.files_in(folder)
    parts = []
    for part in idx.PARTS:
        images = idx.read_idx(files[f"{part} images"], n_dimensions=3)
        labels = idx.read_idx(files[f"{part} labels"], n_dimensions=1)
        if len(images) != len(labels):
            raise DataError(
                f"data must have a label for each picture; got {len(images):,} pictures and {len(labels):,} labels "
                f"({files[f'{part} images']})"
            )
        parts += [images.reshape(len(images), -1), labels]
    found = Raw(*parts)
    if found.train.shape[1] != found.test.shape[1]:
        raise DataError(
            f"data must have training and test pictures of one size; got {found.train.shape[1]} and "
            f"{found.test.shape[1]} pixels ({folder})"
        )
    if not found.train.any() or found.train.min() == found.train.max():
        raise DataError(
            f"data must be pictures that differ; got {found.train.max()} in every pixel ({folder})"
        )
    for labels, part in ((found.train_labels, "training"), (found.test_labels, "test")):
        if (n_classes := len(np.unique(labels))) < 2:
            raise DataError(
                f"data must have {part} pictures of two classes at least; got {n_classes} ({folder})"
            )
    return found
