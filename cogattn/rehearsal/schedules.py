"""Schedules of rehearsal, and the plans they make: phase by phase, or along a stream of trials.

A phase has ``n_new`` new items of its task and ``budget * n_new`` rehearsed ones of past tasks. Where nothing can be
rehearsed (in the first phase, without rehearsal, under a penalty) further new items stand in their place, so that at
one budget all schedules make the same updates; what is new, and its order, hangs on no schedule. Each step takes the
next ``batch`` items of a phase, new or rehearsed.

Time runs in phases, and a phase's needs are worked out once; or in steps or items, and needs are worked out anew for
each step, whose rounding is carried over to the next, so that all numbers of items stay exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.config import Apportion, Mixing, RehearsalConfig, SourceName, Unit
from cogattn.rehearsal.diary import Diary
from cogattn.rehearsal.needs import Need, NoRehearsal, Unrestricted
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.quotas import CarriedQuota, multinomial_quota, quota
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.sources import source_of
from cogattn.seeds import Streams

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Schedule:
    """How past tasks come back.

    Parameters
    ----------
    need : Need
        What each past task is worth, by when it was met.
    budget : float
        Rehearsed items per new item; at least 0.
    unit : {"phase", "step", "item"}
        In what time runs; an `Unrestricted` need counts phases.
    apportion : {"largest_remainder", "multinomial"}
        How a budget is shared out.
    mixing : {"shuffled", "each_batch"}
        Rehearsed items lie anywhere in a phase, or are as many in each batch.
    source : {"environment", "reservoir", "per_task"}
        Where they come from.
    memory : int
        Items that a memory holds.

    Raises
    ------
    ConfigError
        If the budget or the memory is out of bounds.

    Examples
    --------
    >>> from cogattn.rehearsal.needs import PowerLaw
    >>> plan = plan_phases(Schedule(PowerLaw(d=1), 0.5), [600] * 3, n_new=120, batch=30, streams=Streams(0))
    >>> [draws.items(3).tolist() for draws in plan]  # the last phase's 60 are shared out 1/2 to 1
    [[180, 0, 0], [60, 120, 0], [20, 40, 120]]
    """

    need: Need
    budget: float
    unit: Unit = "phase"
    apportion: Apportion = "largest_remainder"
    mixing: Mixing = "shuffled"
    source: SourceName = "environment"
    memory: int = 500

    def __post_init__(self) -> None:
        if not (np.isfinite(self.budget) and self.budget >= 0):
            raise ConfigError(f"budgets must be at least 0; got {self.budget}")
        source_of(self.source, self.memory, None)

    def rehearsed(self, n_new: int) -> int:
        """Return how many items are rehearsed, or stand in for them, beside so many new ones."""
        return round(self.budget * n_new)


def schedule_of(config: RehearsalConfig, rule: Rule, budget: float) -> Schedule:
    """Return the schedule that a rule has under a run's settings; a penalty's rehearses nothing."""
    own = config.rehearsal
    return Schedule(
        rule.need or NoRehearsal(), budget, own.unit, own.apportion, own.mixing, own.source, own.memory
    )


def planned_items(schedule: Schedule, n_tasks: int, *, n_new: int) -> Ints:
    """Return how many items each phase trains on, shape (n_tasks,), before any is drawn."""
    if not isinstance(schedule.need, Unrestricted):
        return np.full(n_tasks, n_new + schedule.rehearsed(n_new))
    lags = np.arange(n_tasks, 0, -1)
    return np.array([n_new + schedule.need.counts(lags[n_tasks - k :], n_new).sum() for k in range(n_tasks)])


def plan_phases(
    schedule: Schedule, sizes: Sequence[int], *, n_new: int, batch: int, streams: Streams
) -> tuple[Draws, ...]:
    """Plan a phase for each task.

    Parameters
    ----------
    schedule : Schedule
        How past tasks come back.
    sizes : sequence of int
        Training items of each task. Where a phase wants more, all come before any comes again.
    n_new : int
        New items a phase.
    batch : int
        Items a step, new and rehearsed.
    streams : Streams
        Of the seed; those that say what is new hang on no schedule.

    Returns
    -------
    tuple of Draws

    Raises
    ------
    DataError
        If a size, `n_new` or `batch` is below 1.
    """
    if min(n_new, batch, *sizes) < 1:
        raise DataError(f"sizes, n_new and batch must be at least 1; got {[*sizes]}, {n_new} and {batch}")
    phases = _Phases(schedule, sizes, n_new, batch, streams)
    return tuple(phases.plan(phase) for phase in range(len(sizes)))


def plan_stream(
    schedule: Schedule,
    task: ArrayLike,
    index: ArrayLike,
    *,
    batch: int,
    streams: Streams,
    include_current: bool = False,
) -> Draws:
    """Plan a stream of trials in a given order, each step's trials followed by rehearsed ones that were met before.

    So many are rehearsed that they are the budget's part of all trials up to then, rounded. Where nothing can be
    rehearsed, and without rehearsal, the step's own trials stand in once more; `Draws.new` has neither as new. In units
    of phases time is the number of changes of task.

    Parameters
    ----------
    schedule : Schedule
        How past trials come back; its mixing is that of the stream. The environment is all that was met so far.
    task, index : array of int, shape (n_trials,)
        What is met.
    batch : int
        Trials a step, besides those that are rehearsed.
    streams : Streams
        Of the seed, or the person.
    include_current : bool
        Whether past trials of a task come back while the task itself is met.

    Returns
    -------
    Draws

    Raises
    ------
    ConfigError
        If the schedule does not keep to a budget.
    DataError
        If `task` and `index` are not alike in shape, or empty, or `batch` is below 1.
    """
    if isinstance(schedule.need, Unrestricted):
        raise ConfigError(
            "schedules must keep to the budget where trials come one by one; got counts of a phase"
        )
    tasks, indices = np.asarray(task, dtype=np.int64), np.asarray(index, dtype=np.int64)
    if tasks.ndim != 1 or not len(tasks) or tasks.shape != indices.shape or batch < 1:
        raise DataError(
            "task and index must be of one length and, as batch, at least 1; "
            f"got {tasks.shape}, {indices.shape} and {batch}"
        )
    return _Stream(schedule, tasks, indices, streams).plan(batch, include_current)


class _Planner:
    """A plan in the making: what was met when, what is in memory, and what time it is."""

    def __init__(self, schedule: Schedule, sizes: Sequence[int] | None, carried: CarriedQuota | None) -> None:
        self.schedule, self.carried = schedule, carried
        self.source = source_of(schedule.source, schedule.memory, sizes)
        self.diary = Diary(every=schedule.need.since == "all")
        self.n_steps = self.n_items = 0

    def now(self, phase: int) -> int:
        """Time, in the schedule's unit."""
        return {"phase": phase, "step": self.n_steps, "item": self.n_items}[self.schedule.unit]

    def share(self, now: int, total: int, among: Bools, rng: np.random.Generator) -> Ints:
        """How many of `total` items each past task has now, those aside that cannot be rehearsed."""
        if not total:
            return np.zeros(len(among), dtype=np.int64)
        weights = self.schedule.need.shares(now, self.diary, among)
        if self.schedule.apportion == "multinomial":
            return multinomial_quota(weights, total, rng)
        return self.carried.of(weights, total) if self.carried else quota(weights, total)

    def met(self, counts: Ints, now: int) -> None:
        """Write down how many items of each task were met."""
        tasks = np.flatnonzero(counts)
        self.diary.record(tasks, now, counts[tasks])

    def step(self, n_items: int) -> None:
        """Let a step's time pass."""
        self.n_steps += 1
        self.n_items += n_items


