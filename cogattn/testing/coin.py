"""The smallest study: coins are tossed. Fast, offline, with a known answer; for tests and as an example.

Each coin is an observer whose chance of heads is known, so that a test of the store, the command line or
the dashboard can say what must come out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from cogattn.config import Settings, StudyConfig
from cogattn.seeds import Streams
from cogattn.study import SUMMARY_COLUMNS, Cell, Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

HUMAN_HEADS, HUMAN_LO, HUMAN_HI, HUMAN_N = 0.508, 0.506, 0.509, 350_757


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


class CoinStudy:
    """How often do coins show heads?"""

    name: ClassVar[str] = "coin"
    version: ClassVar[int] = 1
    Config: type[CoinConfig] = CoinConfig
    reference: ClassVar[str] = (
        "@article{bartos2023fair, title={Fair coins tend to land on the same side they started}, "
        "author={Barto{\\v{s}}, Franti{\\v{s}}ek and others}, journal={arXiv:2310.04153}, year={2023}}"
    )

    def cells(self, config: CoinConfig) -> Sequence[Cell]:
        """Return `n_cells` cells for each coin."""
        return [
            Cell.of(f"coin {coin}, part {part}", coin=coin, part=part)
            for coin in range(len(config.chances))
            for part in range(config.n_cells)
        ]

    def run_cell(self, config: CoinConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Toss one coin `tosses` times."""
        import numpy as np
        import pandas as pd

        time.sleep(config.seconds_per_cell)
        coin = int(cell["coin"])
        heads = rng.generator("tosses").random(config.tosses) < config.chances[coin]
        return pd.DataFrame(
            {
                "trial": np.arange(config.tosses) + config.tosses * int(cell["part"]),
                "observer": f"coin {coin}",
                "condition": "toss",
                "response": np.where(heads, "heads", "tails"),
                "correct": heads,
            }
        )

    def summarise(self, config: CoinConfig, trials: pd.DataFrame) -> Results:
        """Return the share of heads of each coin with Wilson's 95 % interval."""
        import pandas as pd

        from cogattn.statistics.stats import wilson_interval

        rows = []
        for observer, group in trials.groupby("observer", sort=False):
            n_heads, n = int(group["correct"].sum()), len(group)
            lo, hi = wilson_interval(n_heads, n)
            ours = (observer, "heads", "share", n_heads / n, float(lo), float(hi), n)
            rows.append((*ours, HUMAN_HEADS, HUMAN_LO, HUMAN_HI, HUMAN_N, ""))
        summary = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
        return Results(
            summary, figures={"heads": lambda: _figure(summary)}, remarks=("people: same side up",)
        )

    def inputs(self, config: CoinConfig) -> Mapping[str, str]:
        """Return nothing: no data are read."""
        return {}

    def demo(self) -> CoinConfig:
        """Return the defaults."""
        return CoinConfig()


def _figure(summary: pd.DataFrame) -> Figure:
    from cogattn.figures import summary_figure

    return summary_figure(summary)
