"""The study played in memory, and cue-conflict images whose two answers are known by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.study import NamingStudy
from cogattn.study import Outcome, Results, Trials, streams_of
from cogattn.vision.images.categories import CATEGORIES

SIDE, BLOCK = 64, 16
CUES = [(0, 1), (0, 2), (1, 0), (1, 3), (2, 0), (2, 1), (3, 4), (3, 5)]
"""Shape and texture of the cue-conflict images; blue, which sways one network, is on the last three."""


@dataclass(frozen=True)
class Played:
    """All trials of a run by table, and what it says about them."""

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
def play() -> Callable[[NamingConfig], Played]:
    """Check a run, run every cell with the settings that concern it, and sum it up."""

    def played(config: NamingConfig) -> Played:
        study = NamingStudy()
        study.check(config)
        outcomes = []
        for cell in study.cells(config):
            relevant = study.relevant(config, cell)
            outcomes.append(Outcome({cell.task: study.run_cell(relevant, cell, streams_of(relevant, cell))}))
        trials = Trials.of(study.tables, outcomes)
        return Played(trials, study.summarise(config, trials))

    return played


@pytest.fixture
def cues(tmp_path: Path) -> Path:
    """Eight images: a red block where the shape says, a green one where the texture says."""
    folder = tmp_path / "cues"
    for number, (shape, texture) in enumerate(CUES):
        picture = np.full((SIDE, SIDE, 3), 20, dtype=np.uint8)
        for channel, category in ((0, shape), (1, texture)):
            row, column = divmod(category, 4)
            picture[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK, channel] = 200
        picture[..., 2] = 255 * (number >= 5)
        one, other = CATEGORIES[shape], CATEGORIES[texture]
        (folder / one).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / one / f"{one}{number}-{other}{number}.png")
    return folder
