"""Searchers, people and baselines by the likelihood of people's fixations, and by NSS and AUC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.measures import Estimate
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.natural.baselines import Baselines, Told, baselines
from cogattn.psychophysics.search.natural.calibration import Calibrated, calibrate
from cogattn.psychophysics.search.natural.ceiling import Ceiling, Others
from cogattn.psychophysics.search.natural.columns import GAZE, LOG2_DENSITIES, TEMPERATURES
from cogattn.psychophysics.search.natural.folds import Folds
from cogattn.psychophysics.search.natural.looks import Index, Looks
from cogattn.seeds import Streams
from cogattn.statistics.crossed import Draws, interval
from cogattn.study import Trials

Array = NDArray[np.float64]

IMPOSSIBLE_BITS = -40.0
"""What a fixation on a place that a searcher held impossible counts for, before calibration: one in 10^12."""
CENTRE, NO_CONTENT, OTHERS, OTHERS_MIXED = (
    "centre bias",
    "no content",
    "people",
    "people, weighed as a searcher",
)
COLUMNS = (
    "observer", "role", "measure", "estimate", "lo", "hi", "n", "n_scenes", "n_people", "temperature",
    "as_people", "weight", "impossible",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scored:
    """How well one observer tells of the looks that it was asked for.

    Parameters
    ----------
    which : array of int, shape (n,)
        Rows of the looks.
    values : mapping of str to array, shape (n,)
        By measure: ``bits_raw``, ``bits``, ``content_bits``, ``nss``, ``auc``, those that there are.
    about : mapping of str to float
        ``temperature``, ``as_people``, ``weight``, ``impossible`` where they have a meaning.
    """

    which: Index
    values: Mapping[str, Array]
    about: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Weighing:
    """All that is known of how well people's looks are told.

    Parameters
    ----------
    looks : Looks
        Of people.
    scored : mapping of str to Scored
        By observer; baselines and people by names of their own.
    ceiling : Ceiling
        What people tell of each other.
    base : Baselines
        What other scenes tell.
    """

    looks: Looks
    scored: Mapping[str, Scored]
    ceiling: Ceiling
    base: Baselines

    def totals(self, observer: str, measure: str) -> tuple[Array, Array]:
        """Return sums of a measure and numbers of looks by scene and person."""
        scored = self.scored[observer]
        sums = [np.zeros(len(self.looks)) for _ in range(2)]
        sums[0][scored.which], sums[1][scored.which] = scored.values[measure], 1.0
        return self.looks.totals(sums[0])[0], self.looks.totals(sums[1])[0]

    def table(self, roles: Mapping[str, str], *, rng: Streams, n_resamples: int) -> pd.DataFrame:
        """Return every observer's measures with intervals over scenes and people; roles by observer."""
        shape = len(self.looks.scenes), len(self.looks.people)
        draws = Draws.of(*shape, rng=rng.generator("gaze"), n_resamples=n_resamples)
        rows = []
        for observer, scored in self.scored.items():
            for measure in scored.values:
                totals, counts = self.totals(observer, measure)
                value = interval(draws.mean(totals, counts), int(counts.sum()))
                rows.append(_record(observer, roles[observer], measure, value, counts, scored.about))
        return pd.DataFrame(rows, columns=list(COLUMNS))


def weigh(
    looks: Looks, trials: Trials, observers: Sequence[Observer], *, rng: Streams, e2_deg: float
) -> Weighing:
    """Weigh all observers of a run.

    Parameters
    ----------
    looks : Looks
        Of people, at two scenes at least.
    trials : Trials
        With the table ``scene_gaze``.
    observers : sequence of Observer
        Whose rows count.
    rng : Streams
        Deals scenes to groups, and draws what the baseline is fitted to.
    e2_deg : float
        As in ``rules``.

    Returns
    -------
    Weighing

    Raises
    ------
    DataError
        If trials are about looks that the scenes do not hold.
    """
    folds = Folds.of(len(looks.scenes), rng.generator("folds"))
    others = Others(looks, e2_deg=e2_deg)
    base = baselines(looks, folds, rng=rng.generator("baseline"), watch=others)
    ceiling = others.ceiling(base.no_content, folds)
    centre, no_content = base.centre.own(looks, folds), base.no_content.own(looks, folds)
    scored = dict(_marks(looks, base, ceiling, centre, no_content))
    group = folds.of_scene[looks.scene]
    names = {observer.id for observer in observers}
    for observer, which, rows in _asked(looks, trials, names):
        scored[observer] = _scored(rows, which, base.no_content, group, centre, no_content)
    return Weighing(looks, scored, ceiling, base)


