"""The table of seeds: a row for each measure of runs that differ in their seed alone, and each seed as a dot."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.drawing.charts import Bar, axis_title, interval_chart, show
from cogattn.apps.dashboard.links import link, name_of
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.runs.reading import values
from cogattn.apps.dashboard.runs.seeds import SeedGroup, SeedRow, groups, rows
from cogattn.errors import StoreError
from cogattn.running.listing import Survey, differing, short

HELPING_S = 3.0
"""How long summaries are read before what is there is shown."""


def show_seeds(listed: Sequence[Survey]) -> None:
    """Draw the table, and a chart of the row that is chosen in it."""
    found = groups(listed)
    if not found:
        st.info("No two of these finished runs differ in their seed alone.")
        return
    made, unread = _rows(found)
    if unread:
        st.caption(f"{unread} of {len(found)} groups have not been read yet; narrow the filters, or press r.")
    st.caption(
        "Mean over seeds with Student's t interval (95 %); n is the number of seeds. Of what is compared by ratios "
        "(scale log), the geometric mean. The interval tells how far the random streams matter, nothing else."
    )
    state = st.dataframe(
        _table(made),
        key="seeds",
        hide_index=True,
        placeholder="",
        on_select="rerun",
        selection_mode="single-row",
        alt="Means over seeds: a row for each measure of runs that differ in their seed alone",
        column_config={
            name: st.column_config.NumberColumn(name, format="%.4g") for name in ("mean", "lo", "hi")
        },
    )
    chosen = state["selection"]["rows"]
    if chosen and chosen[0] < len(made):
        _chart(*made[chosen[0]][1:])


def _rows(found: Sequence[SeedGroup]) -> tuple[list[tuple[str, SeedGroup, SeedRow]], int]:
    """Each row with the settings in which its group differs from others, and how many groups time did not reach."""
    until = time.monotonic() + HELPING_S
    differ = differing([group.runs[0] for group in found])
    made: list[tuple[str, SeedGroup, SeedRow]] = []
    for i, (group, own) in enumerate(zip(found, differ, strict=True)):
        if time.monotonic() > until:
            return made, len(found) - i
        said = ", ".join(f"{path}={short(value)}" for path, value in own.items() if path != "seed")
        try:
            per_run = {name_of(one.run): values(one.run) for one in group.runs}
        except StoreError as error:
            st.warning(literal(str(error)))
            continue
        made += [(said, group, row) for row in rows(per_run)]
    return made, 0


def _table(made: Sequence[tuple[str, SeedGroup, SeedRow]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study": group.runs[0].run.study,
                "observer": row.value.observer,
                "measure": row.value.label,
                "unit": row.value.unit,
                "mean": row.mean.estimate,
                "lo": row.mean.lo,
                "hi": row.mean.hi,
                "n": row.mean.n,
                "settings that differ": said[:200],
            }
            for said, group, row in made
        ]
    )


def _chart(group: SeedGroup, row: SeedRow) -> None:
    seeds = {name_of(one.run): short(one.settings["seed"]) for one in group.runs}
    bar = Bar("mean of seeds", row.mean.estimate, row.mean.lo, row.mean.hi, row.mean.n)
    chart = interval_chart(
        [bar],
        title=axis_title(row.value.label, row.value.unit),
        ticks=[("each seed", f"seed {seeds[name]}", value) for name, value in row.seeds],
        scale=row.value.scale,
    )
    show(
        chart,
        alt_text=f"{row.value.label}: mean over {row.mean.n} seeds with its interval, each seed as a dot",
    )
    with st.container(horizontal=True):
        for name, seed in seeds.items():
            link("run", f"Run of seed {literal(seed)}", run=name)
