"""Figures from tables made up for them; those of whole runs are in `test_summary`."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import people
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.figures import (
    asymmetry_figure,
    multiverse_figure,
    networks_figure,
    search_functions,
    times_figure,
)
from cogattn.testing.pictures import flaws

NETWORK = Observer("tf_efficientnet_lite0")
COPIES = tuple(NETWORK.control("untrained", copy=copy) for copy in range(20))


def indices(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for observer, task in itertools.product((NETWORK, *COPIES), TASKS):
        index = float(rng.integers(-2, 3)) / 2  # many are equal
        rows.append(
            (observer.id, task, index, max(index - 0.2, -1), min(index + 0.2, 1), abs(index) == 1, 60)
        )
    return pd.DataFrame(rows, columns=["observer", "task", "index", "lo", "hi", "saturated", "n"])


def times() -> pd.DataFrame:
    """A searcher twice as steep as people, with curves."""
    table = people.human_times()[["task", "condition", "role", "set_size", "rt_ms"]]
    rt = 200 + 2 * table["rt_ms"]
    return table.assign(observer=NETWORK.id, human_ms=table["rt_ms"], rt_ms=rt, lo=rt - 40, hi=rt + 40, n=30)


def combinations(names: tuple[str, ...], *, copies: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for name, fovea, levels, targets, temperature in itertools.product(
        names,
        ("v1", "v2", "eccnet"),
        ("mean", "reliability", "maximum", "only_1", "only_2", "only_3"),
        ("all", "one"),
        (0.0, 1.0),
    ):
        index, spread = rng.uniform(-0.5, 0.6), (-0.2, 0.2) if copies else (np.nan, np.nan)
        for task in ("letters", "mean"):
            rows.append((name, fovea, levels, targets, temperature, task, index, index - 0.1, index + 0.1, 0.56,
                         *spread, 400))  # fmt: skip
    return pd.DataFrame(
        rows,
        columns=["observer", "fovea", "levels", "targets", "temperature", "task", "index", "lo", "hi",
                 "human_index", "untrained_lo", "untrained_hi", "n"],
    )  # fmt: skip


def test_twenty_untrained_copies_can_be_told_apart_even_where_they_are_equal() -> None:
    figure = asymmetry_figure(indices(np.random.default_rng(0)), (NETWORK, *COPIES))
    assert flaws(figure) == []
    (axes,) = figure.axes
    clouds = [line for line in axes.lines if len(line.get_xdata()) == 20]
    assert len(clouds) == len(TASKS)
    for place, cloud in enumerate(clouds):
        x = np.asarray(cloud.get_xdata(), dtype=float)
        assert len(np.unique(x.round(6))) == 20
        assert np.abs(x - place).max() < 0.5
        assert np.ptp(x) < 0.15


def test_times_are_drawn_one_by_one_against_peoples() -> None:
    figure = times_figure(times(), (NETWORK,))
    assert flaws(figure) == []
    (axes,) = figure.axes
    drawn = [line for line in axes.lines if line.get_marker() in ("o", "s")]
    points = np.concatenate([np.asarray(line.get_xydata()) for line in drawn])
    assert points.shape == (40, 2)
    assert points[:, 1] == pytest.approx(200 + 2 * points[:, 0])
    assert sorted(points[:, 0]) == sorted(people.human_times()["rt_ms"])


def test_search_functions_show_all_forty_means_and_the_lines_of_their_slopes() -> None:
    figure = search_functions(times(), (NETWORK,))
    assert flaws(figure) == []
    above, below = np.array(figure.axes).reshape(2, 6)
    for row, source in ((above, people.human_times()), (below, times())):
        dots = [line for axes in row for line in axes.lines if line.get_linestyle() == "None"]
        assert sorted(np.concatenate([line.get_ydata() for line in dots])) == sorted(source["rt_ms"])
    letters = [line for line in below[3].lines if line.get_linestyle() != "None"]
    slopes = [float(np.diff(line.get_ydata())[0] / np.diff(line.get_xdata())[0]) for line in letters]
    assert slopes == pytest.approx([28, 66])  # twice people's


@pytest.mark.parametrize("names", [("one",), ("a_network", "another_network"), ("a", "b", "c", "d")])
def test_the_multiverse_is_sorted_and_says_which_choices_were_taken(names: tuple[str, ...]) -> None:
    table = combinations(names)
    figure = multiverse_figure(table)
    assert flaws(figure) == []
    n_drawn = min(len(names), 3)
    panels = np.array(figure.axes).reshape(2, n_drawn)
    for name, above, below in zip(names, *panels, strict=False):
        own = table[(table["observer"] == name) & (table["task"] == "mean")].sort_values("index")
        (curve,) = (line for line in above.lines if len(line.get_xdata()) == len(own))
        assert np.asarray(curve.get_ydata()) == pytest.approx(own["index"].to_numpy())
        ticks = [line for line in below.lines if line.get_marker() == "|"]
        for line, (factor, value) in zip(
            ticks[:3], [("fovea", v) for v in ("v1", "v2", "eccnet")], strict=True
        ):
            assert np.asarray(line.get_xdata()).tolist() == np.flatnonzero(own[factor] == value).tolist()
    labels = [text.get_text() for text in panels[1, 0].get_yticklabels()]
    assert labels[:3] == ["fovea v1", "fovea v2", "fovea eccnet"]
    assert labels[-2:] == ["temperature 0", "temperature 1"]
    assert ("the first 3 of 4 networks" in str(figure.get_supxlabel())) == (len(names) > 3)


def test_a_multiverse_of_one_combination_and_no_copies_can_be_drawn() -> None:
    table = combinations(("one",), copies=False)
    assert flaws(multiverse_figure(table)) == []
    alone = table[(table["fovea"] == "v2") & (table["levels"] == "mean") & (table["targets"] == "all")]
    assert flaws(multiverse_figure(alone[alone["temperature"] == 1.0])) == []


def test_networks_are_drawn_over_what_is_known_of_them_and_the_others_are_counted() -> None:
    rng = np.random.default_rng(0)
    gain = rng.uniform(0, 0.5, 9)
    table = pd.DataFrame(
        {
            "name": [f"network_{i}" for i in range(9)], "log_likelihood": gain, "log_likelihood_lo": gain - 0.05,
            "log_likelihood_hi": gain + 0.1, "ceiling": 1.9, "n": 1200,
            "top1": [*(70 + 10 * gain[:8]), np.nan],
        }
    )  # fmt: skip
    figure = networks_figure(table, "top1", label="ImageNet top-1 accuracy (%)")
    assert flaws(figure) == []
    said = str(figure.get_supxlabel())
    assert "1 of 9 networks without a value" in said
    assert "rank correlation 1.00 [" in said
    assert flaws(networks_figure(table.iloc[:5], "top1", label="accuracy")) == []
    two = networks_figure(table.iloc[:2], "top1", label="accuracy", log=True)
    assert flaws(two) == []
    assert "rank correlation" not in str(two.get_supxlabel())
    assert two.axes[0].get_xscale() == "log"
