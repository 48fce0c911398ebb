"""The dashboard's pages by their addresses, and links between them.

A page's module is imported when the page is drawn, so that one page waits for no other's libraries.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

import streamlit as st

from cogattn.running.store import RunFolder

PACKAGE = "cogattn.apps.dashboard"


@dataclass(frozen=True)
class Place:
    """A page: its title, its path below the server's address, its icon, and its room."""

    title: str
    path: str
    icon: str
    room: str


PLACES = (
    Place("Runs", "", ":material/table_rows:", "runs"),
    Place("Run", "run", ":material/insights:", "run"),
    Place("Compare", "compare", ":material/compare_arrows:", "compare"),
    Place("Card", "card", ":material/badge:", "card"),
    Place("Stimuli", "stimuli", ":material/image:", "stimuli"),
    Place("Be the observer", "observer", ":material/person:", "observer"),
    Place("Launch", "launch", ":material/play_arrow:", "launch"),
)


def pages() -> list[st.Page]:
    """Return all pages in their order."""
    return [_page(place) for place in PLACES]


def link(path: str, label: str, *, icon: str | None = None, help: str | None = None, **query: str) -> None:
    """Draw a link to the page at `path`, with a query such as ``run="masking/abcdef123456"``."""
    place = next(place for place in PLACES if place.path == path)
    st.page_link(_page(place), label=label, icon=icon, help=help, query_params=query or None)


def address(path: str, **query: str) -> str:
    """Return the address of a page as a link within the server: ``/run?run=masking/abcdef123456``."""
    return f"/{path}" + (f"?{urlencode(query, safe='/,')}" if query else "")


def name_of(run: RunFolder) -> str:
    """Return how addresses name a run: ``masking/abcdef123456``."""
    return f"{run.study}/{run.id}"


def _page(place: Place) -> st.Page:
    return st.Page(
        _drawer(place.room), title=place.title, url_path=place.path, icon=place.icon, default=not place.path
    )


@lru_cache
def _drawer(room: str) -> Callable[[], None]:
    def draw() -> None:
        importlib.import_module(f"{PACKAGE}.{room}.page").page()

    draw.__name__ = room
    return draw
