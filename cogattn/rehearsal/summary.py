"""What a run says: how much each schedule keeps, forgets and facilitates, all beside each other at equal budget.

Scenarios beside people have summaries of their own (`cogattn.rehearsal.trees`, `cogattn.rehearsal.transfer`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.errors import ConfigError
from cogattn.measures import Measure, Row, summary_table
from cogattn.rehearsal import plan
from cogattn.rehearsal.claims import AXES, along, claims_table
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.figures.forgetting import forgetting_figure
from cogattn.rehearsal.figures.learning import learning_figure
from cogattn.rehearsal.figures.lines import chosen, lines_of
from cogattn.rehearsal.figures.matrices import matrices_figure
from cogattn.rehearsal.figures.needs import needs_figure
from cogattn.rehearsal.figures.sweeps import differences_figure, sweep_figure
from cogattn.rehearsal.measures import Measures
from cogattn.rehearsal.needs import NoRehearsal, Uniform
from cogattn.rehearsal.people import people
from cogattn.rehearsal.remarks import remarks_of
from cogattn.rehearsal.rules import Rule, rule_of, rules_of
from cogattn.rehearsal.scenarios.kinds import kind_of
from cogattn.rehearsal.tables import early_table, items_table, matrix_table, sweep_table, variants_table
from cogattn.rehearsal.trained import Trained, Values, trained_of, weights_of
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Figures = dict[str, "Callable[[], Figure]"]


def summarise(config: RehearsalConfig, trials: Trials) -> Results:
    """Put all schedules beside each other at equal budget, or beside people.

    Parameters
    ----------
    config : RehearsalConfig
        Settings of the run.
    trials : Trials
        Tables of `columns`.
    """
    if plan.beside_people(config):
        return _beside_people(config, trials)
    return summary_of(config, kind_of(plan.scenario_of(config)).score, trials)


def summary_of(config: RehearsalConfig, score: Measure, trials: Trials) -> Results:
    """Summarise a scenario that is learnt task by task.

    Parameters
    ----------
    config : RehearsalConfig
        Settings of the run.
    score : Measure
        What a score is.
    trials : Trials
        Tables ``scores``, ``learning`` and ``items``.
    """
    trained = trained_of(trials)
    there = {one.observer for one in trained}
    rules = [rule for rule in rules_of(config) if rule.text in there]
    if not rules:
        return Results(summary=summary_table([]))
    measures = Measures.of(score)
    environment = rule_of(config.environment, "introduced").need
    if environment is None or not environment.rehearses:
        raise ConfigError(f"environment must be a need kernel; got {config.environment}")
    values = Values.of(
        trained,
        measures,
        need=partial(weights_of, environment),
        none=_first(rules, NoRehearsal),
        uniform=_first(rules, Uniform),
    )
    base = values.points[0]
    tables = {
        "sweep": sweep_table(values, [rule.observer for rule in rules]),
        "matrix": matrix_table(trained),
        "items": items_table(trained),
        "early": early_table(trained),
        "metric_variants": variants_table(trained, base),
        "claims": claims_table(values, rules),
    }
    return Results(
        summary=summary_table(_rows(values, rules)),
        tables=tables,
        figures=_figures(trained, values, rules, tables["early"], score),
        remarks=remarks_of(config, rules, trained, values, tables["items"], tables["claims"]),
    )


def _beside_people(config: RehearsalConfig, trials: Trials) -> Results:
    if plan.scenario_of(config) == plan.TREES:
        from cogattn.rehearsal.trees import summary as own
    else:
        from cogattn.rehearsal.transfer import summary as own
    return Results(
        summary=summary_table(own.rows(config, trials)),
        tables=own.tables(config, trials),
        figures=own.figures(config, trials),
        remarks=tuple(own.remarks(config, trials)),
        people=people(config),
    )


def _first(rules: Sequence[Rule], need: type) -> str | None:
    return next((rule.text for rule in rules if isinstance(rule.need, need)), None)


def _rows(values: Values, rules: Sequence[Rule]) -> Iterator[Row]:
    """Every measure of every rule at the base of the sweep, those that do not apply left out."""
    base = values.points[0]
    for rule in rules:
        for measure in values.measures:
            value = values.mean(rule.text, measure, base)
            if value.n:
                note = "" if rule.equal_budget else "not at equal budget"
                yield Row(rule.observer, measure, value, note=note)


def _figures(
    trained: Sequence[Trained], values: Values, rules: Sequence[Rule], early: pd.DataFrame, score: Measure
) -> Figures:
    """Figures of the base of the sweep, and of the sweep where there is one."""
    measures, base, lines = values.measures, values.points[0], lines_of(rules)
    own = [one for one in trained if one.point == base and one.is_whole]
    if not own:
        return {}
    at_base = early[(early[list(base._fields)] == list(base)).all(axis=1)]
    drawn: Figures = {
        "matrices": partial(matrices_figure, own, chosen(lines), score),
        "forgetting": partial(forgetting_figure, own, lines, measures),
        "needs": partial(needs_figure, own, lines),
    }
    if len(at_base):
        drawn["learning"] = partial(learning_figure, own, at_base, lines, score)
    other = _first(rules, Uniform) or _first(rules, NoRehearsal)
    if other is not None and len(rules) > 1:
        shown = (measures.average, measures.need_weighted, measures.newest)
        drawn["differences"] = partial(differences_figure, values, list(lines.values()), lines[other], shown)
    if any(len(along(values.points, axis)) > 1 for axis in AXES):
        drawn["sweep"] = partial(sweep_figure, values, lines)
    return drawn
