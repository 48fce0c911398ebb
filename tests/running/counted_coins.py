"""A coin study that notes which cells it computes, in which thread; some fail."""

from __future__ import annotations

import threading
import time
from typing import ClassVar

import pandas as pd

from cogattn.seeds import Streams
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy

COUNTED = f"{__name__}:CountedCoins"


class CountedCoins(CoinStudy):
    """Coins that are counted."""

    name: ClassVar[str] = "counted"
    seen: ClassVar[list[tuple[str, int]]] = []
    failing: ClassVar[set[int]] = set()

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        self.seen.append((cell.label, threading.get_ident()))
        time.sleep(config.seconds_per_cell)
        if cell.part in self.failing:
            raise ValueError("broken")
        return super().run_cell(config.model_copy(update={"seconds_per_cell": 0}), cell, rng)
