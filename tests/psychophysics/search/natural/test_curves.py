"""Searches of people and searchers in the same scenes: whose limits count, and how many searches there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.psychophysics.search.natural.curves import PEOPLE, Curves
from cogattn.seeds import Streams
from cogattn.vision.scenes.scene import Scanpath, Scene, Target

BOX = (60.0, 40.0, 70.0, 50.0)
AT, AWAY = [65.0, 45.0], [10.0, 10.0]
LIMITS = {"ann": 1, "bob": 4, "cho": None}
"""Saccades that each was allowed; nobody told of the third."""


def scene(number: int) -> Scene:
    """The first finds the target at the last saccade, the second not in four, the third at the third."""
    paths = {"ann": [AWAY, AT], "bob": [AWAY] * 5, "cho": [AWAY, AWAY, AWAY, AT]}
    return Scene(
        f"s{number}", np.zeros((96, 128), dtype=np.float32), (96, 128), 8.0, target=Target("t", box_px=BOX),
        scanpaths=tuple(
            Scanpath(name, np.array(path), found=name != "bob", max_saccades=LIMITS[name])
            for name, path in paths.items()
        ),
    )  # fmt: skip


def searches(n_fixations: int, *, found: bool) -> pd.DataFrame:
    """A searcher that needs so many saccades from everybody's start, and from the scene's own."""
    people = [*LIMITS, ""]
    return pd.DataFrame(
        [
            {
                "observer": "net", "scene": f"s{number}", "target": "t", "person": person,
                "trial": trial if person else -1, "repeat": 0, "target_present": True,
                "allowed": LIMITS.get(person) or 0, "limit": 4, "n_fixations": n_fixations,
                "outcome": "found" if found else "limit", "found": found,
            }
            for number in range(3)
            for trial, person in enumerate(people)
        ]
    )  # fmt: skip


def curves(n_fixations: int, *, found: bool = True) -> Curves:
    scenes = [scene(number) for number in range(3)]
    return Curves.of(scenes, searches(n_fixations, found=found), rng=Streams(0), n_resamples=20)


@pytest.mark.parametrize(("n_fixations", "share"), [(1, 1), (2, 2 / 3), (4, 2 / 3)])
def test_a_searcher_has_the_limits_of_those_whose_place_it_takes(n_fixations: int, share: float) -> None:
    assert curves(n_fixations).within_limits("net").estimate == pytest.approx(share)


def test_people_are_counted_by_their_own_limits_and_searchers_in_their_trials_only() -> None:
    found = curves(2)
    assert found.within_limits(PEOPLE).estimate == pytest.approx(2 / 3)
    assert (found.n(PEOPLE), found.n("net")) == (9, 9)
    assert found.within_limits("net").n == 9
    assert curves(4, found=False).within_limits("net").estimate == 0
