"""Regularisers instead of rehearsal: what keeps a network near the one that it was, without any past item.

EWC (Kirkpatrick et al., 2017) and SI (Zenke et al., 2017) hold each weight where it was, by how much it mattered; LwF
(Li & Hoiem, 2016) holds the answers to new items. EWC is offline and sums the quadratic of each past task; its Fisher
information is the diagonal of the true one, with labels drawn from the network's own answers. SI is as in its authors'
code: the importance summed over phases is not let below 0. LwF is the Kullback-Leibler divergence, which differs from
the paper's cross entropy by what does not depend on the network.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cogattn.errors import ConfigError
from cogattn.rehearsal.fisher import Answers, answering, fisher, trained
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.scenario import Learner, Scenario
from cogattn.rehearsal.wells import Well, by_number, copies, gradients_of, in_order
from cogattn.running.pages import copied, named, part
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.rehearsal.rules import Rule
    from cogattn.running.pages import Page

B = TypeVar("B")


class Penalty(Protocol):
    """Something added to the loss; the training calls its parts in their order here.

    `name` says what it is and how strong, and so what checkpoints it can go on from.
    """

    name: str

    def begin(self, learner: Learner[B]) -> None:
        """See the untrained network."""
        ...

    def before_step(self, learner: Learner[B], batch: B) -> None:
        """Add its gradient; parameters hold that of the task's own loss."""
        ...

    def after_step(self, learner: Learner[B]) -> None:
        """See the step that was taken."""
        ...

    def after_phase(self, learner: Learner[B], scenario: Scenario[B], draws: Draws, streams: Streams) -> None:
        """See a phase's end; the network is in evaluation mode, and the draws are what it trained on."""
        ...

    def page(self) -> Page:
        """Return everything that it remembers."""
        ...

    def restore(self, learner: Learner[B], page: Page) -> None:
        """Go back to where `page` was written."""
        ...


def penalty_of(rule: Rule) -> Penalty | None:
    """Return a fresh penalty for a rule, or None where it has none.

    Raises
    ------
    ConfigError
        If there is no such penalty.
    """
    if not rule.penalty:
        return None
    kinds = {"ewc": EWC, "si": SI, "lwf": LwF}
    if rule.penalty not in kinds:
        raise ConfigError(f"penalties must be ewc, si or lwf; got {rule.penalty!r}")
    return kinds[rule.penalty](rule.strength)


class EWC:
    """Elastic weight consolidation: half `strength` times the sum over past tasks of F (theta - theta_task)^2.

    Parameters
    ----------
    strength : float
        lambda.
    n_items : int
        Items of a phase, at most, over which its Fisher information is averaged.

    References
    ----------
    Kirkpatrick et al. (2017), PNAS 114, 3521-3526, equation 3.
    """

    def __init__(self, strength: float, n_items: int = 2000) -> None:
        self.strength, self.n_items = strength, n_items
        self.name = f"ewc:{strength:g}:{n_items}"
        self.well = Well()

    def term(self, learner: Learner[B]) -> Tensor:
        """Return what is added to the loss."""
        return 0.5 * self.strength * self.well.value(trained(learner))

    def begin(self, learner: Learner[B]) -> None:
        """Refuse a learner without outputs."""
        answering(learner)

    def before_step(self, learner: Learner[B], batch: B) -> None:
        """Add its gradient."""
        self.well.pull(trained(learner), 0.5 * self.strength)

    def after_step(self, learner: Learner[B]) -> None:
        """Nothing."""

    def after_phase(self, learner: Learner[B], scenario: Scenario[B], draws: Draws, streams: Streams) -> None:
        """Add the phase's Fisher information around the weights that it ended with."""
        information = fisher(learner, scenario, draws, n_items=self.n_items, streams=streams)
        self.well.deepen(information, trained(learner))

    def page(self) -> Page:
        """Return everything that it remembers."""
        return self.well.page()

    def restore(self, learner: Learner[B], page: Page) -> None:
        """Go back to where `page` was written."""
        self.well.restore(page, trained(learner))


