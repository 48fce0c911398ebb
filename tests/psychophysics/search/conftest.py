"""A network of one's own that is small enough to search in milliseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from cogattn.observers.config import FactoryObserver

SOURCE = '''
import torch
from torch import nn


class TwoStages(nn.Module):
    """Shows features at strides 2 and 4, as timm's networks do."""

    def __init__(self, width=6):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, width, 5, padding=2), nn.BatchNorm2d(width), nn.ReLU(), nn.AvgPool2d(2))
        self.second = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        self.head = nn.Linear(2 * width, 3)
        self.feature_info = [{"reduction": 2, "module": "first"}, {"reduction": 4, "module": "second"}]

    def forward_intermediates(self, x, indices, intermediates_only):
        first = self.first(x)
        features = [first, self.second(first)]
        return [features[index] for index in indices]

    def forward(self, x):
        return self.head(self.second(self.first(x)).mean((2, 3)))


class Fixed(TwoStages):
    """Sees through averages only: nothing in it could be drawn anew."""

    def __init__(self):
        super().__init__()
        self.first = self.second = nn.AvgPool2d(2)
        self.head = nn.Identity()

    def forward(self, x):
        return self.second(self.first(x)).mean((2, 3))


class Mute(TwoStages):
    def forward_intermediates(self, x, indices, intermediates_only):
        raise RuntimeError("no features today")


class Blank(TwoStages):
    def forward_intermediates(self, x, indices, intermediates_only):
        return [level * float("nan") for level in super().forward_intermediates(x, indices, intermediates_only)]


def build(width=6):
    torch.manual_seed(5)
    return TwoStages(width)


def plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
'''


@pytest.fixture
def own_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module with factories: ``build``, and ``Fixed``, ``Mute``, ``Blank``, ``plain`` that are refused."""
    (tmp_path / "own_search_networks.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "own_search_networks"


@pytest.fixture
def own_network(own_networks: str) -> FactoryObserver:
    """Settings of a small network of one's own."""
    return FactoryObserver(target=(f"{own_networks}:build",), image_size=32)
