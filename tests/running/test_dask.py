"""Cells on real Dask workers of this machine: same numbers, and every fault ends as with the house's own pool."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import pytest

import cogattn
from cogattn.errors import ConfigError, RunFailed, StoreError, UnfitWorker
from cogattn.running.clusters import ClientEngine, connected, local_cluster, quiet
from cogattn.running.crew import DIED, LIVES, Progress
from cogattn.running.dask_executor import DaskExecutor
from cogattn.running.execute import Execution, open_run, run_study
from cogattn.running.executors import Equipment, worker_index
from cogattn.running.hardware import Hardware
from cogattn.seeds import Streams
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy
from tests.core.test_api import SMALL
from tests.failure.faulty_study import FaultyConfig
from tests.running.toy_networks import VARIABLE, Sixteen

if TYPE_CHECKING:
    from distributed import Client, SpecCluster

pytestmark = pytest.mark.slow
FAULTY = "tests.failure.faulty_study:FaultyStudy"
HERE = __name__
TABLES = ("tables/summary.csv", "trials/tosses.parquet")


class WhereCoins(CoinStudy):
    """Its trials are what a worker is: threads, seat, the GPU that it sees, where its stdout goes."""

    name: ClassVar[str] = "where"

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        import sys

        import torch

        rows = super().run_cell(config, cell, rng)
        sys.stdout.write("a study that talks")
        seen = [torch.get_num_threads(), worker_index(), os.environ.get("CUDA_VISIBLE_DEVICES", "none")]
        rows["condition"] = " ".join(map(str, [*seen, sys.stdout is sys.stderr, os.getpid()]))
        return rows


class BuildingCoins(CoinStudy):
    """Asks for a network in every cell."""

    name: ClassVar[str] = "building"

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        from cogattn.observers.build import build_network
        from cogattn.observers.config import FactoryObserver
        from cogattn.observers.roster import observer_names

        observer = FactoryObserver(target="tests.running.toy_networks:counted")
        build_network(observer, observer_names(observer)[0], seed=0)
        return super().run_cell(config, cell, rng)


@pytest.fixture(scope="module")
def cluster() -> Iterator[SpecCluster]:
    pytest.importorskip("distributed")
    with quiet(), local_cluster(2) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: SpecCluster) -> Iterator[Client]:
    with quiet(), connected(cluster.scheduler_address) as client:
        client.wait_for_workers(2, timeout=120)
        yield client


@pytest.fixture
def on_dask(client: Client) -> Execution:
    return Execution(engine=ClientEngine(client))


def starts(marks: Path) -> Counter[str]:
    return Counter(path.name.partition("-")[0] for path in marks.glob("[0-9]*-*"))


def cells_of(root: Path) -> int:
    return len(list((root / "cells").rglob("*.zip")))


def same(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in TABLES)


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def when(holds: Callable[[], bool], act: Callable[[], object]) -> threading.Thread:
    """Act from another thread as soon as something holds."""
    thread = threading.Thread(target=lambda: (wait_until(holds), act()), daemon=True)
    thread.start()
    return thread


def test_a_client_from_a_notebook_computes_the_same_tables_and_stays_open(
    client: Client, tmp_path: Path
) -> None:
    coin = "cogattn.testing.coin:CoinStudy"
    by_client = cogattn.run(coin, out=tmp_path / "client", executor=client, progress=False)
    executor = client.get_executor()
    by_executor = cogattn.run(coin, out=tmp_path / "executor", executor=executor, progress=False)
    serial = cogattn.run(coin, out=tmp_path / "serial", workers=1, progress=False)
    assert same(by_client.folder, serial.folder)
    assert same(by_executor.folder, serial.folder)
    assert client.submit(max, 1, 2).result(60) == 2
    assert not list(tmp_path.rglob("*.tmp"))


def test_each_worker_has_one_thread_a_seat_of_its_own_and_nothing_on_stdout(
    on_dask: Execution, tmp_path: Path
) -> None:
    config = CoinConfig(n_cells=12, coins={"n": 1}, seconds_per_cell=0.5)  # the slower one has some too
    run = run_study(f"{HERE}:WhereCoins", config, out=tmp_path, execution=on_dask)
    seen = {tuple(text.split()) for text in run.trials("tosses")["condition"]}
    assert {(threads, gpu, silent) for threads, _, gpu, silent, _ in seen} == {("1", "none", "True")}
    assert {seat for _, seat, *_ in seen} == {"0", "1"}
    assert len({pid for *_, pid in seen}) == 2


def test_a_worker_that_is_killed_costs_the_cell_that_it_had_and_no_other(
    client: Client, on_dask: Execution, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    config = FaultyConfig(n_cells=12, coins={"n": 1}, seconds_per_cell=0.3, marks=marks)
    victim = next(iter(client.run(os.getpid).values()))
    killer = when(lambda: cells_of(tmp_path) >= 3, lambda: os.kill(victim, signal.SIGKILL))
    killed = run_study(FAULTY, config, out=tmp_path, execution=on_dask)
    killer.join()
    n_starts = sum(starts(marks).values())
    assert 12 <= n_starts <= 13
    whole = run_study(FAULTY, config, out=tmp_path / "whole")
    assert same(killed.folder, whole.folder)


def test_a_poison_cell_is_reported_after_five_tries_and_its_neighbours_are_computed_once(
    on_dask: Execution, tmp_path: Path
) -> None:
    config = FaultyConfig(n_cells=8, coins={"n": 1}, poison=(3,), raising=(5,), exiting=(6,), marks=tmp_path)
    with pytest.raises(RunFailed) as failed:
        run_study(FAULTY, config, out=tmp_path, execution=on_dask)
    causes = failed.value.failures
    assert set(causes) == {"coin 0, part 3", "coin 0, part 5", "coin 0, part 6"}
    assert causes["coin 0, part 3"] == DIED.format(LIVES)
    assert causes["coin 0, part 5"].startswith("ValueError: cell 5 is broken (faulty_study.py:")
    assert starts(tmp_path) == {str(part): LIVES if part == 3 else 1 for part in range(8)}
    assert cells_of(tmp_path) == 5


def test_a_cell_that_hangs_is_ended_with_its_worker_and_the_other_worker_goes_on(
    client: Client, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    pids = set(client.run(os.getpid).values())
    config = FaultyConfig(n_cells=5, coins={"n": 1}, hanging=(1,), marks=marks)
    execution = Execution(engine=ClientEngine(client), cell_timeout_s=3)
    with pytest.raises(RunFailed) as failed:
        run_study(FAULTY, config, out=tmp_path, execution=execution)
    assert failed.value.failures == {"coin 0, part 1": "it took longer than the limit of 3 s"}
    assert starts(marks) == dict.fromkeys("01234", 1)
    wait_until(lambda: len(client.nthreads()) == 2 and len(set(client.run(os.getpid).values()) - pids) == 1)


def test_a_cell_that_asks_for_too_much_memory_fails_alone(client: Client, tmp_path: Path) -> None:
    config = FaultyConfig(n_cells=3, coins={"n": 1}, greedy=(1,), marks=tmp_path)
    execution = Execution(engine=ClientEngine(client), cell_memory_mb=2500)
    with pytest.raises(RunFailed) as failed:
        run_study(FAULTY, config, out=tmp_path, execution=execution)
    assert failed.value.failures["coin 0, part 1"].startswith("MemoryError")
    assert cells_of(tmp_path) == 2


def test_two_drivers_on_one_scheduler_share_a_run(cluster: SpecCluster, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    config = FaultyConfig(n_cells=10, coins={"n": 1}, seconds_per_cell=0.1, marks=marks)
    ends: list[Path] = []

    def drive() -> None:
        with connected(cluster.scheduler_address) as client:
            execution = Execution(engine=ClientEngine(client), beat_s=0.5)
            ends.append(run_study(FAULTY, config, out=tmp_path, execution=execution).folder)

    with quiet():
        drivers = [threading.Thread(target=drive) for _ in range(2)]
        for driver in drivers:
            driver.start()
        for driver in drivers:
            driver.join(300)
    assert len(ends) == 2
    assert starts(marks) == {str(part): 1 for part in range(10)}


def test_a_client_that_is_closed_in_the_middle_ends_the_run_with_a_sentence_and_the_run_resumes(
    cluster: SpecCluster, tmp_path: Path
) -> None:
    config = CoinConfig(n_cells=20, coins={"n": 1}, seconds_per_cell=0.2)
    with quiet():
        client = connected(cluster.scheduler_address)
        closer = when(lambda: cells_of(tmp_path) >= 2, client.close)
        begun = time.monotonic()
        with pytest.raises(StoreError, match="the Dask scheduler must stay within reach; got tcp://127"):
            run_study(CoinStudy(), config, out=tmp_path, execution=Execution(engine=ClientEngine(client)))
        closer.join()
    assert time.monotonic() - begun < 60
    assert 2 <= cells_of(tmp_path) < 20
    assert len(run_study(CoinStudy(), config, out=tmp_path).summary()) == 1
    with pytest.raises(ConfigError, match="one that is closed"):
        ClientEngine(client)


def test_workers_that_do_not_see_the_store_are_named_and_compute_nothing(
    on_dask: Execution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        "cogattn.running.fitness.temporary_beside", lambda path: tmp_path / "of the driver" / "x"
    )
    (tmp_path / "of the driver").mkdir()
    real = Path.touch
    monkeypatch.setattr(Path, "touch", lambda path: None if path.name == "x" else real(path))
    with pytest.raises(UnfitWorker, match="a worker must see the run's own folder under the same path"):
        run_study(CoinStudy(), CoinConfig(), out=tmp_path / "runs", execution=on_dask)
    assert "left out: a worker must see" in caplog.text
    assert cells_of(tmp_path / "runs") == 0


def test_workers_that_come_later_are_used_and_no_more_than_are_wanted(client: Client) -> None:
    everybody, one = DaskExecutor(client), DaskExecutor(client, most=1)
    try:
        for executor in (everybody, one):
            executor.equip(Equipment("seats"))
        wait_until(lambda: everybody.seats() == 2 and one.seats() == 1)
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: everybody.seats() == 1)
        wait_until(lambda: everybody.seats() == 2)
    finally:
        everybody.shutdown()
        one.shutdown()


def test_a_worker_that_dies_twice_comes_back_twice(cluster: SpecCluster, client: Client) -> None:
    """Dask looks once, 15 s after the first death, and would let a worker go that is down for the second time."""
    death = time.monotonic()
    name = next(iter(cluster.workers))

    def kill() -> None:
        pid = cluster.workers[name].pid if name in cluster.workers else None
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    kill()
    while time.monotonic() < death + 16:
        if time.monotonic() > death + 14:
            kill()
        time.sleep(0.1)
    client.wait_for_workers(2, timeout=60)
    assert len(set(client.run(os.getpid).values())) == 2


def test_a_live_network_goes_to_the_workers(client: Client, tmp_path: Path) -> None:
    options = {"observer": Sixteen(), "progress": False, **SMALL}
    on_dask = cogattn.run("masking", executor=client, out=tmp_path / "dask", **options)
    serial = cogattn.run("masking", workers=1, out=tmp_path / "serial", **options)
    pd.testing.assert_frame_equal(on_dask.trials["masking"], serial.trials["masking"])


def test_a_network_is_made_once_in_a_worker(client: Client, on_dask: Execution, tmp_path: Path) -> None:
    builds = tmp_path / "builds"
    client.run(lambda path: os.environ.update({VARIABLE: path}), str(builds))
    run_study(f"{HERE}:BuildingCoins", CoinConfig(n_cells=8, coins={"n": 1}), out=tmp_path, execution=on_dask)
    made = Counter(builds.read_text().split())
    assert len(made) in (1, 2), "a quick worker may have had all cells"
    assert set(made.values()) == {1}


def test_progress_counts_cells_on_dask(on_dask: Execution, tmp_path: Path) -> None:
    seen: list[Progress] = []
    run_study(CoinStudy(), CoinConfig(n_cells=2), out=tmp_path, execution=on_dask, on_progress=seen.append)
    assert sorted(p.stored for p in seen) == [0, 1, 2, 3, 4, 4]


def test_an_asynchronous_client_is_refused(cluster: SpecCluster) -> None:
    class Asynchronous:
        asynchronous, status = True, "running"

    with pytest.raises(ConfigError, match="synchronous; got an asynchronous one"):
        ClientEngine(Asynchronous())  # type: ignore[arg-type]


def test_each_local_worker_sees_a_gpu_of_its_own_and_calls_it_number_zero(tmp_path: Path) -> None:
    hardware = Hardware(("cuda:0", "cuda:1"))
    with quiet(), local_cluster(2, hardware) as cluster, connected(cluster.scheduler_address) as client:
        client.wait_for_workers(2, timeout=120)
        shown = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        named = client.run(lambda hardware: hardware.of_worker(1).device, hardware)
        ports = client.run(listening)
        here = listening()
    assert sorted(shown.values()) == ["0", "1"]
    assert set(named.values()) == {"cuda:0"}
    assert set(map(frozenset, ports.values())) == {frozenset({"0100007F"})}
    assert here == {"0100007F"}


def listening() -> set[str]:
    """Addresses, in hexadecimal, at which this process waits for connections."""
    inodes: set[str] = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def test_a_worker_of_several_threads_computes_one_cell_at_a_time_and_the_same(tmp_path: Path) -> None:
    from distributed import LocalCluster

    with (
        quiet(),
        LocalCluster(
            n_workers=1, threads_per_worker=4, host="127.0.0.1", dashboard_address=None, memory_limit=0
        ) as cluster,
        connected(cluster.scheduler_address) as client,
    ):
        execution = Execution(engine=ClientEngine(client))
        run = run_study(f"{HERE}:WhereCoins", CoinConfig(n_cells=3), out=tmp_path, execution=execution)
        seen = {text.split()[0] for text in run.trials("tosses")["condition"]}
        on_dask = cogattn.run("cogattn.testing.coin:CoinStudy", out=tmp_path, executor=client, progress=False)
    assert seen == {"1"}
    serial = cogattn.run("cogattn.testing.coin:CoinStudy", out=tmp_path / "serial", workers=1, progress=False)
    assert same(on_dask.folder, serial.folder)
    assert open_run(CoinStudy(), CoinConfig(), tmp_path).finished
