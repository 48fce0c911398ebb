"""People as persons, so that an observer is placed among them: how alike their paths are, and how well they are told.

Of a person there is how alike the own paths are to those of the others in the same scenes (what a model's sampled paths
are compared with as well), what the paths are like, and how well the choice model that is told of the most other
viewers tells the next fixations. The last is not what a model's bits are: that one tells of all people.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Measure, people_table
from cogattn.psychophysics.scanpath.behaviour import deviation
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath, PathSet
from cogattn.psychophysics.scanpath.likelihood import Likelihoods
from cogattn.psychophysics.scanpath.likeness import PEOPLE, Likeness, measures_of_people
from cogattn.psychophysics.scanpath.measures import BEHAVIOUR, LIKELIHOOD, SACCADE, delta, gain_over
from cogattn.psychophysics.scanpath.units import Units

Array = NDArray[np.float64]
Value = tuple[str, Measure, float, float, int]


def persons(data: PathSet, likelihoods: Likelihoods, likeness: Likeness) -> pd.DataFrame:
    """Return the people of the test.

    Parameters
    ----------
    data : PathSet
        Layouts and scanpaths, for the distances between fixations.
    likelihoods : Likelihoods
        Where other viewers and baselines are among the observers, persons have bits.
    likeness : Likeness
        Paths of the test.

    Returns
    -------
    DataFrame
        As `cogattn.measures.people_table`; standard errors are over groups of layouts, n is paths or fixations.
    """
    paths = likeness.paths
    rows = [
        *_likelihoods(likelihoods),
        *(
            value
            for column, measure in measures_of_people().items()
            for value in _each(paths, measure, paths.column(PEOPLE, PEOPLE, column))
        ),
        *(
            value
            for name, measure in BEHAVIOUR.items()
            for value in _each(paths, measure, paths.column(PEOPLE, PEOPLE, f"person_{name}"))
        ),
        *_each(paths, SACCADE, _saccades(data, paths)),
        *_deltas(likeness),
    ]
    return people_table(sorted(rows, key=lambda row: row[0]))


def _likelihoods(likelihoods: Likelihoods) -> Iterator[Value]:
    """Bits of each person's fixations when told of the most other viewers, and what these tell beyond baselines."""
    curve, units = likelihoods.curve, likelihoods.fixations
    if curve is None:
        return
    most = curve.observers[-1]
    for column, measure in LIKELIHOOD.items():
        yield from _each(units, measure, units.column(most, "", column))
    told = units.column(most, "", "bits")
    for one in likelihoods.observers:
        if one.variant in ("uniform", "history"):
            yield from _each(units, gain_over(one.variant), likelihoods.bits(one) - told)


def _deltas(likeness: Likeness) -> Iterator[Value]:
    """How far each person's behaviour is from that of the others in the same scenes; nobody knows its error."""
    counts = likeness.paths.rows.groupby("person").size()
    for person, (own, others) in likeness.behaviour_of_people().items():
        yield person, delta("sampled"), float(deviation(own, others)), float("nan"), int(counts[person])


def _saccades(data: PathSet, paths: Units) -> Array:
    """Mean distance in degrees between the middles of objects fixated one after the other, a value a path."""
    own: dict[tuple[str, str], list[float]] = {}
    for path in data.paths:
        own.setdefault((data.layout_of(path).name, path.person), []).append(saccade_deg(data, path))
    rows = zip(paths.rows["scene"], paths.rows["person"], paths.rows["again"], strict=True)
    nothing = float("nan")
    return np.array(
        [
            each[again] if again < len(each := own.get((scene, person), [])) else nothing
            for scene, person, again in rows
        ]
    )


def saccade_deg(data: PathSet, path: ObjectPath) -> float:
    """Return the mean distance in degrees between successive objects of a path; NaN for one fixation."""
    if len(path) < 2:
        return float("nan")
    places = data.layout_of(path).position_deg[path.objects]
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).mean())


def _each(units: Units, measure: Measure, values: Array) -> Iterator[Value]:
    """Each person's mean, with its standard error over groups of layouts."""
    kept = units.rows[["group", "person"]].assign(value=values).dropna(subset="value")
    for person, own in kept.groupby("person", sort=True):
        mean, n = float(own["value"].mean()), len(own)
        by_group = (own["value"] - mean).groupby(own["group"]).sum().to_numpy()
        error = clustered_error(by_group, n)
        if measure.scale == "log":  # of the logarithm
            error = error / mean if mean > 0 else float("nan")
        yield str(person), measure, mean, error, n


def clustered_error(residuals: Array, n: int) -> float:
    """Return the standard error of a mean of n values from the sums of residuals in each cluster."""
    k = len(residuals)
    return float(np.sqrt(k / (k - 1) * (residuals**2).sum()) / n) if k > 1 else float("nan")
