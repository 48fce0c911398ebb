"""What a run says, drawn: its remarks before any number, its summary, and every person beside the observers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.drawing.charts import DIAMOND, Bar, Role, axis_title, interval_chart, show
from cogattn.apps.dashboard.drawing.measures import each_measure
from cogattn.apps.dashboard.literal import literal
from cogattn.measures import Scale
from cogattn.reporting.tables import interval_text

MOST_BARS = 30
"""Observers of one chart; a longer list is in the table."""
PEOPLE_ROW, SIMULATED_ROW = "people", "simulated persons"
SIMULATED = "Persons are simulated: nobody was measured. Each is a hollow square, their mean is grey."
HEADS: Mapping[str, tuple[str, str]] = {
    "observer": ("observer", "Who was tested."),
    "role": ("role", "What the observer is: network, control, person, decoder or listener."),
    "label": ("measure", "What was measured."),
    "unit": ("unit", "Unit of the measure; a pure number has none."),
    "estimate": ("estimate", "The observer's value."),
    "lo": ("lower end", "Of the 95 % interval."),
    "hi": ("upper end", "Of the 95 % interval."),
    "n": ("n", "Units behind the estimate."),
    "human": ("people", "People's mean."),
    "human_lo": ("people, lower end", "Of the 95 % interval of people's mean."),
    "human_hi": ("people, upper end", "Of the 95 % interval of people's mean."),
    "human_n": ("people, n", "How many people."),
    "note": ("note", "What a reader must know of this row."),
}
"""Columns of the table: their heads and what they mean."""


def remarks(said: Sequence[str], *, at_once: int = 20) -> None:
    """Draw the sentences that a reader must not miss; of very many, those after the first unfold."""
    if said:
        st.warning("\n".join(f"- {literal(remark)}" for remark in said[:at_once]), icon=":material/info:")
    if len(said) > at_once:
        with st.expander(f"{len(said) - at_once} more remarks"):
            st.markdown("\n".join(f"- {literal(remark)}" for remark in said[at_once:]))


def summary_table(summary: pd.DataFrame) -> None:
    """Draw the summary, a row per observer and measure, with every interval and n."""
    if "human_n" in summary:
        summary = summary.replace({"human_n": {0: None}})
    shown = [name for name in HEADS if name in summary and not _empty(summary[name])]
    numbers = {"estimate", "lo", "hi", "human", "human_lo", "human_hi"}
    config = {
        name: st.column_config.NumberColumn(HEADS[name][0], help=HEADS[name][1], format="%.4g")
        if name in numbers
        else st.column_config.Column(HEADS[name][0], help=HEADS[name][1])
        for name in shown
    }
    st.dataframe(summary[shown], column_config=config, hide_index=True, width="stretch", placeholder="-")
    st.caption("Intervals are of 95 % unless a note says otherwise; downloads below have every digit.")


def beside_people(summary: pd.DataFrame, people: pd.DataFrame | None, *, simulated: bool, key: str) -> None:
    """Draw each measure's observers with their intervals, people's mean, and every person as a dot.

    Simulated persons are squares, and are said to be simulated.
    """
    if simulated and people is not None:
        st.caption(SIMULATED)
    measures = list(dict.fromkeys(summary["measure"]))
    labels = dict(zip(summary["measure"], summary["label"], strict=True))
    for measure in each_measure(measures, labels, key=key):
        _measure(summary[summary["measure"] == measure], _of_measure(people, measure), simulated)


def _measure(rows: pd.DataFrame, persons: Sequence[tuple[str, float]], simulated: bool) -> None:
    first = rows.iloc[0]
    scale: Scale = first["scale"] or "linear"
    people_row = SIMULATED_ROW if simulated else PEOPLE_ROW
    role: Role = "reference" if simulated else "human"
    bars = [_bar(row, number, role) for number, row in enumerate(rows.to_dict("records"))]
    bars = [bar for bar in bars if bar.role == "model" or not persons]
    mean = rows[rows["human"].notna()] if "human" in rows else rows.iloc[:0]
    if len(mean):
        theirs = mean.iloc[0]
        bars.append(
            Bar(
                people_row,
                theirs["human"],
                theirs["human_lo"],
                theirs["human_hi"],
                int(theirs["human_n"]),
                role=role,
                series=DIAMOND,
            )
        )
    st.markdown(f"**{literal(str(first['label']))}**")
    if not bars and not persons:
        st.caption("No value.")
        return
    kept = [*bars[:MOST_BARS], *(bar for bar in bars[MOST_BARS:] if bar.role != "model")]
    title = axis_title(str(first["label"]), str(first["unit"]))
    chart = interval_chart(
        kept, title=title, people=persons, people_row=people_row, simulated=simulated, scale=scale
    )
    show(chart, alt_text=_in_words(title, kept, len(persons), simulated))
    if len(kept) < len(bars):
        st.caption(f"The first {MOST_BARS} of {len(bars)} observers; the table has all.")


def _bar(row: Mapping[str, object], number: int, of_persons: Role) -> Bar:
    estimate, lo, hi = (float(str(row[name])) for name in ("estimate", "lo", "hi"))
    role = of_persons if row["role"] == "person" else "model"
    return Bar(str(row["observer"]), estimate, lo, hi, int(str(row["n"])), role=role, series=number)


def _of_measure(people: pd.DataFrame | None, measure: str) -> list[tuple[str, float]]:
    if people is None:
        return []
    own = people[people["measure"] == measure]
    return [(str(person), float(value)) for person, value in zip(own["person"], own["estimate"], strict=True)]


def _in_words(title: str, bars: Sequence[Bar], n_people: int, simulated: bool) -> str:
    told = [f"{bar.name} {interval_text(bar.estimate, bar.lo, bar.hi)}" for bar in bars]
    drawn = "simulated persons as hollow squares" if simulated else "persons as dots"
    dots = f"; {n_people} {drawn}" if n_people else ""
    return f"{title}: {'; '.join(told)}{dots}"


def _empty(column: pd.Series) -> bool:
    """Whether a column says nothing in any row."""
    return bool((column.isna() | (column.astype(str) == "")).all())
