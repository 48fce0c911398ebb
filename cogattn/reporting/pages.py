"""What every page of HTML of the house has: a frame in which nothing is fetched, and text that is safe in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from cogattn.reporting.tables import printable

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may fetch for a page: nothing."""


def document(title: str, style: str, body: Iterable[str]) -> str:
    """Return a page of HTML 5 without script and without links to anything outside itself.

    Parameters
    ----------
    title : str
        Text, not yet safe.
    style : str
        Its sheet of CSS.
    body : iterable of str
        Elements; empty ones are left out.
    """
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{safe(title)}</title>",
        f"<style>{style}</style></head><body>",
        *body,
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part)


def safe(text: str) -> str:
    """Return text from wherever, safe inside elements and attributes; control characters are replaced."""
    return escape(printable(text), quote=True)


def remark_list(remarks: Sequence[str]) -> str:
    """Return what must be known before numbers as a list, each sentence once; empty where there is none."""
    items = "".join(f"<li>{safe(remark)}</li>" for remark in dict.fromkeys(remarks))
    return f'<ul class="remarks">{items}</ul>' if items else ""


def fact_table(facts: Sequence[tuple[str, str]]) -> str:
    """Return names and what is known under each as a table of two columns; what is not known is left out."""
    rows = "".join(
        f'<tr role="row"><th scope="row" role="rowheader">{safe(name)}</th>'
        f'<td role="cell"><code>{safe(text)}</code></td></tr>'
        for name, text in facts
        if text
    )
    return f'<table class="facts" role="table"><tbody role="rowgroup">{rows}</tbody></table>'
