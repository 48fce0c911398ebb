"""Text from a store or an address where Streamlit expects Markdown: it must come out as it is."""

from __future__ import annotations

import re

from cogattn.reporting.tables import printable

PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def literal(text: str) -> str:
    """Return Markdown that is drawn as `text` on one line: every mark escaped, control characters replaced."""
    return PUNCTUATION.sub(r"\\\1", " ".join(printable(text).split()))
