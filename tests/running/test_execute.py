"""Cells are run, stored and summarised."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from cogattn.errors import ConfigError, RunFailed, StoreError
from cogattn.measures import people_table
from cogattn.people import place_table
from cogattn.registry import load_study
from cogattn.running.crew import Progress
from cogattn.running.execute import Execution, describe, open_run, run_study
from cogattn.running.executors import THREAD_VARIABLES, InlineExecutor, SpawnPool, default_workers, one_thread
from cogattn.running.identity import make_plan, plan_cells
from cogattn.running.records import CellList, Provenance
from cogattn.running.store import RunFolder
from cogattn.seeds import Streams
from cogattn.study import Outcome, Results, Trials
from cogattn.testing.coin import HEADS, CoinCell, CoinConfig, CoinStudy, FairCoins

COIN = "cogattn.testing.coin:CoinStudy"
HERE = __name__


class DataCoins(CoinStudy):
    """Coins that depend on a file."""

    name: ClassVar[str] = "data"
    fingerprint = "0" * 64

    def contents(self, config: CoinConfig, cell: CoinCell) -> Mapping[str, str]:
        return {"coins.csv": DataCoins.fingerprint}

    def inputs(self, config: CoinConfig) -> Mapping[str, str]:
        return {"people.csv": "2" * 64}


class TwiceCoins(CoinStudy):
    """Plans a cell twice."""

    def cells(self, config: CoinConfig) -> Sequence[CoinCell]:
        return [*super().cells(config), super().cells(config)[0]]


class BrokenCoins(CoinStudy):
    """All cells have one label and fail."""

    name: ClassVar[str] = "broken"

    def cells(self, config: CoinConfig) -> Sequence[CoinCell]:
        return [
            CoinCell(label="same", task="tosses", observer="coin 0", coin=coin, part=0) for coin in range(2)
        ]

    def run_cell(self, *args: object) -> pd.DataFrame:
        raise ZeroDivisionError


class UglyCoins(CoinStudy):
    """Its figure cannot be drawn."""

    name: ClassVar[str] = "ugly"

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        found = super().summarise(config, trials)
        return Results(found.summary, figures={"heads": lambda: 1 / 0})  # type: ignore[dict-item]


class CoinsAmongPeople(CoinStudy):
    """Six persons throw coins, too; one coin is a decoder, which is nobody's equal."""

    name: ClassVar[str] = "among"

    def summarise(self, config: CoinConfig, trials: Trials) -> Results:
        found = super().summarise(config, trials)
        summary = found.summary
        summary.loc[summary["observer"] == "coin 2", "role"] = "decoder"
        shares = (0.42, 0.46, 0.5, 0.51, 0.55, 0.6)
        people = people_table((f"person {i}", HEADS, share, 0.05, 100) for i, share in enumerate(shares))
        return replace(found, summary=summary, people=people)


class KeepingCoins(CoinStudy):
    """Keeps an artefact beside its trials."""

    name: ClassVar[str] = "keeping"

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> Outcome:
        rows = super().run_cell(config, cell, rng)
        return Outcome({"tosses": rows}, {"weights.bin": bytes([cell.coin, cell.part])})


def cell_files(root: Path) -> list[Path]:
    return sorted((root / "cells").rglob("*.zip"))


def test_progress_counts_from_what_is_stored_to_the_whole_plan(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run_study(COIN, CoinConfig(n_cells=2), out=tmp_path, on_progress=seen.append)
    assert [(p.stored, p.failed, p.total) for p in seen] == [(n, 0, 4) for n in (0, 1, 2, 3, 4, 4)]
    assert seen[-1].label == "tables and figures"
    cell_files(tmp_path)[0].unlink()
    seen.clear()
    run_study(COIN, CoinConfig(n_cells=2), out=tmp_path, on_progress=seen.append)
    assert [(p.stored, p.total) for p in seen] == [(3, 4), (4, 4), (4, 4)]


def test_a_complete_run_computes_nothing_and_records_no_session(tmp_path: Path) -> None:
    run = run_study(COIN, CoinConfig(n_cells=1), out=tmp_path)
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.name != ".lock"]
    before = {path: path.stat().st_mtime_ns for path in files}
    seen: list[Progress] = []
    run_study(COIN, CoinConfig(n_cells=1), out=tmp_path, on_progress=seen.append)
    assert seen == []
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_no_more_cells_are_under_way_than_there_are_workers(tmp_path: Path) -> None:
    widths: list[int] = []

    class Watched(ThreadPoolExecutor):
        def submit(self, *args: object, **kwargs: object) -> object:
            future = super().submit(*args, **kwargs)
            open_futures.append(future)
            widths.append(sum(not f.done() for f in open_futures))
            return future

    open_futures: list[object] = []

    def make(workers: int) -> Executor:
        return Watched(8)

    config = CoinConfig(n_cells=8, seconds_per_cell=0.01)
    run_study(COIN, config, out=tmp_path, execution=Execution(workers=3, make_executor=make))
    assert max(widths) <= 3


