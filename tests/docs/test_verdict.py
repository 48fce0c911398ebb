"""The page of verdicts says what the studies' pages say: every figure of a row stands on the page that it links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
VERDICTS = ("comes out", "come out", "in part", "does not", "undecided", "hardly", "not tried")
LINK = re.compile(r"\[[^\]]+\]\((\w+\.md)(?:#([\w-]+))?\)")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d*\.\d+|\d+ %")


class Row(NamedTuple):
    claim: str
    verdict: str
    here: str
    command: str


def rows_of(text: str) -> list[Row]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and "| verdict |" not in line]
    return [Row(*(cell.strip() for cell in line.strip("| \n").split(" | "))) for line in lines]


ROWS = rows_of((DOCS / "verdict.md").read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{i}-{row.claim.split(' (')[0][:40]}" for i, row in enumerate(ROWS)]
)
def test_a_row_has_a_verdict_and_the_figures_of_its_page(row: Row) -> None:
    (bold,) = re.findall(r"^\*\*([^*]+)\*\*", row.verdict)
    assert bold.startswith(VERDICTS)
    assert row.command.startswith(("`cogattn ", "`python benchmarks/"))
    ((name, anchor),) = LINK.findall(row.here)
    assert not anchor or anchor in anchors(DOCS / name)
    text = (DOCS / name).read_text(encoding="utf-8")
    figures = NUMBER.findall(LINK.sub("", row.here))
    assert [figure for figure in figures if figure.lstrip("+") not in text] == []
    assert figures or bold.startswith("not tried") or "by itself" in bold


def test_every_study_has_verdicts() -> None:
    """Fewer rows than there are claims would be an accident of the pattern that reads them."""
    pages = {LINK.findall(row.here)[0][0] for row in ROWS}
    assert {
        f"{study}.md" for study in ("masking", "naming", "search", "scanpath", "aad", "efr", "rehearsal")
    } <= pages
    assert len(ROWS) == 34
