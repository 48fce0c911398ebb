"""Small layouts and paths, and a network whose chances are a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cogattn.attention import LogNormal
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.vision.scenes.scene import Scene, SceneObject, Target

SCALE = 10.0
SPREAD = 0.5


def layout(n_objects: int, number: int, target: int | None = 0) -> Layout:
    """Objects at random places of an image of 320 x 200 pixels, of different sizes."""
    rng = np.random.default_rng([n_objects, number])
    size_px = (200, 320)
    middle = rng.uniform((30, 30), (290, 170), size=(n_objects, 2))
    half = rng.uniform(5, 15, size=(n_objects, 2))
    boxes = np.concatenate([middle - half, middle + half], 1)
    objects = tuple(SceneObject(str(i), tuple(box)) for i, box in enumerate(boxes.tolist()))
    scene = Scene(f"scene {number}", None, size_px, None, objects, Target("it"))
    position = (middle - scene.middle_px) / SCALE
    return Layout(scene, position, 2 * half / SCALE, target, scene.name, SCALE)


def path(of: int, objects: Sequence[int], *, person: str = "p", n_given: int = 0) -> ObjectPath:
    """A path whose durations grow by 10 ms a fixation."""
    n = len(objects)
    durations = 200.0 + 10 * np.arange(n)
    return ObjectPath(of, person, np.array(objects, dtype=np.int64), np.zeros((n, 2)), durations, n_given)


def made(n_objects: Sequence[int], *paths: ObjectPath) -> PathSet:
    """Layouts of so many objects, and paths over them."""
    return PathSet(tuple(layout(n, i) for i, n in enumerate(n_objects)), paths)


class Markov(nn.Module):
    """What comes next depends on the last object alone: scores in a table, the last row before any."""

    def __init__(self, table: Tensor, ln_ms: float | None = None) -> None:
        super().__init__()
        self.table = nn.Parameter(table.clone())
        self.ln_ms = ln_ms

    def forward(self, batch: PathBatch) -> Tensor:
        first = torch.full((len(batch.objects), 1), len(self.table) - 1)
        return self._scores(
            torch.cat([first, batch.objects.clamp(min=0)], 1), batch.layouts.present[batch.of]
        )

    def predict(self, batch: PathBatch) -> tuple[Tensor, LogNormal | None]:
        told = torch.full(batch.objects.shape, self.ln_ms or 0)
        return self(batch), None if self.ln_ms is None else LogNormal(told, torch.full_like(told, SPREAD))

    def encode(self, layouts: LayoutBatch) -> LayoutBatch:
        return layouts

    def begin(self, memory: LayoutBatch, of: Tensor) -> State:
        return self.step(State(memory.present[of], Tensor()), torch.full((len(of),), len(self.table) - 1))

    def step(self, state: State, objects: Tensor) -> State:
        return State(state.present, self._scores(objects[:, None], state.present)[:, 0])

    def _scores(self, last: Tensor, present: Tensor) -> Tensor:
        n = present.shape[1]
        scores = self.table[last][..., [*range(n), -1]]
        padding = torch.cat([~present, torch.zeros(len(present), 1, dtype=torch.bool)], 1)
        return scores.masked_fill(padding[:, None], -torch.inf)


class State:
    """Which objects there are, and the scores of what comes next."""

    def __init__(self, present: Tensor, scores: Tensor) -> None:
        self.present, self.scores = present, scores


@pytest.fixture
def data_of() -> Callable[..., PathSet]:
    return made


@pytest.fixture
def path_of() -> Callable[..., ObjectPath]:
    return path


@pytest.fixture
def markov() -> Callable[..., Markov]:
    """A network of a random table for up to so many objects."""

    def build(n_objects: int, *, seed: int = 0, ln_ms: float | None = None) -> Markov:
        draw = torch.Generator().manual_seed(seed)
        return Markov(torch.randn(n_objects + 1, n_objects + 1, generator=draw), ln_ms)

    return build
