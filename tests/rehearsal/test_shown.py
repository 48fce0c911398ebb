"""A row's pictures are the items that the network learnt from, as it met them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.search import rehearsed
from cogattn.rehearsal import plan, stacked
from cogattn.rehearsal.columns import ITEMS, LEARNING, SCORES
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig, TrainingSettings
from cogattn.rehearsal.learner import MLPLearner
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import ResidentTasks
from cogattn.rehearsal.scenarios import pictures
from cogattn.rehearsal.shown import N_SHOWN
from cogattn.rehearsal.study import RehearsalStudy
from cogattn.study import Outcome, streams_of
from tests.rehearsal.blobs import TARGET

STUDY = RehearsalStudy()
N_BINS, N_NEW, BATCH = 4, 40, 7
PHASE = 50
"""Items of a phase: the new ones, and a quarter of them more."""
TRAINING = TrainingSettings(n_new=N_NEW, batch=BATCH)
SMALL = RehearsalConfig(
    schedules=("power:1",),
    penalties=("si:1",),
    n_tasks=(3,),
    n_seeds=2,
    n_bins=N_BINS,
    n_test=20,
    training=TRAINING,
    network=NetworkSettings(widths=(6,), depth=1),
    seed=3,
)
SPLIT = SMALL.model_copy(update={"scenario": "split"})
DIETS = RehearsalConfig(
    diet=("lined", "rotated"),
    schedules=("none",),
    n_seeds=2,
    n_bins=N_BINS,
    n_test=16,
    training=TRAINING,
    seed=3,
)
Images = NDArray[np.float32]


class Ran(NamedTuple):
    """Tables of a cell, and all that its networks learnt from, in order: (network, item, pixels) and classes."""

    trials: Mapping[str, pd.DataFrame]
    inputs: Images
    labels: NDArray[np.int64]


def cell_of(config: RehearsalConfig, observer: str) -> plan.RehearsalCell:
    return next(cell for cell in STUDY.cells(config) if cell.observer == observer)


def tables_of(config: RehearsalConfig, cell: plan.RehearsalCell) -> Mapping[str, pd.DataFrame]:
    relevant = STUDY.relevant(config, cell)
    outcome = STUDY.run_cell(relevant, cell, streams_of(relevant, cell))
    assert isinstance(outcome, Outcome)
    return outcome.trials


def one_by_one(config: RehearsalConfig, learner: type, field: str, observer: str) -> Ran:
    """A cell whose networks are trained by the general loop, watched as they learn."""
    batches: list[tuple[Images, NDArray[np.int64]]] = []
    loss = learner.loss

    def watched(self, batch):
        batches.append((getattr(batch, field).clone().numpy(), batch.labels.clone().numpy()))
        return loss(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "loss", watched)
        tables = tables_of(config, cell_of(config, observer))
    inputs, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return Ran(tables, inputs, labels)


def scaled(config: RehearsalConfig, inputs: Images) -> Images:
    """Inputs of perceptrons as grey levels from 0 to 1."""
    raw = pictures.raw(config.data)
    levels = inputs * raw.train.std(dtype=np.float64) + raw.train.mean(dtype=np.float64)
    return levels / raw.train.max()


def fresh(config: RehearsalConfig, task: str, row: Mapping[str, object]) -> Shown | None:
    """A row's pictures where nothing is remembered of the run."""
    rehearsed._pictures.cache_clear()
    pictures._pictures.cache_clear()
    return STUDY.stimulus(config, task, row)


def pixels_of(shown: Shown | None) -> list[Images]:
    assert shown is not None
    assert all(isinstance(part, Picture) for part in shown.parts)
    return [part.pixels for part in shown.parts if isinstance(part, Picture)]


