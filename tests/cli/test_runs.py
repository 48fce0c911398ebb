"""``cogattn runs``: which runs there are, what made them, how to have them again, how to be rid of them."""

from __future__ import annotations

import json
import shlex
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cogattn
from cogattn.cli import main
from cogattn.config import read_settings
from cogattn.registry import load_study, study_entry_points
from cogattn.running.catalogue import find_run
from cogattn.running.execute import open_run, run_study
from cogattn.running.exporting import command_of, exported, exported_json
from cogattn.running.records import Provenance
from cogattn.running.store import RunFolder, run_id
from cogattn.testing.coin import CoinConfig, CoinStudy
from cogattn.testing.variations import variations

COIN = "cogattn.testing.coin:CoinStudy"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cogattn.running.executors.default_workers", lambda *_: 1)


@pytest.fixture
def three(tmp_path: Path) -> dict[str, RunFolder]:
    configs = {
        "fair": CoinConfig(),
        "short": CoinConfig(tosses=9),
        "loaded": CoinConfig.parse({"coins": {"kind": "loaded", "heads": [0.2, 0.4, 0.9]}}),
    }
    return {name: run_study(COIN, config, out=tmp_path / "runs") for name, config in configs.items()}


def rows(capsys: Captured, *words: str) -> list[dict]:
    capsys.readouterr()
    assert main(["runs", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def ids(capsys: Captured, *words: str) -> set[str]:
    return {row["run"] for row in rows(capsys, "list", *words)}


# -- list --------------------------------------------------------------------------------------------------


def test_a_list_tells_observers_and_only_the_settings_that_differ(
    three: dict[str, RunFolder], capsys: Captured
) -> None:
    found = {row["run"]: row for row in rows(capsys, "list")}
    assert found[three["short"].id]["settings"] == {"coins.kind": "fair", "coins.n": 2, "tosses": 9}
    assert found[three["loaded"].id]["settings"] == {
        "coins.kind": "loaded", "coins.heads": [0.2, 0.4, 0.9], "tosses": 50,
    }  # fmt: skip
    assert found[three["loaded"].id]["observers"] == ["coin 0", "coin 1", "coin 2"]
    assert {row["cogattn"] for row in found.values()} == {cogattn.__version__}
    assert main(["runs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "study"
    assert "settings that differ" in lines[0]
    (line,) = (line for line in lines if three["loaded"].id in line)
    assert "coin 0 and 2 more" in line
    assert "coins.heads=0.2,0.4,0.9 coins.kind=loaded tosses=50" in line


def test_settings_are_compared_within_a_study_and_among_the_listed_runs(
    three: dict[str, RunFolder], capsys: Captured
) -> None:
    (row,) = rows(capsys, "list", "--where", "tosses=9")
    assert row["settings"] == {}
    found = rows(capsys, "list", "--where", "coins.kind=fair")
    assert [set(row["settings"]) for row in found] == [{"tosses"}] * 2
    masking = load_study("masking")
    open_run(masking, masking.Config(), Path("runs")).create(masking.Config())
    assert rows(capsys, "list", "--study", "masking")[0]["settings"] == {}
    by_study = {row["study"]: set(row["settings"]) for row in rows(capsys, "list")}
    assert by_study["masking"] == set()
    assert "seed" not in by_study["coin"]


def test_filters_choose_by_study_observer_setting_state_and_date(
    three: dict[str, RunFolder], capsys: Captured
) -> None:
    fair, short, loaded = (three[name].id for name in ("fair", "short", "loaded"))
    everything = {fair, short, loaded}
    assert ids(capsys, "--study", "coin") == everything
    assert ids(capsys, "--study", "masking") == set()
    assert ids(capsys, "--observer", "COIN 2") == {loaded}
    assert ids(capsys, "--where", "coins.heads=0.40") == {loaded}
    assert ids(capsys, "--where", "coins.heads=0.2,0.4,0.9") == {loaded}
    assert ids(capsys, "--where", "coins.kind=fair", "--where", "tosses=50.0") == {fair}
    assert ids(capsys, "--where", "n-cells=4", "--state", "finished") == everything
    (three["fair"].folder / "MANIFEST.json").unlink()
    (three["short"].folder / "cells.json").write_bytes(b"{}")
    (three["short"].folder / "MANIFEST.json").unlink()
    assert ids(capsys, "--state", "unfinished") == {fair}
    assert ids(capsys, "--state", "damaged") == {short}
    assert rows(capsys, "list", "--state", "unfinished")[0]["observers"] == ["coin 0", "coin 1"]
    started = rows(capsys, "list", "--state", "finished")[0]["started"]
    assert ids(capsys, "--state", "finished", "--since", started) == {loaded}
    assert ids(capsys, "--state", "finished", "--since", started[:10]) == {loaded}
    assert ids(capsys, "--since", "2999-01-01") == set()
    main(["runs", "list", "--since", "2999-01-01"])
    assert capsys.readouterr().out == "no such run in runs\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--since", "yesterday"], "--since must be a date such as 2026-05-31; got 'yesterday'"),
        (["--where", "tosses"], "--where must be setting=value; got 'tosses'"),
        (["--where", "depth=3"], "--where must name a setting of a listed run; got 'depth'"),
    ],
)
def test_a_filter_that_cannot_be_read_is_one_sentence(
    three: dict[str, RunFolder], capsys: Captured, words: list[str], sentence: str
) -> None:
    assert main(["runs", "list", *words]) == 2
    assert sentence in capsys.readouterr().err


