"""A plan for any DataLoader: batches of (task, index) pairs, and the data set that they are numbers of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from torch.utils.data import Dataset, Sampler

from cogattn.errors import ConfigError
from cogattn.rehearsal.plans import Draws

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Pair = tuple[int, int]


class Items(Protocol[T_co]):
    """Anything with items by number: a data set of PyTorch, a list."""

    def __getitem__(self, index: int, /) -> T_co:
        """Return one item."""
        ...


class RehearsalBatches(Sampler[list[Pair]]):
    """The batches of one phase, as a ``batch_sampler`` of PyTorch's DataLoader.

    Parameters
    ----------
    draws : Draws
        A phase of a plan.
    start : int
        Steps that are over, where a phase goes on in its middle.

    Raises
    ------
    ConfigError
        If `start` is not within the phase.

    Examples
    --------
    >>> from cogattn.rehearsal import PowerLaw, Schedule, plan_phases
    >>> from cogattn.seeds import Streams
    >>> first, second = plan_phases(
    ...     Schedule(PowerLaw(d=1), budget=1.0), [4, 4], n_new=2, batch=4, streams=Streams(0)
    ... )
    >>> loader_argument = RehearsalBatches(second)  # DataLoader(Tasks([...]), batch_sampler=loader_argument)
    >>> [sorted(task for task, index in batch) for batch in loader_argument]
    [[0, 0, 1, 1]]
    """

    def __init__(self, draws: Draws, start: int = 0) -> None:
        if not 0 <= start <= len(draws):
            raise ConfigError(f"start must be a step of the phase, 0 to {len(draws)}; got {start}")
        self._draws = draws
        self._start = start

    def __len__(self) -> int:
        return len(self._draws) - self._start

    def __iter__(self) -> Iterator[list[Pair]]:
        for k, batch in enumerate(self._draws.batches()):
            if k >= self._start:
                yield list(
                    zip(self._draws.task[batch].tolist(), self._draws.index[batch].tolist(), strict=True)
                )


class Tasks(Dataset[T], Generic[T]):
    """Data sets of several tasks as one, whose items are called by task and number.

    Parameters
    ----------
    datasets : sequence
        The training part of each task.

    Examples
    --------
    >>> Tasks([["a", "b"], ["c"]])[1, 0]
    'c'
    """

    def __init__(self, datasets: Sequence[Items[T]]) -> None:
        self._datasets = tuple(datasets)

    def __getitem__(self, index: Pair) -> T:
        task, number = index
        return self._datasets[task][number]
