"""What a run read: hashes by name, and the data sets that are recognised in it and no others."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from cogattn.fetch import DataSet, Download, Manual, data_sets, names_digest
from cogattn.reporting.crate import sources
from cogattn.reporting.crate.sources import Input, inputs_of, of_registry, sources_of
from cogattn.running.records import CellRecord

TOLD = {"about": "twelve pictures", "licence": "CC BY 4.0"}
NAMED = DataSet(name="rooms", source="somewhere", **TOLD)
ONE_FILE = Download(
    name="answers",
    source="zenodo.org/records/42",
    url="https://x.org/a.csv",
    sha256="ab" * 32,
    n_bytes=1,
    **TOLD,
)
BY_HAND = Manual(
    name="listeners",
    source="doi 10.48804/K3VSND; Somebody (2024)",
    instructions="get it",
    pattern=r"S\d+\.mat",
    n_files=2,
    names_sha256=names_digest(["S1.mat", "S2.mat"]),
    **TOLD,
)


@pytest.fixture(autouse=True)
def _announced(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {one.name: one for one in (NAMED, ONE_FILE, BY_HAND)}
    monkeypatch.setattr(sources, "data_sets", lambda: known)


def record(observer: str, **contents: str) -> CellRecord:
    return CellRecord(
        study="s", cell={"observer": observer}, settings={}, contents=contents, code="", libraries={}, device="", cpu=""
    )  # fmt: skip


def names(*found: object) -> list[str]:
    return [one.name for one in sources_of(*found)]  # type: ignore[arg-type]


def test_what_observers_read_differently_has_their_names() -> None:
    records = [
        record("a", weights="1", images="i"),
        record("b", weights="2", images="i"),
        record("a", weights="1"),
    ]
    assert inputs_of(records, {"humans": "h", "images": "i"}) == [
        Input("images", "i"),
        Input("weights of a", "1"),
        Input("weights of b", "2"),
        Input("humans", "h"),
    ]


def test_a_data_set_is_recognised_by_its_name_its_hash_or_the_names_of_its_files(tmp_path: Path) -> None:
    for name in ("S1.mat", "S2.mat", "notes.txt"):
        (tmp_path / name).touch()
    assert names({"a": {"path": "rooms"}}, ()) == ["rooms"]
    assert names({"a": {"path": "roomy"}}, ()) == []
    assert names({}, {"ab" * 32}) == ["answers"]
    assert names({}, {"ac" * 32}) == []
    assert names({"paths": [str(tmp_path)]}, ()) == ["listeners"]
    (tmp_path / "S3.mat").touch()
    assert names({"paths": [str(tmp_path)]}, ()) == []


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("masking/cue_conflict", "cue-conflict"),
        ("masking/graysplit", "graysplit"),
        ("masking/model_vs_human", "model-vs-human"),
        ("scanpath/osie", "osie"),
        ("scanpath/sibs", "sibs"),
        ("rehearsal/flesch2018", "flesch2018"),
    ],
)
def test_real_data_sets_are_recognised(
    shared_data: Path, folder: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "data_sets", data_sets)
    assert names({"path": str(shared_data / folder)}, ()) == [name]


def test_a_folder_of_very_many_files_is_not_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("S1.mat", "S2.mat"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sources, "MOST_FILES", 1)
    assert names({"path": str(tmp_path)}, ()) == []


def test_doi_and_address_are_those_that_the_source_tells() -> None:
    assert of_registry(ONE_FILE).doi == "10.5281/zenodo.42"
    assert of_registry(ONE_FILE).url == "https://zenodo.org/records/42"
    assert of_registry(BY_HAND).doi == "10.48804/K3VSND"
    assert (of_registry(NAMED).doi, of_registry(NAMED).url) == ("", "")
    assert of_registry(ONE_FILE).reference.fields["note"] == "Licence: CC BY 4.0"


def test_a_bids_folder_describes_itself(tmp_path: Path) -> None:
    told = {"Name": "Listening", "License": "CC0", "DatasetDOI": "doi:10.18112/openneuro.ds1.v1"}
    (tmp_path / "dataset_description.json").write_text(json.dumps(told))
    (found,) = sources_of({"root": str(tmp_path)}, ())
    assert (found.name, found.licence, found.doi) == ("Listening", "CC0", "10.18112/openneuro.ds1.v1")
    (tmp_path / "dataset_description.json").write_text("{")
    assert sources_of({"root": str(tmp_path)}, ()) == []


def test_a_plugin_that_breaks_costs_no_run_its_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> dict[str, DataSet]:
        raise RuntimeError("a plugin")

    monkeypatch.setattr(sources, "data_sets", broken)
    with caplog.at_level(logging.WARNING):
        assert sources_of({"path": "rooms"}, ()) == []
    assert "a plugin" in caplog.text
