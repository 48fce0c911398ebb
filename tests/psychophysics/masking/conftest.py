"""A study played in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pytest

from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.seeds import Streams
from cogattn.study import Outcome, Results, Trials


@dataclass(frozen=True)
class Played:
    """All trials of a study by table, and what it says about them."""

    trials: Trials
    results: Results

    def row(self, measure: str, observer: str | None = None) -> pd.Series:
        """The one row of a measure by its key."""
        summary = self.results.summary
        chosen = summary[summary["measure"] == measure]
        chosen = chosen if observer is None else chosen[chosen["observer"] == observer]
        assert len(chosen) == 1, (measure, list(summary["measure"]))
        return chosen.iloc[0]


def run_in_memory(config: MaskingConfig) -> list[Outcome]:
    """Check a study, run every cell with the settings that concern it, keep what the cells leave."""
    study = MaskingStudy()
    study.check(config)
    outcomes = []
    for cell in study.cells(config):
        found = study.run_cell(study.relevant(config, cell), cell, Streams(config.seed).child(cell.key))
        outcomes.append(found if isinstance(found, Outcome) else Outcome({cell.task: found}))
    return outcomes


@pytest.fixture(scope="session")
def play() -> Callable[[MaskingConfig], Played]:
    """Run a study in memory and sum it up."""

    def played(config: MaskingConfig) -> Played:
        trials = Trials.of(MaskingStudy.tables, run_in_memory(config))
        return Played(trials, MaskingStudy().summarise(config, trials))

    return played
