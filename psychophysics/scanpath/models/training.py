"""Fitting a network to scanpaths: cross entropy over the objects and the end, stopped early by validation likelihood.

The weights that are judged and kept are a moving average of those
that the steps go through. All randomness of an epoch comes from streams of its own, so that a checkpoint holds no
generator and a killed training goes on bit for bit.

The loop (`fit`) is apart from the step (`Stepper`) and from the batches (`collating.Batches`): another loop may take
the same steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.columns import TABLES, TRAINING
from cogattn.psychophysics.scanpath.config import TrainingSettings
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.models.batches import PathBatch
from cogattn.psychophysics.scanpath.models.collating import Batches, Told
from cogattn.psychophysics.scanpath.models.loss import bits, duration_nats, nats, outputs
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.pages import copied, moments, named, part, restore_moments
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.running.pages import Page

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Epoch:
    """One pass through the training part.

    Parameters
    ----------
    train_bits, validation_bits : float
        Mean -log2 of the chance of what followed, over all that is asked: fixations that are not given, and ends.
        In training as the steps went, dropout and all.
    """

    train_bits: float
    validation_bits: float


@dataclass(frozen=True)
class TrainingLog:
    """How a training went.

    Parameters
    ----------
    epochs : tuple of Epoch
        One after the other.
    """

    epochs: tuple[Epoch, ...] = ()

    @property
    def best(self) -> int:
        """The epoch whose weights are kept, counted from 0; -1 before the first."""
        bits = [epoch.validation_bits for epoch in self.epochs]
        return bits.index(min(bits)) if bits else -1

    def finished(self, settings: TrainingSettings) -> bool:
        """Whether so many epochs passed without a better one, or all."""
        n = len(self.epochs)
        return n >= settings.max_epochs or n - 1 - self.best >= settings.patience

    def rows(self, observer: str, split: int) -> pd.DataFrame:
        """Return the rows of the table ``scanpath_training``."""
        rows = [
            (observer, split, i, epoch.train_bits, epoch.validation_bits, i == self.best)
            for i, epoch in enumerate(self.epochs)
        ]
        return pd.DataFrame(rows, columns=list(TABLES[TRAINING])).astype(dict(TABLES[TRAINING]))


def fit(
    network: nn.Module,
    data: PathSet,
    split: Split,
    features: Mapping[str, Tensor] | None,
    settings: TrainingSettings,
    rng: Streams,
    checkpoint: Checkpoint | None = None,
    *,
    crops: Mapping[str, Tensor] | None = None,
    target_known: bool = True,
) -> TrainingLog:
    """Fit a network in place; it ends in evaluation mode with the weights of the best epoch.

    Parameters
    ----------
    network : Module
        Scores what follows in a `PathBatch`, as `network.ScanpathNetwork` does; initialised (see `initialised`). A
        ``predict`` that returns durations, too, and a ``null_logit`` of `nats` are heeded.
    data, split : PathSet, Split
        Paths, and which of them are trained on and which end the training.
    features, crops, target_known
        What the network is told, as in `collating.Told`.
    settings : TrainingSettings
        Steps, epochs and patience.
    rng : Streams
        Order of the paths, and what is dropped.
    checkpoint : Checkpoint, optional
        Written after each epoch; a training that finds one goes on there.

    Raises
    ------
    DataError
        If a part is empty or the likelihood is not finite.
    """
    told = Told(features, crops, target_known)
    train, validation = (
        Batches(data, numbers, settings.batch, told) for numbers in (split.train, split.validation)
    )
    _need_paths(train, "training")
    _need_paths(validation, "validation")
    training = _Training(network, settings, rng)
    training.restore(checkpoint)
    held_out = validation.in_order()
    while not training.log.finished(settings):
        training.run_epoch(train, held_out)
        if checkpoint is not None:
            checkpoint.save_tensors(training.page())
    network.load_state_dict(training.kept)
    network.eval()
    return training.log


def initialised(build: Callable[[], Network], rng: Streams) -> Network:
    """Return a network whose initial weights come from a stream; torch's own generator stays as it is."""
    with _seeded(rng, "weights"):
        return build()


