"""What counts in the loss, when training ends, and that a killed one ends with the same bits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import NetworkSettings, TrainingSettings
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath
from cogattn.psychophysics.scanpath.models import loss, training
from cogattn.psychophysics.scanpath.models.batches import PathBatch
from cogattn.psychophysics.scanpath.models.collating import Batches, collate
from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams

SMALL = NetworkSettings(
    width=16, heads=2, encoder_layers=1, decoder_layers=1, feedforward=16, dropout=0.2, n_knots=4
)


class Fixed(nn.Module):
    """Scores that are parameters themselves, so that their gradients tell what counts."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = nn.Parameter(scores)

    def forward(self, batch: PathBatch) -> Tensor:
        return self.scores


def small() -> ScanpathNetwork:
    return training.initialised(lambda: ScanpathNetwork(SMALL, n_features=None), Streams(3))


@pytest.fixture
def people(data_of, path_of):
    """Random walks over three layouts, of different lengths, the first fixation given in some."""
    rng = np.random.default_rng(0)
    paths = [
        path_of(i % 3, rng.integers(5, size=rng.integers(2, 7)), person=str(i), n_given=i % 2)
        for i in range(30)
    ]
    return data_of([5, 6, 7], *paths)


SPLIT = Split(np.arange(20), np.arange(20, 27), np.arange(27, 30))


def test_bits_are_those_of_the_chances(people, markov) -> None:
    network = markov(7)
    table = network.table.detach().double().numpy()
    total, n = 0.0, 0
    for path in people.paths:
        n_objects = people.layout_of(path).n_objects
        before, after = [7, *path.objects], [*path.objects, -1]
        for k in range(path.n_given, len(path) + 1):
            weights = np.exp(np.append(table[before[k], :n_objects], table[before[k], -1]))
            weights[-1] *= k > path.n_given  # no path is empty
            total, n = total - math.log2(weights[after[k]] / weights.sum()), n + 1
    batches = Batches(people, np.arange(len(people.paths)), 4).in_order()
    assert loss.bits(network, batches) == pytest.approx(total / n, rel=1e-6)


def test_given_fixations_and_padding_never_count(data_of, path_of) -> None:
    data = data_of([3, 4], path_of(0, [1, 2, 0, 1], n_given=2), path_of(1, [3, 0]))
    batch = collate(data, data.paths)
    network = Fixed(torch.randn(2, 5, 5))
    total, n = loss.nats(loss.outputs(network, batch)[0], batch)
    total.backward()
    counted = (network.scores.grad != 0).any(-1)
    assert counted.tolist() == [[False, False, True, True, True], [True, True, True, False, False]]
    assert n == 6
    assert network.scores.grad[0, 2, -1] == 0
    assert network.scores.grad[1, 0, -1] == 0
    assert network.scores.grad[0, 3, -1] != 0


def test_a_batch_counts_as_its_paths_do_alone(people) -> None:
    network = small().eval()

    def nats(paths: Sequence[ObjectPath]) -> tuple[float, int]:
        batch = collate(people, paths)
        total, n = loss.nats(loss.outputs(network, batch)[0], batch)
        return total.item(), n

    together, n = nats(people.paths)
    alone = [nats([path]) for path in people.paths]
    assert n == sum(count for _, count in alone)
    assert together == pytest.approx(sum(lost for lost, _ in alone), rel=1e-5)


def test_a_null_class_takes_its_share(data_of, path_of) -> None:
    batch = collate(data := data_of([3], path_of(0, [1])), data.paths)
    scores = torch.zeros(1, 2, 4)
    scores[0, 0, -1] = -torch.inf
    wanted = math.log(4) + math.log(5)  # three objects and the null class, then the end as well
    assert loss.nats(scores, batch, null_logit=0.0)[0].item() == pytest.approx(wanted)
    assert loss.nats(scores, batch)[0].item() == pytest.approx(math.log(3) + math.log(4))


def test_durations_count_where_they_are_asked_for(data_of, path_of, markov) -> None:
    data = data_of([3], path_of(0, [1, 2, 0], n_given=1), path_of(0, [2]))
    batch = collate(data, data.paths)
    network = markov(3, ln_ms=math.log(250))
    found = loss.duration_nats(loss.outputs(network, batch)[1], batch)
    wanted = -scipy.stats.lognorm(s=0.5, scale=250).logpdf([210, 220, 200]).mean()
    assert found.item() == pytest.approx(wanted, rel=1e-5)
    untimed = dataclasses.replace(batch, durations_ms=None)
    assert loss.duration_nats(loss.outputs(network, untimed)[1], untimed) == 0


def test_durations_are_learned_with_the_paths(people) -> None:
    settings = SMALL.model_copy(update={"durations": True, "dropout": 0.0})
    network = training.initialised(lambda: ScanpathNetwork(settings, n_features=None), Streams(3))
    batch = collate(people, people.paths[:8])

    def off() -> float:
        with torch.no_grad():
            return loss.duration_nats(loss.outputs(network, batch)[1], batch).item()

    before, stepper = off(), training.Stepper(network, TrainingSettings(learning_rate=2e-2))
    for _ in range(20):
        stepper.step(batch)
    assert math.isfinite(before)
    assert off() < before - 0.3


