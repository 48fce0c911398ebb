"""What studies show: whole at every end of every control, and the same in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from cogattn.exhibits import Control, Exhibit, Picture, Series, Shown
from cogattn.registry import load_study, load_target, study_entry_points

EXHIBITS = (
    "aad: Who is listened to?",
    "efr: A response that follows the envelope",
    "masking: An image in noise",
    "naming: Shape against texture",
    "naming: An image manipulated",
    "scanpath: Where next?",
    "search: A search display",
)
SLOW = {"pixels", "network", "network, no fovea", "history"}
"""Choices that take seconds; the studies' own tests look at them."""
FRESH = """
import json, sys
from cogattn.registry import load_study, load_target

exhibits = {}
for named in sys.argv[1:]:
    study, _, title = named.partition(": ")
    exhibits[named] = load_target(load_study(study).exhibits[title])
told = {"torch": "torch" in sys.modules}
for named, exhibit in exhibits.items():
    told[named] = exhibit.make(**{control.name: control.default for control in exhibit.controls}).digest()
print(json.dumps(told))
"""


def exhibit_of(named: str) -> Exhibit:
    study, _, title = named.partition(": ")
    found = load_target(load_study(study).exhibits[title])
    assert isinstance(found, Exhibit)
    return found


def defaults(exhibit: Exhibit) -> dict[str, object]:
    return {control.name: control.default for control in exhibit.controls}


def ends(control: Control) -> Iterator[object]:
    if control.choices:
        yield from (choice for choice in (control.choices[0], control.choices[-1]) if choice not in SLOW)
    elif isinstance(control.default, bool):
        yield not control.default
    else:
        yield from (type(control.default)(bound) for bound in (control.low, control.high))


@pytest.mark.parametrize("named", EXHIBITS)
def test_every_end_of_every_control_gives_whole_arrays(named: str) -> None:
    exhibit = exhibit_of(named)
    check(exhibit.make(**defaults(exhibit)))
    for control in exhibit.controls:
        for value in ends(control):
            check(exhibit.make(**{**defaults(exhibit), control.name: value}))


@pytest.mark.parametrize("named", EXHIBITS)
def test_a_control_s_default_lies_within_its_bounds(named: str) -> None:
    exhibit = exhibit_of(named)
    assert named.endswith(exhibit.title)
    for control in exhibit.controls:
        if control.choices:
            assert control.default in control.choices
        else:
            assert control.low <= control.default <= control.high
            steps = (control.default - control.low) / control.step
            assert steps == pytest.approx(round(steps)), control.name


@pytest.mark.slow
def test_a_fresh_process_shows_the_same_and_needs_no_torch_to_list_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *EXHIBITS], capture_output=True, text=True, check=True, timeout=170
    )
    told = json.loads(done.stdout)
    assert told.pop("torch") is False
    exhibits = {named: exhibit_of(named) for named in EXHIBITS}
    assert told == {named: one.make(**defaults(one)).digest() for named, one in exhibits.items()}


def test_every_exhibit_of_every_study_is_looked_at() -> None:
    found = {f"{study}: {title}" for study in study_entry_points() for title in load_study(study).exhibits}
    assert found == set(EXHIBITS)


def check(shown: Shown) -> None:
    assert shown.parts
    json.dumps(dict(shown.facts), allow_nan=False)
    for part in shown.parts:
        assert part.caption
        if isinstance(part, Picture):
            check_picture(part)
        else:
            check_series(part)


def check_picture(part: Picture) -> None:
    height, width = part.pixels.shape[:2]
    assert part.pixels.shape[2:] in ((), (3,))
    assert min(height, width) >= 32
    assert 0 <= part.pixels.min() <= part.pixels.max() <= 1
    assert ((part.points >= 0) & (part.points <= (width, height))).all()
    assert ((part.boxes >= 0) & (part.boxes <= (width, height) * 2)).all()
    if part.weights is not None:
        assert part.weights.min() >= 0
        assert part.weights.sum() == pytest.approx(1)


def check_series(part: Series) -> None:
    assert len(part.x) > 1
    assert (np.diff(part.x) > 0).all()
    assert part.x_scale == "linear" or part.x[0] > 0
    assert part.x_label
    assert part.y_label
    for name, line in part.lines.items():
        assert line.shape == part.x.shape, name
        assert np.isfinite(line).all(), name
