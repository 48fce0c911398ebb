"""``cogattn runs crate``, ``bids`` and ``cite``."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from cogattn.cli import main
from cogattn.registry import load_study
from cogattn.running.execute import open_run, run_study
from cogattn.running.records import CRATE
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.chdir(tmp_path)
    return run_study(COIN, CoinConfig(n_cells=1), out=tmp_path / "runs")


def test_a_crate_is_printed_or_written_with_what_people_say(run: RunFolder, capsys: Captured) -> None:
    words = ["runs", "crate", run.id[:6], "--author", "Ada", "--author", "Bob", "--licence", "CC-BY-4.0"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert [one["name"] for one in json.loads(printed)["@graph"] if one["@type"] == "Person"][-2:] == [
        "Ada",
        "Bob",
    ]
    assert main([*words, "--to", "deposit/run.zip"]) == 0
    assert capsys.readouterr().out == "written: deposit/run.zip\n"
    with zipfile.ZipFile("deposit/run.zip") as archive:
        assert archive.read(CRATE).decode() == printed
    assert main([*words, "--to", "deposit/run.zip"]) == 2
    assert "--to must name what is not there yet; got deposit/run.zip" in capsys.readouterr().err
    assert main([*words, "--to", "deposit/folder"]) == 0
    assert (Path("deposit/folder") / CRATE).read_text(encoding="utf-8") == printed


def test_what_to_cite_is_printed_as_bibtex_and_as_json(run: RunFolder, capsys: Captured) -> None:
    assert main(["runs", "cite", run.id]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("@article{bartos2023fair,\n")
    assert "\n@software{cogattn,\n" in printed
    assert main(["runs", "cite", run.id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "\n\n".join(one["bibtex"] for one in told) + "\n" == printed
    assert told[0]["url"] == "https://doi.org/10.48550/arXiv.2310.04153"


def test_derivatives_of_a_study_without_recordings_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    masking = load_study("masking")
    run = open_run(masking, masking.Config(), Path("runs"))
    run.create(masking.Config())
    assert main(["runs", "bids", run.id, "--to", "bids"]) == 2
    assert "must be of a study of recordings to be BIDS derivatives; got masking" in capsys.readouterr().err
    assert not Path("bids").exists()


def test_an_unfinished_run_is_neither_packed_nor_cited(tmp_path: Path, capsys: Captured) -> None:
    run = open_run(COIN, CoinConfig(), tmp_path)
    run.create(CoinConfig())
    for words in (["crate", run.id, "--to", str(tmp_path / "a.zip")], ["cite", run.id]):
        assert main(["runs", *words, "--out", str(tmp_path)]) == 1
        assert f"run {run.id} must be finished" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()