class SI:
    """Synaptic intelligence: `strength` times the sum of Omega (theta - theta_before)^2.

    Omega sums, over phases, a weight's share of the fall of the task's own loss along the phase's path, divided by the
    square of how far it went and `damping`.

    Parameters
    ----------
    strength : float
        c.
    damping : float
        xi.

    References
    ----------
    Zenke, Poole & Ganguli (2017), ICML, equations 3 to 5; github.com/ganguli-lab/pathint.
    """

    def __init__(self, strength: float, damping: float = 0.1) -> None:
        self.strength, self.damping = strength, damping
        self.name = f"si:{strength:g}:{damping:g}"
        self.well = Well()
        self.start: list[Tensor] = []
        self.path: list[Tensor] = []
        self.before: list[Tensor] = []
        self.slope: list[Tensor] = []

    def term(self, learner: Learner[B]) -> Tensor:
        """Return what is added to the loss."""
        return self.strength * self.well.value(trained(learner))

    def begin(self, learner: Learner[B]) -> None:
        """Start the path where the weights are."""
        weights = trained(learner)
        self.start, self.path = copies(weights), [torch.zeros_like(weight) for weight in weights]
        self.before, self.slope = copies(weights), copies(weights)

    @torch.no_grad()
    def before_step(self, learner: Learner[B], batch: B) -> None:
        """Remember weights and the gradient of the task's own loss, and add its own."""
        weights = trained(learner)
        torch._foreach_copy_(self.before, weights)
        torch._foreach_copy_(self.slope, gradients_of(weights))
        self.well.pull(weights, self.strength)

    @torch.no_grad()
    def after_step(self, learner: Learner[B]) -> None:
        """Add each weight's share of the fall of the loss."""
        moved = torch._foreach_sub(trained(learner), self.before)
        torch._foreach_addcmul_(self.path, self.slope, moved, value=-1)

    @torch.no_grad()
    def after_phase(self, learner: Learner[B], scenario: Scenario[B], draws: Draws, streams: Streams) -> None:
        """Add the phase's importances, and hold weights where they are."""
        weights = trained(learner)
        gained = [
            path / ((weight - start) ** 2 + self.damping)
            for path, weight, start in zip(self.path, weights, self.start, strict=True)
        ]
        held = self.well.depths or [torch.zeros_like(weight) for weight in weights]
        depths = [(old + new).clamp(min=0) for old, new in zip(held, gained, strict=True)]
        self.well = Well(depths, copies(weights))
        self.start, self.path = copies(weights), [torch.zeros_like(weight) for weight in weights]

    def page(self) -> Page:
        """Return everything that it remembers."""
        return {
            **named("well", self.well.page()),
            **named("start", by_number(self.start)),
            **named("path", by_number(self.path)),
        }

    def restore(self, learner: Learner[B], page: Page) -> None:
        """Go back to where `page` was written."""
        weights = trained(learner)
        self.well.restore(part(page, "well"), weights)
        self.start, self.path = (in_order(part(page, name), weights) for name in ("start", "path"))


class LwF:
    """Learning without forgetting: `strength` times the divergence from the answers of the network of the phase before.

    Both are softened at `temperature`, without the factor of its square that some add (Hinton et al., 2015).

    Parameters
    ----------
    strength : float
        lambda_o.
    temperature : float
        T.

    References
    ----------
    Li & Hoiem (2016), ECCV, equations 2 and 3.
    """

    def __init__(self, strength: float, temperature: float = 2.0) -> None:
        self.strength, self.temperature = strength, temperature
        self.name = f"lwf:{strength:g}:{temperature:g}"
        self.old: Answers | None = None
        self.met: set[int] = set()
        self.held: Tensor | None = None  # outputs that past tasks use; None is all

    def term(self, learner: Learner[B], batch: B) -> Tensor:
        """Return what is added to the loss of a batch."""
        if self.old is None:
            return torch.zeros(())
        with torch.no_grad():
            old = self._softened(self.old, batch)
        new = self._softened(answering(learner), batch)
        return self.strength * F.kl_div(new, old, reduction="batchmean", log_target=True)

    def begin(self, learner: Learner[B]) -> None:
        """Refuse a learner without outputs."""
        answering(learner)

    def before_step(self, learner: Learner[B], batch: B) -> None:
        """Add its gradient."""
        if self.old is not None:
            self.term(learner, batch).backward()

    def after_step(self, learner: Learner[B]) -> None:
        """Nothing."""

    def after_phase(self, learner: Learner[B], scenario: Scenario[B], draws: Draws, streams: Streams) -> None:
        """Keep the network, and which outputs its tasks use."""
        self._hold(learner, self.met | set(np.unique(draws.task).tolist()))

    def page(self) -> Page:
        """Return everything that it remembers."""
        if self.old is None:
            return {}
        return {"met": torch.tensor(sorted(self.met)), **named("old", copied(self.old.model.state_dict()))}

    def restore(self, learner: Learner[B], page: Page) -> None:
        """Go back to where `page` was written."""
        if page:
            self._hold(learner, set(page["met"].tolist())).model.load_state_dict(part(page, "old"))

    def _hold(self, learner: Learner[B], met: set[int]) -> Answers[B]:
        """Keep the network as it is, and the outputs of tasks that were met."""
        classes = getattr(learner, "classes", None)
        self.met, self.old = met, _as_it_is(learner)
        self.held = None if classes is None else torch.cat([classes(task) for task in sorted(met)]).unique()
        return self.old

    def _softened(self, answers: Answers[B], batch: B) -> Tensor:
        """Log chances of the outputs that past tasks use, (items, outputs)."""
        logits = answers.outputs(batch)
        logits = logits if self.held is None else logits[:, self.held]
        return F.log_softmax(logits / self.temperature, dim=1)


def _as_it_is(learner: Learner[B]) -> Answers[B]:
    """A learner with a network of its own that stays as it is."""
    old = copy.copy(answering(learner))
    object.__setattr__(old, "model", copy.deepcopy(learner.model).eval().requires_grad_(False))
    return old
