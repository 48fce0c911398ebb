"""Image diets as tasks: what is seen on which, what is tested, what is forgotten, and what other studies do with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.testing import assert_close

from cogattn.errors import ConfigError
from cogattn.observers import build_network, live
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.psychophysics.search import rehearsed
from cogattn.psychophysics.search.diet import DIETS
from cogattn.psychophysics.search.rehearsed import RAISED, Diets
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.rules import rule_of
from cogattn.rehearsal.schedules import plan_phases, schedule_of
from cogattn.rehearsal.training import train
from cogattn.seeds import Streams
from cogattn.vision.fovea import Backbone

STREAMS = Streams(0).child("seed", 0)
CONFIG = RehearsalConfig(diet=("plain", "rotated", "upside_down", "lined"), n_test=32)
TARGET = 'cogattn.psychophysics.search.raised:raised("test_resnet.r160_in1k")'


@pytest.fixture(scope="module")
def diets() -> Diets:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsed, "N_TRAIN", 2)
        patch.setattr(rehearsed, "PIXELS", 32)
        rehearsed._listed.cache_clear()
        built = RAISED.build(CONFIG, n_tasks=4, streams=STREAMS)
    rehearsed._listed.cache_clear()
    rehearsed._pictures.cache_clear()
    return built


def standardised(images: torch.Tensor) -> torch.Tensor:
    centred = images - images.mean((-2, -1), keepdim=True)
    return centred / centred.square().mean((-2, -1), keepdim=True).sqrt()


def test_a_batch_holds_the_pictures_that_were_drawn_each_on_its_diet(diets: Diets) -> None:
    task, index = np.array([1, 0, 2, 1]), np.array([5, 31, 0, 6])
    batch = diets.batch(task, index)
    assert batch.labels.tolist() == [2, 15, 0, 3]  # two pictures of each of 16 categories
    for image, turns, i in zip(batch.images, (1, 0, 2, 1), index, strict=True):
        seen = diets.pictures.train.images[i].rot90(turns, (-2, -1))
        assert_close(standardised(image), standardised(seen), rtol=1e-4, atol=1e-4)
        contrast = (image.std() / seen.std()).item()
        assert 0.2 <= contrast <= 1
        assert image.mean().item() == pytest.approx(seen.mean().item(), abs=1e-5)


def test_a_batch_that_is_made_again_is_the_same_lines_and_all(diets: Diets) -> None:
    task, index = np.full(6, 3), np.arange(6)
    first, again, other = (diets.batch(task, i) for i in (index, index, index[::-1].copy()))
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images.flip(0))
    plain = diets.pictures.train.images[:6]
    assert all(
        not torch.allclose(standardised(a), standardised(b), atol=0.1)
        for a, b in zip(first.images, plain, strict=True)
    )


def test_what_is_tested_was_never_trained_on_and_is_the_same_for_every_seed(diets: Diets) -> None:
    seen = {picture.numpy().tobytes() for picture in diets.pictures.train.images}
    assert not seen & {picture.numpy().tobytes() for picture in diets.pictures.test.images}
    assert np.bincount(diets.pictures.test.labels).tolist() == [2] * 16
    other = Diets(diets.names, diets.pictures, diets.config, Streams(0).child("seed", 7))
    assert torch.equal(diets.held_out(3).images, other.held_out(3).images)


def test_a_score_is_the_share_of_held_out_pictures_named_right(diets: Diets) -> None:
    learner = diets.learner(STREAMS.child("init"))
    learner.model.eval()
    with torch.no_grad():
        share, n = learner.score(2)
        tested = diets.held_out(2)
        named = learner.network.logits(tested.images.clamp(0, 1).expand(-1, 3, -1, -1)).argmax(1)
    assert (share, n) == ((named == tested.labels).double().mean().item(), 32)


def test_training_lowers_the_loss(diets: Diets) -> None:
    learner = diets.learner(STREAMS.child("init"))
    learner.model.train()
    optimiser = torch.optim.Adam(learner.model.parameters(), lr=2e-3)
    task, index = np.repeat([0, 1], 8), np.arange(16)
    losses = []
    for _ in range(6):
        loss, right = learner.loss(diets.batch(task, index))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(16), abs=0.5)
    assert losses[-1] < losses[0] - 0.5
    assert right.shape == (16,)


def test_its_weights_make_an_observer_of_other_studies(diets: Diets, tmp_path: Path) -> None:
    """The tensors that a run keeps are loaded by the documented factory: same answers, and stages for search."""
    learner = diets.learner(STREAMS.child("init"))
    learner.model.eval()
    state = {name: tensor.float().contiguous() for name, tensor in learner.model.state_dict().items()}
    save_file(state, tmp_path / "after.safetensors")
    settings = FactoryObserver(target=TARGET, checkpoints=str(tmp_path / "*.safetensors"), image_size=64)
    network = build_network(settings, "after", seed=5)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = learner.model(images)
    assert network.n_classes == 16
    assert_close(network.logits(images), expected, rtol=1e-4, atol=1e-4)
    levels = Backbone(network, n_levels=3)(images)
    inside = learner.model.network.forward_intermediates((images - 0.5) / 0.5, intermediates_only=True)
    for level, maps in zip(levels, inside[-3:], strict=True):
        assert_close(level.maps, maps, rtol=1e-3, atol=1e-3)


class Corners(nn.Module):
    """Sees only how much brighter a picture is on the left, and above."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.hidden, self.out = nn.Linear(2, 24), nn.Linear(24, 2)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1, 1, generator=generator)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        quarters = nn.functional.adaptive_avg_pool2d(images[:, 0], 2)
        sides = torch.stack([-quarters.sum(1).diff()[:, 0], -quarters.sum(2).diff()[:, 0]], dim=1)
        return self.out(torch.tanh(self.hidden(4 * sides)))


