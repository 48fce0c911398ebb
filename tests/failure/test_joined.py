"""Several processes on one run, of which some are killed, stopped, or have the time wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_study import TARGET, VARIABLE, starts
from test_kills import wait_until

from cogattn.running.catalogue import verify
from cogattn.running.execute import open_run, run_study
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
N_CELLS = 12
BEAT_S = 0.2
OTHER_CLOCK = """
import time
_time = time.time
time.time = lambda: _time() + {shift}
time.time_ns = lambda: int(time.time() * 1e9)
"""
NO_FLOCK = """
import errno, fcntl
def flock(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = flock
"""
NO_LINKS = """
import errno, os
def link(*_, **__):
    raise PermissionError(errno.EPERM, "Operation not permitted")
os.link = link
"""


class Lab:
    """A store, the journal of what was computed there, and drivers of one run."""

    def __init__(self, folder: Path) -> None:
        self.store, self.journal = folder / "store", folder / "journal"
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *, seconds: float = 0.05, beat_s: float = BEAT_S, site: str = "", workers: int = 1):
        """Start a driver; `site` is run before anything else in its process."""
        path = [str(HERE)]
        if site:
            folder = self.store.parent / f"site{len(self.processes)}"
            folder.mkdir()
            (folder / "sitecustomize.py").write_text(site)
            path.insert(0, str(folder))
        words = [HERE / "joined_driver.py", self.store, N_CELLS, seconds, beat_s, workers]
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={
                **os.environ, "PYTHONPATH": os.pathsep.join(path), VARIABLE: str(self.journal),
                "OMP_NUM_THREADS": "1",
            },
        )  # fmt: skip
        self.processes.append(process)
        return process

    def run(self, seconds: float = 0.05) -> RunFolder:
        """The run that all of them work on."""
        return open_run(TARGET, config(seconds), self.store)

    def n_stored(self) -> int:
        return sum(1 for _ in (self.store / "cells").rglob("*.zip"))


def config(seconds: float) -> CoinConfig:
    return CoinConfig(coins={"n": 1}, n_cells=N_CELLS, seconds_per_cell=seconds)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "journal"))
    lab = Lab(tmp_path)
    yield lab
    for process in lab.processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of the same run, undisturbed, by name."""
    folder = tmp_path_factory.mktemp("alone")
    os.environ[VARIABLE] = str(folder / "starts")
    run = run_study(TARGET, config(0.05), out=folder)
    del os.environ[VARIABLE]
    return answers(run)


def answers(run: RunFolder) -> dict[str, bytes]:
    """Trials, tables and figures: records tell how long a cell pretends to take."""
    return {name: (run.folder / name).read_bytes() for name in run.manifest().files if "/" in name}


def ends_well(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (0, False), err


def left_in(store: Path) -> list[Path]:
    return [path for path in (store / "leases").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "site", ["", NO_FLOCK, NO_LINKS, NO_FLOCK + NO_LINKS], ids=["usual", "no flock", "no links", "none"]
)
def test_two_drivers_compute_each_cell_once(lab: Lab, alone: dict[str, bytes], site: str) -> None:
    drivers = [lab.start(site=site) for _ in range(2)]
    for driver in drivers:
        ends_well(driver)
    assert starts(lab.journal) == dict.fromkeys([f"0/{part}" for part in range(N_CELLS)], 1)
    assert answers(lab.run()) == alone
    assert verify(lab.run()) == []
    assert left_in(lab.store) == []


def test_a_killed_driver_costs_no_more_than_the_cells_it_had_under_way(
    lab: Lab, alone: dict[str, bytes]
) -> None:
    first = lab.start(seconds=0.2, workers=2, beat_s=10)
    wait_until(lambda: lab.n_stored() >= 3)
    second = lab.start(seconds=0.2, beat_s=10)
    wait_until(lambda: len(starts(lab.journal)) >= 8)
    os.killpg(first.pid, signal.SIGKILL)
    ends_well(second)  # in less than three beats: on one host it is known at once
    again = {cell: n - 1 for cell, n in starts(lab.journal).items() if n > 1}
    assert len(starts(lab.journal)) == N_CELLS
    assert sum(again.values()) <= 2
    assert answers(lab.run(0.2)) == alone
    assert left_in(lab.store) == []


def test_a_stopped_driver_is_taken_over_and_wakes_to_a_finished_run(
    lab: Lab, alone: dict[str, bytes]
) -> None:
    asleep = lab.start(seconds=0.1)
    wait_until(lambda: lab.n_stored() >= 2)
    asleep.send_signal(signal.SIGSTOP)
    awake = lab.start(seconds=0.1)
    ends_well(awake)
    assert answers(lab.run(0.1)) == alone
    before = (lab.run(0.1).folder / "MANIFEST.json").stat().st_mtime_ns
    asleep.send_signal(signal.SIGCONT)
    ends_well(asleep)
    assert (lab.run(0.1).folder / "MANIFEST.json").stat().st_mtime_ns == before
    assert sum(n - 1 for n in starts(lab.journal).values()) <= 1
    assert verify(lab.run(0.1)) == []
    assert left_in(lab.store) == []


def test_sigterm_gives_leases_back(lab: Lab) -> None:
    driver = lab.start(seconds=0.3, workers=2)
    wait_until(lambda: lab.n_stored() >= 1)
    assert left_in(lab.store)
    driver.terminate()
    driver.communicate(timeout=60)
    assert driver.returncode == 143
    assert 0 < lab.n_stored() < N_CELLS
    assert left_in(lab.store) == []
    assert set(starts(lab.journal).values()) == {1}


def test_clocks_an_hour_apart_change_nothing(lab: Lab, alone: dict[str, bytes]) -> None:
    drivers = [lab.start(site=OTHER_CLOCK.format(shift=shift)) for shift in (3600, -3600)]
    for driver in drivers:
        ends_well(driver)
    assert set(starts(lab.journal).values()) == {1}
    assert answers(lab.run()) == alone
