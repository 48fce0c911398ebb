"""How alike two scanpaths are: string metrics on fixated objects, and geometric ones on fixations.

Every function takes one pair of scanpaths and returns a number, or two equally long lists of scanpaths and returns an
array, pair by pair; a batch takes a few array operations a fixation, whatever its size. Padding never counts, and
every value is defined down to a single fixation. None of these metrics takes account of chance: set them beside
shuffled, random and human pairs. The Sequence Score hardly notices the order of fixations.

References
----------
Needleman, Wunsch (1970), J. Mol. Biol. 48, 443-453: alignment.
Levenshtein (1966), Soviet Physics Doklady 10, 707-710.
Cristino, Mathot, Theeuwes, Gilchrist (2010), Behav. Res. Methods 42, 692-700: ScanMatch.
Jarodzka, Holmqvist, Nystrom (2010), ETRA, 211-218: MultiMatch; Dewhurst et al. (2012), Behav. Res. Methods 44,
1079-1100.
Yang et al. (2020), CVPR, 190-199: the Sequence Score of visual search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
DIMENSIONS = ("shape", "direction", "length", "position", "duration")
"""What MultiMatch compares, in the order of its columns."""
CHUNK = 2_000_000
"""Values of one array of pairs x fixations x fixations that are held at once."""


def sequence_score(a: Any, b: Any) -> Any:
    """Return the longest common subsequence of fixated objects over the length of the longer path.

    This is the alignment of Needleman and Wunsch with 1 for the same object and 0 for all else, gaps free.

    Parameters
    ----------
    a, b : array of int, shape (n,), or list of such arrays
        Numbers of the objects that were fixated, in order; one pair of paths, or as many of each.

    Returns
    -------
    float, or array of shape (n_pairs,)
        From 0 to 1; 1 where both paths are empty.

    Raises
    ------
    DataError
        If paths are not one-dimensional, or the lists are not equally long.
    """
    return _batched(_sequence_scores, a, b, ndim=1)


def levenshtein(a: Any, b: Any) -> Any:
    """Return how many insertions, deletions and substitutions turn one sequence of objects into the other.

    Parameters
    ----------
    a, b
        As in `sequence_score`.

    Returns
    -------
    float, or array of shape (n_pairs,)
        From 0 to the length of the longer path.
    """
    return _batched(_edit_distances, a, b, ndim=1)


def scanmatch(
    a: Any,
    b: Any,
    *,
    screen_size: tuple[float, float],
    bins: tuple[int, int] = (12, 8),
    threshold: float | None = None,
    gap: float = 0.0,
    bin_ms: float | None = None,
) -> Any:
    """Return ScanMatch: the alignment of two paths on a grid whose bins are alike as far as they are close.

    Parameters
    ----------
    a, b : array, shape (n, 2) or (n, 3), or list of such arrays
        x, y in units of `screen_size`, and duration in ms where `bin_ms` is given.
    screen_size : tuple of float
        Width and height.
    bins : tuple of int
        Columns and rows of the grid.
    threshold : float, optional
        Distance in bins at which the similarity of two bins is 0: beyond it is negative. Twice the standard deviation
        of saccade lengths is usual; a quarter of the grid's diagonal when absent.
    gap : float
        What leaving a fixation out costs, at most 0 (the substitution of equal bins is worth 1).
    bin_ms : float, optional
        Repeat each fixation once for so many ms of its duration, rounded, at least once; durations are ignored when
        absent.

    Returns
    -------
    float, or array of shape (n_pairs,)
        Score over the length of the longer sequence: 1 for equal paths.

    Raises
    ------
    DataError
        If a fixation is not finite, lies off the screen, or durations are missing.
    """
    if gap > 0:
        raise DataError(f"gap must be at most 0; got {gap:g}")
    if threshold is None:
        threshold = float(np.hypot(*bins)) / 4

    def cells(path: Array) -> Ints:
        return _on_grid(path, screen_size, bins, bin_ms)

    column, row = np.arange(bins[0] * bins[1]) % bins[0], np.arange(bins[0] * bins[1]) // bins[0]
    distance = np.hypot(column[:, None] - column, row[:, None] - row)
    alike = np.pad(1 - distance / threshold, (0, 1))  # the last row and column stand for padding

    def scores(first: list[Array], second: list[Array]) -> Array:
        return _alignments([cells(path) for path in first], [cells(path) for path in second], alike, gap)

    return _batched(scores, a, b, ndim=2)


def multimatch(a: Any, b: Any, screen_size: tuple[float, float]) -> Any:
    """Return MultiMatch: similarity of shape, direction, length, position and duration along one alignment.

    Saccades are aligned so that their summed vector differences are least; each dimension is the median over aligned
    pairs. Paths are not simplified beforehand.

    Parameters
    ----------
    a, b : array, shape (n, 2) or (n, 3), or list of such arrays
        x, y in units of `screen_size`, and durations in any unit; duration is NaN where either has none.
    screen_size : tuple of float
        Width and height.

    Returns
    -------
    array, shape (5,) or (n_pairs, 5)
        As `DIMENSIONS`, 1 for equal paths.

    Notes
    -----
    A path of one fixation counts as a saccade of length 0. A saccade of length 0 has no direction: against another one
    of length 0 it agrees, against all others it is as good as chance, a right angle away.
    """
    diagonal = float(np.hypot(*screen_size))

    def similarities(first: list[Array], second: list[Array]) -> Array:
        return _multimatches(first, second, diagonal)

    return _batched(similarities, a, b, ndim=2)


def _batched(score: Callable[[list[Any], list[Any]], Array], a: Any, b: Any, *, ndim: int) -> float | Array:
    """Score one pair or lists of pairs, in chunks of pairs of like length so that padding stays small."""
    single = _is_path(a, ndim) and _is_path(b, ndim)
    first, second = ([_path(p, ndim) for p in ([x] if single else x)] for x in (a, b))
    if len(first) != len(second):
        raise DataError(f"both lists must hold as many scanpaths; got {len(first)} and {len(second)}")
    if not first:
        raise DataError("there must be at least one pair of scanpaths; got none")
    lengths = np.array([(max(len(p), 1), max(len(q), 1)) for p, q in zip(first, second, strict=True)])
    order, longest = np.lexsort(lengths.T), lengths.max(axis=0)
    found: list[tuple[Ints, Array]] = []
    start = 0
    while start < len(order):
        size = max(1, CHUNK // int(longest.prod()))
        chosen = order[start : start + size]
        found.append((chosen, score([first[i] for i in chosen], [second[i] for i in chosen])))
        start += size
    values = np.empty((len(order), *found[0][1].shape[1:]))
    for chosen, scores in found:
        values[chosen] = scores
    if not single:
        return values
    return float(values[0]) if values.ndim == 1 else values[0]


def _is_path(value: Any, ndim: int) -> bool:
    """Whether this is one scanpath and not a list of them; an empty list is no scanpath."""
    if isinstance(value, list) and not value:
        return False
    try:
        return np.asarray(value).ndim == ndim
    except ValueError:  # a list of paths of unlike lengths
        return False


def _path(value: ArrayLike, ndim: int) -> NDArray[Any]:
    array = np.asarray(value, dtype=np.int64 if ndim == 1 else np.float64)
    if array.ndim != ndim or (ndim == 2 and (array.shape[1] not in (2, 3) or not len(array))):
        wanted = "(n,)" if ndim == 1 else "(n, 2) or (n, 3), n at least 1"
        raise DataError(f"a scanpath must have shape {wanted}; got {array.shape}")
    return array


def _padded(paths: Sequence[NDArray[Any]], fill: float) -> tuple[NDArray[Any], Ints]:
    """Paths (n_paths, longest, ...) filled up at their ends, and their lengths (n_paths,)."""
    lengths = np.array([len(path) for path in paths])
    padded = np.full(
        (len(paths), max(int(lengths.max()), 1), *paths[0].shape[1:]), fill, dtype=paths[0].dtype
    )
    inside = np.arange(padded.shape[1]) < lengths[:, None]
    values = np.concatenate(paths)
    if not np.isfinite(values).all():
        raise DataError("fixations must be finite; got others")
    padded[inside] = values
    return padded, lengths


def _sequence_scores(first: list[Ints], second: list[Ints]) -> Array:
    """Table of common lengths, cell by cell, all pairs at once; padding matches nothing. (n_pairs,)"""
    a, b, n, m = _coded(first, second)
    nothing = np.zeros(a.shape[1], dtype=np.uint8 if len(a) < 256 else np.uint16)
    above = [nothing] * (len(b) + 1)
    for objects in a:
        row = [nothing]
        for j, other in enumerate(b):
            longer = above[j] + (objects == other)
            np.maximum(longer, above[j + 1], out=longer)
            row.append(np.maximum(longer, row[j], out=longer))
        above = row
    longest = np.maximum(n, m)
    return np.where(longest > 0, above[-1] / np.maximum(longest, 1), 1.0)


def _edit_distances(first: list[Ints], second: list[Ints]) -> Array:
    """Table of distances, cell by cell, all pairs at once. (n_pairs,)"""
    a, b, n, m = _coded(first, second)
    kind = np.uint8 if max(len(a), len(b)) < 255 else np.uint16
    one = kind(1)
    above = [np.full(a.shape[1], j, dtype=kind) for j in range(len(b) + 1)]
    result, pairs = np.where(n == 0, m, 0), np.arange(a.shape[1])
    for i, objects in enumerate(a):
        row = [np.full(a.shape[1], i + 1, dtype=kind)]
        for j, other in enumerate(b):
            fewest = np.minimum(above[j + 1], row[j]) + one
            row.append(np.minimum(fewest, above[j] + (objects != other), out=fewest))
        above = row
        ends = n == i + 1
        if ends.any():
            result[ends] = np.stack(above)[m[ends], pairs[ends]]
    return result.astype(float)


def _coded(first: list[Ints], second: list[Ints]) -> tuple[NDArray[Any], NDArray[Any], Ints, Ints]:
    """Objects as small numbers, (longest, n_pairs) each, unlike ones as padding; lengths."""
    (a, n), (b, m) = _padded(first, -1), _padded(second, -1)
    lowest, highest = int(min(a.min(), b.min())), int(max(a.max(), b.max()))
    kind = np.min_scalar_type(highest - lowest + 2)
    a, b = (a - lowest).astype(kind), (b - lowest).astype(kind)
    a[np.arange(a.shape[1]) >= n[:, None]] = highest - lowest + 1
    b[np.arange(b.shape[1]) >= m[:, None]] = highest - lowest + 2
    return np.ascontiguousarray(a.T), np.ascontiguousarray(b.T), n, m


def _on_grid(
    path: Array, screen_size: tuple[float, float], bins: tuple[int, int], bin_ms: float | None
) -> Ints:
    """Grid cell of each fixation, repeated for its duration where that counts."""
    scaled = path[:, :2] / screen_size
    if (scaled < 0).any() or (scaled > 1).any():
        x, y = path[((scaled < 0) | (scaled > 1)).any(axis=1)][0, :2]
        raise DataError(f"fixations must lie on the screen of {screen_size}; got ({x:g}, {y:g})")
    column, row = np.minimum((scaled * bins).astype(np.int64), np.array(bins) - 1).T
    cells = row * bins[0] + column
    if bin_ms is None:
        return cells
    if path.shape[1] < 3:
        raise DataError("durations must be given, (n, 3), with bin_ms; got (n, 2)")
    return np.repeat(cells, np.maximum(np.rint(path[:, 2] / bin_ms), 1).astype(int))


def _alignments(first: list[Ints], second: list[Ints], alike: Array, gap: float) -> Array:
    """Best global alignment over the longer length, cell by cell, all pairs at once. (n_pairs,)"""
    (a, n), (b, m) = _padded(first, -1), _padded(second, -1)
    a, b = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    above = [np.full(a.shape[1], j * gap) for j in range(len(b) + 1)]
    result, pairs = np.empty(a.shape[1]), np.arange(a.shape[1])
    for i, cells in enumerate(a):
        row = [np.full(a.shape[1], (i + 1) * gap)]
        for j, others in enumerate(b):
            best = np.maximum(above[j + 1], row[j]) + gap
            row.append(np.maximum(best, above[j] + alike[cells, others], out=best))
        above = row
        ends = n == i + 1
        if ends.any():
            result[ends] = np.stack(above)[m[ends], pairs[ends]]
    return result / np.maximum(n, m)


def _multimatches(first: list[Array], second: list[Array], diagonal: float) -> Array:
    """Similarities (n_pairs, 5)."""
    timed = np.array([p.shape[1] == q.shape[1] == 3 for p, q in zip(first, second, strict=True)])
    (a, n), (b, m) = (_padded([_at_least_two(path) for path in paths], 0.0) for paths in (first, second))
    u, v = np.diff(a[..., :2], axis=1), np.diff(b[..., :2], axis=1)  # saccades (n_pairs, longest, 2)
    rows, columns, aligned = _align(u, v, n - 1, m - 1)
    pair = np.arange(len(a))[:, None]
    p, q = u[pair, rows], v[pair, columns]  # aligned saccades (n_pairs, n_steps, 2)
    start, other = a[pair, rows], b[pair, columns]
    length_p, length_q = np.hypot(*np.moveaxis(p, -1, 0)), np.hypot(*np.moveaxis(q, -1, 0))
    apart = np.stack(
        [
            np.hypot(*np.moveaxis(p - q, -1, 0)) / (2 * diagonal),
            _angles(p, q, length_p, length_q) / np.pi,
            np.abs(length_p - length_q) / diagonal,
            np.hypot(*np.moveaxis((start - other)[..., :2], -1, 0)) / diagonal,
            _relative(start[..., 2], other[..., 2]),
        ],
        axis=-1,
    )
    similar = 1 - _medians(apart, aligned)
    similar[~timed, 4] = np.nan
    return similar


def _at_least_two(path: Array) -> Array:
    """A path (n, 3), n at least 2: a single fixation is a saccade to itself; durations 0 where there are none."""
    timed = path if path.shape[1] == 3 else np.column_stack([path, np.zeros(len(path))])
    return timed if len(timed) > 1 else np.repeat(timed, 2, axis=0)


def _angles(p: Array, q: Array, length_p: Array, length_q: Array) -> Array:
    """Angle between vectors in radians; a right one where only one of them has a direction, 0 where neither has."""
    turn = np.arctan2(p[..., 1], p[..., 0]) - np.arctan2(q[..., 1], q[..., 0])
    angle = np.abs((turn + np.pi) % (2 * np.pi) - np.pi)
    still = (length_p == 0).astype(int) + (length_q == 0)
    return np.where(still == 0, angle, np.where(still == 1, np.pi / 2, 0.0))


def _relative(a: Array, b: Array) -> Array:
    """Difference over the larger one; 0 where both are 0."""
    larger = np.maximum(a, b)
    return np.abs(a - b) / np.where(larger > 0, larger, 1)


def _medians(values: Array, counted: NDArray[np.bool_]) -> Array:
    """Medians over steps (n_pairs, n_steps, k) of those that count, (n_pairs, k)."""
    ordered = np.sort(np.where(counted[..., None], values, np.inf), axis=1)
    n, pair = counted.sum(axis=1), np.arange(len(values))
    return (ordered[pair, (n - 1) // 2] + ordered[pair, n // 2]) / 2


def _align(u: Array, v: Array, n: Ints, m: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Cheapest monotone way from the first pair of saccades to the last, in steps right, down or both.

    Parameters
    ----------
    u, v : array, shape (n_pairs, longest, 2)
        Saccades, padded.
    n, m : array of int, shape (n_pairs,)
        How many of them count.

    Returns
    -------
    rows, columns : array of int, shape (n_pairs, n_steps)
        Saccade of each path at each step, last step first.
    aligned : array of bool, shape (n_pairs, n_steps)
        False after the first pair was reached.
    """
    (ux, uy), (vx, vy) = (np.ascontiguousarray(saccades.T) for saccades in (u, v))  # (longest, n_pairs) each
    total = np.full((len(ux) + 1, len(vx) + 1, len(u)), np.inf)
    total[1, 1] = 0
    for i in range(len(ux)):
        for j in range(len(vx)):
            if i or j:
                cost = np.sqrt((ux[i] - vx[j]) ** 2 + (uy[i] - vy[j]) ** 2)
                before = np.minimum(np.minimum(total[i, j + 1], total[i + 1, j]), total[i, j])
                np.add(before, cost, out=total[i + 1, j + 1])
    return _walk_back(total, n, m)


def _walk_back(total: Array, n: Ints, m: Ints) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    row, column, pair = n - 1, m - 1, np.arange(len(n))
    rows, columns, aligned = [row], [column], [np.ones(len(n), dtype=bool)]
    while ((row > 0) | (column > 0)).any():
        moving = (row > 0) | (column > 0)
        both, up, left = (total[row + 1 - di, column + 1 - dj, pair] for di, dj in ((1, 1), (1, 0), (0, 1)))
        way = np.argmin(np.stack([both, up, left]), axis=0)
        row = np.where(moving, row - (way != 2), row)
        column = np.where(moving, column - (way != 1), column)
        rows.append(row)
        columns.append(column)
        aligned.append(moving)
    return np.stack(rows, axis=1), np.stack(columns, axis=1), np.stack(aligned, axis=1)
