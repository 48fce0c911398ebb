"""All learners of a run by measure and group: people, and the networks of each schedule and budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate, Measure
from cogattn.rehearsal.columns import PERSONS
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.rules import Rule, rules_of
from cogattn.rehearsal.trees import checks, reading, scoring
from cogattn.rehearsal.trees.design import BLOCKED, INTERLEAVED
from cogattn.rehearsal.trees.likeness import difference
from cogattn.rehearsal.trees.measures import BENEFIT, INTRUSION, PROTECTION, TEST, of_group
from cogattn.statistics.intervals import mean_interval
from cogattn.study import Trials

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Learners:
    """Learners of one kind: the networks of a schedule, or people.

    Parameters
    ----------
    persons : DataFrame
        person, group, measure, estimate, se, n, as `scoring.scored` gives them.
    """

    persons: pd.DataFrame

    def values(self, measure: Measure, group: str) -> Array:
        """Return one value for each learner of a group, in their order."""
        own = self.persons["measure"] == of_group(measure, group).key
        return self.persons.loc[own, "estimate"].to_numpy(dtype=np.float64)

    def mean(self, measure: Measure, group: str) -> Estimate:
        """Return a group's mean over learners."""
        highest = 1.0 if measure.scale == "share" else None
        lowest = 0.0 if measure.scale == "share" else None
        return mean_interval(self.values(measure, group), lowest=lowest, highest=highest)

    def benefits(self) -> Iterator[tuple[Measure, Estimate]]:
        """Yield what blocks are good for, with Welch's interval over learners."""
        yield BENEFIT, difference(self.values(TEST, BLOCKED), self.values(TEST, INTERLEAVED))
        yield PROTECTION, difference(self.values(INTRUSION, INTERLEAVED), self.values(INTRUSION, BLOCKED))


@dataclass(frozen=True, eq=False)
class Beside:
    """Networks beside people.

    Parameters
    ----------
    networks : mapping of (Rule, float) to Learners
        By schedule and budget, in the order of the settings.
    people : Learners or None
        None where schedules are simulated.
    """

    networks: Mapping[tuple[Rule, float], Learners]
    people: Learners | None

    @classmethod
    def of(cls, config: RehearsalConfig, trials: Trials) -> Beside:
        """Make it of a run's trials; schedules that have none are left out."""
        rows = trials[PERSONS]
        parts = {key: own for key, own in rows.groupby(["observer", "budget"], sort=False)}
        networks = {
            (rule, budget): Learners(parts[rule.text, budget])
            for budget in config.budgets
            for rule in rules_of(config)
            if (rule.text, budget) in parts
        }
        found = people_of(config)
        return cls(networks, None if found is None else Learners(scoring.scored(found.course, found.correct)))

    def at(self, budget: float) -> dict[Rule, Learners]:
        """Return the networks of each schedule at one budget."""
        return {rule: own for (rule, at), own in self.networks.items() if at == budget}


def people_of(config: RehearsalConfig) -> reading.People | None:
    """Return the people of the settings; None where schedules are simulated."""
    folder = checks.place(config)
    return None if folder is None else reading.read(folder, config.trees.experiment)


def sign_beside(value: Estimate, human: Estimate | None) -> str:
    """Return in words whether a difference has the sign that people's has, intervals deciding what has one."""
    if human is None:
        return ""
    if not (human.lo > 0 or human.hi < 0):
        return "people's interval holds 0"
    if not (value.lo > 0 or value.hi < 0):
        return "interval holds 0, people's does not"
    return "human sign" if (value.estimate > 0) == (human.estimate > 0) else "opposite of the human sign"
