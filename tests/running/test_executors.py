"""Executors by name and by hand, and what is done to a process that is not ours while it computes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

import cogattn
from cogattn.cli import main
from cogattn.errors import ConfigError, ObserverError, RunFailed, StoreError, UnfitWorker
from cogattn.running import engines, fitness, worker
from cogattn.running.clusters import DaskEngine, environment_of, require
from cogattn.running.engines import BorrowedExecutor, checked_engine, engine_of
from cogattn.running.environment import sees_one_gpu
from cogattn.running.execute import Execution, open_run, run_study
from cogattn.running.executors import GUARD, Equipment, SpawnPool, WorkerLost, worker_index
from cogattn.running.fitness import made_by, marked, refuse_unfit
from cogattn.running.hardware import Hardware, checked_hardware
from cogattn.running.worker import Seat, at_work, sit, take_seat
from cogattn.testing.coin import CoinConfig, CoinStudy
from tests.failure.faulty_study import FaultyConfig
from tests.running import toy_executor

COIN = "cogattn.testing.coin:CoinStudy"
FAULTY = "tests.failure.faulty_study:FaultyStudy"
SMALL = CoinConfig(n_cells=3, coins={"n": 1})


# ---- flags


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (
            {"scheduler": "tcp://x:1"},
            "--scheduler must go with --executor dask; got --scheduler tcp://x:1 with pool",
        ),
        ({"executor": "pool", "cluster": "local"}, "--cluster must go with --executor dask"),
        ({"executor": "dask"}, "must have --scheduler ADDRESS or --cluster local or slurm; got neither"),
        ({"executor": "dask", "scheduler": "tcp://x:1", "cluster": "local"}, "got both"),
        ({"executor": "dask", "cluster": "k8s"}, "--cluster must be local or slurm; got 'k8s'"),
        ({"executor": "dask", "scheduler": " "}, "--scheduler must be the address of a Dask scheduler"),
        ({"executor": "ray"}, "--executor must be one of pool, dask, toy; got 'ray'"),
    ],
)
def test_flags_that_do_not_go_together_are_refused_before_anything_is_started(
    flags: dict[str, str], told: str, toy: None
) -> None:
    with pytest.raises(ConfigError) as refused:
        checked_engine(**flags)
    assert told in str(refused.value)


def test_the_command_line_tells_a_wrong_executor_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([COIN, "--executor", "ray", "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("cogattn: --executor must be one of pool, dask")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_missing_dask_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r'got none; pip install "cogattn\[distributed\]"'):
        require("dask_of_nowhere")
    monkeypatch.setattr("cogattn.running.clusters.require", lambda module: require("dask_of_nowhere"))
    with (
        pytest.raises(ConfigError, match="must have dask_of_nowhere installed"),
        DaskEngine("tcp://x:1").opened(),
    ):
        pass


def test_flags_reach_the_engine(tmp_path: Path) -> None:
    engine = checked_engine("dask", cluster="local", workers=3, hardware=Hardware(("cpu",)))
    assert engine == DaskEngine("", "local", 3, Hardware(("cpu",)))
    assert checked_engine() is None
    assert checked_engine("pool") is None


# ---- an executor that a package announces


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "site" / "toy_executor-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-executor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cogattn.executors]\ntoy = tests.running.toy_executor:threads\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    toy_executor.MADE.clear()


def test_an_announced_executor_runs_a_study_by_its_name(
    toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [COIN, "--executor", "toy", "--workers", "2", "--n-cells", "2", "--out", str(tmp_path / "runs")]
    assert main(words) == 0
    assert toy_executor.MADE == [2]
    by_name = cogattn.run(COIN, n_cells=2, out=tmp_path / "other", executor="toy", workers=3, progress=False)
    assert toy_executor.MADE == [2, 3]
    serial = run_study(COIN, CoinConfig(n_cells=2), out=tmp_path / "serial")
    assert same_table(by_name.store.folder, serial.folder)


@pytest.mark.parametrize(
    ("target", "error", "told"),
    [
        ("broken", StoreError, "--executor toy must be able to start; got OSError: no queue"),
        ("no_executor", ConfigError, "must make a concurrent.futures.Executor; got object"),
        ("absent", ConfigError, "--executor toy must be importable; got AttributeError"),
    ],
)
def test_an_announced_executor_that_is_none_is_told_in_one_sentence(
    toy: None, tmp_path: Path, target: str, error: type[Exception], told: str
) -> None:
    entry_points = tmp_path / "site" / "toy_executor-1.0.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[cogattn.executors]\ntoy = tests.running.toy_executor:{target}\n")
    with pytest.raises(error, match=told):
        run_study(
            COIN, SMALL, out=tmp_path / "runs", execution=Execution(engine=checked_engine("toy", workers=1))
        )


# ---- an executor that the user has


def same_table(one: Path, other: Path) -> bool:
    names = ("tables/summary.csv", "trials/tosses.parquet")
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_an_executor_of_ones_own_computes_the_same_and_stays_open(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = cogattn.run(COIN, n_cells=4, out=tmp_path / "own", executor=pool, workers=2, progress=False)
        assert pool.submit(max, 1, 2).result() == 2
    serial = cogattn.run(COIN, n_cells=4, out=tmp_path / "serial", workers=1, progress=False)
    assert same_table(found.folder, serial.folder)
    assert not list(found.folder.glob(".driver*"))


def test_what_is_no_executor_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must be a concurrent\.futures\.Executor, a Dask client"):
        engine_of(3)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"pass distributed\.Client"):
        engine_of("dask")


@pytest.mark.slow
def test_a_network_that_no_worker_can_import_is_refused_with_an_executor(tmp_path: Path) -> None:
    import torch

    class OfThisFunction(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean((2, 3))

    with ThreadPoolExecutor(1) as pool, pytest.raises(ObserverError, match="leave out executor"):
        cogattn.run("masking", observer=OfThisFunction(), executor=pool, out=tmp_path, progress=False)


class Breaking(Executor):
    """Breaks at its third call, as a pool does whose worker is killed."""

    def __init__(self, *, at_once: bool) -> None:
        self.n, self.at_once = 0, at_once

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Future:
        self.n += 1
        future: Future = Future()
        if self.n < 3:
            future.set_result(fn(*args, **kwargs))
        elif self.at_once:
            raise BrokenProcessPool("a child died")
        else:
            future.set_exception(BrokenProcessPool("a child died"))
        return future


@pytest.mark.parametrize("at_once", [True, False])
def test_an_executor_of_ones_own_that_breaks_ends_the_run_with_a_sentence_and_what_is_stored_stays(
    tmp_path: Path, at_once: bool
) -> None:
    engine = engine_of(Breaking(at_once=at_once), workers=1)
    with pytest.raises(
        StoreError, match="executor must be usable until the run is done; got BrokenProcessPool"
    ):
        run_study(COIN, SMALL, out=tmp_path, execution=Execution(engine=engine))
    assert len(list((tmp_path / "cells").rglob("*.zip"))) == 2
    assert len(run_study(COIN, SMALL, out=tmp_path).summary()) == 1


def test_a_hung_cell_on_an_executor_of_ones_own_is_given_up_and_the_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogattn.running.crew.START_S", 0.0)
    monkeypatch.setattr("cogattn.running.worker._BUSY", Unlocked())
    go_on = threading.Event()
    monkeypatch.setattr(
        "tests.failure.faulty_study.time.sleep", lambda seconds: seconds < 1 or go_on.wait(30)
    )
    config = FaultyConfig(n_cells=4, coins={"n": 1}, hanging=(1,), marks=tmp_path)
    with ThreadPoolExecutor(2) as pool:
        execution = Execution(engine=engine_of(pool, workers=2), cell_timeout_s=3.0)
        with pytest.raises(RunFailed) as failed:
            run_study(FAULTY, config, out=tmp_path, execution=execution)
        assert len(list((tmp_path / "cells").rglob("*.zip"))) == 3
        go_on.set()
    assert failed.value.failures == {"coin 0, part 1": "it took longer than the limit of 3 s"}


class Unlocked:
    """Lets two threads in at once: in one process a cell that hangs would stop the others."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_an_executor_whose_workers_all_hang_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadPoolExecutor(1) as pool:
        borrowed, go_on, begun = BorrowedExecutor(pool, 1), threading.Event(), threading.Event()

        def hang() -> None:
            begun.set()
            go_on.wait(30)

        future = borrowed.submit(hang)
        assert borrowed.seats() == 1
        begun.wait(30)
        borrowed.end(future)
        with pytest.raises(StoreError, match="all of them in cells that hang"):
            borrowed.seats()
        go_on.set()
        future.result(30)
        assert borrowed.seats() == 1


