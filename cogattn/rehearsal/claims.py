"""Which claims of the paper's abstract hold at equal budget, as intervals of paired differences over seeds say.

The abstract (arXiv 2401.10393v1): rehearsal by a power law mitigates interference, does so better than other rehearsal
and than regularisation, robustly over the number of tasks, the size of the network and the amount that is rehearsed,
and helps what is learnt next. Each claim is asked of each power law in the run, on networks of the same seed, whose
tasks, initial weights and new items are the same. Power laws are ``power``, ``shifted``, and ``actr``, which sums one
over all encounters; what the likely ancestor of the paper calls so, a polynomial of the task's number (``index:4``), is
none and stands among the rivals.

A claim *holds* where the whole 95 % interval of the difference is above 0, *does not hold* where it is below, and is
*undecided* else. Intervals are of one comparison each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from cogattn.measures import Estimate, Measure
from cogattn.rehearsal.needs import NoRehearsal, PowerLaw, ShiftedPower
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.trained import Point, Values

Verdict = Literal["holds", "does not hold", "undecided"]
POWER_LAWS = (PowerLaw, ShiftedPower)
"""ACT-R's need is a `PowerLaw`."""
MITIGATES = "mitigates interference"
FORGETS_LESS = "forgets less"
BEATS_REHEARSAL = "beats other rehearsal"
BEATS_PENALTIES = "beats regularisation"
FACILITATES = "facilitates what is learnt next"
ROBUST = "robust"
AXES = {"budget": "amount rehearsed", "n_tasks": "number of tasks", "width": "size of the network"}
"""What a sweep varies, in words."""
COLUMNS = ("claim", "rule", "against", "measure", "condition", "estimate", "lo", "hi", "n", "verdict")


@dataclass(frozen=True)
class Claim:
    """A claim of one power law at one point of the sweep.

    Parameters
    ----------
    claim : str
        In words.
    rule : str
        The power law.
    against : str
        What it is held against.
    rival : str
        The same without the strength, for penalties, whose best may be another one at another point.
    measure : Measure
        Of what the difference is.
    condition : str
        Point of the sweep, or those over which it is robust.
    value : Estimate
        Rule less rival (of forgetting: rival less rule), paired over seeds.
    point : Point
        Of the sweep.
    """

    claim: str
    rule: str
    against: str
    rival: str
    measure: Measure
    condition: str
    value: Estimate
    point: Point

    @property
    def verdict(self) -> Verdict:
        """What the interval says."""
        return verdict(self.value)


def verdict(value: Estimate) -> Verdict:
    """Return what an interval of a difference says of the claim that it is above 0."""
    if value.lo > 0:
        return "holds"
    return "does not hold" if value.hi < 0 else "undecided"


def is_power_law(rule: Rule) -> bool:
    """Say whether a rule rehearses by a power law, at equal budget."""
    return rule.equal_budget and isinstance(rule.need, POWER_LAWS)


def claims_of(values: Values, rules: Sequence[Rule]) -> list[Claim]:
    """Return every claim of every power law at every point of the sweep.

    Parameters
    ----------
    values : Values
        Of all networks.
    rules : sequence of Rule
        Those that took part; what is not at equal budget is left out.
    """
    equal = [rule for rule in rules if rule.equal_budget]
    found = [
        claim
        for rule in equal
        if is_power_law(rule)
        for point in values.points
        for claim in _claims(values, equal, rule, point)
    ]
    return [claim for claim in found if claim.value.n]


