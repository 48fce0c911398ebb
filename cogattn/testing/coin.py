"""The smallest study: coins are tossed. Fast, offline, with a known answer; for tests and as an example.

Each coin is an observer whose chance of heads is known, so that a test of the store, the command line or
the dashboard can say what must come out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from cogattn.config import Settings, StudyConfig
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.seeds import Streams
from cogattn.study import Cell, Cost, Results, Schema, Study, Trials

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

HEADS = Measure("heads", "share", "heads", scale="share")
HUMAN_HEADS = Estimate(0.508, 0.506, 0.509, 350_757)
"""Coins that landed on the side they started on (Bartos et al. 2023)."""


class FairCoins(Settings):
    """Coins that fall either way equally often."""

    kind: Literal["fair"] = "fair"
    n: int = Field(default=2, ge=1, le=20)
    """How many coins; each is one observer."""


class LoadedCoins(Settings):
    """Coins with a given chance of heads."""

    kind: Literal["loaded"] = "loaded"
    heads: tuple[float, ...] = Field(default=(0.2, 0.8), min_length=1)
    """Chance of heads of each coin; each is one observer."""


class CoinConfig(StudyConfig):
    """Settings of the coin study."""

    coins: Annotated[FairCoins | LoadedCoins, Field(discriminator="kind")] = FairCoins()
    """What is tossed."""
    n_cells: int = Field(default=4, ge=1, le=5000)
    """Cells for each coin."""
    tosses: int = Field(default=50, ge=1)
    """Tosses in a cell."""
    seconds_per_cell: float = Field(default=0.0, ge=0, le=600)
    """Pretend to be slow, so that there is time to watch or to interrupt."""

    @property
    def chances(self) -> tuple[float, ...]:
        """Chance of heads of each coin."""
        return self.coins.heads if isinstance(self.coins, LoadedCoins) else (0.5,) * self.coins.n


@dataclass(frozen=True, kw_only=True)
class CoinCell(Cell):
    """Tosses of one coin.

    Parameters
    ----------
    coin, part : int
        Numbers of the coin and of the part of its tosses.
    """

    coin: int
    part: int


class CoinStudy(Study[CoinConfig, CoinCell]):
    """How often do coins show heads?"""

    name: ClassVar[str] = "coin"
    version: ClassVar[int] = 2
    Config: type[CoinConfig] = CoinConfig
    reference: ClassVar[str] = (
        "@article{bartos2023fair, title={Fair coins tend to land on the same side they started}, "
        "author={Barto{\\v{s}}, Franti{\\v{s}}ek and others}, journal={arXiv:2310.04153}, year={2023}}"
    )
    tables: ClassVar[Mapping[str, Schema]] = {
        "tosses": {
            "trial": "int64",
            "observer": "str",
            "condition": "str",
            "response": "str",
            "correct": "bool",
        }
    }

    def observers(self, config: CoinConfig) -> Sequence[Observer]:
        """Return the coins."""
        return [Observer(f"coin {coin}") for coin in range(len(config.chances))]

    def cells(self, config: CoinConfig) -> Sequence[CoinCell]:
        """Return `n_cells` cells for each coin."""
        return [
            CoinCell(
                label=f"{observer.name}, part {part}",
                task="tosses",
                observer=observer.id,
                coin=coin,
                part=part,
            )
            for coin, observer in enumerate(self.observers(config))
            for part in range(config.n_cells)
        ]

    def relevant(self, config: CoinConfig, cell: CoinCell) -> CoinConfig:
        """Return the coin's own chance, the tosses and the seed: other coins and cells change nothing."""
        own = {"coins": LoadedCoins(heads=(config.chances[cell.coin],)), "n_cells": 4}
        return config.model_copy(update=own)

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        """Toss one coin `tosses` times."""
        import numpy as np
        import pandas as pd

        time.sleep(config.seconds_per_cell)
        (chance,) = config.chances
        heads = rng.generator("tosses").random(config.tosses) < chance
        return pd.DataFrame(
            {
                "trial": np.arange(config.tosses) + config.tosses * cell.part,
                "observer": cell.observer,
                "condition": "toss",
                "response": np.where(heads, "heads", "tails"),
                "correct": heads,
            }
        )

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        """Return the share of heads of each coin with Wilson's 95 % interval."""
        from cogattn.statistics.stats import wilson_interval

        rows = []
        counts = trials.counts("tosses", by=["observer"], totals=["correct"]).set_index("observer")
        for observer in self.observers(config):
            if observer.id in counts.index:
                n, n_heads = int(counts.loc[observer.id, "n"]), int(counts.loc[observer.id, "correct"])
                lo, hi = wilson_interval(n_heads, n)
                rows.append(Row(observer, HEADS, Estimate(n_heads / n, float(lo), float(hi), n), HUMAN_HEADS))
        summary = summary_table(rows)
        return Results(
            summary,
            figures={"heads": lambda: _figure(summary)},
            remarks=("People: same side up. Group means only.",),
        )

    def demo(self) -> CoinConfig:
        """Return the defaults."""
        return CoinConfig()

    def cost(self, config: CoinConfig, cell: CoinCell) -> Cost:
        """Return next to nothing."""
        return Cost(cpu_s=0.002 + 1e-7 * config.tosses, memory_mb=150)


def _figure(summary: pd.DataFrame) -> Figure:
    from cogattn.figures import summary_figure

    return summary_figure(summary)
