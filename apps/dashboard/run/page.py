"""Run: what one run says, beside people and the paper, down to the stimuli of single trials.

The address names the run, ``/run?run=masking/abcdef123456``. What is damaged is said first and missing below.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cogattn.apps.dashboard.links import link
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.run import curves, published, record, summary
from cogattn.apps.dashboard.run.choice import chosen
from cogattn.apps.dashboard.run.reading import Reading, read
from cogattn.apps.dashboard.server.place import store
from cogattn.errors import CogattnError
from cogattn.running.listing import state_of


def page() -> None:
    """Draw the page."""
    st.title("Run")
    run = chosen(store())
    if run is None:
        return
    reading = read(run)
    _head(reading)
    for problem in reading.problems:
        st.error(literal(problem), icon=":material/broken_image:")
    if reading.manifest is not None:
        summary.remarks(reading.manifest.remarks)
    _part("Summary", _summary, reading)
    _part("Curves and stimuli", curves.curves, reading)
    _part("Paper against ours", st.fragment(published.published, parallel=True), reading)
    _part("Figures", record.figures, reading)
    _part("Cells that failed or are left out", record.failures, reading)
    _part("Where it comes from", record.provenance, reading)
    _part("Run it again", record.again, reading)
    _part("Downloads", record.downloads, reading)


def _head(reading: Reading) -> None:
    state, how_far = state_of(reading.run)
    colour = {"finished": "green", "unfinished": "orange", "damaged": "red"}[state]
    st.markdown(f"**{literal(reading.name)}** :{colour}-badge[{literal(how_far)}]")
    left, right = st.columns(2)
    with left:
        link("compare", "Compare with other runs", icon=":material/compare_arrows:", runs=reading.name)
    with right:
        link("", "All runs", icon=":material/table_rows:")


def _part(title: str, draw: Callable[[Reading], None], reading: Reading) -> None:
    """A section; what goes wrong in it is said there, and the others are drawn."""
    st.header(title)
    try:
        draw(reading)
    except (CogattnError, OSError) as error:
        st.error(literal(str(error)))


def _summary(reading: Reading) -> None:
    table = reading.summary()
    if table is None:
        st.caption("There is no summary: the run is not finished, or its summary is damaged.")
        return
    summary.summary_table(table)
    study, config = reading.study, reading.config
    simulated = study is not None and config is not None and study.simulated(config)
    summary.beside_people(table, reading.people(), simulated=simulated, key=f"{reading.run.id}-measures")
