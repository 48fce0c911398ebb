"""Any DataLoader trains on exactly what was planned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from cogattn.errors import ConfigError
from cogattn.rehearsal import PowerLaw, RehearsalBatches, Schedule, Tasks, plan_phases
from cogattn.seeds import Streams

SIZES = (30, 20, 25)


@pytest.fixture(scope="module")
def plan():
    return plan_phases(Schedule(PowerLaw(1), 0.4), SIZES, n_new=21, batch=8, streams=Streams(3))


@pytest.fixture(scope="module")
def tasks() -> Tasks:
    """Items that say which they are."""
    return Tasks([TensorDataset(torch.full((n,), task), torch.arange(n)) for task, n in enumerate(SIZES)])


@pytest.mark.parametrize("workers", [0, 1], ids=["no worker", "a worker"])
def test_a_loader_gives_the_plans_draws(plan, tasks: Tasks, workers: int) -> None:
    draws = plan[2]
    loader = DataLoader(tasks, batch_sampler=RehearsalBatches(draws), num_workers=workers)
    assert len(loader) == len(draws) == 4
    got = [(task.numpy(), index.numpy()) for task, index in loader]
    assert [len(task) for task, _ in got] == [8, 8, 8, 5]
    assert np.concatenate([task for task, _ in got]).tolist() == draws.task.tolist()
    assert np.concatenate([index for _, index in got]).tolist() == draws.index.tolist()


def test_a_phase_goes_on_at_the_step_where_it_stopped(plan) -> None:
    whole = list(RehearsalBatches(plan[1]))
    for start in range(len(whole) + 1):
        rest = RehearsalBatches(plan[1], start=start)
        assert list(rest) == whole[start:]
        assert list(rest) == whole[start:]  # once more, from the same step
        assert len(rest) == len(whole) - start


@pytest.mark.parametrize("start", [-1, 5])
def test_a_step_outside_the_phase_is_refused(plan, start: int) -> None:
    with pytest.raises(ConfigError, match="start must be a step of the phase, 0 to 4"):
        RehearsalBatches(plan[0], start=start)