def _marks(
    looks: Looks, base: Baselines, ceiling: Ceiling, centre: Array, no_content: Array
) -> Iterator[tuple[str, Scored]]:
    """What searchers are held against: both baselines, and people by people."""
    every = np.arange(len(looks))
    even = np.log2([1 / len(lattice.points_deg) for lattice in looks.lattices])[looks.scene]
    nothing = np.zeros(len(looks))
    yield CENTRE, _mark(every, base.centre, {"bits_uniform": centre - even, "bits": nothing})
    yield NO_CONTENT, _mark(every, base.no_content, {"bits": no_content - centre, "content_bits": nothing})
    told = {"bits": ceiling.log2 - centre, "content_bits": ceiling.log2 - no_content}
    yield OTHERS, Scored(every, told | {"nss": ceiling.nss, "auc": ceiling.auc})
    mixed = ceiling.as_searcher
    told = {"bits": mixed.log2 - centre, "content_bits": mixed.log2 - no_content}
    yield OTHERS_MIXED, Scored(every, told, {"weight": mixed.weight})


def _mark(which: Index, told: Told, bits: Mapping[str, Array]) -> Scored:
    return Scored(which, {**bits, "nss": told.nss, "auc": told.auc})


def _asked(looks: Looks, trials: Trials, names: set[str]) -> Iterator[tuple[str, Index, pd.DataFrame]]:
    """Each observer's rows, and which looks they are about; rows of an observer follow each other, cell by cell."""
    numbers = {scene.name: number for number, scene in enumerate(looks.scenes)}
    known = pd.MultiIndex.from_frame(looks.rows[["scene", "trial", "fixation"]])
    parts: list[pd.DataFrame] = []
    observer = ""
    for part in trials.parts(GAZE):
        for name, rows in part.groupby("observer", sort=False):
            if name != observer and parts:
                yield observer, *_found(pd.concat(parts), known, numbers)
                parts = []
            observer = str(name)
            if observer in names:
                parts.append(rows)
    if parts:
        yield observer, *_found(pd.concat(parts), known, numbers)


def _found(
    rows: pd.DataFrame, known: pd.MultiIndex, numbers: Mapping[str, int]
) -> tuple[Index, pd.DataFrame]:
    asked = rows[["scene", "trial", "fixation"]].assign(
        scene=rows["scene"].map(numbers).fillna(-1).astype(int)
    )
    which = known.get_indexer(pd.MultiIndex.from_frame(asked))
    if (which < 0).any():
        lost = rows[which < 0].iloc[0]
        raise DataError(
            f"scenes.path must hold the scenes that were searched; got no fixation {lost['fixation']} of "
            f"{lost['person']} ({lost['scene']})"
        )
    return which.astype(np.int64), rows


def _scored(
    rows: pd.DataFrame, which: Index, base: Told, group: Index, centre: Array, no_content: Array
) -> Scored:
    raw = rows["log2_raw"].to_numpy(float)
    calibrated = calibrate(rows[list(LOG2_DENSITIES)].to_numpy(float), base.log2[which], group[which])
    values = {
        "bits_raw": np.maximum(raw, IMPOSSIBLE_BITS) - centre[which],
        "bits": calibrated.log2 - centre[which],
        "content_bits": calibrated.log2 - no_content[which],
        "nss": rows["nss"].to_numpy(float),
        "auc": rows["auc"].to_numpy(float),
    }
    return Scored(which, values, _about(calibrated) | {"impossible": float((raw < IMPOSSIBLE_BITS).mean())})


def _about(calibrated: Calibrated) -> dict[str, float]:
    """Medians over groups of scenes of what was chosen."""
    temperature = np.array(TEMPERATURES)[calibrated.chosen % len(TEMPERATURES)]
    short = calibrated.chosen >= len(TEMPERATURES)
    return {
        "temperature": float(np.median(temperature)),
        "as_people": float(short.mean()),
        "weight": calibrated.weight,
    }


def _record(
    observer: str, role: str, measure: str, value: Estimate, counts: Array, about: Mapping[str, float]
) -> tuple:
    chosen = [about.get(name, np.nan) for name in ("temperature", "as_people", "weight", "impossible")]
    if measure not in ("bits", "content_bits"):  # which alone are calibrated
        chosen[:3] = [np.nan] * 3
    n_scenes, n_people = (int((counts.sum(axis=axis) > 0).sum()) for axis in (1, 0))
    return (
        observer, role, measure, value.estimate, value.lo, value.hi, value.n, n_scenes, n_people, *chosen,
    )  # fmt: skip
