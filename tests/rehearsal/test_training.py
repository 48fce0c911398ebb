"""The general loop: what it measures, in which mode, on which items; and that a killed training goes on bit for bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cogattn.errors import DataError
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.penalties import EWC, SI, LwF, Penalty
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.training import learning_sums, train
from cogattn.rehearsal.turns import train_each
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams

N_TASKS, N_ITEMS, BATCH = 3, 24, 8
STREAMS = Streams(3).child("seed", 0)
Batch = tuple[Tensor, Tensor]


class Blobs:
    """Items of `N_TASKS` tasks, each with a rule of its own."""

    names = ("a", "b", "c")
    sizes = (N_ITEMS,) * N_TASKS

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        rng = np.random.default_rng(1)
        self.inputs = torch.from_numpy(rng.standard_normal((N_TASKS, N_ITEMS, 5)).astype(np.float32))
        rules = torch.from_numpy(rng.standard_normal((N_TASKS, 5, 3)).astype(np.float32))
        self.labels = (self.inputs @ rules).argmax(dim=2)
        self.build = build
        self.learners: list[Pupil] = []
        self.asked: list[tuple[list[int], list[int]]] = []

    def batch(self, task: NDArray[np.int64], index: NDArray[np.int64]) -> Batch:
        self.asked.append((task.tolist(), index.tolist()))
        return self.inputs[task, index], self.labels[task, index]

    def learner(self, streams: Streams) -> Pupil:
        self.learners.append(Pupil(self.build(), self))
        return self.learners[-1]


@dataclass
class Pupil:
    model: nn.Module
    tasks: Blobs
    modes: list[tuple[str, bool, bool]] = field(default_factory=list)  # (asked for, training mode, gradients)

    def outputs(self, batch: Batch) -> Tensor:
        return self.model(batch[0])

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        self.modes.append(("loss", self.model.training, torch.is_grad_enabled()))
        nats = F.cross_entropy(self.outputs(batch), batch[1], reduction="none")
        return nats.mean(), -nats

    def score(self, task: int) -> tuple[float, int]:
        self.modes.append(("score", self.model.training, torch.is_grad_enabled()))
        with torch.no_grad():
            nats = F.cross_entropy(self.model(self.tasks.inputs[task]), self.tasks.labels[task])
        return -float(nats), N_ITEMS


def noisy() -> nn.Module:
    """Dropout and batch norm: what tells modes, chance and buffers apart."""
    return nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))


def a_plan() -> list[Draws]:
    """New items of a task in a phase, and some of past tasks among them."""
    rng, plan = np.random.default_rng(2), []
    for phase in range(N_TASKS):
        past = np.repeat(np.arange(phase), 4)
        task = rng.permutation(np.concatenate([np.full(N_ITEMS - len(past), phase), past]))
        offsets = np.arange(0, N_ITEMS + 1, BATCH)
        plan.append(Draws(task, rng.integers(0, N_ITEMS, N_ITEMS), task == phase, offsets))
    return plan


N_STEPS = sum(len(draws) for draws in a_plan())


def trained(
    scenario: Blobs | None = None,
    *,
    loop: Loop | None = None,
    penalty: Penalty | None = None,
    checkpoint: Checkpoint | None = None,
    streams: Streams = STREAMS,
    plan: list[Draws] | None = None,
    every_s: float = 0,
) -> RunResult:
    return train(
        scenario or Blobs(noisy),
        plan or a_plan(),
        loop=loop or Loop(0.05, n_bins=4, keep_weights=True),
        streams=streams,
        penalty=penalty,
        checkpoint=checkpoint,
        every_s=every_s,
    )


def assert_same(one: RunResult, other: RunResult) -> None:
    for name in ("scores", "n", "learning", "items", "updates"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for one_state, other_state in ((one.weights, other.weights), (one.before, other.before)):
        assert one_state.keys() == other_state.keys()
        for name, tensor in one_state.items():
            np.testing.assert_array_equal(tensor, other_state[name], err_msg=name)


class Killed(Exception):
    pass


@dataclass(frozen=True)
class Pages(Checkpoint):
    """In memory; the writer dies after so many."""

    path: Path | None = Path("memory")
    last: int = 0
    written: list[bytes] = field(default_factory=list)

    def load(self) -> bytes | None:
        return self.written[-1] if self.written else None

    def save(self, data: bytes) -> None:
        self.written.append(data)
        if len(self.written) == self.last:
            raise Killed


def killed(last: int, **settings: object) -> Pages:
    """Pages of a training that died when it had written so many."""
    with pytest.raises(Killed):
        trained(**settings, checkpoint=(pages := Pages(last=last)))
    return replace(pages, last=0)


PENALTIES = {
    "none": lambda: None,
    "ewc": lambda: EWC(2.0, n_items=5),
    "si": lambda: SI(2.0),
    "lwf": lambda: LwF(1.0),
}


@pytest.mark.parametrize(
    ("optimiser", "reset"),
    [
        pytest.param("adam", False, id="adam"),
        pytest.param("adam", True, id="adam-reset"),
        pytest.param("sgd", False, id="sgd"),
    ],
)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_killed_training_ends_as_one_that_was_not(penalty: str, optimiser: str, reset: bool) -> None:
    loop = Loop(0.05, optimiser=optimiser, reset=reset, n_bins=4, keep_weights=True)
    make = PENALTIES[penalty]
    whole = trained(loop=loop, penalty=make())
    for last in (2, 8, 10):  # a page each step and each phase of three steps
        pages = killed(last, loop=loop, penalty=make())
        assert_same(trained(loop=loop, penalty=make(), checkpoint=pages), whole)


def test_a_killed_training_goes_on_from_its_file_where_it_was(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "page")
    checkpoint.save(killed(7).written[-1])  # all steps of phase 2, which is not tested yet
    scenario = Blobs(noisy)
    assert_same(trained(scenario, checkpoint=checkpoint, every_s=60), trained())
    assert len(scenario.asked) == N_STEPS - 6


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"streams": Streams(4)}, id="seed"),
        pytest.param({"loop": Loop(0.01)}, id="loop"),
        pytest.param({"plan": a_plan()[::-1]}, id="plan"),
        pytest.param({"penalty": SI(1.0)}, id="penalty"),
        pytest.param({"scenario": Blobs(lambda: nn.Linear(5, 3))}, id="network"),
    ],
)
def test_a_foreign_checkpoint_starts_anew(settings: dict[str, object]) -> None:
    assert_same(trained(checkpoint=killed(6, **settings)), trained())


def test_a_damaged_checkpoint_starts_anew(tmp_path: Path) -> None:
    whole, path = trained(), tmp_path / "page"
    Checkpoint(path).save(killed(2).written[-1])
    path.write_bytes(path.read_bytes()[:-1])
    assert_same(trained(checkpoint=Checkpoint(path), every_s=60), whole)
    Checkpoint(path).save(b"no tensors at all")
    assert_same(trained(checkpoint=Checkpoint(path), every_s=60), whole)


def test_pages_are_written_after_each_phase_and_when_they_are_due() -> None:
    often, seldom = Pages(), Pages()
    trained(checkpoint=often)
    trained(checkpoint=seldom, every_s=60)
    assert (len(often.written), len(seldom.written)) == (N_STEPS + N_TASKS, N_TASKS)


def in_turn(checkpoint: Checkpoint | None, *, every_s: float = 0) -> tuple[list[RunResult], list[int]]:
    """Results of two seeds, and how many batches each asked for."""
    scenarios = [Blobs(noisy), Blobs(noisy)]
    results = train_each(
        scenarios,
        [a_plan(), a_plan()[:1] * N_TASKS],
        loop=Loop(0.05, n_bins=4, keep_weights=True),
        streams=[STREAMS, Streams(4)],
        penalty=SI(2.0),
        checkpoint=checkpoint,
        every_s=every_s,
    )
    return results, [len(scenario.asked) for scenario in scenarios]


def test_seeds_in_turn_share_a_checkpoint_and_none_is_trained_again() -> None:
    whole, _ = in_turn(None)
    assert_same(whole[0], trained(penalty=SI(2.0)))
    pages = Pages(last=N_STEPS + N_TASKS + 2)  # two steps into the second one
    with pytest.raises(Killed):
        in_turn(pages)
    pages = replace(pages, last=0)
    results, asked = in_turn(pages)
    assert asked == [0, N_STEPS - 2]
    for one, other in zip(results, whole, strict=True):
        assert_same(one, other)
    pages.save(b"no tensors at all")
    assert in_turn(pages)[1] == [N_STEPS, N_STEPS]


def test_networks_are_scored_in_evaluation_mode_and_trained_in_training_mode() -> None:
    scenario = Blobs(noisy)
    trained(scenario)
    modes = set(scenario.learners[0].modes)
    assert modes == {("loss", True, True), ("score", False, False)}


def test_scores_are_those_of_the_averages_that_batch_norm_keeps() -> None:
    scenario = Blobs(noisy)
    result = trained(scenario)
    model = noisy().eval()
    model.load_state_dict({name: torch.from_numpy(value) for name, value in result.weights.items()})
    inputs = scenario.inputs.flatten(0, 1)
    nats = F.cross_entropy(model(inputs), scenario.labels.flatten(), reduction="none")
    expected = -nats.reshape(N_TASKS, N_ITEMS).mean(dim=1)
    np.testing.assert_allclose(result.scores[-1], expected.detach(), rtol=1e-5)


def by_hand(plan: list[Draws], optimiser: type[torch.optim.Optimizer]) -> tuple[nn.Module, list[list[float]]]:
    """An independent loop over a linear network; and each phase's scores before each update."""
    torch.manual_seed(int(STREAMS.generator("init").integers(2**63)))
    scenario, scores = Blobs(lambda: nn.Linear(5, 3)), []
    model = scenario.build()
    steps = optimiser(model.parameters(), lr=0.05)
    for draws in plan:
        before = []
        for where in draws.batches():
            inputs, labels = scenario.batch(draws.task[where], draws.index[where])
            nats = F.cross_entropy(model(inputs), labels, reduction="none")
            before += (-nats).tolist()
            steps.zero_grad()
            nats.mean().backward()
            steps.step()
        scores.append(before)
    return model, scores


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_training_is_pytorchs_own_steps_on_the_plans_items(optimiser: str) -> None:
    with torch.random.fork_rng():
        model, scores = by_hand(a_plan(), {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimiser])
    scenario = Blobs(lambda: nn.Linear(5, 3))
    loop = Loop(0.05, optimiser=optimiser, n_bins=4, keep_weights=True)
    result = trained(scenario, loop=loop)
    for name, tensor in model.state_dict().items():
        np.testing.assert_allclose(result.weights[name], tensor, rtol=1e-5, atol=1e-6)
    with torch.random.fork_rng():
        first, _ = by_hand(a_plan()[:1], {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimiser])
    for name, tensor in first.state_dict().items():
        np.testing.assert_allclose(result.before[name], tensor, rtol=1e-5, atol=1e-6)
    for phase, draws in enumerate(a_plan()):
        new = np.array(scores[phase])[draws.new]
        bins = [part.sum() for part in np.array_split(new, 4)]  # 24, 20 and 16 new items
        np.testing.assert_allclose(result.learning[phase, :, 0], bins, rtol=1e-5)
    assert [sum(sizes) for sizes in result.items] == [N_ITEMS] * N_TASKS
    np.testing.assert_array_equal(result.items[2], np.bincount(a_plan()[2].task))
    np.testing.assert_array_equal(result.updates, [3, 3, 3])
    draws = a_plan()
    expected = [(d.task[where].tolist(), d.index[where].tolist()) for d in draws for where in d.batches()]
    assert scenario.asked == expected


