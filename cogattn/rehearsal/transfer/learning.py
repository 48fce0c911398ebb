"""Networks that meet what people met: tasks A, B and A again, with past trials rehearsed in between.

One linear network a person, 12 inputs (one a plant), a hidden layer, and cosine and sine of the place in summer and in
winter as outputs; no biases. A step is one trial: plain gradient descent (rate .01) on the mean squared error of the
two outputs of the season that is asked for. Each part is met again and again in the same order (100 times as
published). Winters of A2, and the untold plant's winter in A1, are answered and not learnt from; part B is learnt
whole, as published. Initial weights are normal, to the hidden layer with standard deviation 1e-3 (rich) or 2 (lazy),
from it with 1e-3.

Rehearsal: behind a trial that was learnt from come rehearsed ones, each a step of its own, so many that they are
``budget`` of all learnt trials in the end. Which, a schedule says: a task is needed by the time since it was met, the
task at hand as the other one, so that rehearsal goes to both; within a task all trials met so far are alike. Time runs
in items, or in steps (``rehearsal.unit``; a phase is too coarse here). In A1 there is one task, and it is rehearsed.
Without rehearsal (``none``) the trial at hand is repeated as often, so that all schedules make the same number of
updates. The paper's networks rehearse nothing (and make none of these further updates).

The step is written out, as two products of a linear network's gradient, and tested against automatic differentiation
of `StackedMLP`; persons are the stack.

References
----------
Holton et al. (2026), Nature Human Behaviour 10, 111-125; src/models/neural_network.py and ann_experiments.json of its
public code (github.com/eleanorholton/transfer-interference).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.rehearsal.columns import ANSWERS, PERSONS
from cogattn.rehearsal.config import RehearsalConfig, TransferSettings
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.schedules import plan_stream, schedule_of
from cogattn.rehearsal.transfer import scoring
from cogattn.rehearsal.transfer.design import (
    N_STIMULI,
    PARTS,
    Array,
    Course,
    Ints,
    accuracy,
    simulated,
    wrapped,
)
from cogattn.rehearsal.transfer.scoring import Answers
from cogattn.seeds import Streams
from cogattn.study import Outcome

if TYPE_CHECKING:
    import pandas as pd

LEARNING_RATE = 0.01
OUTPUT_SCALE = 1e-3
N_INPUTS, N_OUTPUTS = 2 * N_STIMULI, 4
TASKS = np.array([0, 1, 0])
"""The task of each part."""


@dataclass(frozen=True)
class Steps:
    """What the networks of a stack meet, step by step.

    Parameters
    ----------
    stimulus, season : array of int8, shape (n_networks, n_steps)
        Input, and which pair of outputs is asked for.
    learns : array of bool, shape (n_networks, n_steps)
        Whether weights change.
    met : array of bool, shape (n_networks, n_steps)
        Whether it is a trial of the course, and no rehearsed one; as many in each row.
    targets : array, shape (n_networks, 12, 2, 2)
        Cosine and sine of each plant's place in each season.
    """

    stimulus: NDArray[np.int8]
    season: NDArray[np.int8]
    learns: NDArray[np.bool_]
    met: NDArray[np.bool_]
    targets: Array


def run(config: RehearsalConfig, rule: Rule, budget: float, streams: Streams) -> Outcome:
    """Train one network a person, or a simulated schedule, and measure it as people are measured.

    Parameters
    ----------
    config : RehearsalConfig
        ``transfer`` and ``rehearsal`` are read.
    rule : Rule
        What is rehearsed; no penalty.
    budget : float
        Rehearsed trials per learnt trial.
    streams : Streams
        Of the run; nothing hangs on the rule, so that runs are paired.

    Returns
    -------
    Outcome
        Tables `columns.PERSONS` and `columns.ANSWERS`.
    """
    courses = courses_of(config.transfer, streams)
    steps = steps_of(config, rule, budget, courses, streams)
    outputs = train(steps, *initial_weights(config.transfer, len(courses), streams))
    return Outcome(_tables(rule.text, budget, answers_of(courses, steps, outputs)))


def courses_of(settings: TransferSettings, streams: Streams) -> tuple[Course, ...]:
    """Return people's courses, or simulated ones where no people are given."""
    if settings.path is None:
        return simulated(settings.n_twins, streams)
    from cogattn.rehearsal.transfer.reader import read_people

    return read_people(settings.path).courses


def initial_weights(settings: TransferSettings, n: int, streams: Streams) -> tuple[Array, Array]:
    """Return weights to the hidden layer, (n, 12, hidden), and from it, (n, hidden, 4), of so many networks."""
    import torch

    from cogattn.rehearsal.networks import StackedMLP

    generators = [torch.Generator().manual_seed(_seed(streams, k)) for k in range(n)]
    network = StackedMLP(
        (N_INPUTS, settings.hidden, N_OUTPUTS),
        generators,
        activation="identity",
        bias=False,
        scales=(settings.scale, OUTPUT_SCALE),
    )
    first, second = (weight.detach().numpy().astype(np.float64) for weight in network.weights)
    return first, second


def _seed(streams: Streams, k: int) -> int:
    return int(streams.child("seed", k).child("init").generator().integers(2**63))


