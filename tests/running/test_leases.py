"""A cell under way belongs to one driver, and to another one once that has died."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from cogattn.errors import StoreError
from cogattn.running import holders, leases
from cogattn.running.cells import CellStore
from cogattn.running.holders import Holder
from cogattn.running.leases import Leases, at_work, forget
from cogattn.running.records import CellRecord
from cogattn.study import Outcome

CELL = f"{'a' * 32}-{'b' * 16}"
OTHER = f"{'c' * 32}-{'d' * 16}"
BEAT_S = 10.0


class Clock:
    """The observer's own clock, moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return Clock.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    Clock.now = 1000.0
    monkeypatch.setattr(holders.time, "monotonic", Clock())
    return Clock


@pytest.fixture
def store(tmp_path: Path) -> CellStore:
    return CellStore(tmp_path, "coin")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "leases" / "coin"


def left_behind(store: CellStore, name: str = CELL, n: int = 0, **changes: object) -> Holder:
    """A lease of a driver of another host that does not count any more."""
    holder = Holder.of_this_process(BEAT_S).model_copy(update={"host": "node7", "boot": "another", **changes})
    folder = store.root / "leases" / store.study
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / f"{holder.token}.json").write_bytes(holder.packed(5))
    os.link(folder.parent / f"{holder.token}.json", folder / f"{name}.{n}")
    return holder


def count(store: CellStore, holder: Holder, beat: int) -> None:
    """Write as a driver does that is alive."""
    with open(store.root / "leases" / f"{holder.token}.json", "r+b") as file:
        file.write(holder.packed(beat))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# -- taking and giving back --------------------------------------------------------------------------------


