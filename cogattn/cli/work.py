"""``cogattn work`` joins a run from any host that sees its folder; ``cogattn slurm`` prints a script of many of it."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cogattn.cli.studies import (
    AsJson,
    Out,
    execution_and_rest,
    execution_of,
    parameters_of,
    run_and_print,
    with_flags,
)
from cogattn.config import StudyConfig
from cogattn.errors import ConfigError
from cogattn.registry import load_study
from cogattn.running.catalogue import find_run
from cogattn.running.crew import OnProgress
from cogattn.running.execute import Execution
from cogattn.running.holders import BEAT_S
from cogattn.running.joining import hardware_flags, join_run, settings_of
from cogattn.running.store import RunFolder
from cogattn.study import Study

SLURM_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?")
WARNING_S = 60
"""Before the end of its time a job gets SIGTERM, and stores what is under way."""
Target = Annotated[
    str,
    Parameter(name="--study", help="module:attribute of the run's study, where it is not installed."),
]
Beat = Annotated[
    float,
    Parameter(
        name="--beat",
        help="Seconds between two signs of life; after three that fail to come, others compute this one's cells.",
    ),
]


def work(
    run: str,
    /,
    *,
    out: Out = Path("runs"),
    study: Target = "",
    beat: Beat = BEAT_S,
    json: AsJson = False,
    **flags: object,
) -> int:
    """Work on a run beside whoever else does: its missing cells are shared, none is computed twice.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found, loaded, settings = _found(run, out, study)
    given = {name: value for name, value in flags.items() if value is not None}
    execution, _ = execution_and_rest({**hardware_flags(found), **given})
    if not 0.05 <= beat <= 3600:
        raise ConfigError(f"--beat must be from 0.05 to 3600 s; got {beat:g}")

    def join(
        study: Study,
        config: StudyConfig,
        *,
        out: Path,
        execution: Execution,
        argv: Sequence[str],
        on_progress: OnProgress,
    ) -> RunFolder:
        return join_run(study, config, found, execution=execution, argv=argv, on_progress=on_progress)

    return run_and_print(
        loaded, settings, out=out, execution=replace(execution, beat_s=beat), as_json=json, start=join
    )


OF_THE_RUN = ("mix", "code")
"""Flags of an execution that are the run's own affair."""
with_flags(
    work, [*parameters_of(work), *(p for p in parameters_of(execution_of) if p.name not in OF_THE_RUN)]
)


def slurm(
    run: str,
    /,
    *,
    array: Annotated[int, Parameter(name="--array", help="Tasks that share the run.")],
    out: Out = Path("runs"),
    study: Target = "",
    time: Annotated[
        str, Parameter(name="--time", help="Of each task, as sbatch takes it: 01:00:00.")
    ] = "01:00:00",
    gpus: Annotated[int, Parameter(name="--gpus", help="Of each task.")] = 0,
    partition: Annotated[
        str, Parameter(name="--partition", help="Where; the cluster's default without.")
    ] = "",
    workers: Annotated[
        int | None, Parameter(name="--workers", help="Processes of each task. Default: one a GPU, else one.")
    ] = None,
) -> int:
    """Print a script for sbatch whose tasks work on a run together until it is finished or their time is up.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found, _, _ = _found(run, out, study)
    print(script(found, study=study, array=array, time=time, gpus=gpus, partition=partition, workers=workers))
    return 0


def script(
    run: RunFolder, *, study: str, array: int, time: str, gpus: int, partition: str, workers: int | None
) -> str:
    """Return the script that `slurm` prints; raise ConfigError where an option breaks its rule."""
    workers = max(1, gpus) if workers is None else workers
    for flag, number, least, most in (
        ("--array", array, 1, 100_000),
        ("--gpus", gpus, 0, 1024),
        ("--workers", workers, max(1, gpus), 1024),
    ):
        if not least <= number <= most:
            raise ConfigError(f"{flag} must be from {least} to {most}; got {number}")
    if not re.fullmatch(r"[\w.,-]*", partition):
        raise ConfigError(f"--partition must be letters, digits, - and _; got {partition[:40]!r}")
    words = [sys.executable, "-m", "cogattn.cli", "work", run.id, "--out", str(run.root.absolute())]
    words += ["--study", study] if study else []
    words += ["--until", f"{_until_s(time)}s", "--workers", str(workers)]
    options = {
        "job-name": f"cogattn-{run.id}", "array": f"0-{array - 1}", "time": time, "cpus-per-task": workers,
        "gpus": gpus or "", "partition": partition, "signal": f"B:TERM@{WARNING_S}",
    }  # fmt: skip
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH --{name}={value}" for name, value in options.items() if value != ""),
            "# Exit code 75: the time is up and cells are left; submit the same script again.",
            f"cd -- {shlex.quote(str(Path.cwd()))} || exit 1",
            f"exec {shlex.join(words)}",
        ]
    )


def _found(run: str, out: Path, study: str) -> tuple[RunFolder, Study, StudyConfig]:
    found = find_run(out.absolute(), run)
    loaded = load_study(study or found.study)
    return found, loaded, settings_of(found, loaded)


def _until_s(time: str) -> int:
    """When a task begins no more cells: a tenth of its time before the end, two to ten minutes."""
    limit_s = slurm_seconds(time)
    margin_s = min(600, max(2 * WARNING_S, limit_s // 10))
    if limit_s <= margin_s:
        raise ConfigError(f"--time must be more than {margin_s} s; got {time}")
    return limit_s - margin_s


def slurm_seconds(time: str) -> int:
    """Return the seconds of a time as sbatch takes it: ``90`` (minutes), ``30:00``, ``01:00:00``, ``1-12:30``.

    Raises
    ------
    ConfigError
        For another form.
    """
    match = SLURM_TIME.fullmatch(time)
    if match is None:
        raise ConfigError(f"--time must be a time as sbatch takes it, such as 01:00:00; got {time[:40]!r}")
    parts = [int(part) for part in (match["first"], match["second"], match["third"]) if part is not None]
    units = (60, 1) if match["days"] is None and len(parts) < 3 else (3600, 60, 1)
    return 86_400 * int(match["days"] or 0) + sum(
        part * unit for part, unit in zip(parts, units, strict=False)
    )
