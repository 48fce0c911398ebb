"""Figures of task scenarios: what is drawn where, and that they can be drawn at all."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn import figures as house
from cogattn.rehearsal import summary
from cogattn.rehearsal.columns import LEARNING, TABLES
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig
from cogattn.rehearsal.figures.forgetting import curves_of
from cogattn.rehearsal.figures.lines import chosen, lines_of
from cogattn.rehearsal.measures import ACCURACY
from cogattn.rehearsal.rules import rules_of
from cogattn.study import Outcome, Results, Trials
from tests.rehearsal import known

CONFIG = RehearsalConfig(
    schedules=("none", "uniform", "power:1", "power:0.5", "exponential:1", "cumulative"),
    penalties=("ewc:3",),
    budgets=(0.25, 0.5),
    n_tasks=(5,),
    network=NetworkSettings(widths=(100, 10)),
    n_seeds=2,
    n_bins=10,
)


@pytest.fixture(scope="module")
def results() -> Results:
    return summary.summary_of(CONFIG, ACCURACY, known.trials(CONFIG))


@pytest.mark.parametrize("name", ["matrices", "forgetting", "needs", "learning", "differences", "sweep"])
def test_each_figure_says_how_many_networks_it_is_of(results: Results, name: str) -> None:
    figure = results.figures[name]()
    words = figure.get_supxlabel()
    assert "n = 2" in words
    panels = [axes for axes in figure.axes if axes.axison and axes.get_label() != "<colorbar>"]
    assert all(axes.get_title(loc="left") for axes in panels)


def test_a_figure_can_be_written(results: Results) -> None:
    assert house.render(results.figures["differences"](), "pdf").startswith(b"%PDF")


def test_a_matrix_is_drawn_with_the_untrained_row_on_top(results: Results) -> None:
    figure = results.figures["matrices"]()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:3] == ["no rehearsal", "uniform", "power law, d = 1"]
    drawn = figure.axes[2].images[0].get_array()
    assert drawn.shape == (6, 5)
    assert (drawn[0] == known.UNTRAINED).all()
    shift = np.mean(drawn[5, 4]) - known.LEARNT
    assert drawn[5, 0] == pytest.approx(known.LEARNT + shift - 4 * 0.02)


def test_curves_start_when_a_task_was_learnt() -> None:
    matrix = known.matrix_of(4, 0.05)[1:]
    curves = curves_of(matrix)
    assert curves[:, 0] == pytest.approx([known.LEARNT] * 4)
    assert curves[0] == pytest.approx(known.LEARNT - 0.05 * np.arange(4))
    assert np.isnan(curves[2]).tolist() == [False, False, True, True]


def test_forgetting_falls_by_what_is_lost_a_phase(results: Results) -> None:
    figure = results.figures["forgetting"]()
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    y = lines["no rehearsal"].get_ydata()
    assert np.diff(y) == pytest.approx([-0.05] * 4)
    assert np.diff(figure.axes[1].get_lines()[0].get_ydata()) == pytest.approx([-0.05] * 4)


@pytest.mark.filterwarnings("error")
def test_parts_of_late_phases_without_items_are_left_out_of_their_curve() -> None:
    made = known.trials(CONFIG)
    met = (made[LEARNING]["phase"] == 1) | (made[LEARNING]["bin"] % 2 == 0)
    rows = {name: table[met] if name == LEARNING else table for name, table in made.items()}
    drawn = summary.summary_of(CONFIG, ACCURACY, Trials.of(TABLES, [Outcome(rows)])).figures["learning"]()
    whole = summary.summary_of(CONFIG, ACCURACY, made).figures["learning"]()
    pairs = list(zip(*(one.axes[0].get_lines() for one in (drawn, whole)), strict=True))
    assert [len(half.get_xdata()) for half, _ in pairs] == [5] * 7 + [2]  # a line at the early part's end
    for half, line in pairs[:-1]:
        assert half.get_xydata() == pytest.approx(line.get_xydata()[1::2])


def test_needs_are_drawn_by_lag_beside_the_items_that_were_drawn(results: Results) -> None:
    figure = results.figures["needs"]()
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert "no rehearsal" not in lines
    x, y = lines["power law, d = 1"].get_data()
    assert dict(zip(x, y, strict=True)) == pytest.approx(
        {lag: (1 / lag) / (1 + 1 / 2 + 1 / 3 + 1 / 4) for lag in x}
    )
    drawn = {line.get_label(): line for line in figure.axes[1].get_lines()}["power law, d = 1"]
    assert sum(drawn.get_ydata()) == 20
    assert sorted(drawn.get_xdata()) == [1, 2, 3, 4]


def test_differences_are_of_rules_at_equal_budget_only(results: Results) -> None:
    figure = results.figures["differences"]()
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "cumulative" not in names
    assert "uniform" not in names
    assert len(names) == 5


def test_a_sweep_has_a_panel_for_each_thing_that_varies(results: Results) -> None:
    figure = results.figures["sweep"]()
    assert [axes.get_xlabel() for axes in figure.axes] == ["budget", "width"]
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["10", "100"]


def test_power_laws_share_a_colour_and_differ_in_line_and_mark() -> None:
    lines = lines_of(rules_of(CONFIG))
    first, second = lines["power:1"], lines["power:0.5"]
    assert first.colour == second.colour != lines["exponential:1"].colour
    assert (first.style, first.mark) != (second.style, second.mark)
    assert [line.rule.text for line in chosen(lines)] == [
        "none", "uniform", "power:1", "exponential:1", "cumulative", "ewc:3",
    ]  # fmt: skip
