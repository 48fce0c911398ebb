"""Sweeps from a notebook: one call, all runs, one table.

found = cogattn.sweep("masking", axes={"noise.n_bands": [5, 7], "seed": range(3)}, observer="resnet18")
found.table
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.api import OUT, Run, Value, execution_of, observer_values, reaching, starting_values
from cogattn.config import Settings, StudyConfig, merge, plain_values
from cogattn.reporting.progress import progress_bar
from cogattn.running.crew import OnProgress
from cogattn.running.execute import Execution, loaded_study
from cogattn.running.listing import state_of
from cogattn.study import Study
from cogattn.sweeps.design import Point, designed, points_of, told
from cogattn.sweeps.planning import PlannedPoint, SweepPlan, look_ahead
from cogattn.sweeps.running import carry_out
from cogattn.sweeps.table import sweep_table, table_text

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from torch import nn

log = logging.getLogger(__name__)
FAILED, LEFT_OUT = "failed", "left out"
Plain = str | int | float | bool | None


@dataclass(frozen=True)
class SweepPoint:
    """A point of a sweep and what came of it.

    Parameters
    ----------
    values : mapping of str to value
        By axis; what is no number, text, true or false as a reader would type it.
    run : Run, optional
        Its run; None where no observer can take part.
    status : str
        ``finished``, ``finished without resnet50``, ``failed: why``, ``left out: why``.
    failures : mapping of str to str
        Why cells or tables failed, by label.
    """

    values: Mapping[str, Plain]
    run: Run | None
    status: str
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """Runs of one study at several settings.

    Parameters
    ----------
    axes : tuple of str
        Dotted paths.
    points : tuple of SweepPoint
        In the order of the design.

    Examples
    --------
    >>> found = cogattn.sweep("efr", axes={"seed": range(3)})          # doctest: +SKIP
    >>> found.table.groupby("measure")["estimate"].std()               # doctest: +SKIP
    """

    axes: tuple[str, ...]
    points: tuple[SweepPoint, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs that have tables."""
        return tuple(point.run for point in self.points if point.run is not None and point.run.store.finished)

    @property
    def failures(self) -> dict[str, str]:
        """Why points failed or were left out, by the point."""
        return {_named(point): _why(point) for point in self.points if _why(point)}

    @cached_property
    def table(self) -> pd.DataFrame:
        """All summaries under each other: a column an axis, ``run``, ``status``, then those of a summary."""
        return sweep_table(
            self.axes,
            [
                (
                    point.values,
                    point.run.id if point.run is not None else "",
                    point.status,
                    point.run.summary if point.run is not None and point.run.store.finished else None,
                )
                for point in self.points
            ],
        )

    @property
    def remarks(self) -> dict[str, int]:
        """What a reader must know before the numbers, and of how many runs it holds."""
        found: dict[str, int] = {}
        for run in self.runs:
            for remark in run.remarks:
                found[remark] = found.get(remark, 0) + 1
        return found

    def text(self, width: int = 80) -> str:
        """Return remarks and table for a terminal."""
        return table_text(self.table, self.axes, self.remarks, n_runs=len(self.runs), width=width)

    def __repr__(self) -> str:
        return f"<Sweep over {', '.join(self.axes)}: {len(self.points)} points, {len(self.failures)} failed>"

    def _repr_html_(self) -> str:
        remarks = "".join(f"<li>{escape(remark)} ({n} runs)</li>" for remark, n in self.remarks.items())
        return f"<p>{escape(repr(self))}</p><ul>{remarks}</ul>{self.table.to_html(index=False)}"


