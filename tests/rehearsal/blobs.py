"""A scenario as another package brings it: two clouds a task, told apart by a linear network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import ConfigError
from cogattn.measures import Measure
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.scenario import Defaults
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from torch import Tensor, nn

TARGET = "tests.rehearsal.blobs:BLOBS"
N = 40


class Blobs:
    def __init__(self, n_tasks: int, streams: Streams) -> None:
        rngs = [streams.child("tasks").generator("blobs", task) for task in range(n_tasks)]
        self.names = [f"blob {task}" for task in range(n_tasks)]
        self.sizes = [N] * n_tasks
        self.points = np.stack([rng.normal(size=(N, 3)) for rng in rngs]).astype(np.float32)
        sides = np.stack([rng.normal(size=(3, 1)) for rng in rngs])
        self.labels = (self.points @ sides > 0)[..., 0].astype(np.int64)

    def batch(self, task: np.ndarray, index: np.ndarray) -> tuple[Tensor, Tensor]:
        import torch

        return torch.from_numpy(self.points[task, index]), torch.from_numpy(self.labels[task, index])

    def learner(self, streams: Streams) -> Learner:
        return Learner(self)


class Learner:
    model: nn.Module

    def __init__(self, blobs: Blobs) -> None:
        import torch

        self.blobs, self.model = blobs, torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))

    def loss(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        from torch.nn.functional import cross_entropy

        outputs = self.model(batch[0])
        return cross_entropy(outputs, batch[1]), outputs.detach().argmax(1) == batch[1]

    def score(self, task: int) -> tuple[float, int]:
        batch = self.blobs.batch(np.full(N, task), np.arange(N))
        return float((self.model(batch[0]).argmax(1) == batch[1]).float().mean()), N


class BlobsKind:
    name = "blobs"
    about = "two clouds a task"
    score = Measure("hits", "share", "hits")

    def defaults(self, config: RehearsalConfig) -> Defaults:
        return Defaults(n_tasks=3, n_new=20, batch=10, learning_rate=0.01)

    def check(self, config: RehearsalConfig) -> None:
        if config.data != "digits":
            raise ConfigError(f"data must be left as it is; got {config.data}")

    def contents(self, config: RehearsalConfig) -> Mapping[str, str]:
        return {}

    def relevant(self, config: RehearsalConfig) -> Mapping[str, object]:
        return {"data": config.data}

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> Blobs:
        return Blobs(n_tasks, streams)


BLOBS = BlobsKind()
