"""A trial's picture is the layout that was looked at, with the fixations that the trial is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.scanpath import scoring
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, PREDICTED
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts import reading
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath, PathSet
from cogattn.psychophysics.scanpath.study import ScanpathStudy
from cogattn.study import Outcome, streams_of

STUDY = ScanpathStudy()
SETTINGS = {
    "synthetic": {"n_layouts": 8, "n_objects": 7, "n_people": 3, "n_fixations": 5},
    "split": {"test": 0.25, "n_splits": 2},
    "viewers": [1],
    "n_samples": 2,
    "seed": 5,
}
CONFIG = ScanpathConfig.parse(SETTINGS)
QUICK = ("uniform", "centre", "density", "nearest", "histogram", "saliency")
Run = tuple[Mapping[str, pd.DataFrame], list[tuple[PathSet, ObjectPath]]]


def run_of(observer: str, split: int = 1, config: ScanpathConfig = CONFIG) -> Run:
    """Trials of one cell, and the paths that its fixations are of, as the run had them."""
    (cell,) = (cell for cell in STUDY.cells(config) if (cell.observer, cell.split) == (observer, split))
    relevant, had = STUDY.relevant(config, cell), list[tuple[PathSet, ObjectPath]]()
    scored = scoring.fixation_rows

    def watched(name, number, data, paths, predictions):
        had.extend((data, path) for path in paths)
        return scored(name, number, data, paths, predictions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "fixation_rows", watched)
        outcome = STUDY.run_cell(relevant, cell, streams_of(relevant, cell))
    assert isinstance(outcome, Outcome)
    return outcome.trials, had


def fresh(config: ScanpathConfig, task: str, row: Mapping[str, object]) -> Shown | None:
    """A trial's stimulus where nothing is remembered of the run."""
    reading._data.cache_clear()
    reading._simulated.cache_clear()
    return STUDY.stimulus(config, task, row)


def picture_of(shown: Shown | None) -> Picture:
    assert shown is not None
    (picture,) = shown.parts
    assert isinstance(picture, Picture)
    return picture


