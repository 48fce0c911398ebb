"""The EEG studies on the Run page: a point's trials are those that it counts, and show what was heard and recorded."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import cogattn
from cogattn.apps.dashboard.drawing.curves import (
    Curve,
    curve_chart,
    curves_of,
    point_name,
    points_of,
    trials_of_point,
)
from cogattn.running.catalogue import list_runs
from cogattn.running.store import RunFolder
from tests.apps.test_run_page import opened, plain, told

pytestmark = pytest.mark.slow
TALKERS = {"kind": "simulated_talkers", "n_listeners": 2, "n_trials": 4, "trial_s": 20, "n_channels": 4}
PATH = {"kind": "simulated_path", "n_listeners": 2, "n_channels": 4, "duration_s": 120, "strength": 3}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each study; for tests that only read."""
    root = tmp_path_factory.mktemp("eeg") / "runs"
    quick = {"n_bootstrap": 50, "block_s": 2}
    cogattn.run(
        "aad", out=root, workers=1, recordings=TALKERS, decoders=["ridge"], windows_s=[2, 10],
        significance={"n_permutations": 19},
    )  # fmt: skip
    cogattn.run("efr", out=root, workers=1, recordings=PATH, significance=quick)
    return root


def run_of(store: Path, study: str) -> RunFolder:
    return next(run for run in list_runs(store) if run.study == study)


def curve_of(run: RunFolder, table: str) -> tuple[Curve, pd.DataFrame, pd.DataFrame]:
    """A curve, its table, and the trials that its points have."""
    rows = run.table(table)
    (curve,) = curves_of(run.study, {table: rows})
    return curve, rows, run.trials(curve.trials)


def picked(at: AppTest, run: RunFolder, table: str, number: int) -> AppTest:
    """The page after a point of a curve has been chosen from its list."""
    return at.selectbox(key=f"{run.id}-{table}-point").set_value(number).run()


def test_every_point_of_a_listener_has_the_windows_that_it_counts(store: Path) -> None:
    curve, table, trials = curve_of(run_of(store, "aad"), "listener_accuracy")
    for row in points_of(curve, table).to_dict("records"):
        own = trials_of_point(curve, row, trials)
        assert len(own) == row["n"]
        assert own["correct"].mean() == pytest.approx(row["accuracy"])


def test_a_point_of_a_decoder_has_the_windows_of_all_listeners(store: Path) -> None:
    curve, table, trials = curve_of(run_of(store, "aad"), "accuracy")
    points = points_of(curve, table)
    assert set(points["decoder"]) == {"ridge", "ridge, ignored talker"}
    for row in points.to_dict("records"):
        own = trials_of_point(curve, row, trials)
        assert len(own) == 2 * 4 * 20 / row["window_s"]
        assert set(own["listener"]) == {"listener 1", "listener 2"}


def test_a_point_of_a_channel_is_its_row_of_the_spectrum(store: Path) -> None:
    curve, table, trials = curve_of(run_of(store, "efr"), "followed")
    points = points_of(curve, table)
    assert len(points) > 10
    for row in points.iloc[::10].to_dict("records"):
        (own,) = trials_of_point(curve, row, trials).to_dict("records")
        assert own["coherence"] == row["coherence"]


def test_points_between_which_the_table_leaves_some_out_are_not_joined(store: Path) -> None:
    for study, table, joined in (("efr", "followed", False), ("aad", "accuracy", True)):
        curve, rows, _ = curve_of(run_of(store, study), table)
        layers = curve_chart(curve, points_of(curve, rows)).to_dict()["layer"]
        assert any(layer["mark"]["type"] == "line" for layer in layers) == joined


def test_a_point_s_name_says_no_word_twice(store: Path) -> None:
    curve, rows, _ = curve_of(run_of(store, "aad"), "listener_accuracy")
    named = point_name(curve, rows.iloc[0].to_dict())
    assert named == "decoder ridge, listener 1, window (s) 2"


@pytest.mark.parametrize(
    ("study", "table", "said"),
    [
        (
            "aad",
            "listener_accuracy",
            ("correlation with the attended talker", "decided for", "The listener's EEG"),
        ),
        (
            "efr",
            "followed",
            ("exceeded by 5 % of chance", "masked as mains", "The beginning of the recording"),
        ),
    ],
    ids=["aad", "efr"],
)
def test_a_point_that_is_chosen_shows_what_was_heard_and_recorded(
    store: Path, study: str, table: str, said: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(store, study)
    at = opened(store, f"{study}/{run.id}", monkeypatch)
    curve, rows, trials = curve_of(run, table)
    n_charts = len(at.get("vega_lite_chart"))
    at = picked(at, run, table, 0)
    assert not at.exception
    assert not at.error
    n_trials = min(3, len(trials_of_point(curve, rows.iloc[0].to_dict(), trials)))
    assert len(at.get("vega_lite_chart")) == n_charts + n_trials * {"aad": 2, "efr": 3}[study]
    page = plain(told(at)) + "".join(str(one.proto) for one in at.get("html"))
    for words in said:
        assert page.count(words) == n_trials, words
    assert "differs" not in page
