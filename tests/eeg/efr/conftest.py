"""Runs of the study without a store, each cell with nothing but the settings that are relevant to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.study import EfrStudy
from cogattn.study import Cell, Outcome, Results, Trials, streams_of


@lru_cache(maxsize=8)
def outcomes_of(config: EfrConfig) -> dict[Cell, Outcome]:
    """What every cell leaves."""
    study = EfrStudy()
    study.check(config)
    outcomes = {}
    for cell in study.cells(config):
        own = study.relevant(config, cell)
        outcomes[cell] = study.run_cell(own, cell, streams_of(own, cell))
    return outcomes


def trials_of(config: EfrConfig, *, without: str = "") -> Trials:
    """Trials of all cells, or of all but those of one listener."""
    remembered = config.recordings.kind.startswith("simulated")  # a path means another file in another test
    done = (outcomes_of if remembered else outcomes_of.__wrapped__)(config)
    return Trials.of(EfrStudy.tables, [done[cell] for cell in done if cell.observer != without])


@pytest.fixture(scope="session")
def run_efr() -> Callable[..., tuple[Results, Trials]]:
    """A function from settings to results and trials; ``without`` leaves a listener out, as if it had failed."""

    def run(config: EfrConfig, *, without: str = "") -> tuple[Results, Trials]:
        trials = trials_of(config, without=without)
        return EfrStudy().summarise(config, trials), trials

    return run


@pytest.fixture(scope="session")
def run_cell():
    """A function from settings, and the number of a cell, to that cell's outcome."""

    def run(config: EfrConfig, index: int = 0):
        study = EfrStudy()
        cell = study.cells(config)[index]
        own = study.relevant(config, cell)
        return study.run_cell(own, cell, streams_of(own, cell))

    return run


@pytest.fixture(scope="session")
def load():
    """A function from settings, and the number of a cell, to its recording."""
    from cogattn.eeg.efr import inputs

    def read(config: EfrConfig, index: int = 0):
        cell = EfrStudy().cells(config)[index]
        return inputs.load(EfrStudy().relevant(config, cell), cell.observer)

    return read
