"""Searches of displays in colour, from pixels to trials."""

from __future__ import annotations

import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import trials
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.seeds import Streams


def searched(config: SearchConfig, task: str, who: Observer, *, present: bool) -> pd.DataFrame:
    cell = SearchCell(
        label="", task="search", observer=who.id, parent=who.parent, variant=who.variant, copy=0,
        condition=task, start=0, stop=2, target_present=present,
    )  # fmt: skip
    return trials.run(config, cell, Streams(1))


def test_pixels_find_red_among_green_at_once_and_see_at_once_that_there_is_none() -> None:
    config = SearchConfig.parse({"displays": {"pixels_per_degree": 8}, "n_searches": 2})
    pixels = Observer("pixels", role="control", variant="pixels")
    with_target, without = (searched(config, "feature", pixels, present=shown) for shown in (True, False))
    assert with_target["n_fixations"].unique().tolist() == [1]
    assert without["n_fixations"].unique().tolist() == [0]
    assert with_target["correct"].all()
    assert without["correct"].all()


@pytest.mark.parametrize(("place", "targets"), [("late", "all"), ("inline", "one")])
def test_networks_search_in_colour_with_and_without_a_target(
    place: str, targets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "N_PRACTICE", 1)
    config = SearchConfig.parse(
        {
            "observer": {"models": ["resnet10t"], "weights": "random"},
            "tasks": ["conjunction"],
            "displays": {"pixels_per_degree": 5},
            "matching": {"n_levels": 3, "targets": targets},
            "fovea": {"preset": "v1", "place": place},
            "rules": {"pitch_deg": 1.5},
            "n_searches": 1,
        }
    )
    network = Observer("resnet10t")
    table = pd.concat(searched(config, "conjunction", network, present=shown) for shown in (True, False))
    assert len(table) == 2 * 4 * 2
    assert set(table["response"]) <= {"present", "absent"}
    assert not (table["response"].eq("present") & ~table["target_present"]).any()  # the target's cell ends it
