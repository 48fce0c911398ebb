"""Compare: two to eight runs or published tables, in settings, values, curves, differences and single answers.

The address names them, ``/compare?runs=masking/abcdef123456,subramanian2023-networks``. The numbers are those of
``cogattn compare``.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cogattn.apps.dashboard.compare import curves, tables, trials
from cogattn.apps.dashboard.compare.reading import (
    FEWEST,
    MOST,
    Asked,
    asked,
    command,
    compared,
    published_names,
)
from cogattn.apps.dashboard.links import link, name_of
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.run import summary as run_summary
from cogattn.apps.dashboard.run.reading import Reading, read
from cogattn.apps.dashboard.server.place import store
from cogattn.errors import CogattnError
from cogattn.running.catalogue import list_runs

RUNS = "runs"
CHOOSER = "compare-chooser"
REMARKS = 8
"""Of the sources together that stand above the numbers; the others unfold."""


def page() -> None:
    """Draw the page."""
    st.title("Compare")
    root = store()
    found = asked(root, st.query_params.get(RUNS, ""))
    _chooser(found)
    for problem in found.problems:
        st.error(literal(problem))
    if len(found.names) < FEWEST:
        st.info(f"Choose {FEWEST} to {MOST} runs or published tables.")
        return
    try:
        comparison = compared(root, found)
    except CogattnError as error:
        st.error(literal(str(error)))
        comparison = None
    marks = tables.marks_of(found.names)
    readings = [read(run) for run in found.runs.values()]
    _links(found)
    for problem in (problem for reading in readings for problem in reading.problems):
        st.error(literal(problem), icon=":material/broken_image:")
    if comparison is not None:
        run_summary.remarks(comparison.remarks, at_once=REMARKS)
        _part("Sources", lambda: tables.sources(comparison, marks))
        _part("Settings that differ", lambda: tables.settings(comparison, marks))
        _part("Differences", lambda: tables.differences(comparison, marks))
        _part("Values", lambda: tables.values(comparison, marks))
    _part("Curves", lambda: curves.overlaid(readings, marks))
    _part("Same stimulus, two answers", lambda: _two_answers(readings, marks))
    if comparison is not None:
        _part("Downloads", lambda: tables.downloads(comparison, command(root, found.names)))


def _chooser(found: Asked) -> None:
    """What is compared, chosen from the store and the published tables; the address follows."""
    root = store()
    options = [*(name_of(run) for run in list_runs(root)), *published_names()]
    if st.session_state.get("compare-address") != found.names:
        st.session_state["compare-address"] = found.names
        st.session_state[CHOOSER] = [name for name in found.names if name in options]
    st.multiselect(
        "Runs and published tables",
        options,
        key=CHOOSER,
        max_selections=MOST,
        placeholder="study/id, or a published table",
        on_change=_address,
    )


def _address() -> None:
    names = st.session_state[CHOOSER]
    if names:
        st.query_params[RUNS] = ",".join(names)
    elif RUNS in st.query_params:
        del st.query_params[RUNS]


def _links(found: Asked) -> None:
    for column, name in zip(st.columns(4) * 2, found.runs, strict=False):
        with column:
            link("run", name, icon=":material/insights:", run=name)


def _part(title: str, draw: Callable[[], None]) -> None:
    st.header(title)
    try:
        draw()
    except (CogattnError, OSError) as error:
        st.error(literal(str(error)))


@st.fragment
def _two_answers(readings: list[Reading], marks: dict[str, str]) -> None:
    trials.two_answers(readings, marks)
