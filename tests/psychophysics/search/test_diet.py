from __future__ import annotations

import dataclasses
import importlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.testing import assert_close

from cogattn.observers.config import FactoryObserver
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import trials
from cogattn.psychophysics.search.config import FoveaSettings, MatchingSettings, SearchConfig
from cogattn.psychophysics.search.diet import DIETS, fish_eyed, lined
from cogattn.psychophysics.search.displays.display import draw, make_display
from cogattn.psychophysics.search.displays.items import ShadedDisc
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.searching import Places


@pytest.mark.parametrize("name", DIETS)
def test_a_diet_keeps_size_and_range_and_repeats_with_its_generator(name: str) -> None:
    images = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    a, b = (DIETS[name](images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert a.shape == images.shape
    assert a.min() >= 0
    assert a.max() <= 1
    assert_close(a, b)
    assert (name == "plain") == bool((a == images).all())


def test_light_from_above_comes_from_the_left_on_a_rotated_diet_and_from_below_upside_down() -> None:
    image = torch.linspace(1, 0, 16).view(1, 1, 16, 1).expand(1, 3, 16, 16)
    chance = torch.Generator()
    rotated = DIETS["rotated"](image, chance)
    assert rotated[..., :8].mean() > rotated[..., 8:].mean()
    assert_close(rotated[..., :8, :].mean(), rotated[..., 8:, :].mean())
    turned = DIETS["upside_down"](image, chance)
    assert turned[..., :8, :].mean() < turned[..., 8:, :].mean()


def test_a_fish_eye_bends_lines_off_the_middle_and_leaves_those_through_it() -> None:
    image = torch.zeros(1, 1, 101, 101)
    image[..., 50] = 1
    image[..., 20] = 1
    bent = fish_eyed(image, torch.Generator(), strength=0.5)
    through, beside = bent[0, 0, :, 45:56].argmax(1), bent[0, 0, :, :40].argmax(1)
    assert (through == 5).all()
    assert beside[50] < beside[5]
    assert_close(fish_eyed(image, torch.Generator(), strength=0.0), image, atol=1e-4, rtol=0)


def test_lines_cover_about_their_width_times_their_number() -> None:
    images = torch.full((40, 1, 100, 100), 2.0)
    touched = (lined(images, torch.Generator().manual_seed(0), n_lines=1, width=0.04) != 2).float().mean()
    assert 0.02 < touched < 0.05


class TwoStages(nn.Module):
    """A network small enough to be raised in a second; its averages turn with the image, as its kernels do."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.AvgPool2d(2))
        self.second = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        self.head = nn.Linear(12, 2)
        self.feature_info = [{"reduction": 2}, {"reduction": 4}]

    def forward_intermediates(self, x, indices, intermediates_only) -> list[torch.Tensor]:
        first = self.first(x)
        return [[first, self.second(first)][index] for index in indices]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))


def turned(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: w.rot90(1, (2, 3)) if w.ndim == 4 else w.clone() for name, w in state.items()}


def raised_on(diet: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tell discs lit from above from those lit from below, all images altered by a diet."""
    network, chance = TwoStages().double(), torch.Generator().manual_seed(0)
    network.load_state_dict(state)
    discs = [
        draw(
            (ShadedDisc(1.0, angle, box_deg=1.04, step_deg=1 / 15),),
            np.zeros((1, 2)),
            background=27 / 255,
            side_deg=2,
            pixels_per_degree=14,
        )
        for angle in (0, 180)
    ]
    images = torch.from_numpy(np.stack(discs * 8)).double()[:, None].expand(-1, 3, -1, -1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(120):
        loss = functional.cross_entropy(network(DIETS[diet](images, chance)), torch.tensor([0, 1] * 8))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2
    return network.float().state_dict()


def test_a_network_raised_on_turned_images_searches_turned_displays_as_its_twin_does_upright_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learning and search turn with the images, so the asymmetry of light from above becomes one of the left."""
    torch.manual_seed(0)
    newborn = TwoStages().state_dict()
    upright, lying = raised_on("plain", newborn), raised_on("rotated", turned(newborn))
    for name, weight in turned(upright).items():
        assert_close(lying[name], weight, rtol=1e-4, atol=1e-5)
    (tmp_path / "diet_networks.py").write_text(FACTORIES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name, state in (("upright", upright), ("lying", lying)):
        torch.save(state, tmp_path / f"{name}.pth")
    module = importlib.import_module("diet_networks")
    monkeypatch.setattr(module, "TwoStages", TwoStages, raising=False)

    task, top_lit = find_condition("top_lit")
    _, side_lit = find_condition("side_lit")
    above = make_display(task, top_lit, 6, rng=np.random.default_rng(0), pixels_per_degree=14)
    left = dataclasses.replace(
        above,
        condition=side_lit,
        picture=np.ascontiguousarray(np.rot90(above.image)),
        centers_deg=above.centers_deg @ np.array([[0.0, -1.0], [1.0, 0.0]]),
    )
    places = Places.of(above, pitch_deg=0.3)
    side = math.isqrt(len(places.points_deg))
    seen = {}
    for raised, display in (("upright", above), ("lying", left), ("upright", left)):
        config = SearchConfig(
            observer=FactoryObserver(target=f"diet_networks:{raised}", image_size=32),
            matching=MatchingSettings(n_levels=2),
            fovea=FoveaSettings(preset="v1"),
        )
        searcher = trials.build_searcher(config, Observer(*config.observer.target))
        view = searcher.begin(display, places, np.random.default_rng(0))
        seen[raised, display is above] = view.evidence(np.zeros((1, 2))).reshape(side, side)
    expected = np.rot90(seen["upright", True])
    twin, itself = (np.abs(seen[name, False] - expected).max() for name in ("lying", "upright"))
    assert twin < 0.5 * itself


FACTORIES = """
from pathlib import Path

import torch

HERE = Path(__file__).parent


def _raised(name):
    network = TwoStages()
    network.load_state_dict(torch.load(HERE / f"{name}.pth", weights_only=True))
    return network


def upright():
    return _raised("upright")


def lying():
    return _raised("lying")
"""
