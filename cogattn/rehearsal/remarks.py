"""What a reader of a run must hear before the numbers: what is no fair comparison first, then what numbers are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cogattn.rehearsal import claims
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.needs import Cumulative, Exponential, NoRehearsal, Uniform
from cogattn.rehearsal.plan import scenario_of
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.trained import Point, Trained, Values

FEW_SEEDS = 4
"""Below this many networks intervals are wide, and how wide is itself uncertain."""
ENOUGH_TASKS = 20
"""From this many on, the newest and the oldest are far enough apart to tell a power law from an exponential."""
N_NAMED = 4


def remarks_of(
    config: RehearsalConfig,
    rules: Sequence[Rule],
    trained: Sequence[Trained],
    values: Values,
    items: pd.DataFrame,
    said: pd.DataFrame,
) -> tuple[str, ...]:
    """Return the remarks of a run whose scenario is learnt task by task.

    Parameters
    ----------
    config : RehearsalConfig
        Its settings.
    rules : sequence of Rule
        Those that took part.
    trained : sequence of Trained
        All networks.
    values : Values
        What was measured of them.
    items, said : DataFrame
        Tables ``items`` and ``claims``.
    """
    base = values.points[0]
    return (
        *_unequal(rules, items),
        *_missing(trained),
        *_scenario(config),
        *_absent(rules),
        *_few(values, rules, base),
        *_tasks(rules, base),
        *_findings(said, values, base),
        *_penalties(values, rules, base),
        *_reading(config, said),
    )


def _unequal(rules: Sequence[Rule], items: pd.DataFrame) -> Iterator[str]:
    """Who trained on more or fewer items, or updates, than the others of a phase."""
    equal = {rule.text for rule in rules if rule.equal_budget}
    totals = items.groupby(["observer", "budget"], sort=False)["items"].sum()
    for rule in rules:
        if rule.text in equal or rule.text not in totals.index:
            continue
        others = totals[totals.index.get_level_values(0).isin(equal)].groupby("budget").mean()
        ratio = (totals[rule.text] / others).dropna()
        times = f" ({_range(ratio)} times the items)" if len(ratio) else ""
        bound = ": it is an upper bound" if isinstance(rule.need, Cumulative) else ""
        yield f"Not at equal budget: {rule.observer.name}{times}{bound}; no claim counts it."
    phases = items[items["observer"].isin(equal)].groupby([*Point._fields, "phase"], sort=False)
    apart = [
        f"phase {key[-1]} at {Point(*key[:-1])}"
        for key, own in phases
        if own["fewest"].min() != own["most"].max() or own["updates"].nunique() > 1
    ]
    if apart:
        more = f" and {len(apart) - N_NAMED} more" if len(apart) > N_NAMED else ""
        yield f"Not a fair comparison: items or updates differ in {'; '.join(apart[:N_NAMED])}{more}."


def _range(values: pd.Series) -> str:
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    return low if low == high else f"{low} to {high}"


def _missing(trained: Sequence[Trained]) -> Iterator[str]:
    lacking = [one for one in trained if not one.is_whole]
    if lacking:
        named = ", ".join(f"{one.observer} (seed {one.seed}, {one.point})" for one in lacking[:N_NAMED])
        yield f"{len(lacking)} of {len(trained)} networks have scores that are no numbers and are left out: {named}."


def _scenario(config: RehearsalConfig) -> Iterator[str]:
    name = scenario_of(config)
    if name in ("permuted", "split") and config.data == "digits":
        yield (
            "Pictures are scikit-learn's 1,797 digits of 8 x 8 pixels, not MNIST (data): effects are of a small "
            "problem, and none of these numbers can be held against the paper's."
        )
    if name == "split":
        yield (
            "Class-incremental: one output serves the classes of all tasks, and networks are not told of which task a "
            "picture is (the setting of the paper's third version)."
        )
    if config.evaluate == "lower":
        yield "Tasks were tested only once they had been met (evaluate): there is no forward transfer."


def _absent(rules: Sequence[Rule]) -> Iterator[str]:
    for need, lost in (
        (NoRehearsal, "mitigates interference, or facilitates"),
        (Uniform, "is better than uniform"),
    ):
        if not any(isinstance(rule.need, need) for rule in rules):
            name = "none" if need is NoRehearsal else "uniform"
            yield f"Schedule {name} is not in the run: nothing says whether rehearsal {lost}."


def _few(values: Values, rules: Sequence[Rule], base: Point) -> Iterator[str]:
    n = max((len(values.seeds(rule.text, values.measures.average, base)) for rule in rules), default=0)
    if n < FEW_SEEDS:
        yield f"Intervals are over {n} networks of each schedule (n_seeds): they are wide, and so is what they miss."


def _tasks(rules: Sequence[Rule], base: Point) -> Iterator[str]:
    both = any(claims.is_power_law(rule) for rule in rules) and any(
        isinstance(rule.need, Exponential) for rule in rules
    )
    if both and base.n_tasks < ENOUGH_TASKS:
        yield (
            f"Over {base.n_tasks} phases power laws and exponentials of like steepness are close to each other: "
            f"{ENOUGH_TASKS} tasks and more tell form from steepness."
        )


def _findings(said: pd.DataFrame, values: Values, base: Point) -> Iterator[str]:
    """Each claim at the base of the sweep: of how many power laws it holds."""
    at = f" ({base})" if len(values.points) > 1 else ""
    own = said[(said["condition"] == str(base)) & (said["measure"] == values.measures.average.key)]
    for claim, words in (
        (claims.MITIGATES, "Over no rehearsal"),
        (claims.BEATS_REHEARSAL, "Over {}"),
        (claims.BEATS_PENALTIES, "Over the best of its kind, {},"),
    ):
        for against, rows in own[own["claim"] == claim].groupby("against", sort=False):
            name = words.format(against)
            yield f"{name} at equal budget{at}: {_counted(rows)}."


def _counted(rows: pd.DataFrame) -> str:
    """Which power laws lead, which trail, and of which the interval does not say."""
    words = {"holds": "better", "does not hold": "worse", "undecided": "undecided"}
    parts = []
    for said, word in words.items():
        own = rows[rows["verdict"] == said]
        if len(own):
            parts.append(
                f"{word} are " + ", ".join(f"{one.rule} ({one.estimate:+.3f})" for one in own.itertuples())
            )
    return "; ".join(parts).replace("undecided are", "undecided")


def _penalties(values: Values, rules: Sequence[Rule], base: Point) -> Iterator[str]:
    best = [claims.best_penalty(values, rules, family, base) for family in claims.families(rules)]
    named = ", ".join(one.text for one in best if one is not None)
    if named:
        yield f"Of each regulariser the strength counts that has the best test score itself, which favours it: {named}."


def _reading(config: RehearsalConfig, said: pd.DataFrame) -> Iterator[str]:
    yield (
        "The mean over tasks weighs old and new alike, which is what uniform rehearsal is for; weighed by need, tasks "
        f"count as the environment ({config.environment}) asks for them."
    )
    if (said["claim"] == claims.FACILITATES).any():
        yield (
            "Without rehearsal all of a phase's updates are on new items. So at equal updates schedules that rehearse "
            "have met fewer new items than `none`, at equal new items they have made more updates: facilitation is "
            "beyond doubt only where both differences are above 0."
        )
    if np.any(said["n"] > 0):
        yield f"Each of the {len(said):,} intervals of claims is of one comparison, at 95 %."