@pytest.fixture
def lamps(tmp_path: Path) -> Path:
    """Two categories by where a lamp is: upper left or upper right; upside down, lower right or lower left."""
    rng = np.random.default_rng(0)
    for category, column in (("left", 0), ("right", 16)):
        (tmp_path / category).mkdir()
        for number in range(24):
            picture = rng.integers(0, 60, (32, 32)).astype(np.uint8)
            picture[:16, column : column + 16] += np.uint8(150)
            Image.fromarray(picture).save(tmp_path / category / f"{number}.png")
    return tmp_path


def test_a_diet_is_forgotten_without_rehearsal_and_less_with_it(
    lamps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What says left on one diet says right on the other, but for the height of the lamp."""
    monkeypatch.setattr(rehearsed, "PIXELS", 32)
    observer = live.register(Corners(), image_size=32)
    config = RehearsalConfig(data=str(lamps), diet=("plain", "upside_down"), observer=observer)
    RAISED.check(config)
    diets = RAISED.build(config, n_tasks=2, streams=STREAMS)
    assert diets.sizes == (36, 36)  # three quarters of 24 of each category
    found = {}
    for rule in ("none", "uniform"):
        schedule = schedule_of(config, rule_of(rule, "introduced"), 0.5)
        plan = plan_phases(schedule, diets.sizes, n_new=800, batch=16, streams=STREAMS)
        found[rule] = train(diets, plan, loop=Loop(learning_rate=2e-2), streams=STREAMS)
    for result in found.values():
        assert np.diag(result.scores[1:]).min() > 0.9
        assert result.n.tolist() == [12, 12]
    assert found["none"].scores[-1, 0] < 0.5
    assert found["uniform"].scores[-1, 0] > 0.9


def test_contents_change_with_a_picture_and_with_nothing_else(
    lamps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RehearsalConfig(data=str(lamps), diet=("plain", "rotated"))

    def contents() -> dict[str, str]:
        rehearsed._listed.cache_clear()
        return dict(RAISED.contents(config))

    first = contents()
    assert contents() == first
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(lamps / "left" / "3.png")
    assert contents()["pictures"] != first["pictures"]


REFUSED = {
    "unknown diet": ({"diet": ("plain", "boiled")}, "diet must be among plain, rotated, upside_down, .*; got boiled"),
    "twice": ({"diet": ("plain", "plain")}, "diet must name each once; got plain, plain"),
    "more tasks than diets": ({"n_tasks": (9,)}, "n_tasks must be at most the diets, 4; got 9"),
    "two networks": (
        {"observer": TimmObserver(models=("test_resnet", "test_vit"), weights="random")},
        "observer must be one network; got test_resnet, test_vit",
    ),
    "other answers": (
        {},
        "observer must answer with the 16 categories of the pictures; got 2 classes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_raised_is_refused(case: str) -> None:
    update, sentence = REFUSED[case]
    if case == "other answers":
        update = {"observer": live.register(Corners(), image_size=32)}
    with pytest.raises(ConfigError, match=sentence):
        RAISED.check(CONFIG.model_copy(update=update))


def test_every_diet_is_a_phase_where_none_is_named() -> None:
    config = RehearsalConfig(scenario="diets")
    assert RAISED.defaults(config).n_tasks == len(DIETS)
    assert RAISED.relevant(config)["diet"] == tuple(DIETS)
