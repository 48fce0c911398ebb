"""Scanpaths as padded tensors, each layout once, and batches of paths that are about equally long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Ints, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.predicting import target_of

POOL = 8
"""So many batches are drawn together and sorted by length: paths of a batch are about equally long."""


@dataclass(frozen=True, eq=False)
class Told:
    """What models are told of objects besides their places.

    Parameters
    ----------
    features : mapping of str to Tensor, shape (n_objects, n_features), optional
        What the objects of each layout look like, by the layout's name.
    crops : mapping of str to Tensor of uint8, shape (n_objects, 3, height, width), optional
        Their pixels.
    target_known : bool
        Whether models are told which object is looked for.
    """

    features: Mapping[str, Tensor] | None = None
    crops: Mapping[str, Tensor] | None = None
    target_known: bool = True

    @property
    def n_features(self) -> int | None:
        """How many features an object has; None without any."""
        return None if not self.features else next(iter(self.features.values())).shape[-1]

    def collate(self, data: PathSet, paths: Sequence[ObjectPath]) -> PathBatch:
        """Return a batch of paths; see `collate`."""
        return collate(data, paths, self.features, self.crops, target_known=self.target_known)


NOTHING = Told()
"""Positions, sizes and the target alone."""


def collate(
    data: PathSet,
    paths: Sequence[ObjectPath],
    features: Mapping[str, Tensor] | None = None,
    crops: Mapping[str, Tensor] | None = None,
    *,
    target_known: bool = True,
) -> PathBatch:
    """Return paths as one batch, padded to the longest, over their layouts, padded to the one with most objects.

    Parameters
    ----------
    data : PathSet
        Where the layouts are.
    paths : sequence of ObjectPath
        At least one, in any order; a layout that several share is in the batch once.
    features, crops, target_known
        As in `Told`.

    Raises
    ------
    DataError
        If there is no path, or a layout's features or crops are missing or not one for each object.
    """
    if not paths:
        raise DataError("a batch must have a path; got none")
    numbers, of = np.unique([path.layout for path in paths], return_inverse=True)
    layouts = [data.layouts[number] for number in numbers]
    durations = [path.durations_ms for path in paths if path.durations_ms is not None]
    timed = len(durations) == len(paths)
    return PathBatch(
        collate_layouts(layouts, features, crops, target_known=target_known),
        of=torch.from_numpy(of.astype(np.int64)),
        objects=_padded([path.objects for path in paths], -1, torch.int64),
        n_given=torch.tensor([path.n_given for path in paths], dtype=torch.int64),
        durations_ms=_padded(durations, np.nan, torch.float32) if timed else None,
    )


def collate_layouts(
    layouts: Sequence[Layout],
    features: Mapping[str, Tensor] | None = None,
    crops: Mapping[str, Tensor] | None = None,
    *,
    target_known: bool = True,
) -> LayoutBatch:
    """Return layouts as one batch, padded to the one with most objects; see `collate`."""
    targets = [target_of(layout) if target_known else -1 for layout in layouts]
    return LayoutBatch(
        position=_padded([layout.position_deg for layout in layouts], 0, torch.float32),
        size=_padded([layout.size_deg for layout in layouts], 0, torch.float32),
        log_area=_padded([layout.log_area for layout in layouts], 0, torch.float32),
        present=_padded([np.ones(layout.n_objects) for layout in layouts], 0, torch.bool),
        target=torch.tensor(targets, dtype=torch.int64),
        features=None if features is None else _stacked(layouts, features, "features"),
        crops=None if crops is None else _stacked(layouts, crops, "crops"),
    )


@dataclass(frozen=True, eq=False)
class Batches:
    """The paths of one part, batch by batch, in an order that each epoch draws anew.

    Paths of a batch are about equally long, and batches have about equally many fixations, so that every fixation
    counts the same where each batch is a step.

    Parameters
    ----------
    data : PathSet
        Where they are.
    numbers : array of int
        Which ones.
    size : int
        Paths of mean length in a batch.
    told : Told
        What is told of objects.
    """

    data: PathSet
    numbers: Ints
    size: int
    told: Told = NOTHING

    @cached_property
    def _steps(self) -> Ints:
        """Fixations of each path, and its end."""
        return np.array([len(self.data.paths[number]) + 1 for number in self.numbers], dtype=np.int64)

    def shuffled(self, rng: np.random.Generator) -> list[PathBatch]:
        """Return all paths once, in batches of about equally long ones, in random order."""
        order = rng.permutation(len(self.numbers))
        pools = np.split(order, range(POOL * self.size, len(order), POOL * self.size))
        batches = [batch for pool in pools for batch in self._by_length(pool)]
        return [self._batch(batches[i]) for i in rng.permutation(len(batches))]

    def in_order(self) -> list[PathBatch]:
        """Return all paths once, the shortest first."""
        return [self._batch(chosen) for chosen in self._by_length(np.arange(len(self.numbers)))]

    def _by_length(self, chosen: Ints) -> list[Ints]:
        """Cut paths, the shortest first, where a batch with its padding would grow larger than one of mean length."""
        by_length = chosen[np.argsort(self._steps[chosen], kind="stable")]
        most, batches = self.size * self._steps.mean(), [[]]
        for i in by_length:
            if batches[-1] and (len(batches[-1]) + 1) * self._steps[i] > most:
                batches.append([])
            batches[-1].append(i)
        return [np.array(batch) for batch in batches]

    def _batch(self, chosen: Ints) -> PathBatch:
        paths = [self.data.paths[number] for number in self.numbers[chosen]]
        return self.told.collate(self.data, paths)


def _padded(rows: Sequence[np.ndarray], padding: float, kind: torch.dtype) -> Tensor:
    """Stack arrays whose first axes differ, the shorter ones filled up."""
    longest = max(len(row) for row in rows)
    stacked = np.full((len(rows), longest, *rows[0].shape[1:]), padding, dtype=np.float64)
    for filled, row in zip(stacked, rows, strict=True):
        filled[: len(row)] = row
    return torch.from_numpy(stacked).to(kind)


def _stacked(layouts: Sequence[Layout], tensors: Mapping[str, Tensor], what: str) -> Tensor:
    found = [_of_objects(layout, tensors, what) for layout in layouts]
    return torch.nn.utils.rnn.pad_sequence(found, batch_first=True)


def _of_objects(layout: Layout, tensors: Mapping[str, Tensor], what: str) -> Tensor:
    if layout.name not in tensors:
        raise DataError(f"{what} must be given for every layout; got none of {layout.name}")
    tensor = tensors[layout.name]
    if len(tensor) != layout.n_objects:
        raise DataError(
            f"{what} must be one for each object; got {len(tensor)} of {layout.n_objects} ({layout.name})"
        )
    return tensor
