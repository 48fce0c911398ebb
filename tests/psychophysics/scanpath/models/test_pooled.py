"""A network pooled with the choice model: weights, likelihoods and draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.config import NetworkSettings, ScanpathConfig
from cogattn.psychophysics.scanpath.consensus import consensus
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.reading import data_of
from cogattn.psychophysics.scanpath.models import pooled as pooling
from cogattn.psychophysics.scanpath.models.collating import Told
from cogattn.psychophysics.scanpath.models.content import Content
from cogattn.psychophysics.scanpath.models.members import Members
from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork
from cogattn.psychophysics.scanpath.models.pooled import Pooled
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor
from cogattn.psychophysics.scanpath.splitting import Split, split_of

CONFIG = ScanpathConfig.model_validate(
    {"synthetic": {"n_layouts": 12, "n_objects": 8, "n_people": 3, "n_fixations": 6}}
)
SMALL = NetworkSettings(width=16, heads=2, encoder_layers=1, decoder_layers=1, feedforward=16)


def network_of(seed: int, told: Told) -> NetworkPredictor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NetworkPredictor(ScanpathNetwork(SMALL, n_features=told.n_features), told)


@pytest.fixture(scope="module")
def data() -> PathSet:
    return data_of(CONFIG)


@pytest.fixture(scope="module")
def split(data: PathSet) -> Split:
    return split_of(data, CONFIG.split, 0, 0)


@pytest.fixture(scope="module")
def told(data: PathSet) -> Told:
    rng = np.random.default_rng(0)
    return Told(
        {one.name: torch.from_numpy(rng.standard_normal((one.n_objects, 3))).float() for one in data.layouts}
    )


@pytest.fixture(scope="module")
def choice(data: PathSet, split: Split) -> ChoiceModel:
    return ChoiceModel().fit(data, split, CONFIG)


@pytest.fixture(scope="module")
def pooled(data: PathSet, split: Split, told: Told, choice: ChoiceModel) -> Pooled:
    return Pooled.fit(Members((network_of(0, told), network_of(1, told))), choice, data, split)


def nats(predictor, data: PathSet, paths: list[ObjectPath]) -> float:
    said = predictor.predict(data, paths)
    return -sum(
        float(one.log_p[np.arange(len(one.log_p)), path.objects[path.n_given :]].sum())
        for one, path in zip(said, paths, strict=True)
    )


def test_chances_are_those_of_both_by_their_weights(data: PathSet, pooled: Pooled, told: Told) -> None:
    (path,) = data.paths[:1]
    (one,), (by_choice,) = pooled.predict(data, [path]), pooled.choice.predict(data, [path])
    each = [network.predict(data, [path])[0].log_p for network in pooled.network.networks]
    content = told.features[data.layout_of(path).name].numpy().astype(float) @ pooled.content.weights
    a, b, c = pooled.weights
    expected = np.exp(a * by_choice.log_p + b * np.mean(each, axis=0) + c * content)
    assert np.exp(one.log_p) == pytest.approx(expected / expected.sum(axis=1, keepdims=True), rel=1e-5)
    assert len(one.log_end) == len(path) + 1
    assert np.exp(one.log_end[0]) < 1e-6  # no path ends before it begins


def test_a_pool_of_one_is_that_one(data: PathSet, pooled: Pooled) -> None:
    alone = replace(pooled, weights=np.array([1.0, 0, 0]), end_weights=np.array([0, 1.0, 0]))
    for own, model in zip(
        alone.predict(data, data.paths), pooled.choice.predict(data, data.paths), strict=True
    ):
        assert own.log_p == pytest.approx(model.log_p, abs=1e-6)
        assert own.log_end[1:] == pytest.approx(model.log_end[1:], abs=1e-6)


def test_weights_are_the_best_of_the_validation_part(data: PathSet, split: Split, pooled: Pooled) -> None:
    held_out = [data.paths[k] for k in split.validation]

    def cost(weights: np.ndarray) -> float:
        away = weights - pooling.EVENLY
        return nats(replace(pooled, weights=weights), data, held_out) + pooling.RIDGE / 2 * float(away @ away)

    best = cost(pooled.weights)
    for step in (*(0.05 * np.eye(3)), *(-0.05 * np.eye(3))):
        assert cost(pooled.weights + step) > best
    ends = [one.log_end for one in pooled.predict(data, held_out)]
    shares = np.mean(np.concatenate([np.exp(end[1:]) for end in ends]))
    assert shares == pytest.approx(len(ends) / sum(len(end) - 1 for end in ends), rel=0.05)


def test_an_untrained_network_is_trusted_less_than_the_choice_model(pooled: Pooled) -> None:
    assert pooled.weights[0] > pooled.weights[1]


def test_draws_come_as_often_as_they_are_likely(data: PathSet, pooled: Pooled) -> None:
    path = data.paths[0]
    first = ObjectPath(path.layout, path.person, path.objects[:1], path.fixations_px[:1])
    (said,) = pooled.predict(data, [first])
    (drawn,) = pooled.sample(data, [first], n=3000, rng=np.random.default_rng(0), max_length=30)
    counts = np.bincount([one[0] for one in drawn], minlength=8)
    expected = 3000 * np.exp(said.log_p[0])
    assert ((counts - expected) ** 2 / expected).sum() < 24.3  # chi-square of 7 degrees, p = .001
    after = [len(one) == 1 for one in drawn if one[0] == path.objects[0]]
    chance = np.exp(said.log_end[1])
    assert np.mean(after) == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / len(after)))


def test_what_was_drawn_is_seen_at_the_next_step(data: PathSet, pooled: Pooled) -> None:
    path = replace(
        data.paths[0], objects=data.paths[0].objects[:1], fixations_px=data.paths[0].fixations_px[:1]
    )
    by_network = replace(pooled, weights=np.array([0, 1.0, 0]), end_weights=np.array([-30.0, 0, 0]))
    (drawn,) = by_network.sample(data, [path], n=200, rng=np.random.default_rng(0), max_length=3)
    two = [replace(path, objects=one[:2], fixations_px=np.zeros((2, 2))) for one in drawn]
    said = [one.log_p[1] for one in by_network.predict(data, two)]
    likely = sum(float(log_p[one[1]]) for log_p, one in zip(said, drawn, strict=True))
    expected = sum(float((np.exp(log_p) * log_p).sum()) for log_p in said)
    spread = sum(
        float((np.exp(log_p) * log_p**2).sum() - (np.exp(log_p) * log_p).sum() ** 2) for log_p in said
    )
    assert abs(likely - expected) < 4 * np.sqrt(spread)


def test_the_likeliest_path_ends_when_half_would_have(data: PathSet, pooled: Pooled) -> None:
    always = replace(
        pooled, end_weights=np.array([np.log(0.2 / 0.8), 0, 0])
    )  # .8 ** 3 is above a half, .8 ** 4 below
    drawn = always.sample(data, data.paths[:3], n=0, rng=np.random.default_rng(0), max_length=30)
    assert [len(one[0]) for one in drawn] == [4 + path.n_given for path in data.paths[:3]]


@pytest.mark.parametrize("n", [0, 2])
def test_drawn_paths_begin_with_what_was_given_and_end_in_time(data: PathSet, pooled: Pooled, n: int) -> None:
    given = [replace(path, n_given=min(2, len(path) - 1)) for path in data.paths if len(path) > 1]
    for model in (pooled, pooled.network):
        drawn = model.sample(data, given, n=n, rng=np.random.default_rng(0), max_length=4)
        for path, own in zip(given, drawn, strict=True):
            assert len(own) == max(n, 1)
            for one in own:
                assert one[: path.n_given].tolist() == path.objects[: path.n_given].tolist()
                assert path.n_given < len(one) <= 4


def test_what_was_learned_can_be_put_together_again(data: PathSet, pooled: Pooled) -> None:
    again = Pooled.load(pooled.network, pooled.state())
    for one, other in zip(again.predict(data, data.paths), pooled.predict(data, data.paths), strict=True):
        assert (one.log_p == other.log_p).all()
        assert (one.log_end == other.log_end).all()


def test_content_is_found_where_it_decides_and_nowhere_else() -> None:
    config = ScanpathConfig.model_validate(
        {
            "synthetic": {"n_layouts": 60, "n_objects": 12, "n_people": 4, "category": 2.0, "spread": 0.0},
            "objects": {"target_position": "unknown"},
        }
    )
    data = data_of(config)
    split = split_of(data, config.split, 0, 0)
    choice = ChoiceModel().fit(data, split, config)
    wanted = {
        one.name: torch.tensor(
            [[float(category.split()[0] == one.target_name)] for category in one.categories]
        )
        for one in data.layouts
    }
    rng = np.random.default_rng(0)
    nothing = {name: torch.from_numpy(rng.standard_normal(rows.shape)) for name, rows in wanted.items()}
    train, validation = ([data.paths[k] for k in part] for part in (split.train, split.validation))
    found = Content.fit(data, train, validation, wanted, choice).weights[0]
    assert 1.2 < found < 2.2  # the truth is 2, of which the choice model, fitted first, has taken a part
    assert abs(Content.fit(data, train, validation, nothing, choice).weights[0]) < 0.2


def test_members_are_averaged(data: PathSet, told: Told) -> None:
    one, other = network_of(0, told), network_of(1, told)
    both = Members((one, other)).predict(data, data.paths[:3])
    each = [model.predict(data, data.paths[:3]) for model in (one, other)]
    for k, said in enumerate(both):
        mean = np.exp((each[0][k].log_p + each[1][k].log_p) / 2)
        assert np.exp(said.log_p) == pytest.approx(mean / mean.sum(axis=1, keepdims=True))
    alone = Members((one,)).predict(data, data.paths[:3])
    assert all((a.log_p == b.log_p).all() for a, b in zip(alone, each[0], strict=True))


def test_the_consensus_is_the_draw_most_like_the_others() -> None:
    draws = [np.array(path) for path in ([0, 1, 2, 3], [0, 1, 2], [5, 6, 7], [0, 2, 3])]
    ((chosen,), (alone,)) = consensus([draws, [draws[2]]])
    assert chosen.tolist() == [0, 1, 2, 3]
    assert alone.tolist() == [5, 6, 7]
