"""Processes of this machine that outlive the server which started them: is it still the same one, and how to end it."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from cogattn.running.atomic import alive

BOOT = Path("/proc/sys/kernel/random/boot_id")
START_FIELD = 19
"""Of ``/proc/<pid>/stat`` behind the command's name: start in clock ticks since boot (proc(5), field 22)."""


def born(pid: int) -> str:
    """Return when a process started, in this system's own words; empty where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{BOOT.read_text().strip()} {fields[START_FIELD]}"
    except FileNotFoundError:
        if BOOT.exists():
            return ""
    except (OSError, IndexError):
        return ""
    told = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return " ".join(told.stdout.split())


def lives(pid: int, since: str) -> bool:
    """Whether the process that was born `since` still runs under this number; one that waits to be reaped does not."""
    return bool(since) and born(pid) == since and alive(pid)


def ask_to_end(pid: int, since: str) -> None:
    """Send SIGTERM to the process alone: it lets its workers store what they have under way."""
    if lives(pid, since):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def end(pid: int, since: str) -> None:
    """Send SIGKILL to the process and to all that it started."""
    if lives(pid, since):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
