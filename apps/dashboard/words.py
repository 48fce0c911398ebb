"""Text from outside, shown as what it is: never as markup, never as a link or a picture to fetch."""

from __future__ import annotations

import re

SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&@/=])")
LONGEST = 300


def literal(text: str, *, longest: int = LONGEST) -> str:
    """Return `text` for a place that reads Markdown, so that every character is seen and none is obeyed.

    Parameters
    ----------
    text : str
        A name, a note, a setting: whatever a run, a file or an address holds.
    longest : int
        Characters that are kept.

    Examples
    --------
    >>> literal("![x](http://host) **b**")
    '\\\\!\\\\[x\\\\]\\\\(http\\\\:\\\\/\\\\/host\\\\) \\\\*\\\\*b\\\\*\\\\*'
    """
    line = " ".join(text[: longest + 1].split())
    cut = line if len(text) <= longest else line[: longest - 1] + "\u2026"
    return SPECIAL.sub(r"\\\1", cut)
