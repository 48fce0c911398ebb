"""Jobs: one run for one question, known by the store and the table of processes alone, ended gently and for good."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cogattn.apps.dashboard.jobs import jobs
from cogattn.apps.dashboard.jobs.jobs import Job
from cogattn.apps.dashboard.jobs.processes import born, lives
from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.registry import load_study
from cogattn.running.atomic import sealed
from cogattn.running.catalogue import list_runs
from cogattn.running.job_records import Cancelled, Ended, JobRecord, job_folder
from cogattn.running.records import Record
from cogattn.running.store import JOBS, RESERVED, RunFolder, config_record
from cogattn.testing.coin import CoinConfig

LIMIT_S = 120.0
SLOW = CoinConfig(n_cells=30, seconds_per_cell=0.2)


def run_of(root: Path, config: StudyConfig, study: str = "coin") -> RunFolder:
    return RunFolder(root, study, config_record(study, config).run_id)


def state_of(run: RunFolder) -> str:
    job = jobs.look(run)
    assert job is not None
    return job.state


def wait(run: RunFolder, until: Callable[[Job], bool]) -> Job:
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        job = jobs.look(run)
        if job is not None and until(job):
            return job
        time.sleep(0.05)
    raise AssertionError(f"the job must come so far; got {jobs.look(run)}, {jobs.log_tail(run)}")


def write(run: RunFolder, record: Record) -> None:
    folder = job_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / record.file).write_bytes(sealed(record.model_dump(mode="json")))


def recorded(root: Path, config: StudyConfig, *, pid: int, since: str, workers: int = 1) -> RunFolder:
    """The record of a job that was not started here."""
    run = run_of(root, config)
    record = JobRecord(
        study="coin", run_id=run.id, host=socket.gethostname(), pid=pid, born=since,
        started="2026-01-01T00:00:00+00:00", workers=workers,
    )  # fmt: skip
    write(run, record)
    return run


@pytest.mark.slow
def test_one_run_for_two_launches_killed_resumed_and_cancelled(coins: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        asked = [both.submit(jobs.start, coins, "coin", SLOW, workers=1) for _ in range(2)]
    started = [one.result() for one in asked]
    assert sorted(new for _, new in started) == [False, True]
    assert len({job.record.pid for job, _ in started}) == 1
    run = run_of(coins, SLOW)

    killed_at = wait(run, lambda job: job.state == "running" and job.n_stored >= 2)
    assert killed_at.n_cells == 60
    os.killpg(killed_at.record.pid, signal.SIGKILL)
    died = wait(run, lambda job: not job.at_work)
    assert died.state == "died"

    job, new = jobs.start(coins, "coin", SLOW, workers=1)
    assert new
    assert job.record.pid != killed_at.record.pid
    resumed = wait(run, lambda job: job.n_stored > killed_at.n_stored + 1)
    assert jobs.start(coins, "coin", SLOW, workers=1)[1] is False
    jobs.cancel(run)
    ended = wait(run, lambda job: not job.at_work)
    assert (ended.state, ended.code) == ("cancelled", 143)
    assert resumed.n_stored <= ended.n_stored < 60
    assert "the same command resumes" in jobs.log_tail(run)
    wait(run, lambda job: not lives(job.record.pid, job.record.born))
    assert [one.run.id for one in jobs.jobs(coins)] == [run.id]
    assert [one.study for one in list_runs(coins)] == ["coin"]


def test_a_run_that_is_refused_has_failed_and_says_why(tmp_path: Path) -> None:
    config = load_study("masking").Config.parse(
        {"images": {"kind": "folder", "path": str(tmp_path / "none")}}
    )
    jobs.start(tmp_path / "runs", "masking", config, workers=1)
    job = wait(run_of(tmp_path / "runs", config, "masking"), lambda job: not job.at_work)
    assert (job.state, job.code) == ("failed", 2)
    assert "images.path" in jobs.log_tail(job.run)


def test_nothing_runs_of_which_no_record_was_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cogattn.apps.dashboard.jobs.detached", str(tmp_path), "demo", "--out", str(tmp_path)],
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert list(tmp_path.iterdir()) == []


def test_another_process_under_the_same_number_is_not_the_job(tmp_path: Path) -> None:
    own = born(os.getpid())
    assert own
    assert lives(os.getpid(), own)
    run = recorded(tmp_path, CoinConfig(), pid=os.getpid(), since=f"{own}0")
    job = jobs.look(run)
    assert job is not None
    assert job.state == "died"
    jobs.cancel(run)  # and this process goes on
    assert state_of(recorded(tmp_path, CoinConfig(), pid=os.getpid(), since=own)) == "starting"


def test_a_dead_process_that_nobody_reaped_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    since = born(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert since
    assert not lives(child.pid, since)
    child.wait()
    assert born(child.pid) == ""


@pytest.mark.slow
def test_jobs_share_the_processors(tmp_path: Path) -> None:
    recorded(tmp_path, CoinConfig(seed=1), pid=os.getpid(), since=born(os.getpid()), workers=2)
    with pytest.raises(ConfigError, match="take 2 of 3 processors; got 2"):
        jobs.start(tmp_path, "coin", CoinConfig(), workers=2, limit=3)
    assert jobs.look(run_of(tmp_path, CoinConfig())) is None


def test_a_run_that_somebody_else_is_at_work_on_is_not_started(tmp_path: Path) -> None:
    run = run_of(tmp_path, CoinConfig())
    with run.at_work(CoinConfig()), pytest.raises(StoreError, match="started elsewhere"):
        jobs.start(tmp_path, "coin", CoinConfig(), workers=1)
    assert jobs.look(run) is None


def test_a_job_that_does_not_end_is_ended_when_its_grace_is_over(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        run = recorded(tmp_path, CoinConfig(), pid=child.pid, since=born(child.pid))
        jobs.cancel(run)
        assert [job.state for job in jobs.jobs(tmp_path)] == ["cancelling"]
        time.sleep(0.2)
        assert child.poll() is None
        write(run, Cancelled(at=time.time() - jobs.GRACE_S - 1))
        jobs.jobs(tmp_path)
        assert child.wait(60) == -signal.SIGKILL
        assert [job.state for job in jobs.jobs(tmp_path)] == ["cancelled"]
    finally:
        child.kill()
        child.stdout.close()


def test_states_are_those_of_the_record(tmp_path: Path) -> None:
    run = recorded(tmp_path, CoinConfig(), pid=os.getpid(), since=born(os.getpid()))
    write(run, Ended(code=0, at="2026-01-01T00:00:00+00:00"))
    assert state_of(run) == "finished"
    write(run, Ended(code=1, at="2026-01-01T00:00:00+00:00"))
    assert state_of(run) == "failed"
    jobs.forget(run)
    assert jobs.look(run) is None
    assert not job_folder(run).exists()


def test_a_job_at_work_is_not_forgotten(tmp_path: Path) -> None:
    run = recorded(tmp_path, CoinConfig(), pid=os.getpid(), since=born(os.getpid()))
    jobs.forget(run)
    assert jobs.look(run) is not None


def test_what_is_no_job_is_passed_over(tmp_path: Path) -> None:
    assert JOBS in RESERVED
    folder = tmp_path / JOBS
    (folder / "..-aaaaaaaaaaaa").mkdir(parents=True)
    (folder / "coin-nothex").mkdir()
    (folder / "coin-aaaaaaaaaaaa").mkdir()
    (folder / "coin-aaaaaaaaaaaa" / "job.json").write_text("{}")
    (folder / "coin-bbbbbbbbbbbb").symlink_to(tmp_path)
    assert jobs.jobs(tmp_path) == []
    with pytest.raises(StoreError, match="symbolic link"):
        job_folder(RunFolder(tmp_path, "coin", "bbbbbbbbbbbb"))


def test_a_record_of_another_run_is_no_record(tmp_path: Path) -> None:
    run = recorded(tmp_path, CoinConfig(), pid=os.getpid(), since=born(os.getpid()))
    other = run_of(tmp_path, CoinConfig(seed=1))
    job_folder(run).rename(job_folder(other))
    assert jobs.look(other) is None


def test_the_log_ends_with_the_last_state_of_the_bar(tmp_path: Path) -> None:
    run = run_of(tmp_path, CoinConfig())
    assert jobs.log_tail(run) == ""
    job_folder(run).mkdir(parents=True)
    log = job_folder(run) / jobs.LOG
    log.write_bytes(b"x" * 100_000 + b"\nbegin\n 10 %\r 20 %\r 30 %\r\nend \xff\n\n")
    assert jobs.log_tail(run, 3) == "begin\n 30 %\nend \N{REPLACEMENT CHARACTER}"
    assert len(jobs.log_tail(run)) < 10_000
