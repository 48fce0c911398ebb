"""`cogattn compare` as a person meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cogattn.cli import main

COIN = "cogattn.testing.coin:CoinStudy"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def scores(n: int = 8) -> None:
    lines = [f"net{k},{k},{k * k % 7},{k % 3}" for k in range(n)]
    Path("scores.csv").write_text("\n".join(["net,score,trait,control", *lines]) + "\n")


def test_help_lists_it_and_it_answers_without_torch(capsys: Captured) -> None:
    assert main(["--help"]) == 0
    assert "compare" in capsys.readouterr().out
    code = (
        "import sys; from cogattn.cli import main; main(['compare', '--help']); "
        "sys.exit(bool({'torch', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--leave-out-families" in done.stdout


def test_runs_and_tables_go_in_and_tables_and_figures_come_out(capsys: Captured) -> None:
    for tosses in ("50", "200"):
        assert main([COIN, "--workers", "1", "--tosses", tosses]) == 0
    capsys.readouterr()
    runs = [folder.name for folder in sorted(Path("runs/coin").iterdir())]
    assert main(["compare", *runs, "--against", "people", "--to", "out"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "runs differ in 1 setting," in out
    assert "coin 0 [1] less people [1]" in out
    assert out.splitlines()[-1] == "written: out"
    assert (Path("out") / "values.png").stat().st_size > 1000
    assert (Path("out") / "differences.csv").is_file()


def test_json_is_all_that_is_printed(capsys: Captured) -> None:
    scores()
    words = ["compare", "scores.csv", "--explain", "score", "--by", "trait", "control", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["predictor"] for row in found["relations"]} == {"trait", "control", "all"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "compare needs 1 to 200 runs, published tables or CSV files; got 0"),
        (["nothing"], "got 'nothing', and no such run in runs"),
        (["absent.csv"], "got absent.csv (no such file)"),
        (["scores.csv", "--explain", "score"], "--explain needs the measures that explain, --by; got none"),
        (["scores.csv", "--where", "score"], "--where must be a measure"),
        (
            ["scores.csv", "--against", "you"],
            "the observer to compare with must be in the sources; got 'you'",
        ),
        (["scores.csv", "--seed", "x"], "seed"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(words: list[str], told: str, capsys: Captured) -> None:
    scores()
    assert main(["compare", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cogattn: ")
    assert err.count("\n") == 1
    assert told in err
