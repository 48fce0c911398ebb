"""Both studies as data sets of BIDS derivatives: numbers unchanged, everything described, valid for BIDS' own tool."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from cogattn.cli import main
from cogattn.eeg.derivatives import aad, efr
from cogattn.registry import load_study, load_target
from cogattn.reporting.crate.deposit import Deposit

FOLDER = "sub-listener1/eeg/sub-listener1_task-listening"
SAID = Deposit(("Ada Lovelace 0000-0002-1825-0097", "Bob"), licence="CC0-1.0")


def table(files: dict[str, bytes], name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(files[name]), sep="\t", na_values="n/a", keep_default_na=False)


def test_every_decision_of_every_listener_is_there_unchanged(make) -> None:
    run = make("aad", ["listener 1", "listener 2"])
    files = aad.derivatives(run)
    windows = run.trials("window")
    for label, name in (("listener1", "listener 1"), ("listener2", "listener 2")):
        own = windows[windows["listener"] == name].drop(columns="listener").reset_index(drop=True)
        found = table(files, f"sub-{label}/eeg/sub-{label}_task-listening_desc-decisions_stat.tsv")
        pd.testing.assert_frame_equal(found, own, check_dtype=False)
    accuracy = table(files, f"{FOLDER}_desc-accuracy_stat.tsv")
    assert accuracy[["n", "accuracy", "lo", "hi"]].to_numpy().tolist() == [[2, 0.5, 0.1, 0.9]]
    listener = table(files, f"{FOLDER}_desc-listener_stat.tsv")
    assert listener[["mesd_s", "p", "test"]].to_numpy().tolist() == [[float("inf"), 0.01, "refit"]]


def test_responses_are_there_with_unit_p_and_n(make) -> None:
    files = efr.derivatives(make("efr", ["listener 1"]))
    found = table(files, f"{FOLDER}_desc-amplitude_stat.tsv")
    assert found[["amplitude", "snr_db", "n"]].to_numpy().tolist() == [[3e-7, 12.0, 60]] * 2
    told = json.loads(files[f"{FOLDER}_desc-amplitude_stat.json"])
    assert (told["amplitude"]["Units"], told["snr_db"]["Units"]) == ("V", "dB")
    assert table(files, f"{FOLDER}_desc-detection_stat.tsv")["testable"].tolist() == [True, True]
    assert table(files, f"{FOLDER}_channels.tsv")["name"].tolist() == ["Cz"]  # a spatial filter is no channel


@pytest.mark.parametrize("study", [aad, efr])
def test_every_column_of_every_table_is_described_beside_it(make, study) -> None:
    files = study.derivatives(make(study.__name__.rpartition(".")[2], ["listener 1", "listener 2"]))
    tables = [name for name in files if name.endswith(".tsv")]
    assert len(tables) > 6
    for name in tables:
        told = json.loads(files[name.replace(".tsv", ".json")])
        assert all(told[column]["Description"] for column in table(files, name).columns), name
    kinds = {match[1] for name in tables if (match := re.search(r"_(desc-\w+)_stat", name))}
    assert set(table(files, "descriptions.tsv")["desc_id"]) == kinds


def test_a_parts_without_rows_has_no_file(make) -> None:
    assert not [name for name in aad.derivatives(make("aad", ["a"])) if "features" in name]


def test_persons_are_told_apart_and_named_as_in_the_recordings(make) -> None:
    files = aad.derivatives(make("aad", ["S 1", "s-1"], bads={"S 1": "T7, T8"}))
    people = table(files, "participants.tsv")
    assert people["source_id"].tolist() == ["S 1", "s-1"]
    assert people["participant_id"].str.casefold().is_unique
    first = people["participant_id"][0]
    channels = table(files, f"{first}/eeg/{first}_task-listening_channels.tsv")
    assert dict(zip(channels["name"], channels["status"], strict=True)) == {
        "Cz": "good", "Fz": "good", "T7": "bad", "T8": "bad",
    }  # fmt: skip


def test_a_data_set_says_what_made_it_from_what_and_claims_nothing_for_people(make) -> None:
    run = make("aad", ["listener 1"])
    told = json.loads(aad.derivatives(run)["dataset_description.json"])
    assert (told["DatasetType"], told["GeneratedBy"][0]["Version"]) == ("derivative", "0.1.0")
    assert not {"Authors", "License", "SourceDatasets"} & set(told)
    readme = aad.derivatives(run)["README.md"].decode()
    assert "simulated: nobody was recorded" in readme
    assert "two | listeners" in readme
    said = json.loads(aad.derivatives(run, SAID)["dataset_description.json"])
    assert (said["Authors"], said["License"]) == (["Ada Lovelace", "Bob"], "CC0-1.0")


def test_recordings_of_a_bids_data_set_keep_task_session_and_run_and_are_its_source(
    make, tmp_path: Path
) -> None:
    doi = "10.18112/openneuro.ds1.v1"
    raw = {"Name": "Listening", "BIDSVersion": "1.8.0", "DatasetDOI": f"doi:{doi}"}
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/dataset_description.json").write_text(json.dumps(raw))
    source = {
        "kind": "bids",
        "root": str(tmp_path / "raw"),
        "subjects": ["01"],
        "task": "story",
        "session": "a",
        "run": "2",
    }
    files = efr.derivatives(make("efr", ["sub-01"], recordings={**source, "unit": "arbitrary"}))
    stem = "sub-01/ses-a/eeg/sub-01_ses-a_task-story_run-2"
    assert table(files, f"{stem}_channels.tsv")["units"].isna().all()
    told = json.loads(files[f"{stem}_desc-amplitude_stat.json"])
    assert (told["TaskName"], told["amplitude"]["Units"]) == ("story", "arbitrary")
    described = json.loads(files["dataset_description.json"])
    assert described["SourceDatasets"] == [{"URL": f"https://doi.org/{doi}", "DOI": f"doi:{doi}"}]
    paper, data, _ = described["ReferencesAndLinks"]
    assert (paper, data) == ("https://doi.org/10.48550/arXiv.2507.05635", f"https://doi.org/{doi}")
    readme = files["README.md"].decode()
    assert "simulated" not in readme
    assert "@misc{listening,\n  title = {Listening: BIDS data set}" in readme


@pytest.mark.parametrize("study", [aad, efr])
def test_the_study_names_what_makes_its_derivatives(study) -> None:
    name = study.__name__.rpartition(".")[2]
    assert load_target(load_study(name).derivatives) is study.derivatives


def test_a_damaged_table_is_no_derivative(make) -> None:
    run = make("aad", ["listener 1"])
    (run.folder / "tables/listeners.csv").write_text("decoder\n")
    with pytest.raises(Exception, match="must have the SHA-256 of the manifest"):
        aad.derivatives(run)


# -- BIDS' own validator -----------------------------------------------------------------------------------


def errors(folder: Path) -> list[tuple[str, str]]:
    """What bids-validator finds wrong: code and place."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    program = shutil.which("bids-validator-deno", path=os.pathsep.join(places))
    assert program, "bids-validator-deno comes with the extra test"
    command = [program, folder, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return sorted((one["code"], one.get("location", "")) for one in issues if one["severity"] == "error")


@pytest.mark.slow
@pytest.mark.parametrize("study", [aad, efr])
def test_the_validator_finds_no_error_and_without_bidsignore_only_our_suffix(
    make, study, tmp_path: Path
) -> None:
    files = study.derivatives(make(study.__name__.rpartition(".")[2], ["S 1", "s-1"]), SAID)
    for name, data in files.items():
        (tmp_path / "bids" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bids" / name).write_bytes(data)
    assert errors(tmp_path / "bids") == []
    (tmp_path / "bids/.bidsignore").unlink()
    found = errors(tmp_path / "bids")
    assert {code for code, _ in found} == {"NOT_INCLUDED"}
    assert {place for _, place in found} == {f"/{name}" for name in files if "_stat." in name}
    (tmp_path / "bids/participants.tsv").write_text("participant_id\nsub-99\n")
    assert {code for code, _ in errors(tmp_path / "bids")} > {"NOT_INCLUDED"}


SMALL = {
    "aad": "--recordings.n-listeners 2 --recordings.n-trials 3 --recordings.trial-s 20 --recordings.n-channels 4 "
    "--decoders ridge --windows-s 1 5 --significance.n-permutations 19",
    "efr": "--recordings.n-listeners 2 --recordings.n-channels 4 --recordings.duration-s 60 "
    "--significance.n-bootstrap 50 --steady-state.modulation-hz 43",
}


@pytest.mark.slow
@pytest.mark.parametrize("study", SMALL)
def test_a_run_becomes_a_data_set_from_the_command_line(
    study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([study, *SMALL[study].split(), "--workers", "1"]) == 0
    (run,) = (tmp_path / "runs" / study).iterdir()
    assert main(["runs", "bids", run.name, "--to", "bids", "--author", "Ada", "--author", "Bob"]) == 0
    assert errors(tmp_path / "bids") == []
    assert main(["runs", "bids", run.name, "--to", "bids.zip"]) == 0
    there = {path.relative_to("bids").as_posix() for path in Path("bids").rglob("*") if path.is_file()}
    with zipfile.ZipFile("bids.zip") as archive:
        assert set(archive.namelist()) == there
