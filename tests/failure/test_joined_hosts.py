"""Three "hosts" that share a folder work on one run: killed, stopped, with a clock that is an hour wrong.

A host is a set of namespaces: a network, a name and process numbers of its own, so that no process of one can be asked
after by another. All that they have in common is the folder. Times are printed and not judged, for they are the
machine's.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from journal_study import TARGET, VARIABLE, able_s, starts
from test_joined import OTHER_CLOCK, answers, left_in
from test_kills import wait_until

from cogattn.errors import TimeUp
from cogattn.running.catalogue import verify
from cogattn.running.execute import Execution, open_run, run_study
from cogattn.running.records import Provenance
from cogattn.testing.coin import CoinConfig

log = logging.getLogger(__name__)
HERE = Path(__file__).parent
UNSHARE = ("unshare", "--net", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child")
BEAT_S = 0.5
SILENT_S = 10 * BEAT_S
EVERY_S = 5.0
KILLED, STOPPED, WRONG = range(3)


class Hosts:
    """Three hosts, each with ``cogattn work`` on one run."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.folder, self._run_id = folder, run_id
        self.journal = folder / "starts"
        (folder / "clock").mkdir()
        (folder / "clock" / "sitecustomize.py").write_text(OTHER_CLOCK.format(shift=3600))
        self.processes = [self.start(number) for number in range(3)]
        self.kills: list[float] = []

    def start(self, number: int) -> subprocess.Popen[str]:
        path = [str(HERE), *([str(self.folder / "clock")] if number == WRONG else [])]
        words = [
            sys.executable, "-m", "cogattn.cli", "work", self._run_id, "--study", TARGET, "--out",
            str(self.folder / "store"), "--workers", "1", "--beat", str(BEAT_S), "--json",
        ]  # fmt: skip
        return subprocess.Popen(
            [*UNSHARE, "sh", "-c", f'hostname host{number} && exec "$@"', "sh", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ, "PYTHONPATH": os.pathsep.join(path), VARIABLE: str(self.journal),
                "OMP_NUM_THREADS": "1",
            },
        )  # fmt: skip

    def kill(self) -> None:
        """End a host as a failing power supply does, and switch it on again."""
        process = self.processes[KILLED]
        if process.poll() is None:
            process.kill()
            self.kills.append(time.monotonic())
            process.communicate()
            self.processes[KILLED] = self.start(KILLED)

    def signal(self, number: int, signum: int) -> None:
        """Send a signal to the driver of a host."""
        children = Path(f"/proc/{self.processes[number].pid}/task/{self.processes[number].pid}/children")
        for pid in children.read_text().split():
            os.kill(int(pid), signum)

    def disturb(self, done: threading.Event) -> None:
        """Kill one every five seconds; stop another for ten beats, once."""
        while not done.wait(EVERY_S):
            self.kill()

    def stop_for_a_while(self) -> None:
        self.signal(STOPPED, signal.SIGSTOP)
        time.sleep(SILENT_S)
        self.signal(STOPPED, signal.SIGCONT)


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for stores."""
    if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("namespaces are refused")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "starts alone"))
    return tmp_path


MOUNTS = {
    "read-only": ("mount --bind store store && mount -o remount,ro,bind store", "Read-only file system"),
    "full": (
        "cp -r store copy && mount -t tmpfs -o size=256k none store && cp -r copy/. store "
        "&& (cat /dev/zero > store/filler || true)",
        "No space left on device",
    ),
}
"""What is done to the store, and what its file system says then."""


@pytest.mark.slow
@pytest.mark.parametrize("mount", MOUNTS)
def test_a_store_that_takes_nothing_is_one_sentence(begun: Path, mount: str) -> None:
    config = CoinConfig(n_cells=2)
    with pytest.raises(TimeUp):
        run_study(TARGET, config, out=begun / "store", execution=Execution(until=0.0))
    run = open_run(TARGET, config, begun / "store")
    command, sentence = MOUNTS[mount]
    words = [
        sys.executable,
        "-m",
        "cogattn.cli",
        "work",
        run.id,
        "--study",
        TARGET,
        "--out",
        "store",
        "--workers",
        "1",
    ]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'({command}) 2> mount.log && exec "$@"', "sh", *words],
        capture_output=True, text=True, cwd=begun, timeout=120, env={**os.environ, "PYTHONPATH": str(HERE)},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert sentence in done.stderr
    assert left_in(run.root) == []


@pytest.mark.parametrize(
    ("n_cells", "seconds"),
    [
        pytest.param(40, 0.5, marks=pytest.mark.slow, id="short"),
        pytest.param(300, 1.0, marks=pytest.mark.nightly, id="long"),
    ],
)
def test_hosts_that_die_and_fall_silent_end_with_the_table_of_an_undisturbed_run(
    begun: Path, n_cells: int, seconds: float
) -> None:
    config = CoinConfig(coins={"n": 2}, n_cells=n_cells // 2, seconds_per_cell=seconds)
    alone = run_study(TARGET, config, out=begun / "alone", execution=Execution(workers=8))
    run = open_run(TARGET, config, begun / "store")
    run.create(config)
    hosts, done = Hosts(begun, run.id), threading.Event()
    wait_until(lambda: len(starts(hosts.journal)) >= 3, 120)
    began = time.monotonic()
    chaos = threading.Thread(target=hosts.disturb, args=(done,))
    chaos.start()
    try:
        hosts.stop_for_a_while()
        wait_until(lambda: run.finished, 600)
    finally:
        end = time.monotonic()
        done.set()
        chaos.join()
        ended = [(*process.communicate(timeout=120), process.returncode) for process in hosts.processes]
    counts = starts(hosts.journal)
    n_again = sum(counts.values()) - n_cells
    able = able_s(hosts.journal, {f"host{KILLED}": hosts.kills}, end, cell_s=seconds) - SILENT_S
    log.warning(
        "%s",
        f"{n_cells} cells of {seconds} s, {len(hosts.kills)} kills: {n_again} computed again, {end - began:.1f} s, "
        f"{able / (n_cells * seconds):.2f} times what the hosts needed in the {able:.1f} s that they could work",
    )
    assert [code for _, _, code in ended] == [0, 0, 0], ended
    assert len({out for out, _, _ in ended}) == 1
    assert len(counts) == n_cells
    assert n_again <= len(hosts.kills) + 1
    assert len(hosts.kills) > 0
    assert answers(run) == answers(alone)
    assert verify(run) == []
    left = left_in(run.root)
    assert [path for path in left if path.suffix != ".json"] == []
    assert len(left) <= len(hosts.kills), "more than files of hosts that were killed when they held nothing"
    assert len(run.read(Provenance).sessions) >= 3


def test_seconds_in_which_hosts_could_work(tmp_path: Path) -> None:
    """Host a works from 1 to its death at 4 and from 6 on, to the end at 10; b from 2 on, as another process from 8."""
    lines = ["c 7 a 1.0", "d 7 b 2.0", "e 7 a 3.0", "e 7 b 3.0", "f 7 a 6.0", "g 9 b 8.0", "g 7 a 9.0"]
    (tmp_path / "starts").write_text("\n".join(lines))
    assert able_s(tmp_path / "starts", {"a": [4.0, 5.0]}, 10.0, cell_s=0.5) == (3 + 4) + (1.5 + 2)
    assert able_s(tmp_path / "starts", {"b": [3.25]}, 10.0, cell_s=0.5) == 9 + (1.25 + 2)
