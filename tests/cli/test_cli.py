"""The command line as a person meets it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cogattn.cli import main
from cogattn.study import SUMMARY_COLUMNS
from cogattn.testing.coin import CoinCell, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("cogattn.running.executors.default_workers", lambda *_: 1)


def test_a_run_ends_with_its_table_and_its_folder(capsys: Captured) -> None:
    assert main([COIN, "--coins.kind", "loaded", "--coins.heads", "0.2", "0.9", "--tosses", "100"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("* People: same side up.")
    assert lines[2].split() == ["model", "[95", "%", "interval]", "people", "n"]
    assert lines[4] == "coin 0 (network)"
    assert lines[5].split()[:2] == ["heads", "(share)"]
    assert 0.15 < float(lines[5].split()[2]) < 0.27
    assert lines[5].endswith("0.508 [0.506, 0.509], n 350,757  400")
    folder = Path(lines[-1].removeprefix("run: "))
    assert folder.parent == Path("runs/coin")
    assert (folder / "figures" / "heads.pdf").is_file()
    assert "Traceback" not in err


def test_json_prints_the_rows_and_nothing_else(capsys: Captured) -> None:
    assert main([COIN, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [tuple(row) for row in rows] == [SUMMARY_COLUMNS] * 2
    assert rows[0]["n"] == 200


def test_a_study_that_prints_does_not_spoil_json(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    summarise = CoinStudy.summarise

    def chatty(self: CoinStudy, *args: object) -> object:
        sys.stdout.write("hello\n")
        return summarise(self, *args)

    monkeypatch.setattr(CoinStudy, "summarise", chatty)
    assert main([COIN, "--json"]) == 0
    out, err = capsys.readouterr()
    json.loads(out)
    assert "hello" in err


def test_flags_override_the_file_and_equal_settings_are_one_run(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "coin.toml").write_text('tosses = 7\nseed = 3\n[coins]\nkind = "loaded"\nheads = [0.5]\n')
    assert main([COIN, "--config", "coin.toml", "--tosses", "9"]) == 0
    first = capsys.readouterr().out
    assert main([COIN, "--coins.kind", "loaded", "--coins.heads", "0.5", "--seed", "3", "--tosses", "9"]) == 0
    assert capsys.readouterr().out == first
    assert main([COIN, "--config", "coin.toml", "--coins.kind", "fair"]) == 0
    assert len(list(tmp_path.glob("runs/coin/*"))) == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--tosses", "0"], "tosses must be greater than or equal to 1; got '0'"),
        (["--toses", "1"], "Unknown option: --toses. Did you mean --tosses?"),
        (
            ["--coins.heads", "0.5"],
            "coins.heads is not a setting with coins.kind = fair; coins.kind = loaded has it",
        ),
        (["--workers", "0"], "--workers must be from 1 to 1024; got 0"),
        (
            ["--config", "missing.toml"],
            "--config must name a readable TOML file; got missing.toml (No such file or directory)",
        ),
        (["--config", "wrong.toml"], "depth is not a setting of this study"),
        (["word"], f"{COIN} takes flags only; got 'word'"),
        (["--cell-timeout", "0"], "--cell-timeout must be above 0; got 0"),
        (["--device", "gpu"], "--device must be auto, cpu, cuda, cuda:N or mps; got 'gpu'"),
        (["--device", "cpu", "cuda:0"], "--device must name different devices of one kind; got cpu cuda:0"),
        (["--precision", "fp64"], "--precision must be fp32, tf32, bf16, fp16; got 'fp64'"),
        (["--batch", "0"], "--batch must be from 1 to 65536; got 0"),
        (["--shelf-gb", "-1"], "--shelf-gb must be 0 or more; got -1"),
        (["--config", "pipe"], "--config must name a readable TOML file; got pipe (not a file)"),
        (["--config", "long.toml"], "--config must be valid TOML; got long.toml"),
        (["--config", "deep.json"], "--config must be a run's config.json; got deep.json"),
    ],
)
def test_wrong_input_is_one_sentence_and_code_2(
    tmp_path: Path, words: list[str], sentence: str, capsys: Captured
) -> None:
    (tmp_path / "wrong.toml").write_text("depth = 3\n")
    (tmp_path / "long.toml").write_text(f"seed = {'9' * 6000}\n")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    os.mkfifo(tmp_path / "pipe")
    assert main([COIN, *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"cogattn: {sentence}")
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["maskin"], 'Unknown command "maskin". Did you mean "masking"?'),
        (["no.such:Study"], "study no.such:Study must be importable"),
        (
            ["runs", "show", "abc"],
            "run must be the start of one stored id; got 'abc', which fits none (runs)",
        ),
        (["data", "where", "abc"], "data set must be one of "),
        (["data", "fetch", "cue-conflict"], "cue-conflict must be put in place by hand"),
    ],
)
def test_wrong_commands_are_one_sentence_and_code_2(
    words: list[str], sentence: str, capsys: Captured
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.startswith("cogattn: ")
    assert err.count("\n") == 1


def test_a_group_s_name_stands_for_its_path(tmp_path: Path, capsys: Captured) -> None:
    said = []
    for flag in ("--scenes", "--scenes.path"):
        assert main(["search", flag, str(tmp_path / "nowhere"), "--dry-run"]) == 2
        said.append(capsys.readouterr().err)
    assert "nowhere" in said[0]
    assert said[0] == said[1]


def test_failed_cells_are_listed_with_their_cause_and_code_1(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cell = CoinStudy.run_cell

    def sometimes(self: CoinStudy, config: object, cell: CoinCell, rng: object) -> object:
        if cell.part == 2 and cell.coin == 0:
            raise ValueError("the coin stands on its edge")
        return run_cell(self, config, cell, rng)

    monkeypatch.setattr(CoinStudy, "run_cell", sometimes)
    assert main([COIN]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("* coin 0 is not in the tables: ValueError: the coin stands on its edge")
    assert "coin 1 (network)" in out
    assert "coin 0 (network)" not in out
    assert "1 cell(s) failed:" in err
    assert "coin 0, part 2: ValueError: the coin stands on its edge (test_cli.py:" in err
    main(["runs", "list"])
    assert "finished without coin 0" in capsys.readouterr().out
    monkeypatch.undo()
    assert main([COIN, "--workers", "1"]) == 0


def test_a_dry_run_prints_the_plan_and_computes_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert main([COIN, "--dry-run"]) == 0
    assert "8 cells, 0 stored, 8 to compute: about" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
    main([COIN, "--coins.n", "1"])
    capsys.readouterr()
    assert main([COIN, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["coin", "0", "4", "4", "0", "-"]
    assert lines[3].split()[:5] == ["coin", "1", "4", "0", "4"]


def test_a_run_s_settings_can_be_fed_back(tmp_path: Path, capsys: Captured) -> None:
    main([COIN, "--tosses", "9"])
    first = capsys.readouterr().out
    (folder,) = tmp_path.glob("runs/coin/*")
    assert main([COIN, "--config", str(folder / "config.json")]) == 0
    assert capsys.readouterr().out == first


def test_stored_runs_are_listed_shown_and_verified(tmp_path: Path, capsys: Captured) -> None:
    assert main(["runs", "list"]) == 0
    assert capsys.readouterr().out == "no runs in runs\n"
    main([COIN])
    table = capsys.readouterr().out
    (folder,) = tmp_path.glob("runs/coin/*")
    assert main(["runs", "list"]) == 0
    assert f"coin   {folder.name}  finished" in capsys.readouterr().out
    assert main(["runs", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["run"] == folder.name
    assert main(["runs", "show", folder.name[:5]]) == 0
    shown = capsys.readouterr().out
    assert '"tosses": 50' in shown
    assert "made 8 of its cells" in shown
    assert (
        table.rpartition("run:")[0].split()
        == shown[shown.index("* People") :].rpartition("figures:")[0].split()
    )
    assert main(["runs", "verify"]) == 0
    assert capsys.readouterr().out.endswith("1 run(s), 0 damaged\n")
    (folder / "trials" / "tosses.parquet").write_bytes(b"")
    assert main(["runs", "verify", folder.name]) == 1
    assert "trials/tosses.parquet is damaged" in capsys.readouterr().out
    assert main(["runs", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["problems"]


def test_an_unfinished_run_tells_how_far_it_is(tmp_path: Path, capsys: Captured) -> None:
    main([COIN])
    (folder,) = tmp_path.glob("runs/coin/*")
    (folder / "MANIFEST.json").unlink()
    next((tmp_path / "runs" / "cells").rglob("*.zip")).unlink()
    capsys.readouterr()
    main(["runs", "list"])
    assert "7 of 8 cells" in capsys.readouterr().out
    assert main(["runs", "show", folder.name]) == 0


def test_a_damaged_cell_is_named_on_stderr(
    tmp_path: Path, capsys: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    main([COIN])
    cell = next((tmp_path / "runs" / "cells").rglob("*.zip"))
    cell.write_bytes(b"x")
    with caplog.at_level(logging.WARNING):
        assert main([COIN]) == 0
    assert cell.stem in caplog.text


@pytest.mark.slow
def test_a_full_device_as_stdout_is_a_sentence(tmp_path: Path) -> None:
    command = f"{sys.executable} -m cogattn.cli {COIN} --workers 1 > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "the output must be writable; got No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version_answer(capsys: Captured) -> None:
    for words in (
        [],
        ["--help"],
        ["runs"],
        ["data"],
        ["demo", "--help"],
        ["models", "--help"],
        [COIN, "--help"],
    ):
        assert main(words) == 0
        assert "Usage: cogattn" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("cogattn ")


HELP = """
import sys
from cogattn.cli import main
code = main(["masking", "--help"])
heavy = {"torch", "torchvision", "timm", "scipy", "pandas", "matplotlib", "pyarrow", "sklearn", "mne", "streamlit"}
print("HEAVY", sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


def test_help_of_a_study_imports_nothing_heavy() -> None:
    told = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert "--noise.n-bands" in told.stdout
    assert "HEAVY []" in told.stderr


@pytest.mark.slow
def test_help_of_a_study_takes_less_processor_time_than_torch_alone() -> None:
    """Beside torch's import in the same minute, as machines differ and are seldom idle; the best of three by turns."""
    commands = {"help": ["-m", "cogattn.cli", "masking", "--help"], "torch": ["-c", "import torch"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(3):
        for name, words in commands.items():
            before = os.times()
            subprocess.run([sys.executable, *words], capture_output=True, check=True)
            after = os.times()
            times[name].append(
                after.children_user + after.children_system - before.children_user - before.children_system
            )
    assert min(times["help"]) < 0.8 * min(times["torch"])


def test_the_demo_keeps_its_runs_and_prints_a_table_for_each_study_at_80_columns(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cogattn.cli.studies.study_entry_points", lambda: {COIN: None})
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == f"{COIN}: How often do coins show heads?"
    assert "* People: same side up. Group means only." in lines
    assert max(map(len, lines)) <= 80
    (folder,) = tmp_path.glob("runs/coin/*")
    assert lines[-3:-1] == ["figures:", f"  {folder.relative_to(tmp_path)}/figures"]
    assert lines[-1] == "report, for a browser: runs/report.html"
    page = (tmp_path / "runs" / "report.html").read_text(encoding="utf-8")
    assert f"coin/{folder.name}" in page
    assert "data:image/png;base64," in page
    assert main(["demo", "--json"]) == 0
    assert {row["study"] for row in json.loads(capsys.readouterr().out)} == {COIN}


def test_a_study_that_fails_in_the_demo_is_named_and_the_others_run(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cogattn.cli.studies.study_entry_points", lambda: {"broken.module:Study": None, COIN: None}
    )
    assert main(["demo"]) == 1
    out, err = capsys.readouterr()
    assert "coin 0" in out
    assert "broken.module:Study" in err


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m cogattn.cli masking --help | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_the_console_script_and_the_module_are_the_same(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("cogattn")
    if not script.exists():
        pytest.skip("cogattn is not installed with its script")
    told = [
        subprocess.run([*command, "data", "list"], capture_output=True, text=True, check=True).stdout
        for command in ([script], [sys.executable, "-m", "cogattn.cli"])
    ]
    assert told[0] == told[1] != ""
