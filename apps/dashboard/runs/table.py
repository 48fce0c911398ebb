"""The table of runs: a row each, in columns the settings in which they differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st
from pydantic import JsonValue

from cogattn.apps.dashboard.links import link
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.runs.reading import Listed
from cogattn.running.listing import differing, short

MOST_SETTINGS = 8
"""Settings that have a column each; where more differ, or several studies are listed, one column holds them all."""
MOST_COMPARED, MOST_CARDS, MOST_LINKS = 8, 3, 3
LONGEST = 120
MOST_SEEN, TALL_PX = 15, 528
"""More rows than these are scrolled within the table."""
CHOSEN = "chosen-runs"
"""Key of the names of the runs that are chosen, which outlive a table that changes under them."""


def table_of(listed: Sequence[Listed]) -> pd.DataFrame:
    """Return what the table shows of runs, in their order."""
    differ = differing([one.survey for one in listed])
    paths = list(dict.fromkeys(path for own in differ for path in own))
    one_study = len({one.run.study for one in listed}) == 1
    rows = [
        {
            "run": one.run.id,
            "study": one.run.study,
            "status": one.how_far if one.status != "running" else "running",
            "observers": _shown(", ".join(one.survey.observers)),
            **_settings(own, paths, apart=one_study and len(paths) <= MOST_SETTINGS),
            "started (UTC)": one.survey.started[:16].replace("T", " "),
        }
        for one, own in zip(listed, differ, strict=True)
    ]
    return pd.DataFrame(rows)


def show_table(listed: Sequence[Listed]) -> None:
    """Draw the table, and links to the pages of the runs that are chosen in it."""
    names = [one.name for one in listed]
    kept = [name for name in st.session_state.get(CHOSEN, []) if name in set(names)]
    place = st.container()
    state = st.dataframe(
        table_of(listed),
        key=f"runs-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}",
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(name) for name in kept]}},
        height="content" if len(names) <= MOST_SEEN else TALL_PX,
        column_config={
            "run": st.column_config.TextColumn("run", pinned=True, width=120),
            "observers": st.column_config.TextColumn("observers", width="medium"),
        },
        alt="Runs of the store: a row each, newest first",
    )
    chosen = [listed[row] for row in state["selection"]["rows"] if row < len(listed)]
    st.session_state[CHOSEN] = [one.name for one in chosen]
    with place:
        _links(chosen)


def _links(chosen: Sequence[Listed]) -> None:
    if not chosen:
        st.caption("Choose rows, by mouse or with the arrow keys and Shift+Space, to open or compare runs.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for one in chosen[:MOST_LINKS]:
            link("run", f"Run {literal(one.run.id)}", run=one.name)
        if 2 <= len(chosen) <= MOST_COMPARED:
            link("compare", f"Compare these {len(chosen)}", runs=",".join(one.name for one in chosen))
        for observer in list(dict.fromkeys(o for one in chosen for o in one.survey.observers))[:MOST_CARDS]:
            link("card", f"Card of {literal(_shown(observer, 40))}", model=observer)
    if len(chosen) > MOST_COMPARED:
        st.caption(f"{len(chosen)} runs are chosen; at most {MOST_COMPARED} can be compared.")


def _settings(own: Mapping[str, JsonValue], paths: Sequence[str], *, apart: bool) -> dict[str, str]:
    if apart:
        return {path: _shown(short(own[path])) if path in own else "" for path in paths}
    if not paths:
        return {}
    return {
        "settings that differ": _shown(", ".join(f"{path}={short(value)}" for path, value in own.items()))
    }


def _shown(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"
