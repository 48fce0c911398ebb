"""A study for tests of the card: coins named as networks, with people one by one, run in no time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from cogattn.measures import Estimate, Measure, Row, people_table, summary_table
from cogattn.observers.observer import Observer
from cogattn.study import Results, Trials
from cogattn.testing.coin import CoinConfig, CoinStudy, LoadedCoins

if TYPE_CHECKING:
    import pandas as pd

CHANCES = {"tf_efficientnet_lite0": 0.5, "tf_efficientnet_lite1": 0.9}
HEADS = Measure("heads", "share", "heads", scale="share")
RATIO = Measure("odds", "heads per tail", "odds of heads", scale="log")
LEANING = Measure("leaning", "percent", "leaning")
PEOPLE = {f"S{i:02d}": 0.5 + 0.03 * np.sin(2.4 * i) for i in range(1, 15)}


class CardedConfig(CoinConfig):
    """Settings of the coin that is called like a network."""

    model: str = "tf_efficientnet_lite0"
    """Which."""


class CardedCoin(CoinStudy):
    """A coin that stands on a card."""

    Config: type[CardedConfig] = CardedConfig  # ty: ignore[invalid-assignment]
    on_card: ClassVar[Sequence[str]] = ("heads", "odds", "leaning")

    def observers(self, config: CoinConfig) -> Sequence[Observer]:
        """Return the one coin."""
        return [Observer(config.model)]  # ty: ignore[unresolved-attribute]

    def carded(self, model: str) -> CardedConfig | None:
        """Return many tosses of a known coin."""
        if model not in CHANCES:
            return None
        return CardedConfig(model=model, coins=LoadedCoins(heads=(CHANCES[model],)), tosses=500, n_cells=2)

    def persons(self) -> pd.DataFrame:
        """Return 14 people who toss nearly fair coins; nobody is known by the leaning."""
        shares = [(person, HEADS, share, 0.01, 1000) for person, share in PEOPLE.items()]
        odds = [(person, RATIO, share / (1 - share), 0.04, 1000) for person, share in PEOPLE.items()]
        return people_table([*shares, *odds])

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        """Return three measures of the same tosses."""
        own = super().summarise(config, trials).summary.iloc[0]
        (observer,) = self.observers(config)
        values = [float(own[name]) for name in ("estimate", "lo", "hi")]
        n = int(own["n"])
        people = np.array(list(PEOPLE.values()))
        mean = Estimate(
            float(people.mean()), float(people.mean() - 0.01), float(people.mean() + 0.01), len(people)
        )
        odds = [value / (1 - value) for value in values]
        rows = [
            Row(observer, HEADS, Estimate(*values, n), mean),
            Row(observer, RATIO, Estimate(*odds, n), note="odds of the same tosses <b>& more</b>"),
            Row(
                observer,
                LEANING,
                Estimate(*(100 * value - 50 for value in values), n),
                Estimate.bare(0.8, 14),
            ),
        ]
        return Results(summary_table(rows), remarks=("Coins have no eyes: *nothing* is seen.",))
