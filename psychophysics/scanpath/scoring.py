"""Rows of the trial tables: how well predictions meet people's next fixations, and predicted paths theirs.

Scores of whole paths leave out the fixations that were told beforehand, except that MultiMatch keeps them, since a
saccade begins there. All scores are of objects: positions are the middles of objects, for people as well, so that
nobody is farther away for having been measured. ScanMatch has the 12 x 8 bins of Cristino et al. (2010), the 12 along
the image's longer side, free gaps and a quarter of the grid's diagonal as threshold; durations play no part in it,
since models tell none of their own paths. Where objects lie closer than a bin it takes neighbours for one place.

References
----------
Cristino, Mathot, Theeuwes, Gilchrist (2010), Behav. Res. Methods 42, 692-700: ScanMatch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from cogattn.errors import ObserverError
from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.behaviour import behaviour_of
from cogattn.psychophysics.scanpath.columns import BEHAVIOURS, MULTIMATCH, SCORES
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.reading import target_in
from cogattn.psychophysics.scanpath.metrics import levenshtein, multimatch, scanmatch, sequence_score
from cogattn.psychophysics.scanpath.next_fixations import fixation_rows
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.rows import keys, ordered, table
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["fixation_rows", "middles_px", "path_rows", "people_rows", "predicted_rows"]

Kind = Literal["greedy", "consensus", "sampled"]
SAMPLE = {"greedy": -1, "consensus": -2}
"""Numbers of single paths among samples."""
PEOPLE = "people"
LONGER, SHORTER = 12, 8
"""Bins of ScanMatch along the image's sides."""


class _Compared(NamedTuple):
    """A scanpath of the test, those it is compared with, and bits of its end."""

    path: ObjectPath
    others: list[ObjectPath]
    end_bits: float


def path_rows(
    observer: str,
    number: int,
    data: PathSet,
    paths: Sequence[ObjectPath],
    predicted: Sequence[Sequence[Ints]],
    kind: Kind,
    predictions: Sequence[Prediction] | None = None,
) -> pd.DataFrame:
    """Score predicted scanpaths.

    Parameters
    ----------
    observer, number, data, paths
        As in `fixation_rows`.
    predicted : sequence of sequences of arrays of int
        For each path its samples, or a single one, each beginning with the path's given fixations.
    kind : str
        ``greedy``, ``consensus`` or ``sampled``.
    predictions : sequence of Prediction, optional
        Whose chance of the true end is told; NaN without them.

    Returns
    -------
    DataFrame
        ``scanpath_paths``, sorted by scene and person: means over samples.

    Raises
    ------
    ObserverError
        If a predicted scanpath has no fixation of its own, changes those given, or looks at what is not there.
    """
    ends = [np.nan] * len(paths)
    if predictions is not None:
        ends = [_end_bits(prediction) for prediction in predictions]
    compared = []
    for path, (samples, end) in ordered(data, paths, list(zip(predicted, ends, strict=True))):
        layout = data.layout_of(path)
        own = [_predicted(observer, layout, path, sample) for sample in samples]
        if not own:
            raise ObserverError(
                f"{observer} must predict at least one scanpath for each; got none ({layout.name})"
            )
        compared.append(_Compared(path, own, end))
    return _rows(observer, number, kind, data, compared)


def people_rows(number: int, data: PathSet, paths: Sequence[ObjectPath]) -> pd.DataFrame:
    """Score other people's scanpaths as predictions of each one's: what a model can hope for.

    Parameters
    ----------
    number, data, paths
        As in `fixation_rows`.

    Returns
    -------
    DataFrame
        ``scanpath_paths`` of the observer and kind ``people``: means over all others who looked at the same layout,
        whichever part of the split they are in, never the person itself. Scanpaths of those who were alone have no row.
    """
    present: dict[int, list[ObjectPath]] = {}
    for path in data.paths:
        present.setdefault(path.layout, []).append(path)
    compared = []
    for path, _ in ordered(data, paths, paths):
        others = [other for other in present[path.layout] if other.person != path.person]
        if others:
            compared.append(_Compared(path, sorted(others, key=lambda other: other.person), np.nan))
    return _rows(PEOPLE, number, PEOPLE, data, compared)


def _predicted(observer: str, layout: Layout, path: ObjectPath, sample: Ints) -> ObjectPath:
    """A predicted path, if it can be one."""
    objects, where = np.asarray(sample, dtype=np.int64), f"{path.person}, {layout.name}"
    if len(objects) <= path.n_given or not np.array_equal(
        objects[: path.n_given], path.objects[: path.n_given]
    ):
        raise ObserverError(
            f"scanpaths by {observer} must go on from the {path.n_given} fixations given; got {objects[:5]} ({where})"
        )
    if objects.min() < 0 or objects.max() >= layout.n_objects:
        raise ObserverError(
            f"scanpaths by {observer} must be of objects 0 to {layout.n_objects - 1}; got {objects.min()} to "
            f"{objects.max()} ({where})"
        )
    return ObjectPath(path.layout, path.person, objects, np.empty((0, 2)), n_given=path.n_given)


def _end_bits(prediction: Prediction) -> float:
    return np.nan if prediction.log_end is None else float(-prediction.log_end[-1] / np.log(2) + 0.0)


