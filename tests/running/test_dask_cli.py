"""``--executor dask`` as a user types it: a scheduler and workers by hand, a cluster for the run, Slurm's queue."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cogattn.cli import main
from cogattn.running.clusters import PATIENCE_S
from cogattn.running.execute import open_run, run_study
from cogattn.testing.coin import CoinConfig, CoinStudy
from tests.running.test_dask import cells_of, same, wait_until

COIN = "cogattn.testing.coin:CoinStudy"
SLOW_CELLS = ("--coins.n", "1", "--n-cells", "16", "--seconds-per-cell", "0.5")
CONFIG = CoinConfig(coins={"n": 1}, n_cells=16, seconds_per_cell=0.5)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start ``python -m`` with the given words, in a session of its own; all of it is gone at the end."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: object, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # a shell's background job ignores SIGINT
        running.append(process)
        return process

    yield begin
    for process in running:
        for pid in [process.pid, *members_of(process.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.communicate()


def members_of(session: int) -> list[int]:
    """Processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, sid = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(sid) == session and state != "Z":
            found.append(int(path.parent.name))
    return found


def told(err: str) -> str:
    """What was said, without what a slow machine is told: that a worker is waited for."""
    return re.sub(r"cogattn: no worker of the Dask scheduler .* waiting for one\n", "", err)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_told_within_seconds_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed")
    address = f"tcp://127.0.0.1:{free_port()}"
    begun = time.monotonic()
    assert main([COIN, "--executor", "dask", "--scheduler", address, "--out", str(tmp_path / "runs")]) == 2
    assert time.monotonic() - begun < PATIENCE_S + 60
    err = capsys.readouterr().err
    assert f"must be the address of a Dask scheduler that answers within {PATIENCE_S} s" in err
    assert address in err
    assert err.count("\n") == 1
    assert not list((tmp_path / "runs").rglob("provenance.json"))


@pytest.mark.slow
def test_a_scheduler_and_workers_by_hand_and_a_scheduler_that_dies(tmp_path: Path, start: Start) -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = start(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"
    )
    for _ in range(2):
        start(
            "distributed.cli.dask_worker", address, "--nthreads", 1, "--no-dashboard", "--host", "127.0.0.1"
        )
    words = ("cogattn.cli", COIN, *SLOW_CELLS, "--executor", "dask", "--scheduler", address)
    whole = start(*words, "--out", tmp_path / "whole")
    out, err = whole.communicate(timeout=300)
    assert (whole.returncode, told(err)) == (0, "")
    assert "coin 0" in out

    cut = start(*words, "--out", tmp_path / "cut")
    wait_until(lambda: cells_of(tmp_path / "cut") >= 3)
    scheduler.kill()
    out, err = cut.communicate(timeout=120)
    assert (cut.returncode, out) == (1, "")
    assert told(err).startswith(f"cogattn: the Dask scheduler must stay within reach; got {address} lost: ")
    assert told(err).count("\n") == 1
    assert cells_of(tmp_path / "cut") < 16
    resumed = run_study(CoinStudy(), CONFIG, out=tmp_path / "cut")
    assert same(resumed.folder, open_run(CoinStudy(), CONFIG, tmp_path / "whole").folder)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_cluster_for_the_run_ends_with_its_driver_however_that_ends(
    tmp_path: Path, start: Start, how: str
) -> None:
    pytest.importorskip("distributed")
    words = ("cogattn.cli", COIN, *SLOW_CELLS, "--executor", "dask", "--cluster", "local", "--workers", 2)
    driver = start(*words, "--out", tmp_path)
    wait_until(lambda: cells_of(tmp_path) >= 2)
    if how == "SIGINT":
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    else:
        driver.send_signal(getattr(signal, how))
    out, err = driver.communicate(timeout=120)
    assert out == ""
    assert driver.returncode == {"SIGKILL": -9, "SIGINT": 130, "SIGTERM": 143}[how]
    wait_until(lambda: not members_of(driver.pid))
    if how != "SIGKILL":
        word = "interrupted" if how == "SIGINT" else "terminated"
        assert (
            f"cogattn: {word}; {cells_of(tmp_path)} of 16 cells are stored and the same command resumes"
            in err
        )
        assert "Traceback" not in err
    assert 2 <= cells_of(tmp_path) < 16
    assert run_study(CoinStudy(), CONFIG, out=tmp_path).finished


SBATCH = """#!/bin/sh
for word; do script=$word; done
cp "$script" "{folder}/$$.job"
setsid sh "{folder}/$$.job" > "{folder}/$$.log" 2>&1 &
echo $! > "{folder}/$!.pid"
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job; do rm "{folder}/$job.pid" && kill -TERM -- "-$job"; done
"""


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    """A queue of Slurm that starts its jobs at once."""
    folder = tmp_path / "queue"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL), ("squeue", "#!/bin/sh\n")):
        path = folder / name
        path.write_text(text.replace("{folder}", str(folder)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.mark.slow
def test_jobs_of_a_slurm_queue_compute_a_run_and_are_cancelled_at_its_end(
    tmp_path: Path, start: Start, queue: Path
) -> None:
    pytest.importorskip("dask_jobqueue")
    settings = {
        "PATH": f"{queue}:{os.environ['PATH']}",
        "DASK_JOBQUEUE__SLURM__CORES": "1",
        "DASK_JOBQUEUE__SLURM__MEMORY": "2GB",
        "DASK_JOBQUEUE__SLURM__QUEUE": "short",
        "DASK_JOBQUEUE__SLURM__WALLTIME": "00:10:00",
        "DASK_JOBQUEUE__SLURM__LOCAL_DIRECTORY": str(tmp_path),
    }
    words = ("cogattn.cli", COIN, *SLOW_CELLS, "--executor", "dask", "--cluster", "slurm", "--workers", 2)
    driver = start(*words, "--out", tmp_path / "runs", **settings)
    _, err = driver.communicate(timeout=400)
    jobs = sorted(queue.glob("*.job"))
    logs = "".join(path.read_text() for path in queue.glob("*.log"))
    assert (driver.returncode, told(err)) == (0, ""), logs
    assert "--no-dashboard" in jobs[0].read_text()
    assert len(jobs) == 2
    assert "#SBATCH -p short" in jobs[0].read_text()
    assert re.search(r"#SBATCH -t 00:10:00", jobs[0].read_text())
    assert list(queue.glob("*.pid")) == []
    serial = run_study(CoinStudy(), CONFIG, out=tmp_path / "serial")
    assert same(open_run(CoinStudy(), CONFIG, tmp_path / "runs").folder, serial.folder)


@pytest.mark.slow
def test_a_queue_whose_jobs_are_not_described_is_told_what_is_missing(
    tmp_path: Path, queue: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dask_jobqueue")
    import dask
    import dask_jobqueue  # noqa: F401 - brings the defaults of its settings

    words = [
        COIN,
        "--executor",
        "dask",
        "--cluster",
        "slurm",
        "--workers",
        "2",
        "--out",
        str(tmp_path / "runs"),
    ]
    assert main(words) == 2
    told = "jobqueue.slurm.cores must say what a job gets, in ~/.config/dask/jobqueue.yaml or as"
    assert f"cogattn: {told} DASK_JOBQUEUE__SLURM__CORES; got none\n" == capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path))
    with dask.config.set({"jobqueue.slurm.cores": 1, "jobqueue.slurm.memory": "1GB"}):
        assert main(words) == 2
    assert "--cluster slurm must run where sbatch is; got none on the path" in capsys.readouterr().err
