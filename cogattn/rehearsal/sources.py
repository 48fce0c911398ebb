"""Where rehearsed items come from: the environment, or a memory. Numbers of items only, never copies of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import ConfigError
from cogattn.rehearsal.config import SourceName

Ints = NDArray[np.int64]


class Source(Protocol):
    """Items of past tasks that can come back."""

    def held(self, n_tasks: int) -> Ints:
        """Return how many different items there are of each task, shape (n_tasks,)."""
        ...

    def draw(self, task: int, n: int, rng: np.random.Generator) -> Ints:
        """Return `n` items of a task at random, shape (n,); none comes twice before all have come."""
        ...

    def keep(self, task: Ints, index: Ints, rng: np.random.Generator) -> None:
        """Take note of items that were met as news, in order, both of shape (n,)."""
        ...


class Environment:
    """Past tasks themselves: anything of their training parts, met before or not.

    Parameters
    ----------
    sizes : sequence of int
        Training items of each task.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes = np.asarray(sizes, dtype=np.int64)

    def held(self, n_tasks: int) -> Ints:
        """Return how many items each task has."""
        return self._sizes[:n_tasks]

    def draw(self, task: int, n: int, rng: np.random.Generator) -> Ints:
        """Return fresh draws from a task."""
        return pick(int(self._sizes[task]), n, rng)

    def keep(self, task: Ints, index: Ints, rng: np.random.Generator) -> None:
        """Nothing is kept."""


class Met:
    """All that was met so far, as it was met: an item that was met twice is there twice."""

    def __init__(self) -> None:
        self._items: list[list[int]] = []

    def held(self, n_tasks: int) -> Ints:
        """Return how many items were met of each task."""
        return np.array([len(items) for items in self._items[:n_tasks]], dtype=np.int64)

    def draw(self, task: int, n: int, rng: np.random.Generator) -> Ints:
        """Return what was met at some time or other."""
        items = self._items[task]
        return np.array([items[k] for k in pick(len(items), n, rng)], dtype=np.int64)

    def keep(self, task: Ints, index: Ints, rng: np.random.Generator) -> None:
        """Keep all of it."""
        for number, item in zip(task.tolist(), index.tolist(), strict=True):
            while number >= len(self._items):
                self._items.append([])
            self._items[number].append(item)


class Reservoir:
    """A sample of the stream so far, each item of it with the same chance (Vitter's algorithm R).

    Parameters
    ----------
    memory : int
        Items that it holds.

    References
    ----------
    Vitter (1985), ACM Transactions on Mathematical Software 11, 37-57.
    """

    def __init__(self, memory: int) -> None:
        self._task = np.full(memory, -1, dtype=np.int64)
        self._index = np.empty(memory, dtype=np.int64)
        self._seen = 0

    def held(self, n_tasks: int) -> Ints:
        """Return how many items of each task are in it."""
        return np.bincount(self._task + 1, minlength=n_tasks + 1)[1 : n_tasks + 1]

    def draw(self, task: int, n: int, rng: np.random.Generator) -> Ints:
        """Return items of a task that are in it."""
        own = self._index[self._task == task]
        return own[pick(len(own), n, rng)]

    def keep(self, task: Ints, index: Ints, rng: np.random.Generator) -> None:
        """Let each item take a place by chance: the n-th of the stream with a chance of memory / n."""
        memory, count = len(self._task), self._seen + np.arange(1, len(task) + 1)
        place = np.where(count <= memory, count - 1, rng.integers(count))
        taken = place < memory
        self._task[place[taken]] = task[taken]  # of those that take the same place the last one stays
        self._index[place[taken]] = index[taken]
        self._seen += len(task)


class PerTask:
    """A memory of each task: a sample of what was met of it.

    Parameters
    ----------
    memory : int
        Items that are held of each task.
    """

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._tasks: dict[int, Reservoir] = {}

    def held(self, n_tasks: int) -> Ints:
        """Return how many items of each task are held."""
        own = [self._tasks[task].held(1)[0] if task in self._tasks else 0 for task in range(n_tasks)]
        return np.array(own, dtype=np.int64)

    def draw(self, task: int, n: int, rng: np.random.Generator) -> Ints:
        """Return items of a task's memory."""
        return self._tasks[task].draw(0, n, rng)

    def keep(self, task: Ints, index: Ints, rng: np.random.Generator) -> None:
        """Let each item take a place in its task's memory by chance."""
        for number in np.unique(task).tolist():
            own = self._tasks.setdefault(number, Reservoir(self._memory))
            items = index[task == number]
            own.keep(np.zeros_like(items), items, rng)


def source_of(name: SourceName, memory: int, sizes: Sequence[int] | None) -> Source:
    """Return a source that holds nothing yet.

    Parameters
    ----------
    name : {"environment", "reservoir", "per_task"}
        Which.
    memory : int
        Items that a memory holds; at least 1.
    sizes : sequence of int or None
        Training items of each task; None for a stream of trials, whose environment is what was met of it.

    Raises
    ------
    ConfigError
        If `memory` is below 1.
    """
    if memory < 1:
        raise ConfigError(f"rehearsal.memory must be at least 1; got {memory}")
    if name == "environment":
        return Met() if sizes is None else Environment(sizes)
    return Reservoir(memory) if name == "reservoir" else PerTask(memory)


def pick(size: int, n: int, rng: np.random.Generator) -> Ints:
    """Return `n` numbers below `size` in random order, none of them again before all have come, shape (n,)."""
    if n == 1:
        return rng.integers(size, size=1)
    whole, rest = divmod(n, size)
    rounds = [rng.permutation(size) for _ in range(whole)]
    return np.concatenate([*rounds, rng.choice(size, rest, replace=False)])