# -- show --------------------------------------------------------------------------------------------------


def test_the_first_line_that_is_shown_is_a_command_that_finds_the_run(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [COIN, "--tosses", "7", "--out", "a store"]
    monkeypatch.setattr("sys.argv", ["/somewhere/cogattn", *words])
    main(words)
    (folder,) = (tmp_path / "a store" / "coin").iterdir()
    capsys.readouterr()
    assert main(["runs", "show", folder.name, "--out", "a store"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"cogattn {COIN} --tosses 7 --out 'a store'"
    assert main(shlex.split(first)[1:]) == 0
    assert [path.name for path in (tmp_path / "a store" / "coin").iterdir()] == [folder.name]


def test_a_run_from_python_is_shown_with_its_settings_as_the_command(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cogattn.run(COIN, tosses=8, out="runs", workers=1, progress=False)
    assert main(["runs", "show", run.id]) == 0
    first = shlex.split(capsys.readouterr().out.splitlines()[0])
    assert first[:3] == ["cogattn", "coin", "--config"]
    assert main([COIN, *first[2:]]) == 0
    assert [path.name for path in (tmp_path / "runs" / "coin").iterdir()] == [run.id]


def test_who_joined_a_run_has_not_made_it(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [COIN, "--tosses", "7", "--until", "0s"]
    monkeypatch.setattr("sys.argv", ["/somewhere/cogattn", *words])
    main(words)
    (folder,) = Path("runs", "coin").iterdir()
    joining = ["work", folder.name, "--study", COIN, "--workers", "1"]
    monkeypatch.setattr("sys.argv", ["/somewhere/cogattn", *joining])
    assert main(joining) == 0
    capsys.readouterr()
    assert main(["runs", "show", folder.name]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert f"  {shlex.join(['cogattn', *joining])}" in shown
    assert shown[0] == f"cogattn {COIN} --tosses 7"
    run = find_run(Path("runs"), folder.name)
    assert f"# {shown[0]}\n" in exported(run)
    (_, joined) = run.read(Provenance).sessions
    assert command_of(run, [joined]) == f"cogattn coin --config {folder / 'config.json'}"


@pytest.mark.parametrize("other", [False, True], ids=["usual", "other"])
def test_a_run_shows_what_it_was_computed_on_where_that_is_not_the_usual(
    other: bool, capsys: Captured
) -> None:
    assert main([COIN, *(["--precision", "bf16", "--batch", "8"] if other else [])]) == 0
    (folder,) = Path("runs", "coin").iterdir()
    capsys.readouterr()
    assert main(["runs", "show", folder.name]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("started")]
    assert (", in bf16, 8 images at once: " in line) == other


def test_the_last_command_line_counts_and_what_python_started_does_not(tmp_path: Path) -> None:
    run = run_study(COIN, CoinConfig(), out=tmp_path)
    provenance = run.read(Provenance)
    assert provenance is not None
    first, last, *python = (
        provenance.sessions[0].model_copy(update={"argv": argv})
        for argv in (
            ("cogattn", "demo"),
            ("__main__.py", "coin", "--tosses", "50"),
            ("cogattn.run",),
            ("cogattn.sweep",),
        )
    )
    assert command_of(run, [first, last, *python]) == "cogattn coin --tosses 50"
    assert command_of(run, [last, first]) == "cogattn demo"
    timed = first.model_copy(update={"argv": ("cogattn", "coin", "--until=5m", "--tosses", "50")})
    assert command_of(run, [timed]) == "cogattn coin --tosses 50"


def test_a_command_with_a_new_line_stays_one_line_and_leaves_valid_toml(tmp_path: Path) -> None:
    run = run_study(COIN, CoinConfig(), out=tmp_path, argv=("cogattn", "coin", "a\nseed = 3\n\x1b[2J"))
    text = exported(run)
    assert "\x1b" not in text
    assert CoinConfig.parse(tomllib.loads(text)) == CoinConfig()


# -- export ------------------------------------------------------------------------------------------------


def test_exported_settings_are_the_same_run_again(
    three: dict[str, RunFolder], tmp_path: Path, capsys: Captured
) -> None:
    loaded = three["loaded"]
    assert main(["runs", "export", loaded.id[:6], "--to", "again.toml"]) == 0
    text = (tmp_path / "again.toml").read_text()
    assert text.startswith(
        f"# run coin/{loaded.id}\n# cogattn {cogattn.__version__}\n# cogattn coin --config "
    )
    sessions = loaded.read(Provenance)
    assert main([COIN, "--config", "again.toml"]) == 0
    assert main([COIN, "--config", str(loaded.folder / "config.json")]) == 0
    assert loaded.read(Provenance) == sessions  # nothing was computed
    assert len(list((tmp_path / "runs" / "coin").iterdir())) == 3
    assert main(["runs", "export", loaded.id, "--to", "again.toml"]) == 2
    capsys.readouterr()
    assert main(["runs", "export", loaded.id]) == 0
    assert capsys.readouterr().out == text
    assert main(["runs", "export", loaded.id, "--json"]) == 0
    (tmp_path / "again.json").write_text(capsys.readouterr().out)
    assert (
        CoinStudy.Config.parse(read_settings(tmp_path / "again.json")).coins
        == CoinConfig.parse(tomllib.loads(text)).coins
    )


@pytest.mark.parametrize("name", study_entry_points())
def test_every_setting_of_every_study_comes_back_to_the_same_run(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    study = load_study(name)
    configs = [study.Config(), study.demo(), *(config for _, config in variations(study.demo()))]
    assert len(configs) > 10
    for config in configs:
        run = open_run(study, config, tmp_path / "runs")
        run.create(config)
        for text, ending in ((exported(run), "toml"), (exported_json(run), "json")):
            file = tmp_path / f"settings.{ending}"
            file.write_text(text, encoding="utf-8")
            assert run_id(name, study.Config.parse(read_settings(file))) == run.id, text
    assert caplog.text == ""


@settings(max_examples=60)
@given(st.text(min_size=1), st.lists(st.floats(0, 1, allow_subnormal=True), min_size=1, max_size=4))
def test_odd_texts_and_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, numbers: list
) -> None:
    root = tmp_path_factory.mktemp("odd")
    config = CoinConfig.parse({"coins": {"kind": "loaded", "heads": numbers}})
    run = open_run(COIN, config, root)
    run.create(config)
    run.write(Provenance())
    assert CoinConfig.parse(tomllib.loads(exported(run))) == config
    masking = load_study("masking")
    odd = masking.Config.parse({"images": {"kind": "folder", "path": text.replace("\x00", "")}})
    other = open_run(masking, odd, root)
    other.create(odd)
    assert run_id("masking", masking.Config.parse(tomllib.loads(exported(other)))) == other.id


# -- delete ------------------------------------------------------------------------------------------------


def test_runs_are_deleted_when_that_is_confirmed(
    three: dict[str, RunFolder], tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = three["short"]
    assert main(["runs", "delete", short.id]) == 2
    assert "deleting must be confirmed; got no terminal to ask at; add --yes" in capsys.readouterr().err
    assert short.finished
    assert main(["runs", "delete", short.id, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith(f"coin/{short.id}: 8 cells go with it; 0.")
    assert short.finished
    for answer, stays in (("n", True), ("", True), ("yes", False)):
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        assert main(["runs", "delete", short.id]) == 0
        assert short.folder.exists() == stays
    found = rows(capsys, "delete", three["fair"].id, three["loaded"].id, "--yes")
    assert [(row["run"], row["cells"], row["deleted"]) for row in found] == [
        (three["fair"].id, 8, True),
        (three["loaded"].id, 12, True),
    ]
    assert list((tmp_path / "runs").rglob("*.zip")) == []
    main(["runs", "list"])
    assert capsys.readouterr().out == "no runs in runs\n"


def test_deleting_nothing_or_an_unknown_run_is_refused(three: dict[str, RunFolder], capsys: Captured) -> None:
    assert main(["runs", "delete", "--yes"]) == 2
    assert main(["runs", "delete", three["fair"].id, "abc", "--yes"]) == 2
    assert three["fair"].finished
    assert "run must be the start of one stored id; got 'abc'" in capsys.readouterr().err


class Terminal:
    """A terminal at which somebody types one line."""

    def __init__(self, line: str) -> None:
        self.line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return f"{self.line}\n"
