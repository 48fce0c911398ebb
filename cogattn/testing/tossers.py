"""A study with persons and a known answer: coins among people who toss, so that a card can be tested.

Persons differ in how often they toss heads; where a coin lies among them follows from its share alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from cogattn.measures import people_table
from cogattn.study import Results, Trials
from cogattn.testing.coin import HEADS, CoinConfig, CoinStudy, LoadedCoins

if TYPE_CHECKING:
    import pandas as pd

COINS = {"coin-fair": 0.5, "coin-loaded": 0.95}
"""Chance of heads of the coins that a card knows, by name."""
FEW, MANY = 6, 40
"""Persons of `TossersStudy` and of `CrowdStudy`."""


class CardedCoins(CoinStudy):
    """Coins that a card knows; of people only the mean is known."""

    name: ClassVar[str] = "coin"
    on_card: ClassVar[Sequence[str]] = (HEADS.key,)

    def carded(self, model: str) -> CoinConfig | None:
        """Return four cells of fifty tosses of a coin of `COINS`."""
        return CoinConfig(coins=LoadedCoins(heads=(COINS[model],))) if model in COINS else None


class TossersStudy(CardedCoins):
    """The same coins beside six persons."""

    name: ClassVar[str] = "tossers"
    n_persons: ClassVar[int] = FEW

    def persons(self) -> pd.DataFrame:
        """Return persons whose shares of heads are spread evenly about one half."""
        n = self.n_persons
        shares = [0.5 + 0.1 * ((2 * i + 1) / n - 1) for i in range(n)]
        return people_table((f"tosser {i}", HEADS, share, 0.01, 200) for i, share in enumerate(shares))

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        """Return the share of heads of each coin, and the persons."""
        found = super().summarise(config, trials)
        return Results(found.summary, people=self.persons())


class CrowdStudy(TossersStudy):
    """The same beside forty persons, who are enough to call a coin one of them."""

    name: ClassVar[str] = "crowd"
    n_persons: ClassVar[int] = MANY


class DreamtStudy(TossersStudy):
    """The same, but the persons are simulated."""

    name: ClassVar[str] = "dreamt"

    def simulated(self, config: CoinConfig) -> bool:
        """Return True."""
        return True
