"""The plan of a run as text: cells, how many are stored, time, memory. Printed by ``--dry-run``, before any work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.reporting.tables import aligned
from cogattn.running.execute import Execution, adopt, open_run
from cogattn.running.hardware import using
from cogattn.running.identity import Plan, make_plan
from cogattn.running.store import RunFolder
from cogattn.study import Cost, Study


def checked_plan(study: Study, config: StudyConfig, out: Path, execution: Execution) -> str:
    """Check a run that `out` may hold in part, and return its plan as `plan_text`; nothing is computed.

    Raises
    ------
    CogattnError
        If the study refuses its settings.
    """
    with using(execution.own_hardware):
        study.check(config)
        run = open_run(study, config, out)
        plan = make_plan(study, config, execution.hardware)
        plan = adopt(plan, run.cells, mix=execution.mix, code=execution.code)
        return plan_text(study, config, plan, run, workers=execution.workers)


def plan_text(study: Study, config: StudyConfig, plan: Plan, run: RunFolder, *, workers: int) -> str:
    """Return a line for each observer, and the sum.

    Parameters
    ----------
    study, config : Study, StudyConfig
        What is asked.
    plan : Plan
        Its cells.
    run : RunFolder
        Where they are stored, if they are.
    workers : int
        Processes at work at once.
    """
    costs: dict[str, list[tuple[bool, Cost]]] = {}
    for planned in plan.cells:
        stored = run.cells.has(planned.name)
        costs.setdefault(planned.cell.observer, []).append((stored, study.cost(config, planned.cell)))
    missing = [cost for found in costs.values() for stored, cost in found if not stored]
    n_cells = len(plan.cells)
    table = aligned(
        ["observer", "cells", "stored", "to compute", "CPU time"],
        [_row(observer, found) for observer, found in costs.items()],
    )
    return "\n".join(
        [
            table,
            f"{n_cells} cells, {n_cells - len(missing)} stored, {len(missing)} to compute: "
            f"{totals(missing, workers)}",
            f"run: {run.study}/{run.id}, code {plan.code.sha256[:8]}",
        ]
    )


def totals(missing: Sequence[Cost], workers: int) -> str:
    """Say what cells take: ``about 35 min of CPU, 18 min with 2 worker(s), 1.1 GB of memory``."""
    cpu_s, gpu_s = sum(cost.cpu_s for cost in missing), sum(cost.gpu_s for cost in missing)
    on_gpu = f"{duration(gpu_s)} of a GPU as fast as an RTX 4090, " if gpu_s else ""
    memory_mb = max((cost.memory_mb for cost in missing), default=0.0) * min(workers, max(1, len(missing)))
    return (
        f"about {on_gpu}{duration(cpu_s)} of CPU, {duration(cpu_s / workers)} with {workers} worker(s), "
        f"{memory_mb / 1000:.1f} GB of memory"
    )


def _row(observer: str, found: list[tuple[bool, Cost]]) -> list[str]:
    missing = [cost for stored, cost in found if not stored]
    time = duration(sum(cost.cpu_s for cost in missing)) if missing else "-"
    return [observer, str(len(found)), str(len(found) - len(missing)), str(len(missing)), time]


def duration(seconds: float) -> str:
    """Say a time roughly: ``40 s``, ``35 min``, ``2.1 h``; ``an unknown time`` where it is NaN."""
    if math.isnan(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s" if seconds else "0 s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
