"""Need: how likely each past task is to come up again, by how long ago it was met. float64 throughout.

Power laws are those of Anderson & Schooler (1991), shifted ones Wickelgren's; `ActR` sums over all encounters, so that
a rehearsal refreshes a task. `TaskIndex` and `Table` are two rules of a public code
(archana53/power-law-for-CI, 2022) that is likely the ancestor of Gandhi et al. (2024) and is not theirs.

A kernel is worked out as its logarithm, and weights relative to the largest: lags of many thousand items do not
underflow.

References
----------
Anderson & Schooler (1991), Psychological Science 2, 396-408.
Anderson et al. (2004), Psychological Review 111, 1036-1060 (base-level learning).
Wickelgren (1974), Memory & Cognition 2, 775-780.
Wixted & Carpenter (2007), Psychological Science 18, 133-134.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.config import Since
from cogattn.rehearsal.diary import Diary


@dataclass(frozen=True)
class Need(ABC):
    """What past tasks are worth now, from when they were met.

    Parameters
    ----------
    since : {"introduced", "last", "all"}
        A task's lag runs from its first encounter or from its last one, a rehearsal being an encounter; or its weight
        is summed over all encounters, each with its number of items.
    """

    since: Since = field(default="introduced", kw_only=True)
    rehearses: ClassVar[bool] = True
    """Whether past tasks come back at all."""
    equal_budget: ClassVar[bool] = True
    """Whether as much is rehearsed as the budget says; `counts` says how much otherwise."""

    def kernel(self, lag: ArrayLike) -> NDArray[np.float64]:
        """Return need at these lags, in the unit of the clock, before it is shared out among tasks.

        Parameters
        ----------
        lag : array, any shape
            At least 0; lags below 1 count as 1. For `Linear` and `TaskIndex` the lags of all past tasks.

        Returns
        -------
        array of float64, of the same shape
        """
        lags = np.maximum(np.asarray(lag, dtype=np.float64), 1.0)
        return np.exp(self._log_kernel(lags, n_tasks=lags.size))

    def weights(self, now: float, encounters: Sequence[ArrayLike]) -> NDArray[np.float64]:
        """Return each past task's share of what is rehearsed now.

        Parameters
        ----------
        now : float
            Time, in the unit of the clock.
        encounters : sequence of array, each of shape (n_encounters, 2)
            Of each past task, in order of introduction: when it was met, from the first time to the last, and how many
            of its items then.

        Returns
        -------
        array of float64, shape (n_past,)
            With a sum of 1 within one unit in the last place; zeros where nothing is rehearsed.

        Raises
        ------
        DataError
            If a task has no encounter, or one that is later than now.

        Examples
        --------
        >>> PowerLaw(d=1).weights(2, [[[0, 100]], [[1, 100]]])  # introduced two phases and one phase ago
        array([0.33333333, 0.66666667])
        """
        return self.shares(now, Diary.of(encounters, every=self.since == "all"))

    def shares(self, now: float, diary: Diary, among: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the same from a diary, which a plan writes while it goes on.

        Parameters
        ----------
        now : float
            Time, in the unit of the clock.
        diary : Diary
            Of all encounters if the need sums over them.
        among : array of bool, shape (n_past,), optional
            Which past tasks can be rehearsed, at least one; others have a share of 0. All in the diary when left out.

        Returns
        -------
        array of float64, shape (n_past,)
        """
        n_past = diary.n_tasks if among is None else len(among)
        if not n_past or not self.rehearses:
            return np.zeros(n_past)
        logs = self._log_weights(float(now), diary, n_past)
        return _shares(logs if among is None else np.where(among, logs, -np.inf))

    @abstractmethod
    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        """Logarithm of need at lags of at least 1, those of `n_tasks` tasks."""

    def _log_weights(self, now: float, diary: Diary, n_past: int) -> NDArray[np.float64]:
        if self.since == "all":
            return self._log_sums(now, diary, n_past)
        times = diary.first if self.since == "introduced" else diary.last
        return self._log_kernel(_lags(now, times[:n_past]), n_past)

    def _log_sums(self, now: float, diary: Diary, n_past: int) -> NDArray[np.float64]:
        """Of each task: the logarithm of the sum, over its encounters, of items times kernel."""
        task, time, items = diary.events
        logs = self._log_kernel(_lags(now, time), n_past)
        nearest = np.full(diary.n_tasks, -np.inf)
        np.maximum.at(nearest, task, logs)
        sums = np.bincount(task, items * np.exp(logs - nearest[task]), minlength=diary.n_tasks)
        return (nearest + np.log(sums))[:n_past]


