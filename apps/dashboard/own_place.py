"""Your own place: a person's measures among the study's persons, and the models that have runs in the store."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from cogattn.apps.dashboard import charts, theme
from cogattn.apps.dashboard.charts import Bar, axis_title, interval_chart
from cogattn.apps.dashboard.place import store
from cogattn.errors import StoreError
from cogattn.people.placing import place_table
from cogattn.registry import load_study
from cogattn.reporting.tables import interval_text
from cogattn.running.listing import Filters, surveys
from cogattn.sittings import Curve, Scored

YOU = "you"
MODELS = ("network", "control")
MOST_MODELS = 8
"""Of a chart, the last in the order of runs."""


def draw(study: str, scored: Scored) -> None:
    """Draw every measure among people and models, then the curves."""
    people = load_study(study).persons()
    people = pd.DataFrame(columns=["person", "measure", "estimate"]) if people is None else people
    measures = scored.measures
    placed = place_table(measures, people, joint=()).set_index("measures") if len(people) else pd.DataFrame()
    models = _models(study, tuple(measures["measure"]))
    for row in measures.itertuples():
        own = people[people["measure"] == row.measure]
        st.markdown(f"**{row.label[:1].upper()}{row.label[1:]}**")
        st.markdown(f"You: {interval_text(row.estimate, row.lo, row.hi)} {row.unit} (n = {row.n} trials). " + (
            _sentence(placed.loc[row.measure]) if row.measure in placed.index else "No persons to compare with."
        ))  # fmt: skip
        among = models[models["measure"] == row.measure]
        bars = [Bar(YOU, row.estimate, row.lo, row.hi, int(row.n))]
        bars += [
            Bar(one.observer, one.estimate, one.lo, one.hi, int(one.n), series=number)
            for number, one in enumerate(among.itertuples(), start=1)
        ]
        chart = interval_chart(
            bars,
            title=axis_title(row.label, row.unit),
            people=list(zip(own["person"], own["estimate"], strict=True)),
            people_row=f"people (n = {len(own)})",
            scale=row.scale,
        )
        charts.show(chart, alt_text=f"{row.label}: you, {len(own)} persons as dots, {len(among)} models")
    for curve in scored.curves:
        st.markdown(f"**{curve.title}**")
        charts.show(_curve(curve), alt_text=f"{curve.title}: {curve.y_label} by {curve.x_label}")


def _sentence(found: pd.Series) -> str:
    """Where the person lies, or why that cannot be said."""
    if pd.isna(found["distance"]):
        return str(found["note"])
    distance = interval_text(found["distance"], found["distance_lo"], found["distance_hi"])
    return (
        f"Among {found['n']:.0f} persons: {distance} SD of people from their mean, p = {found['p']:.2g} (rank "
        f"{found['rank']:.2g}) for being one of them; a place 3 SD away would be told with probability "
        f"{found['power']:.2f}."
    )


@st.cache_data(ttl=30, show_spinner=False)
def _models(study: str, measures: tuple[str, ...]) -> pd.DataFrame:
    """Rows of the models of finished runs that have these measures; a damaged run is left out."""
    found = []
    for one in surveys(store(), Filters(study=study, state="finished")):
        try:
            rows = one.run.summary()
        except StoreError:
            continue
        found.append(rows[rows["role"].isin(MODELS) & rows["measure"].isin(measures)])
    columns = ["observer", "measure", "estimate", "lo", "hi", "n"]
    table = pd.concat(found)[columns] if found else pd.DataFrame(columns=columns)
    return table.drop_duplicates(["observer", "measure"], keep="last").groupby("measure").tail(MOST_MODELS)


def _curve(curve: Curve) -> alt.LayerChart:
    """Lines with points and intervals, told apart by colour, dashes and shape."""
    points = curve.points.copy()
    names = list(dict.fromkeys(points["line"]))
    points["text"] = [
        interval_text(*own) for own in zip(points["estimate"], points["lo"], points["hi"], strict=True)
    ]
    small = {"labelFontSize": charts.FONT_PX, "titleFontSize": charts.FONT_PX}
    scale = alt.Scale(type=curve.x_scale, nice=False, padding=18, zero=False)
    x = alt.X(
        "x:Q", title=curve.x_label, scale=scale, axis=alt.Axis(values=sorted(set(points["x"])), **small)
    )
    y = alt.Y("estimate:Q", title=curve.y_label, scale=alt.Scale(zero=False), axis=alt.Axis(**small))
    looks = [
        alt.Color("line:N", title=curve.line_label, scale=alt.Scale(domain=names, range=list(theme.SERIES))),
        alt.Shape("line:N", title=curve.line_label, scale=alt.Scale(domain=names, range=list(charts.SHAPES))),
        alt.StrokeDash(
            "line:N", title=curve.line_label, scale=alt.Scale(domain=names, range=list(charts.DASHES))
        ),
    ]
    base = alt.Chart(points)
    tip = [
        alt.Tooltip("line:N", title=curve.line_label),
        alt.Tooltip("x:Q", title=curve.x_label),
        alt.Tooltip("text:N", title="estimate [95 %]"),
        alt.Tooltip("n:Q", title="n"),
    ]
    return alt.layer(
        base.mark_rule(strokeWidth=1.5).encode(x, alt.Y("lo:Q"), alt.Y2("hi:Q"), looks[0]),
        base.mark_line(strokeWidth=1.5).encode(x, y, looks[0], looks[2]),
        base.mark_point(filled=True, size=70, opacity=1).encode(x, y, looks[0], looks[1], tooltip=tip),
    ).properties(height=300)
