"""A place for each measure of a table; of many measures, a few at once, chosen by who reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from cogattn.apps.dashboard.rows import places

MOST_CHARTS = 6
"""Measures that are drawn at once."""


def each_measure(measures: Sequence[str], labels: Mapping[str, str], *, key: str) -> Iterator[str]:
    """Yield measures, each inside a place of its own on the page.

    Parameters
    ----------
    measures : sequence of str
        All there are, in their order.
    labels : mapping of str to str
        What each is called.
    key : str
        Of the widget by which some of more than `MOST_CHARTS` are chosen.
    """
    wanted = measures
    if len(measures) > MOST_CHARTS:
        first = list(measures[:MOST_CHARTS])
        wanted = st.multiselect(
            "Measures", measures, default=first, format_func=lambda name: labels[name], key=key
        )
    for measure, place in zip(wanted, places(len(wanted)), strict=True):
        with place:
            yield measure