def rows_of(table: pd.DataFrame, n: int = 6) -> list[dict]:
    return table.iloc[:: max(1, len(table) // n)].to_dict("records")


@pytest.fixture(scope="module")
def nearest() -> Run:
    return run_of("nearest")


def test_a_fixation_is_shown_on_its_layout_after_those_before_it(nearest: Run) -> None:
    trials, had = nearest
    by_name = {(data.layout_of(path).name, path.person): (data, path) for data, path in had}
    for row in rows_of(trials[FIXATIONS]):
        shown = fresh(CONFIG, FIXATIONS, row)
        picture = picture_of(shown)
        data, path = by_name[row["scene"], row["person"]]
        layout = data.layout_of(path)
        assert np.array_equal(picture.pixels, layout.scene.image)
        assert np.array_equal(picture.points, path.fixations_px[: row["fixation"] + 1])
        assert np.array_equal(picture.boxes, [thing.box_px for thing in layout.scene.objects])
        assert layout.target is not None
        assert shown is not None
        target = layout.scene.objects[layout.target]
        assert shown.facts["target"] == f"{target.name}, {target.category}"
        assert str(shown.facts["looked at"]).startswith(layout.scene.objects[row["object"]].name)


@pytest.mark.parametrize("observer", QUICK)
def test_the_map_is_what_a_quick_rule_said_in_the_run(observer: str) -> None:
    trials, had = run_of(observer)
    layouts = {data.layout_of(path).name: data.layout_of(path) for data, path in had}
    for row in rows_of(trials[FIXATIONS]):
        shown = fresh(CONFIG, FIXATIONS, row)
        weights = picture_of(shown).weights
        assert weights is not None
        assert shown is not None
        assert "differs" not in shown.facts
        left, top, right, bottom = map(round, layouts[row["scene"]].scene.objects[row["object"]].box_px)
        assert weights[top:bottom, left:right].sum() == pytest.approx(2 ** -row["bits"])


def test_a_rule_that_comes_out_otherwise_here_says_so(nearest: Run) -> None:
    row = nearest[0][FIXATIONS].iloc[2].to_dict() | {"bits": 99.0}
    shown = STUDY.stimulus(CONFIG, FIXATIONS, row)
    assert shown is not None
    assert "99" in str(shown.facts["differs"])


def test_observers_that_take_long_to_fit_are_shown_without_a_map() -> None:
    trials, _ = run_of("history")
    assert picture_of(STUDY.stimulus(CONFIG, FIXATIONS, trials[FIXATIONS].iloc[0].to_dict())).weights is None


@pytest.mark.parametrize("observer", ["nearest", "people"])
def test_a_path_is_shown_whole(observer: str) -> None:
    trials, _ = run_of(observer)
    data = reading.data_of(CONFIG)
    truth = {(data.layout_of(path).name, path.person): path.fixations_px for path in data.paths}
    for row in rows_of(trials[PATHS]):
        shown = picture_of(fresh(CONFIG, PATHS, row))
        assert np.array_equal(shown.points, truth[row["scene"], row["person"]])


def test_a_fixation_that_the_observer_drew_lies_where_its_object_is(nearest: Run) -> None:
    for row in rows_of(nearest[0][PREDICTED]):
        picture = picture_of(fresh(CONFIG, PREDICTED, row))
        left, top, right, bottom = picture.boxes[row["object"]]
        assert picture.points.tolist() == [[row["x"], row["y"]]]
        assert picture.points.tolist() == [
            [pytest.approx((left + right) / 2), pytest.approx((top + bottom) / 2)]
        ]


def test_another_seed_shows_another_layout(nearest: Run) -> None:
    row = nearest[0][FIXATIONS].iloc[0].to_dict() | {"fixation": 0}
    other = CONFIG.model_copy(update={"seed": 6})
    own = picture_of(STUDY.stimulus(CONFIG, FIXATIONS, nearest[0][FIXATIONS].iloc[0].to_dict()))
    found = [fresh(other, FIXATIONS, row | {"object": number, "split": 0}) for number in range(7)]
    assert not any(
        np.array_equal(picture_of(shown).pixels, own.pixels) for shown in found if shown is not None
    )


def test_layouts_without_an_image_are_grey_with_their_boxes(
    monkeypatch: pytest.MonkeyPatch, nearest: Run
) -> None:
    from dataclasses import replace

    data = reading.data_of(CONFIG)
    bare = PathSet(
        tuple(replace(one, scene=replace(one.scene, picture=None)) for one in data.layouts), data.paths
    )
    monkeypatch.setattr(reading, "data_of", lambda config: bare)
    picture = picture_of(STUDY.stimulus(CONFIG, FIXATIONS, nearest[0][FIXATIONS].iloc[0].to_dict()))
    assert (picture.pixels == 0.5).all()
    assert len(picture.boxes) == 7
    assert "no image" in picture.caption


CHANGES: Mapping[str, Callable[[dict], dict]] = {
    "observer": lambda row: row | {"observer": "nobody"},
    "split": lambda row: row | {"split": 9},
    "scene": lambda row: row | {"scene": "elsewhere"},
    "person": lambda row: row | {"person": "nobody"},
    "fixation": lambda row: row | {"fixation": 99},
    "object": lambda row: row | {"object": 99},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_trial_that_the_run_has_not_has_no_picture(change: str, nearest: Run) -> None:
    row = CHANGES[change](nearest[0][FIXATIONS].iloc[1].to_dict())
    assert STUDY.stimulus(CONFIG, FIXATIONS, row) is None


@pytest.mark.parametrize("task", ["scanpath_training", "scanpath_weights"])
def test_rows_of_many_trials_have_no_picture(task: str) -> None:
    assert STUDY.stimulus(CONFIG, task, {"observer": "nearest", "split": 0}) is None
