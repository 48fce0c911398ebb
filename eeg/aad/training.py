"""The one way in which the networks are trained: nested tuning, and a journal from which a killed training goes on.

Every fifth training trial is held out of the training; the epoch, learning rate and weight decay with the lowest
loss there are kept. Adam with decoupled weight decay, the rate falling by a half cosine over all steps. All runs on
the execution's device, in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor, nn

from cogattn.eeg.aad.config import TrainingSettings
from cogattn.eeg.aad.journal import Journal, Page
from cogattn.errors import DataError
from cogattn.running.hardware import current
from cogattn.running.pages import copied, moments, named, number, part, restore_moments

Windows = tuple[Tensor, ...]
"""What a loss takes besides the network, each (n_windows, ..., times)."""
Loss = Callable[..., Tensor]

HELD_OUT_EVERY = 5
"""One training trial in so many is held out to tune."""


@dataclass(frozen=True)
class Trained:
    """Weights, and what was chosen on the held-out trials.

    Parameters
    ----------
    weights : dict of str to Tensor
        The network's state.
    loss : float
        On the held-out trials.
    n_epochs, learning_rate, weight_decay
        The chosen ones.
    """

    weights: Page
    loss: float
    n_epochs: int
    learning_rate: float
    weight_decay: float

    def page(self) -> Page:
        """Return it as a page of a journal."""
        numbers = {
            "loss": number(self.loss),
            "n_epochs": number(self.n_epochs),
            "learning_rate": number(self.learning_rate),
            "weight_decay": number(self.weight_decay),
        }
        return {**numbers, **named("weights", self.weights)}

    @classmethod
    def of(cls, page: Page) -> Trained:
        """Read it from such a page."""
        rate, decay = float(page["learning_rate"]), float(page["weight_decay"])
        return cls(part(page, "weights"), float(page["loss"]), int(page["n_epochs"]), rate, decay)


def train(
    build: Callable[[], nn.Module],
    trials: Sequence[Windows],
    loss: Loss,
    settings: TrainingSettings,
    *,
    seed: int,
    journal: Journal | None = None,
    fold: int = 0,
    facts: Mapping[str, float] | None = None,
) -> tuple[nn.Module, Trained]:
    """Train a network for each pair of settings; return the best on the held-out trials, and how it was found.

    Parameters
    ----------
    build : callable
        Makes the network, its weights drawn from torch's generator.
    trials : sequence of tuple of Tensor
        Windows of each trial.
    loss : callable
        From the network and a batch of windows to the loss.
    settings : TrainingSettings
        Epochs, batches and what is tuned.
    seed : int
        Of initial weights and order; the same seed gives the same network on one device and thread count.
    journal : Journal, optional
        Written after each epoch, and where a training that was interrupted goes on.
    fold : int
        The journal's page.
    facts : mapping of str to float, optional
        Kept beside the weights: scales of what the network is shown.
    """
    book = journal or Journal()
    past = book.read(fold)
    if not part(past, "weights"):
        found = _best(build, trials, loss, settings, seed, past, partial(book.write, fold))
        kept = {name: number(value) for name, value in (facts or {}).items()}
        past = {**found.page(), **kept}
        book.write(fold, past)
    trained = Trained.of(past)
    with torch.random.fork_rng():
        network = build().to(device())
    network.load_state_dict(trained.weights)
    return network.eval(), trained


def _best(
    build: Callable[[], nn.Module],
    trials: Sequence[Windows],
    loss: Loss,
    settings: TrainingSettings,
    seed: int,
    past: Page,
    write: Callable[[Page], None],
) -> Trained:
    """Go through all pairs of settings, from where `past` was written on."""
    best, running = part(past, "best"), part(past, "running")
    first = int(running["pair"]) if running else 0
    pairs = list(product(settings.learning_rates, settings.weight_decays))
    with torch.random.fork_rng():
        for i in range(first, len(pairs)):
            torch.manual_seed(seed)
            training = _Training(build().to(device()), trials, loss, settings, *pairs[i])
            if running and i == first:
                training.restore(running)
            while training.epoch < settings.n_epochs:
                training.run_epoch()
                now = {**training.page(), "pair": number(i)}
                write({**named("best", best), **named("running", now)})
            if not best or training.best < float(best["loss"]):
                best = training.trained().page()
    return Trained.of(best)


class _Training:
    """One pair of settings, epoch by epoch; the best epoch so far in `kept`."""

    def __init__(
        self,
        network: nn.Module,
        trials: Sequence[Windows],
        loss: Loss,
        settings: TrainingSettings,
        rate: float,
        decay: float,
    ) -> None:
        self.network, self.loss, self.settings = network, loss, settings
        self.rate, self.decay = rate, decay
        self.train, self.held_out = _split(trials)
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
        self.epoch, self.best, self.best_epoch = 0, math.inf, 0
        self.kept: Page = {}

    def run_epoch(self) -> None:
        """Pass once over the windows, and judge."""
        n_batches = -(-len(self.train[0]) // self.settings.batch_size)
        self.network.train()
        for i, batch in enumerate(self._batches(self.train, torch.randperm(len(self.train[0])))):
            done = (self.epoch * n_batches + i) / (self.settings.n_epochs * n_batches)
            self.optimiser.param_groups[0]["lr"] = self.rate * (1 + math.cos(math.pi * done)) / 2
            self.optimiser.zero_grad()
            self.loss(self.network, *batch).backward()
            self.optimiser.step()
        self.epoch += 1
        score = self._judged(self.held_out or self.train)
        if not math.isfinite(score):
            raise DataError(
                f"training must stay finite; got a loss of {score}; lower learning_rates ({self.rate})"
            )
        if score < self.best or self.held_out is None:
            self.best, self.best_epoch = score, self.epoch
            self.kept = copied(self.network.state_dict())

    def trained(self) -> Trained:
        """Return the best epoch."""
        return Trained(self.kept, self.best, self.best_epoch, self.rate, self.decay)

    def page(self) -> Page:
        """Return everything that the next epoch depends on."""
        numbers = {"epoch": self.epoch, "best": self.best, "best_epoch": self.best_epoch}
        return {
            **{name: number(value) for name, value in numbers.items()},
            **named("network", copied(self.network.state_dict())),
            **named("kept", self.kept),
            **named("optimiser", moments(self.optimiser)),
            **named("random", _random_states()),
        }

    def restore(self, page: Page) -> None:
        """Go back to where `page` was written."""
        self.epoch, self.best_epoch = int(page["epoch"]), int(page["best_epoch"])
        self.best, self.kept = float(page["best"]), part(page, "kept")
        self.network.load_state_dict(part(page, "network"))
        restore_moments(self.optimiser, part(page, "optimiser"))
        _set_random_states(part(page, "random"))

    def _judged(self, data: Windows) -> float:
        """Mean loss over all windows."""
        self.network.eval()
        total, n_windows = 0.0, len(data[0])
        with torch.inference_mode():
            for batch in self._batches(data, torch.arange(n_windows)):
                total += float(self.loss(self.network, *batch)) * len(batch[0])
        return total / n_windows

    def _batches(self, data: Windows, order: Tensor) -> Iterator[Windows]:
        for chosen in order.split(self.settings.batch_size):
            yield tuple(values[chosen].to(device()) for values in data)


def device() -> torch.device:
    """What the execution computes on."""
    return torch.device(current().device)


def _split(trials: Sequence[Windows]) -> tuple[Windows, Windows | None]:
    """Windows to train on, and those of every fifth trial (of two to four, the last), none of a single one."""
    last = len(trials) - 1
    held = {k for k in range(len(trials)) if k % HELD_OUT_EVERY == HELD_OUT_EVERY - 1} or {last} - {0}
    train = [trial for k, trial in enumerate(trials) if k not in held]
    kept = [trial for k, trial in enumerate(trials) if k in held]
    joined = [tuple(torch.cat(parts) for parts in zip(*side, strict=True)) for side in (train, kept) if side]
    return joined[0], joined[1] if kept else None


def _random_states() -> Page:
    """States of the generators that order the windows and drop units."""
    states = {"cpu": torch.get_rng_state()}
    if device().type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device())
    return states


def _set_random_states(states: Page) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device())
