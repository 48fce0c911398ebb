"""Runs that differ in their seed alone, taken together: each measure's mean over seeds, with its interval.

The interval is Student's t over seeds (`cogattn.statistics.intervals`), n is the number of seeds: it tells how far the
result depends on the random streams, not how far people or images differ. What is compared by ratios is averaged as
logarithms.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from pydantic import JsonValue

from cogattn.errors import StoreError
from cogattn.measures import Estimate, Scale
from cogattn.running.listing import PEOPLE_ROLE, Survey
from cogattn.running.store import TABLES, RunFolder

SEED = "seed"
LIMITS: Mapping[str, tuple[float | None, float | None]] = {"share": (0.0, 1.0), "correlation": (-1.0, 1.0)}
"""Range of what has this scale; any other has none."""


@dataclass(frozen=True)
class Value:
    """One number of a run's summary."""

    observer: str
    role: str
    measure: str
    label: str
    unit: str
    scale: Scale
    estimate: float


@dataclass(frozen=True, eq=False)
class SeedGroup:
    """Finished runs of one study whose settings are the same but for the seed.

    Parameters
    ----------
    runs : tuple of Survey
        By seed; at least two.
    """

    runs: tuple[Survey, ...]

    @property
    def settings(self) -> dict[str, JsonValue]:
        """What they have in common, by dotted path."""
        return {path: value for path, value in self.runs[0].settings.items() if path != SEED}


@dataclass(frozen=True)
class SeedRow:
    """A measure of one observer over the seeds of a group."""

    value: Value
    mean: Estimate
    seeds: tuple[tuple[str, float], ...]
    """Each seed's own estimate, by the run's name."""


def groups(listed: Sequence[Survey]) -> list[SeedGroup]:
    """Return the groups of at least two finished runs that differ in their seed alone, in the order of the list."""
    found: dict[str, list[Survey]] = {}
    for one in listed:
        if one.state == "finished" and SEED in one.settings:
            rest = {path: value for path, value in one.settings.items() if path != SEED}
            found.setdefault(json.dumps([one.run.study, rest], sort_keys=True), []).append(one)
    return [
        SeedGroup(tuple(sorted(runs, key=lambda one: str(one.settings[SEED]).zfill(10))))
        for runs in found.values()
        if len(runs) > 1
    ]


def values_of(run: RunFolder) -> tuple[Value, ...]:
    """Return the numbers of a run's summary, people's own rows left out; raise StoreError if it is damaged."""
    text = run.listed_bytes(f"{TABLES}/summary.csv").decode()
    try:
        return tuple(
            Value(
                row["observer"],
                row["role"],
                row["measure"],
                row["label"],
                row["unit"],
                _scale(row["scale"]),
                _number(row["estimate"]),
            )
            for row in csv.DictReader(io.StringIO(text, newline=""))
            if row["role"] != PEOPLE_ROLE
        )
    except (KeyError, ValueError) as error:
        raise StoreError(f"summary of run {run.id} must have the columns of one; got {error!r}") from error


def rows(per_run: Mapping[str, Sequence[Value]]) -> list[SeedRow]:
    """Return each measure of each observer over runs that differ in their seed alone.

    Parameters
    ----------
    per_run : mapping of run to values
        See `values_of`.

    Returns
    -------
    list of SeedRow
        In the order of the summaries.
    """
    found: dict[tuple[str, str], list[tuple[str, Value]]] = {}
    for name, values in per_run.items():
        for value in values:
            found.setdefault((value.observer, value.measure), []).append((name, value))
    return [
        SeedRow(own[0][1], over_seeds([value.estimate for _, value in own], own[0][1].scale), _each(own))
        for own in found.values()
    ]


def over_seeds(estimates: Sequence[float], scale: Scale) -> Estimate:
    """Return the mean of estimates with Student's t interval; on a log scale the geometric mean with its own."""
    from cogattn.statistics.intervals import mean_interval  # scipy: a list of runs need not wait for it

    values = np.asarray(estimates, dtype=np.float64)
    if scale == "log" and not (values <= 0).any():
        mean = mean_interval(np.log(values))
        return Estimate(*(float(np.exp(x)) for x in (mean.estimate, mean.lo, mean.hi)), mean.n)
    lowest, highest = LIMITS.get(scale, (None, None))
    return mean_interval(values, lowest=lowest, highest=highest)


def _each(own: Sequence[tuple[str, Value]]) -> tuple[tuple[str, float], ...]:
    return tuple((name, value.estimate) for name, value in own)


def _scale(text: str) -> Scale:
    for scale in get_args(Scale):
        if scale == text:
            return scale
    raise ValueError(f"scale {text[:40]!r}")


def _number(text: str) -> float:
    return float(text) if text else math.nan
