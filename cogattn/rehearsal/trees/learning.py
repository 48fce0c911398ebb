"""One schedule beside the people of Flesch et al. (2018): each person's twin meets the same trials and rehearses them.

Every past trial may be needed again, whichever its garden, by how many items ago it was met (or met last, or at all
times: the clock of the settings); so each trial is a task of the schedule. Time runs in items, and which one comes back
is drawn with need as odds, whatever the settings say of units and shares: an item cannot be shared out among hundreds
of trials, and remainders that are carried over would come due long after the need. Without rehearsal the budget goes to
the trial itself, once more, so that all make as many steps. Twins of all schedules share courses and initial weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cogattn.rehearsal.columns import ANSWERS, PERSONS, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.schedules import Schedule, plan_stream, schedule_of
from cogattn.rehearsal.trees import checks, reading, scoring
from cogattn.rehearsal.trees.design import N_TRAINING, Course, Ints, simulated
from cogattn.seeds import Streams
from cogattn.study import Outcome

if TYPE_CHECKING:
    import pandas as pd
    import torch


def run(config: RehearsalConfig, rule: Rule, budget: float, streams: Streams) -> Outcome:
    """Train a twin of each learner by one schedule.

    Parameters
    ----------
    config : RehearsalConfig
        Settings.
    rule : Rule
        The schedule.
    budget : float
        Rehearsed items per trial.
    streams : Streams
        Of the run; nothing is drawn below a schedule's name.

    Returns
    -------
    Outcome
        Tables ``persons`` and ``answers``.
    """
    from cogattn.rehearsal.trees import networks

    course = course_of(config, streams)
    correct = networks.learn(
        course,
        items_of(course.persons, drawn_by(config, rule, budget), streams),
        width=config.network.widths[0],
        learning_rate=checks.learning_rate(config),
        generators=[_generator(streams.child("init"), person) for person in course.persons],
    )
    tables = {PERSONS: scoring.scored(course, correct), ANSWERS: scoring.answers(course, correct)}
    return Outcome({name: _under(rule, budget, name, rows) for name, rows in tables.items()})


def drawn_by(config: RehearsalConfig, rule: Rule, budget: float) -> Schedule:
    """Return the schedule of a rule as past trials are drawn by it."""
    return replace(schedule_of(config, rule, budget), unit="item", apportion="multinomial")


def course_of(config: RehearsalConfig, streams: Streams) -> Course:
    """Return what the learners meet: people's trials, or simulated ones where there are no people."""
    folder, own = checks.place(config), config.trees
    if folder is not None:
        return reading.read(folder, own.experiment).course
    return simulated(own.experiment, own.n_twins, streams.child("tasks"))


def items_of(persons: Sequence[str], schedule: Schedule, streams: Streams) -> Ints:
    """Return the number of the training trial that each step learns from.

    Returns
    -------
    array of int64, shape (n_persons, n_items)
        Each trial, and after it what is rehearsed.
    """
    trials, only = np.arange(N_TRAINING), np.zeros(N_TRAINING, dtype=np.int64)
    return np.stack(
        [
            plan_stream(schedule, trials, only, batch=1, streams=streams.child("person", person)).task
            for person in persons
        ]
    )


def _generator(streams: Streams, person: str) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(int(streams.generator(person).integers(2**63)))


def _under(rule: Rule, budget: float, table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with the schedule and the budget before them."""
    return rows.assign(observer=rule.text, budget=budget)[list(TABLES[table])]
