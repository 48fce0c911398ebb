"""How alike predicted scanpaths are to people's, beside shuffled, uniform and people's own: none tells alone.

An observer's single paths and its samples are compared with the very path that a person took; people's, with the paths
that others took in the same scene, never with themselves. A person is one draw of many, so that samples are what
people stand beside, and a single path may be closer to everybody than people are to each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.people.tables import mean_of
from cogattn.psychophysics.scanpath.behaviour import deviation
from cogattn.psychophysics.scanpath.columns import BEHAVIOURS, MULTIMATCH, SCORES
from cogattn.psychophysics.scanpath.likelihood import UNIFORM
from cogattn.psychophysics.scanpath.measures import (
    BEHAVIOUR,
    BEHAVIOUR_DELTA,
    KINDS,
    Kind,
    delta,
    scores,
)
from cogattn.psychophysics.scanpath.units import Units, within
from cogattn.statistics.crossed import interval

Array = NDArray[np.float64]
PEOPLE = "people"
COLUMNS = (
    "observer", "role", "kind", "measure", "estimate", "lo", "hi", "n", "shuffled", "shuffled_lo", "shuffled_hi",
    "uniform", "uniform_lo", "uniform_hi", "people", "people_lo", "people_hi",
    "less_people", "less_people_lo", "less_people_hi",
)  # fmt: skip
COMPARED = ("sequence_score", "levenshtein", "scanmatch", *(f"multimatch_{part}" for part in MULTIMATCH))
EACH = "people: each beside the others"
NOBODY = Estimate.bare(np.nan, 0)


@dataclass(frozen=True, eq=False)
class Likeness:
    """Paths of the test and what observers drew in their stead.

    Parameters
    ----------
    paths : Units
        Of the test.
    observers : tuple of Observer
        Those that have paths of their own; people are in `paths` under their id and kind.
    """

    paths: Units
    observers: tuple[Observer, ...]

    @classmethod
    def of(cls, paths: Units, observers: Sequence[Observer]) -> Likeness:
        """Keep the observers that drew paths."""
        drew = {name for (name, kind), own in paths.values.items() if own["sequence_score"].notna().any()}
        return cls(paths, tuple(one for one in observers if one.id in drew and one.variant != PEOPLE))

    @property
    def uniform(self) -> str:
        """Id of the observer that draws from all objects alike; empty where it did not take part."""
        return next((one.id for one in self.observers if one.variant == UNIFORM), "")

    def rows(self) -> Iterator[Row]:
        """Yield what each observer has: scores, then behaviour."""
        for one in self.observers:
            for kind in KINDS:
                for column, measure in scores(kind).items():
                    if self.paths.has(one.id, kind, column):
                        yield Row(one, measure, self.mean(one.id, kind, column, measure), note=_beside(kind))
            for kind in KINDS:
                if self.paths.has(one.id, kind, "own_length"):
                    yield Row(one, delta(kind), self.delta(one.id, kind), note=EACH)
            yield from self._behaviour(one)

    def _behaviour(self, one: Observer) -> Iterator[Row]:
        for name, measure in BEHAVIOUR.items():
            if self.paths.has(one.id, "sampled", f"own_{name}"):
                yield Row(one, measure, self.mean(one.id, "sampled", f"own_{name}", measure))

    def mean(self, observer: str, kind: str, column: str, measure: Measure) -> Estimate:
        """Return the mean of a column, its interval cut to what the measure can be."""
        return within(self.paths.mean(observer, kind, column), measure)

    def delta(self, observer: str, kind: str) -> Estimate:
        """Return the mean over behaviours of how far an observer's mean is from people's, relative to theirs.

        A behaviour that people never show, or that nobody can have (a target where there is none), does not count.
        People together have none: the mean of everybody's others is the mean of everybody. Each has one beside the
        others (`behaviour_of_people`).
        """
        if not self.paths.has(observer, kind, "own_length"):
            return NOBODY
        means = [self._means(observer, kind, name) for name in BEHAVIOURS]
        own, theirs = (np.stack(each, axis=1) for each in zip(*means, strict=True))
        n = int(np.isfinite(self.paths.column(observer, kind, "own_length")).sum())
        found = interval(deviation(own, theirs), n)
        # resamples lie above a mean of absolute errors that is near 0
        return replace(found, lo=min(found.lo, found.estimate), hi=max(found.hi, found.estimate))

    def behaviour_of_people(self) -> dict[str, tuple[Array, Array]]:
        """Return the mean behaviour of each person and of the others in the same scenes, (5,) each."""
        names = [f"{whose}_{name}" for whose in ("person", "own") for name in BEHAVIOURS]
        columns = {name: self.paths.column(PEOPLE, PEOPLE, name) for name in names}
        means = pd.DataFrame(columns).groupby(self.paths.rows["person"]).mean().dropna(how="all")
        own, others = np.split(means.to_numpy(float), 2, axis=1)
        return {str(person): (own[k], others[k]) for k, person in enumerate(means.index)}

    def _means(self, observer: str, kind: str, name: str) -> tuple[Array, Array]:
        """Mean of a behaviour on the paths that have it, an observer's and people's, in each resample."""
        own, theirs = (self.paths.column(observer, kind, f"{whose}_{name}") for whose in ("own", "person"))
        both = np.where(np.isnan(own) | np.isnan(theirs), np.nan, 1.0)
        resampled = partial(self.paths.resampled, calibrated=False)  # people's may be near 0
        return resampled(own * both), resampled(theirs * both)

    def table(self) -> pd.DataFrame:
        """Return the scores of all observers and kinds beside shuffled, uniform and people's, people's rows last."""
        records = [
            self._record(name, role, kind, column)
            for name, role in [*((one.id, one.role) for one in self.observers), (PEOPLE, "person")]
            for kind in (*KINDS, PEOPLE)
            if (name == PEOPLE) == (kind == PEOPLE)
            for column in COMPARED
            if self.paths.has(name, kind, column)
        ]
        records += [
            self._behaviour_record(one, kind)
            for one in self.observers
            for kind in KINDS
            if self.paths.has(one.id, kind, "own_length")
        ]
        return pd.DataFrame(records, columns=list(COLUMNS))

    def _record(self, name: str, role: str, kind: str, column: str) -> tuple[object, ...]:
        paths = self.paths
        measure, nothing = scores("sampled")[column], _bounds(NOBODY)
        value = self.mean(name, kind, column, measure)
        shuffled = (
            _bounds(self.mean(name, kind, "shuffled", measure)) if column == "sequence_score" else nothing
        )
        uniform = _bounds(self.mean(self.uniform, "sampled", column, measure)) if self.uniform else nothing
        people = _bounds(self.mean(PEOPLE, PEOPLE, column, measure))
        apart = paths.column(name, kind, column) - paths.column(PEOPLE, PEOPLE, column)
        less = nothing
        if name != PEOPLE and np.isfinite(apart).any():
            less = _bounds(paths.mean_of(apart))
        return (
            name,
            role,
            kind,
            column,
            *_bounds(value),
            value.n,
            *shuffled,
            *uniform,
            *people,
            *less,
        )

    def _behaviour_record(self, one: Observer, kind: Kind) -> tuple[object, ...]:
        value = self.delta(one.id, kind)
        uniform = _bounds(self.delta(self.uniform, "sampled"))
        nothing = _bounds(NOBODY)
        each = [float(deviation(*person)) for person in self.behaviour_of_people().values()]
        people = _bounds(mean_of(each, "linear"))
        name = BEHAVIOUR_DELTA.key
        return (
            one.id,
            one.role,
            kind,
            name,
            *_bounds(value),
            value.n,
            *nothing,
            *uniform,
            *people,
            *nothing,
        )


def measures_of_people() -> dict[str, Measure]:
    """Return the measures that persons have among each other, by column: those of sampled paths."""
    return {column: one for column, one in scores("sampled").items() if column in SCORES}


def _beside(kind: str) -> str:
    """A person's path is a draw, not the likeliest one."""
    return "" if kind == "sampled" else "people: path by path, each a draw"


def _bounds(value: Estimate) -> tuple[float, float, float]:
    return value.estimate, value.lo, value.hi
