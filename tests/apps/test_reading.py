"""The store as pages read it: once, in helpings, with what is damaged named."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from cogattn.apps.dashboard.runs import reading
from cogattn.errors import ConfigError
from cogattn.running.listing import Survey, survey
from cogattn.running.lock import LOCK, claimed
from cogattn.running.store import RunFolder
from tests.apps.made_runs import COIN, Made, finish, make_run

DEAD = 2**22 + 1
"""No process has this number: Linux counts to 2**22."""


@pytest.fixture
def read_ids(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs whose records have been read, in order."""
    ids: list[str] = []

    def counted(run: RunFolder) -> Survey:
        ids.append(run.id)
        return survey(run)

    monkeypatch.setattr(reading, "survey", counted)
    return ids


def test_a_run_is_read_once_and_again_when_its_files_change(tmp_path: Path, read_ids: list[str]) -> None:
    run = make_run(tmp_path, "coin", COIN)
    other = make_run(tmp_path, "coin", {**COIN, "seed": 1})
    for _ in range(3):
        reading.read(tmp_path)
    assert sorted(read_ids) == sorted([run.id, other.id])
    (run.folder / "MANIFEST.json").write_bytes(b"{}")
    statuses = {one.run.id: one.status for one in reading.read(tmp_path).runs}
    assert read_ids[2:] == [run.id]
    assert statuses == {run.id: "damaged", other.id: "finished"}


def test_a_helping_takes_the_newest_first_and_says_how_many_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run(tmp_path, "coin", {**COIN, "seed": seed}) for seed in range(4)]
    for age, run in enumerate(runs):
        os.utime(run.folder, (1000 - age, 1000 - age))
    clock = iter(range(100))
    monkeypatch.setattr(reading.time, "monotonic", lambda: float(next(clock)))
    found = reading.read(tmp_path, seconds=2)
    assert [one.run.id for one in found.runs] == [run.id for run in runs[:2]]
    assert found.unread == 2
    assert reading.read(tmp_path, seconds=1e9).unread == 0


def test_a_deleted_run_is_let_go(tmp_path: Path) -> None:
    run = make_run(tmp_path, "coin", COIN)
    assert len(reading.read(tmp_path).runs) == 1
    run.folder.rename(tmp_path / "elsewhere")
    assert reading.read(tmp_path).runs == ()
    assert run not in reading._kept


def test_an_unfinished_run_is_running_while_a_process_is_at_work_on_it(tmp_path: Path) -> None:
    made = Made(n_cells=3, stored=1, finished=False)
    run = make_run(tmp_path, "coin", COIN, made)

    def only() -> reading.Listed:
        return reading.read(tmp_path).runs[0]

    assert only().how_far == "stopped, 1 of 3 cells"
    with claimed(run.folder, of="it"):
        assert only().how_far == "running, 1 of 3 cells"
    assert only().status == "stopped"
    (run.folder / f"{LOCK}-01234567-owner").write_text(json.dumps([socket.gethostname(), DEAD, 0]))
    (run.folder / f"{LOCK}-01234567").touch()
    assert only().status == "stopped", "a dead process is not at work"
    assert (run.folder / f"{LOCK}-01234567").exists(), "looking must change nothing"
    finish(run, made)
    assert only().status == "finished"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "coin/../../../x", "coin/0123456789ab", "/etc", "", "coin", "cells/0123456789ab",
        "coin/" + "a" * 9999,
    ],
    ids=["up", "up-inside", "unknown", "root", "empty", "study-alone", "reserved", "long"],
)  # fmt: skip
def test_only_a_run_of_the_store_can_be_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "coin").mkdir()
    with pytest.raises(ConfigError):
        reading.run_named(tmp_path, name)


def test_a_link_out_of_the_store_is_no_run(tmp_path: Path) -> None:
    real = make_run(tmp_path / "other", "coin", COIN)
    (tmp_path / "store" / "coin").mkdir(parents=True)
    (tmp_path / "store" / "coin" / real.id).symlink_to(real.folder)
    with pytest.raises(ConfigError):
        reading.run_named(tmp_path / "store", f"coin/{real.id}")