@pytest.mark.slow
def test_three_paths_are_learned_by_heart(data_of, path_of) -> None:
    data = data_of(
        [6, 6, 6], *(path_of(i, objects) for i, objects in enumerate(([4, 2, 5], [1, 0], [3, 3, 1, 2])))
    )
    settings = TrainingSettings(
        learning_rate=2e-2, batch=3, max_epochs=60, patience=60, weight_decay=0, averaging=0.5
    )
    network = small()
    everything = np.arange(3)
    log = training.fit(network, data, Split(everything, everything, everything), None, settings, Streams(0))
    assert log.epochs[log.best].validation_bits < 0.1 < log.epochs[0].validation_bits
    predictor = NetworkPredictor(network)
    greedy = predictor.sample(data, data.paths, n=0, rng=np.random.default_rng(0), max_length=10)
    assert [own[0].tolist() for own in greedy] == [path.objects.tolist() for path in data.paths]


def test_training_ends_early_with_the_best_weights(people) -> None:
    settings = TrainingSettings(learning_rate=2e-2, max_epochs=100, patience=3, batch=8, averaging=0)
    network = small()
    log = training.fit(network, people, SPLIT, None, settings, Streams(0))
    judged = [epoch.validation_bits for epoch in log.epochs]
    assert len(judged) == log.best + 1 + 3 < 100
    assert judged[log.best] == min(judged) < judged[-1]
    kept = loss.bits(network, Batches(people, SPLIT.validation, 8).in_order())
    assert kept == judged[log.best]
    assert not network.training


def test_rows_say_which_epoch_is_kept(people) -> None:
    settings = TrainingSettings(max_epochs=3, batch=8)
    rows = training.fit(small(), people, SPLIT, None, settings, Streams(0)).rows("net", 2)
    assert rows.epoch.tolist() == [0, 1, 2]
    assert rows.kept.sum() == 1
    assert rows.validation_bits[rows.kept].item() == rows.validation_bits.min()
    assert set(rows.observer) == {"net"}
    assert set(rows.split) == {2}


def test_the_average_trails_the_steps(people) -> None:
    batch = collate(people, people.paths)
    stepper = training.Stepper(network := small(), TrainingSettings(averaging=0.9))
    seen: list[Tensor] = []
    for _ in range(4):
        stepper.step(batch)
        seen.append(network.target.weight.detach().clone())
    wanted = seen[0]
    for n, weights in enumerate(seen[1:], 1):
        kept = min(0.9, (1 + n) / (10 + n))
        wanted = kept * wanted + (1 - kept) * weights
    torch.testing.assert_close(stepper.average.module.target.weight.detach(), wanted)


class Killed(Exception):
    pass


class Dying(Checkpoint):
    """A checkpoint after whose so-manieth writing the process ends."""

    def save_tensors(self, state: dict[str, Tensor]) -> None:
        super().save_tensors(state)
        left[0] -= 1
        if not left[0]:
            raise Killed


left = [0]


@pytest.mark.parametrize("epochs", [1, 3, 6])
def test_a_killed_training_ends_with_the_same_bits(people, tmp_path, epochs: int) -> None:
    settings = TrainingSettings(max_epochs=6, batch=8, patience=6)
    whole = small()
    log = training.fit(whole, people, SPLIT, None, settings, Streams(5))
    left[0] = epochs
    with pytest.raises(Killed):
        training.fit(small(), people, SPLIT, None, settings, Streams(5), Dying(tmp_path / "cell"))
    torch.manual_seed(99)  # another process
    again = small()
    resumed = training.fit(again, people, SPLIT, None, settings, Streams(5), Checkpoint(tmp_path / "cell"))
    assert resumed == log
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_order_and_dropping_come_from_the_stream_alone(people) -> None:
    settings = TrainingSettings(max_epochs=2, batch=8)

    def bits_of(rng: Streams) -> list[float]:
        log = training.fit(small(), people, SPLIT, None, settings, rng)
        return [epoch.train_bits for epoch in log.epochs]

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = bits_of(Streams(5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert bits_of(Streams(5)) == first != bits_of(Streams(6))


def test_initial_weights_come_from_the_stream_alone() -> None:
    def weights(build: Callable[[], nn.Module], seed: int) -> Tensor:
        return training.initialised(build, Streams(seed)).state_dict()["weight"]

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = weights(lambda: nn.Linear(3, 3), 7)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(lambda: nn.Linear(3, 3), 7), first)
    assert not torch.equal(weights(lambda: nn.Linear(3, 3), 8), first)


def test_empty_parts_are_refused(people) -> None:
    nothing = np.arange(0)
    for split, said in (
        (Split(nothing, SPLIT.validation, SPLIT.test), "training part"),
        (Split(SPLIT.train, nothing, SPLIT.test), "validation part"),
    ):
        with pytest.raises(DataError, match=f"the {said} must have scanpaths"):
            training.fit(small(), people, split, None, TrainingSettings(), Streams(0))


def test_a_likelihood_that_is_not_finite_is_refused(people, markov) -> None:
    network = markov(7)
    with torch.no_grad():
        network.table[0, 0] = torch.nan
    with pytest.raises(DataError, match=r"training must stay finite.*lower training\.learning_rate"):
        training.fit(network, people, SPLIT, None, TrainingSettings(), Streams(0))
