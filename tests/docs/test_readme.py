"""What the README says of each study is what the study itself says, and its figures are those of the pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cogattn.registry import load_study, study_entry_points

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", study_entry_points())
def test_a_study_asks_the_question_that_the_readme_has(name: str) -> None:
    question = load_study(name).question
    assert question.endswith("?")
    assert question in README


def peers() -> list[tuple[str, str, str]]:
    """Of each peer: its name, what was measured, and the page that says so; those that were not are left out."""
    table = README.partition("| peer |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    found = [(name, *measured.rpartition("([")[::2]) for name, _, measured in rows]
    return [(name, said, link.partition("(")[2].rstrip(")")) for name, said, link in found if said]


def test_a_measured_figure_stands_on_the_page_that_is_named() -> None:
    assert len(peers()) >= 7
    for name, said, page in peers():
        text = (ROOT / page).read_text(encoding="utf-8")
        figures = re.findall(r"(?<![\w.])\d*\.?\d+(?!\w)", said.replace("Geirhos2021", ""))
        assert figures or "digits" in said, name
        for figure in figures:
            assert re.search(rf"(?<![\w.]){re.escape(figure)}(?![\d])", text), (name, figure)
