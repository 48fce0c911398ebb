"""Deleting a run takes its folder and the cells that no other run lists: nothing else, whatever happens meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogattn.errors import StoreError
from cogattn.running.atomic import sealed, write_atomically
from cogattn.running.catalogue import list_runs, verify
from cogattn.running.deletion import delete, planned_deletions
from cogattn.running.execute import begin, open_run, run_study
from cogattn.running.identity import make_plan
from cogattn.running.job_records import Ended, JobRecord, job_folder
from cogattn.running.records import CellList
from cogattn.running.shelf import SHELF
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
FEW, MANY, OTHER = CoinConfig(n_cells=2), CoinConfig(n_cells=3), CoinConfig(n_cells=2, seed=1)
"""FEW's four cells are among MANY's six; OTHER's are its own."""


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFolder]:
    return [run_study(COIN, config, out=tmp_path) for config in (FEW, MANY, OTHER)]


def files(root: Path) -> set[str]:
    """All files of a store but locks."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name for name in found if "/.lock" not in name}


def listed(run: RunFolder) -> set[str]:
    cells = run.read(CellList)
    assert cells is not None
    return {f"cells/coin/{cell.name[:2]}/{cell.name}.zip" for cell in cells.cells}


def test_the_folder_and_cells_of_no_other_run_go_and_nothing_else(
    tmp_path: Path, runs: list[RunFolder]
) -> None:
    few, many, other = runs
    before, own = files(tmp_path), listed(many) - listed(few)
    (planned,) = planned_deletions([many])
    assert files(tmp_path) == before
    deletion = delete(many)
    gone = before - files(tmp_path)
    assert {name for name in gone if not name.startswith(f"coin/{many.id}/")} == own
    assert (deletion.n_cells, deletion.n_kept) == (planned.n_cells, planned.n_kept) == (2, 4)
    assert files(tmp_path) < before
    assert not many.folder.exists()
    assert [verify(run) for run in (few, other)] == [[], []]
    assert list_runs(tmp_path) == sorted((few, other), key=lambda run: run.id)


def test_runs_that_go_together_take_the_cells_that_they_share(tmp_path: Path, runs: list[RunFolder]) -> None:
    few, many, _ = runs
    planned = planned_deletions([few, many])
    assert [(one.n_cells, one.n_kept) for one in planned] == [(0, 4), (6, 0)]
    for one in planned:
        delete(one.run)
    assert sum(name.endswith(".zip") for name in files(tmp_path)) == 4


def test_a_deleted_run_is_computed_again_as_it_was(tmp_path: Path, runs: list[RunFolder]) -> None:
    other = runs[2]
    before = (other.folder / "tables" / "summary.csv").read_bytes()
    delete(other)
    assert (run_study(COIN, OTHER, out=tmp_path).folder / "tables" / "summary.csv").read_bytes() == before


def test_the_list_of_an_unfinished_run_keeps_its_cells(tmp_path: Path, runs: list[RunFolder]) -> None:
    few, many, _ = runs
    few.reopen()
    delete(many)
    assert all((tmp_path / name).is_file() for name in listed(few))


def test_checkpoints_of_cells_that_go_are_removed_and_others_stay(
    tmp_path: Path, runs: list[RunFolder]
) -> None:
    few, many, _ = runs
    folder = tmp_path / "checkpoints" / "coin"
    folder.mkdir(parents=True)
    own, shared = sorted(listed(many) - listed(few))[0], sorted(listed(few))[0]
    for name in (own, shared):
        (folder / f"{Path(name).stem}.bin").write_bytes(b"x")
    delete(many)
    assert [path.stem for path in folder.iterdir()] == [Path(shared).stem]


def test_stimuli_go_with_the_last_run_of_their_study(tmp_path: Path, runs: list[RunFolder]) -> None:
    kept = tmp_path / SHELF / "coin" / "x.rows"
    kept.parent.mkdir(parents=True)
    kept.touch()
    others = tmp_path / SHELF / "another" / "y.rows"
    others.parent.mkdir()
    others.touch()
    for run in runs:
        assert kept.exists()
        delete(run)
    assert not kept.exists()
    assert others.exists()


def write_job(run: RunFolder, pid: int, *, host: str = "", ended: bool = False) -> Path:
    """A job's folder as the dashboard writes it."""
    folder = job_folder(run)
    folder.mkdir(parents=True)
    job = JobRecord(
        study=run.study, run_id=run.id, host=host or socket.gethostname(), pid=pid, born="", started="", workers=1
    )  # fmt: skip
    records = [job, Ended(code=0, at="")] if ended else [job]
    for record in records:
        write_atomically(folder / record.file, sealed(record.model_dump(mode="json")))
    (folder / "log.txt").write_text("2 of 2 cells")
    return folder


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@pytest.mark.parametrize("ended", [True, False], ids=["ended", "died"])
def test_the_folder_of_its_job_goes_with_a_run_and_those_of_others_stay(
    tmp_path: Path, runs: list[RunFolder], dead: int, ended: bool
) -> None:
    own, other = (write_job(run, os.getpid() if ended else dead, ended=ended) for run in runs[1:])
    deletion = delete(runs[1])
    assert not own.exists()
    assert (other / "log.txt").exists()
    assert deletion.note == ""


