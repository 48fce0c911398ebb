"""Fixations and paths of the test as units: what each observer has of each, and means with intervals over them.

Where a path is in the test part of several splits, what an observer has of it is averaged over splits first. A mean
has an interval over groups of layouts and persons at once (`cogattn.statistics.crossed`); a difference between
observers is the mean over the units that both have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate, Measure
from cogattn.psychophysics.scanpath.columns import BEHAVIOURS, SCORES
from cogattn.statistics.crossed import Draws, interval
from cogattn.statistics.scales import limits_of

Array = NDArray[np.float64]
Places = tuple[NDArray[np.intp], NDArray[np.intp]]
Key = tuple[str, str]
"""An observer and a kind of prediction; "" for fixations."""
FIXATION_VALUES = ("bits", "top1", "top5", "nss", "auc", "goes_on_bits")
PATH_VALUES = (
    "end_bits", *SCORES, *(f"own_{name}" for name in BEHAVIOURS), *(f"person_{name}" for name in BEHAVIOURS),
)  # fmt: skip


def within(value: Estimate, measure: Measure) -> Estimate:
    """Return an estimate whose interval is cut to what the measure can be; the truth is in there."""
    lo, hi = np.clip([value.lo, value.hi], *limits_of(measure)).tolist()
    return replace(value, lo=lo, hi=hi)


@dataclass(frozen=True, eq=False)
class Crossing:
    """Groups of layouts and persons, drawn again and again.

    Parameters
    ----------
    groups, people : Index
        Their names.
    draws : Draws
        Of both.
    """

    groups: pd.Index
    people: pd.Index
    draws: Draws

    @classmethod
    def of(cls, rows: pd.DataFrame, *, rng: np.random.Generator, n_resamples: int) -> Crossing:
        """Draw the groups and persons of a table."""
        groups, people = (pd.Index(sorted(rows[name].unique())) for name in ("group", "person"))
        draws = Draws.of(len(groups), len(people), rng=rng, n_resamples=n_resamples)
        return cls(groups, people, draws)

    def places(self, rows: pd.DataFrame) -> Places:
        """Return the numbers of the group and of the person of each row of a table."""
        return self.groups.get_indexer(rows["group"]), self.people.get_indexer(rows["person"])

    def resampled(self, places: Places, values: Array, *, calibrated: bool = True) -> Array:
        """Return the mean of values, NaN left out, first of the data and then of each resample.

        Where one is infinite so is the mean, and there are no resamples.

        Parameters
        ----------
        places : tuple of array of int, each of shape (n,)
            Of the values, as `places` gives them.
        values : array, shape (n,)
            A value a unit.
        calibrated : bool
            Whether resamples reach as far as Student's t does (`Draws.calibrated`); a ratio of means that are near 0
            is better off without.
        """
        kept = ~np.isnan(values)
        if not kept.any() or np.isinf(values).any():
            means = np.full(len(self.draws.people), np.nan)
            means[0] = values[kept].sum() if kept.any() else np.nan
            return means
        shape = len(self.groups), len(self.people)
        pair = np.ravel_multi_index((places[0][kept], places[1][kept]), shape)
        size = shape[0] * shape[1]
        totals, counts = (
            np.bincount(pair, weights=weights, minlength=size).astype(np.float64).reshape(shape)
            for weights in (values[kept], None)
        )
        return (self.draws.calibrated if calibrated else self.draws.mean)(totals, counts)

    def mean(self, places: Places, values: Array) -> Estimate:
        """Return the mean of values, NaN left out; n of them."""
        return interval(self.resampled(places, values), int((~np.isnan(values)).sum()))


@dataclass(frozen=True, eq=False)
class Units:
    """Fixations, or paths, of the test.

    Parameters
    ----------
    rows : DataFrame
        A row a unit: ``scene``, ``group``, ``person`` and what else tells it from the others.
    values : mapping of (observer, kind) to DataFrame
        What each has of the units, aligned with `rows`; NaN where it has nothing.
    crossing : Crossing
        Over which intervals are.
    """

    rows: pd.DataFrame
    values: Mapping[Key, pd.DataFrame]
    crossing: Crossing

    @classmethod
    def of_fixations(cls, table: pd.DataFrame, crossing: Crossing) -> Units:
        """Take the table ``scanpath_fixations``."""
        rank, n_objects = table["rank"].to_numpy(), table["n_objects"].to_numpy()
        even = (table["nss"].to_numpy() == 0) & (rank == (n_objects + 1) / 2)  # nothing is likeliest
        ranked = table.assign(
            kind="",
            top1=np.where(even, 1 / n_objects, rank <= 1),
            top5=np.where(even, np.minimum(5 / n_objects, 1), rank <= 5),
        )
        silent = table["bits"].isna().to_numpy()
        ranked.loc[silent, ["top1", "top5"]] = np.nan
        return cls(*_averaged(ranked, ["scene", "person", "fixation"], FIXATION_VALUES), crossing)

    @classmethod
    def of_paths(cls, table: pd.DataFrame, crossing: Crossing) -> Units:
        """Take the table ``scanpath_paths``."""
        return cls(*_averaged(table, ["scene", "person"], PATH_VALUES), crossing)

    def has(self, observer: str, kind: str, column: str) -> bool:
        """Tell whether an observer has anything in a column."""
        own = self.values.get((observer, kind))
        return own is not None and bool(own[column].notna().any())

    def column(self, observer: str, kind: str, column: str) -> Array:
        """Return what an observer has of each unit."""
        own = self.values.get((observer, kind))
        return np.full(len(self.rows), np.nan) if own is None else own[column].to_numpy(float)

    @cached_property
    def places(self) -> Places:
        """Numbers of each unit's group and person."""
        return self.crossing.places(self.rows)

    @cached_property
    def _means(self) -> dict[tuple[str, str, str], Estimate]:
        """Means that were asked for."""
        return {}

    def mean(self, observer: str, kind: str, column: str) -> Estimate:
        """Return the mean over units; n of them."""
        asked = observer, kind, column
        if asked not in self._means:
            self._means[asked] = self.mean_of(self.column(*asked))
        return self._means[asked]

    def mean_of(self, values: Array) -> Estimate:
        """Return the mean of values of the units, NaN left out; n of them."""
        return self.crossing.mean(self.places, values)

    def resampled(self, values: Array, *, calibrated: bool = True) -> Array:
        """Return the mean of values of the units, of the data and of each resample (`Crossing.resampled`)."""
        return self.crossing.resampled(self.places, values, calibrated=calibrated)

    def sizes(self, values: Array) -> tuple[int, int]:
        """Return how many groups and persons there are values of."""
        kept = self.rows[~np.isnan(values)]
        return kept["group"].nunique(), kept["person"].nunique()


