"""Where a run's numbers come from: versions, machine, data fingerprints, command.

Provenance is recorded beside a run and never part of its id. One record holds a list of sessions, one for
each start that computed cells. A session over other data than an earlier one is always refused; one with
other versions of cogattn or torch only unless mixing is asked for.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.errors import StoreError
from cogattn.running.records import Provenance, Session
from cogattn.running.store import Run
from cogattn.study import Study

PACKAGES = ("cogattn", "torch", "timm", "numpy", "scipy", "pandas", "pyarrow")
MUST_AGREE = ("cogattn", "torch")


def collect(study: Study, config: StudyConfig, *, argv: Sequence[str], workers: int, n_cells: int) -> Session:
    """Return one session's record.

    Parameters
    ----------
    study, config : Study, StudyConfig
        `Study.inputs` gives the fingerprints of the data.
    argv : sequence of str
        The command as it was given.
    workers : int
        Processes at work at once, one thread each.
    n_cells : int
        Cells of the whole plan, so that a reader of the folder can tell the progress.
    """
    return Session(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        argv=tuple(argv),
        n_cells=n_cells,
        workers=workers,
        threads_per_worker=1,
        versions={"python": platform.python_version(), **{name: version_of(name) for name in PACKAGES}},
        git=git_commit(Path(__file__).resolve().parents[2]),
        platform=platform.platform(),
        cpu=cpu_name(),
        gpus=gpu_names(),
        inputs=dict(sorted(study.inputs(config).items())),
    )


def begin_session(run: Run, session: Session, *, mix: bool = False) -> None:
    """Append `session` to the run's provenance and mark the run as unfinished.

    Raises
    ------
    StoreError
        If the data differ from an earlier session's, or versions do without `mix`, or the record is damaged.
    """
    with run.lock():
        check_session(run, session, mix=mix)
        earlier = run.read(Provenance) or Provenance()
        run.reopen()
        run.write(Provenance(sessions=(*earlier.sessions, session)))


def check_session(run: Run, session: Session, *, mix: bool = False) -> None:
    """Refuse, as `begin_session` does, without recording anything."""
    for earlier in (run.read(Provenance) or Provenance()).sessions:
        refuse_mixture(run, earlier, session, mix=mix)


def refuse_mixture(run: Run, earlier: Session, now: Session, *, mix: bool) -> None:
    """Raise StoreError, in one sentence, if cells of `now` must not stand beside cells of `earlier`."""
    names = earlier.inputs.keys() | now.inputs.keys()
    changed = sorted(name for name in names if earlier.inputs.get(name) != now.inputs.get(name))
    if changed:
        raise StoreError(
            f"the data of run {run.id} must be those it began with; got changed {', '.join(changed)}; "
            f"give another --out, or restore them ({run.folder})"
        )
    for package in MUST_AGREE:
        before, after = earlier.versions.get(package), now.versions.get(package)
        if before != after and not mix:
            raise StoreError(
                f"{package} must have the version that run {run.id} began with, {before}; got {after}; "
                f"pass --mix to go on all the same ({run.folder})"
            )


def version_of(package: str) -> str | None:
    """Installed version of a distribution, read without importing it; None where it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git_commit(folder: Path) -> str | None:
    """Commit of the checkout at `folder`, with ``-dirty`` where files differ; None if it is none."""
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def cpu_name() -> str:
    """Name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def gpu_names() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs that this process may use, from the driver's files: torch is not imported."""
    if sys.platform != "linux" or os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ()
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return ()
    names = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = path.read_text(errors="replace").splitlines()
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    return tuple(names)
