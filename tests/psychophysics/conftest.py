"""Studies played in memory, pictures whose category is known by construction, and networks that read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cogattn.config import StudyConfig
from cogattn.registry import load_study, study_entry_points
from cogattn.study import Outcome, Results, Trials, streams_of
from cogattn.vision.images.categories import CATEGORIES

SIDE, GRID = 64, 4
BLOCK = SIDE // GRID
GREY = 100
"""Code value of the ground."""

NETWORKS = '''
import torch
from torch import nn
from cogattn.vision.images.categories import CATEGORIES, INDICES


class Blocks(nn.Module):
    """Category k is where the k-th of 4 x 4 blocks is brightest; one channel, or the mean of all, is looked at."""

    def __init__(self, channel=None, gain=20.0):
        super().__init__()
        self.channel, self.gain = channel, gain

    def forward(self, images):
        seen = images.mean(1) if self.channel is None else images[:, self.channel]
        return self.gain * nn.functional.avg_pool2d(seen[:, None], seen.shape[-1] // 4).flatten(1)


class Classes(nn.Module):
    """The same answers, given by the 1000 classes of ImageNet."""

    def forward(self, images):
        blocks = Blocks(gain=200.0)(images)
        scores = blocks.new_full((len(images), 1000), -50.0)
        for k, name in enumerate(CATEGORIES):
            scores[:, list(INDICES[name])] = blocks[:, k, None]
        return scores


class Torn(nn.Module):
    """Whatever it sees, .2 on one class of birds, .1 on the airplane, .5 spread over the dogs, the rest outside."""

    def forward(self, images):
        p = torch.full((1000,), 1e-9)
        p[INDICES["bird"][0]], p[INDICES["airplane"][0]] = 0.2, 0.1
        p[list(INDICES["dog"])] = 0.5 / len(INDICES["dog"])
        p[999 if not any(999 in found for found in INDICES.values()) else 0] = 0.2
        return (p.log() + 0 * images.mean((1, 2, 3), keepdim=False)[:, None]).expand(len(images), -1)


class EitherCue(nn.Module):
    """Answers with the shape (red) where the corner of the image has no blue, else with the texture (green)."""

    def forward(self, images):
        red, green = Blocks(0)(images), Blocks(1)(images)
        return torch.where(images[:, 2, :1, 0] > 0.5, green, red)


def blocks():
    return Blocks()


def classes():
    return Classes()


def torn():
    return Torn()


def by_shape():
    return Blocks(0)


def by_texture():
    return Blocks(1)


def either_cue():
    return EitherCue()
'''


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, object]]:
    """Settings of a network of `NETWORKS` by the name of its factory; the module lies in a folder of the test's own."""
    name = f"networks_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(NETWORKS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda factory: {"kind": "factory", "target": f"{name}:{factory}", "image_size": SIDE}


def lit(category: int, *, by: int) -> np.ndarray:
    """A grey picture, (64, 64) uint8, with the block of its category brighter by `by` code values."""
    picture = np.full((SIDE, SIDE), GREY, dtype=np.uint8)
    row, column = divmod(category, GRID)
    picture[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK] += by
    return picture


def save_blocks(folder: Path, brighter: list[list[int]]) -> Path:
    """Write pictures of the 16 categories into folders, a row of the list a set; the numbers say how much is lit."""
    for number, row in enumerate(brighter):
        for category, (name, by) in enumerate(zip(CATEGORIES, row, strict=True)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(lit(category, by=by)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def draw_blocks() -> Callable[[Path, list[list[int]]], Path]:
    """Write pictures whose category is the place of their bright block; see `save_blocks`."""
    return save_blocks


@pytest.fixture
def blocks(tmp_path: Path) -> Path:
    """Sixteen pictures, one a category, with a block brighter than the ground."""
    return save_blocks(tmp_path / "blocks", [[60] * 16])


@dataclass(frozen=True)
class Played:
    """All trials of a run by table, and what its study says about them."""

    trials: Trials
    results: Results

    def row(self, measure: str, observer: str | None = None) -> pd.Series:
        """The one row of a measure by its key."""
        summary = self.results.summary
        chosen = summary[summary["measure"] == measure]
        chosen = chosen if observer is None else chosen[chosen["observer"] == observer]
        assert len(chosen) == 1, (measure, list(summary["measure"]))
        return chosen.iloc[0]


@pytest.fixture(scope="session")
def play() -> Callable[[StudyConfig], Played]:
    """Check a run of the study whose settings these are, run every cell in memory, and sum it up."""

    def played(config: StudyConfig) -> Played:
        (study,) = (one for one in map(load_study, study_entry_points()) if one.Config is type(config))
        study.check(config)
        outcomes = []
        for cell in study.cells(config):
            relevant = study.relevant(config, cell)
            found = study.run_cell(relevant, cell, streams_of(relevant, cell))
            outcomes.append(found if isinstance(found, Outcome) else Outcome({cell.task: found}))
        trials = Trials.of(study.tables, outcomes)
        return Played(trials, study.summarise(config, trials))

    return played
