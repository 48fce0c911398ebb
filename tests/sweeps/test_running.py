"""Sweeps at work: ordinary runs, shared cells once, by observer, one table; what fails is named and the rest ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

import cogattn
from cogattn.errors import ObserverError, StoreError
from cogattn.running.catalogue import verify
from cogattn.running.crew import Progress
from cogattn.running.execute import Execution, open_run, run_study
from cogattn.running.identity import make_plan
from cogattn.seeds import Streams
from cogattn.study import SUMMARY_COLUMNS, Cost, Results, Trials
from cogattn.sweeps.api import Sweep, run_sweep
from cogattn.sweeps.design import designed, points_of
from cogattn.sweeps.files import room_for_files
from cogattn.sweeps.planning import SweepPlan, look_ahead, plan_text
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy

UNLUCKY, BLURRED, UGLY, FATAL = 13, 15, 16, 17
"""Tosses at which a cell fails, the summary, the figure, and at which the process that summarises dies."""


class SweptConfig(CoinConfig):
    """With a place for marks."""

    marks: Path = Path(".")
    """Folder where each start of a cell leaves a file."""


class SweptCoins(CoinStudy):
    """Coins without a figure, that leave a mark each time that a cell is run."""

    name: ClassVar[str] = "swept"
    Config: type[SweptConfig] = SweptConfig

    def run_cell(self, config: SweptConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        with open(config.marks / "cells.txt", "a") as file:
            file.write(f"{config.tosses} {config.seed} {cell.label}\n")
        if config.tosses == UNLUCKY and cell.coin == 0:
            raise ValueError("the coin stands on its edge")
        return super().run_cell(config, cell, rng)

    def summarise(self, config: SweptConfig, trials: Trials) -> Results:
        found = super().summarise(config, trials)
        if config.tosses == BLURRED:
            raise ZeroDivisionError
        if config.tosses == FATAL:
            os._exit(9)
        figures = {"heads": lambda: 1 / 0} if config.tosses == UGLY else {}
        return Results(found.summary, figures=figures, remarks=(*found.remarks, f"{config.tosses} tosses"))  # type: ignore[arg-type]

    def cost(self, config: SweptConfig, cell: CoinCell) -> Cost:
        return Cost(cpu_s=1.0 + cell.coin)


STUDY = SweptCoins()


def swept(
    out: Path, *, workers: int = 1, together: tuple = (), settings: dict | None = None, **axes: object
) -> Sweep:
    """Sweep the coins, with marks in the store."""
    out.mkdir(exist_ok=True)
    found = planned(out, together=together, settings=settings, **axes)
    return run_sweep(found, execution=Execution(workers=workers), argv=("here",))


def planned(out: Path, *, together: tuple = (), settings: dict | None = None, **axes: object) -> SweepPlan:
    design = designed({"marks": str(out), "n_cells": 2, **(settings or {})}, axes, together)
    return look_ahead(STUDY, points_of(STUDY, design), out=out, execution=Execution())


def marks(out: Path) -> list[str]:
    file = out / "cells.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_the_table_holds_each_run_s_own_numbers_to_the_last_digit(tmp_path: Path) -> None:
    found = swept(tmp_path, tosses=[20, 30], seed=[1])
    assert list(found.table.columns) == ["tosses", "seed", "run", "status", *SUMMARY_COLUMNS]
    assert len(found.table) == 4
    assert set(found.table["status"]) == {"finished"}
    for tosses in (20, 30):
        config = SweptConfig(tosses=tosses, seed=1, n_cells=2, marks=tmp_path)
        alone = run_study(STUDY, config, out=tmp_path / "alone")
        part = found.table.query("tosses == @tosses")
        assert set(part["run"]) == {alone.id}
        assert part[list(SUMMARY_COLUMNS)].to_csv(index=False) == alone.summary().to_csv(index=False)
        own = open_run(STUDY, config, tmp_path)
        for name in ("tables/summary.csv", "trials/tosses.parquet", "config.json", "cells.json"):
            assert (own.folder / name).read_bytes() == (alone.folder / name).read_bytes()
        assert verify(own) == []


def test_cells_that_points_share_are_computed_once(tmp_path: Path) -> None:
    found = swept(tmp_path, **{"coins.n": [1, 2, 3], "n_cells": [1, 2]})
    assert len(found.runs) == 6
    assert len(marks(tmp_path)) == len(set(marks(tmp_path))) == 6
    assert sorted(found.table["n"].unique()) == [50, 100]


def test_sweeping_again_computes_and_writes_nothing(tmp_path: Path) -> None:
    first = swept(tmp_path, seed=[0, 1])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = swept(tmp_path, seed=[1, 0])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert len(marks(tmp_path)) == 8
    rows = ["seed", "observer"]
    pd.testing.assert_frame_equal(
        again.table.sort_values(rows, ignore_index=True), first.table.sort_values(rows, ignore_index=True)
    )
    assert list(again.table["seed"]) == [1, 1, 0, 0]


def test_a_run_that_is_there_is_part_of_the_sweep(tmp_path: Path) -> None:
    run_study(STUDY, SweptConfig(n_cells=2, marks=tmp_path, seed=1), out=tmp_path)
    plan = planned(tmp_path, seed=[0, 1])
    assert (len(plan.joint.cells), len(plan.missing)) == (8, 4)
    swept(tmp_path, seed=[0, 1])
    assert len(marks(tmp_path)) == 8


def test_cells_come_by_observer_and_the_longest_observer_first(tmp_path: Path) -> None:
    swept(tmp_path, seed=[0, 1], settings={"coins.n": 3})
    coins = [line.split(", ")[0].rpartition(" ")[2] for line in marks(tmp_path)]
    assert coins == ["2"] * 4 + ["1"] * 4 + ["0"] * 4
    seeds = [line.split()[1] for line in marks(tmp_path)]
    assert seeds == ["0", "0", "1", "1"] * 3


def test_a_point_that_fails_is_named_and_the_others_end(tmp_path: Path) -> None:
    found = swept(tmp_path, tosses=[10, UNLUCKY, 20], settings={"coins.n": 1})
    (point, why) = next(iter(found.failures.items()))
    assert (point, len(found.failures)) == (f"tosses = {UNLUCKY}", 1)
    assert why.startswith("coin 0, part 0: ValueError: the coin stands on its edge (")
    assert why.endswith("(and 1 more)")
    assert [run.config.tosses for run in found.runs] == [10, 20]
    failed = found.table.query("tosses == @UNLUCKY")
    assert len(failed) == 1
    assert failed["status"].item().startswith("failed: ValueError: the coin stands")
    assert failed[["estimate", "lo", "hi", "human"]].isna().all(axis=None)
    assert failed[["n", "human_n"]].to_numpy().tolist() == [[0, 0]]
    assert found.table["n"].dtype == np.int64
    assert f"{UNLUCKY}" in found.text().splitlines()[-2]
    before = len(marks(tmp_path))
    swept(tmp_path, tosses=[10, UNLUCKY, 20], settings={"coins.n": 1})
    assert len(marks(tmp_path)) == before + 2


def test_an_observer_that_fails_withholds_itself_at_its_point(tmp_path: Path) -> None:
    found = swept(tmp_path, tosses=[10, UNLUCKY])
    assert list(found.table["status"]) == ["finished", "finished", "finished without coin 0"]
    assert list(found.table["observer"]) == ["coin 0", "coin 1", "coin 1"]
    assert list(found.failures) == [f"tosses = {UNLUCKY}"]


def test_a_summary_or_a_figure_that_fails_costs_its_own_point(tmp_path: Path) -> None:
    found = swept(tmp_path, tosses=[BLURRED, UGLY, 20])
    assert [point.status.partition(" (")[0] for point in found.points] == [
        "failed: ZeroDivisionError",
        "finished without figure heads",
        "finished",
    ]
    assert [why.partition(":")[0] for why in found.failures.values()] == ["summary", "figure heads"]


def test_a_cell_that_was_damaged_is_computed_again(tmp_path: Path) -> None:
    (run,) = swept(tmp_path, seed=[0]).runs
    cells = sorted((tmp_path / "cells").rglob("*.zip"))
    cells[0].write_bytes(b"x")
    assert swept(tmp_path, seed=[0, 1]).failures == {}
    assert len(marks(tmp_path)) == 4 + 1 + 4
    shutil.rmtree(run.folder)  # now damage is found only when the tables are made
    for cell in cells[:3]:
        cell.write_bytes(b"x")
    found = swept(tmp_path, seed=[0, 1])
    assert found.failures == {}
    assert len(marks(tmp_path)) == 9 + 3
    assert [len(own) for _, own in found.table.groupby("seed")] == [2, 2]
    assert all(verify(one.store) == [] for one in found.runs)


@pytest.mark.slow
def test_two_workers_make_the_same_bytes_and_one_that_dies_at_a_table_costs_its_own_point(
    tmp_path: Path,
) -> None:
    found = swept(tmp_path / "two", workers=2, tosses=[20, FATAL, 30])
    assert list(found.failures) == [f"tosses = {FATAL}"]
    assert "the process that made them died" in next(iter(found.failures.values()))
    assert len(marks(tmp_path / "two")) == 12
    for run, tosses in zip(found.runs, (20, 30), strict=True):
        config = SweptConfig(tosses=tosses, n_cells=2, marks=tmp_path / "two")
        alone = run_study(STUDY, config, out=tmp_path / "alone")
        for name in ("tables/summary.csv", "trials/tosses.parquet", "config.json", "cells.json"):
            assert (run.folder / name).read_bytes() == (alone.folder / name).read_bytes()


def test_runs_of_a_sweep_at_work_are_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, seen = planned(tmp_path, seed=[0, 1]), []
    run_cell = SweptCoins.run_cell

    def looking(self: SweptCoins, *args: object) -> pd.DataFrame:
        seen.append([bool(one.run.workers()) for one in plan.points])
        return run_cell(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(SweptCoins, "run_cell", looking)
    run_sweep(plan, execution=Execution(), argv=())
    assert seen == [[True, True]] * 8
    assert not any(one.run.workers() for one in plan.points)


def test_progress_is_of_the_whole_sweep(tmp_path: Path) -> None:
    told: list[Progress] = []
    run_sweep(planned(tmp_path, seed=[0, 1]), execution=Execution(), argv=(), on_progress=told.append)
    assert [(one.stored, one.total) for one in told] == [(n, 8) for n in range(9)] + [(8, 8)] * 2
    assert told[-1].label == "tables and figures, 2 of 2 runs"


def test_where_nobody_can_take_part_is_refused_or_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(self: SweptCoins, config: SweptConfig) -> None:
        if config.tosses == UNLUCKY:
            raise ObserverError("observer.models must be at hand; got none")

    monkeypatch.setattr(SweptCoins, "check", check)
    design = designed({"marks": str(tmp_path), "n_cells": 1}, {"tosses": [10, UNLUCKY, 20]}, ())
    points = points_of(STUDY, design)
    with pytest.raises(ObserverError, match=rf"must be at hand; got none \(at tosses = {UNLUCKY}\)"):
        look_ahead(STUDY, points, out=tmp_path, execution=Execution())
    plan = look_ahead(STUDY, points, out=tmp_path, execution=Execution(), keep_going=True)
    assert f"left out: tosses = {UNLUCKY}: observer.models must be at hand" in plan_text(plan, Execution())
    found = run_sweep(plan, execution=Execution(), argv=())
    assert [point.status.partition(":")[0] for point in found.points] == ["finished", "left out", "finished"]
    assert list(found.failures) == [f"tosses = {UNLUCKY}"]
    assert list(found.table["tosses"]) == [10, 10, UNLUCKY, 20, 20]


def test_the_plan_counts_shared_cells_once_and_tells_disk_by_what_is_stored(tmp_path: Path) -> None:
    plan = planned(tmp_path, n_cells=[1, 2, 3])
    text = plan_text(plan, Execution(workers=2)).splitlines()
    assert [line.split()[2:5] for line in text[2:5]] == [["2", "0", "2"], ["4", "0", "2"], ["6", "0", "2"]]
    assert (
        "3 runs, 6 cells (of 12 that the runs list), 0 stored, 6 to compute: about 9 s of CPU, 4 s with"
        in text[-1]
    )
    assert "disk unknown until a cell is stored" in text[-1]
    swept(tmp_path, n_cells=[1])
    text = plan_text(planned(tmp_path, n_cells=[1, 2, 3], settings={"seed": 5}), Execution())
    assert "0.00 GB of disk for cells" in text
    many = plan_text(planned(tmp_path, seed=list(range(30)), settings={"n_cells": 1}), Execution())
    assert "and 11 more points" in many


def test_a_thousand_claims_ask_for_as_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.setrlimit", lambda _, limits: asked.append(limits))
    monkeypatch.setattr("resource.getrlimit", lambda _: (1024, 4096))
    room_for_files(100)
    assert asked == []
    room_for_files(2000)
    assert asked == [(2256, 4096)]
    with pytest.raises(StoreError, match=r"must be allowed 9,256 open files; got 4,096 \(ulimit -n\)"):
        room_for_files(9000)


def test_from_python_axes_are_arrays_and_ranges_and_one_may_be_the_observer_s_name(tmp_path: Path) -> None:
    found = cogattn.sweep(
        STUDY, axes={"tosses": np.array([5, 6]), "seed": range(2)}, n_cells=1, marks=tmp_path, out=tmp_path, workers=1,
        progress=False,
    )  # fmt: skip
    assert [point.values for point in found.points] == [
        {"tosses": t, "seed": s} for t in (5, 6) for s in (0, 1)
    ]
    assert "2 remarks" not in found.text()
    assert found.remarks == {"People: same side up. Group means only.": 4, "5 tosses": 2, "6 tosses": 2}
    assert "* 5 tosses (2 of 4 runs)" in found.text()
    assert "4 points, 0 failed" in repr(found)
    assert "<table" in found._repr_html_()


KILLED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import cogattn
from {module} import SweptCoins
cogattn.sweep(SweptCoins(), axes={{"seed": range(3)}}, n_cells=4, seconds_per_cell=0.1, marks=Path({out!r}),
              out={out!r}, workers=1, progress=False)
"""


