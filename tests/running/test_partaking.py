"""One bad network is named, and the others are whole: those that are known to be bad, and those that fail at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

import cogattn
from cogattn.cli import main
from cogattn.config import StudyConfig
from cogattn.errors import LeftOut, ObserverError, ObserversRefused, RunFailed
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.check import check_each
from cogattn.observers.config import TimmObserver
from cogattn.observers.observer import Observer
from cogattn.observers.roster import observer_names, without
from cogattn.running.partaking import partaking
from cogattn.seeds import Streams
from cogattn.study import Cell, Outcome, Results, Schema, Study, Trials

PITCH = Measure("pitch", "Hz", "pitch")
CHOIR = f"{__name__}:Choir"


class ChoirConfig(StudyConfig):
    """Who sings."""

    observer: TimmObserver = TimmObserver(models=("ann", "bob"))


class Choir(Study[ChoirConfig]):
    """Singers: those called mute are known to be, those called hoarse have no weights, those called late fail."""

    name: ClassVar[str] = "choir"
    version: ClassVar[int] = 1
    Config: type[ChoirConfig] = ChoirConfig
    reference: ClassVar[str] = "@misc{none}"
    tables: ClassVar[Mapping[str, Schema]] = {"notes": {"observer": "str", "pitch": "float64"}}

    def check(self, config: ChoirConfig) -> None:
        def examine(name: str) -> None:
            if name.startswith("mute"):
                raise ObserverError(f"{name} must have a voice; got none")

        check_each(config.observer, examine)

    def observers(self, config: ChoirConfig) -> Sequence[Observer]:
        return [Observer(name) for name in observer_names(config.observer)]

    def cells(self, config: ChoirConfig) -> Sequence[Cell]:
        names = observer_names(config.observer)
        return [
            Cell(label=f"{name}, note {i}", task=f"notes {i}", observer=name)
            for name in names
            for i in range(3)
        ]

    def relevant(self, config: ChoirConfig, cell: Cell) -> ChoirConfig:
        return ChoirConfig(observer=TimmObserver(models=(cell.observer,)))

    def contents(self, config: ChoirConfig, cell: Cell) -> Mapping[str, str]:
        if cell.observer.startswith("hoarse"):
            raise ObserverError(f"the weights of {cell.observer} must be a whole download; got half")
        return {}

    def run_cell(self, config: ChoirConfig, cell: Cell, rng: Streams) -> Outcome:
        if cell.observer.startswith("late"):
            raise ObserverError(f"{cell.observer} must be there; got nobody")
        rows = pd.DataFrame({"observer": [cell.observer], "pitch": [440.0]})
        return Outcome({"notes": rows})

    def summarise(self, config: ChoirConfig, trials: Trials) -> Results:
        pitches = trials["notes"].groupby("observer", sort=False)["pitch"].mean()
        rows = [Row(Observer(str(name)), PITCH, Estimate.bare(value, 3)) for name, value in pitches.items()]
        return Results(summary_table(rows))

    def demo(self) -> ChoirConfig:
        return ChoirConfig()


def choir(*names: str) -> ChoirConfig:
    return ChoirConfig(observer=TimmObserver(models=names))


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def test_all_that_cannot_take_part_are_told_at_once() -> None:
    with pytest.raises(ObserversRefused) as refused:
        Choir().check(choir("mute a", "ann", "mute b", "bob"))
    assert str(refused.value).splitlines() == [
        "2 of 4 observers cannot take part:",
        "  mute a: mute a must have a voice; got none",
        "  mute b: mute b must have a voice; got none",
        "--keep-going leaves them out",
    ]
    with pytest.raises(ObserversRefused) as refused:
        Choir().check(choir("mute a", "ann"))
    assert str(refused.value) == (
        "mute a must have a voice; got none (mute a, 1 of 2 observers; --keep-going leaves it out)"
    )
    with pytest.raises(ObserverError, match=r"^mute a must have a voice; got none$"):
        Choir().check(choir("mute a"))
    with pytest.raises(ObserversRefused) as refused:
        Choir().check(choir(*(f"mute {i}" for i in range(30))))
    assert str(refused.value).splitlines()[-1] == "  and 10 more"


def test_those_that_can_are_left_and_the_others_have_their_reasons() -> None:
    config, left_out = partaking(Choir(), choir("ann", "mute a", "hoarse b", "bob"))
    assert config == choir("ann", "bob")
    assert left_out == {
        "mute a": "mute a must have a voice; got none",
        "hoarse b": "the weights of hoarse b must be a whole download; got half",
    }
    assert partaking(Choir(), choir("ann", "bob")) == (choir("ann", "bob"), {})


def test_where_nobody_is_left_the_run_is_refused() -> None:
    for names in (["mute a"], ["mute a", "mute b"], ["mute a", "hoarse"], ["hoarse a", "hoarse b"]):
        with pytest.raises(ObserverError, match=r"voice|download"):
            partaking(Choir(), choir(*names))
    with pytest.raises(ObserverError, match="must name a network that can take part"):
        without(TimmObserver(models=("a", "b")), ("a", "b"))


def test_the_run_without_a_bad_one_is_the_run_of_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--workers", "1", "--observer.models"]
    assert main([CHOIR, *asked, "ann", "mute", "bob"]) == 2
    assert "(mute, 1 of 3 observers; --keep-going leaves it out)" in capsys.readouterr().err
    assert not Path("runs").exists()
    assert main([CHOIR, "--keep-going", *asked, "ann", "mute", "bob"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("* mute is not in the tables: mute must have a voice; got none")
    assert "ann (network)" in out
    assert "bob (network)" in out
    assert err.endswith("cogattn: 1 observer(s) took no part:\n  mute: mute must have a voice; got none\n")
    run = out.splitlines()[-1]
    assert main([CHOIR, *asked, "ann", "bob"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == run
    assert main([CHOIR, "--keep-going", *asked, "ann", "bob"]) == 0
    assert main([CHOIR, "--keep-going", "--dry-run", *asked, "ann", "mute"]) == 1
    assert "1 observer(s) took no part" in capsys.readouterr().err


def test_one_that_fails_at_work_is_named_once_beside_one_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["ann", "late", "mute"]
    assert main([CHOIR, "--keep-going", "--workers", "1", "--observer.models", *names]) == 1
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if line.startswith("*")] == [
        "* mute is not in the tables: mute must have a voice; got none",
        "* late is not in the tables: late must be there; got nobody",
    ]
    assert "ann (network)" in out
    assert err.splitlines()[-4:] == [
        "cogattn: 1 observer(s) took no part:",
        "  mute: mute must have a voice; got none",
        "3 cell(s) failed:",
        "  late, note 0 and 2 more: late must be there; got nobody",
    ]


def test_from_python_the_log_names_those_left_out(caplog: pytest.LogCaptureFixture) -> None:
    given = {"kind": "timm", "models": ["ann", "mute"]}
    with pytest.raises(ObserversRefused):
        cogattn.run(Choir(), observer=given, workers=1, progress=False)
    run = cogattn.run(Choir(), observer=given, workers=1, progress=False, keep_going=True)
    assert run.summary["observer"].tolist() == ["ann"]
    assert "mute takes no part: mute must have a voice; got none" in caplog.text


def test_failures_of_one_cause_in_a_row_share_a_line() -> None:
    failed = RunFailed({"a 1": "x", "a 2": "x", "b 1": "y", "a 3": "x"})
    assert str(failed).splitlines() == ["4 cell(s) failed:", "  a 1 and 1 more: x", "  b 1: y", "  a 3: x"]
    assert failed.failures == {"a 1": "x", "a 2": "x", "b 1": "y", "a 3": "x"}
    assert LeftOut({"c": "z"}).failures == {}
