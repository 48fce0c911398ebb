"""Where a run's numbers come from: code, versions, machine, data, command.

Provenance is recorded beside a run and never part of its id. One record holds a list of sessions, one for
each start that computed something. A damaged record is set aside and begun anew: it never blocks a run.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cogattn.running.environment import cpu_name, git_commit, gpu_names, version_of
from cogattn.running.hardware import DEFAULT, Hardware
from cogattn.running.identity import DISTRIBUTIONS, Plan
from cogattn.running.records import Session

ALWAYS = ("cogattn", "numpy", "scipy", "pandas", "pyarrow", "matplotlib")


def collect(
    plan: Plan, *, argv: Sequence[str], workers: int, n_missing: int, hardware: Hardware = DEFAULT
) -> Session:
    """Return one session's record.

    Parameters
    ----------
    plan : Plan
        Its cells and the code that they and their summary reach.
    argv : sequence of str
        The command as it was given.
    workers : int
        Processes at work at once, one thread each.
    n_missing : int
        Cells that were not stored when it started.
    hardware : Hardware
        What networks computed on.
    """
    reached = {DISTRIBUTIONS.get(name, name) for name in (*plan.code.packages, *plan.summary_code.packages)}
    names = (*ALWAYS, *sorted(reached - set(ALWAYS)))
    return Session(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        argv=tuple(argv),
        n_cells=len(plan.cells),
        n_missing=n_missing,
        workers=workers,
        threads_per_worker=1,
        code=plan.code.sha256,
        summary_code=plan.summary_code.sha256,
        versions={"python": platform.python_version(), **{name: version_of(name) for name in names}},
        git=git_commit(Path(__file__).resolve().parents[2]),
        platform=platform.platform(),
        cpu=cpu_name(),
        gpus=gpu_names(),
        inputs=dict(plan.inputs),
        devices=tuple(hardware.of_worker(i).device for i in range(len(hardware.devices))),
        precision=hardware.precision,
        batch=hardware.batch,
        loaders=hardware.loaders,
    )
