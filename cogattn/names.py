"""Long names of observers made to fit: broken into lines, or their two ends alone."""

from __future__ import annotations

import re


def broken(name: str, width: int) -> str:
    """Return `name` in lines of at most `width` characters, broken after a space, comma, dot, slash or underscore.

    An equals sign stays with both of its sides; what has no place to break stays whole.
    """
    pieces = re.findall(r"(?: = |[^ ,./_:])+[ ,./_:]*", name) or [name]
    lines = [""]
    for piece in pieces:
        if lines[-1] and len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip(" ") for line in lines)


def shortened(name: str, width: int) -> str:
    """Return both ends of a long name."""
    half = (width - 3) // 2
    return name if len(name) <= width else f"{name[: width - 3 - half]}...{name[-half:]}"
