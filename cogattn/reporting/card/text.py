"""The card as text for a terminal: what was passed over first, then a block for each study, notes, the self check."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cogattn.reporting.card.words import counts_text, p_text, share_text, studies_of, unit_text
from cogattn.reporting.tables import MISSING, blocks, interval_text, printable

if TYPE_CHECKING:
    from cogattn.reporting.card.model import Card
    from cogattn.reporting.card.row import CardRow, JointRow, SelfCheck

HEADER = ("observer [95 %]", "people (n)", "SDs", "p", "rank", "power")
INDENT = "    "
STATUS = "status"
UNMEASURED = ("not run", "does not apply")


def text(card: Card, width: int = 80) -> str:
    """Return a card as text.

    Parameters
    ----------
    card : Card
        Which.
    width : int
        Columns; text is wrapped, numbers are not.
    """
    notes: list[str] = []
    cells = [_cells(row) for row in card.rows if row.status not in UNMEASURED]
    widths = [max(len(line[i]) for line in [HEADER, *cells]) for i in range(len(HEADER))]
    title = printable(f"Card of {card.observer}")
    lines = [title, "=" * min(width, len(title)), *_wrapped(_about(card), width)]
    lines += [line for problem in card.problems for line in _wrapped(f"* {problem}", width, "  ")]
    if cells:
        header = INDENT + _line(HEADER, widths)
        lines += ["", header.ljust(width - len(STATUS)) + STATUS, "-" * width]
    for own in studies_of(card.rows).values():
        joint = [row for row in card.joint if row.study == own[0].study]
        lines += ["", *_block(own, joint, widths, notes, width)]
    lines += ["", *_notes(notes, width)] if notes else []
    lines += ["", *_checked(card.check, width)] if card.check else []
    return "\n".join([*lines, *_remarks(card, width)])


def _about(card: Card) -> str:
    tested = sum(math.isfinite(row.p) for row in card.rows)
    about = f"Rows: {counts_text(card)}."
    if tested:
        about += (
            f" SDs: how far from people's mean, in their standard deviations. p: could the observer be one of these"
            f" people; by Holm over the {tested} rows that were tested. Outside: p is at most .05. Underpowered: it is"
            " not, but among so few people one who is 3 SDs away would be missed more often than one time in five."
        )
    return about


def _block(
    rows: Sequence[CardRow], joint: Sequence[JointRow], widths: Sequence[int], notes: list[str], width: int
) -> list[str]:
    """A study: a heading, and two lines for each measure."""
    first = rows[0]
    kind = "behaves like people?" if first.kind == "behaves like" else "explains people?"
    lines = [f"{first.study}: {kind}" + (f" ({first.run})" if first.run else "")]
    if first.status in UNMEASURED:
        return [*lines, *_wrapped(f"{first.status}: {first.note}", width, "  ", "  ")]
    for row in rows:
        lines += _headed(unit_text(row) + _footnote(row.note, notes), row.status, width)
        lines.append(INDENT + _line(_cells(row), widths))
    labels = {row.measure: row.label for row in rows}
    for one in joint:
        names = ", ".join(labels.get(key, key) for key in one.measures)
        told = f"jointly ({names}): {one.distance:.1f} SDs, p {_is(one.p)}, n {one.n_people}; counts in no status"
        lines += _wrapped(told + _footnote(one.note, notes), width, INDENT, "  ")
    return lines


def _headed(label: str, status: str, width: int) -> list[str]:
    """A label, wrapped, with its status at the right of the first line."""
    first, *rest = _wrapped(label, width - len(status) - 2, INDENT, "  ")
    return [first.ljust(width - len(status)) + status, *rest]


def _cells(row: CardRow) -> tuple[str, ...]:
    people = MISSING
    if math.isfinite(row.human):
        people = interval_text(row.human, math.nan, math.nan)
        people += f" ({row.n_people})" if row.n_people else ""
    away = f"{row.distance:.1f}" if math.isfinite(row.distance) else MISSING
    numbers = p_text(row.p_holm), share_text(row.rank), share_text(row.power)
    return interval_text(row.estimate, row.lo, row.hi), people, away, *numbers


def _is(p: float) -> str:
    told = p_text(p)
    return told if told.startswith("<") else f"= {told}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True)).rstrip()


def _footnote(note: str, notes: list[str]) -> str:
    """The number of a note, which is added where it is new."""
    if note and note not in notes:
        notes.append(note)
    return f" [{notes.index(note) + 1}]" if note else ""


def _notes(notes: Iterable[str], width: int) -> list[str]:
    return [
        line for i, note in enumerate(notes, start=1) for line in _wrapped(f"[{i}] {note}", width, INDENT)
    ]


def _checked(checks: Sequence[SelfCheck], width: int) -> list[str]:
    """How often persons come out outside among the others."""
    about = (
        "Self check: each person left out and placed among the others, p at most .05 and uncorrected. Of people as the"
        " test takes them one in twenty comes out outside."
    )
    rows: list[tuple[str, ...]] = []
    for study in dict.fromkeys(one.study for one in checks):
        rows.append((study,))
        rows += [
            (
                one.label,
                f"{one.outside} of {one.n}",
                interval_text(one.share, one.lo, one.hi),
                "agrees" if one.holds else "differs",
            )
            for one in checks
            if one.study == study
        ]
    table = blocks(("", "outside", "share [95 %]", "with .05"), rows, width=width)
    return [*_wrapped(about, width), *table.splitlines()]


def _remarks(card: Card, width: int) -> list[str]:
    """What the runs say a reader must know, study by study."""
    told = [(one.study, remark) for one in card.provenance for remark in one.remarks]
    lines = [line for study, remark in told for line in _wrapped(f"{study}: {remark}", width, INDENT, "  ")]
    return ["", "What the runs say:", *lines] if lines else []


def _wrapped(words: str, width: int, indent: str = "", start: str = "") -> list[str]:
    return textwrap.wrap(printable(words), width, initial_indent=start, subsequent_indent=indent or start)
