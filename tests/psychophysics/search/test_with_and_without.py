from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS
from cogattn.psychophysics.search.figures import stimuli, with_and_without_figure
from cogattn.psychophysics.search.people import single_persons
from cogattn.testing.pictures import flaws

WOLFE = ("feature", "conjunction", "2v5")
NETWORKS = tuple(Observer(f"network_{i}", name=f"network {i}") for i in range(8))
SLOPES = {"present": 20.0, "absent": 45.0}


def times(tasks: tuple[str, ...] = WOLFE, networks: tuple[Observer, ...] = NETWORKS) -> pd.DataFrame:
    rows = [
        (network.id, task, target, size, 400 + slope * size, 380 + slope * size, 420 + slope * size, 10)
        for network, task, (target, slope) in product(networks, tasks, SLOPES.items())
        for size in EXPERIMENTS[task].set_sizes
    ]
    return pd.DataFrame(rows, columns=["observer", "task", "target", "set_size", "rt_ms", "lo", "hi", "n"])


@pytest.mark.parametrize(("tasks", "n"), [(WOLFE, 1), (WOLFE, 8), (("2v5",), 1)])
def test_figure_can_be_read(tasks: tuple[str, ...], n: int) -> None:
    assert flaws(with_and_without_figure(times(tasks, NETWORKS[:n]), NETWORKS[:n])) == []


def test_people_s_thick_line_is_the_mean_of_the_thin_ones_and_steeper_without_a_target() -> None:
    axes = with_and_without_figure(times(("2v5",)), NETWORKS[:1]).axes[0]
    assert len(axes.lines) == 2 * (9 + 1)
    thick = [line for line in axes.lines if line.get_linewidth() > 1]
    slopes = [np.polyfit(line.get_xdata(), line.get_ydata(), 1)[0] for line in thick]
    assert slopes == pytest.approx([43.1, 95.3], abs=0.05)  # mean over persons, docs/search.md


def test_a_network_s_dots_and_lines_are_its_times() -> None:
    figure = with_and_without_figure(times(("2v5",)), NETWORKS[:1])
    with_dots, line, without_dots, other = figure.axes[1].lines
    assert with_dots.get_ydata() == pytest.approx(np.array([460, 520, 640, 760]))
    assert (np.polyfit(line.get_xdata(), line.get_ydata(), 1)[0], line.get_linestyle()) == (
        pytest.approx(20),
        "-",
    )
    assert without_dots.get_markerfacecolor() == "white"
    assert (np.polyfit(other.get_xdata(), other.get_ydata(), 1)[0], other.get_linestyle()) == (
        pytest.approx(45),
        "--",
    )


def test_there_are_28_persons_with_two_lines_each() -> None:
    lines = single_persons()
    assert lines.groupby("task")["person"].nunique().to_dict() == {"feature": 9, "conjunction": 10, "2v5": 9}
    assert (lines.groupby(["task", "person"])["target"].nunique() == 2).all()


@pytest.mark.parametrize("tasks", [WOLFE, ("conjunction",), ("letters", "2v5")])
def test_the_sheet_of_displays_with_and_without_a_target_can_be_read(tasks: tuple[str, ...]) -> None:
    assert flaws(stimuli(SearchConfig(tasks=tasks))) == []
