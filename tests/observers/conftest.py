"""A lab of one's own: a module in the current folder whose factories the tests call."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cogattn.observers.content import forget

LAB = '''
"""Models of the lab."""

import torch
from torch import nn

SCALE = 1.0

class Scores(nn.Module):
    def __init__(self, width=1, activation=None):
        super().__init__()
        self.layer = nn.Linear(3, 4 * width)
        self.norm = nn.BatchNorm1d(4 * width)
        self.activation = activation or nn.ReLU()
        self.gain = nn.Parameter(torch.full((4 * width,), 3.0))

    def forward(self, images):
        return self.activation(self.norm(self.layer(SCALE * images.mean(dim=(2, 3))))) * self.gain

def build(width=1):
    return Scores(width)

def reach():
    return Scores(1)

def unrelated():
    return 1

def loaded():
    module = Scores()
    module.load_state_dict(torch.load("ck.pt", weights_only=True))
    return module
'''


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write ``lab.py`` into the current folder, edited as asked; Python reads it anew each time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # an edit within a second would not be seen

    def write(*edits: tuple[str, str]) -> Path:
        text = LAB
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "lab.py"
        file.write_text(text)
        sys.modules.pop("lab", None)
        importlib.invalidate_caches()
        forget()
        return file

    write()
    yield write
    sys.modules.pop("lab", None)
    forget()
