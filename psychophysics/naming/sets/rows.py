"""What a set says of an observer: beside people, over its conditions and in each of them; pairs, and an order.

Every observer is set beside people without itself: a person beside the others, whose own numbers are then those of
the others among each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming import measures
from cogattn.psychophysics.naming.sets.by_condition import (
    STATISTICS,
    Answers,
    among_people,
    compare,
    each_pair,
    mean_over_pairs,
    mean_over_people,
    spread,
    with_people,
)
from cogattn.psychophysics.naming.sets.published import Conditions
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.scales import standard_error
from cogattn.statistics.stats import wilson_interval

CONDITION_COLUMNS = (
    "observer", "condition", "label", "counted", "measure", "estimate", "lo", "hi", "n",
    "human", "human_lo", "human_hi", "human_n",
)  # fmt: skip
CEILING_COLUMNS = ("condition", "label", "counted", "measure", "estimate", "lo", "hi", "n")
PAIR_COLUMNS = ("first", "second", "kappa", "lo", "hi", "copy", "copy_lo", "copy_hi", "n_trials")
ORDER_COLUMNS = ("observer", "accuracy_difference", "observed_consistency", "error_consistency", "mean_rank")
OVER_SET = "over the set"
NOBODY = Estimate.bare(float("nan"), 0)


@dataclass(frozen=True, eq=False)
class Named:
    """A set as observers and people named it.

    Parameters
    ----------
    name : str
        Of the set.
    conditions : Conditions
        In order.
    observers : tuple of Observer
        Everybody, a row of `answers` each.
    answers : Answers
        Of all.
    people : tuple of int
        Which of them are people.
    confidence : float
        Of all intervals.
    alike : bool
        Whether people saw the same images: else only accuracies can be compared.
    """

    name: str
    conditions: Conditions
    observers: tuple[Observer, ...]
    answers: Answers
    people: tuple[int, ...]
    confidence: float
    alike: bool = True

    @property
    def counted(self) -> list[int]:
        """Conditions that the set's measures are averaged over."""
        return [i for i, counts in enumerate(self.conditions.counted) if counts]

    @cached_property
    def ceilings(self) -> dict[tuple[str, tuple[int, ...], int], Estimate]:
        """People among each other, as they were asked for."""
        return {}

    def right(self, number: int) -> NDArray[np.float64]:
        """Return an observer's right answers, (n_images,)."""
        return self.answers.right[number]

    def others(self, number: int) -> NDArray[np.float64]:
        """Return the right answers of all people but the observer itself, (n_people, n_images)."""
        return self.answers.right[[person for person in self.people if person != number]]


def accuracy(named: Named, number: int, wanted: Sequence[int]) -> Estimate:
    """Return an observer's accuracy, the mean over conditions, with Wilson's interval over images.

    The effective number of images is all where the conditions are of one size.
    """
    right, condition = named.right(number), named.answers.condition
    seen = [right[(condition == one) & np.isfinite(right)] for one in wanted]
    seen = [own for own in seen if len(own)]
    if not seen:
        return NOBODY
    share = float(np.mean([own.mean() for own in seen]))
    effective = len(seen) ** 2 / sum(1 / len(own) for own in seen)
    lo, hi = wilson_interval(share * effective, effective, confidence=named.confidence)
    return Estimate(share, float(lo), float(hi), sum(len(own) for own in seen))


def people_accuracy(named: Named, number: int, wanted: Sequence[int]) -> Estimate:
    """Return the mean accuracy of people without the observer itself, with Student's interval over persons."""
    shares = [accuracy(named, person, wanted).estimate for person in named.people if person != number]
    return mean_interval(shares, confidence=named.confidence, lowest=0, highest=1) if shares else NOBODY