@dataclass(frozen=True)
class NoRehearsal(Need):
    """Nothing comes back."""

    rehearses: ClassVar[bool] = False

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return np.full(lags.shape, -np.inf)


@dataclass(frozen=True)
class Uniform(Need):
    """All past tasks alike."""

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return np.zeros(lags.shape)


@dataclass(frozen=True)
class PowerLaw(Need):
    """lag ** -d (Anderson & Schooler, 1991).

    Parameters
    ----------
    d : float
        Above 0.

    Examples
    --------
    >>> PowerLaw(d=2).kernel([1, 2, 4])
    array([1.    , 0.25  , 0.0625])
    """

    d: float = 1.0

    def __post_init__(self) -> None:
        _above_zero(d=self.d)

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return -self.d * np.log(lags)


@dataclass(frozen=True)
class ActR(PowerLaw):
    """ACT-R's need odds: the sum of (now - t) ** -d over all encounters, an encounter for each item.

    Parameters
    ----------
    d : float
        Decay (ACT-R: .5).
    """

    since: Since = field(default="all", kw_only=True)
    d: float = 0.5


@dataclass(frozen=True)
class ShiftedPower(Need):
    """(1 + beta * lag) ** -psi (Wickelgren, 1974).

    Parameters
    ----------
    beta, psi : float
        Above 0 (likely ancestor code: .1 and 5.6, lag in phases).
    """

    beta: float = 0.1
    psi: float = 5.6

    def __post_init__(self) -> None:
        _above_zero(beta=self.beta, psi=self.psi)

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return -self.psi * np.log1p(self.beta * lags)


@dataclass(frozen=True)
class Exponential(Need):
    """exp(-lag / tau).

    Parameters
    ----------
    tau : float
        Above 0, in the unit of the clock (likely ancestor code: 1 phase).
    """

    tau: float = 1.0

    def __post_init__(self) -> None:
        _above_zero(tau=self.tau)

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return -lags / self.tau


@dataclass(frozen=True)
class Linear(Need):
    """A straight line to 0 beyond the oldest task: 1 - lag / (oldest * (1 + 1 / n_past)), oldest the largest lag.

    With a task each phase and lags since introduction, in phases, this is proportional to the task's number from 1.
    """

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return np.log1p(-lags / (lags.max(initial=1.0) * (1 + 1 / max(n_tasks, 1))))


@dataclass(frozen=True)
class TaskIndex(Need):
    """(offset + j) ** degree, j the task's number from 0 (likely ancestor code: 10 and 4); no function of lag alone.

    Parameters
    ----------
    degree : float
        At least 0.
    offset : float
        Above 0.
    """

    degree: float = 4.0
    offset: float = 10.0

    def __post_init__(self) -> None:
        _above_zero(offset=self.offset)
        if not (math.isfinite(self.degree) and self.degree >= 0):
            raise ConfigError(f"degree must be a number of at least 0; got {self.degree}")

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return self.degree * np.log(self.offset + lags.max(initial=1.0) - lags)

    def _log_weights(self, now: float, diary: Diary, n_past: int) -> NDArray[np.float64]:
        return self.degree * np.log(self.offset + np.arange(n_past))


class Unrestricted(Need):
    """A need that says how many items are rehearsed, whatever the budget; its lags are phases since introduction."""

    equal_budget: ClassVar[bool] = False

    def counts(self, lag: ArrayLike, n_new: int) -> NDArray[np.int64]:
        """Return items of each past task, for lags in phases and `n_new` new items a phase."""
        return np.rint(n_new * self.kernel(lag)).astype(np.int64)


@dataclass(frozen=True)
class Cumulative(Unrestricted):
    """As many items of each past task as there are new ones: all data at once, nearly."""

    def _log_kernel(self, lags: NDArray[np.float64], n_tasks: int) -> NDArray[np.float64]:
        return np.zeros(lags.shape)


@dataclass(frozen=True)
class Table(Unrestricted, ShiftedPower):
    """The likely ancestor code's unrestricted counts, n_new * (1 + .1 * lag) ** -5.6."""


def _above_zero(**settings: float) -> None:
    for name, value in settings.items():
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{name} must be a number above 0; got {value}")


def _lags(now: float, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Since these times, at least 1."""
    if times.max() > now:
        raise DataError(f"encounters must be no later than now ({now:g}); got one at {times.max():g}")
    return np.maximum(now - times, 1.0)


def _shares(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Their exponentials, scaled to a sum of 1 within its rounding; equal ones stay equal."""
    shares = np.exp(logs - logs.max())
    return shares / math.fsum(shares.tolist())
