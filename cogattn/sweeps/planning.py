"""A sweep before its first cell: every point checked and planned, shared cells counted once, and what it takes.

Cells are ordered by observer over all points, so that a worker that holds a network asks it everything before it
loads the next; observers that take longest come first, so that the workers end together.
"""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.errors import CogattnError, ConfigError, ObserverError
from cogattn.reporting.plan import duration, totals
from cogattn.reporting.tables import aligned
from cogattn.running.execute import Execution, adopt, missing_cells, open_run
from cogattn.running.hardware import using
from cogattn.running.identity import Plan, PlannedCell, make_plan
from cogattn.running.partaking import partaking
from cogattn.running.records import CellRecord
from cogattn.running.store import RunFolder
from cogattn.study import Cost, Study
from cogattn.sweeps.design import Point, told

MOST_LINES = 20
SAMPLE = 64
"""Stored cells whose size tells what others of the study take."""


@dataclass(frozen=True, eq=False)
class PlannedPoint:
    """A point that the study takes.

    Parameters
    ----------
    point : Point
        Which.
    config : StudyConfig
        Its settings, less the observers that are left out.
    run : RunFolder
        Its run, there or not.
    plan : Plan
        Its cells.
    left_out : mapping of str to str
        Observers that cannot take part, and why.
    """

    point: Point
    config: StudyConfig
    run: RunFolder
    plan: Plan
    left_out: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class SweepPlan:
    """All points of a sweep, looked at.

    Parameters
    ----------
    study : Study
        What is asked.
    asked : tuple of Point
        All, in the design's order.
    points : tuple of PlannedPoint
        Those at which somebody takes part, in the same order; at least one.
    left_out : mapping of Point to str
        Points at which nobody can take part, and why.
    own, joint : Plan
        All cells, each once, by observer: as they would be computed here, and with stored cells of other code or
        libraries in place of missing ones where these are asked for.
    costs : mapping of str to Cost
        What a cell of `joint` takes, by its name.
    """

    study: Study
    asked: tuple[Point, ...]
    points: tuple[PlannedPoint, ...]
    left_out: Mapping[Point, str]
    own: Plan
    joint: Plan
    costs: Mapping[str, Cost]

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Names of cells that were not stored when this was asked first."""
        return tuple(planned.name for planned in missing_cells(self.joint, self.points[0].run.cells))


def look_ahead(
    study: Study, points: Sequence[Point], *, out: Path, execution: Execution, keep_going: bool = False
) -> SweepPlan:
    """Check every point as its own run would be, and plan all cells; nothing is written.

    Parameters
    ----------
    study : Study
        What is asked.
    points : sequence of Point
        As `cogattn.sweeps.design.points_of` returns them.
    out : Path
        The store.
    execution : Execution
        Devices, and which stored cells are taken.
    keep_going : bool
        Leave out observers that cannot take part, and points at which nobody can.

    Raises
    ------
    ConfigError, DataError, ObserverError
        What the study refuses, with the point.
    """
    planned: list[PlannedPoint] = []
    left_out: dict[Point, str] = {}
    with using(execution.own_hardware):
        for point in points:
            try:
                beside = planned[0].plan if planned else None
                planned.append(_planned(study, point, out, execution, keep_going, beside))
            except ObserverError as error:
                if not keep_going or len(points) == 1:
                    raise _at(point, error) from error
                left_out[point] = str(error)
            except CogattnError as error:
                raise _at(point, error) from error
        if not planned:
            raise ConfigError(
                f"a sweep must have an observer that can take part; got none: {_first(left_out)}"
            )
        costs = {
            cell.name: study.cost(one.config, cell.cell)
            for one in reversed(planned)
            for cell in one.plan.cells
        }
        own = replace(planned[0].plan, cells=tuple(_by_observer(planned, costs)))
        joint = adopt(own, planned[0].run.cells, mix=execution.mix, code=execution.code)
    taken = {mine.name: theirs.record for mine, theirs in zip(own.cells, joint.cells, strict=True)}
    return SweepPlan(
        study,
        tuple(points),
        tuple(replace(one, plan=_with_records(one.plan, taken)) for one in planned),
        left_out,
        own,
        joint,
        {taken[name].name: cost for name, cost in costs.items()},
    )


def plan_text(found: SweepPlan, execution: Execution) -> str:
    """Return a line for each point, and what the whole takes: cells, time, memory, disk."""
    lines = _lines(found)
    shown = lines if len(lines) <= MOST_LINES else lines[: MOST_LINES - 1]
    axes = list(found.points[0].point.values)
    n_cells, n_missing = len(found.joint.cells), len(found.missing)
    n_asked = sum(len(one.plan.cells) for one in found.points)
    shared = f" (of {n_asked:,} that the runs list)" if n_asked > n_cells else ""
    return "\n".join(
        [
            aligned([*axes, "run", "cells", "stored", "to compute", "CPU time"], shown),
            *([f"and {len(lines) - len(shown):,} more points"] if len(shown) < len(lines) else []),
            *(f"left out: {point}: {why}" for point, why in found.left_out.items()),
            f"{len(lines)} runs, {n_cells:,} cells{shared}, {n_cells - n_missing:,} stored, {n_missing:,} to compute: "
            f"{totals([found.costs[name] for name in found.missing], execution.workers)}, {_disk(found)}",
        ]
    )


def _planned(
    study: Study, point: Point, out: Path, execution: Execution, keep_going: bool, beside: Plan | None
) -> PlannedPoint:
    config, left_out = partaking(study, point.config) if keep_going else (point.config, {})
    if not keep_going:
        study.check(config)
    plan = make_plan(study, config, execution.hardware, beside=beside)
    return PlannedPoint(point, config, open_run(study, config, out), plan, left_out)


def _at(point: Point, error: CogattnError) -> CogattnError:
    """The study's own sentence, with the point."""
    text = f"{error} (at {point})"
    return ObserverError(text) if isinstance(error, ObserverError) else type(error)(text)


