"""A coin study whose cells can be told to fail; workers import it by name."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd

from cogattn.seeds import Streams
from cogattn.study import Cell
from cogattn.testing.coin import CoinConfig, CoinStudy

TARGET = "faulty_study:FaultyStudy"


class FaultyConfig(CoinConfig):
    """Which cells fail and how; numbers count through the plan."""

    raising: tuple[int, ...] = ()
    """Raise ValueError."""
    exiting: tuple[int, ...] = ()
    """Call sys.exit."""
    poison: tuple[int, ...] = ()
    """Kill the process, every time."""
    fatal_once: tuple[int, ...] = ()
    """Kill the process the first time; `marks` remembers."""
    marks: Path = Path(".")
    """Folder where each start of a cell leaves a file."""


class FaultyStudy(CoinStudy):
    """Coins that break."""

    name: ClassVar[str] = "faulty"
    Config: type[FaultyConfig] = FaultyConfig

    def cells(self, config: FaultyConfig) -> Sequence[Cell]:
        return super().cells(config)

    def run_cell(self, config: FaultyConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        number = self.cells(config).index(cell)
        starts = len(list(config.marks.glob(f"{number}-*")))
        (config.marks / f"{number}-{starts}").touch()
        if number in config.poison or (number in config.fatal_once and starts == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if number in config.raising:
            raise ValueError(f"cell {number} is broken")
        if number in config.exiting:
            raise SystemExit(3)
        return super().run_cell(config, cell, rng)
