"""Which run, or which runs, an address names; a choice from the store where it names none."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from cogattn.apps.dashboard.links import link, name_of
from cogattn.apps.dashboard.literal import literal
from cogattn.errors import CogattnError
from cogattn.running.catalogue import find_run, list_runs
from cogattn.running.store import RunFolder

RUN = "run"
LONGEST = 100
"""Characters of a run's name in an address."""


def chosen(root: Path) -> RunFolder | None:
    """Return the run that the address names; draw a choice, and return None, where it names none that is stored."""
    named = st.query_params.get(RUN, "")
    if named:
        try:
            return run_named(root, named)
        except CogattnError as error:
            st.error(literal(str(error)))
    names = [name_of(run) for run in list_runs(root)]
    if not names:
        st.info("No run is stored yet. Start a study, and it is here.")
        link("launch", "Start a study", icon=":material/play_arrow:")
        return None
    picked = st.selectbox("Run", names, index=None, placeholder="study/id", key="run-chooser")
    if picked:
        st.query_params[RUN] = picked
        st.rerun()
    return None


def run_named(root: Path, name: str) -> RunFolder:
    """Return the run of the store that a name of an address means, ``study/id`` or the start of an id.

    Raises
    ------
    ConfigError
        If it means none, or several.
    """
    return find_run(root, name[:LONGEST])