@pytest.fixture(params=["links", "no links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With hard links, and on a file system that has none."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if request.param == "no links":
        monkeypatch.setattr(leases.os, "link", refuse)


@pytest.mark.usefixtures("links")
def test_a_cell_has_one_driver_at_a_time(store: CellStore) -> None:
    with Leases(store) as first, Leases(store) as second:
        assert first.take(CELL) is None
        assert second.take(CELL).token == first.holder.token
        assert second.take(OTHER) is None
        assert first.take(CELL) is None
        first.release(CELL)
        assert second.take(CELL) is None
        assert first.take(CELL).token == second.holder.token


def test_what_is_given_back_leaves_no_file(store: CellStore, folder: Path) -> None:
    with Leases(store) as own:
        own.take(CELL)
        own.take(OTHER)
        own.release(CELL)
        own.release(CELL)
        assert names_in(folder) == {f"{OTHER}.0"}
    assert names_in(folder) == set()
    assert names_in(folder.parent) == {"coin"}


def test_an_error_gives_all_leases_back(store: CellStore, folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted(store)
    assert names_in(folder) == set()


def interrupted(store: CellStore) -> None:
    with Leases(store) as own:
        own.take(CELL)
        raise KeyboardInterrupt


def test_what_others_hold_is_not_given_back(store: CellStore, folder: Path) -> None:
    with Leases(store) as first, Leases(store) as second:
        first.take(CELL)
        second.release(CELL)
        assert names_in(folder) == {f"{CELL}.0"}


def test_an_answer_that_a_file_server_lost_is_no_other_driver(
    store: CellStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def made_and_denied(source: Path, place: Path) -> None:
        link(source, place)
        raise FileExistsError

    monkeypatch.setattr(leases.os, "link", made_and_denied)
    with Leases(store) as own:
        assert own.take(CELL) is None


def test_a_lease_costs_the_same_beside_any_number_of_others(
    store: CellStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for its own name and lists nothing."""

    def refuse(*_: object) -> None:
        raise AssertionError("a folder was listed")

    with Leases(store) as first, Leases(store) as second:
        first.take(OTHER)
        for function in ("listdir", "scandir"):
            monkeypatch.setattr(os, function, refuse)
        monkeypatch.setattr(Path, "iterdir", refuse)
        first.take(CELL)
        second.take(CELL)
        first.release(CELL)


# -- the dead ----------------------------------------------------------------------------------------------


def test_a_driver_is_stale_after_three_beats_without_a_count(store: CellStore, clock: type[Clock]) -> None:
    dead = left_behind(store)
    with Leases(store) as own:
        for _ in range(3):
            assert own.take(CELL) == dead.model_copy(update={"beat": 5})
            clock.now += BEAT_S
        assert own.take(CELL) is None


def test_a_driver_that_counts_keeps_its_cell(store: CellStore, clock: type[Clock]) -> None:
    busy = left_behind(store)
    with Leases(store) as own:
        for beat in range(20):
            assert own.take(CELL) is not None
            if beat % 3 == 2:  # late, but never by three beats
                count(store, busy, beat)
            clock.now += BEAT_S


def test_looks_between_two_beats_do_not_count(store: CellStore, clock: type[Clock]) -> None:
    left_behind(store)
    with Leases(store) as own:
        for _ in range(25):
            assert own.take(CELL) is not None
            clock.now += 0.1 * BEAT_S


def test_an_observer_that_slept_has_looked_once(store: CellStore, clock: type[Clock]) -> None:
    left_behind(store)
    with Leases(store) as own:
        assert own.take(CELL) is not None
        for _ in range(2):
            clock.now += 3600.0
            assert own.take(CELL) is not None


def test_who_was_met_is_watched_while_other_cells_are_computed(store: CellStore, clock: type[Clock]) -> None:
    left_behind(store)
    with Leases(store) as own:
        assert own.take(CELL) is not None
        for _ in range(3):
            clock.now += BEAT_S
            own.look()
        assert own.take(CELL) is None


@pytest.mark.parametrize("beats", [0, 2, 3])
def test_a_driver_that_held_nothing_when_it_died_leaves_nothing(
    store: CellStore, clock: type[Clock], beats: int
) -> None:
    """Of another host: its file is removed by the next driver that is there for three beats of it."""
    silent = left_behind(store)
    forget(store, {CELL})
    with Leases(store) as own:
        own.sweep()
        for _ in range(beats):
            clock.now += BEAT_S
            own.look()
    assert (store.root / "leases" / f"{silent.token}.json").exists() == (beats < 3)


def test_a_driver_that_counts_keeps_its_file(store: CellStore, clock: type[Clock]) -> None:
    busy = left_behind(store)
    forget(store, {CELL})
    with Leases(store) as own:
        own.sweep()
        for beat in range(6):
            count(store, busy, beat)
            clock.now += BEAT_S
            own.look()
    assert (store.root / "leases" / f"{busy.token}.json").exists()


def test_the_beat_is_the_holder_s_own(store: CellStore, clock: type[Clock]) -> None:
    left_behind(store, beat_s=100.0)
    with Leases(store, beat_s=1.0) as own:
        for _ in range(25):
            assert own.take(CELL) is not None
            clock.now += 10.0


def ended_process() -> tuple[int, str]:
    """Number and start of a process that is no more."""
    process = subprocess.Popen(["sleep", "60"])
    born = holders._born(process.pid)
    process.kill()
    process.wait()
    return process.pid, born


def test_a_process_of_this_host_is_stale_as_soon_as_it_is_gone(store: CellStore, clock: type[Clock]) -> None:
    boot, namespace = holders._here()
    pid, born = ended_process()
    left_behind(store, boot=boot, namespace=namespace, pid=pid, born=born)
    with Leases(store) as own:
        assert own.take(CELL) is None


def test_a_number_that_came_again_is_another_process(store: CellStore, clock: type[Clock]) -> None:
    boot, namespace = holders._here()
    left_behind(store, boot=boot, namespace=namespace, born="1")
    with Leases(store) as own:
        assert own.take(CELL) is None


@pytest.mark.parametrize(
    "elsewhere", [{"boot": "another"}, {"namespace": "1"}, {"boot": "", "namespace": ""}]
)
def test_numbers_of_another_host_or_container_say_nothing(
    store: CellStore, clock: type[Clock], elsewhere: dict[str, str]
) -> None:
    boot, namespace = holders._here()
    pid, born = ended_process()
    left_behind(store, **{"boot": boot, "namespace": namespace, "pid": pid, "born": born, **elsewhere})
    with Leases(store) as own:
        assert own.take(CELL) is not None


def test_a_system_that_does_not_tell_its_boot_judges_by_counts_alone(
    store: CellStore, clock: type[Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid, born = ended_process()
    monkeypatch.setattr(holders, "_here", lambda: ("", ""))
    left_behind(store, boot="", namespace="", pid=pid, born=born)
    with Leases(store) as own:
        assert own.take(CELL) is not None


@pytest.mark.usefixtures("links")
def test_of_eight_who_find_a_dead_driver_one_takes_over(store: CellStore) -> None:
    dead = Holder.of_this_process(BEAT_S).model_copy(update={"born": "1"})
    folder = store.root / "leases" / store.study
    folder.mkdir(parents=True)
    (folder / f"{CELL}.0").write_bytes(dead.packed(0))
    drivers = [Leases(store) for _ in range(8)]
    for driver in drivers:
        driver.__enter__()
    for _ in range(20):
        barrier, won = threading.Barrier(8), []

        def race(driver: Leases, barrier: threading.Barrier, won: list[Leases]) -> None:
            barrier.wait()
            if driver.take(CELL) is None:
                won.append(driver)

        threads = [threading.Thread(target=race, args=(driver, barrier, won)) for driver in drivers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert names_in(folder) == {f"{CELL}.0", f"{CELL}.1"}
        won[0].release(CELL)
        assert names_in(folder) == set()
        (folder / f"{CELL}.0").write_bytes(dead.packed(0))
    for driver in drivers:
        driver.__exit__(None, None, None)


def test_who_takes_over_and_dies_is_taken_over(store: CellStore, clock: type[Clock]) -> None:
    left_behind(store, n=0)
    left_behind(store, n=1)
    with Leases(store) as own:
        for _ in range(7):
            own.take(CELL)
            clock.now += BEAT_S
        assert own.take(CELL) is None
        assert f"{CELL}.2" in names_in(store.root / "leases" / "coin")


def test_a_stopped_driver_that_wakes_after_the_take_over_spoils_nothing(
    store: CellStore, folder: Path, clock: type[Clock]
) -> None:
    with Leases(store, beat_s=3600) as asleep, Leases(store) as heir:
        asleep.take(CELL)
        for _ in range(3):
            assert heir.take(CELL) is not None
            clock.now += 3600
        assert heir.take(CELL) is None
        asleep.release(CELL)
        assert names_in(folder) == {f"{CELL}.1"}
        heir.release(CELL)
        assert names_in(folder) == set()


def test_an_unreadable_lease_is_taken_over_after_three_beats_of_ours(
    store: CellStore, folder: Path, clock: type[Clock]
) -> None:
    folder.mkdir(parents=True)
    (folder / f"{CELL}.0").write_bytes(b"")
    with Leases(store, beat_s=2.0) as own:
        for _ in range(3):
            assert str(own.take(CELL)) == "another, process 1"
            clock.now += 2.0
        assert own.take(CELL) is None


def test_the_file_of_a_driver_that_was_found_dead_goes(
    store: CellStore, folder: Path, clock: type[Clock]
) -> None:
    left_behind(store)
    with Leases(store) as own:
        for _ in range(4):
            own.take(CELL)
            clock.now += BEAT_S
    assert names_in(folder.parent) == {"coin"}


# -- counting ----------------------------------------------------------------------------------------------


def wait_until(holds: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(500):
        if holds():
            return
        waited.wait(0.01)
    raise AssertionError("waited too long")


def test_a_driver_counts_in_place(store: CellStore, folder: Path) -> None:
    with Leases(store, beat_s=0.02) as own:
        own.take(CELL)
        file = folder.parent / f"{own.holder.token}.json"
        inode = file.stat().st_ino
        wait_until(lambda: holders.read_holder(file).beat >= 3)
        assert file.stat().st_ino == inode == (folder / f"{CELL}.0").stat().st_ino


def test_a_folder_that_somebody_cleared_is_made_again(store: CellStore, folder: Path) -> None:
    with Leases(store, beat_s=0.02) as own:
        own.take(CELL)
        subprocess.run(["rm", "-r", folder.parent], check=True)
        wait_until(lambda: (folder.parent / f"{own.holder.token}.json").exists())
        assert own.take(OTHER) is None
        assert names_in(folder) == {f"{OTHER}.0"}


def test_a_count_that_cannot_be_written_is_told_once(
    store: CellStore, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Leases(store, beat_s=0.01) as own:
        file = folder.parent / f"{own.holder.token}.json"
        file.unlink()
        file.mkdir()
        wait_until(lambda: own._pulse._beat >= 3)
        file.rmdir()
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("the store must be writable; got Is a directory")
    assert told[0].endswith("others may compute the same cells")


# -- what may go wrong -------------------------------------------------------------------------------------


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_sentence(store: CellStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        largest_file(512),
        pytest.raises(StoreError, match=r"^the store must be writable; got File too large"),
    ):
        Leases(store).__enter__()
    assert names_in(folder.parent) == {"coin"}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Leases(store) as own:
        monkeypatch.setattr(leases.os, "link", full)
        with largest_file(512), pytest.raises(StoreError, match=r"^the store must be writable; got File too"):
            own.take(CELL)
        assert names_in(folder) == set()


def test_a_store_that_takes_no_folder_is_one_sentence(store: CellStore) -> None:
    (store.root / "leases").write_text("")
    with pytest.raises(StoreError, match=r"^the store must be writable; got Not a directory"):
        Leases(store).__enter__()


@pytest.mark.parametrize("place", ["leases", "leases/coin"])
def test_a_link_out_of_the_store_is_refused(store: CellStore, tmp_path: Path, place: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="must not be symbolic links"):
        Leases(store)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[" * 100_000,
        b'{"token": "../../../etc/pwd", "host": "x", "pid": 1, "beat_s": 1}',
        b'{"token": "0123456789abcdef", "host": "\\u001b[2J", "pid": 1, "beat_s": 1}',
        b'{"token": "0123456789abcdef", "host": "x", "pid": 1, "beat_s": 1e99}',
        b'{"token": "0123456789abcdef", "host": "x", "pid": -1, "beat_s": 1}',
    ],
)
def test_a_lease_of_a_stranger_cannot_lead_or_hold_us_for_ever(
    store: CellStore, folder: Path, clock: type[Clock], content: bytes
) -> None:
    folder.mkdir(parents=True)
    (folder / f"{CELL}.0").write_bytes(content)
    with Leases(store) as own:
        for _ in range(3):
            assert own.take(CELL) is leases.UNKNOWN
            clock.now += BEAT_S
        assert own.take(CELL) is None


def test_a_link_in_place_of_a_lease_is_not_followed(
    store: CellStore, folder: Path, tmp_path: Path, clock: type[Clock]
) -> None:
    folder.mkdir(parents=True)
    (folder / f"{CELL}.0").symlink_to(tmp_path / "nowhere")
    with Leases(store) as own:
        assert own.take(CELL) is leases.UNKNOWN
    assert not (tmp_path / "nowhere").exists()


# -- sweeping and telling ----------------------------------------------------------------------------------


def stored(store: CellStore) -> str:
    record = CellRecord(
        study="coin", cell={}, settings={}, contents={}, code="", libraries={}, device="", cpu=""
    )
    store.write(record, Outcome({"x": pd.DataFrame({"x": [1]})}), {"x": {"x": "int64"}})
    return record.name


def test_what_killed_drivers_left_is_swept(store: CellStore, folder: Path) -> None:
    boot, namespace = holders._here()
    pid, born = ended_process()
    here = {"boot": boot, "namespace": namespace, "pid": pid, "born": born}
    done = stored(store)
    left_behind(store, name=done)
    of_here = left_behind(store, name=OTHER, **here)
    elsewhere = left_behind(store)
    with Leases(store) as own:
        own.sweep()
        assert names_in(folder) == {f"{CELL}.0"}
        left = {path.name for path in folder.parent.glob("*.json")}
        assert f"{of_here.token}.json" not in left
        assert f"{elsewhere.token}.json" in left
        assert f"{own.holder.token}.json" in left


def test_who_is_at_work_on_how_many_cells_is_told(store: CellStore) -> None:
    boot, namespace = holders._here()
    pid, born = ended_process()
    assert at_work(store, {CELL}) == {}
    left_behind(store, pid=77)
    left_behind(store, name=OTHER, boot=boot, namespace=namespace, pid=pid, born=born)
    with Leases(store) as own:
        third = f"{'e' * 32}-{'f' * 16}"
        own.take(third)
        assert at_work(store, {CELL, OTHER, third}) == {"node7, process 77": 1, str(own.holder): 1}
        assert at_work(store, {OTHER}) == {}


def test_leases_on_deleted_cells_are_forgotten(store: CellStore, folder: Path) -> None:
    left_behind(store)
    left_behind(store, n=1)
    left_behind(store, name=OTHER)
    forget(store, {CELL})
    assert names_in(folder) == {f"{OTHER}.0"}
