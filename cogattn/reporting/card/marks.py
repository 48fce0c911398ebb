"""How each status of a card looks: a word, a shape and a colour, so that no reader needs the colour.

The shapes are drawn on a square of 16 by 16. The colours of the three statuses that were tested differ in lightness as
well, which the colour-blind and a grey printer keep: on white from dark to light outside, inside, underpowered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cogattn.reporting.card.row import LEVEL, TARGET_POWER, Status

GREY_LIGHT, GREY_DARK = "#6B6B6B", "#9A9A9A"


@dataclass(frozen=True)
class Mark:
    """What a reader sees of a status.

    Parameters
    ----------
    shape : str
        SVG elements on a square of 16 by 16, in ``currentColor``.
    symbol : str
        One character of the same form, for plain text.
    light, dark : str
        Colour on a white and on a dark page.
    meaning : str
        What the word stands for, in a clause.
    """

    shape: str
    symbol: str
    light: str
    dark: str
    meaning: str


_OUTLINE = 'fill="none" stroke="currentColor" stroke-width="2"'
MARKS: Mapping[Status, Mark] = {
    "inside": Mark(
        f'<circle cx="8" cy="8" r="6.5" {_OUTLINE}/><circle cx="8" cy="8" r="3.2" fill="currentColor"/>',
        "\u25c9", "#007A5A", "#0A9871",
        f"not told apart from people, by a test whose power is {TARGET_POWER:g} or more",
    ),
    "outside": Mark(
        '<path d="M8 1.2 15.2 14.4H.8Z" fill="currentColor"/>',
        "\u25b2", "#101010", "#FFFFFF",
        f"told apart from people: p after Holm's correction is at most {LEVEL:g}",
    ),
    "underpowered": Mark(
        f'<path d="M8 1.2 14.8 8 8 14.8 1.2 8Z" {_OUTLINE}/><path d="M8 1.2V14.8L1.2 8Z" fill="currentColor"/>',
        "\u25c8", "#D98F00", "#F2BE4A",
        f"not told apart, but the power of the test is below {TARGET_POWER:g}, so that this says little",
    ),
    "not run": Mark(
        f'<circle cx="8" cy="8" r="6.3" {_OUTLINE} stroke-dasharray="3 2.6"/>',
        "\u25cc", GREY_LIGHT, GREY_DARK,
        "the store holds no finished run of this observer under the card's settings",
    ),
    "does not apply": Mark(
        '<path d="M2 8H14" stroke="currentColor" stroke-width="2.4"/>',
        "\u2013", GREY_LIGHT, GREY_DARK,
        "the study has nothing to ask of an observer of this sort",
    ),
    "no people": Mark(
        f'<rect x="2.2" y="2.2" width="11.6" height="11.6" {_OUTLINE}/>',
        "\u25a1", GREY_LIGHT, GREY_DARK,
        "nobody, known one by one, to be placed among",
    ),
}  # fmt: skip


def icon(status: Status) -> str:
    """Return the status's shape as an SVG element that a screen reader passes over, as the word stands beside it."""
    return (
        f'<svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">'
        f"{MARKS[status].shape}</svg>"
    )


def css_class(status: Status) -> str:
    """Return the name of the status's CSS class."""
    return f"is-{status.replace(' ', '-')}"
