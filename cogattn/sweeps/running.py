"""A sweep at work: the missing cells of all points by one executor, then each run's tables and figures.

Each point is an ordinary run of the store, with its own list of cells, provenance and manifest; a cell that several
points want is computed once. Drivers on several hosts share a sweep as they share a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from cogattn.errors import TimeUp
from cogattn.running.crew import ATTEMPTS, OnProgress, Progress
from cogattn.running.execute import (
    Execution,
    begin,
    execute,
    is_current,
    refuse_lost,
    set_damaged_aside,
)
from cogattn.running.hardware import using
from cogattn.running.identity import target_of
from cogattn.running.leases import Leases
from cogattn.sweeps.files import room_for_files
from cogattn.sweeps.planning import PlannedPoint, SweepPlan
from cogattn.sweeps.writing import Ended, Ending, Writers

FILES_A_RUN = 2
"""A claim is an open file, and a run under way has another."""


def carry_out(
    found: SweepPlan, *, execution: Execution, argv: Sequence[str] = (), on_progress: OnProgress | None = None
) -> dict[str, dict[str, str]]:
    """Compute what is missing and write out every run that is not whole and current.

    Parameters
    ----------
    found : SweepPlan
        All points.
    execution : Execution
        One for all of them.
    argv : sequence of str
        The command, for the record.
    on_progress : callable, optional
        Called with the progress over all cells.

    Returns
    -------
    dict of str to dict of str to str
        By the id of each run of which something failed: causes by the cells' labels.

    Raises
    ------
    TimeUp
        If it was `Execution.until` before all cells were stored.
    StoreError
        If the store cannot be written.
    Terminated, KeyboardInterrupt
        What was stored stays; the same sweep goes on.
    """
    tell = on_progress or (lambda _: None)
    runs = {one.run.id: one for one in found.points}
    finished = {id for id, one in runs.items() if one.run.finished}
    waiting = [one for one in runs.values() if not is_current(one.run, one.plan, one.config)]
    if not waiting:
        return {}
    store = waiting[0].run.cells
    with ExitStack() as stack, using(execution.own_hardware):
        leases = stack.enter_context(Leases(store, beat_s=execution.beat_s))
        hired = stack.enter_context(execution.hired())
        room_for_files(FILES_A_RUN * len(waiting))
        for one in waiting:
            stack.enter_context(one.run.at_work(one.config))
        begun = [one for one in waiting if _begun(one, hired, argv, again=one.run.id in finished)]
        if not begun:
            return {}
        leases.sweep()
        refuse_lost(found.own, found.joint, store)
        return _worked_off(found, begun, hired, leases, tell)


def _begun(one: PlannedPoint, execution: Execution, argv: Sequence[str], *, again: bool) -> bool:
    """Whether the run is begun here, and not finished by another driver meanwhile."""
    return begin(one.run, one.plan, execution, argv, unless=None if again else one.config)


def _worked_off(
    found: SweepPlan, waiting: list[PlannedPoint], execution: Execution, leases: Leases, tell: OnProgress
) -> dict[str, dict[str, str]]:
    """Compute and write out; where a cell turns out to be damaged, compute it again."""
    failures: dict[str, dict[str, str]] = {}
    for attempt in range(1, ATTEMPTS + 1):
        causes = _computed(found, waiting, execution, leases, tell)
        ended = _written_out(found, waiting, causes, execution, leases, tell)
        failures |= {run: why for run, why in ended.items() if why}
        waiting = [one for one in waiting if ended[one.run.id] is None]
        if not waiting:
            break
        for one in waiting:
            set_damaged_aside(found.study, one.plan, one.run.cells)
            if attempt == ATTEMPTS:
                failures[one.run.id] = {"cells": f"some were damaged {ATTEMPTS} times, and lie in quarantine"}
    return failures


def _computed(
    found: SweepPlan,
    waiting: Sequence[PlannedPoint],
    execution: Execution,
    leases: Leases,
    tell: OnProgress,
) -> dict[str, str]:
    """Compute the missing cells of all points; return why some failed, by their names."""
    run = waiting[0].run
    try:
        failed = execute(found.study, found.joint, run, execution=execution, leases=leases, on_progress=tell)
    except TimeUp as error:
        others = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        raise TimeUp(error.n_left, len(found.joint.cells), f"{run.id}{others}", error.failures) from None
    return {planned.name: cause for planned, cause in failed.items()}


def _written_out(
    found: SweepPlan,
    waiting: Sequence[PlannedPoint],
    causes: Mapping[str, str],
    execution: Execution,
    leases: Leases,
    tell: OnProgress,
) -> dict[str, Ended]:
    """Write out each run; return what failed of each."""
    n, target = len(found.joint.cells), target_of(found.study)
    ended: dict[str, Ended] = {}

    def record(run: str, failures: Ended) -> None:
        ended[run] = failures
        done = f"tables and figures, {len(ended)} of {len(waiting)} runs"
        tell(Progress(n - len(causes), len(causes), n, done))

    endings = [
        Ending(
            target,
            one.config,
            one.run,
            one.plan,
            {planned.name: causes[planned.name] for planned in one.plan.cells if planned.name in causes},
            execution.own_hardware,
        )
        for one in waiting
    ]
    Writers(execution, leases, record).write(endings)
    return ended