def claims_table(values: Values, rules: Sequence[Rule]) -> pd.DataFrame:
    """Return the claims as a table, robustness last.

    Parameters
    ----------
    values : Values
        Of all networks.
    rules : sequence of Rule
        Those that took part.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`; ``estimate``, ``lo``, ``hi`` are in the measure's unit, ``n`` are seeds. A row of robustness
        holds where its claim does at every point along one axis of the sweep, does not hold where it does not at any,
        and has the numbers of the point at which the difference is smallest.
    """
    found = claims_of(values, rules)
    rows = [_row(claim, claim.verdict) for claim in found]
    rows += [_row(*one) for one in _robust(found, values.points)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def best_penalty(values: Values, rules: Sequence[Rule], family: str, point: Point) -> Rule | None:
    """Return the strength of a family of regularisers that has the best mean test score of its own at a point.

    That is chosen by what it is then judged by, which favours it.
    """
    average = values.measures.average
    own = [rule for rule in rules if rule.penalty == family and len(values.seeds(rule.text, average, point))]
    return max(own, key=lambda rule: values.mean(rule.text, average, point).estimate, default=None)


def families(rules: Sequence[Rule]) -> list[str]:
    """Return the families of regularisers, in their order."""
    return list(dict.fromkeys(rule.penalty for rule in rules if rule.penalty))


def along(points: Sequence[Point], axis: str) -> list[Point]:
    """Return the points that differ from the base, the first, along one axis of the sweep only; the base among them."""
    others = [name for name in AXES if name != axis]
    base = points[0]
    return [one for one in points if all(getattr(one, name) == getattr(base, name) for name in others)]


def _claims(values: Values, rules: Sequence[Rule], rule: Rule, point: Point) -> Iterator[Claim]:
    measures = values.measures
    compared = (measures.average, measures.need_weighted)

    def over(claim: str, other: Rule, measure: Measure, rival: str = "") -> Claim:
        value = values.difference(rule.text, other.text, measure, point)
        return Claim(claim, rule.text, other.text, rival or other.text, measure, str(point), value, point)

    none = next((other for other in rules if isinstance(other.need, NoRehearsal)), None)
    if none is not None:
        yield from (over(MITIGATES, none, measure) for measure in compared)
        forgets = over(FORGETS_LESS, none, measures.forgetting)
        yield replace(forgets, value=_turned(forgets.value))
    for other in rules:
        if other.need is not None and other is not none and not is_power_law(other):
            yield from (over(BEATS_REHEARSAL, other, measure) for measure in compared)
    for family in families(rules):
        if (best := best_penalty(values, rules, family, point)) is not None:
            yield from (over(BEATS_PENALTIES, best, measure, family) for measure in compared)
    if none is not None:
        for measure in (measures.facilitation, measures.facilitation_items):
            yield over(FACILITATES, none, measure)


def _turned(value: Estimate) -> Estimate:
    return Estimate(-value.estimate, -value.hi, -value.lo, value.n)


def _robust(claims: Sequence[Claim], points: Sequence[Point]) -> Iterator[tuple[Claim, Verdict]]:
    """Each claim along each axis that the sweep varies, from the base."""
    for axis, words in AXES.items():
        varied = along(points, axis)
        places = ", ".join(f"{getattr(point, axis):g}" for point in varied)
        for group in _alike([claim for claim in claims if claim.point in varied]):
            least = min(group, key=lambda claim: claim.value.estimate)
            said = {claim.verdict for claim in group}
            whole: Verdict = (
                "does not hold"
                if "does not hold" in said
                else "undecided"
                if "undecided" in said
                else "holds"
            )
            name, condition = f"{ROBUST} over the {words}: {least.claim}", f"{axis} {places}"
            yield replace(least, claim=name, against=least.rival, condition=condition), whole


def _alike(claims: Sequence[Claim]) -> list[list[Claim]]:
    """The same claim at several points."""
    groups: dict[tuple[str, str, str, str], list[Claim]] = {}
    for claim in claims:
        groups.setdefault((claim.claim, claim.rule, claim.rival, claim.measure.key), []).append(claim)
    return [group for group in groups.values() if len(group) > 1]


def _row(claim: Claim, said: Verdict) -> tuple[str | float, ...]:
    value = claim.value
    return (
        claim.claim, claim.rule, claim.against, claim.measure.key, claim.condition,
        value.estimate, value.lo, value.hi, value.n, said,
    )  # fmt: skip
