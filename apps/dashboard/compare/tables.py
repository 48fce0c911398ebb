"""A comparison drawn: sources, settings that differ, values with their intervals, and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.drawing.charts import Bar, axis_title, interval_chart, show
from cogattn.apps.dashboard.drawing.measures import each_measure
from cogattn.apps.dashboard.literal import literal
from cogattn.reporting.compare.comparison import Comparison
from cogattn.reporting.compare.values import PEOPLE
from cogattn.reporting.tables import interval_text
from cogattn.running.formats import csv_bytes

MOST_BARS = 12
"""Observers of one source that have rows of their own; of more, each is a tick."""


def marks_of(names: Sequence[str]) -> dict[str, str]:
    """Return the short sign of each source, ``[1]``, as ``cogattn compare`` prints it."""
    return {name: f"[{number}]" for number, name in enumerate(names, start=1)}


def sources(found: Comparison, marks: Mapping[str, str]) -> None:
    """Draw what is compared."""
    table = found.sources.assign(sign=[marks[name] for name in found.sources["source"]])
    heads = {
        "sign": "sign",
        "source": "source",
        "kind": "kind",
        "observers": "observers",
        "measures": "measures",
        "without_partner": "observers in no other source",
    }
    _table(table[list(heads)].rename(columns=heads))


def settings(found: Comparison, marks: Mapping[str, str]) -> None:
    """Draw the settings in which the runs differ, and no others."""
    if found.settings.empty:
        st.caption("The runs differ in no setting.")
        return
    _table(
        found.settings.rename(columns={name: f"{marks[name]} {name}" for name in found.settings.columns[2:]})
    )


def values(found: Comparison, marks: Mapping[str, str]) -> None:
    """Draw each measure's observers of all sources over one axis, with people's means."""
    tested = found.values[found.values["role"] != PEOPLE]
    counts = tested.groupby("measure", sort=False)["source"].nunique()
    measures = list(counts.sort_values(ascending=False, kind="stable").index)
    labels = dict(zip(found.values["measure"], found.values["label"], strict=True))
    for measure in each_measure(measures, labels, key="compare-measures"):
        _measure(found.values[found.values["measure"] == measure], marks)


def differences(found: Comparison, marks: Mapping[str, str]) -> None:
    """Draw who differs from whom and by how much, in as many digits as are wanted."""
    if found.differences.empty:
        st.caption("Nothing is compared: no two sources have the same measure of few enough observers.")
        return
    every = st.toggle(
        "Every digit",
        key="compare-digits",
        help="The numbers as cogattn compare --json has them; the downloads have them in any case.",
    )
    rows = [_difference(row, marks, every=every) for row in found.differences.to_dict("records")]
    _table(pd.DataFrame(rows))
    st.caption(
        "A ratio is first over second, a difference first less second; p is by exchanging signs where sources are "
        "paired over observers."
    )


def downloads(found: Comparison, command: str) -> None:
    """Offer the comparison as JSON and its tables as CSV, and the command that says the same."""
    columns = st.columns(3)
    _download(columns[0], "All as JSON", f"{found.json()}\n".encode(), "comparison.json", "application/json")
    _download(columns[1], "Differences as CSV", csv_bytes(found.differences), "differences.csv", "text/csv")
    _download(columns[2], "Values as CSV", csv_bytes(found.values), "values.csv", "text/csv")
    st.markdown("The same in a terminal:")
    st.code(command, language="bash", wrap_lines=True)


def _difference(row: Mapping[str, object], marks: Mapping[str, str], *, every: bool) -> dict[str, object]:
    numbers = {"estimate": row["estimate"], "lower end": row["lo"], "upper end": row["hi"], "p": row["p"]}
    return {
        "measure": row["measure"],
        "first": f"{row['first']} {marks[str(row['first_source'])]}",
        "second": f"{row['second']} {marks[str(row['second_source'])]}",
        "kind": row["kind"],
        "estimate [95 %]": interval_text(row["estimate"], row["lo"], row["hi"]),
        **({name: repr(float(str(value))) for name, value in numbers.items()} if every else {}),
        "n": row["n"],
        "how": row["method"],
    }


def _measure(rows: pd.DataFrame, marks: Mapping[str, str]) -> None:
    first = rows.iloc[0]
    bars: list[Bar] = []
    ticks: list[tuple[str, str, float]] = []
    for source, own in rows.groupby("source", sort=False):
        number = list(marks).index(str(source))
        sign, tested = marks[str(source)], own[own["role"] != PEOPLE]
        if len(tested) > MOST_BARS:
            ticks += [
                (f"{sign} {len(tested)} observers", str(row["observer"]), float(row["estimate"]))
                for row in tested.to_dict("records")
            ]
        else:
            bars += [_bar(row, sign, number) for row in tested.to_dict("records")]
    bars += _people(rows[rows["role"] == PEOPLE], marks)
    title = axis_title(str(first["label"]), str(first["unit"]))
    st.markdown(f"**{literal(str(first['label']))}**")
    chart = interval_chart(bars, title=title, ticks=ticks, scale=first["scale"] or "linear")
    told = "; ".join(f"{bar.name} {interval_text(bar.estimate, bar.lo, bar.hi)}" for bar in bars)
    show(chart, alt_text=f"{title}: {told}{f'; {len(ticks)} observers as ticks' if ticks else ''}")


def _people(rows: pd.DataFrame, marks: Mapping[str, str]) -> list[Bar]:
    """People's means, once where all sources bring the same."""
    numbers = rows[["estimate", "lo", "hi"]].drop_duplicates()
    if len(numbers) == 1:
        return [replace(_bar(rows.iloc[0].to_dict(), "", 0), name=PEOPLE)]
    return [_bar(row, marks[str(row["source"])], 0) for row in rows.to_dict("records")]


def _bar(row: Mapping[str, object], sign: str, number: int) -> Bar:
    estimate, lo, hi, n = (float(str(row[name])) for name in ("estimate", "lo", "hi", "n"))
    role = "human" if row["role"] in (PEOPLE, "person") else "model"
    return Bar(
        f"{sign} {row['observer']}", estimate, lo, hi, int(n) if n == n else 0, role=role, series=number
    )


def _table(table: pd.DataFrame) -> None:
    st.dataframe(table, hide_index=True, width="stretch", placeholder="-")


def _download(
    place: st.delta_generator.DeltaGenerator, label: str, data: bytes, name: str, mime: str
) -> None:
    place.download_button(
        label,
        data,
        file_name=name,
        mime=mime,
        on_click="ignore",
        icon=":material/download:",
        key=f"compare-{name}",
    )
