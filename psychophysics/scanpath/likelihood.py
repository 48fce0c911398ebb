"""Bits of people's next fixations under each observer, what each gains over others, and what that is worth in viewers.

All differences are between observers on the same fixations, so that what makes some fixations hard for everybody does
not widen their intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Measure, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.measures import BITS, END_BITS, LIKELIHOOD, WORTH, gain_over
from cogattn.psychophysics.scanpath.units import Units, within
from cogattn.psychophysics.scanpath.worth import Curve, worth_of

Array = NDArray[np.float64]
UNIFORM, HISTORY, VIEWERS, UNTRAINED, NO_CONTENT, PUBLISHED = (
    "uniform", "history", "viewers", "untrained", "no content", "published",
)  # fmt: skip
"""Variants of observers that others are held against."""


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """Fixations of the test and who says how likely each is.

    Parameters
    ----------
    fixations, paths : Units
        Of the test.
    observers : tuple of Observer
        Those that have bits, in the order of the tables.
    """

    fixations: Units
    paths: Units
    observers: tuple[Observer, ...]

    @classmethod
    def of(cls, fixations: Units, paths: Units, observers: Sequence[Observer]) -> Likelihoods:
        """Keep the observers that say how likely fixations are."""
        return cls(fixations, paths, tuple(one for one in observers if fixations.has(one.id, "", "bits")))

    def bits(self, observer: Observer) -> Array:
        """Return what each fixation costs."""
        return self.fixations.column(observer.id, "", "bits")

    @property
    def curve(self) -> Curve | None:
        """The choice model told of other viewers; None where it is missing or nobody else is told of."""
        history = self._of_variant(HISTORY)
        told = sorted((one for one in self.observers if one.variant == VIEWERS), key=lambda one: one.copy)
        if not history or not told:
            return None
        return Curve((0, *(one.copy for one in told)), (history[0].id, *(one.id for one in told)))

    def _of_variant(self, variant: str) -> list[Observer]:
        return [one for one in self.observers if one.variant == variant]

    def rows(self) -> Iterator[Row]:
        """Yield what each observer has, likelihood first."""
        curve = self.curve
        for one in self.observers:
            sizes = "{} groups of layouts, {} persons".format(*self.fixations.sizes(self.bits(one)))
            yield Row(one, BITS, within(self.fixations.mean(one.id, "", "bits"), BITS), note=sizes)
            for name, others in self._baselines(one):
                yield self._gain(one, gain_over(name), others)
            if curve is not None and one.id not in curve.observers:
                worth = worth_of(self.fixations, one.id, curve)
                yield Row(one, WORTH, worth.value, note=worth.note)
            for column, measure in LIKELIHOOD.items():
                if measure is not BITS and self.fixations.has(one.id, "", column):
                    yield Row(one, measure, within(self.fixations.mean(one.id, "", column), measure))
            if not np.isnan(ending := self.ending(one)).all():
                yield Row(one, END_BITS, within(self.paths.mean_of(ending), END_BITS))

    def _gain(self, one: Observer, measure: Measure, others: Sequence[Observer]) -> Row:
        theirs = np.mean([self.bits(other) for other in others], axis=0)
        with np.errstate(invalid="ignore"):  # infinite less infinite
            gained = theirs - self.bits(one)
        value = self.fixations.mean_of(gained)
        note = f"mean of {len(others)} copies" if len(others) > 1 else ""
        return Row(one, measure, value, note=note)

    def _baselines(self, one: Observer) -> Iterator[tuple[str, list[Observer]]]:
        """Names of what an observer is held against, and who that is."""
        for variant in (UNIFORM, HISTORY):
            if (found := self._of_variant(variant)) and one.variant != variant:
                yield variant, found[:1]
        if one.role != "network":
            return
        own = [other for other in self.observers if other.role == "control" and _is_control_of(other, one)]
        for variant in dict.fromkeys(other.variant for other in own):
            yield variant, [other for other in own if other.variant == variant]
        networks = [other for other in self.observers if other.role == "network"]
        if networks[0].id != one.id:
            yield networks[0].id, networks[:1]

    def ending(self, one: Observer) -> Array:
        """Return the bits of all of a path's choices between going on and ending, a value a path."""
        kind = next((kind for name, kind in self.paths.values if name == one.id), "")
        ends = self.paths.column(one.id, kind, "end_bits")
        unit = ["scene", "person", "again"]
        goes_on = self.fixations.rows[unit].assign(bits=self.fixations.column(one.id, "", "goes_on_bits"))
        each = goes_on.groupby(unit)["bits"].sum(min_count=1)
        return ends + each.reindex(pd.MultiIndex.from_frame(self.paths.rows[unit])).to_numpy(float)


def _is_control_of(other: Observer, one: Observer) -> bool:
    """Whether a control was made from an observer; one without content is shared by all networks but the published."""
    if other.parent:
        return other.parent == one.id
    return other.variant == NO_CONTENT and one.variant == ""


def viewers_table(likelihoods: Likelihoods) -> pd.DataFrame:
    """Return the bits of the choice model told of 0, 1, 2, ... other viewers, and what it gains by them."""
    columns = ["n_viewers", "bits", "lo", "hi", "gain", "gain_lo", "gain_hi", "n"]
    curve = likelihoods.curve
    if curve is None:
        return pd.DataFrame(columns=columns)
    fixations, rows = likelihoods.fixations, []
    alone = fixations.column(curve.observers[0], "", "bits")
    for n, name in zip(curve.n_viewers, curve.observers, strict=True):
        value = fixations.mean(name, "", "bits")
        gained = alone - fixations.column(name, "", "bits")
        gain = fixations.mean_of(gained)
        bounds = (0.0, np.nan, np.nan) if n == 0 else (gain.estimate, gain.lo, gain.hi)
        rows.append((n, value.estimate, value.lo, value.hi, *bounds, value.n))
    return pd.DataFrame(rows, columns=columns)
