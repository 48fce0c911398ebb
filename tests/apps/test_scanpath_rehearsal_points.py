"""Scanpath and rehearsal on the Run page: a point's trials are those that it counts, and show what was looked at."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

import cogattn
from cogattn.apps.dashboard.drawing.curves import Curve, curves_of, points_of, trials_of_point
from cogattn.apps.dashboard.run import stimulus, summary
from cogattn.running.catalogue import list_runs
from cogattn.running.store import RunFolder
from tests.apps.test_run_page import opened, plain, told

pytestmark = pytest.mark.slow
SCANPATH = {
    "synthetic": {"n_layouts": 10, "n_objects": 6, "n_people": 3, "n_fixations": 4},
    "split": {"test": 0.2, "n_splits": 2},
    "models": ["ours"],
    "appearance": "none",
    "network": {"width": 8, "heads": 1, "encoder_layers": 0, "decoder_layers": 1, "feedforward": 8},
    "training": {"max_epochs": 1},
    "controls": [],
    "baselines": ["uniform", "nearest"],
    "viewers": [],
    "n_samples": 2,
    "n_bootstrap": 100,
}
REHEARSAL = {
    "schedules": ["none", "power:1"],
    "n_tasks": [3],
    "n_seeds": 2,
    "n_bins": 4,
    "n_test": 50,
    "training": {"n_new": 60, "batch": 10},
    "network": {"widths": [12], "depth": 1},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each study; for tests that only read."""
    root = tmp_path_factory.mktemp("points") / "runs"
    cogattn.run("scanpath", out=root, workers=1, progress=False, **SCANPATH)
    cogattn.run("rehearsal", out=root, workers=1, progress=False, **REHEARSAL)
    return root


def run_of(store: Path, study: str) -> RunFolder:
    return next(run for run in list_runs(store) if run.study == study)


def curve_of(run: RunFolder, table: str) -> tuple[Curve, pd.DataFrame, pd.DataFrame]:
    """A curve, its points, and the trials that these have."""
    rows = run.table(table)
    (curve,) = curves_of(run.study, {table: rows})
    return curve, points_of(curve, rows), run.trials(curve.trials)


def picked(store: Path, study: str, table: str, monkeypatch: pytest.MonkeyPatch) -> tuple[AppTest, pd.Series]:
    """The page after the last point of the first panel has been chosen from its list, and that point."""
    run = run_of(store, study)
    curve, points, _ = curve_of(run, table)
    for column in curve.panel:
        points = points[points[column] == points[column].iloc[0]]
    at = opened(store, f"{study}/{run.id}", monkeypatch)
    assert not at.exception
    at.selectbox(key=f"{run.id}-{table}-point").set_value(int(points["point"].iloc[-1])).run()
    assert not at.exception
    return at, points.iloc[-1]


def pictures(at: AppTest) -> int:
    return sum(element.proto.body.count("<figure") for element in at.get("html"))


def facts(at: AppTest) -> str:
    return "\n".join(element.proto.body for element in at.get("html"))


def test_a_point_of_bits_has_the_fixations_that_it_counts(store: Path) -> None:
    curve, points, trials = curve_of(run_of(store, "scanpath"), "likelihood")
    bits = points[points["measure"] == "bits_per_fixation"]
    assert set(bits["observer"]) >= {"uniform", "nearest"}
    for row in bits.to_dict("records"):
        own = trials_of_point(curve, row, trials)
        assert len(own) == row["n"]
        assert own["bits"].mean() == pytest.approx(row["estimate"])


def test_a_point_of_a_phase_has_the_learning_curves_of_its_networks(store: Path) -> None:
    curve, points, trials = curve_of(run_of(store, "rehearsal"), "early")
    assert len(points) == 2 * 3
    for row in points.to_dict("records"):
        own = trials_of_point(curve, row, trials)
        assert len(own) == row["n"] * REHEARSAL["n_bins"]  # type: ignore[operator]
        assert set(own["phase"]) == {row["phase"]}
        early = own[own["bin"] <= 2]
        assert early["score"].mean() == pytest.approx(row["early"], abs=0.05)


def test_a_point_of_scanpath_shows_layouts_with_fixations_and_chances(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, point = picked(store, "scanpath", "likelihood", monkeypatch)
    assert point["observer"] == "nearest"
    assert pictures(at) == 3
    assert facts(at).count("likeliest") == 3
    assert "differs" not in facts(at)
    assert "chance to be looked at" in facts(at)
    assert stimulus.UNKNOWN not in plain(told(at))
    assert "bits: " in plain(told(at))


def test_a_point_of_rehearsal_shows_items_of_its_phase(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, point = picked(store, "rehearsal", "early", monkeypatch)
    assert (point["observer"], point["phase"]) == ("power:1", 3)
    assert pictures(at) == 3 * 2 * 2  # three rows of two items, each moved and as it was
    assert facts(at).count("3 of 3: permutation 3") == 3
    assert stimulus.UNKNOWN not in plain(told(at))


@pytest.mark.parametrize(("study", "simulated"), [("scanpath", True), ("rehearsal", False)])
def test_the_page_says_that_persons_are_simulated(
    study: str, simulated: bool, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(store, f"{study}/{run_of(store, study).id}", monkeypatch)
    assert (summary.SIMULATED in plain(told(at))) is simulated