def test_each_cell_has_a_random_stream_of_its_own_made_from_seed_and_key(tmp_path: Path) -> None:
    config = CoinConfig(n_cells=2, coins={"n": 1}, tosses=64, seed=5)
    run = run_study(COIN, config, out=tmp_path)
    plan = make_plan(load_study(COIN), config)
    answers = [
        run.cells.read(planned.name)[1].trials["tosses"]["correct"].to_numpy() for planned in plan.cells
    ]
    assert (answers[0] != answers[1]).any()
    for planned, answer in zip(plan.cells, answers, strict=True):
        expected = Streams(5).child(planned.cell.key).generator("tosses").random(64) < 0.5
        assert (answer == expected).all()


def test_a_plan_with_a_cell_twice_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no cell twice"):
        run_study(f"{HERE}:TwiceCoins", CoinConfig(), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def threads_of_a_worker() -> tuple[int, str | None, list[int]]:
    import torch
    from threadpoolctl import threadpool_info

    pools = [pool["num_threads"] for pool in threadpool_info()]
    return torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS"), pools


@pytest.mark.slow
def test_a_worker_keeps_to_one_thread_whatever_its_driver_s_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with SpawnPool(1) as pool:
        n_torch, variable, pools = pool.submit(threads_of_a_worker).result()
    assert (n_torch, variable, set(pools)) == (1, "1", {1})


def test_workers_start_side_by_side_and_no_more_than_there_are_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[int] = []
    real = SpawnPool.submit

    def submit(pool: SpawnPool, call: Callable, /, *arguments: object) -> Future:
        if call is not int:
            there.append(len(pool._processes))
        return real(pool, call, *arguments)

    monkeypatch.setattr(SpawnPool, "submit", submit)
    config = CoinConfig(n_cells=3, coins={"n": 1})
    run_study(CoinStudy(), config, out=tmp_path, execution=Execution(workers=8))
    assert there == [3, 3, 3]


def test_threads_are_one_inside_and_as_before_outside() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("threadpoolctl")  # sets a variable of its own when it is imported
    environment, n_torch = dict(os.environ), torch.get_num_threads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
        assert all(os.environ[name] == "1" for name in THREAD_VARIABLES)
    assert torch.get_num_threads() == 2
    assert dict(os.environ) == environment
    torch.set_num_threads(n_torch)


def test_runs_in_two_threads_of_a_program_may_give_the_threads_back_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with one_thread():
        for name in THREAD_VARIABLES:  # as the other one's block does that had begun when this one did
            del os.environ[name]
    assert os.environ.keys().isdisjoint(THREAD_VARIABLES)


def test_the_inline_executor_passes_interrupts_and_keeps_exceptions() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    def fail() -> None:
        raise OSError("x")

    with InlineExecutor() as executor:
        assert executor.submit(max, 3, 4).result() == 4
        assert isinstance(executor.submit(fail).exception(), OSError)
        with pytest.raises(KeyboardInterrupt):
            executor.submit(interrupt)


def test_a_gpu_means_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogattn.running.hardware.best_device", lambda: "cuda")
    assert default_workers() == 1
    monkeypatch.setattr("cogattn.running.hardware.best_device", lambda: "cpu")
    assert 1 <= default_workers() <= 8


def test_provenance_tells_versions_machine_data_code_and_command(tmp_path: Path) -> None:
    run = run_study(f"{HERE}:DataCoins", CoinConfig(n_cells=1), out=tmp_path, argv=["cogattn", "data"])
    (session,) = run.read(Provenance).sessions
    assert {"python", "cogattn", "numpy", "scipy", "pandas"} <= session.versions.keys()
    assert session.argv == ("cogattn", "data")
    assert session.inputs == {"people.csv": "2" * 64}
    assert (session.n_cells, session.n_missing, session.workers, session.threads_per_worker) == (2, 2, 1, 1)
    assert session.started.endswith("+00:00")
    assert session.cpu
    assert session.platform
    assert {cell.code for cell in run.read(CellList).cells} == {session.code}


def test_how_a_run_is_executed_is_not_part_of_its_id(tmp_path: Path) -> None:
    first = run_study(COIN, CoinConfig(), out=tmp_path, argv=["x"])
    assert run_study(COIN, CoinConfig(), out=tmp_path, execution=Execution(workers=2)) == first
    assert open_run(COIN, CoinConfig(), tmp_path) == first


def test_failures_of_cells_with_one_label_are_both_told(tmp_path: Path) -> None:
    with pytest.raises(RunFailed) as failed:
        run_study(f"{HERE}:BrokenCoins", CoinConfig(n_cells=1), out=tmp_path)
    assert len(failed.value.failures) == 2
    assert all("ZeroDivisionError" in cause for cause in failed.value.failures.values())


def test_a_figure_that_cannot_be_drawn_is_named_and_the_tables_are_there(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"figure heads: ZeroDivisionError: division by zero"):
        run_study(f"{HERE}:UglyCoins", CoinConfig(), out=tmp_path)
    run = open_run(f"{HERE}:UglyCoins", CoinConfig(), tmp_path)
    assert len(run.summary()) == 2


def test_where_an_observer_lies_among_people_is_a_table_of_the_run(tmp_path: Path) -> None:
    study = CoinsAmongPeople()
    run = run_study(study, CoinConfig(coins=FairCoins(n=3)), out=tmp_path)
    table = run.place()
    assert table is not None
    expected = place_table(run.summary().iloc[:2], run.table("people"))
    pd.testing.assert_frame_equal(table, expected, rtol=1e-9, check_dtype=False)
    assert table["observer"].tolist() == ["coin 0", "coin 1"]
    nobody = run_study(CoinStudy(), CoinConfig(), out=tmp_path)
    assert nobody.place() is None


def test_artefacts_are_kept_beside_the_trials(tmp_path: Path) -> None:
    import cogattn

    run = cogattn.run(f"{HERE}:KeepingCoins", n_cells=2, out=tmp_path, workers=1, progress=False)
    kept = {(label, name): data for label, name, data in run.artefacts()}
    assert kept["coin 1, part 0", "weights.bin"] == b"\x01\x00"
    assert len(kept) == 4


def test_an_error_is_described_by_type_message_and_place() -> None:
    with pytest.raises(ValueError, match="invalid literal") as failed:
        int("x\ny")
    sentence = "ValueError: invalid literal for int() with base 10: 'x\\ny' (test_execute.py:"
    assert describe(failed.value).startswith(sentence)
    assert describe(ConfigError("noise.n_bands must be 3")) == "noise.n_bands must be 3"


def driver(folder: Path, *, guarded: bool) -> Path:
    work = (
        f"    run_study({COIN!r}, CoinConfig(n_cells=1), out=Path({str(folder)!r}), execution=Execution(2))\n"
    )
    guard = "if __name__ == '__main__':\n" if guarded else "if True:\n"
    (folder / "driver.py").write_text(
        "import sys; from pathlib import Path; from cogattn.running.execute import Execution, run_study\n"
        f"from cogattn.testing.coin import CoinConfig\n{guard}{work}    sys.exit('torch' in sys.modules)\n"
    )
    return folder / "driver.py"


@pytest.mark.slow
def test_the_driver_needs_no_torch(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, driver(tmp_path, guarded=True)]).returncode == 0


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    command = [sys.executable, driver(tmp_path, guarded=False)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert 'needs `if __name__ == "__main__":` around its work' in done.stderr


def test_plans_hold_what_studies_say() -> None:
    assert len(plan_cells(load_study(COIN), CoinConfig(n_cells=3))) == 6


def test_a_run_travels_to_workers() -> None:
    import pickle

    run = RunFolder(Path("/tmp"), "coin", "0" * 12)
    assert pickle.loads(pickle.dumps(run)) == run