def likeness(named: Named, statistic: str, number: int, wanted: Sequence[int]) -> Estimate:
    """Return a statistic of an observer with people, the mean over them."""
    others = named.others(number)
    if not named.alike or not len(others) or not len(wanted):
        return NOBODY
    pairs = with_people(statistic, named.right(number), others, named.answers.condition, wanted)
    return mean_over_people(pairs, confidence=named.confidence)


def ceiling(named: Named, statistic: str, number: int, wanted: Sequence[int]) -> Estimate:
    """Return the same of people among each other, without the observer itself."""
    key = (statistic, tuple(wanted), number if number in named.people else -1)
    if key not in named.ceilings:
        others = named.others(number)
        found = NOBODY
        if len(others) > 1 and len(wanted) and _saw(others, named.answers.condition, wanted):
            found = mean_over_pairs(
                *among_people(statistic, others, named.answers.condition, wanted), confidence=named.confidence
            )
        named.ceilings[key] = found
    return named.ceilings[key]


def _saw(right: NDArray[np.float64], condition: NDArray[np.int64], wanted: Sequence[int]) -> bool:
    return bool(np.isfinite(right[:, np.isin(condition, wanted)]).any())


def set_rows(named: Named, number: int) -> list[Row]:
    """Return an observer's rows: accuracy over the conditions that count, and what it shares with people."""
    observer, wanted = named.observers[number], named.counted
    human = people_accuracy(named, number, wanted)
    value, note = accuracy(named, number, wanted), "" if wanted else "no condition that was shown counts"
    rows = [Row(observer, measures.accuracy(named.name), value, human if human.n else None, note)]
    if not named.alike:
        return rows
    for statistic in STATISTICS:
        value = likeness(named, statistic, number, wanted)
        if value.n:
            human = ceiling(named, statistic, number, wanted)
            rows.append(
                Row(observer, measures.with_people(statistic, named.name), value, human if human.n else None)
            )
    return rows


def condition_table(named: Named) -> pd.DataFrame:
    """Return accuracy and what is shared with people in each condition, columns `CONDITION_COLUMNS`."""
    rows = []
    for number, observer in enumerate(named.observers):
        for one, (name, label, counts) in enumerate(
            zip(named.conditions.names, named.conditions.labels, named.conditions.counted, strict=True)
        ):
            found = {"accuracy": (accuracy(named, number, [one]), people_accuracy(named, number, [one]))}
            if named.alike:
                found |= {
                    statistic: (
                        likeness(named, statistic, number, [one]),
                        ceiling(named, statistic, number, [one]),
                    )
                    for statistic in STATISTICS
                }
            rows += [
                (observer.id, name, label, counts, measure, *_numbers(value), *_numbers(human))
                for measure, (value, human) in found.items()
                if value.n
            ]
    return pd.DataFrame(rows, columns=list(CONDITION_COLUMNS))


def ceiling_table(named: Named) -> pd.DataFrame:
    """Return people's accuracy and what they share among each other, in each condition and over the set.

    Returns
    -------
    DataFrame
        Columns `CEILING_COLUMNS`; n counts persons, and ``condition`` is `OVER_SET` over those that count.
    """
    nobody = -1
    names = zip(named.conditions.names, named.conditions.labels, named.conditions.counted, strict=True)
    asked = [(one, *told) for one, told in enumerate(names)]
    wanted = [([one], name, label, counts) for one, name, label, counts in asked]
    wanted.append((named.counted, OVER_SET, OVER_SET, True))
    rows = []
    for chosen, name, label, counts in wanted:
        found = {"accuracy": people_accuracy(named, nobody, chosen)}
        if named.alike:
            found |= {statistic: ceiling(named, statistic, nobody, chosen) for statistic in STATISTICS}
        told = [(measure, value) for measure, value in found.items() if value.n]
        rows += [(name, label, counts, measure, *_numbers(value)) for measure, value in told]
    return pd.DataFrame(rows, columns=list(CEILING_COLUMNS))


