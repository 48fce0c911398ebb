from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cogattn import registry
from cogattn.cli import main
from cogattn.config import StudyConfig
from cogattn.errors import ConfigError
from cogattn.reporting.card.model import Card
from cogattn.running.catalogue import list_runs
from cogattn.running.records import Provenance
from cogattn.testing.tossers import TossersStudy

ENTRIES = [
    EntryPoint(name, f"cogattn.testing.tossers:{attribute}", registry.STUDIES)
    for name, attribute in (("coin", "CardedCoins"), ("tossers", "TossersStudy"))
]


@pytest.fixture(autouse=True)
def coins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        registry, "entry_points", lambda *, group: ENTRIES if group == registry.STUDIES else []
    )


def card(*words: str, out: Path) -> int:
    return main(["card", *words, "--out", str(out), "--workers", "1"])


def test_run_fills_what_is_missing_and_json_is_the_card_of_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert card("coin-fair", "--run", "--json", out=tmp_path) == 0
    printed = json.loads(capsys.readouterr().out)
    expected = json.loads(Card.of("coin-fair", out=tmp_path).json())
    assert printed.pop("made") <= expected.pop("made")
    assert printed == expected
    assert [row["status"] for row in printed["rows"]] == ["no people", "underpowered"]


def test_what_is_finished_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card("coin-fair", "--run", out=tmp_path)
    before = {run.id: run.read(Provenance) for run in list_runs(tmp_path)}
    assert card("coin-fair", "--run", out=tmp_path) == 0
    assert {run.id: run.read(Provenance) for run in list_runs(tmp_path)} == before
    assert len(before) == 2
    assert all(len(one.sessions) == 1 for one in before.values() if one)


def test_without_run_nothing_is_computed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert card("coin-fair", out=tmp_path / "runs") == 0
    assert "not run" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_tells_what_would_be_run_and_computes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    assert card("coin-fair", "--run", "--dry-run", out=out) == 0
    told = capsys.readouterr().out
    assert [word for word in ("coin\n", "tossers\n") if word in told] == ["coin\n", "tossers\n"]
    assert told.count(" to compute: ") == 2
    assert not out.exists()
    card("coin-fair", "--run", out=out)
    capsys.readouterr()
    assert card("coin-fair", "--dry-run", out=out) == 0
    assert capsys.readouterr().out.startswith("0 cells to run")


def test_a_study_that_cannot_be_run_is_named_and_the_others_are_on_the_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(study: TossersStudy, config: StudyConfig) -> None:
        raise ConfigError("coins must be at hand; got none")

    monkeypatch.setattr(TossersStudy, "check", refuse)
    assert card("coin-fair", "--run", out=tmp_path) == 1
    told = capsys.readouterr()
    assert "tossers" in told.err
    assert "coins must be at hand; got none" in told.err
    assert "no people" in told.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["resnet5o"], "cogattn: model must be a network of timm"),
        (
            ["coin-fair", "--json", "--html"],
            "cogattn: --json and --html must not be given together; got both",
        ),
        (["coin-fair", "--html", "a.html", "b.html"], "cogattn: --html must name one file; got 2"),
    ],
    ids=["unknown observer", "two outputs", "two files"],
)
def test_wrong_input_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert card(*words, out=tmp_path) == 2
    told = capsys.readouterr()
    assert told.err.startswith(sentence)
    assert len(told.err.splitlines()) == 1
    assert not told.out


def test_html_is_written_with_a_model_index_beside_it_or_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "fair.html"
    assert card("coin-fair", "--html", str(page), out=tmp_path) == 0
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "model-index:" in (tmp_path / "fair.model-index.md").read_text(encoding="utf-8")
    capsys.readouterr()
    assert card("coin-fair", "--html", out=tmp_path) == 0
    assert capsys.readouterr().out.startswith("<!DOCTYPE html>")


def test_a_page_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert card("coin-fair", "--html", str(tmp_path / "nowhere" / "fair.html"), out=tmp_path) == 1
    assert capsys.readouterr().err.startswith("cogattn: --html must be a writable file; got No such file")