@pytest.mark.parametrize("host", ["", "another machine"], ids=["here", "elsewhere"])
def test_the_folder_of_a_job_that_may_be_at_work_stays_and_is_named(
    tmp_path: Path, runs: list[RunFolder], dead: int, host: str
) -> None:
    folder = write_job(runs[2], dead if host else os.getpid(), host=host)
    assert str(folder) in planned_deletions([runs[2]])[0].note
    delete(runs[2])
    assert (folder / "log.txt").exists()
    assert not runs[2].folder.exists()


def test_a_link_in_a_run_s_folder_is_removed_and_not_followed(tmp_path: Path, runs: list[RunFolder]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (runs[2].folder / "extra").symlink_to(outside)
    delete(runs[2])
    assert (outside / "kept").read_text() == "x"


def test_a_damaged_list_of_another_run_refuses_and_its_own_leaves_the_cells(
    tmp_path: Path, runs: list[RunFolder]
) -> None:
    few, many, other = runs
    (few.folder / "cells.json").write_text("{}")
    before = files(tmp_path)
    for attempt in (lambda: planned_deletions([many]), lambda: delete(many)):
        with pytest.raises(
            StoreError, match=rf"cells.json of run {few.id} must be readable.*delete that run first"
        ):
            attempt()
    assert files(tmp_path) == before
    deletion = delete(few)
    assert (deletion.n_cells, deletion.note) == (0, "its list of cells is damaged, so its cells stay")
    assert verify(many) == verify(other) == []
    assert delete(many).n_cells == 6


BUSY = """
import sys, time
from pathlib import Path
from cogattn.running.execute import open_run
from cogattn.testing.coin import CoinConfig, CoinStudy
config = CoinConfig.model_validate_json(sys.argv[2])
with open_run(CoinStudy(), config, Path(sys.argv[1])).at_work(config):
    print("at work", flush=True)
    time.sleep(600)
"""


@contextmanager
def somebody_at_work(root: Path, config: CoinConfig) -> Iterator[int]:
    words = [sys.executable, "-c", BUSY, str(root), config.canonical()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "at work\n"
            yield process.pid
        finally:
            process.send_signal(signal.SIGKILL)


def test_a_run_that_somebody_is_at_work_on_is_refused_naming_the_process_and_a_dead_one_is_not(
    tmp_path: Path, runs: list[RunFolder]
) -> None:
    few, many, _ = runs
    before = files(tmp_path)
    with somebody_at_work(tmp_path, MANY) as pid:
        for attempt in (lambda: planned_deletions([many]), lambda: delete(many)):
            with pytest.raises(
                StoreError, match=rf"run {many.id} must be idle.*, process {pid}, for \d+ s at work"
            ):
                attempt()
        assert files(tmp_path) == before
        assert verify(many) == []  # a claim is no foreign file
        assert delete(few).n_kept == 4
    assert delete(many).n_cells == 6


def test_a_run_in_this_process_is_claimed_while_its_cells_are_computed(tmp_path: Path) -> None:
    refused = []

    def attempt(_: object) -> None:
        with pytest.raises(StoreError, match=rf"process {os.getpid()}, for"):
            delete(open_run(COIN, FEW, tmp_path))
        refused.append(True)

    run = run_study(COIN, FEW, out=tmp_path, on_progress=attempt)
    assert refused
    assert run.workers() == []
    delete(run)


def test_cells_of_a_run_that_has_just_begun_stay(tmp_path: Path) -> None:
    """MANY begins when FEW's cells are stored, and takes them; then FEW is deleted before MANY is written out."""
    few = run_study(COIN, FEW, out=tmp_path)
    deletions = []

    def attempt(_: object) -> None:
        if few.folder.exists():
            deletions.append(delete(few))

    many = run_study(COIN, MANY, out=tmp_path, on_progress=attempt)
    assert [one.n_kept for one in deletions] == [4]
    assert verify(many) == []


def test_a_run_that_begins_during_a_deletion_waits_and_computes_what_is_gone(tmp_path: Path) -> None:
    """The list of a run is written under the lock that a deletion holds, and only then is asked what is missing."""
    few = run_study(COIN, FEW, out=tmp_path)
    started, done = threading.Event(), threading.Event()

    def start() -> None:
        started.set()
        run_study(COIN, MANY, out=tmp_path)
        done.set()

    with few.cells.lock():
        thread = threading.Thread(target=start)
        thread.start()
        started.wait()
        assert not done.wait(0.5)
        assert not open_run(COIN, MANY, tmp_path).folder.exists()
        for name in listed(few):
            (tmp_path / name).unlink()
    thread.join()
    assert verify(open_run(COIN, MANY, tmp_path)) == []


def test_a_list_is_written_under_the_lock_of_the_cells(tmp_path: Path) -> None:
    study = CoinStudy()
    run = open_run(study, FEW, tmp_path)
    run.create(FEW)
    from cogattn.running.execute import Execution

    thread = threading.Thread(target=begin, args=(run, make_plan(study, FEW), Execution(), ()))
    with run.cells.lock():
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert run.read(CellList) is None
    thread.join()
    assert run.read(CellList) is not None


class Cut(BaseException):
    """The process ends here."""


@contextmanager
def cut_after(steps: int) -> Iterator[list[int]]:
    """End the process, as far as it can tell, before the step of this number that changes a folder."""
    taken = [0]
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((os, "unlink"), (os, "rename"), (os, "replace"), (os, "rmdir")):
            original = getattr(owner, name)

            def counted(*args: object, original=original, **options: object) -> object:
                if ".lock" not in str(args[0]):
                    taken[0] += 1
                    if taken[0] > steps:
                        raise Cut
                return original(*args, **options)

            patch.setattr(owner, name, counted)
        yield taken


@pytest.mark.slow
def test_a_deletion_cut_short_anywhere_leaves_what_verifies_and_can_be_deleted_or_run_again(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole"
    few, many = (run_study(COIN, config, out=whole) for config in (FEW, MANY))
    steps, finished = 0, False
    while not finished:
        root = tmp_path / str(steps)
        shutil.copytree(whole, root)
        many, few = (open_run(COIN, config, root) for config in (MANY, FEW))
        with cut_after(steps):
            try:
                delete(many)
                finished = True
            except Cut:
                pass
        assert verify(few) == []
        if many.folder.exists():
            assert [p for p in verify(many) if "MANIFEST" not in p] == []
            if steps % 2:
                run_study(COIN, MANY, out=root)
                assert verify(many) == []
            delete(many)
        else:
            delete(few)
        left = {name for name in files(root) if not name.startswith(("cells/", f"coin/{few.id}"))}
        assert left == set()
        steps += 1
    assert steps > 10
