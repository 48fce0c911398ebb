"""Likelihoods and samples of a network whose chances are a table that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.psychophysics.scanpath.config import NetworkSettings
from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor


@pytest.fixture
def some(data_of, path_of):
    return data_of(
        [4, 6],
        path_of(0, [1, 1, 3]),
        path_of(0, [2], person="q"),
        path_of(1, [5, 0, 2, 4], n_given=1),
        path_of(1, [0, 5, 0, 1, 2, 3], n_given=2, person="q"),
    )


@pytest.fixture
def ours():
    torch.manual_seed(0)
    settings = NetworkSettings(width=16, heads=2, encoder_layers=1, decoder_layers=1, feedforward=16)
    return ScanpathNetwork(settings, n_features=None)


def by_hand(table: np.ndarray, n_objects: int, last: int, *, first: bool) -> np.ndarray:
    """Chances of each object and of the end after object `last`, the last of them 0 at the start."""
    weights = np.exp(np.append(table[last, :n_objects], -np.inf if first else table[last, -1]))
    return weights / weights.sum()


def test_predictions_are_those_of_the_table(some, markov) -> None:
    network = markov(6)
    table = network.table.detach().double().numpy()
    for path, prediction in zip(some.paths, NetworkPredictor(network).predict(some, some.paths), strict=True):
        n = some.layout_of(path).n_objects
        before = [6, *path.objects]
        rows = [
            by_hand(table, n, before[k], first=k == path.n_given) for k in range(path.n_given, len(path) + 1)
        ]
        ends = np.array([row[-1] for row in rows])
        assert prediction.log_p.shape == (len(path) - path.n_given, n)
        going_on = np.array([row[:-1] / row[:-1].sum() for row in rows[:-1]])
        np.testing.assert_allclose(np.exp(prediction.log_p), going_on, rtol=1e-6)
        np.testing.assert_allclose(np.exp(prediction.log_end), ends, rtol=1e-6)
        assert prediction.log_end[0] == -np.inf
        assert prediction.duration_ms is None


def test_durations_are_in_ms(some, markov) -> None:
    network = markov(6, ln_ms=float(np.log(250)))
    for path, prediction in zip(some.paths, NetworkPredictor(network).predict(some, some.paths), strict=True):
        np.testing.assert_allclose(
            prediction.duration_ms, np.full(len(path), 250 * np.exp(0.5**2 / 2)), rtol=1e-5
        )


def test_what_shares_a_batch_changes_no_prediction_and_no_sample(some, ours) -> None:
    alone, together = NetworkPredictor(ours, batch=1), NetworkPredictor(ours)
    for a, b in zip(alone.predict(some, some.paths), together.predict(some, some.paths), strict=True):
        np.testing.assert_allclose(a.log_p, b.log_p, atol=1e-5)
        np.testing.assert_allclose(a.log_end, b.log_end, atol=1e-5)
    drawn = [
        p.sample(some, some.paths, n=3, rng=np.random.default_rng(1), max_length=12)
        for p in (alone, together)
    ]
    assert [[x.tolist() for x in own] for own in drawn[0]] == [[x.tolist() for x in own] for own in drawn[1]]


@pytest.mark.parametrize("n", [0, 5])
@pytest.mark.parametrize("end", [-30.0, 0.0, 30.0])
def test_samples_begin_with_what_is_given_and_have_an_end(some, markov, n: int, end: float) -> None:
    network = markov(6)
    with torch.no_grad():
        network.table[:, -1] = end
    made = NetworkPredictor(network).sample(some, some.paths, n=n, rng=np.random.default_rng(0), max_length=9)
    assert [len(own) for own in made] == [max(n, 1)] * 4
    for path, own in zip(some.paths, made, strict=True):
        for sample in own:
            assert path.n_given < len(sample) <= 9
            assert sample[: path.n_given].tolist() == path.objects[: path.n_given].tolist()
            assert (sample >= 0).all()
            assert (sample < some.layout_of(path).n_objects).all()
            if end == -30:
                assert len(sample) == 9
            if end == 30:
                assert len(sample) == path.n_given + 1


def test_samples_are_as_frequent_as_their_chances(data_of, path_of, markov) -> None:
    data = data_of([3], path_of(0, [1]))
    network = markov(3, seed=3)
    table = network.table.detach().double().numpy()
    n = 6000
    made = NetworkPredictor(network).sample(
        data, data.paths, n=n, rng=np.random.default_rng(0), max_length=2
    )[0]
    chances = np.zeros((3, 4))  # first object, then the second or the end
    for first, chance in enumerate(by_hand(table, 3, 3, first=True)[:3]):
        chances[first] = chance * by_hand(table, 3, first, first=False)
    found = np.zeros((3, 4))
    for sample in made:
        found[sample[0], sample[1] if len(sample) == 2 else 3] += 1
    spread = np.sqrt(chances * (1 - chances) / n)
    assert (np.abs(found / n - chances) < 4 * spread).all()


def test_the_greedy_path_takes_the_likeliest_step_each_time(some, markov) -> None:
    network = markov(6, seed=5)
    table = network.table.detach().double().numpy()
    made = NetworkPredictor(network).sample(
        some, some.paths, n=0, rng=np.random.default_rng(0), max_length=20
    )
    for path, own in zip(some.paths, made, strict=True):
        n, told = some.layout_of(path).n_objects, list(path.objects[: path.n_given])
        while len(told) < 20:
            chances = by_hand(table, n, told[-1] if told else 6, first=len(told) == path.n_given)
            if chances.argmax() == n:
                break
            told.append(int(chances.argmax()))
        assert own[0].tolist() == told


def test_drawing_leaves_the_network_and_torch_as_they_were(some, ours) -> None:
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in ours.state_dict().items()}
    predictor = NetworkPredictor(ours)
    predictor.sample(some, some.paths, n=2, rng=np.random.default_rng(0), max_length=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(state[name], torch.from_numpy(value)) for name, value in predictor.state().items())
