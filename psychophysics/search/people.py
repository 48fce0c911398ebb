"""People in the six tasks, the published models, and single persons in three other tasks: shipped with the package.

Reaction times in the six tasks are means over people for targets that were found; their spread is not part of the
published tables, so a human slope or index carries no interval here. Single persons are those of Wolfe, Palmer and
Horowitz (2010), who searched for a colour (feature), for a colour and an orientation (conjunction) and for a 2 among
5s (2v5). Their persons are numbered anew in each task, and whether a number stands for the same person in two tasks is
not told, so 28 persons are taken to be different. ``data/SOURCES.md`` says where each number is from.

References
----------
Wolfe, Palmer, Horowitz (2010), Vision Research 50, 1304-1311.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Iterator
from importlib.resources import files
from typing import cast

import numpy as np
import pandas as pd

from cogattn.measures import Measure, people_table
from cogattn.people.tables import digests, read_persons
from cogattn.psychophysics.search.functions import fit_line
from cogattn.psychophysics.search.measures import ALL, errors_of, slope_of, slope_ratio_of
from cogattn.psychophysics.search.slopes import asymmetry_index, reaction_time_ms
from cogattn.statistics.scales import standard_error
from cogattn.statistics.stats import wilson_interval

FILES = (
    "human_rt.csv", "imagenet_top1.csv", "published_asymmetries.csv", "published_models.csv", "published_slopes.csv",
    "published_times.csv", "wolfe2010_slopes.csv",
)  # fmt: skip
SLOPES_DIFFER_FROM_0 = ("conjunction", "2v5")
"""Tasks whose slopes grow with the number of items in every person, so that their ratio says something."""


def persons() -> pd.DataFrame:
    """Return the persons of Wolfe, Palmer and Horowitz (2010).

    Returns
    -------
    DataFrame
        As `cogattn.measures.people_table`. Of each of 28 persons (9 ``feature``, 10 ``conjunction``, 9 ``2v5``):
        ``slope.<task>.present`` and ``.absent`` (ms per item, n right answers), ``errors.<task>.present`` and
        ``.absent`` (n trials), and ``slope_ratio.<task>`` (absent over present) but for ``feature``, where slopes are
        about 0.
    """
    rows = []
    for key, own in single_persons().groupby(["task", "person"], sort=False):
        task, number = cast(tuple[str, int], key)
        rows += [(f"{task} {number}", *value) for value in _of_one(task, own.set_index("target"))]
    return people_table(rows)


def single_persons() -> pd.DataFrame:
    """Return the lines of the persons of Wolfe, Palmer and Horowitz (2010).

    Returns
    -------
    DataFrame
        A row for each of 28 persons and kind of display: ``task``, ``person``, ``target`` (``present`` or ``absent``),
        ``slope_ms`` with ``slope_se_ms``, ``intercept_ms``, ``error_rate``, ``n_trials``, ``n_right``.
    """
    return read_table("wolfe2010_slopes.csv").copy()


def _of_one(task: str, own: pd.DataFrame) -> Iterator[tuple[Measure, float, float, int]]:
    for target, row in own.iterrows():
        yield slope_of(task, str(target)), row["slope_ms"], row["slope_se_ms"], int(row["n_right"])
    if task in SLOPES_DIFFER_FROM_0:
        relative = own["slope_se_ms"] / own["slope_ms"]
        ratio = own.loc["absent", "slope_ms"] / own.loc["present", "slope_ms"]
        yield slope_ratio_of(task), ratio, float(np.hypot(*relative)), int(own["n_right"].sum())
    for target, row in own.iterrows():
        wrong, n = row["n_trials"] - row["n_right"], int(row["n_trials"])
        lo, hi = wilson_interval(wrong, n)
        yield errors_of(task, str(target)), wrong / n, float(standard_error(lo, hi)), n


SHIPPED = {"wolfe2010": persons}
"""Persons that the package brings along, by the name under which ``humans`` knows them."""


def read_people(humans: str) -> pd.DataFrame:
    """Return the persons that a run is set beside: a name of `SHIPPED` or a CSV file.

    Raises
    ------
    DataError
        If the file cannot be read or breaks a rule of `cogattn.people.tables.read_persons`.
    """
    return read_persons(humans, shipped=SHIPPED, known=ALL)


def inputs(humans: str) -> dict[str, str]:
    """Return the SHA-256 of the shipped tables by file name, and of a file of persons."""
    shipped = {name: hashlib.sha256(_bytes(name)).hexdigest() for name in FILES}
    return shipped | dict(digests(humans, shipped=SHIPPED))


def human_times() -> pd.DataFrame:
    """Return the mean reaction times of people, target present.

    Returns
    -------
    DataFrame
        40 rows: ``task``, ``condition``, ``role`` (``easy`` or ``hard``, for people), ``set_size``, ``rt_ms``
        (milliseconds) and ``source``.
    """
    return read_table("human_rt.csv").copy()


@functools.cache
def human_slopes() -> pd.DataFrame:
    """Return the least-squares line of each human condition.

    Returns
    -------
    DataFrame
        12 rows: ``task``, ``condition``, ``role``, ``slope_ms`` (ms per item), ``intercept_ms``.
    """
    rows = []
    for key, times in read_table("human_rt.csv").groupby(["task", "condition", "role"], sort=False):
        task, condition, role = cast(tuple[str, str, str], key)
        slope, intercept = fit_line(times["set_size"].to_numpy(float), times["rt_ms"].to_numpy(float))
        rows.append((task, condition, role, float(slope), float(intercept)))
    return pd.DataFrame(rows, columns=["task", "condition", "role", "slope_ms", "intercept_ms"])


def human_asymmetry() -> dict[str, float]:
    """Return people's asymmetry index by task."""
    slopes = human_slopes().pivot(index="task", columns="role", values="slope_ms")
    return {str(task): asymmetry_index(row["hard"], row["easy"]) for task, row in slopes.iterrows()}


