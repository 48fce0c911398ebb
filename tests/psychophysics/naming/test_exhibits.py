"""The exhibits of naming: both cues are there, conditions are those of a run, and each does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.errors import ConfigError
from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.naming.exhibits import MANIPULATED, SHAPE_AND_TEXTURE
from cogattn.psychophysics.naming.study import NamingStudy

DEFAULTS = {control.name: control.default for control in MANIPULATED.controls}


def pixels(shown: Shown) -> list[np.ndarray]:
    return [part.pixels for part in shown.parts if isinstance(part, Picture)]


def manipulated(**values: object) -> Shown:
    return MANIPULATED.make(**{**DEFAULTS, **values})


def test_a_conflict_is_that_of_a_run_and_two_cues_must_differ() -> None:
    shown = SHAPE_AND_TEXTURE.make(shape="mug", texture="star")
    assert (shown.facts["answer by shape"], shown.facts["answer by texture"]) == ("mug", "star")
    study = NamingStudy()
    told = study.stimulus(study.Config(), "conflicts", {"image": shown.facts["image"]})
    assert told is not None
    np.testing.assert_array_equal(pixels(shown)[0], pixels(told)[0])
    with pytest.raises(ConfigError, match="texture must be of another category than shape; got mug"):
        SHAPE_AND_TEXTURE.make(shape="mug", texture="mug")


def test_the_weakest_condition_leaves_the_image_as_it_is() -> None:
    made, whole = pixels(manipulated(name="rotation", strength=0))
    np.testing.assert_allclose(made, whole, atol=0.5 / 255 + 1e-6)  # made ones have 8 bits


def test_half_a_turn_is_half_a_turn() -> None:
    made, whole = pixels(manipulated(name="rotation", strength=2))
    np.testing.assert_allclose(made, np.rot90(whole, 2), atol=0.5 / 255 + 1e-6)


def test_low_pass_leaves_less_of_high_frequencies_the_stronger_it_is() -> None:
    high = [
        np.abs(np.diff(pixels(manipulated(name="low-pass", strength=s))[0], axis=1)).mean() for s in (0, 3, 6)
    ]
    assert high[0] > 2 * high[1] > 4 * high[2] > 0


def test_contrast_falls_to_what_the_condition_says() -> None:
    full, tenth = (pixels(manipulated(name="contrast", strength=s))[0].std() for s in (0, 4))
    assert manipulated(name="contrast", strength=4).facts["contrast, %"] == "10"
    assert tenth == pytest.approx(full / 10, rel=0.05)


def test_a_strength_beyond_the_last_condition_is_the_last() -> None:
    assert manipulated(name="rotation", strength=7).facts["condition"] == "270"