def test_untrained_row_is_of_the_initial_network_and_lower_leaves_out_what_was_not_met() -> None:
    every, lower = trained(loop=Loop(0.05)), trained(loop=Loop(0.05, evaluate="lower"))
    scenario = Blobs(noisy)
    torch.random.manual_seed(0)
    untouched = train(
        scenario, a_plan(), loop=Loop(1e-12, optimiser="sgd", keep_weights=True), streams=STREAMS
    )
    np.testing.assert_array_equal(every.scores[0], untouched.scores[0])
    assert np.isfinite(every.scores).all()
    met = np.tril(np.ones((N_TASKS + 1, N_TASKS), dtype=bool), -1)
    np.testing.assert_array_equal(np.isfinite(lower.scores), met)
    np.testing.assert_array_equal(lower.scores[met], every.scores[met])
    np.testing.assert_array_equal(lower.n, every.n)
    assert lower.weights == lower.before == {}


def test_torchs_own_generator_stays_as_it_was_and_changes_nothing() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first = trained()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    assert_same(trained(), first)


class Wavering(nn.Linear):
    """Draws in evaluation mode, too."""

    def forward(self, inputs: Tensor) -> Tensor:
        return super().forward(inputs) + torch.randn(3)


def test_chances_at_a_test_hang_on_nothing_that_was_drawn_before_it() -> None:
    whole = trained(Blobs(lambda: Wavering(5, 3)))
    pages = killed(7, scenario=Blobs(lambda: Wavering(5, 3)))  # all steps of phase 2, which is not tested yet
    assert_same(trained(Blobs(lambda: Wavering(5, 3)), checkpoint=pages), whole)


