"""Dask workers on three "hosts" that share a folder: killed, cut off, with a clock that is an hour wrong.

A host is a network namespace with an address of its own on a bridge: what one says to another goes through a link that
can be cut. Times are printed and not judged, for they are the machine's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cogattn.running.clusters import DaskEngine
from cogattn.running.execute import Execution, run_study
from cogattn.testing.coin import CoinConfig
from tests.failure.journal_study import HOST, VARIABLE, able_s, starts
from tests.running.test_dask import cells_of, same, wait_until
from tests.running.test_dask_cli import members_of

ROOT = Path(__file__).resolve().parents[2]
JOURNAL = "tests.failure.journal_study:JournalStudy"
PORT = 8786
WRONG_CLOCK = "import time\n_true = time.time\ntime.time = lambda: _true() + 3600\n"
EVERY_S = 5.0
ALWAYS = 'while :; do "$@"; sleep 1; done'
"""Dask ends a worker, and its nanny, that has not reached its scheduler for half a minute."""


def ip(*words: object) -> None:
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise OSError(done.stderr.strip())


class Hosts:
    """Three hosts and a scheduler on a bridge; each host has a worker, and a nanny that starts it again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.name, self._net = f"cg{os.getpid()}", f"10.213.{os.getpid() % 250}"
        self.address = f"tcp://{self._net}.1:{PORT}"
        self.journal = folder / "journal"
        self.deaths: dict[str, list[float]] = {}
        self.bridge()
        self.start([], "distributed.cli.dask_scheduler", "--host", f"{self._net}.1", "--port", PORT)
        self.workers = [self.host(number) for number in range(3)]

    def bridge(self) -> None:
        ip("link", "add", self.name, "type", "bridge")
        self._stack.callback(subprocess.run, ["ip", "link", "del", self.name], capture_output=True)
        ip("addr", "add", f"{self._net}.1/24", "dev", self.name)
        ip("link", "set", self.name, "up")

    def host(self, number: int) -> subprocess.Popen[bytes]:
        space, cable, own = f"{self.name}-{number}", f"{self.name}l{number}", f"{self._net}.{number + 2}"
        ip("netns", "add", space)
        self._stack.callback(subprocess.run, ["ip", "netns", "del", space], capture_output=True)
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("link", "set", cable, "master", self.name, "up")
        for words in (
            ("addr", "add", f"{own}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", space, *words)
        words = (
            "distributed.cli.dask_worker",
            self.address,
            "--host",
            own,
            "--nthreads",
            1,
            "--name",
            number,
        )
        return self.start(
            ["ip", "netns", "exec", space, "sh", "-c", ALWAYS, "sh"],
            *words,
            "--local-directory",
            self.folder,
            number=number,
        )

    def start(self, prefix: list[str], *words: object, number: int | None = None) -> subprocess.Popen[bytes]:
        path = [str(ROOT)]
        if number == 2:
            (self.folder / "clock").mkdir()
            (self.folder / "clock" / "sitecustomize.py").write_text(WRONG_CLOCK)
            path.insert(0, str(self.folder / "clock"))
        log = self._stack.enter_context((self.folder / "log").open("ab"))
        process = subprocess.Popen(
            [*prefix, sys.executable, "-m", *map(str, words), "--no-dashboard"],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path),
                VARIABLE: str(self.journal),
                HOST: str(number),
            },
        )
        self._stack.callback(end, process)
        return process

    def kill_worker(self, number: int) -> bool:
        """Kill the worker process of a host, if it is there; its nanny starts another."""
        nanny = self.workers[number].pid
        for pid in members_of(nanny):
            if pid != nanny and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
                self.deaths.setdefault(str(number), []).append(time.monotonic())
                return True
        return False

    def cut(self, number: int, seconds: float) -> None:
        cable = f"{self.name}l{number}"
        ip("link", "set", cable, "down")
        time.sleep(seconds)
        ip("link", "set", cable, "up")


def end(process: subprocess.Popen[bytes]) -> None:
    for pid in [process.pid, *members_of(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    pytest.importorskip("distributed")
    if shutil.which("ip") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("network namespaces need root and the command ip")
    with ExitStack() as stack:
        try:
            found = Hosts(tmp_path, stack)
        except OSError as error:
            pytest.skip(f"network namespaces are refused: {error}")
        yield found


def chaos(hosts: Hosts, over: threading.Event, cut_s: float) -> list[str]:
    """Kill the first host's worker every few seconds, and cut the second host off once."""
    done: list[str] = []
    cutter = threading.Timer(EVERY_S / 2, lambda: (hosts.cut(1, cut_s), done.append("cut")))
    cutter.start()
    while not over.wait(EVERY_S):
        if hosts.kill_worker(0):
            done.append("killed")
    cutter.join()
    return done


def survives(hosts: Hosts, config: CoinConfig, *, cut_s: float) -> None:
    store, over, done = hosts.folder / "store", threading.Event(), []
    began: list[float] = []
    ended: list[float] = []

    def act() -> None:
        wait_until(lambda: cells_of(store) >= 3)
        began.append(time.monotonic())
        done.extend(chaos(hosts, over, cut_s))

    actor = threading.Thread(target=act)
    actor.start()
    try:
        run = run_study(JOURNAL, config, out=store, execution=Execution(engine=DaskEngine(hosts.address)))
        ended.append(time.monotonic())
    finally:
        over.set()
        actor.join()
    end = ended[0]
    begun = starts(hosts.journal)
    again = sum(begun.values()) - len(begun)
    able = able_s(hosts.journal, hosts.deaths, end, cell_s=config.seconds_per_cell)
    print(  # noqa: T201
        f"{done.count('killed')} killed, {again} cells again, {end - began[0]:.1f} s, "
        f"{able / (config.n_cells * config.seconds_per_cell):.2f} times what the hosts needed in the {able:.1f} s "
        "that they could work"
    )
    assert len(begun) == config.n_cells
    assert again <= len(done)
    assert "killed" in done
    assert "cut" in done
    os.environ[VARIABLE] = str(hosts.folder / "serial journal")
    try:
        at_once = config.model_copy(update={"seconds_per_cell": 0.0})
        serial = run_study(JOURNAL, at_once, out=hosts.folder / "serial")
    finally:
        del os.environ[VARIABLE]
    assert same(run.folder, serial.folder)


@pytest.mark.parametrize(
    ("n_cells", "seconds_per_cell", "cut_s"),
    [
        pytest.param(60, 0.5, 3.0, marks=pytest.mark.slow, id="short"),
        pytest.param(
            300, 1.0, 60.0, marks=pytest.mark.nightly, id="long"
        ),  # TCP gives up after half a minute
    ],
)
def test_three_hosts_one_killed_again_and_again_one_cut_off_one_with_a_wrong_clock(
    hosts: Hosts, n_cells: int, seconds_per_cell: float, cut_s: float
) -> None:
    config = CoinConfig(n_cells=n_cells, coins={"n": 1}, seconds_per_cell=seconds_per_cell)
    survives(hosts, config, cut_s=cut_s)
