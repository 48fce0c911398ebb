"""A trained network as a predictor: likelihoods of people's fixations, and scanpaths of its own.

No path ends before it has a fixation that was not given, in likelihoods as in samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.models.collating import NOTHING, Told
from cogattn.psychophysics.scanpath.models.loss import outputs
from cogattn.psychophysics.scanpath.predicting import Prediction

T = TypeVar("T")
Choose = Callable[[Array, int], Ints]
"""From chances (n_paths, n_objects + 1) and the number of the step to what each path does next."""


class State(Protocol):
    """Paths as far as they have come, and the scores (n_paths, n_objects + 1) of what each does next."""

    @property
    def scores(self) -> Tensor:
        """Unnormalised; -inf at padding, the last of ending."""
        ...


class Steps(Protocol):
    """How a network goes on with paths, one fixation at a time."""

    def encode(self, layouts: LayoutBatch, /) -> object:
        """Return layouts as the network sees them."""
        ...

    def begin(self, memory: object, of: Tensor, /) -> State:
        """Return paths that have not begun, over the layouts numbered `of` (n_paths,)."""
        ...

    def step(self, state: State, objects: Tensor, /) -> State:
        """Return them after a further fixation each, on `objects` (n_paths,)."""
        ...


@dataclass(frozen=True, eq=False)
class NetworkPredictor:
    """A network that scores what follows, as a `predicting.Predictor`.

    Parameters
    ----------
    network : Module
        With ``forward`` (or ``predict``), ``encode``, ``begin`` and ``step``; put into evaluation mode.
    told : Told
        What it is told of layouts.
    batch : int
        Paths at a time; changes no prediction.
    """

    network: nn.Module
    told: Told = field(default=NOTHING)
    batch: int = 64

    def __post_init__(self) -> None:
        self.network.eval()

    def telling(self, told: Told) -> NetworkPredictor:
        """Return the same network, told of other layouts."""
        return replace(self, told=told)

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the weights; `saving.save` keeps with them what they are of."""
        return {name: value.detach().cpu().numpy() for name, value in self.network.state_dict().items()}

    def predict(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        """Return a prediction of each path, given the true fixations before each."""
        predictions: dict[int, Prediction] = {}
        with torch.inference_mode():
            for chosen in self._by_length(paths):
                some = [paths[i] for i in chosen]
                predictions.update(zip(chosen, self._predicted(data, some), strict=True))
        return [predictions[i] for i in range(len(paths))]

    def sample(
        self,
        data: PathSet,
        paths: Sequence[ObjectPath],
        *,
        n: int,
        rng: np.random.Generator,
        max_length: int,
    ) -> list[list[Ints]]:
        """Return `n` paths of the network's own for each path, or the greedy one; see `predicting.Predictor`."""
        copies = max(n, 1)
        drawn = rng.random((len(paths), n, max_length))  # of each path, whatever shares its batch
        made: dict[int, list[Ints]] = {}
        with torch.inference_mode():
            for chosen in self._alike(paths, copies):
                some = [paths[i] for i in chosen]
                flat = drawn[chosen].reshape(-1, max_length)
                choose = _likeliest if n == 0 else _Drawing(flat)
                grown = self._grown(data, some, copies, choose, max_length)
                made.update(zip(chosen, _chunks(grown, copies), strict=True))
        return [made[i] for i in range(len(paths))]

    def _by_length(self, paths: Sequence[ObjectPath]) -> Iterator[list[int]]:
        """Numbers of paths, about equally long ones together."""
        order = sorted(range(len(paths)), key=lambda i: len(paths[i]))
        return _chunks(order, self.batch)

    def _alike(self, paths: Sequence[ObjectPath], copies: int) -> Iterator[list[int]]:
        """Numbers of paths with equally many given fixations, as few as fill a batch with their copies."""
        for given in sorted({path.n_given for path in paths}):
            some = [i for i, path in enumerate(paths) if path.n_given == given]
            yield from _chunks(some, max(4 * self.batch // copies, 1))

    def _predicted(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        batch = self.told.collate(data, paths)
        scores, durations = outputs(self.network, batch)
        scores = scores.double()
        log_end = torch.log_softmax(scores, -1)[..., -1]
        log_p = torch.log_softmax(scores[..., :-1], -1)
        expected = None if durations is None else durations.expected_ms().double().numpy()
        return [
            Prediction(
                log_p[i, path.n_given : len(path), : data.layout_of(path).n_objects].numpy(),
                log_end[i, path.n_given : len(path) + 1].numpy(),
                None if expected is None else expected[i, : len(path)],
            )
            for i, path in enumerate(paths)
        ]

    def walk(self, data: PathSet, paths: Sequence[ObjectPath], copies: int) -> Walk:
        """Return `copies` of each of some paths with equally many given fixations, after these."""
        with torch.inference_mode():
            batch = self.told.collate(data, paths)
            return Walk(*self._begun(batch, copies))

    def _begun(self, batch: PathBatch, copies: int) -> tuple[Steps, State]:
        network = cast("Steps", self.network)
        state = network.begin(network.encode(batch.layouts), batch.of.repeat_interleave(copies))
        for objects in _given(batch, copies).T:
            state = network.step(state, objects)
        return network, state

    def _grown(
        self, data: PathSet, paths: Sequence[ObjectPath], copies: int, choose: Choose, max_length: int
    ) -> list[Ints]:
        """Return `copies` paths for each of paths with equally many given fixations, grown a fixation a step."""
        batch = self.told.collate(data, paths)
        given = int(batch.n_given[0])
        network, state = self._begun(batch, copies)
        told = _given(batch, copies)
        steps = list(told.numpy().T)
        end = batch.layouts.present.shape[1]
        ended = np.zeros(len(told), dtype=bool)
        for k in range(given, max(max_length, given + 1)):
            chosen = choose(_chances(state.scores, first=k == given), k - given)
            ended |= chosen == end
            if ended.all():
                break
            steps.append(np.where(ended, -1, chosen))
            state = network.step(state, torch.from_numpy(np.where(ended, 0, chosen)))
        grid = np.stack(steps, 1)
        return [row[row >= 0] for row in grid]


@dataclass(frozen=True, eq=False)
class Walk:
    """Paths under way, as a network has them; a step makes a new one and leaves this as it is.

    Parameters
    ----------
    network : Steps
        Who goes on.
    state : State
        How far they have come.
    """

    network: Steps
    state: State

    def chances(self) -> tuple[Array, Array]:
        """Return ln of the chances of objects, given that a path goes on (n_paths, n_objects), and of ending."""
        scores = self.state.scores.double()
        log_p = torch.log_softmax(scores[:, :-1], -1)
        return log_p.numpy(), torch.log_softmax(scores, -1)[:, -1].numpy()

    def after(self, chosen: Ints) -> Walk:
        """Return them after one more fixation each."""
        with torch.inference_mode():
            return replace(self, state=self.network.step(self.state, torch.from_numpy(chosen)))


def _given(batch: PathBatch, copies: int) -> Tensor:
    """Fixations that are told, (n_paths * copies, n_given)."""
    return batch.objects[:, : int(batch.n_given[0])].repeat_interleave(copies, 0)


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[i : i + size] for i in range(0, len(items), size))


class _Drawing:
    """Draws what comes next by chance: numbers from 0 to 1, (n_paths, n_steps), that were drawn before."""

    def __init__(self, drawn: Array) -> None:
        self.drawn = drawn

    def __call__(self, chances: Array, step: int) -> Ints:
        summed = chances.cumsum(1)
        return (summed <= self.drawn[:, step, None] * summed[:, -1:]).sum(1)


def _likeliest(chances: Array, step: int) -> Ints:
    return chances.argmax(1)


def _chances(scores: Tensor, *, first: bool) -> Array:
    scores = scores.double().clone()
    if first:
        scores[:, -1] = -torch.inf
    return torch.softmax(scores, -1).numpy()