def _first(left_out: Mapping[Point, str]) -> str:
    return next(iter(left_out.values()))


def _with_records(plan: Plan, taken: Mapping[str, CellRecord]) -> Plan:
    """The plan with the records that the joint plan has taken; labels stay."""
    return replace(plan, cells=tuple(replace(cell, record=taken[cell.name]) for cell in plan.cells))


def _by_observer(points: Sequence[PlannedPoint], costs: Mapping[str, Cost]) -> Iterator[PlannedCell]:
    """Every cell once: observers by their time, the longest first; of one, those that need the same network."""
    groups: dict[str, dict[str, dict[str, PlannedCell]]] = {}
    for one in points:
        for planned in one.plan.cells:
            network = json.dumps(
                [planned.record.settings.get("observer"), planned.record.contents.get("weights")]
            )
            same = groups.setdefault(planned.cell.observer, {}).setdefault(network, {})
            same.setdefault(planned.name, planned)
    names = {
        observer: [name for same in networks.values() for name in same]
        for observer, networks in groups.items()
    }
    for observer in sorted(groups, key=lambda observer: -_seconds(costs[name] for name in names[observer])):
        for same in groups[observer].values():
            yield from same.values()


def _seconds(costs: Iterator[Cost]) -> float:
    """Time of cells, 0 where the study cannot tell: their order is then the plan's."""
    total = sum(cost.cpu_s + cost.gpu_s for cost in costs)
    return 0.0 if math.isnan(total) else total


def _lines(found: SweepPlan) -> list[list[str]]:
    """Of each point: its values, its run, and its cells; a cell that several want is computed for the first."""
    missing, seen, lines = set(found.missing), set[str](), []
    for one in found.points:
        names = [planned.name for planned in one.plan.cells]
        new = [name for name in names if name in missing and name not in seen]
        seen.update(new)
        n_stored = sum(name not in missing for name in names)
        time = duration(sum(found.costs[name].cpu_s for name in new)) if new else "-"
        values = map(told, one.point.values.values())
        lines.append([*values, one.run.id, str(len(names)), str(n_stored), str(len(new)), time])
    return lines


def _disk(found: SweepPlan) -> str:
    """What the missing cells will take, by those of the study that are stored, and what there is."""
    store = found.points[0].run.cells
    place = next(folder for folder in (store.root, *store.root.parents) if folder.is_dir())
    free = f"{shutil.disk_usage(place).free / 1e9:,.1f} GB of disk are free"
    missing = set(found.missing)
    stored = [planned.name for planned in found.joint.cells if planned.name not in missing][:SAMPLE]
    sizes = [path.stat().st_size for path in map(store.path, stored) if path.is_file()]
    sizes = sizes or [path.stat().st_size for path in itertools.islice(store.folder.glob("??/*.zip"), SAMPLE)]
    if not sizes:
        return f"disk unknown until a cell is stored, {free}"
    return f"{len(missing) * sum(sizes) / len(sizes) / 1e9:,.2f} GB of disk for cells, {free}"
