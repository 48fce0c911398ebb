"""A trial's picture is the one that the observer named."""

from __future__ import annotations

import numpy as np

from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.material import conflict_images, whole_images
from cogattn.psychophysics.naming.sets.material import set_images
from cogattn.psychophysics.naming.study import NamingStudy

SMALL = {"images": {"n_images": 32, "size": 64}}


def picture_of(shown: Shown | None) -> Picture:
    assert shown is not None
    (picture,) = shown.parts
    assert isinstance(picture, Picture)
    return picture


def test_a_conflict_is_shown_with_its_shape_and_texture():
    config = NamingConfig.parse({"shown": {"kind": "conflicts", "n_images": 32, "size": 64}})
    images = conflict_images(config)
    for index in (0, 17, 31):
        shown = NamingStudy().stimulus(config, "conflicts", {"image": images.ids[index]})
        picture = picture_of(shown)
        assert np.array_equal(picture.pixels.transpose(2, 0, 1), images.load(index))
        assert shown is not None
        assert shown.facts == {"shape": images.shapes[index], "texture": images.textures[index]}


def test_an_attacked_image_is_shown_as_it_was_before_and_says_so():
    config = NamingConfig.parse({**SMALL, "shown": {"kind": "attacked"}})
    images = whole_images(config)
    for epsilon in (0.0, 0.004):
        trial = {"image": images.ids[5], "category": "x", "epsilon": epsilon}
        picture = picture_of(NamingStudy().stimulus(config, "attacked", trial))
        assert np.array_equal(picture.pixels, images.load(5))
        assert ("before the attack" in picture.caption) == (epsilon > 0)


def test_an_image_of_a_set_is_shown_in_its_own_condition():
    config = NamingConfig.parse({**SMALL, "shown": {"kind": "made", "name": "contrast", "each": "all"}})
    images = set_images(config)
    indices = [index for index, name in enumerate(images.names) if name == images.names[0]]
    assert len(indices) > 1
    pictures = []
    for index in indices:
        trial = {"image": images.names[index], "condition": images.conditions[index]}
        pictures.append(picture_of(NamingStudy().stimulus(config, "set", trial)).pixels)
        assert np.array_equal(pictures[-1].transpose(2, 0, 1), images.load(index))
    assert not np.array_equal(pictures[0], pictures[-1])


def test_an_image_that_the_run_has_not_has_no_picture():
    published = {"image": "airplane/airplane1-bear2.png", "condition": "0"}
    for kind in ("conflicts", "made"):
        config = NamingConfig.parse({**SMALL, "shown": {"kind": kind}})
        assert NamingStudy().stimulus(config, "people", published) is None
    people_alone = NamingConfig.parse(
        {"observer": {"kind": "human"}, "shown": {"kind": "set", "name": "sketch"}}
    )
    assert NamingStudy().stimulus(people_alone, "people", published) is None
