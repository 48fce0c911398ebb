"""The public checks pass a good study and name what is wrong with each bad one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import pandas as pd
import pytest
from pydantic import ConfigDict, Field

from cogattn.config import Settings, StudyConfig
from cogattn.registry import load_study, study_entry_points
from cogattn.seeds import Streams
from cogattn.study import Cell, Results
from cogattn.testing.coin import CoinConfig, CoinStudy
from cogattn.testing.conformance import QUICK_CHECKS, Check, check_study


def test_the_example_study_conforms() -> None:
    check_study(CoinStudy())


@pytest.mark.parametrize("check", QUICK_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", study_entry_points())
def test_registered_studies_pass_the_checks_that_run_no_cell(name: str, check: Check) -> None:
    check(load_study(name))


class BadName(CoinStudy):
    """Coins."""

    name: ClassVar[str] = "Bad Name"


class NoReference(CoinStudy):
    """Coins."""

    reference: ClassVar[str] = "Bartos 2023"


class _Thawed(CoinConfig):
    model_config = ConfigDict(frozen=False)


class ThawedSettings(CoinStudy):
    """Coins."""

    Config: type[CoinConfig] = _Thawed


class _Undescribed(CoinConfig):
    colour: str = "red"


class UndescribedSetting(CoinStudy):
    """Coins."""

    Config: type[CoinConfig] = _Undescribed


class _Clashing(CoinConfig):
    workers: int = 1
    """Clashes with the flag."""


class ClashingSetting(CoinStudy):
    """Coins."""

    Config: type[CoinConfig] = _Clashing


class _Odd(Settings):
    depth: int = 1
    """Depth."""


class _OddDefault(CoinConfig):
    odd: _Odd = _Odd(depth=2)
    """A group whose default is another than its class's."""


class OddDefault(CoinStudy):
    """Coins."""

    Config: type[CoinConfig] = _OddDefault


class _Lossy(StudyConfig):
    names: frozenset[Literal["a", "b", "c"]] | None = Field(default=None)
    """Given in the demo."""
    size: float | None = 1.0
    """None is lost in TOML, where the default comes back."""


class LossySettings(CoinStudy):
    """Coins."""

    Config: Any = _Lossy

    def demo(self) -> _Lossy:
        return _Lossy(size=None)


class MovingPlan(CoinStudy):
    """Coins."""

    n = 0

    def cells(self, config: CoinConfig) -> Sequence[Cell]:
        MovingPlan.n += 1
        return [Cell.of("a", number=MovingPlan.n, coin=0, part=0)]


class ImpureCells(CoinStudy):
    """Coins."""

    n = 0

    def run_cell(self, config: CoinConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        ImpureCells.n += 1
        return super().run_cell(config, cell, rng).assign(n=ImpureCells.n)


class NoObserver(CoinStudy):
    """Coins."""

    def run_cell(self, config: CoinConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
        return super().run_cell(config, cell, rng).drop(columns="observer")


class EstimateOutside(CoinStudy):
    """Coins."""

    def summarise(self, config: CoinConfig, trials: pd.DataFrame) -> Results:
        results = super().summarise(config, trials)
        return replace(results, summary=results.summary.assign(lo=0.9, hi=1.0))


class NoCount(CoinStudy):
    """Coins."""

    def summarise(self, config: CoinConfig, trials: pd.DataFrame) -> Results:
        results = super().summarise(config, trials)
        return replace(results, summary=results.summary.assign(n=0))


class BadFingerprint(CoinStudy):
    """Coins."""

    def inputs(self, config: CoinConfig) -> dict[str, str]:
        return {"images": "v1"}


@pytest.mark.parametrize(
    ("study", "check"),
    [
        (BadName, "check_identity"),
        (NoReference, "check_identity"),
        (ThawedSettings, "check_settings: Config must be frozen"),
        (UndescribedSetting, "check_settings: Config.colour must have a docstring"),
        (ClashingSetting, "check_settings: settings must not be called workers"),
        (OddDefault, "check_settings: Config.odd must default to its class's defaults"),
        (LossySettings, "check_round_trip: settings must survive TOML"),
        (MovingPlan, "check_plan: cells must be the same each time"),
        (ImpureCells, "check_cells_are_pure"),
        (NoObserver, "check_trials: trials must have the column observer"),
        (EstimateOutside, "check_summary: coin 0, heads: the interval must hold the estimate"),
        (NoCount, "check_summary: coin 0, heads: n must be a count"),
        (BadFingerprint, "check_inputs: images must be a SHA-256"),
    ],
)
def test_each_fault_is_found_by_its_check(
    study: type[CoinStudy], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogattn.testing.conformance.check_imports_no_torch", lambda _: None)
    with pytest.raises(AssertionError) as failed:
        check_study(study())
    assert str(failed.value).startswith(check)
