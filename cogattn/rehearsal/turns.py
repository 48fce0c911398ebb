"""Trainings one after the other that share a checkpoint, so that those that are finished are not trained again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from safetensors import SafetensorError

from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.penalties import Penalty
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.scenario import Scenario
from cogattn.rehearsal.training import train
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.pages import named, part
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.running.pages import Page

B = TypeVar("B")


def train_each(
    scenarios: Sequence[Scenario[B]],
    plans: Sequence[Sequence[Draws]],
    *,
    loop: Loop,
    streams: Sequence[Streams],
    penalty: Penalty | None = None,
    checkpoint: Checkpoint | None = None,
    every_s: float = 30.0,
) -> list[RunResult]:
    """Train a network for each seed, in turn, as `training.train` does.

    Parameters
    ----------
    scenarios, plans, streams : sequence
        Of each seed.
    loop, penalty, every_s
        As in `training.train`.
    checkpoint : Checkpoint, optional
        Holds the last page of each training.
    """
    pages = _pages(checkpoint)
    return [
        train(
            scenario,
            plan,
            loop=loop,
            streams=own,
            penalty=penalty,
            checkpoint=None if checkpoint is None else _Turn(checkpoint.path, checkpoint, str(i), pages),
            every_s=every_s,
        )
        for i, (scenario, plan, own) in enumerate(zip(scenarios, plans, streams, strict=True))
    ]


@dataclass(frozen=True)
class _Turn(Checkpoint):
    """One training's part of a checkpoint."""

    whole: Checkpoint = field(default_factory=Checkpoint)
    name: str = ""
    pages: dict[str, Page] = field(default_factory=dict)

    def save_tensors(self, state: Page) -> None:
        """Save tensors by name, beside those of the other trainings."""
        self.pages[self.name] = state
        page: Page = {}
        for name, own in self.pages.items():
            page |= named(name, own)
        self.whole.save_tensors(page)

    def load_tensors(self) -> Page | None:
        """Return the tensors of this training that were saved last, or None."""
        return dict(self.pages.get(self.name, {}))


def _pages(checkpoint: Checkpoint | None) -> dict[str, Page]:
    """Each training's page; none where the checkpoint is damaged."""
    try:
        page = None if checkpoint is None else checkpoint.load_tensors()
    except SafetensorError:
        page = None
    names = dict.fromkeys(name.split("/")[0] for name in page or {})
    return {name: part(page or {}, name) for name in names}