def _averaged(
    table: pd.DataFrame, names: Sequence[str], columns: Sequence[str]
) -> tuple[pd.DataFrame, dict[Key, pd.DataFrame]]:
    """Units of a table, and the means over splits of each observer's values of them."""
    unit = [*names, "again"]
    again = table.groupby(
        ["observer", "kind", "split", *names], sort=False
    ).cumcount()  # seen twice by one person
    table = table.assign(again=again.to_numpy())
    number = table.groupby(unit, sort=True).ngroup().to_numpy()
    rows = table.assign(number=number).drop_duplicates("number").sort_values("number")
    values: dict[Key, pd.DataFrame] = {}
    for (observer, kind), at in _numbers(table, ["observer", "kind"]):
        own = table.iloc[at][list(columns)].to_numpy(float)
        values[observer, kind] = pd.DataFrame(_averages(own, number[at], len(rows)), columns=list(columns))
    return rows[[*unit[:1], "group", *unit[1:]]].reset_index(drop=True), values


def _numbers(table: pd.DataFrame, names: list[str]) -> Iterator[tuple[tuple[str, str], NDArray[np.intp]]]:
    """Numbers of the rows of each pair of values of two columns."""
    for key, at in table.groupby(names, sort=False).indices.items():
        observer, kind = cast(tuple[str, str], key)
        yield (observer, kind), at


def _averages(values: Array, number: NDArray[np.int64], n_units: int) -> Array:
    """Means of the rows (n, n_columns) that belong to each unit, NaN left out, (n_units, n_columns)."""
    totals, counts = np.zeros((n_units, values.shape[1])), np.zeros((n_units, values.shape[1]))
    np.add.at(totals, number, np.where(np.isnan(values), 0.0, values))
    np.add.at(counts, number, (~np.isnan(values)).astype(float))
    return np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)
