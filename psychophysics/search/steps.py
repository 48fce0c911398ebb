"""Which step makes which asymmetry: each network against itself without one thing, before the same displays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.functions import interval
from cogattn.psychophysics.search.plan import ABLATIONS, Variant, copies_of
from cogattn.psychophysics.search.slopes import asymmetries

COLUMNS = ("observer", "step", "task", "index", "index_without", "difference", "lo", "hi", "n")
STEPS: tuple[Variant, ...] = ("no fovea", *ABLATIONS)
"""Variants of a network that lack one step."""
MEAN = "mean"


def steps_table(
    observers: Sequence[Observer], displays: pd.DataFrame, *, rng: np.random.Generator, n_resamples: int
) -> pd.DataFrame:
    """Set the asymmetries of every network beside those that it has without one step.

    Parameters
    ----------
    observers : sequence of Observer
        Networks and controls; those that `STEPS` names are used.
    displays : DataFrame
        Two-sided tasks, one row a display: ``observer``, ``task``, ``role``, ``set_size``, ``display``, ``rt_ms``.
    rng : numpy.random.Generator
        Draws displays, the same ones for both sides of a difference.
    n_resamples : int
        How often.

    Returns
    -------
    DataFrame
        ``observer``, ``step`` (what the control lacks), ``task`` (the last one is ``mean``), ``index``,
        ``index_without``, their ``difference`` with ``lo`` and ``hi`` (95 %, displays resampled in pairs: above 0 where
        the step makes the asymmetry more human), ``n`` displays. Empty without such controls.
    """
    seed = int(rng.integers(2**32))
    shown = set(displays["observer"])
    rows = [
        row
        for network in observers
        if network.role == "network" and network.id in shown
        for variant in STEPS
        for control in copies_of(network, observers, variant)
        if control.id in shown
        for row in _differences(network, control, displays, seed, n_resamples)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _differences(
    network: Observer, control: Observer, displays: pd.DataFrame, seed: int, n_resamples: int
) -> Iterator[tuple[str | float, ...]]:
    """A row a task in which both have asymmetries, and one of their mean."""
    whole, without = (
        asymmetries(
            displays[displays["observer"] == one.id].assign(observer=""),  # so that both draw the same
            rng=np.random.default_rng(seed),
            n_resamples=n_resamples,
            keep_resamples=True,
        ).set_index("task")
        for one in (network, control)
    )
    tasks = [task for task in whole.index if task in without.index]
    pairs = {task: (whole.loc[task], without.loc[task]) for task in tasks}
    for task, (own, other) in pairs.items():
        yield _row(network, control, task, [own], [other])
    if tasks:
        yield _row(network, control, MEAN, *map(list, zip(*pairs.values(), strict=True)))


def _row(
    network: Observer, control: Observer, task: str, own: list[pd.Series], other: list[pd.Series]
) -> tuple[str | float, ...]:
    index, without = (float(np.mean([one["index"] for one in side])) for side in (own, other))
    resampled = np.mean([one["resampled"] for one in own], axis=0) - np.mean(
        [one["resampled"] for one in other], axis=0
    )
    n = int(sum(one["n"] for one in own))
    step = control.variant.removeprefix("without ").removeprefix("no ")
    return network.id, step, task, index, without, index - without, *interval(resampled, n // 2), n


def remarks_on_steps(steps: pd.DataFrame, observers: Sequence[Observer]) -> Iterator[str]:
    """Say of each network which steps surely make which asymmetries more, or less, human."""
    names = {one.id: one.name for one in observers}
    for observer, own in steps[steps["task"] != MEAN].groupby("observer", sort=False):
        said = [
            f"{word} by {step} in {', '.join(rows['task'])}"
            for step, of_one in own.groupby("step", sort=False)
            for word, rows in (
                ("more human", of_one[of_one["lo"] > 0]),
                ("less human", of_one[of_one["hi"] < 0]),
            )
            if len(rows)
        ]
        steps = ", ".join(own["step"].unique())
        what = "; ".join(said) or "no asymmetry surely changes"
        yield f"{names[str(observer)]} against itself without one step ({steps}; 95 % each): {what}."
