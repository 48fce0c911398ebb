"""What is learnt in sequence: the protocols that scenarios fulfil, built in or brought by another package.

A `Kind` is announced as an entry point of the group ``cogattn.scenarios``, ``module:attribute``, the attribute an
instance. It makes a `Scenario` for a number of tasks and a seed's streams; a scenario makes learners.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from cogattn.measures import Measure
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from cogattn.exhibits import Picture

B = TypeVar("B")
B_contra = TypeVar("B_contra", contravariant=True)


@dataclass(frozen=True)
class Defaults:
    """What a scenario takes where the settings say nothing."""

    n_tasks: int
    n_new: int
    batch: int
    learning_rate: float


@dataclass(frozen=True)
class Effort:
    """What a scenario's own network takes, roughly, on one core.

    Parameters
    ----------
    item_s, tested_s : float
        Seconds of an item that is learnt, forwards and back, and of one that is tested.
    step_s : float
        Seconds of a step of the optimiser, however few its items.
    weights : int
        Parameters.
    item_bytes : int
        Kept of an item until its gradient is known.
    most_tested : int
        Test items that a task has, at most.
    """

    item_s: float
    tested_s: float
    step_s: float
    weights: int
    item_bytes: int
    most_tested: int


class Learner(Protocol[B_contra]):
    """A network with what it needs to learn and to be tested.

    The loop calls ``model.train()`` before it trains and ``model.eval()`` before `score`, under ``torch.no_grad()``.
    """

    @property
    def model(self) -> nn.Module:
        """The network."""
        ...

    def loss(self, batch: B_contra) -> tuple[Tensor, Tensor]:
        """Return the mean loss of a batch, and the score of each item before the update, shape (n_items,)."""
        ...

    def score(self, task: int) -> tuple[float, int]:
        """Return the mean score on a task's test part, and of how many items."""
        ...


class Scenario(Protocol[B]):
    """Tasks that are learnt one after the other, a phase each."""

    @property
    def names(self) -> Sequence[str]:
        """Of the tasks, in order."""
        ...

    @property
    def sizes(self) -> Sequence[int]:
        """Training items of each."""
        ...

    def batch(self, task: NDArray[np.int64], index: NDArray[np.int64]) -> B:
        """Return the items with these numbers as what `Learner.loss` takes."""
        ...

    def learner(self, streams: Streams) -> Learner[B]:
        """Return an untrained network; its initial weights come from these streams."""
        ...


class Kind(Protocol):
    """A sort of scenario."""

    name: str
    """What ``--scenario`` calls it."""
    about: str
    """What is learnt, in a line."""
    score: Measure
    """What a score is; more is better."""

    def defaults(self, config: RehearsalConfig) -> Defaults:
        """Return what it takes where the settings say nothing."""
        ...

    def check(self, config: RehearsalConfig) -> None:
        """Refuse, in a sentence with the setting's path, what can be known to be wrong before any training."""
        ...

    def contents(self, config: RehearsalConfig) -> Mapping[str, str]:
        """Return SHA-256 by name of what it reads beside the settings."""
        ...

    def relevant(self, config: RehearsalConfig) -> Mapping[str, object]:
        """Return the settings of its own (``data``, ``diet``, ``observer``) that can change its trials."""
        ...

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> Scenario:
        """Return the tasks of one seed."""
        ...


@runtime_checkable
class Pictured(Protocol):
    """A `Scenario` whose items can be looked at."""

    @property
    def names(self) -> Sequence[str]:
        """Of the tasks, in order."""
        ...

    def pictures_of(self, task: NDArray[np.int64], index: NDArray[np.int64], place: int) -> Sequence[Picture]:
        """Return one item of the batch with these numbers: as a network meets it there, then as it is by itself."""
        ...


@runtime_checkable
class Counted(Protocol):
    """A `Kind` that can tell beforehand what its networks take; of others a plan says that nobody knows."""

    def effort(self, config: RehearsalConfig) -> Effort | None:
        """Return it; None where it cannot be told of these settings' network."""
        ...
