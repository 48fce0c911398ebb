"""``cogattn sweep`` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from cogattn.cli import main
from cogattn.testing.coin import CoinStudy

Captured = pytest.CaptureFixture[str]
COIN = "cogattn.testing.coin:CoinStudy"
SWEEP = f"""
study = "{COIN}"
[settings]
"coins.n" = 1
n_cells = 1
[axes]
tosses = [10, 20]
"""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("cogattn.running.executors.default_workers", lambda *_: 1)
    monkeypatch.setattr("cogattn.testing.coin._figure", _plain)
    (tmp_path / "sweep.toml").write_text(SWEEP)


def _plain(summary: pd.DataFrame) -> object:
    from cogattn.figures import new_figure

    return new_figure()[0]


def test_a_dry_run_prints_the_plan_and_computes_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert main(["sweep", "sweep.toml", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["tosses", "run", "cells"]
    assert [line.split()[0] for line in lines[2:4]] == ["10", "20"]
    assert lines[-1].startswith(
        "2 runs, 2 cells, 0 stored, 2 to compute: about 1 s of CPU, 1 s with 1 worker(s)"
    )
    assert not (tmp_path / "runs").exists()


def test_a_sweep_ends_with_one_table_as_text_csv_and_json(tmp_path: Path, capsys: Captured) -> None:
    assert main(["sweep", "sweep.toml", "--csv", "table.csv"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "* People: same side up. Group means only."
    assert lines[2].split()[:4] == ["tosses", "observer", "measure", "estimate"]
    assert [line.split()[0] for line in lines[4:6]] == ["10", "20"]
    assert lines[-1].startswith("runs: ")
    assert "2 cells, 0 stored, 2 to compute" in err  # told before the start
    assert main(["sweep", "sweep.toml", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "2 stored, 0 to compute" in err
    rows = json.loads(out)
    assert pd.DataFrame(rows).drop(columns="note").equals(pd.read_csv("table.csv").drop(columns="note"))
    for row in rows:
        assert main(["runs", "show", row["run"], "--json"]) == 0
        (own,) = json.loads(capsys.readouterr().out)
        assert own == {name: row[name] for name in own}
    assert main([COIN, "--coins.n", "1", "--n-cells", "1", "--tosses", "20"]) == 0
    assert rows[1]["run"] in capsys.readouterr().out


def test_a_point_that_fails_is_named_and_the_code_is_1(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell = CoinStudy.run_cell

    def sometimes(self: CoinStudy, config: object, *rest: object) -> object:
        if config.tosses == 20:  # type: ignore[attr-defined]
            raise ValueError("the coin stands on its edge")
        return run_cell(self, config, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(CoinStudy, "run_cell", sometimes)
    assert main(["sweep", "sweep.toml"]) == 1
    out, err = capsys.readouterr()
    assert (
        "1 point(s) of the sweep failed:\n  tosses = 20: coin 0, part 0: ValueError: the coin stands" in err
    )
    assert "10      coin 0" in out
    assert "failed: ValueError" in out


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        (SWEEP.replace("tosses =", "tossse ="), [], "tossse is not a setting of this study; did you mean tosses? (at"),
        (SWEEP.replace("[10, 20]", "[10, 0]"), [], "tosses must be greater than or equal to 1; got 0 (at tosses = 0)"),
        (SWEEP.replace("[10, 20]", "[10, 10]"), [], "points of a sweep must differ; got the same settings at tosses"),
        (SWEEP.replace("[10, 20]", "[]"), [], "axes.tosses must hold at least one value; got none"),
        (SWEEP.replace(COIN, "maskin"), [], "study must be a registered name; got maskin; did you mean masking?"),
        (SWEEP, ["--csv", "nowhere/table.csv"], "--csv must be a file in a folder that is there; got nowhere"),
        (SWEEP, ["--workers", "0"], "--workers must be from 1 to 1024; got 0"),
        (SWEEP, ["--tosses", "3"], 'Unknown option: --tosses'),
        (None, [], "a sweep must name a readable TOML file; got sweep.toml (No such file or directory)"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_sentence_and_code_2(
    tmp_path: Path, text: str | None, words: list[str], sentence: str, capsys: Captured
) -> None:
    (tmp_path / "sweep.toml").unlink()
    if text is not None:
        (tmp_path / "sweep.toml").write_text(text)
    assert main(["sweep", "sweep.toml", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cogattn: {sentence}")
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_the_time_may_be_up_and_the_same_command_goes_on(tmp_path: Path, capsys: Captured) -> None:
    text = SWEEP.replace("n_cells = 1", "n_cells = 4\nseconds_per_cell = 0.3")
    (tmp_path / "sweep.toml").write_text(text)
    assert main(["sweep", "sweep.toml", "--until", "1s"]) == 75
    assert "cells of run" in (err := capsys.readouterr().err)
    assert "and 1 more are left and the same command goes on" in err
    assert len(list((tmp_path / "runs" / "cells").rglob("*.zip"))) < 8
    assert main(["sweep", "sweep.toml"]) == 0


def test_help_tells_the_flags_of_every_execution(capsys: Captured) -> None:
    assert main(["sweep", "--help"]) == 0
    out = capsys.readouterr().out
    for flag in (
        "--csv",
        "--json",
        "--dry-run",
        "--keep-going",
        "--workers",
        "--device",
        "--cell-timeout",
        "--mix",
    ):
        assert flag in out