class Stepper:
    """Takes a network one batch at a time towards the paths that it is shown.

    Parameters
    ----------
    network : Module
        Changed in place.
    settings : TrainingSettings
        Of the steps.

    Attributes
    ----------
    average : AveragedModel
        The same network with the moving average of the weights.
    """

    def __init__(self, network: nn.Module, settings: TrainingSettings) -> None:
        self.network, self.settings = network, settings
        self.optimiser = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.average = AveragedModel(network, multi_avg_fn=partial(_move, settings.averaging))

    def step(self, batch: PathBatch) -> tuple[float, int]:
        """Take one step; return the summed -ln of the chances of what followed, and how many they are."""
        self.network.train()
        scores, durations = outputs(self.network, batch)
        total, n = nats(scores, batch, null_logit=getattr(self.network, "null_logit", None))
        loss = total / n
        if durations is not None:
            loss = loss + duration_nats(durations, batch)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        return float(total.detach()), n

    def page(self) -> Page:
        """Return everything that the next step depends on."""
        return {
            **named("network", copied(self.network.state_dict())),
            **named("average", copied(self.average.state_dict())),
            **named("optimiser", moments(self.optimiser)),
        }

    def restore(self, page: Page) -> None:
        """Go back to where `page` was written."""
        self.network.load_state_dict(part(page, "network"))
        self.average.load_state_dict(part(page, "average"))
        restore_moments(self.optimiser, part(page, "optimiser"))


class _Training:
    """Epoch by epoch; the weights of the best one so far in `kept`."""

    def __init__(self, network: nn.Module, settings: TrainingSettings, rng: Streams) -> None:
        self.stepper, self.rng = Stepper(network, settings), rng
        self.log = TrainingLog()
        self.kept: Page = {}

    def run_epoch(self, train: Batches, validation: Iterable[PathBatch]) -> None:
        """Pass once over the training part, and judge."""
        epoch, total, n = len(self.log.epochs), 0.0, 0
        with _seeded(self.rng, "epoch", epoch):
            for batch in train.shuffled(self.rng.generator("order", epoch)):
                lost, asked = self.stepper.step(batch)
                total, n = total + lost, n + asked
        done = Epoch(total / n / math.log(2), bits(self.stepper.average, validation))
        _need_finite(done, self.stepper.settings)
        self.log = TrainingLog((*self.log.epochs, done))
        if self.log.best == epoch:
            self.kept = copied(self.stepper.average.module.state_dict())

    def page(self) -> Page:
        """Return everything that the next epoch depends on."""
        epochs = [[epoch.train_bits, epoch.validation_bits] for epoch in self.log.epochs]
        return {
            "epochs": torch.tensor(epochs, dtype=torch.float64),
            **named("kept", self.kept),
            **self.stepper.page(),
        }

    def restore(self, checkpoint: Checkpoint | None) -> None:
        """Go on where the checkpoint was written, if it was."""
        page = None if checkpoint is None else checkpoint.load_tensors()
        if page:
            self.log = TrainingLog(tuple(Epoch(*row) for row in page["epochs"].tolist()))
            self.kept = part(page, "kept")
            self.stepper.restore(page)


@torch.no_grad()
def _move(decay: float, average: Sequence[Tensor], weights: Sequence[Tensor], n: Tensor | int) -> None:
    """Move averaged weights towards those after step n + 1; faster at first, or the start would linger."""
    torch._foreach_lerp_(list(average), list(weights), 1 - min(decay, (1 + int(n)) / (10 + int(n))))


@contextmanager
def _seeded(rng: Streams, *names: str | int) -> Generator[None]:
    """Let torch draw from a stream of its own meanwhile."""
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.generator(*names).integers(2**63)))
        yield


def _need_paths(batches: Batches, part_name: str) -> None:
    if not len(batches.numbers):
        raise DataError(f"the {part_name} part must have scanpaths; got none (split)")


def _need_finite(epoch: Epoch, settings: TrainingSettings) -> None:
    if not math.isfinite(epoch.train_bits + epoch.validation_bits):
        raise DataError(
            f"training must stay finite; got {epoch.train_bits} bits in training and {epoch.validation_bits} in "
            f"validation; lower training.learning_rate ({settings.learning_rate:g})"
        )