def steps_of(
    config: RehearsalConfig, rule: Rule, budget: float, courses: Sequence[Course], streams: Streams
) -> Steps:
    """Return what the networks meet: their courses, pass by pass, and rehearsed trials in between.

    When trials are rehearsed, and the how-manieth of its task each is, is the same in all networks; what it was differs
    with their courses.
    """
    learnt = np.stack([course.trained.sum(axis=1) for course in courses])  # (networks, parts)
    tasks = np.repeat(TASKS, learnt[0] * config.transfer.passes)
    index = np.empty(len(tasks), dtype=np.int64)
    for task in range(2):
        index[tasks == task] = np.arange((tasks == task).sum())
    schedule = schedule_of(config, rule, budget)
    draws = plan_stream(
        replace(schedule, unit="item") if schedule.unit == "phase" else schedule,
        tasks,
        index,
        batch=1,
        streams=streams.child("draws"),
        include_current=True,
    )
    extra = np.diff(draws.offsets) - 1
    rehearsed = np.ones(len(draws.task), dtype=bool)
    rehearsed[draws.offsets[:-1]] = False
    again = draws.task[rehearsed], draws.index[rehearsed]
    each = [_steps(course, config.transfer.passes, extra, again) for course in courses]
    stimulus, season, learns, met = (np.stack(rows) for rows in zip(*each, strict=True))
    return Steps(stimulus, season, learns, met, np.stack([_targets(course) for course in courses]))


def _steps(
    course: Course, passes: int, extra: Ints, again: tuple[Ints, Ints]
) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    """One network's plants, seasons, whether it learns, and whether a trial is met, step by step."""
    stimulus, season, learns = (
        np.tile(values, passes) for values in (course.stimulus, course.season, course.trained)
    )
    part = np.repeat(np.arange(len(PARTS)), stimulus.shape[1])
    stimulus, season, learns = (values.ravel() for values in (stimulus, season, learns))
    sizes = np.ones(len(stimulus), dtype=np.int64)
    sizes[learns] += extra
    met = np.zeros(sizes.sum(), dtype=bool)
    met[np.cumsum(sizes) - sizes] = True
    trial = np.empty(len(met), dtype=np.int64)  # number of the trial that each step is
    trial[met] = np.arange(len(stimulus))
    rehearsed = np.empty(len(again[0]), dtype=np.int64)
    for task in range(2):
        own = np.flatnonzero(learns & (TASKS[part] == task))
        rehearsed[again[0] == task] = own[again[1][again[0] == task]]
    trial[~met] = rehearsed
    learning = np.ones(len(met), dtype=bool)
    learning[met] = learns
    return stimulus[trial].astype(np.int8), season[trial].astype(np.int8), learning, met


def _targets(course: Course) -> Array:
    """Cosine and sine of each plant's place in each season, shape (12, 2, 2)."""
    place = np.zeros((N_INPUTS, 2))
    place[course.stimulus, course.season] = course.place
    return np.stack([np.cos(place), np.sin(place)], axis=-1)


def train(
    steps: Steps, first: Array, second: Array, *, learning_rate: float = LEARNING_RATE
) -> NDArray[np.float32]:
    """Train linear networks side by side, and return what each answered before it learnt.

    Parameters
    ----------
    steps : Steps
        What they meet.
    first, second : array, shapes (n_networks, 12, hidden) and (n_networks, hidden, 4)
        Initial weights; both are changed in place.
    learning_rate : float
        Of gradient descent.

    Returns
    -------
    array of float32, shape (n_steps, n_networks, 2)
        Cosine and sine of the season that was asked for.
    """
    n, hidden = len(first), first.shape[2]
    pairs = np.ascontiguousarray(
        second.transpose(0, 2, 1).reshape(n, 2, 2, hidden)
    )  # (networks, seasons, pair, hidden)
    stimulus, season = steps.stimulus.T.astype(np.int64), steps.season.T.astype(np.int64)
    rates = np.where(steps.learns.T, learning_rate, 0.0)[..., None]
    outputs = np.empty((len(stimulus), n, 2), dtype=np.float32)
    row = np.arange(n)
    for k, (plant, asked, rate) in enumerate(zip(stimulus, season, rates, strict=True)):
        h, pair = first[row, plant], pairs[row, asked]
        answer = np.matmul(pair, h[..., None])[..., 0]
        outputs[k] = answer
        slope = rate * (answer - steps.targets[row, plant, asked])  # mean over two outputs: half of twice
        pairs[row, asked] = pair - slope[..., None] * h[:, None, :]
        first[row, plant] = h - np.matmul(slope[:, None, :], pair)[:, 0]
    second[:] = pairs.reshape(n, N_OUTPUTS, hidden).transpose(0, 2, 1)
    return outputs


def answers_of(courses: Sequence[Course], steps: Steps, outputs: NDArray[np.float32]) -> list[Answers]:
    """Return what each network answered on the trials of its course."""
    found = []
    for k, course in enumerate(courses):
        own = outputs[steps.met[k], k].astype(np.float64)
        angle = np.arctan2(own[:, 1], own[:, 0]).reshape(len(PARTS), -1)
        place = np.tile(course.place, angle.shape[1] // course.n_trials)
        applied = scoring.fitted_blocks(wrapped(angle[:, 1::2] - angle[:, ::2]))
        found.append(Answers(course, accuracy(angle, place), applied))
    return found


def _tables(observer: str, budget: float, answers: Sequence[Answers]) -> Mapping[str, pd.DataFrame]:
    import pandas as pd

    from cogattn.rehearsal.columns import TABLES

    persons, blocks = [], []
    for one in answers:
        who = (observer, budget, one.course.person, one.course.group)
        persons += [(*who, measure.key, *rest) for measure, *rest in scoring.measured(one, learnt_only=False)]
        blocks += [(*who, *row) for row in scoring.blocks(one)]
    return {
        name: pd.DataFrame(rows, columns=list(TABLES[name])).astype(dict(TABLES[name]))
        for name, rows in ((PERSONS, persons), (ANSWERS, blocks))
    }
