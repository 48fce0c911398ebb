"""When each task was met, and how much of it: what needs are worked out from.

All encounters are kept where a need sums over them. They would grow with every step, so once there are many, those of
a task that lie within a twentieth of their lag of each other are merged into one at their mean time: the last twenty or
so stay as they are, and shares change by less than a ten-thousandth (after Petrov, 2006, who keeps the last encounters
and gathers the rest).

References
----------
Petrov (2006), Computationally efficient approximation of the base-level learning equation in ACT-R, Proc. ICCM 7.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError

ROOM = 4096
"""Encounters that are written down before some are merged."""
WIDTH = 0.05
"""How far merged encounters lie apart at most, as a part of their lag."""


class Diary:
    """Encounters of tasks, which are numbered from 0 in the order in which they are introduced.

    Parameters
    ----------
    every : bool
        Whether all encounters are kept, or only each task's first and last.
    """

    def __init__(self, *, every: bool) -> None:
        self.n_tasks = 0
        self._every = every
        self._times = np.empty((2, 16))
        self._events = np.empty((3, 256 if every else 0))
        self._n_events = 0
        self._room = ROOM

    @classmethod
    def of(cls, encounters: Sequence[ArrayLike], *, every: bool) -> Diary:
        """Return the diary of tasks with these encounters, each (n_encounters, 2): times in order, and items."""
        diary = cls(every=every)
        for task, given in enumerate(encounters):
            met = np.asarray(given, dtype=np.float64).reshape(-1, 2)
            if not len(met):
                raise DataError(f"encounters must be at least one of each past task; got none of task {task}")
            if not np.isfinite(met).all() or (np.diff(met[:, 0]) < 0).any() or (met[:, 1] <= 0).any():
                raise DataError(
                    f"encounters must be times in order and items above 0; got {met.tolist()} of task {task}"
                )
            kept = met if every else met[[0, -1]]
            diary._room = max(diary._room, diary._n_events + len(kept))
            for time, items in kept:
                diary.record(np.array([task]), time, np.array([items]))
        return diary

    @property
    def first(self) -> NDArray[np.float64]:
        """When each task was introduced, shape (n_tasks,)."""
        return self._times[0, : self.n_tasks]

    @property
    def last(self) -> NDArray[np.float64]:
        """When each task was met last, shape (n_tasks,)."""
        return self._times[1, : self.n_tasks]

    @property
    def events(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Task, time and items of all encounters, each of shape (n_encounters,)."""
        task, time, items = self._events[:, : self._n_events]
        return task.astype(np.int64), time, items

    def record(self, tasks: NDArray[np.int64], time: float, items: NDArray[np.int64]) -> None:
        """Write down that tasks, each named once, were met with so many items.

        Parameters
        ----------
        tasks : array of int64, shape (n,)
            Their numbers; a task that is introduced has the next one.
        time : float
            No earlier than what was written down before.
        items : array, shape (n,)
            Above 0.
        """
        n = max(self.n_tasks, int(tasks.max(initial=-1)) + 1)
        if n > self._times.shape[1]:
            self._times = np.concatenate([self._times, np.empty((2, n))], axis=1)
        self._times[0, self.n_tasks : n] = time
        self.n_tasks = n
        self._times[1, tasks] = time
        if self._every:
            self._append(tasks, time, items)

    def _append(self, tasks: NDArray[np.int64], time: float, items: NDArray[np.int64]) -> None:
        if self._n_events + len(tasks) > self._room:
            self._merge(time)
        stop = self._n_events + len(tasks)
        if stop > self._events.shape[1]:
            self._events = np.concatenate([self._events, np.empty((3, stop))], axis=1)
        self._events[:, self._n_events : stop] = tasks, np.full(len(tasks), time), items
        self._n_events = stop

    def _merge(self, now: float) -> None:
        """Merge encounters of a task that lie close together for their lag."""
        task, time, items = self.events
        lag = np.log(np.maximum(now - time, 1.0))
        bins = np.floor(lag / np.log1p(WIDTH)).astype(np.int64)
        groups, which = np.unique(np.stack([task, bins]), axis=1, return_inverse=True)
        whole = np.bincount(which, items)
        self._events = np.stack([groups[0], np.bincount(which, items * time) / whole, whole])
        self._n_events = len(whole)
        self._room = self._n_events + ROOM
