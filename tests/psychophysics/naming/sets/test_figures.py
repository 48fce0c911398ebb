"""Figures of a set can be read with one observer and with 76."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.psychophysics.naming.sets.figures import set_figure, set_sheet
from cogattn.psychophysics.naming.sets.made import MADE, MadeImages
from cogattn.psychophysics.naming.sets.published import Conditions
from cogattn.psychophysics.naming.sets.rows import ceiling_table, condition_table
from cogattn.testing.pictures import flaws
from cogattn.vision.images.config import ProceduralImages
from cogattn.vision.images.listing import list_images
from tests.psychophysics.naming.sets.test_rows import a_set

EIGHT = FACTS["uniform-noise"]


def drawn(measure: str, n_networks: int, n_conditions: int, n_people: int = 4):
    named = a_set(n_networks=n_networks, n_people=n_people)
    names, labels = EIGHT.conditions[:n_conditions], EIGHT.labels[:n_conditions]
    conditions = Conditions(
        EIGHT.axis, names, labels, (False, *[True] * 7)[:n_conditions] if n_conditions > 1 else (True,)
    )
    condition = np.arange(240) % n_conditions
    named = replace(named, conditions=conditions, answers=replace(named.answers, condition=condition))
    own = condition_table(named)
    own = own[~own["observer"].str.startswith("person")] if n_networks else own
    called = {
        one.id: f"efficientnet_{one.id}.sam_in12k_ft_in1k" if n_networks else one.id
        for one in named.observers
    }
    return set_figure(own, ceiling_table(named), measure, named, called)


@pytest.mark.parametrize(
    ("measure", "n_networks", "n_conditions"),
    [
        ("accuracy", 1, 8), ("error_consistency", 6, 8), ("error_consistency", 76, 4), ("accuracy", 1, 1),
        ("error_consistency", 76, 1),
    ],
    ids=["one curve", "curves", "rows", "a dot", "dots"],
)  # fmt: skip
def test_a_set_can_be_read(measure: str, n_networks: int, n_conditions: int):
    assert flaws(drawn(measure, n_networks, n_conditions)) == []


def test_people_alone_can_be_read():
    assert flaws(drawn("accuracy", 0, 8, n_people=10)) == []


@pytest.mark.parametrize("name", ["uniform-noise", "colour"])
def test_a_sheet_has_a_made_image_in_each_condition(name: str):
    whole = list_images(ProceduralImages(n_images=16, size=64), seed=0)
    images = MadeImages.of(whole, name, (), each="one", seed=0)
    facts = FACTS[name]
    names = tuple(one for one in facts.conditions if one in images.conditions)
    labels = tuple(facts.labels[facts.conditions.index(one)] for one in names)
    figure = set_sheet(images, Conditions(facts.axis, names, labels, (True,) * len(names)))
    assert name in MADE
    assert [axes.get_title("left") for axes in figure.axes if axes.images] == list(labels)
    assert flaws(figure) == []
