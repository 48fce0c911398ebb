"""Cells are run, stored and summarised."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from cogattn.errors import ConfigError, RunFailed, StoreError
from cogattn.registry import load_study
from cogattn.running.execute import Progress, describe, execute, open_run, plan, run_study
from cogattn.running.executors import THREAD_VARIABLES, InlineExecutor, SpawnPool, default_workers, one_thread
from cogattn.running.provenance import begin_session, collect
from cogattn.running.records import Provenance
from cogattn.running.store import Run
from cogattn.seeds import Streams
from cogattn.study import Cell
from cogattn.testing.coin import CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
HERE = __name__


class DataCoins(CoinStudy):
    """Coins that depend on a file."""

    name: ClassVar[str] = "data"
    fingerprint = "0" * 64

    def inputs(self, config: CoinConfig) -> Mapping[str, str]:
        return {"coins.csv": DataCoins.fingerprint}


class TwiceCoins(CoinStudy):
    """Plans a cell twice."""

    def cells(self, config: CoinConfig) -> Sequence[Cell]:
        return [*super().cells(config), super().cells(config)[0]]


def test_progress_counts_from_what_is_stored_to_the_whole_plan(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run_study(COIN, CoinConfig(n_cells=2), out=tmp_path, on_progress=seen.append)
    assert [(p.stored, p.failed, p.total) for p in seen] == [(n, 0, 4) for n in range(5)]
    cell = min((tmp_path / "coin").glob("*/cells/*.parquet"))
    cell.unlink()
    seen.clear()
    run_study(COIN, CoinConfig(n_cells=2), out=tmp_path, on_progress=seen.append)
    assert [(p.stored, p.total) for p in seen] == [(3, 4), (4, 4)]


def test_a_complete_run_computes_nothing_and_records_no_session(tmp_path: Path) -> None:
    run, _ = run_study(COIN, CoinConfig(n_cells=1), out=tmp_path)
    before = (run.folder / "provenance.json").read_bytes()
    seen: list[Progress] = []
    run_study(COIN, CoinConfig(n_cells=1), out=tmp_path, on_progress=seen.append)
    assert seen == []
    assert (run.folder / "provenance.json").read_bytes() == before


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

    run_study(COIN, CoinConfig(n_cells=8, seconds_per_cell=0.01), out=tmp_path, workers=3, make_executor=make)
    assert max(widths) <= 3


def test_each_cell_has_a_random_stream_of_its_own_made_from_seed_and_key(tmp_path: Path) -> None:
    config = CoinConfig(n_cells=2, coins={"n": 1}, tosses=64, seed=5)
    run, _ = run_study(COIN, config, out=tmp_path)
    cells = plan(load_study(COIN), config)
    answers = [run.read_trials([cell.key])["correct"].to_numpy() for cell in cells]
    assert (answers[0] != answers[1]).any()
    for cell, answer in zip(cells, answers, strict=True):
        expected = Streams(5).child(cell.key).generator("tosses").random(64) < 0.5
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


def test_a_worker_keeps_to_one_thread_whatever_its_driver_s_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with SpawnPool(1) as pool:
        n_torch, variable, pools = pool.submit(threads_of_a_worker).result()
    assert (n_torch, variable, set(pools)) == (1, "1", {1})


def test_threads_are_one_inside_and_as_before_outside() -> None:
    torch = pytest.importorskip("torch")
    environment, n_torch = dict(os.environ), torch.get_num_threads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
        assert all(os.environ[name] == "1" for name in THREAD_VARIABLES)
    assert torch.get_num_threads() == 2
    assert dict(os.environ) == environment
    torch.set_num_threads(n_torch)


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
    monkeypatch.setattr("cogattn.running.executors.gpu_names", lambda: ("H200",))
    assert default_workers() == 1
    monkeypatch.setattr("cogattn.running.executors.gpu_names", lambda: ())
    assert 1 <= default_workers() <= 8


def test_other_versions_are_refused_unless_mixing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = run_study(COIN, CoinConfig(), out=tmp_path)
    min((run.folder / "cells").iterdir()).unlink()
    monkeypatch.setattr(
        "cogattn.running.provenance.version_of", lambda name: "9.9.9" if name == "torch" else "0.1.0"
    )
    with pytest.raises(
        StoreError, match=r"torch must have the version that run .* began with, .*; got 9.9.9; pass --mix"
    ):
        run_study(COIN, CoinConfig(), out=tmp_path)
    assert run.finished
    run_study(COIN, CoinConfig(), out=tmp_path, mix=True)
    assert len(run.read(Provenance).sessions) == 2


def test_changed_data_are_refused_even_when_mixing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = f"{HERE}:DataCoins"
    run, _ = run_study(target, CoinConfig(), out=tmp_path)
    monkeypatch.setattr(DataCoins, "fingerprint", "1" * 64)
    with pytest.raises(
        StoreError, match=r"the data of run .* must be those it began with; got changed coins.csv"
    ):
        run_study(target, CoinConfig(), out=tmp_path, mix=True)
    assert run.finished


def test_provenance_tells_versions_machine_data_and_command(tmp_path: Path) -> None:
    run, _ = run_study(f"{HERE}:DataCoins", CoinConfig(n_cells=1), out=tmp_path, argv=["cogattn", "data"])
    (session,) = run.read(Provenance).sessions
    assert {"python", "cogattn", "torch", "timm", "numpy", "scipy"} <= session.versions.keys()
    assert session.argv == ("cogattn", "data")
    assert session.inputs == {"coins.csv": "0" * 64}
    assert (session.n_cells, session.workers, session.threads_per_worker) == (2, 1, 1)
    assert session.started.endswith("+00:00")
    assert session.cpu
    assert session.platform


def test_provenance_is_not_part_of_the_id(tmp_path: Path) -> None:
    run = open_run(COIN, CoinConfig(), tmp_path)
    run.create(1, CoinConfig())
    begin_session(run, collect(load_study(COIN), CoinConfig(), argv=["x"], workers=7, n_cells=1))
    assert open_run(COIN, CoinConfig(), tmp_path) == run


def test_failures_of_cells_with_one_label_are_both_told(tmp_path: Path) -> None:
    config = CoinConfig(n_cells=1)
    run = open_run(f"{HERE}:BrokenCoins", config, tmp_path)
    run.create(1, config)
    with pytest.raises(RunFailed) as failed:
        execute(f"{HERE}:BrokenCoins", config, run)
    assert len(failed.value.failures) == 2
    assert all("ZeroDivisionError" in cause for cause in failed.value.failures.values())


class BrokenCoins(CoinStudy):
    """All cells have one label and fail."""

    name: ClassVar[str] = "broken"

    def cells(self, config: CoinConfig) -> Sequence[Cell]:
        return [Cell.of("same", coin=coin) for coin in range(2)]

    def run_cell(self, *args: object) -> object:
        return 1 / 0


def test_an_error_is_described_by_type_message_and_place() -> None:
    with pytest.raises(ValueError, match="invalid literal") as failed:
        int("x\ny")
    sentence = "ValueError: invalid literal for int() with base 10: 'x\\ny' (test_execute.py:"
    assert describe(failed.value).startswith(sentence)
    assert describe(ConfigError("noise.n_bands must be 3")) == "noise.n_bands must be 3"


def test_the_driver_needs_no_torch(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from cogattn.running.execute import run_study\n"
        "from cogattn.testing.coin import CoinConfig\n"
        "if __name__ == '__main__':\n"
        f"    run_study({COIN!r}, CoinConfig(n_cells=1), out=Path({str(tmp_path)!r}), workers=2)\n"
        "    sys.exit('torch' in sys.modules)"
    )
    (tmp_path / "driver.py").write_text(code)
    assert subprocess.run([sys.executable, tmp_path / "driver.py"]).returncode == 0


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    import subprocess

    code = (
        "from pathlib import Path; from cogattn.running.execute import run_study\n"
        "from cogattn.testing.coin import CoinConfig\n"
        f"run_study({COIN!r}, CoinConfig(n_cells=1), out=Path({str(tmp_path)!r}), workers=2)\n"
    )
    (tmp_path / "driver.py").write_text(code)
    done = subprocess.run(
        [sys.executable, tmp_path / "driver.py"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert 'needs `if __name__ == "__main__":` around its work' in done.stderr


def test_plans_hold_what_studies_say() -> None:
    assert len(plan(load_study(COIN), CoinConfig(n_cells=3))) == 6


def test_a_run_travels_to_workers() -> None:
    import pickle

    run = Run(Path("/tmp"), "coin", "0" * 12)
    assert pickle.loads(pickle.dumps(run)) == run
