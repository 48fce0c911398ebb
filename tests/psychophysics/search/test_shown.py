"""A search's picture is the display that was searched, with the searcher's own fixations on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cogattn.exhibits import Picture
from cogattn.psychophysics.search import shown as shown_module
from cogattn.psychophysics.search import trials as trials_module
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.study import SearchStudy
from cogattn.study import streams_of

SETTINGS = {
    "tasks": ["orientation"],
    "displays": {"n_displays": 12, "pixels_per_degree": 8},
    "controls": ["pixels", "chance", "ideal"],
    "n_searches": 2,
}


@pytest.fixture(scope="module")
def config() -> SearchConfig:
    return SearchConfig.parse(SETTINGS)


def run_of(config: SearchConfig, observer: str, *, part: int, monkeypatch: pytest.MonkeyPatch):
    """Trials of one cell, with the displays and paths that its searcher had."""
    study = SearchStudy()
    cell = [cell for cell in study.cells(config) if cell.observer == observer][part]
    seen = []
    searched = trials_module.search

    def watched(searcher, display, **given):
        found = searched(searcher, display, **given)
        seen.extend((display, one) for one in found)
        return found

    monkeypatch.setattr(trials_module, "search", watched)
    relevant = study.relevant(config, cell)
    return study.run_cell(relevant, cell, streams_of(relevant, cell)), seen


@pytest.mark.parametrize("observer", ["pixels", "chance", "ideal"])
@pytest.mark.parametrize("part", [0, 1], ids=["first cell", "second cell"])
def test_a_search_is_shown_on_its_display_with_the_fixations_it_made(
    config: SearchConfig, observer: str, part: int, monkeypatch: pytest.MonkeyPatch
):
    trials, seen = run_of(config, observer, part=part, monkeypatch=monkeypatch)
    assert len(trials) == len(seen)
    rows = list(zip(trials.to_dict("records"), seen, strict=True))
    for row, (display, search) in rows[:: max(1, len(rows) // 6)]:
        shown = SearchStudy().stimulus(config, "search", row)
        assert shown is not None
        (picture,) = shown.parts
        assert isinstance(picture, Picture)
        assert np.array_equal(picture.pixels, display.image)
        assert np.array_equal(picture.points[1:], display.to_pixels(search.fixations_deg))
        assert np.array_equal(picture.points[0], display.middle_px)
        assert np.allclose(picture.boxes, [display.target.box_px])
        assert shown.facts["fixations"] == row["n_fixations"]
        assert "differs" not in shown.facts


def test_a_search_that_comes_out_otherwise_here_says_so(
    config: SearchConfig, monkeypatch: pytest.MonkeyPatch
):
    trials, _ = run_of(config, "chance", part=0, monkeypatch=monkeypatch)
    row = trials.iloc[3].to_dict() | {"n_fixations": 999}
    shown = SearchStudy().stimulus(config, "search", row)
    assert shown is not None
    assert "999 fixations" in str(shown.facts["differs"])


def test_a_display_without_a_target_has_no_box():
    config = SearchConfig.parse({**SETTINGS, "tasks": ["2v5"], "controls": ["chance"]})
    study = SearchStudy()
    cell = next(c for c in study.cells(config) if c.observer == "chance" and not c.target_present)
    row = {
        "observer": "chance", "condition": cell.condition, "set_size": 6, "display": 0, "repeat": 0,
        "target_present": False, "n_fixations": 0, "response": "absent",
    }  # fmt: skip
    shown = study.stimulus(config, "search", row)
    assert shown is not None
    (picture,) = shown.parts
    assert isinstance(picture, Picture)
    assert len(picture.boxes) == 0


CHANGES: dict[str, Callable[[dict], dict]] = {
    "observer": lambda row: row | {"observer": "nobody"},
    "display": lambda row: row | {"display": 99},
    "set size": lambda row: row | {"set_size": 7},
    "repeat": lambda row: row | {"repeat": 5},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_search_that_the_run_has_not_has_no_picture(
    config: SearchConfig, change: str, monkeypatch: pytest.MonkeyPatch
):
    trials, _ = run_of(config, "chance", part=0, monkeypatch=monkeypatch)
    assert shown_module.stimulus(config, "search", CHANGES[change](trials.iloc[0].to_dict())) is None
    assert shown_module.stimulus(config, "scene_search", {"scene": "x"}) is None
