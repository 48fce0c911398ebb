"""A run as an RO-Crate: another library opens it, every hash is that of its file, nothing is claimed for people."""

from __future__ import annotations

import hashlib
import json
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from cogattn.errors import ConfigError, StoreError
from cogattn.reporting.crate.bibtex import read
from cogattn.reporting.crate.deposit import Deposit
from cogattn.reporting.crate.files import crate_of, document_of, entities, write_crate
from cogattn.reporting.crate.graph import NO_LICENCE, PROFILE, SPECIFICATION, Made, metadata
from cogattn.reporting.crate.sources import Input, Source
from cogattn.running.atomic import sha256_hex
from cogattn.running.catalogue import verify
from cogattn.running.execute import run_study
from cogattn.running.records import CRATE, Provenance
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
CONFIG = CoinConfig(n_cells=1)
"""Of the run in conftest."""
SAID = Deposit(("Ada Lovelace 0000-0002-1825-0097", "Bob"), "Bob", "CC-BY-4.0")


def entity(document: dict, identifier: str) -> dict:
    (found,) = (one for one in entities(document) if one["@id"] == identifier)
    return found


def each(value: object) -> list:
    return value if isinstance(value, list) else [] if value is None else [value]


def references(value: object) -> Iterator[str]:
    """Every @id that an entity points at."""
    for one in each(value):
        if isinstance(one, dict) and set(one) == {"@id"}:
            yield one["@id"]


def test_another_library_walks_the_crate_and_finds_every_file_with_its_hash(
    run: RunFolder, tmp_path: Path
) -> None:
    write_crate(run, tmp_path / "crate", SAID)
    crate = ROCrate(tmp_path / "crate")
    there = {p.relative_to(crate.source).as_posix() for p in Path(crate.source).rglob("*") if p.is_file()}
    files = {one.id: one for one in crate.data_entities if one.type == "File"}
    assert set(files) == there - {CRATE}
    assert {"tables/summary.csv", "trials/tosses.parquet", "MANIFEST.json", "provenance.json"} < set(files)
    for name, one in files.items():
        data = (tmp_path / "crate" / name).read_bytes()
        assert one["sha256"] == hashlib.sha256(data).hexdigest()
        assert one["contentSize"] == str(len(data))
    assert crate.root_dataset["name"] == f"cogattn coin {run.id}"
    assert crate.root_dataset["license"].id == "https://spdx.org/licenses/CC-BY-4.0"
    assert [one["name"] for one in crate.root_dataset["author"]] == ["Ada Lovelace", "Bob"]
    assert crate.root_dataset["author"][0].id == "https://orcid.org/0000-0002-1825-0097"
    assert crate.root_dataset["citation"]["name"].startswith("Fair coins tend to land")


def test_no_reference_leads_nowhere_and_nothing_is_there_twice(run: RunFolder) -> None:
    document = json.loads(crate_of(run, SAID))
    found = [one["@id"] for one in entities(document)]
    assert len(set(found)) == len(found)
    pointed = {r for one in entities(document) for value in one.values() for r in references(value)}
    assert pointed - set(found) == {SPECIFICATION}


def test_the_command_is_an_action_as_the_profile_has_it(run: RunFolder) -> None:
    document = document_of(run)
    (session,) = run.read(Provenance).sessions
    root, action = entity(document, "./"), entity(document, "#session-1")
    assert root["conformsTo"] == {"@id": PROFILE}
    assert root["mentions"] == {"@id": "#session-1"}
    assert action["@type"] == "CreateAction"
    assert action["startTime"] == session.started <= action["endTime"]
    assert "--n-cells 1" in action["description"]
    software = entity(document, action["instrument"]["@id"])
    assert (software["@type"], software["name"]) == ("SoftwareApplication", "cogattn")
    assert software["softwareVersion"] == session.versions["cogattn"]
    assert entity(document, software["identifier"]["@id"])["value"] == session.code
    results, objects = set(references(action["result"])), set(references(action["object"]))
    assert "tables/summary.csv" in results
    assert {"config.json", "#setting-tosses"} <= objects
    assert entity(document, "#setting-tosses")["value"] == CONFIG.tosses
    assert not results & objects
    assert set(references(root["hasPart"])) == results | {"config.json"}


def test_nothing_is_claimed_that_only_people_can_say(run: RunFolder) -> None:
    document = document_of(run)
    assert entity(document, "./")["license"] == NO_LICENCE
    assert "author" not in entity(document, "./")
    assert not [one for one in entities(document) if "agent" in one]
    said = json.loads(crate_of(run, SAID))
    assert entity(said, "#session-1")["agent"] == {"@id": "#person-Bob"}


@pytest.mark.parametrize(
    ("licence", "wanted"),
    [
        ("https://example.org/terms", {"@id": "https://example.org/terms"}),
        ("Ask the lab first.", "Ask the lab first."),
    ],
)
def test_a_licence_may_be_an_address_or_a_sentence(run: RunFolder, licence: str, wanted: object) -> None:
    assert entity(json.loads(crate_of(run, Deposit(licence=licence))), "./")["license"] == wanted


@pytest.mark.parametrize("who", ["author", "agent"])
def test_a_person_without_a_name_is_refused(who: str) -> None:
    orcid = "0000-0002-1825-0097"
    with pytest.raises(ConfigError, match=f"--{who} must be a name, an ORCID may follow; got '{orcid}'"):
        Deposit(authors=(orcid,) if who == "author" else (), agent=orcid if who == "agent" else "")


