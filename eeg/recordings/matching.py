"""Which signals share a stretch, by their prints (`cogattn.eeg.recordings.prints`), at whatever lag.

Runs that are equal bit for bit are found by sorting. Marks are compared each with each, in matrix products; those at
least `ALIKE` are fellows. Two signals share a stretch where fellows follow each other at one lag, `LEAST_MARKS` or
more, and few marks between them have none: blinks look like each other, what lies between two blinks does not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.recordings.prints import FEATURES, WINDOW_S, Marks, Print
from cogattn.eeg.types import FloatArray

ALIKE = 0.9
"""Mean cosine of phase differences from which two marks are fellows."""
LEAST_MARKS = 3
"""Fellows in a row that make a shared stretch of four or more channels, misses taken away; of fewer channels
`LEAST_MARKS_OF_FEW`."""
LEAST_MARKS_OF_FEW = 5
LAG_TOLERANCE_S = 0.03
"""Lags of fellows may differ so much."""
MISS = 2
"""A mark without a fellow takes away so many."""
MOST_MARKS = 20_000
"""Above so many the weaker ones are left out: only long stretches are known again then."""
_LARGEST_GROUP = 64
_CHUNK = 2048
_NONE = np.empty(0, dtype=np.intp)

IntArray = NDArray[np.integer]


@dataclass(frozen=True)
class Match:
    """Two signals that share a stretch.

    Parameters
    ----------
    first, second : int
        Which, the first below the second.
    lag_s : float
        Time in the second minus time in the first.
    overlap_s : float
        Length of the stretch, as far as it was seen.
    exact : bool
        Whether it is equal bit for bit.
    """

    first: int
    second: int
    lag_s: float
    overlap_s: float
    exact: bool


@dataclass(frozen=True)
class _Moments:
    """Runs or marks of many signals: whose, and when, in order of both."""

    owner: IntArray
    at_s: FloatArray


def matches(prints: Sequence[Print], kin: Sequence[Hashable]) -> list[Match]:
    """Find all pairs of signals that share a stretch, with the longest of each.

    Parameters
    ----------
    prints : sequence of Print
        One per signal.
    kin : sequence
        One label per signal; signals of one label are not compared.
    """
    if not prints:
        return []
    ids = {label: i for i, label in enumerate(dict.fromkeys(kin))}
    labels = [ids[label] for label in kin]
    members: dict[str, list[int]] = {}
    for i, one in enumerate(prints):
        members.setdefault(one.digest, []).append(i)
    found = {
        pair: Match(*pair, 0.0, prints[pair[0]].duration_s, exact=True)
        for group in members.values()
        for pair in combinations(group, 2)
    }
    equals = {group[0]: group for group in members.values()}  # one of those that are equal stands for all
    for match in (*_equal(prints, list(equals)), *_alike(prints, list(equals))):
        for i, j in product(equals[match.first], equals[match.second]):
            pair, lag_s = ((i, j), match.lag_s) if i < j else ((j, i), -match.lag_s)
            known = found.get(pair)
            if known is None or (match.exact, match.overlap_s) > (known.exact, known.overlap_s):
                found[pair] = Match(*pair, lag_s, match.overlap_s, match.exact)
    return [found[pair] for pair in sorted(found) if labels[pair[0]] != labels[pair[1]]]


def _equal(prints: Sequence[Print], chosen: Sequence[int]) -> Iterator[Match]:
    """Pairs with runs that are equal bit for bit."""
    runs = np.concatenate([prints[i].runs for i in chosen])
    moments = _moments([(i, prints[i].runs_at_s) for i in chosen])
    order = np.argsort(runs, kind="stable")
    pairs = []
    for step in range(1, _LARGEST_GROUP):
        same = np.flatnonzero(runs[order[step:]] == runs[order[:-step]])
        if not same.size:
            break
        pairs.append(np.stack([order[same], order[same + step]]))
    if not pairs:
        return
    first, second = np.concatenate(pairs, axis=1)
    for rows in _by_lag(moments, first, second):
        a, b = first[rows], second[rows]
        span_s = float(np.ptp(moments.at_s[a]))
        yield _match(moments, a, b, span_s + prints[moments.owner[a[0]]].run_s, exact=True)


def _alike(prints: Sequence[Print], chosen: Sequence[int]) -> Iterator[Match]:
    """Pairs whose marks follow each other alike."""
    kinds: dict[tuple[int, int], list[tuple[int, Marks]]] = {}
    for i in chosen:
        for view, marks in enumerate(prints[i].marks):
            kinds.setdefault((view, marks.phases.shape[1]), []).append((i, marks))
    for (_, n_features), members in kinds.items():
        kept = _strongest(members)
        moments = _moments([(i, marks.at_s) for i, marks in kept])
        phases = np.concatenate([marks.phases for _, marks in kept]).astype(np.float32)
        first, second = _fellows(phases, moments.owner)
        least = LEAST_MARKS if n_features >= 4 * FEATURES else LEAST_MARKS_OF_FEW
        for rows in _by_lag(moments, first, second):
            if len(rows) < least:
                continue
            a, b = first[rows], second[rows]
            row, other = _longest_row(moments, a), _longest_row(moments, b)
            if min(row[0], other[0]) >= least:
                yield _match(moments, a, b, row[1] + WINDOW_S, exact=False)


def _moments(parts: Sequence[tuple[int, FloatArray]]) -> _Moments:
    owner = np.concatenate([np.full(len(at_s), i, dtype=np.intp) for i, at_s in parts])
    return _Moments(owner, np.concatenate([at_s for _, at_s in parts]))


def _strongest(members: Sequence[tuple[int, Marks]]) -> list[tuple[int, Marks]]:
    """The same share of each signal's marks, so that all together are not too many."""
    share = MOST_MARKS / max(1, sum(len(marks.at_s) for _, marks in members))
    if share >= 1:
        return list(members)
    kept = []
    for i, marks in members:
        strong = np.sort(np.argsort(-marks.strength)[: round(share * len(marks.at_s))])
        kept.append((i, Marks(marks.at_s[strong], marks.strength[strong], marks.phases[strong])))
    return kept