@pytest.fixture(scope="module")
def small_diets() -> Iterator[None]:
    """Two drawn pictures of each category, 32 pixels a side."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsed, "N_TRAIN", 2)
        patch.setattr(rehearsed, "PIXELS", 32)
        rehearsed._listed.cache_clear()
        yield
    rehearsed._listed.cache_clear()
    rehearsed._pictures.cache_clear()


@pytest.mark.parametrize("config", [SMALL, SPLIT], ids=["permuted", "split"])
def test_a_bin_s_pictures_are_its_first_new_items_as_the_network_met_them(config: RehearsalConfig) -> None:
    ran = one_by_one(config, MLPLearner, "inputs", "si:1")
    assert len(ran.labels) == 3 * PHASE
    n_pictures = 2 if config is SMALL else 1
    for row in ran.trials[LEARNING].to_dict("records"):
        in_phase = [i for i in range(PHASE) if i * N_BINS // PHASE == row["bin"] - 1]
        assert len(in_phase) == row["n"]
        shown = fresh(config, LEARNING, row)
        found = pixels_of(shown)[::n_pictures]
        assert len(found) == N_SHOWN
        for picture, place in zip(found, in_phase, strict=False):
            number = (row["phase"] - 1) * PHASE + place
            assert np.allclose(picture, scaled(config, ran.inputs[number]).reshape(8, 8), atol=1e-5)
        assert shown is not None
        first = ran.labels[(row["phase"] - 1) * PHASE + in_phase[0]]
        assert f"class {first}" in shown.parts[0].caption


def test_a_permuted_picture_stands_beside_the_one_that_it_was() -> None:
    row = {**_row(SMALL, "power:1", seed=1), "phase": 3, "bin": 1}
    met, own = pixels_of(STUDY.stimulus(SMALL, LEARNING, row))[:2]
    assert not np.array_equal(met, own)
    assert np.array_equal(np.sort(met.ravel()), np.sort(own.ravel()))
    raw = pictures.raw("digits").train / pictures.raw("digits").train.max()
    assert np.abs(raw - own.ravel()).max(axis=1).min() < 1e-5


def test_items_of_a_past_task_are_those_that_a_stack_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Sequence[ResidentTasks], Sequence[Sequence[Draws]]]] = []
    trained = stacked.train_stack

    def watched(tasks, plans, **more):
        given.append((tasks, plans))
        return trained(tasks, plans, **more)

    monkeypatch.setattr(stacked, "train_stack", watched)
    table = tables_of(SMALL, cell_of(SMALL, "power:1"))[ITEMS]
    ((tasks, plans),) = given
    for row in table.to_dict("records"):
        shown = fresh(SMALL, ITEMS, row)
        draws, task = plans[row["seed"]][row["phase"] - 1], row["task"] - 1
        index = draws.index[draws.task == task]
        assert len(index) == row["items"]
        assert (shown is None) == (len(index) == 0)
        if shown is None:
            continue
        assert shown.facts[f"items of permutation {row['task']}"] == row["items"]
        batch = tasks[row["seed"]].batch(np.full(len(index), task), index)
        for picture, inputs in zip(pixels_of(shown)[::2], batch.inputs.numpy(), strict=False):
            assert np.allclose(picture, scaled(SMALL, inputs).reshape(8, 8), atol=1e-5)


@pytest.mark.usefixtures("small_diets")
def test_a_picture_on_a_diet_has_the_lines_and_the_contrast_that_it_was_learnt_with() -> None:
    ran = one_by_one(DIETS, rehearsed.DietLearner, "images", "none")
    for row in ran.trials[LEARNING].to_dict("records")[::2]:
        if row["seed"] > 0:
            continue
        place = next(i for i in range(PHASE) if i * N_BINS // PHASE == row["bin"] - 1)
        shown = fresh(DIETS, LEARNING, row)
        met, plain = pixels_of(shown)[:2]
        assert np.array_equal(met, ran.inputs[(row["phase"] - 1) * PHASE + place, 0])
        assert met.std() < plain.std() or row["phase"] == 1  # lines may raise it
        assert shown is not None
        assert shown.facts["phase"] == f"{row['phase']} of 2: {DIETS.diet[row['phase'] - 1]}"


def test_a_scanpath_that_is_learnt_is_shown_on_its_layout() -> None:
    config = RehearsalConfig(scenario="scanpaths", schedules=("none",), n_tasks=(2,), n_seeds=2)
    shown = STUDY.stimulus(
        config, LEARNING, {**_row(config, "none", n_tasks=2, width=0), "phase": 2, "bin": 3}
    )
    assert shown is not None
    for part in shown.parts:
        assert isinstance(part, Picture)
        assert len(part.points) > 1
        assert len(part.boxes) >= 12


def test_another_seed_meets_other_items() -> None:
    row = {**_row(SMALL, "power:1"), "phase": 1, "bin": 1}
    own, other, of_run = (
        pixels_of(STUDY.stimulus(config, LEARNING, row | {"seed": seed}))[0]
        for config, seed in ((SMALL, 0), (SMALL, 1), (SMALL.model_copy(update={"seed": 4}), 0))
    )
    assert not np.array_equal(own, other)
    assert not np.array_equal(own, of_run)


def _row(config: RehearsalConfig, observer: str, *, seed: int = 0, n_tasks: int = 3, width: int = 6) -> dict:
    return {
        "observer": observer,
        "budget": config.budgets[0],
        "n_tasks": n_tasks,
        "width": width,
        "seed": seed,
    }


CHANGES: Mapping[str, Callable[[dict], dict]] = {
    "observer": lambda row: row | {"observer": "nobody"},
    "budget": lambda row: row | {"budget": 0.5},
    "width": lambda row: row | {"width": 7},
    "seed": lambda row: row | {"seed": 2},
    "phase": lambda row: row | {"phase": 4},
    "bin": lambda row: row | {"bin": N_BINS + 1},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_the_run_has_not_has_no_picture(change: str) -> None:
    row = {**_row(SMALL, "power:1"), "phase": 2, "bin": 2}
    assert STUDY.stimulus(SMALL, LEARNING, row) is not None
    assert STUDY.stimulus(SMALL, LEARNING, CHANGES[change](row)) is None


BARE: Mapping[str, tuple[RehearsalConfig, str, dict]] = {
    "scores": (SMALL, SCORES, {**_row(SMALL, "power:1"), "after": 1, "task": 1}),
    "persons": (
        RehearsalConfig(scenario="trees"),
        "persons",
        {"observer": "none", "budget": 0.25, "person": "a"},
    ),
    "a scenario without pictures": (
        RehearsalConfig(scenario=TARGET, schedules=("none",), n_seeds=2),
        LEARNING,
        {**_row(SMALL, "none", width=0), "phase": 1, "bin": 1},
    ),
}


@pytest.mark.parametrize("case", BARE)
def test_means_and_items_that_cannot_be_seen_have_no_picture(case: str) -> None:
    config, task, row = BARE[case]
    assert STUDY.stimulus(config, task, row) is None


def test_pixels_that_are_no_square_are_not_drawn() -> None:
    tasks = plan.kinds.kind_of("permuted").build(
        SMALL, n_tasks=2, streams=streams_of(SMALL, cell_of(SMALL, "power:1"))
    )
    assert isinstance(tasks, ResidentTasks)
    flat = tasks.pictures.__class__(torch.zeros(4, 6), torch.zeros(4), torch.zeros(4, 6), torch.zeros(4), 2)
    odd = ResidentTasks(tasks.names, flat, None, (torch.arange(4),) * 2, (torch.arange(4),) * 2)
    assert odd.pictures_of(np.array([0, 1]), np.array([2, 3]), 1) == ()