def test_equal_runs_are_equal_archives(run: RunFolder, tmp_path: Path) -> None:
    write_crate(run, tmp_path / "a.zip", SAID)
    for path in run.folder.rglob("*"):
        os.utime(path, (1, 1))
    write_crate(run, tmp_path / "b.zip", SAID)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == CRATE
        assert {
            (info.date_time[0], info.create_system, info.compress_type) for info in archive.infolist()
        } == {(1980, 3, zipfile.ZIP_STORED)}
        manifest = run.manifest().files
        assert {name: sha256_hex(archive.read(name)) for name in manifest} == manifest


def test_a_damaged_file_is_not_packed_and_nothing_is_left_behind(run: RunFolder, tmp_path: Path) -> None:
    (run.folder / "tables/summary.csv").write_text("observer\n")
    (tmp_path / "to").mkdir()
    for to in ("run.zip", "folder"):
        with pytest.raises(StoreError, match=r"tables/summary.csv of run .* must have the SHA-256"):
            write_crate(run, tmp_path / "to" / to)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_manifest_that_names_a_file_elsewhere_leads_nowhere(run: RunFolder, tmp_path: Path) -> None:
    (run.folder.parent / "outside.txt").write_text("secret")
    files = {**run.manifest().files, "../outside.txt": sha256_hex(b"secret")}
    run.write(run.manifest().model_copy(update={"files": files}))
    for to in ("run.zip", "folder"):
        with pytest.raises(StoreError, match=r"must list files of the run; got '../outside.txt'"):
            write_crate(run, tmp_path / "to" / to)
    assert list((tmp_path / "to").iterdir()) == []


def test_what_stands_there_is_not_overwritten(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "run.zip").write_text("mine")
    with pytest.raises(ConfigError, match=r"--to must name what is not there yet; got"):
        write_crate(run, tmp_path / "run.zip")
    assert (tmp_path / "run.zip").read_text() == "mine"


def test_what_was_read_is_told_with_hashes_and_terms(run: RunFolder) -> None:
    weights = Input("weights of resnet50", "ab" * 32)
    shared = {"licence": "MIT", "told": "x.org/sets", "url": "https://x.org/sets"}
    rooms = [Source(name, "pictures", doi="10.1000/1", **shared) for name in ("rooms", "gardens")]
    session = run.read(Provenance).sessions[0]
    made = Made(
        study="s", about="?", run=run.id, reference=read(CoinStudy.reference), settings={"a.b": "[1, 2]"},
        sessions=[session, session], finished="", files={"config.json": ("cd" * 32, 7), "t.csv": ("ef" * 32, 8)},
        inputs=[weights], sources=rooms, remarks=["Mind this."],
    )  # fmt: skip
    document = metadata(made)
    by_name = {one["name"]: one for one in entities(document) if "name" in one}
    assert by_name["weights of resnet50"]["sha256"] == "ab" * 32
    assert {by_name[name]["license"] for name in ("rooms", "gardens")} == {"MIT"}
    assert by_name["rooms"]["identifier"] == "https://doi.org/10.1000/1"
    first, second = entity(document, "#session-1"), entity(document, "#session-2")
    pointed = {by_name[name]["@id"] for name in ("weights of resnet50", "rooms", "gardens", "a.b")}
    assert set(references(second["object"])) == {"config.json", *pointed}
    assert len(list(references(entity(document, "./")["isBasedOn"]))) == 2
    assert entity(document, "./")["description"].endswith("Mind this.")
    assert "result" not in first  # what an earlier start left are cells
    assert second["result"] == {"@id": "t.csv"}
    assert "endTime" not in second


# -- in the run's folder -----------------------------------------------------------------------------------


def test_a_flipped_bit_of_the_metadata_is_found_and_the_same_command_makes_them_again(run: RunFolder) -> None:
    path, rng = run.folder / CRATE, random.Random(0)
    whole = path.read_bytes()
    for _ in range(60):
        place = rng.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :])
        assert [problem for problem in verify(run) if CRATE in problem], place
    tables = (run.folder / "tables/summary.csv").read_bytes()
    run_study(COIN, CONFIG, out=run.root)
    assert verify(run) == []
    assert (run.folder / "tables/summary.csv").read_bytes() == tables
    assert list((run.folder / "quarantine").iterdir())


def test_metadata_of_another_run_are_found(run: RunFolder) -> None:
    other = run_study(COIN, CONFIG.model_copy(update={"seed": 9}), out=run.root)
    (run.folder / CRATE).write_bytes((other.folder / CRATE).read_bytes())
    (problem,) = verify(run)
    assert f"must tell of the files in MANIFEST.json; got others ({run.folder / CRATE})" in problem


def test_a_run_without_metadata_is_whole_and_gets_them_when_it_is_packed(run: RunFolder) -> None:
    stored = document_of(run)
    (run.folder / CRATE).unlink()
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    assert verify(run) == []
    run_study(COIN, CONFIG, out=run.root)
    assert {p: p.stat().st_mtime_ns for p in before if p.name != ".lock"}.items() <= before.items()
    made = document_of(run, study=CoinStudy())
    assert not (run.folder / CRATE).exists()
    del entity(stored, "#session-1")["endTime"]
    entity(stored, "#seal")["value"] = entity(made, "#seal")["value"]
    assert made == stored


def test_a_run_that_goes_on_has_no_metadata_of_its_past(run: RunFolder) -> None:
    run.reopen()
    assert not (run.folder / CRATE).exists()
    with pytest.raises(StoreError, match="must be finished"):
        document_of(run)


def test_the_manifest_is_the_same_whenever_and_however_a_run_was_started(
    run: RunFolder, tmp_path: Path
) -> None:
    again = run_study(COIN, CONFIG, out=tmp_path / "again", argv=["another", "command"])
    assert (again.folder / "MANIFEST.json").read_bytes() == (run.folder / "MANIFEST.json").read_bytes()
    assert (again.folder / CRATE).read_bytes() != (run.folder / CRATE).read_bytes()
