"""How much each weight matters for the answers: the diagonal of a network's Fisher information, by its own labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cogattn.errors import ConfigError
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.scenario import Learner, Scenario
from cogattn.seeds import Streams

B = TypeVar("B")
B_contra = TypeVar("B_contra", contravariant=True)
AT_ONCE = 500
"""Items a batch, where a learner squares the gradients of several at once."""


@runtime_checkable
class Answers(Protocol[B_contra]):
    """What a learner offers beside `Learner` for EWC and LwF.

    It may offer two things more. ``squared_gradients(batch, labels)`` returns, in the order of the trained parameters,
    the sum over items of the squared gradient of each one's log likelihood; without it EWC goes item by item.
    ``classes(task)`` returns the outputs that a task uses, int64; with it LwF holds only those of tasks that were met.
    """

    model: nn.Module

    def outputs(self, batch: B_contra) -> Tensor:
        """Return logits, shape (n_items, n_classes), by way of ``self.model``."""
        ...


def fisher(
    learner: Learner[B], scenario: Scenario[B], draws: Draws, *, n_items: int, streams: Streams
) -> list[Tensor]:
    """Return the diagonal of the Fisher information, averaged over new items of a phase, in the parameters' order.

    Parameters
    ----------
    learner : Learner
        With `Answers`; in evaluation mode.
    scenario, draws : Scenario, Draws
        Whence the items are.
    n_items : int
        So many of them at most, drawn without replacement.
    streams : Streams
        Which items, and their labels: one for each, drawn from the network's own answers.
    """
    answers, weights = answering(learner), trained(learner)
    new = np.flatnonzero(draws.new)
    items = streams.generator("items").choice(new, min(n_items, len(new)), replace=False)
    generator = torch.Generator().manual_seed(int(streams.generator("labels").integers(2**63)))
    at_once = getattr(learner, "squared_gradients", None)
    total = [torch.zeros_like(weight) for weight in weights]
    for some in np.array_split(items, -(-len(items) // (AT_ONCE if at_once else 1))):
        batch = scenario.batch(draws.task[some], draws.index[some])
        with torch.no_grad():
            chances = answers.outputs(batch).softmax(dim=1)
        labels = torch.multinomial(chances.cpu(), 1, generator=generator)[:, 0].to(chances.device)
        squares = at_once(batch, labels) if at_once else _squared_gradients(answers, batch, labels, weights)
        torch._foreach_add_(total, squares)
    return [each / len(items) for each in total]


def _squared_gradients(
    answers: Answers[B], batch: B, labels: Tensor, weights: Sequence[Tensor]
) -> list[Tensor]:
    """Of one item's log likelihood."""
    nats = F.cross_entropy(answers.outputs(batch), labels)
    gradients = torch.autograd.grad(nats, list(weights), allow_unused=True, materialize_grads=True)
    return [gradient.detach() ** 2 for gradient in gradients]


def answering(learner: Learner[B]) -> Answers[B]:
    """Return a learner that has outputs, or refuse it.

    Raises
    ------
    ConfigError
        If it has none.
    """
    if not isinstance(learner, Answers):
        raise ConfigError(
            f"penalties must be si, or the learner must have outputs(batch); got {type(learner).__name__}"
        )
    return learner


def trained(learner: Learner[B]) -> list[Tensor]:
    """Return the parameters that are trained, in order."""
    return [weight for weight in learner.model.parameters() if weight.requires_grad]
