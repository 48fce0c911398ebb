"""People in the six tasks, and the published models: numbers with their sources, shipped with the package.

Reaction times are means over people for targets that were found; their spread is not part of the published
tables, so a human slope or index carries no interval here (``data/SOURCES.md`` says where each number is
from).
"""

from __future__ import annotations

import functools
import hashlib
import io
from importlib.resources import files
from typing import cast

import pandas as pd

from cogattn.psychophysics.search.slopes import asymmetry_index, fit_line

FILES = ("human_rt.csv", "published_models.csv")


def persons() -> None:
    """Return None: reaction times of single persons are not part of the published tables, only group means."""
    return


def inputs() -> dict[str, str]:
    """Return the SHA-256 of the shipped tables, by file name."""
    return {name: hashlib.sha256(_bytes(name)).hexdigest() for name in FILES}


def human_times() -> pd.DataFrame:
    """Return the mean reaction times of people, target present.

    Returns
    -------
    DataFrame
        40 rows: ``task``, ``condition``, ``role`` (``easy`` or ``hard``, for people), ``set_size``, ``rt_ms``
        (milliseconds) and ``source``.
    """
    return _read("human_rt.csv").copy()


@functools.cache
def human_slopes() -> pd.DataFrame:
    """Return the least-squares line of each human condition.

    Returns
    -------
    DataFrame
        12 rows: ``task``, ``condition``, ``role``, ``slope_ms`` (ms per item), ``intercept_ms``.
    """
    rows = []
    for key, times in _read("human_rt.csv").groupby(["task", "condition", "role"], sort=False):
        task, condition, role = cast(tuple[str, str, str], key)
        slope, intercept = fit_line(times["set_size"].to_numpy(float), times["rt_ms"].to_numpy(float))
        rows.append((task, condition, role, float(slope), float(intercept)))
    return pd.DataFrame(rows, columns=["task", "condition", "role", "slope_ms", "intercept_ms"])


def human_asymmetry() -> dict[str, float]:
    """Return people's asymmetry index by task."""
    slopes = human_slopes().pivot(index="task", columns="role", values="slope_ms")
    return {str(task): asymmetry_index(row["hard"], row["easy"]) for task, row in slopes.iterrows()}


def published_models() -> pd.DataFrame:
    """Return the asymmetry indices of the published models.

    Returns
    -------
    DataFrame
        ``model``, one column a task, their ``mean`` with ``lo`` and ``hi`` (95 %), and ``fixations``: the
        mean number of fixations to the target.
    """
    return _read("published_models.csv").copy()


@functools.cache
def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(_bytes(name)), encoding="utf-8")


def _bytes(name: str) -> bytes:
    return files("cogattn.psychophysics.search").joinpath("data", name).read_bytes()
