"""Trainings one after the other that share a checkpoint, so that those that are finished are not trained again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.penalties import Penalty
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.scenario import Scenario
from cogattn.rehearsal.training import train
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams

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
    return [
        train(
            scenario,
            plan,
            loop=loop,
            streams=own,
            penalty=penalty,
            checkpoint=None if checkpoint is None else checkpoint.part(str(i)),
            every_s=every_s,
        )
        for i, (scenario, plan, own) in enumerate(zip(scenarios, plans, streams, strict=True))
    ]
