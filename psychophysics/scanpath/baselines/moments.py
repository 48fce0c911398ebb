"""Moments at which somebody chooses where to look next: what was looked at before, for many fixations at once.

All moments of one block are over the same layout, so that a model answers for hundreds of them in a few array
operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


HABITS = ("moves", "log amplitude", "cos2", "sin2", "cos4", "stays", "revisits", "round")
"""Of each saccade: whether it left the object, ln(1 + degrees), harmonics of its direction, whether it stayed, whether
it went back to another object seen before, and whether it went clockwise (1) or the other way (-1) round the middle."""


@dataclass(frozen=True, eq=False)
class Moments:
    """What came before each of n choices over one layout.

    Parameters
    ----------
    layout : Layout
        The objects.
    path : array of int, shape (n,)
        Number of the path that each belongs to, among those that the block was made of.
    number : array of int, shape (n,)
        Fixations so far.
    n_given : array of int, shape (n,)
        How many of them were told; a path cannot end before the next one.
    now, before : array of int, shape (n,)
        The object that is looked at, and the one before it; -1 where there is none.
    visits : array, shape (n, n_objects)
        How often each object was looked at.
    last : array, shape (n, n_objects)
        The fixation, counted from 1, at which it was last; 0 where never.
    habits : array, shape (n, n_habits)
        Sums over the saccades so far, as `HABITS`.
    """

    layout: Layout
    path: Ints
    number: Ints
    n_given: Ints
    now: Ints
    before: Ints
    visits: Floats
    last: Floats
    habits: Floats

    def __len__(self) -> int:
        return len(self.path)

    @property
    def may_end(self) -> Mask:
        """Whether a path can end here: something was looked at that was not told."""
        return self.number > self.n_given

    def take(self, rows: Ints | Mask) -> Self:
        """Return some of them."""
        parts = ("path", "number", "n_given", "now", "before", "visits", "last", "habits")
        return replace(self, **{part: getattr(self, part)[rows] for part in parts})

    def after(self, chosen: Ints) -> Self:
        """Return the moments after one more fixation each, on objects (n,)."""
        rows, number = np.arange(len(self)), self.number + 1
        visits, last = self.visits.copy(), self.last.copy()
        again = visits[rows, chosen] > 0
        went = np.where((self.now >= 0)[:, None], _saccades(self.layout, self.now, chosen, again), 0)
        visits[rows, chosen] += 1
        last[rows, chosen] = number
        return replace(
            self,
            number=number,
            now=chosen,
            before=self.now,
            visits=visits,
            last=last,
            habits=self.habits + went.astype(np.float32),
        )


@dataclass(frozen=True, eq=False)
class Block:
    """All moments of some scanpaths over one layout, each path's in order, its end last.

    Parameters
    ----------
    moments : Moments
        Before fixation n_given, ..., n - 1 and after the last one.
    chosen : array of int, shape (n,)
        What was looked at next; -1 at the ends.
    which : array of int
        Numbers of the paths among all those that were given, in the order of ``moments.path``.
    """

    moments: Moments
    chosen: Ints
    which: Ints

    @property
    def goes_on(self) -> Mask:
        """Moments that are not ends."""
        return self.chosen >= 0

    def choices(self) -> tuple[Moments, Ints]:
        """Return the moments that are not ends, and what was chosen."""
        return self.moments.take(self.goes_on), self.chosen[self.goes_on]


def by_layout(paths: Sequence[ObjectPath]) -> Iterator[tuple[int, Ints]]:
    """Yield each layout's number with the numbers of its paths among those given, in order."""
    layouts = np.array([path.layout for path in paths], dtype=np.int64)
    order = np.argsort(layouts, kind="stable")
    starts = np.flatnonzero(np.diff(layouts[order], prepend=-1))
    for own in np.split(order, starts[1:]) if len(order) else []:
        yield int(layouts[own[0]]), own


