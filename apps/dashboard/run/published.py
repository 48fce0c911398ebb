"""The paper against ours: a run's observers beside the published ones, measure by measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.drawing.charts import Bar, axis_title, interval_chart, show
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.rows import places
from cogattn.apps.dashboard.run.reading import Reading
from cogattn.registry import load_study
from cogattn.reporting.tables import interval_text

MOST_BARS, MOST_CHARTS = 12, 6


def published(reading: Reading) -> None:
    """Draw the published values of the run's measures beside its own, and people's."""
    summary = reading.summary()
    if summary is None:
        st.caption("There is no summary to set beside the paper.")
        return
    names = list(reading.study.published()) if reading.study is not None else []
    if not names:
        _people_alone(summary, names)
        return
    # Published networks are fitted when they are asked for, which takes seconds.
    beside = st.expander(f"Beside {literal(', '.join(names))}", key="published-beside", on_change="rerun")
    if beside.open:
        with beside:
            _beside(reading, summary, names)


def _beside(reading: Reading, summary: pd.DataFrame, names: list[str]) -> None:
    tables = {name: _table(reading.run.study, name) for name in names}
    shared = {
        name: table[table["measure"].isin(summary["measure"])]
        for name, table in tables.items()
        if table["measure"].isin(summary["measure"]).any()
    }
    if not shared:
        _people_alone(summary, names)
        return
    rows = [row for name, table in shared.items() for row in _rows(summary, table, name)]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    measures = [
        m for m in dict.fromkeys(summary["measure"]) if any(m in set(t["measure"]) for t in shared.values())
    ]
    drawn = measures[:MOST_CHARTS]
    for measure, place in zip(drawn, places(len(drawn)), strict=True):
        with place:
            _strip(summary[summary["measure"] == measure], shared, measure)


@st.cache_data(max_entries=8, show_spinner="Reading the published values")
def _table(study: str, name: str) -> pd.DataFrame:
    return load_study(study).published()[name]()


def _people_alone(summary: pd.DataFrame, names: list[str]) -> None:
    if "human" in summary and summary["human"].notna().any():
        told = "The study brings no published observers with these measures; people's means are in the summary above."
    else:
        told = "Nothing is published of these measures that the study brings along."
    st.caption(told + (f" Published tables: {literal(', '.join(names))}." if names else ""))


def _rows(summary: pd.DataFrame, table: pd.DataFrame, source: str) -> list[Mapping[str, object]]:
    """A row per observer and measure: ours, people's, the published observer of that name, the published spread."""
    rows = []
    for row in summary[summary["measure"].isin(table["measure"])].to_dict("records"):
        own = table[table["measure"] == row["measure"]]
        known = own["estimate"].astype(float).dropna()
        same = own[own["observer"] == row["observer"]]
        lo, middle, hi = np.quantile(known, [0.1, 0.5, 0.9]) if len(known) else (np.nan,) * 3
        rows.append(
            {
                "observer": row["observer"],
                "measure": axis_title(row["label"], row["unit"]),
                "ours [95 %]": interval_text(row["estimate"], row["lo"], row["hi"]),
                "people [95 %]": interval_text(row["human"], row["human_lo"], row["human_hi"]),
                "published, same observer": interval_text(*same.iloc[0][["estimate", "lo", "hi"]])
                if len(same)
                else "-",
                "published, median [10 to 90 %]": interval_text(middle, lo, hi),
                "published, n": len(known),
                "source": source,
            }
        )
    return rows


def _strip(own: pd.DataFrame, shared: Mapping[str, pd.DataFrame], measure: str) -> None:
    """Our observers with their intervals, people's mean, and every published observer as a grey tick."""
    first = own.iloc[0]
    bars = [
        Bar(row["observer"], row["estimate"], row["lo"], row["hi"], int(row["n"]), series=number)
        for number, row in enumerate(own.head(MOST_BARS).to_dict("records"))
    ]
    if np.isfinite(first["human"]):
        ends = (first["human"], first["human_lo"], first["human_hi"])
        bars.append(Bar("people", *ends, int(first["human_n"]), role="human"))
    ticks = [
        (f"published ({name})", str(row["observer"]), float(row["estimate"]))
        for name, table in shared.items()
        for row in table[table["measure"] == measure].to_dict("records")
    ]
    title = axis_title(str(first["label"]), str(first["unit"]))
    chart = interval_chart(bars, title=title, ticks=ticks, scale=first["scale"] or "linear")
    st.markdown(f"**{literal(str(first['label']))}**")
    show(chart, alt_text=f"{title}: our observers, people, and {len(ticks)} published observers as ticks")