class _Phases(_Planner):
    """A phase for each task."""

    def __init__(
        self, schedule: Schedule, sizes: Sequence[int], n_new: int, batch: int, streams: Streams
    ) -> None:
        carried = None if schedule.unit == "phase" else CarriedQuota(len(sizes))
        super().__init__(schedule, sizes, carried)
        self.sizes, self.n_new, self.batch = sizes, n_new, batch
        self.order, self.draws = streams.child("order"), streams.child("draws")

    def plan(self, phase: int) -> Draws:
        """The next phase: new items, and between them rehearsed ones or further new ones."""
        need, among = self.schedule.need, self.source.held(phase) > 0
        counts = self._counts(need, among) if isinstance(need, Unrestricted) else None
        n_between = self.schedule.rehearsed(self.n_new) if counts is None else int(counts.sum())
        between, offsets = self._frame(n_between, phase)
        rehearses = need.rehearses and bool(among.any())
        n_own = self.n_new if rehearses else len(between)
        news = _passes(self.sizes[phase], n_own, self.draws.generator("new", phase))
        again = between if rehearses else np.zeros_like(between)
        task, index = np.full(len(between), phase, dtype=np.int64), np.empty(len(between), dtype=np.int64)
        index[~between] = news[: self.n_new]
        task[again] = self._tasks(phase, again, offsets, among, counts)
        index[between] = self._items(task[again], phase) if rehearses else news[self.n_new :]
        self.source.keep(task[~between], news[: self.n_new], self.draws.generator("memory", phase))
        return Draws(task, index, task == phase, offsets)

    def _counts(self, need: Unrestricted, among: Bools) -> Ints:
        """What an unrestricted need wants of each past task."""
        lags = np.arange(len(among), 0, -1)
        return np.where(among, need.counts(lags, self.n_new), 0)

    def _frame(self, n_between: int, phase: int) -> tuple[Bools, Ints]:
        """Which places of a phase are not for its new items, and where its batches begin."""
        total = self.n_new + n_between
        offsets = np.append(np.arange(0, total, self.batch), total)
        if self.schedule.mixing == "shuffled":
            return self.order.generator("places", phase).permutation(np.arange(total) < n_between), offsets
        upto = np.rint(offsets * n_between / total).astype(np.int64)
        end = np.repeat(offsets[1:] - np.diff(upto), np.diff(offsets))  # of each batch's new items
        return np.arange(total) >= end, offsets

    def _tasks(self, phase: int, again: Bools, offsets: Ints, among: Bools, counts: Ints | None) -> Ints:
        """Tasks of the rehearsed items, in order; what was met is written down."""
        rng, n_again = self.draws.child("rehearsed", phase).generator("shares"), int(again.sum())
        if counts is None and self.schedule.unit != "phase":
            return self._by_step(
                phase, np.add.reduceat(again, offsets[:-1], dtype=np.int64), offsets, among, rng
            )
        shares = self.share(phase, n_again, among, rng) if counts is None else counts
        self.met(np.append(shares, len(again) - n_again), phase)
        return self.order.generator("rehearsed", phase).permutation(np.repeat(np.arange(phase), shares))

    def _by_step(
        self, phase: int, n_again: Ints, offsets: Ints, among: Bools, rng: np.random.Generator
    ) -> Ints:
        """The same with needs worked out anew for each step, which rehearses `n_again` items."""
        tasks = [np.empty(0, dtype=np.int64)]
        for again, n_items in zip(n_again.tolist(), np.diff(offsets).tolist(), strict=True):
            now = self.now(phase)
            shares = self.share(now, again, among, rng)
            self.met(np.append(shares, n_items - again), now)
            self.step(n_items)
            tasks.append(np.repeat(np.arange(phase), shares))
        return np.concatenate(tasks)

    def _items(self, task: Ints, phase: int) -> Ints:
        """Numbers of rehearsed items of these tasks."""
        streams, counts = self.draws.child("rehearsed", phase), np.bincount(task)
        drawn = [self.source.draw(k, int(counts[k]), streams.generator(k)) for k in np.flatnonzero(counts)]
        index = np.empty(len(task), dtype=np.int64)
        index[np.argsort(task, kind="stable")] = np.concatenate([np.empty(0, dtype=np.int64), *drawn])
        return index