def published_models() -> pd.DataFrame:
    """Return the published searchers of Gupta et al. (2021): their asymmetry, and how well they tell people's times.

    Returns
    -------
    DataFrame
        12 rows: ``model``, its index in each task, their ``mean`` with ``lo`` and ``hi`` (95 %, ``n`` displays
        resampled), ``saturated`` (tasks in which a slope is at or below 0), ``fixations`` (mean over all searches, as
        in a run's ``means.csv``), ``missed`` (searches that did not find the target and count as many fixations as the
        largest set size), the fields of `Agreement`, and ``rank_index`` and ``rank_likelihood``, 1 being the highest.
    """
    table = read_table("published_models.csv")
    ranks = {"rank_index": table["mean"], "rank_likelihood": table["log_likelihood"]}
    return table.assign(**{name: own.rank(ascending=False).astype(int) for name, own in ranks.items()})


def published_asymmetries() -> pd.DataFrame:
    """Return the asymmetry of each published searcher and task.

    Returns
    -------
    DataFrame
        72 rows: ``model`` and what `cogattn.psychophysics.search.asymmetries` says of its searches.
    """
    return read_table("published_asymmetries.csv").copy()


def published_slopes() -> pd.DataFrame:
    """Return the twelve search slopes of each published searcher.

    Returns
    -------
    DataFrame
        144 rows: ``model``, ``task``, ``condition``, ``role``, ``slope`` (ms per item) with ``lo`` and ``hi`` (95 %,
        displays resampled), ``intercept`` (ms), ``n`` displays.
    """
    return read_table("published_slopes.csv").copy()


def published_times() -> pd.DataFrame:
    """Return the forty mean times of each published searcher.

    Returns
    -------
    DataFrame
        480 rows: ``model``, ``task``, ``condition``, ``role``, ``set_size``, ``fixations`` (mean over displays) with
        ``lo`` and ``hi`` (95 %), ``n`` displays, ``missed`` (of these not found), and ``rt_ms``, which follows from
        the fixations.
    """
    table = read_table("published_times.csv")
    return table.assign(rt_ms=reaction_time_ms(table["fixations"]))


@functools.cache
def read_table(name: str) -> pd.DataFrame:
    """Return one of `FILES`; it is read once, so copy what is to be changed."""
    return pd.read_csv(io.BytesIO(_bytes(name)), encoding="utf-8")


def _bytes(name: str) -> bytes:
    return files("cogattn.psychophysics.search").joinpath("data", name).read_bytes()
