"""Text from a store or an address where Streamlit expects Markdown: it must come out as it is."""

from __future__ import annotations

import re

from cogattn.reporting.tables import printable

ADDRESS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
"""Within what the browser's Markdown would make a link of, escaped or not: ``http://``, ``www.``, ``name@``."""
JOINER = "\u2060"
"""Word joiner: it is not seen, and what it stands in is no address."""
PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def literal(text: str) -> str:
    """Return Markdown that is drawn as `text` on one line: every mark escaped, control characters replaced, no link."""
    return PUNCTUATION.sub(r"\\\1", ADDRESS.sub(JOINER, " ".join(printable(text).split())))