class _Stream(_Planner):
    """Trials in a given order; tasks are numbered in the order in which they are first met."""

    def __init__(self, schedule: Schedule, task: Ints, index: Ints, streams: Streams) -> None:
        self.names, self.task = _by_first(task)
        super().__init__(schedule, None, CarriedQuota(len(self.names)))
        self.index = index
        self.block = np.cumsum(np.diff(task, prepend=task[:1]) != 0).tolist()
        self.chance, self.places = streams.generator("rehearsed"), streams.generator("memory")

    def plan(self, batch: int, include_current: bool) -> Draws:
        """The stream, step by step."""
        starts = np.arange(0, len(self.task), batch)
        stops = np.minimum(starts + batch, len(self.task))
        n_again = np.diff(np.rint(self.schedule.budget * stops).astype(np.int64), prepend=0)
        parts: list[tuple[Ints, Ints]] = []
        for start, stop, again in zip(starts.tolist(), stops.tolist(), n_again.tolist(), strict=True):
            own, now = (self.task[start:stop], self.index[start:stop]), self.now(self.block[start])
            parts += [own, self._again(own, again, now, include_current)] if again else [own]
            met = np.concatenate([own[0], parts[-1][0]]) if again else own[0]
            self.met(np.bincount(met), now)
            self.source.keep(*own, self.places)
            self.step(len(met))
        task, index = (np.concatenate([part[k] for part in parts]) for k in range(2))
        sizes = stops - starts + n_again
        offsets = np.append(0, np.cumsum(sizes))
        new = np.arange(len(task)) < np.repeat(offsets[:-1] + (stops - starts), sizes)
        return Draws(self.names[task], index, new, offsets)

    def _again(
        self, own: tuple[Ints, Ints], n_again: int, now: int, include_current: bool
    ) -> tuple[Ints, Ints]:
        """What a step rehearses besides its own trials: tasks, and numbers of items."""
        among = self.source.held(self.diary.n_tasks) > 0
        if not include_current:
            among[own[0][own[0] < len(among)]] = False
        if not (self.schedule.need.rehearses and among.any()):
            return np.resize(own[0], n_again), np.resize(own[1], n_again)
        shares = self.share(now, n_again, among, self.chance)
        tasks = np.flatnonzero(shares)
        drawn = [self.source.draw(task, int(shares[task]), self.chance) for task in tasks.tolist()]
        return np.repeat(tasks, shares[tasks]), np.concatenate(drawn)


def _by_first(task: Ints) -> tuple[Ints, Ints]:
    """Different tasks in the order in which they are first met, and the place of each trial's task in it."""
    names, first, place = np.unique(task, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return names[order], np.argsort(order)[place]


def _passes(size: int, n: int, rng: np.random.Generator) -> Ints:
    """`n` numbers below `size`, whole passes in random order; fewer of them are the first of these."""
    return np.concatenate([rng.permutation(size) for _ in range(-(-n // size))])[:n]
