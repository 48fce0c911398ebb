"""A person searches: displays of Wolfe, Palmer and Horowitz (2010) by the study's own generator; f: present, j: absent.

Set sizes, field and items are those that the study's 28 persons saw. Theirs were some 4,000 trials each; a block here
has n trials for each set size, with and without a target. Where times scatter by SD about the line, the standard error
of a slope is SD / sqrt(n * 132.75) for the set sizes 3, 6, 12 and 18: with 40 trials and 466 ms, 6.4 ms an item.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.measures import Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.displays.display import make_display
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS
from cogattn.psychophysics.search.measures import errors_of, slope_of, slope_ratio_of
from cogattn.psychophysics.search.people import SLOPES_DIFFER_FROM_0
from cogattn.psychophysics.search.slopes import mean_times, search_slopes, slope_ratios
from cogattn.seeds import Streams
from cogattn.sittings import (
    Answer,
    Block,
    Curve,
    Length,
    Scored,
    Sitting,
    SittingTrial,
    left_out,
    png,
    usable,
)
from cogattn.statistics.stats import Estimate as Interval
from cogattn.statistics.stats import wilson_interval

PIXELS_PER_DEGREE = 30.0
MARGIN_DEG = 0.25
FOREPERIOD_MS = (300.0, 700.0)
TARGETS = ("present", "absent")
N_RESAMPLES = 2000
BY = ("observer", "task", "condition", "role")


def _block(task: str, seed: int, n: int) -> Block:
    practice = _trials(task, Streams(seed).child("sitting", task, "practice"), 1)
    return Block(practice, _trials(task, Streams(seed).child("sitting", task, "block"), n))


def _trials(task: str, streams: Streams, n: int) -> list[SittingTrial]:
    """`n` displays of each set size, with and without a target, in random order."""
    order = streams.generator("order")
    trials = list(_displays(task, streams, n, order))
    return [trials[place] for place in order.permutation(len(trials))]


def _displays(task: str, streams: Streams, n: int, order: np.random.Generator) -> Iterator[SittingTrial]:
    experiment = EXPERIMENTS[task]
    (condition,) = experiment.conditions
    for size in experiment.set_sizes:
        for target in TARGETS:
            for number in range(n):
                display = make_display(
                    experiment,
                    condition,
                    size,
                    rng=streams.generator(size, target, number),
                    pixels_per_degree=PIXELS_PER_DEGREE,
                    target_present=target == "present",
                    margin_deg=MARGIN_DEG,
                )
                yield SittingTrial(
                    stimulus=f"{task}-{size}-{target}-{number}",
                    picture=png(display.image),
                    correct=target,
                    foreperiod_ms=round(float(order.uniform(*FOREPERIOD_MS)), 1),
                    what={"set_size": size, "target": target, "display": number},
                )


def _score(task: str, trials: pd.DataFrame, observer: Observer) -> Scored:
    counted = usable(trials).assign(
        observer=observer.id, task=task, condition=lambda t: t["target"], role="only", rt_ms=lambda t: t["rt"]
    )
    right = counted[counted["correct"].astype(bool)]
    remarks, errors = list(left_out(trials)), _error_rows(task, counted, observer)
    try:
        slopes, curves = list(_slope_rows(task, right, observer)), (_function(task, right),)
    except DataError as error:
        remarks.append(f"No slope: {error}.")
        slopes, curves = [], ()
    return Scored(summary_table([*slopes, *errors]), curves=curves, remarks=remarks)


def _error_rows(task: str, counted: pd.DataFrame, observer: Observer) -> Iterator[Row]:
    for target in TARGETS:
        correct = counted.loc[counted["target"] == target, "correct"].astype(bool)
        n, wrong = len(correct), int((~correct).sum())
        if n:
            lo, hi = wilson_interval(wrong, n)
            yield Row(observer, errors_of(task, target), Interval(wrong / n, float(lo), float(hi), n))


def _slope_rows(task: str, right: pd.DataFrame, observer: Observer) -> Iterator[Row]:
    sizes = EXPERIMENTS[task].set_sizes
    counts = right.groupby(["target", "set_size"]).size().reindex(_cells(sizes), fill_value=0)
    fewest = min(counts.tolist())
    if fewest < 2:
        raise DataError(f"each set size must have two right answers with and without a target; got {fewest}")
    slopes = search_slopes(right, by=BY, n_resamples=N_RESAMPLES).set_index("condition")
    for target in TARGETS:
        own = slopes.loc[target]
        yield _row(observer, slope_of(task, target), own["slope"], own["lo"], own["hi"], own["n"])
    if task in SLOPES_DIFFER_FROM_0:
        yield from _ratio(task, right, observer)


def _cells(sizes: tuple[int, ...]) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([TARGETS, sizes], names=["target", "set_size"])


def _ratio(task: str, right: pd.DataFrame, observer: Observer) -> Iterator[Row]:
    """Absent over present, where both slopes are above 0."""
    alike = right.assign(condition=task)
    present, absent = (alike[alike["target"] == target] for target in TARGETS)
    found = slope_ratios(present, absent, rng=np.random.default_rng(0), n_resamples=N_RESAMPLES).iloc[0]
    if np.isfinite(found["ratio"]):
        yield _row(observer, slope_ratio_of(task), *found[["ratio", "ratio_lo", "ratio_hi", "n"]])


def _row(observer: Observer, measure: Measure, estimate: float, lo: float, hi: float, n: float) -> Row:
    return Row(observer, measure, Interval(float(estimate), float(lo), float(hi), int(n)))


def _function(task: str, right: pd.DataFrame) -> Curve:
    times = mean_times(right, by=BY, n_resamples=N_RESAMPLES)
    points = times.rename(columns={"condition": "line", "set_size": "x", "rt_ms": "estimate"})
    return Curve(
        "Search function: mean times of right answers",
        "set size (items)",
        "reaction time (ms)",
        "target",
        points[["line", "x", "estimate", "lo", "hi", "n"]],
    )


def _sitting(task: str, sought: str, note: str = "") -> Sitting:
    return Sitting(
        title=f"Search: {EXPERIMENTS[task].conditions[0].title}",
        about=(
            "How long you take to say whether the target is there, by the number of items: the slope is your search "
            f"rate. Displays are those of 28 persons of Wolfe, Palmer and Horowitz (2010).{note}"
        ),
        instructions=(
            "Look at the cross. Then items appear.",
            f"Is there {sought} among them? Press f if there is, j if there is not.",
            "Be as fast as you can while making few errors. What you see stays until you answer.",
        ),
        answers=(Answer("present", "present", "f"), Answer("absent", "absent", "j")),
        length=Length(
            "trials for each set size, with and without a target",
            default=40,
            least=2,
            most=100,
            step=1,
            enough=40,
            trials_each=2 * len(EXPERIMENTS[task].set_sizes),
            why="the standard error of a slope is then 6.4 ms an item where times scatter by 466 ms",
        ),
        side_deg=EXPERIMENTS[task].field_deg + 2 * MARGIN_DEG,
        shown_ms=None,
        exact_pixels=False,
        background="#000000",
        break_every=80,
        columns={
            "set_size": "number of items",
            "target": "whether the target is among the items: present or absent",
            "display": "number of the display among those of its set size and target",
        },
        block=partial(_block, task),
        score=partial(_score, task),
    )


TWO_AMONG_FIVES = _sitting("2v5", "a digital 2")
CONJUNCTION = _sitting(
    "conjunction", "a red upright bar", " It asks for telling red from green; take the other if you cannot."
)