def pair_table(named: Named) -> pd.DataFrame:
    """Return error consistency and copy probability of all pairs over the conditions that count, over images.

    Returns
    -------
    DataFrame
        Columns `PAIR_COLUMNS`; of a network and a person the network is first, of two of a kind the less accurate,
        which may copy the other.
    """
    right, n = named.answers.right, len(named.observers)
    level = [accuracy(named, number, named.counted).estimate for number in range(n)]
    pairs = [
        tuple(sorted((i, j), key=lambda number: (number in named.people, level[number])))
        for i in range(n)
        for j in range(i + 1, n)
    ]
    counts = np.isin(named.answers.condition, named.counted)
    rows = []
    for start in range(0, len(pairs), CHUNK):
        some = np.array(pairs[start : start + CHUNK])
        first, second = right[some[:, 0]], right[some[:, 1]]
        shared = (np.isfinite(first) & np.isfinite(second))[:, counts].sum(axis=1)
        sides = (
            each_pair(
                compare(statistic, first, second, named.answers.condition, named.counted),
                confidence=named.confidence,
            )
            for statistic in ("error_consistency", "copy_probability")
        )
        for (i, j), kappa, copied, n_images in zip(some, *sides, shared, strict=True):
            if n_images:
                pair = (named.observers[i].id, named.observers[j].id)
                rows.append((*pair, *_numbers(kappa)[:3], *_numbers(copied)[:3], int(n_images)))
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


CHUNK = 256
"""Pairs compared at once: 256 x 1,280 images are 3 MB."""


def order_table(named: Named) -> pd.DataFrame:
    """Return the observers that are no people by how much they are like people, columns `ORDER_COLUMNS`.

    The order is Geirhos et al.'s (2021): the mean of the ranks by accuracy difference (least first), observed and error
    consistency (most first); equal values share their mean rank.
    """
    own = [number for number in range(len(named.observers)) if number not in named.people]
    names = ORDER_COLUMNS[1:-1]
    table = pd.DataFrame(
        {
            "observer": [named.observers[number].id for number in own],
            **{
                name: [likeness(named, name, number, named.counted).estimate for number in own]
                for name in names
            },
        }
    )
    ranks = [table[name].rank(ascending=name == "accuracy_difference") for name in names]
    table["mean_rank"] = sum(ranks) / len(ranks) if own else []
    return table.sort_values(["mean_rank", "observer"]).reset_index(drop=True)[list(ORDER_COLUMNS)]


def person_values(named: Named) -> Iterator[tuple[str, Measure, float, float, int]]:
    """Yield of each person accuracy and what is shared with the others: person, measure, estimate, error, images."""
    for number in named.people:
        person = named.observers[number].id
        value = accuracy(named, number, named.counted)
        if not value.n:
            continue
        yield (
            person, measures.accuracy(named.name), value.estimate, float(standard_error(value.lo, value.hi)), value.n
        )  # fmt: skip
        for statistic in STATISTICS:
            if named.alike and len(named.people) > 1:
                pairs = with_people(
                    statistic,
                    named.right(number),
                    named.others(number),
                    named.answers.condition,
                    named.counted,
                )
                mean = mean_over_people(pairs).estimate
                error = float("nan") if pairs.bare else spread(pairs)[0]
                yield person, measures.with_people(statistic, named.name), mean, error, value.n


def remark_on_conditions(named: Named) -> str:
    """Return which conditions the set's measures leave out."""
    left_out = named.conditions.left_out
    if not left_out:
        return ""
    return (
        f"{named.name}: over the set means over {', '.join(_counted_labels(named.conditions))}; left out are images as "
        f"they are, and those in which people are right at most a fifth of the time "
        f"({', '.join(left_out)})"
    )


def _counted_labels(conditions: Conditions) -> list[str]:
    return [label for label, counts in zip(conditions.labels, conditions.counted, strict=True) if counts]


def _numbers(value: Estimate) -> tuple[float, float, float, int]:
    return value.estimate, value.lo, value.hi, value.n
