"""Every figure of every study's demo can be read."""

from __future__ import annotations

import pytest

from cogattn.registry import load_study, study_entry_points
from cogattn.testing.conformance import demo_results
from cogattn.testing.pictures import flaws

STUDIES = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in study_entry_points()]
"""The worker that has run a study's demo looks at its figures."""


@pytest.mark.parametrize("name", STUDIES)
def test_figures_of_the_demo_can_be_read(name: str) -> None:
    figures = demo_results(load_study(name)).figures
    found = {figure: flaws(draw()) for figure, draw in figures.items()}
    assert figures
    assert {figure: lines for figure, lines in found.items() if lines} == {}
