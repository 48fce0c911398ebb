"""Where people looked in scenes, as numbers: a lattice and a history for every human fixation.

A look is a fixation on the image after the first one of its scanpath, which the experimenter set. It stands at the
place of the scene's lattice nearest to it, as do the fixations before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.psychophysics.search.config import ScenesSettings
from cogattn.psychophysics.search.natural.gaze import fixated_places
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lattice:
    """Places of a scene.

    Parameters
    ----------
    points_deg : array, shape (n_places, 2)
        In degrees from the middle.
    size_deg : array, shape (2,)
        Width and height of the image.
    """

    points_deg: Array
    size_deg: Array

    @property
    def relative(self) -> Array:
        """Points (n_places, 2) as shares of width and height, from the left top corner."""
        return self.points_deg / self.size_deg + 0.5


@dataclass(frozen=True, eq=False)
class Looks:
    """All looks at all scenes, scene by scene.

    Parameters
    ----------
    scenes : tuple of Scene
        The scenes.
    lattices : tuple of Lattice
        One a scene.
    rows : DataFrame
        One row a look: ``scene`` (its number), ``person``, ``trial`` (number of the scanpath in the scene),
        ``fixation`` (number in the scanpath), ``place``, and where the person had been: ``gaze`` (place of the fixation
        before), ``previous`` (the one before that, or -1) and ``earlier`` (a tuple of those before it).
    off_image : int
        Fixations after the first that were left out since they missed the image.
    """

    scenes: tuple[Scene, ...]
    lattices: tuple[Lattice, ...]
    rows: pd.DataFrame
    off_image: int

    @classmethod
    def at(cls, scenes: Sequence[Scene], settings: ScenesSettings) -> Looks:
        """Collect the looks at scenes whose places are those of a run with such settings."""
        lattices, tables, off_image = [], [], 0
        for number, scene in enumerate(scenes):
            places = Places.over(
                scene,
                pitch_deg=settings.pitch_deg,
                inhibition_deg=settings.inhibition_deg,
                found_within_deg=settings.found_within_deg,
            )
            height, width = scene.size_px
            lattices.append(Lattice(places.points_deg, np.array([width, height]) / scene.scale))
            rows, off = _looks_at(scene, places)
            tables.append(rows.assign(scene=number))
            off_image += off
        rows = pd.concat(tables, ignore_index=True) if tables else _no_looks()
        return cls(tuple(scenes), tuple(lattices), rows, off_image)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def scene(self) -> Index:
        """Number of each look's scene."""
        return self.rows["scene"].to_numpy(np.int64)

    @cached_property
    def place(self) -> Index:
        """Place of each look in its scene's lattice."""
        return self.rows["place"].to_numpy(np.int64)

    @cached_property
    def person(self) -> Index:
        """Number of each look's person in `people`."""
        return np.searchsorted(self.people, self.rows["person"].to_numpy(str)).astype(np.int64)

    @cached_property
    def people(self) -> NDArray[np.str_]:
        """Who looked, sorted."""
        return np.unique(self.rows["person"].to_numpy(str))

    def of_scene(self, number: int) -> Index:
        """Return which looks were at a scene."""
        return self._of_scene[number]

    @cached_property
    def _of_scene(self) -> list[Index]:
        return [np.flatnonzero(self.scene == number) for number in range(len(self.scenes))]

    def totals(self, values: Array) -> tuple[Array, Array]:
        """Return sums of a value (n_looks,) by scene and person, and how many looks: (n_scenes, n_people) each."""
        shape = len(self.scenes), max(len(self.people), 1)
        total, count = np.zeros(shape), np.zeros(shape)
        np.add.at(total, (self.scene, self.person), values)
        np.add.at(count, (self.scene, self.person), 1.0)
        return total, count


def _looks_at(scene: Scene, places: Places) -> tuple[pd.DataFrame, int]:
    """Rows of a scene's looks, in the order in which `gaze.score` has them, and how many missed the image."""
    numbers = [number for number, path in enumerate(scene.scanpaths) if path.n_saccades > 0]
    if not numbers:
        return _no_looks().drop(columns="scene"), 0
    paths = [scene.scanpaths[number] for number in numbers]
    fixated, lengths, inside = fixated_places(scene, places, paths)
    inside[:, 0] = False
    row, fixation = np.nonzero(inside)
    previous = np.where(fixation > 1, fixated[row, np.maximum(fixation - 2, 0)], -1)
    table = pd.DataFrame(
        {
            "person": np.array([path.person for path in paths], dtype=object)[row],
            "trial": np.array(numbers, dtype=np.int64)[row],
            "fixation": fixation,
            "place": fixated[row, fixation],
            "gaze": fixated[row, fixation - 1],
            "previous": previous,
        }
    )
    table["earlier"] = [
        tuple(fixated[one, : max(number - 2, 0)]) for one, number in zip(row, fixation, strict=True)
    ]
    return table, int(lengths.sum() - len(lengths) - inside.sum())


def _no_looks() -> pd.DataFrame:
    kinds = {"person": "str", **dict.fromkeys(("trial", "fixation", "place", "gaze", "previous"), "int64")}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()}).assign(
        earlier=pd.Series(dtype=object), scene=pd.Series(dtype="int64")
    )
