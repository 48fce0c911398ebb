"""The public checks pass a good study and name what is wrong with each bad one."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest
from pydantic import ConfigDict, Field

from cogattn.config import Settings, StudyConfig
from cogattn.exhibits import Exhibit, Picture, Shown
from cogattn.registry import load_study, study_entry_points
from cogattn.seeds import Streams
from cogattn.study import Results, Trials
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy
from cogattn.testing.conformance import CHECKS, QUICK_CHECKS, Check, check_every_setting, check_study
from cogattn.testing.variations import variations


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

    def cells(self, config: CoinConfig) -> Sequence[CoinCell]:
        MovingPlan.n += 1
        return [CoinCell(label="a", task="tosses", observer="coin 0", coin=0, part=MovingPlan.n)]


class ForeignObserver(CoinStudy):
    """Coins."""

    def cells(self, config: CoinConfig) -> Sequence[CoinCell]:
        return [CoinCell(label="a", task="tosses", observer="coin 9", coin=0, part=0)]


class ImpureCells(CoinStudy):
    """Coins."""

    n = 0

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        ImpureCells.n += 1
        return super().run_cell(config, cell, rng).assign(trial=ImpureCells.n)


class NoObserver(CoinStudy):
    """Coins."""

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        return super().run_cell(config, cell, rng).drop(columns="observer")


class Printing(CoinStudy):
    """Coins."""

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        sys.stdout.write("tossing")
        return super().run_cell(config, cell, rng)


class NoSeed(CoinStudy):
    """Coins."""

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        return super().run_cell(config, cell, Streams(0).child(cell.key))


class Changed(CoinStudy):
    """Coins whose summary is changed."""

    changes: ClassVar[dict[str, object]] = {}

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        results = super().summarise(config, trials)
        return replace(results, summary=results.summary.assign(**self.changes))


class NoInterval(Changed):
    """Coins."""

    changes: ClassVar[dict[str, object]] = {"lo": math.nan, "hi": math.nan}


class HalfInterval(Changed):
    """Coins."""

    changes: ClassVar[dict[str, object]] = {"human_lo": math.nan}


class NoCount(Changed):
    """Coins."""

    changes: ClassVar[dict[str, object]] = {"n": 0}


class Inflated(Changed):
    """Coins."""

    changes: ClassVar[dict[str, object]] = {"n": 1_000_000}


class Sentence(Changed):
    """Coins."""

    changes: ClassVar[dict[str, object]] = {"measure": "Share of heads, all"}


class Constants(CoinStudy):
    """Coins."""

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        results = super().summarise(config, trials)
        return replace(results, summary=results.summary.assign(estimate=0.5, lo=0.4, hi=0.6))


class Fragile(CoinStudy):
    """Coins."""

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        for observer in self.observers(config):
            trials["tosses"].set_index("observer").loc[observer.id]
        return super().summarise(config, trials)


class UglyFigure(CoinStudy):
    """Coins."""

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        return replace(super().summarise(config, trials), figures={"heads": lambda: 1 / 0})


class Forgetful(CoinStudy):
    """Forgets that the number of tosses changes the trials."""

    def relevant(self, config: CoinConfig, cell: CoinCell) -> CoinConfig:
        return super().relevant(config, cell).model_copy(update={"tosses": 50})


class _Filed(CoinConfig):
    table: Path = Path("coins.csv")
    """Nobody looks whether it is there."""


class Unchecked(CoinStudy):
    """Coins."""

    Config: type[CoinConfig] = _Filed

    def demo(self) -> CoinConfig:
        return _Filed()


class BadFingerprint(CoinStudy):
    """Coins."""

    def inputs(self, config: CoinConfig) -> dict[str, str]:
        return {"images": "v1"}


def _shown(pixels: float = 0.5, caption: str = "grey") -> Shown:
    return Shown([Picture(np.full((2, 2), pixels), caption)])


BLINDING = Exhibit("Blinding", "Too bright.", [], lambda: _shown(pixels=1.5))
WORDLESS = Exhibit("Wordless", "Nothing is said.", [], lambda: _shown(caption=""))
RESTLESS = Exhibit("Restless", "Never the same.", [], lambda: _shown(pixels=np.random.default_rng().random()))


class Blinding(CoinStudy):
    """Coins."""

    exhibits: ClassVar[Mapping[str, str]] = {"Blinding": f"{__name__}:BLINDING"}


class Wordless(CoinStudy):
    """Coins."""

    exhibits: ClassVar[Mapping[str, str]] = {"Wordless": f"{__name__}:WORDLESS"}


class Restless(CoinStudy):
    """Coins."""

    exhibits: ClassVar[Mapping[str, str]] = {"Restless": f"{__name__}:RESTLESS"}


class NoExhibit(CoinStudy):
    """Coins."""

    exhibits: ClassVar[Mapping[str, str]] = {"None": f"{__name__}:CoinStudy"}


class RestlessStimulus(CoinStudy):
    """Coins."""

    def stimulus(self, config: CoinConfig, task: str, trial: Mapping[str, object]) -> Shown:
        return RESTLESS.make()


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
        (ForeignObserver, "check_plan: cells must name one of `observers`; got ['coin 9']"),
        (ImpureCells, "check_cells_are_pure"),
        (NoObserver, "check_trials: trial table tosses must have the columns"),
        (Printing, "check_cells_are_silent: a cell must print nothing; got 'tossing'"),
        (NoSeed, "check_seed: another seed must change a trial"),
        (NoInterval, "check_summary: a row must have an interval"),
        (HalfInterval, "check_summary: coin 0, heads, people: an interval must have both ends or none"),
        (NoCount, "check_summary: coin 0, heads: n must be a count"),
        (Inflated, "check_summary: coin 0, heads: n must be a count of at most the 400 rows"),
        (Sentence, "check_summary: coin 0, Share of heads, all: a measure's key must fit"),
        (Constants, "check_seed: other trials must change the summary"),
        (Fragile, "check_without_an_observer"),
        (UglyFigure, "check_figures: figure heads must be drawn; got ZeroDivisionError"),
        (
            Unchecked,
            "check_missing_files_are_found: check must refuse a file that is not there; got none for table",
        ),
        (BadFingerprint, "check_inputs: inputs: images must be a SHA-256"),
        (Blinding, "check_exhibits: pixels of exhibit 'Blinding' must lie in [0, 1]"),
        (Wordless, "check_exhibits: exhibit 'Wordless' must say in words"),
        (Restless, "check_exhibits: exhibit 'Restless' must be pure"),
        (NoExhibit, "check_exhibits: exhibit 'None' must be an Exhibit"),
        (RestlessStimulus, "check_exhibits: a trial's stimulus must be pure"),
    ],
)
def test_each_fault_is_found_by_its_check(
    study: type[CoinStudy], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = ("check_imports_no_torch", "check_code_is_found")
    quick = tuple(c for c in CHECKS if c.__name__ not in slow)
    monkeypatch.setattr("cogattn.testing.conformance.CHECKS", quick)
    with pytest.raises(AssertionError) as failed:
        check_study(study())
    assert str(failed.value).startswith(check)


def test_every_setting_of_the_example_changes_an_identity_or_a_table() -> None:
    check_every_setting(CoinStudy(), CoinConfig(n_cells=2, tosses=20))


def test_a_setting_that_is_forgotten_is_found() -> None:
    with pytest.raises(AssertionError, match="tosses must change a cell's identity or a table"):
        check_every_setting(Forgetful(), CoinConfig(n_cells=2, tosses=20))


def test_each_setting_is_varied_by_itself() -> None:
    changed = dict(variations(CoinConfig()))
    assert set(changed) == {"seed", "coins.n", "n_cells", "tosses", "seconds_per_cell", "coins"} - {
        "coins"
    } | ({"coins"} & set(changed))
    for path, config in changed.items():
        name = path.partition(".")[0]
        assert getattr(config, name) != getattr(CoinConfig(), name)
        others = set(CoinConfig.model_fields) - {name}
        assert all(getattr(config, other) == getattr(CoinConfig(), other) for other in others)