def blocks(data: PathSet, paths: Sequence[ObjectPath]) -> Iterator[Block]:
    """Yield one block of moments a layout."""
    for layout, own in by_layout(paths):
        yield block(data.layouts[layout], [paths[k] for k in own], own)


def block(layout: Layout, paths: Sequence[ObjectPath], which: Ints) -> Block:
    """Return all moments of paths over one layout."""
    histories = [_history(path, layout) for path in paths]
    counts = np.array([len(path) - path.n_given + 1 for path in paths])
    moments = Moments(
        layout=layout,
        path=np.repeat(np.arange(len(paths)), counts),
        number=np.concatenate([np.arange(path.n_given, len(path) + 1) for path in paths]),
        n_given=np.repeat([path.n_given for path in paths], counts),
        now=np.concatenate([_shifted(path, 1) for path in paths]),
        before=np.concatenate([_shifted(path, 2) for path in paths]),
        visits=np.concatenate([visits for visits, _, _ in histories]),
        last=np.concatenate([last for _, last, _ in histories]),
        habits=np.concatenate([habits for _, _, habits in histories]),
    )
    chosen = np.concatenate([np.append(path.objects[path.n_given :], -1) for path in paths])
    return Block(moments, chosen, which)


def some_paths(paths: Sequence[ObjectPath], n: int, rng: np.random.Generator) -> list[ObjectPath]:
    """Return paths in random order until they have `n` fixations that are not given."""
    order = [paths[k] for k in rng.permutation(len(paths))]
    so_far = np.cumsum([0, *(len(path) - path.n_given for path in order)])
    return [path for path, before in zip(order, so_far[:-1], strict=True) if before < n]


def beginnings(layout: Layout, paths: Sequence[ObjectPath], n: int) -> Moments:
    """Return the first moment of each path, `n` times over, path by path."""
    whole = block(layout, paths, np.arange(len(paths))).moments
    first = np.flatnonzero(np.diff(whole.path, prepend=-1))
    return whole.take(np.repeat(first, n))


def _history(path: ObjectPath, layout: Layout) -> tuple[Floats, Floats, Floats]:
    """Visits and last visits (n_moments, n_objects) and habits before each fixation not given and at the end."""
    n, objects = len(path), path.objects
    visits = np.zeros((n + 1, layout.n_objects), dtype=np.float32)
    last = np.zeros((n + 1, layout.n_objects), dtype=np.float32)
    rows = np.arange(1, n + 1)
    visits[rows, objects] = 1
    last[rows, objects] = rows
    visits, last = np.cumsum(visits, axis=0), np.maximum.accumulate(last)
    habits = np.zeros((n + 1, len(HABITS)), dtype=np.float32)
    again = visits[rows[1:] - 1, objects[1:]] > 0
    habits[2:] = np.cumsum(_saccades(layout, objects[:-1], objects[1:], again), axis=0)
    return visits[path.n_given :], last[path.n_given :], habits[path.n_given :]


def _saccades(layout: Layout, origin: Ints, goal: Ints, again: Mask) -> Array:
    """What each saccade adds to the habits, shape (n, n_habits)."""
    place = layout.position_deg[origin]
    way = layout.position_deg[goal] - place
    length = np.hypot(way[:, 0], way[:, 1])
    moves = length > 0
    x, y = (way / np.where(moves, length, 1)[:, None]).T
    cos2, sin2 = x * x - y * y, 2 * x * y
    cross = np.sign(np.round(place[:, 0] * y - place[:, 1] * x, 5))
    parts = (moves, np.log1p(length), cos2, sin2, cos2**2 - sin2**2, ~moves, again & moves, cross)
    return np.stack([np.asarray(part, dtype=float) for part in parts], axis=1)


def _shifted(path: ObjectPath, by: int) -> Ints:
    """Object `by` fixations before each moment; -1 where there was none."""
    padded = np.concatenate([np.full(by, -1, dtype=np.int64), path.objects])
    return padded[path.n_given : len(path) + 1]