def sweep(
    study: str | Study,
    *,
    axes: Mapping[str, object] | None = None,
    together: Sequence[Mapping[str, object]] = (),
    observer: nn.Module | Settings | Mapping[str, Value] | str | None = None,
    out: str | Path = OUT,
    workers: int | None = None,
    progress: bool = True,
    config: StudyConfig | str | Path | None = None,
    mix: bool = False,
    device: str | Sequence[str] = "auto",
    batch: int | None = None,
    precision: str = "fp32",
    loaders: int | None = None,
    shelf_gb: float | None = None,
    keep_going: bool = False,
    executor: Executor | Client | str | None = None,
    **settings: Value,
) -> Sweep:
    """Run a study at every combination of some settings; what is stored is not computed again.

    Parameters
    ----------
    study : str or Study
        As `cogattn.run`.
    axes : mapping of str to sequence
        Values by dotted path, ``{"noise.n_bands": [5, 7], "seed": range(3)}``; every combination is a point. Of
        ``observer``, values may be live networks and all else that `observer` takes.
    together : sequence of mapping
        Axes that change together and count as one: ``[{"images.n_images": [96, 384], "seed": [0, 1]}]``.
    observer, out, workers, progress, config, mix, device, batch, precision, loaders, shelf_gb, keep_going
        As `cogattn.run` takes them, for all points; with `keep_going`, points at which no observer can take part are
        left out, too.
    executor, **settings
        As `cogattn.run` takes them, for all points.

    Returns
    -------
    Sweep
        With the points that failed, if any did: they are told in the log and by `Sweep.failures`.

    Raises
    ------
    ConfigError, DataError, ObserverError
        If settings break a rule at any point; nothing is computed then.

    Examples
    --------
    >>> cogattn.sweep("masking", axes={"noise.n_bands": [5, 7]}).table         # doctest: +SKIP
    """
    loaded = loaded_study(study)
    shared = merge(starting_values(config), {name: plain_values(value) for name, value in settings.items()})
    if observer is not None:
        shared = merge(shared, {"observer": observer_values(observer)})
    design = designed(shared, _plain_axes(axes or {}), [_plain_axes(group) for group in together])
    points = points_of(loaded, design)
    execution = reaching(
        [getattr(point.config, "observer", None) for point in points],
        execution_of(
            workers=workers,
            mix=mix,
            device=device,
            batch=batch,
            precision=precision,
            loaders=loaders,
            shelf_gb=shelf_gb,
            executor=executor,
        ),
    )
    found = look_ahead(loaded, points, out=Path(out).absolute(), execution=execution, keep_going=keep_going)
    with progress_bar(loaded.name) if progress else nullcontext(lambda _: None) as tell:
        swept = run_sweep(found, execution=execution, argv=("cogattn.sweep",), on_progress=tell)
    for point, why in swept.failures.items():
        log.warning("%s: %s", point, why)
    return swept


def run_sweep(
    found: SweepPlan, *, execution: Execution, argv: Sequence[str], on_progress: OnProgress | None = None
) -> Sweep:
    """Carry out a sweep that was looked ahead at, and return what came of each point.

    Raises
    ------
    StoreError
        If the store cannot be written.
    """
    failures = carry_out(found, execution=execution, argv=argv, on_progress=on_progress)
    planned = {one.point: one for one in found.points}
    points = [
        _ended(found, planned[point], failures)
        if point in planned
        else SweepPoint(_values(point), None, f"{LEFT_OUT}: {found.left_out[point]}")
        for point in found.asked
    ]
    return Sweep(tuple(found.asked[0].values), tuple(points))


def _ended(found: SweepPlan, planned: PlannedPoint, failures: Mapping[str, Mapping[str, str]]) -> SweepPoint:
    run, failed = Run(planned.run, found.study), failures.get(planned.run.id, {})
    return SweepPoint(_values(planned.point), run, _status(run, failed), {**planned.left_out, **failed})


def _status(run: Run, failures: Mapping[str, str]) -> str:
    """As ``cogattn runs list`` tells it, or why there are no tables."""
    if run.store.finished:
        return state_of(run.store)[1]
    return f"{FAILED}: {next(iter(failures.values()), 'no tables')}"


def _why(point: SweepPoint) -> str:
    if point.failures:
        label, cause = next(iter(point.failures.items()))
        more = f" (and {len(point.failures) - 1} more)" if len(point.failures) > 1 else ""
        return f"{label}: {cause}{more}"
    return "" if point.run is not None and point.run.store.finished else point.status


def _named(point: SweepPoint) -> str:
    return ", ".join(f"{path} = {value}" for path, value in point.values.items())


def _values(point: Point) -> dict[str, Plain]:
    return {path: value if isinstance(value, Plain) else told(value) for path, value in point.values.items()}


def _plain_axes(axes: Mapping[str, object]) -> dict[str, object]:
    """Axes as plain values, networks registered; what is no list is refused later, with its path."""
    found: dict[str, object] = {}
    for path, values in axes.items():
        if path == "observer" and isinstance(values, list | tuple):
            values = [observer_values(value) for value in values]
        tolist = getattr(values, "tolist", None)  # of an array
        found[path] = plain_values(
            tolist() if tolist else list(values) if isinstance(values, range) else values
        )
    return found