def _fellows(phases: NDArray[np.float32], owner: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs of marks of different signals that look alike, the earlier signal's first."""
    norm = np.linalg.norm(phases, axis=1, keepdims=True)
    unit = phases / np.maximum(norm, 1.0)
    first, second = [], []
    for start in range(0, len(unit), _CHUNK):
        stop = start + _CHUNK
        i, j = np.nonzero(unit[start:stop] @ unit[start:].T >= ALIKE)
        apart = owner[start + i] < owner[start + j]
        first.append(start + i[apart])
        second.append(start + j[apart])
    return np.concatenate(first or [_NONE]), np.concatenate(second or [_NONE])


def _by_lag(moments: _Moments, first: IntArray, second: IntArray) -> Iterator[IntArray]:
    """Rows of fellows that are of the same two signals at one lag."""
    lag_s = moments.at_s[second] - moments.at_s[first]
    order = np.lexsort((lag_s, moments.owner[second], moments.owner[first]))
    if not order.size:
        return
    cuts = (
        (np.diff(moments.owner[first[order]]) != 0)
        | (np.diff(moments.owner[second[order]]) != 0)
        | (np.diff(lag_s[order]) > LAG_TOLERANCE_S)
    )
    yield from np.split(order, np.flatnonzero(cuts) + 1)


def _longest_row(moments: _Moments, fellows: IntArray) -> tuple[int, float]:
    """Most marks of one signal that are fellows one after another, misses taken away, and their span in seconds."""
    found = np.unique(fellows)
    score, best, start_s = 0, (0, 0.0), 0.0
    before = found[0]
    for mark in found:
        score -= MISS * (int(mark) - int(before) - 1) if score else 0
        if score <= 0:
            score, start_s = 0, float(moments.at_s[mark])
        score, before = score + 1, mark
        best = max(best, (score, float(moments.at_s[mark]) - start_s))
    return best


def _match(moments: _Moments, a: IntArray, b: IntArray, overlap_s: float, *, exact: bool) -> Match:
    lag_s = float(np.median(moments.at_s[b] - moments.at_s[a]))
    return Match(int(moments.owner[a[0]]), int(moments.owner[b[0]]), lag_s, overlap_s, exact)
