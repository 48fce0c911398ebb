"""Terms of a choice, by hand, and step by step as all at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.psychophysics.scanpath.layouts.items import Layout
from cogattn.psychophysics.scanpath.layouts.terms import E2_DEG, TERMS, is_looked_for, terms, terms_of_path
from cogattn.vision.scenes.scene import Scene, SceneObject, Target

PLACES = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0], [-7.0, 0.0], [3.0, -1.0]])
KINDS = ("red disc", "blue disc", "Red square", "", "dark red disc")
EVERY = slice(None)


def layout(target: str = "red") -> Layout:
    boxes = [
        (100 + 10 * x - w, 100 + 10 * y - w, 100 + 10 * x + w, 100 + 10 * y + w)
        for (x, y), w in zip(PLACES, (5, 10, 5, 5, 2.5), strict=True)
    ]
    objects = tuple(
        SceneObject(f"o{k}", box, category=kind)
        for k, (box, kind) in enumerate(zip(boxes, KINDS, strict=True))
    )
    scene = Scene("a", None, (200, 200), 10.0, objects, Target(target, category=target) if target else None)
    return Layout(scene, PLACES, np.ones((5, 2)), 0, "a", 10.0)


def column(found: np.ndarray, name: str) -> list[float]:
    return found[..., TERMS.index(name)].tolist()


def ints(*objects: int) -> np.ndarray:
    return np.array(objects, dtype=np.int64)


def test_before_the_first_fixation_gaze_is_in_the_middle() -> None:
    found = terms(layout(), ints())
    assert column(found, "proximity") == pytest.approx([0, -2, -np.log2(6), -3, -np.log2(1 + np.sqrt(10))])
    assert column(found, "direction") == column(found, "visited") == [0] * 5
    assert E2_DEG == 1


def test_direction_is_the_cosine_with_the_last_saccade() -> None:
    assert column(terms(layout(), ints(1)), "direction") == [0] * 5  # the way from the middle is none
    assert column(terms(layout(), ints(0, 1)), "direction") == pytest.approx([-1, 0, 0, -1, 0])
    assert column(terms(layout(), ints(2, 1)), "direction") == pytest.approx([0, 0, -1, 0, 1])
    assert column(terms(layout(), ints(3, 0)), "direction") == pytest.approx([0, 1, 0.6, -1, 3 / np.sqrt(10)])
    assert column(terms(layout(), ints(0, 1, 1)), "direction") == [0] * 5  # a refixation goes nowhere


def test_visits_areas_and_kinds() -> None:
    found = terms(layout(), ints(0, 3, 0, 2))
    assert column(found, "visited") == [1, 0, 1, 1, 0]
    assert column(found, "area") == pytest.approx([0, 2, 0, 0, -2])
    assert column(found, "category") == [1, 0, 1, 0, 1]
    assert column(found, "proximity")[2] == 0


@pytest.mark.parametrize(
    ("target", "expected"),
    [("red", [1, 0, 1, 0, 1]), ("disc red", [1, 0, 0, 0, 1]), ("green", [0] * 5), ("", [0] * 5)],
)
def test_what_is_looked_for_is_what_has_all_its_words(target: str, expected: list[int]) -> None:
    assert is_looked_for(layout(target)).tolist() == expected
    unnamed = layout(target)
    unnamed = replace(unnamed, scene=replace(unnamed.scene, target=Target("red")))
    assert not is_looked_for(unnamed).any()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=9))
def test_a_path_at_once_is_what_it_is_step_by_step(objects: list[int]) -> None:
    own = layout()
    found = terms_of_path(own, ints(*objects))
    assert found.shape == (len(objects) + 1, 5, len(TERMS))
    for n in range(len(objects) + 1):
        np.testing.assert_allclose(found[n], terms(own, ints(*objects[:n])), atol=1e-12)