# ---- a script without a guard


@pytest.mark.slow
@pytest.mark.parametrize("n_cells", [1, 3])
def test_a_script_without_a_guard_ends_with_one_sentence_and_computes_nothing(
    tmp_path: Path, n_cells: int
) -> None:
    """Its workers import it and come to the same line: none waits for the cell that its own driver holds."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import cogattn\n"
        "try:\n"
        f"    cogattn.run({COIN!r}, coins={{'n': 1}}, n_cells={n_cells}, out={str(tmp_path / 'runs')!r})\n"
        "except Exception as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == f"worker processes must be able to start; got one that died at once; {GUARD}\n"
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs" / "cells").rglob("*.zip"))


# ---- a process that is not ours


def seen_at_work() -> tuple[int, str | None, bool]:
    import torch

    return torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS"), sys.stdout is sys.stderr


def test_a_call_is_made_with_one_thread_and_without_stdout_and_leaves_the_process_as_it_was() -> None:
    import torch

    before, out = torch.get_num_threads(), sys.stdout
    torch.set_num_threads(2)
    try:
        assert at_work(Equipment("a call"), seen_at_work) == (1, "1", True)
        assert torch.get_num_threads() == 2
        assert sys.stdout is out
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_memory_is_limited_during_a_call_and_not_after_it() -> None:
    with pytest.raises(MemoryError):
        at_work(Equipment("memory", memory_mb=2500), np.empty, 3 * 10**9, np.uint8)
    assert np.empty(3 * 10**9, np.uint8).nbytes == 3 * 10**9  # no page of it is touched


def test_a_process_computes_one_cell_at_a_time_whatever_its_threads() -> None:
    under_way: list[int] = []
    widest: list[int] = []

    def cell() -> None:
        under_way.append(1)
        widest.append(len(under_way))
        time.sleep(0.005)
        under_way.pop()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(at_work, Equipment("threads"), cell) for _ in range(12)]:
            future.result()
    assert max(widest) == 1


def test_a_process_is_prepared_once_for_an_execution() -> None:
    calls: list[str] = []
    equipment = Equipment("prepared", None, ((calls.append, ("a network",)),))
    for _ in range(3):
        at_work(equipment, int)
    assert calls == ["a network"]


def test_a_worker_knows_its_seat_during_a_call_and_forgets_the_network_s_parcel() -> None:
    calls: list[int] = []
    equipment = Equipment("seat", None, ((lambda: calls.append(worker_index()), ()),))
    assert take_seat(Seat("token", 3, equipment)) == os.getpid()
    assert calls == [3]
    assert sit("token", worker_index) == 3
    assert worker_index() == 0
    assert worker._SEATS["token"].equipment.prepare == ()


def test_another_process_at_the_same_address_is_known() -> None:
    with pytest.raises(WorkerLost):
        sit("a token that nobody has", int)


def test_a_process_that_sees_another_folder_or_has_other_code_libraries_or_devices_is_unfit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, libraries = made_by(COIN)
    monkeypatch.setattr(fitness, "best_device", lambda: "cpu")
    with marked(tmp_path) as mark:
        refuse_unfit(COIN, code, libraries, "cpu", mark)
        for arguments, told in (
            (
                (COIN, code, libraries, "cpu", tmp_path / "elsewhere" / mark.name),
                "must see the run's own folder",
            ),
            (
                (COIN, "0" * 64, libraries, "cpu", mark),
                f"must have the driver's code; got {code[:8]}, not 00000000",
            ),
            ((COIN, code, {**libraries, "numpy": "0.1"}, "cpu", mark), "versions of libraries; got numpy "),
            ((COIN, code, libraries, "cuda", mark), "must have the device cuda; got none that torch can use"),
            (
                ("no_such_module:Study", code, libraries, "cpu", mark),
                "must have the study's code; got: study",
            ),
        ):
            with pytest.raises(UnfitWorker) as unfit:
                refuse_unfit(*arguments)
            assert told in str(unfit.value)
    assert list(tmp_path.iterdir()) == []


def test_workers_that_do_not_see_the_store_compute_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_file", lambda path: ".driver." not in path.name and os.path.isfile(path))
    with ThreadPoolExecutor(1) as pool, pytest.raises(UnfitWorker, match="under the same path"):
        run_study(COIN, SMALL, out=tmp_path, execution=Execution(engine=engine_of(pool, workers=1)))
    assert not list((tmp_path / "cells").rglob("*.zip"))


def test_a_cell_records_the_processor_that_computed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogattn.running.execute.processor_of", lambda device: f"another one, {device}")
    run = run_study(COIN, SMALL, out=tmp_path)
    (path, *_) = (tmp_path / "cells").rglob("*.zip")
    assert run.cells.read(path.stem)[0].cpu == "another one, cpu"


# ---- devices


def test_each_local_worker_is_started_with_a_gpu_of_its_own() -> None:
    hardware = Hardware(("cuda:0", "cuda:2"))
    shown = [environment_of(number, hardware) for number in range(3)]
    assert shown == [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in ("0", "2", "0")]
    assert environment_of(0, Hardware(("cpu",))) == environment_of(0, Hardware(("cuda",))) == {}


def test_a_process_that_sees_one_gpu_computes_on_it_by_the_number_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hardware = Hardware(("cuda:0", "cuda:2"))
    for shown, expected in (("2", "cuda:0"), ("0,2", "cuda:2"), ("", "cuda:2"), ("-1", "cuda:2")):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
        assert hardware.of_worker(1).device == expected
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert not sees_one_gpu()
    assert hardware.of_worker(1).device == "cuda:2"


def test_the_device_that_the_driver_means_by_auto_is_named_to_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cogattn.running.hardware.best_device", lambda: "cuda")
    assert Hardware().named().devices == ("cuda",)
    assert Hardware(("cpu",)).named().devices == ("cpu",)


def test_a_driver_without_a_gpu_may_ask_for_workers_that_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("cogattn.running.execute.best_device", lambda: "cpu")
    with pytest.raises(ConfigError, match="--device must be one that this machine has"):
        checked_hardware(["cuda:0"])
    hardware = checked_hardware(["cuda:0"], elsewhere=True)
    assert Execution(hardware=hardware, engine=DaskEngine("tcp://x:1")).own_hardware.device == "cpu"
    assert Execution(hardware=hardware).own_hardware.device == "cuda:0"


def test_dask_is_not_imported_by_naming_it() -> None:
    import subprocess

    code = (
        "import sys; from cogattn.running.engines import checked_engine; checked_engine('dask', cluster='local');"
        "import cogattn.cli; sys.exit('dask' in sys.modules or 'distributed' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_run_that_is_finished_opens_no_engine(tmp_path: Path) -> None:
    run_study(COIN, SMALL, out=tmp_path)
    again = Execution(engine=DaskEngine("tcp://127.0.0.1:9"))
    run_study(COIN, SMALL, out=tmp_path, execution=again)
    assert open_run(CoinStudy(), SMALL, tmp_path).finished
    assert engines.POOL == "pool"


# ---- memory


def faults(n_times: int = 20) -> int:
    """Pages that this process had to ask for while it filled 40 MB over and over, once it had done so before."""
    import resource

    def minor() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

    np.ones(5 * 2**20).sum()
    before = minor()
    for _ in range(n_times):
        np.ones(5 * 2**20).sum()
    return minor() - before


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc's allocator that gives memory back")
def test_a_worker_uses_memory_again_that_it_has_freed() -> None:
    pool = SpawnPool(1)
    try:
        assert pool.submit(faults).result() < 100  # for 40 MB once 10,240, or 20 large ones
    finally:
        pool.kill()