def test_dropout_has_other_chances_in_each_step_and_seed() -> None:
    masks: list[Tensor] = []

    class Seen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(5, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            if self.training:
                masks.append(F.dropout(torch.ones(32), 0.5))
            return self.linear(inputs)

    trained(Blobs(Seen))
    trained(Blobs(Seen), streams=Streams(3).child("seed", 1))
    assert len({tuple(mask.tolist()) for mask in masks}) == 2 * N_STEPS


def test_an_optimiser_that_is_reset_forgets_its_moments() -> None:
    kept, reset = trained(loop=Loop(0.05)), trained(loop=Loop(0.05, reset=True))
    np.testing.assert_array_equal(kept.scores[:2], reset.scores[:2])
    assert (kept.scores[2:] != reset.scores[2:]).all()


def test_bins_of_the_learning_curve_hold_equal_numbers_of_new_items() -> None:
    new = np.array([1, 0, 1, 1, 0, 1, 1, 1], dtype=bool)
    scores = np.array([1.0, 99, 2, 3, 99, 4, 5, 6])
    np.testing.assert_array_equal(learning_sums(scores, new, 3), [[3, 2], [7, 2], [11, 2]])
    np.testing.assert_array_equal(learning_sums(scores, new, 8)[:, 1].sum(), 6)
    assert set(learning_sums(scores, new, 4)[:, 1]) <= {1, 2}
    np.testing.assert_array_equal(learning_sums(scores, np.zeros_like(new), 3), np.zeros((3, 2)))


def test_frozen_weights_stay_and_others_learn() -> None:
    def half_frozen() -> nn.Module:
        model = noisy()
        model[0].requires_grad_(False)
        return model

    scenario = Blobs(half_frozen)
    result = trained(scenario, penalty=EWC(1.0, n_items=4))
    with torch.random.fork_rng():
        torch.manual_seed(int(STREAMS.generator("init").integers(2**63)))
        initial = half_frozen().state_dict()
    np.testing.assert_array_equal(result.weights["0.weight"], initial["0.weight"])
    assert (result.weights["4.weight"] != initial["4.weight"].numpy()).any()


def changed(phase: int, **fields: NDArray) -> list[Draws]:
    plan = a_plan()
    kept = {name: getattr(plan[phase], name) for name in ("task", "index", "new", "offsets")}
    plan[phase] = Draws(**{**kept, **fields})
    return plan


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        pytest.param(a_plan()[:2], "a phase for each of 3 tasks; got 2", id="too-few-phases"),
        pytest.param(
            changed(1, task=np.full(N_ITEMS, 3)), "items that the tasks have.*phase 2", id="no-task"
        ),
        pytest.param(changed(1, index=np.full(N_ITEMS, N_ITEMS)), "items that the tasks have", id="no-item"),
        pytest.param(changed(2, index=np.full(N_ITEMS, -1)), "items that the tasks have", id="below-0"),
        pytest.param(
            changed(0, offsets=np.array([0, 8, 8, 24])), "must have items.*phase 1", id="empty-batch"
        ),
        pytest.param(changed(0, offsets=np.array([0, 8])), "hold all", id="items-left"),
    ],
)
def test_a_plan_of_other_tasks_is_refused(plan: list[Draws], says: str) -> None:
    with pytest.raises(DataError, match=says):
        trained(plan=plan)


def test_a_loss_that_is_not_finite_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"must stay finite; got nan in phase 1; lower the learning rate \(1e\+30\)"
    ):
        trained(
            Blobs(lambda: nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 3))), loop=Loop(1e30, optimiser="sgd")
        )
    assert math.isfinite(trained().scores.sum())
