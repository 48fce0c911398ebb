"""The exhibit of scanpaths: chances that are those of the model, step by step, and a truth that knows best."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.exhibits import Picture, Series, Shown
from cogattn.psychophysics.scanpath.exhibits import N_TESTED, NEXT_OBJECT, TRUTH

DEFAULTS = {control.name: control.default for control in NEXT_OBJECT.controls}


def shown(**values: object) -> tuple[Picture, Series, Shown]:
    one = NEXT_OBJECT.make(**{**DEFAULTS, **values})
    picture, bits = one.parts
    assert isinstance(picture, Picture)
    assert isinstance(bits, Series)
    return picture, bits, one


def test_the_density_over_the_next_item_is_its_chance() -> None:
    for fixation in range(4):
        picture, bits, _ = shown(fixation=fixation)
        x, y = shown(fixation=fixation + 1)[0].points[-1].astype(int)
        assert picture.weights is not None
        item = _around(picture.weights, y, x)
        assert picture.weights[item].sum() == pytest.approx(
            2 ** -bits.lines["this model"][fixation], rel=1e-9
        )


def _around(weights: np.ndarray, row: int, column: int) -> tuple[slice, slice]:
    """The box of equal density about a pixel."""
    rows, columns = (
        np.flatnonzero(np.isclose(line, weights[row, column])) for line in (weights[:, column], weights[row])
    )
    return _run(rows, row), _run(columns, column)


def _run(numbers: np.ndarray, at: int) -> slice:
    part = next(one for one in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if at in one)
    return slice(part[0], part[-1] + 1)


def test_fixations_come_one_by_one_and_end_with_the_path() -> None:
    n = int(shown()[2].facts["fixations in all"])
    assert [len(shown(fixation=number)[0].points) for number in (0, 1, n, 30)] == [0, 1, n, n]
    assert shown(fixation=30)[2].digest() == shown(fixation=n)[2].digest()


def test_the_truth_is_surprised_least_and_equal_chances_most() -> None:
    mean = {
        model: np.concatenate(
            [
                shown(layout=layout, person=person, model=model)[1].lines["this model"]
                for layout in range(N_TESTED)
                for person in (0, 3)
            ]
        ).mean()
        for model in (TRUTH, "nearest", "uniform")
    }
    assert mean["uniform"] == pytest.approx(np.log2(24))
    assert mean[TRUTH] < mean["nearest"] - 0.3 < mean["uniform"] - 0.3


def test_everybody_looks_at_the_same_layout() -> None:
    one, other = shown(person=0)[0], shown(person=5)[0]
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert not np.array_equal(one.points, other.points)
