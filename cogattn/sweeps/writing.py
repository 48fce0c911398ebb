"""Runs whose cells are stored are written out: tables and figures, several at once, each by one driver of the store.

The workers are this machine's own, wherever the cells were computed. A run whose tables cannot be made is named, and
so is one that kills the process that makes them; the others are written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import lru_cache
from time import sleep

from cogattn.config import StudyConfig
from cogattn.errors import CogattnError, RunFailed
from cogattn.registry import load_study
from cogattn.running.cells import DamagedCell
from cogattn.running.execute import Execution, conclude, is_current, named
from cogattn.running.executors import stop_at_once
from cogattn.running.hardware import Hardware, using
from cogattn.running.identity import Plan, question_code
from cogattn.running.leases import Leases
from cogattn.running.store import RunFolder

TABLES_LABEL = "tables"
DIED = "the process that made them died (crashed, killed or out of memory)"
CHANGED = "the code of the study was changed after this process had read it; start the command again"
Ended = dict[str, str] | None
"""What failed of a run, by label; None where one of its cells is damaged, and was set aside."""


@dataclass(frozen=True, eq=False)
class Ending:
    """What a worker needs to write out a run.

    Parameters
    ----------
    study : str
        Target ``module:attribute`` of the study's class.
    config : StudyConfig
        Settings of the run.
    run : RunFolder
        Where.
    plan : Plan
        Its cells.
    failures : mapping of str to str
        Why cells failed, by their names.
    hardware : Hardware
        What this machine computes on.
    """

    study: str
    config: StudyConfig
    run: RunFolder
    plan: Plan
    failures: Mapping[str, str]
    hardware: Hardware


def write_out(ending: Ending) -> Ended:
    """Write a run's tables and figures, in whatever process this is; return what failed."""
    study, failures = load_study(ending.study), ending.failures
    failed = {planned: failures[planned.name] for planned in ending.plan.cells if planned.name in failures}
    if _summary_code(ending.study) != ending.plan.summary_code.sha256:
        return {TABLES_LABEL: CHANGED}
    try:
        with using(ending.hardware):
            conclude(study, ending.config, ending.run, ending.plan, failed, lambda _: None)
    except DamagedCell:
        return None
    except RunFailed as error:
        return error.failures
    except CogattnError as error:
        return {**named(failed), TABLES_LABEL: str(error)}
    return named(failed)


class Writers:
    """Write out runs.

    Parameters
    ----------
    execution : Execution
        How many at once, and what workers need; engines elsewhere and limits of cells have no part in it.
    leases : Leases
        This driver's: a run that another one writes out is left to it.
    tell : callable
        Called with each run's id and what failed of it.
    """

    def __init__(self, execution: Execution, leases: Leases, tell: Callable[[str, Ended], None]) -> None:
        own = execution.engine is None and execution.make_executor is None
        self._execution = replace(
            execution,
            workers=execution.workers if own else 1,
            engine=None,
            make_executor=None,
            cell_timeout_s=None,
            cell_memory_mb=None,
        )
        self._leases, self._tell = leases, tell

    def write(self, endings: Sequence[Ending]) -> None:
        """Write out all; those that were under way when a worker died are tried again alone."""
        todo = deque(endings)
        execution = (
            replace(self._execution, workers=1) if len(todo) == 1 else self._execution
        )  # no need of a process
        while todo:
            for suspect in self._until_one_dies(todo, execution, min(execution.workers, len(todo))):
                for lost in self._until_one_dies(deque([suspect]), execution, 1):
                    self._end(lost, {TABLES_LABEL: DIED})

    def _until_one_dies(self, todo: deque[Ending], execution: Execution, workers: int) -> list[Ending]:
        """Write out, as many at once as there are workers; return those under way when one died."""
        executor = execution.start(workers)
        under_way: dict[Future[Ended], Ending] = {}
        try:
            while todo or under_way:
                self._fill(executor, todo, under_way, workers)
                if todo and not under_way:  # others write them
                    sleep(self._leases.poll_s)
                for future in wait(under_way, self._leases.poll_s, FIRST_COMPLETED).done:
                    failures = future.result()
                    self._end(under_way.pop(future), failures)
        except BrokenExecutor:
            stop_at_once(executor)
            return list(under_way.values())
        except BaseException:
            stop_at_once(executor)
            raise
        executor.shutdown(wait=True)
        return []

    def _fill(
        self, executor: Executor, todo: deque[Ending], under_way: dict[Future[Ended], Ending], workers: int
    ) -> None:
        """Submit what no other driver writes out, or has written."""
        self._leases.look()
        for _ in range(len(todo)):
            if len(under_way) >= workers:
                return
            ending = todo.popleft()
            if self._leases.take(ending.run.id) is not None:
                todo.append(ending)
            elif is_current(ending.run, ending.plan, ending.config):
                self._end(ending, {})
            else:
                under_way[_submitted(executor, ending)] = ending

    def _end(self, ending: Ending, failures: Ended) -> None:
        self._leases.release(ending.run.id)
        self._tell(ending.run.id, failures)


def _submitted(executor: Executor, ending: Ending) -> Future[Ended]:
    """Submit; where the pool is broken already, return a future that says so, so that the run counts as under way."""
    try:
        return executor.submit(write_out, ending)
    except BrokenExecutor as error:
        broken: Future[Ended] = Future()
        broken.set_exception(error)
        return broken


@lru_cache(maxsize=16)
def _summary_code(target: str) -> str:
    """The code that this process summarises with: as it was when it wrote out the first run."""
    return question_code(target).sha256