def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    code = KILLED.format(module=__name__, out=str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    end = time.monotonic() + 60
    while len(marks(tmp_path)) < 7 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_stored = len(list((tmp_path / "cells").rglob("*.zip")))
    assert 6 <= n_stored < 24
    begun = len(marks(tmp_path))
    settings = {"n_cells": 4, "seconds_per_cell": 0.1}
    found = swept(tmp_path, seed=[0, 1, 2], settings=settings)
    assert len(found.runs) == 3
    assert len(marks(tmp_path)) - begun == 24 - n_stored
    assert begun - n_stored <= 1
    config = SweptConfig(marks=tmp_path, seed=2, **settings)
    names = [cell.name for cell in make_plan(STUDY, config).cells]
    assert all(map(found.runs[2].store.cells.has, names))
    assert all(verify(run.store) == [] for run in found.runs)


def test_the_cells_of_a_sweep_run_where_an_executor_of_ones_own_runs_them(tmp_path: Path) -> None:
    class Counting(ThreadPoolExecutor):
        submitted = 0

        def submit(self, fn, /, *args, **kwargs):
            self.submitted += 1
            return super().submit(fn, *args, **kwargs)

    axes = {"seed": range(2)}
    with Counting(1) as pool:
        swept = cogattn.sweep(
            CoinStudy(), axes=axes, n_cells=2, coins={"n": 1}, out=tmp_path / "a", workers=1, executor=pool
        )
    assert pool.submitted == 4
    here = cogattn.sweep(CoinStudy(), axes=axes, n_cells=2, coins={"n": 1}, out=tmp_path / "b", workers=1)
    pd.testing.assert_frame_equal(swept.table, here.table)