def _rows(
    observer: str, number: int, kind: str, data: PathSet, compared: Sequence[_Compared]
) -> pd.DataFrame:
    """One row a path, means over those it is compared with."""
    if not compared:
        return table(columns.PATHS, [])
    counts = np.array([len(one.others) for one in compared])
    starts = np.cumsum(counts) - counts
    scores = {
        name: np.add.reduceat(values, starts) / counts
        for name, values in _scores(kind, data, compared).items()
    }
    targets = {number: target_in(data.layouts[number]) for number in {one.path.layout for one in compared}}
    parts = []
    for place, one in enumerate(compared):
        target = targets[one.path.layout]
        own = [list(behaviour_of(other.objects, target).values()) for other in one.others]
        person = behaviour_of(one.path.objects, target)
        parts.append(
            {
                **keys(observer, number, data.layout_of(one.path), one.path),
                "kind": kind,
                "n_compared": counts[place],
                "end_bits": one.end_bits,
                **{name: scores[name][place] for name in SCORES},
                **dict(zip((f"own_{name}" for name in BEHAVIOURS), np.mean(own, axis=0), strict=True)),
                **{f"person_{name}": value for name, value in person.items()},
            }
        )
    return table(columns.PATHS, parts)


def _scores(kind: str, data: PathSet, compared: Sequence[_Compared]) -> dict[str, Array]:
    """Scores of all pairs, (n_pairs,) each, in the order of the paths and of those they are compared with."""
    pairs = [(one.path, other) for one in compared for other in one.others]
    true, others = ([path.objects[path.n_given :] for path in side] for side in zip(*pairs, strict=True))
    mixed = []
    for one in compared:
        rng = Streams(0).child("shuffled", kind).generator(data.layout_of(one.path).name, one.path.person)
        mixed += [rng.permutation(other.objects[other.n_given :]) for other in one.others]
    return {
        "sequence_score": sequence_score(true, others),
        "shuffled": sequence_score(true, mixed),
        "levenshtein": levenshtein(true, others),
        **_geometric(data, pairs),
    }


def _geometric(data: PathSet, pairs: Sequence[tuple[ObjectPath, ObjectPath]]) -> dict[str, Array]:
    """ScanMatch and MultiMatch of pairs, those on images of one size at a time."""
    sizes = [data.layout_of(path).scene.size_px for path, _ in pairs]
    numbers = {path.layout for path, _ in pairs}
    middles = {number: middles_px(data.layouts[number]) for number in numbers}
    matched, parts = np.empty(len(pairs)), np.empty((len(pairs), len(MULTIMATCH)))
    for height, width in sorted(set(sizes)):
        chosen = [place for place, size in enumerate(sizes) if size == (height, width)]
        first, second = (
            [_timed(pairs[place][side], middles[pairs[place][side].layout]) for place in chosen]
            for side in (0, 1)
        )
        given = [[pairs[place][side].n_given for place in chosen] for side in (0, 1)]
        matched[chosen] = scanmatch(
            [path[n:, :2] for path, n in zip(first, given[0], strict=True)],
            [path[n:, :2] for path, n in zip(second, given[1], strict=True)],
            screen_size=(width, height),
            bins=(LONGER, SHORTER) if width >= height else (SHORTER, LONGER),
        )
        parts[chosen] = multimatch(first, second, (width, height))
    return {"scanmatch": matched} | {f"multimatch_{name}": parts[:, k] for k, name in enumerate(MULTIMATCH)}


def _timed(path: ObjectPath, middles: Array) -> Array:
    """Middles of the objects of a path (n, 2), with durations (n, 3) where all are known."""
    places, durations = middles[path.objects], path.durations_ms
    return places if durations is None or not np.isfinite(durations).all() else np.c_[places, durations]


# ---- predicted scanpaths, for pictures


def predicted_rows(
    observer: str,
    number: int,
    data: PathSet,
    paths: Sequence[ObjectPath],
    predicted: Sequence[Sequence[Ints]],
    kind: Kind,
) -> pd.DataFrame:
    """List predicted scanpaths, fixation by fixation.

    Parameters
    ----------
    observer, number, data, paths, predicted, kind
        As in `path_rows`.

    Returns
    -------
    DataFrame
        ``scanpath_predicted``, sorted by scene, person, sample and fixation; the sample of a greedy path is -1, of
        a consensus -2, and
        positions are middles of objects in pixels.
    """
    parts = []
    for path, samples in ordered(data, paths, predicted):
        layout = data.layout_of(path)
        middles = middles_px(layout)
        for sample, objects in enumerate(samples):
            places = middles[objects]
            parts.append(
                {
                    **keys(observer, number, layout, path),
                    "sample": SAMPLE.get(kind, sample),
                    "fixation": np.arange(len(objects)),
                    "object": objects,
                    "x": places[:, 0],
                    "y": places[:, 1],
                }
            )
    return table(columns.PREDICTED, parts)


def middles_px(layout: Layout) -> Array:
    """Return the middles of a layout's objects in pixels, within the image, shape (n_objects, 2)."""
    places = layout.position_deg * layout.scale + layout.scene.middle_px
    return np.clip(places, 0, 2 * layout.scene.middle_px)
