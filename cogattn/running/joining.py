"""Joining a run from wherever its folder is seen: its settings, its hardware, its list of cells.

A run is asked with settings that a host knows and answered with code, libraries and a kind of hardware. Who joins must
have the same of all, for cells that were made otherwise are other cells: two hosts that differ would each compute the
whole run by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.running.crew import OnProgress
from cogattn.running.execute import CODE_DIGITS, Execution, carry_out
from cogattn.running.hardware import using
from cogattn.running.identity import Plan, PlannedCell, make_plan
from cogattn.running.records import CellList, ConfigRecord, ListedCell, Provenance
from cogattn.running.store import RunFolder, run_id
from cogattn.study import Study


def settings_of(run: RunFolder, study: Study) -> StudyConfig:
    """Return the settings of a run as its study has them.

    Raises
    ------
    ConfigError
        If the study is another one, or has other settings or defaults here.
    StoreError
        If the run has no settings, or damaged ones.
    """
    if study.name != run.study:
        raise ConfigError(f"--study must be the study of run {run.id}, {run.study}; got {study.name}")
    record = run.read(ConfigRecord)
    if record is None:
        raise StoreError(f"run {run.id} must have its settings; got none ({run.folder})")
    config = study.Config.parse(record.config)
    if (here := run_id(study.name, config)) != run.id:
        raise ConfigError(
            f"run {run.id} must have the same settings on this host; got those of run {here}: the study has other "
            "settings or defaults here"
        )
    return config


def hardware_flags(run: RunFolder) -> dict[str, object]:
    """Return the flags of the kind of hardware that the run was last started on: its first device without a number."""
    sessions = (run.read(Provenance) or Provenance()).sessions
    if not sessions or not sessions[-1].devices:
        return {}
    last = sessions[-1]
    return {
        "device": [last.devices[0].partition(":")[0]],
        "batch": last.batch,
        "precision": last.precision,
    }


def join_run(
    study: Study,
    config: StudyConfig,
    run: RunFolder,
    *,
    execution: Execution,
    argv: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> RunFolder:
    """Work on a run beside whoever else does, until it is finished.

    Parameters
    ----------
    study, config : Study, StudyConfig
        What it asks; see `settings_of`.
    run : RunFolder
        The run.
    execution : Execution
        Workers and limits; ``mix`` and ``code`` are the run's own affair.
    argv : sequence of str
        The command, for the record.
    on_progress : callable, optional
        Called with a `Progress` at the start and after each cell.

    Returns
    -------
    RunFolder
        Finished.

    Raises
    ------
    ConfigError
        If this host's code, libraries, data or kind of hardware are not those that the run's cells are made with.
    CogattnError
        As `cogattn.running.execute.run_study`.
    """
    with using(execution.own_hardware):
        study.check(config)
        own = make_plan(study, config, execution.hardware)
        with run.at_work(config):
            plan = as_listed(own, run)
            carry_out(study, config, run, own, plan, execution, argv, on_progress or (lambda _: None))
    return run


def as_listed(plan: Plan, run: RunFolder) -> Plan:
    """Return the plan with the stored cells that the run has taken in place of its own; raise ConfigError as above."""
    listed = run.read(CellList)
    if listed is None:
        return plan
    if len(listed.cells) != len(plan.cells):
        raise ConfigError(
            f"run {run.id} must have the cells that this host plans; got {len(listed.cells)} listed and "
            f"{len(plan.cells)} planned"
        )
    return replace(
        plan, cells=tuple(_as_listed(*pair, run) for pair in zip(plan.cells, listed.cells, strict=True))
    )


def _as_listed(planned: PlannedCell, listed: ListedCell, run: RunFolder) -> PlannedCell:
    if planned.name == listed.name:
        return planned
    same_question = planned.name[:32] == listed.name[:32]
    if same_question and run.cells.has(listed.name):
        return replace(planned, record=run.cells.read(listed.name)[0])
    if not same_question:
        other = "other data, weights or settings"
    elif planned.record.code != listed.code:
        other = f"other code ({planned.record.code[:CODE_DIGITS]} here, {listed.code[:CODE_DIGITS]} there)"
    else:
        other = "other versions of libraries, or another kind of hardware"
    raise ConfigError(
        f"run {run.id} must be joined with what its cells are made with; got {other}; the study's own command computes "
        "them anew"
    )
