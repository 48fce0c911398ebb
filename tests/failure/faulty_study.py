"""A coin study whose cells can be told to fail; workers import it by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import pandas as pd

from cogattn.seeds import Streams
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy

TARGET = "faulty_study:FaultyStudy"


class FaultyConfig(CoinConfig):
    """Which cells fail and how; numbers are parts of each coin."""

    raising: tuple[int, ...] = ()
    """Raise ValueError."""
    exiting: tuple[int, ...] = ()
    """Call sys.exit."""
    stopping: tuple[int, ...] = ()
    """Raise an exception that is no Exception."""
    hanging: tuple[int, ...] = ()
    """Sleep for ten minutes."""
    greedy: tuple[int, ...] = ()
    """Ask for four gigabytes."""
    empty: tuple[int, ...] = ()
    """Return a table without columns."""
    poison: tuple[int, ...] = ()
    """Kill the process, every time."""
    fatal_once: tuple[int, ...] = ()
    """Kill the process the first time; `marks` remembers."""
    only_coin: int = -1
    """Only this coin's cells fail; -1: all."""
    marks: Path = Path(".")
    """Folder where each start of a cell leaves a file."""


class FaultyStudy(CoinStudy):
    """Coins that break."""

    name: ClassVar[str] = "faulty"
    Config: type[FaultyConfig] = FaultyConfig

    def run_cell(self, config: FaultyConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        number = cell.part
        starts = len(list(config.marks.glob(f"{number}-*")))
        (config.marks / f"{number}-{starts}").touch()
        if config.only_coin in (-1, cell.coin):
            _fail(config, number, starts)
        if number in config.empty:
            return pd.DataFrame()
        return super().run_cell(config, cell, rng)


def _fail(config: FaultyConfig, number: int, starts: int) -> None:
    if number in config.poison or (number in config.fatal_once and starts == 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if number in config.raising:
        raise ValueError(f"cell {number} is broken")
    if number in config.exiting:
        raise SystemExit(3)
    if number in config.stopping:
        raise GeneratorExit
    if number in config.hanging:
        time.sleep(600)
    if number in config.greedy:
        bytearray(4 * 10**9)
