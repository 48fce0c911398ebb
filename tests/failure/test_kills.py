"""Processes die: workers, drivers, and cells that take their worker with them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from faulty_study import TARGET, FaultyConfig
from journal_study import TARGET as JOURNALLED
from journal_study import VARIABLE, starts

from cogattn.errors import RunFailed
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.registry import load_study
from cogattn.running.atomic import TEMPORARY
from cogattn.running.catalogue import verify
from cogattn.running.crew import GRACE_S
from cogattn.running.execute import Execution, open_run, run_study
from cogattn.running.identity import plan_cells
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig

pytestmark = pytest.mark.slow
COIN = "cogattn.testing.coin:CoinStudy"
N_CELLS = 21
MASKING = """
observer = { kind = "template", center_cpi = 20.0, bandwidth_octaves = 1.8 }
images = { kind = "procedural", n_images = 72, size = 96 }
noise = { n_bands = 5, sds = [0, 0.02, 0.04, 0.08, 0.16] }
design = { kind = "crossed" }
channel = { n_bootstrap = 100 }
"""


def cells_of(run: RunFolder) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in run.cells.folder.rglob("*.zip")}


def test_a_worker_killed_in_a_cell_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "marks").mkdir()
    config = FaultyConfig(n_cells=N_CELLS, coins={"n": 1}, fatal_once=(7,), marks=tmp_path / "marks")
    killed = run_study(TARGET, config, out=tmp_path / "killed", execution=Execution(workers=2))
    starts = [path.name.partition("-")[0] for path in (tmp_path / "marks").iterdir()]
    assert starts.count("7") == 2
    assert max(map(starts.count, starts)) <= 3

    whole = run_study(TARGET, config, out=tmp_path / "whole")
    for name in ("trials/tosses.parquet", "tables/summary.csv", "figures/heads.png"):
        assert (killed.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_poison_cell_is_reported_and_its_neighbours_finish(tmp_path: Path) -> None:
    config = FaultyConfig(n_cells=8, coins={"n": 1}, poison=(3,), raising=(5,), exiting=(6,), marks=tmp_path)
    run = open_run(TARGET, config, tmp_path)
    with pytest.raises(RunFailed) as failed:
        run_study(TARGET, config, out=tmp_path, execution=Execution(workers=2))
    causes = failed.value.failures
    assert set(causes) == {"coin 0, part 3", "coin 0, part 5", "coin 0, part 6"}
    assert causes["coin 0, part 3"] == "its worker process died 3 times (crashed, killed or out of memory)"
    assert causes["coin 0, part 5"].startswith("ValueError: cell 5 is broken (faulty_study.py:")
    assert causes["coin 0, part 6"].startswith("SystemExit: 3")
    assert len(cells_of(run)) == 5
    starts = [path.name.partition("-")[0] for path in tmp_path.glob("[0-9]-*")]
    assert starts.count("3") == 3
    assert starts.count("5") == starts.count("6") == 1


def test_several_poison_cells_side_by_side_cost_their_neighbours_no_more_than_one_attempt(
    tmp_path: Path,
) -> None:
    config = FaultyConfig(n_cells=7, coins={"n": 1}, poison=(1, 2, 4), marks=tmp_path)
    run = open_run(TARGET, config, tmp_path)
    with pytest.raises(RunFailed) as failed:
        run_study(TARGET, config, out=tmp_path, execution=Execution(workers=3))
    assert len(failed.value.failures) == 3
    assert len(cells_of(run)) == 4
    starts = [path.name.partition("-")[0] for path in tmp_path.glob("[0-9]-*")]
    assert max(starts.count(str(healthy)) for healthy in (0, 3, 5, 6)) <= 2


@pytest.mark.parametrize("n_before", [3, 15])
def test_a_killed_driver_resumes_and_computes_only_what_is_missing(
    tmp_path: Path, start_cli: Callable[..., subprocess.Popen[str]], n_before: int
) -> None:
    words = (COIN, "--coins.n", 1, "--n-cells", N_CELLS, "--seconds-per-cell", 0.4, "--workers", 2)
    config = CoinConfig(coins={"n": 1}, n_cells=N_CELLS, seconds_per_cell=0.4)
    run = open_run(COIN, config, tmp_path / "killed")
    driver = start_cli(*words, "--out", tmp_path / "killed")
    wait_until(lambda: len(cells_of(run)) >= n_before)
    workers = children_of(driver.pid)
    driver.kill()
    driver.wait()
    wait_until(lambda: not any(map(alive, workers)))

    before = cells_of(run)
    assert n_before <= len(before) < N_CELLS
    run_study(COIN, config, out=tmp_path / "killed")
    assert before.items() <= cells_of(run).items()
    assert len(cells_of(run)) == N_CELLS
    whole = run_study(COIN, config, out=tmp_path / "whole")
    for name in ("trials/tosses.parquet", "tables/summary.csv", "figures/heads.pdf"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert verify(run) == []
    assert not list(run.root.rglob(f".*{TEMPORARY}"))


@pytest.mark.nightly
def test_a_masking_run_that_loses_a_worker_and_then_its_driver_ends_with_the_same_bytes(
    tmp_path: Path, start_cli: Callable[..., subprocess.Popen[str]]
) -> None:
    settings = tmp_path / "masking.toml"
    settings.write_text(MASKING)
    config = MaskingConfig.parse(tomllib.loads(MASKING))
    run = open_run("masking", config, tmp_path / "killed")
    driver = start_cli("masking", "--config", settings, "--workers", 2, "--out", tmp_path / "killed")
    wait_until(lambda: len(cells_of(run)) >= 1, 60)
    os.kill(spawned_by(driver.pid)[0], signal.SIGKILL)
    wait_until(lambda: len(cells_of(run)) >= 3, 60)
    workers = children_of(driver.pid)
    driver.kill()
    driver.wait()
    wait_until(lambda: not any(map(alive, workers)))
    n_stored, n_cells = len(cells_of(run)), len(plan_cells(load_study("masking"), config))
    assert 3 <= n_stored < n_cells
    run_study("masking", config, out=tmp_path / "killed")
    whole = run_study("masking", config, out=tmp_path / "whole")
    for name in (
        "trials/masking.parquet",
        *(f"tables/{t.name}" for t in (whole.folder / "tables").iterdir()),
    ):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert verify(run) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_fast_says_what_is_stored_and_leaves_a_run_that_resumes(
    tmp_path: Path, start_cli: Callable[..., subprocess.Popen[str]], workers: int
) -> None:
    slow = (COIN, "--coins.n", 1, "--n-cells", 8, "--seconds-per-cell", 0.8, "--workers", workers)
    config = CoinConfig(coins={"n": 1}, n_cells=8, seconds_per_cell=0.8)
    run = open_run(COIN, config, tmp_path)
    driver = start_cli(*slow, "--out", tmp_path)
    wait_until(lambda: len(cells_of(run)) >= 2)
    workers_alive = children_of(driver.pid)
    os.killpg(driver.pid, signal.SIGINT)  # a terminal sends it to the whole group
    out, err = driver.communicate(timeout=20)
    assert driver.returncode == 130
    assert out == ""
    assert err.count("\n") == 1
    n = len(cells_of(run))
    assert f"{n} of 8 cells are stored and the same command resumes" in err
    wait_until(lambda: not any(map(alive, workers_alive)))
    before = cells_of(run)
    run_study(COIN, config, out=tmp_path, execution=Execution(workers=2))
    assert before.items() <= cells_of(run).items()


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_stores_what_is_under_way_and_says_what_is_stored(
    tmp_path: Path,
    start_cli: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    journal = tmp_path / "begun"
    monkeypatch.setenv(VARIABLE, str(journal))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    slow = (JOURNALLED, "--coins.n", 1, "--n-cells", 8, "--seconds-per-cell", 0.8, "--workers", workers)
    run = open_run(JOURNALLED, CoinConfig(coins={"n": 1}, n_cells=8, seconds_per_cell=0.8), tmp_path)
    driver = start_cli(*slow, "--out", tmp_path)
    wait_until(lambda: len(cells_of(run)) >= 2)
    before = len(cells_of(run))
    wait_until(lambda: starts(journal).total() > before)  # between two cells none is under way
    workers_alive = children_of(driver.pid)
    driver.send_signal(signal.SIGTERM)
    out, err = driver.communicate(timeout=GRACE_S + 20)
    assert (driver.returncode, out) == (143, "")
    assert err.count("\n") == 1
    n = len(cells_of(run))
    assert before < n < 8  # those under way were stored, no other was begun
    assert f"terminated; {n} of 8 cells are stored and the same command resumes" in err
    wait_until(lambda: not any(map(alive, workers_alive)))


def test_a_cell_that_hangs_is_ended_and_the_others_finish(tmp_path: Path) -> None:
    config = FaultyConfig(n_cells=5, coins={"n": 2}, hanging=(1,), only_coin=0, marks=tmp_path)
    execution = Execution(workers=2, cell_timeout_s=3)
    with pytest.raises(RunFailed) as failed:
        run_study(TARGET, config, out=tmp_path, execution=execution)
    assert failed.value.failures == {"coin 0, part 1": "it took longer than the limit of 3 s"}
    run = open_run(TARGET, config, tmp_path)
    assert len(cells_of(run)) == 9
    assert list(run.summary()["observer"]) == ["coin 1"]


def test_a_cell_that_asks_for_too_much_memory_fails_alone(tmp_path: Path) -> None:
    config = FaultyConfig(n_cells=3, coins={"n": 1}, greedy=(1,), marks=tmp_path)
    with pytest.raises(RunFailed) as failed:
        run_study(TARGET, config, out=tmp_path, execution=Execution(cell_memory_mb=2000))
    assert failed.value.failures["coin 0, part 1"].startswith("MemoryError")
    assert len(cells_of(open_run(TARGET, config, tmp_path))) == 2


@pytest.mark.parametrize("fault", ["raising", "exiting", "stopping", "empty"])
def test_a_failing_observer_withholds_only_itself(tmp_path: Path, fault: str) -> None:
    settings = {"n_cells": 3, "coins": {"n": 3}, "marks": tmp_path, fault: (1,), "only_coin": 1}
    config = FaultyConfig.parse(settings)
    if fault == "empty":
        config = config.model_copy(update={"coins": config.coins.model_copy(update={"n": 1})})
        with pytest.raises(RunFailed, match="trial table tosses must have the columns"):
            run_study(TARGET, config, out=tmp_path)
        return
    with pytest.raises(RunFailed) as failed:
        run_study(TARGET, config, out=tmp_path)
    assert set(failed.value.failures) == {"coin 1, part 1"}
    run = open_run(TARGET, config, tmp_path)
    assert list(run.summary()["observer"]) == ["coin 0", "coin 2"]
    assert run.remarks()[0].startswith("coin 1 is not in the tables: ")
    assert (run.folder / "figures" / "heads.png").is_file()
    assert verify(run) == []


def test_what_failed_is_tried_again_by_the_same_command_and_nothing_else(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    config = FaultyConfig(n_cells=3, coins={"n": 1}, raising=(1,), marks=marks)
    for _ in range(2):
        with pytest.raises(RunFailed):
            run_study(TARGET, config, out=tmp_path)
    starts = [path.name.partition("-")[0] for path in marks.iterdir()]
    assert sorted(starts) == ["0", "1", "1", "2"]


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def spawned_by(pid: int) -> list[int]:
    """Worker processes of a driver, not the helper that tracks its shared resources."""
    return [
        child
        for child in children_of(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes() and alive(child)
    ]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
