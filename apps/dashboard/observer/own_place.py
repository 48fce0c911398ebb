"""Your own place: a person's measures among the study's persons, and the models that have runs in the store."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from cogattn.apps.dashboard import theme
from cogattn.apps.dashboard.drawing import charts
from cogattn.apps.dashboard.drawing.charts import Bar, axis_title, interval_chart
from cogattn.apps.dashboard.server.place import store
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
HEIGHT_PX = 420
"""Of a chart of curves with its legend."""
ASIDE = 0.008
"""Part of the axis by which one line's points stand beside the next one's, so that no interval hides another."""


def draw(study: str, scored: Scored) -> None:
    """Draw every measure among people and models, then the curves."""
    people, measures = _people(study), scored.measures
    placed = place_table(measures, people, joint=()).set_index("measures")
    models = _models(study, tuple(measures["measure"]))
    for _, row in measures.iterrows():
        key = row["measure"]
        where = _sentence(placed.loc[key]) if key in placed.index else "No persons to compare with."
        _measure(row, where, people[people["measure"] == key], models[models["measure"] == key])
    if len(measures) and models.empty:
        st.caption("No run of this store has measured a model in this way yet; Launch starts one.")
    for curve in scored.curves:
        st.markdown(f"**{curve.title}**")
        charts.show(_curve(curve), alt_text=f"{curve.title}: {curve.y_label} by {curve.x_label}")


def _people(study: str) -> pd.DataFrame:
    """The study's persons; none where only means of groups are known."""
    people = load_study(study).persons()
    return pd.DataFrame(columns=["person", "measure", "estimate"]) if people is None else people


def _measure(row: pd.Series, where: str, people: pd.DataFrame, models: pd.DataFrame) -> None:
    """One measure: a sentence with interval and n, and a chart with every person as a dot."""
    label, unit = str(row["label"]), str(row["unit"])
    estimate = interval_text(row["estimate"], row["lo"], row["hi"])
    st.markdown(f"**{label[:1].upper()}{label[1:]}**")
    st.markdown(f"You: {estimate}{f' {unit}' if unit else ''} (n = {row['n']} trials). {where}")
    bars = [Bar(YOU, row["estimate"], row["lo"], row["hi"], int(row["n"]))]
    for series, (_, one) in enumerate(models.iterrows(), start=1):
        bars.append(Bar(one["observer"], one["estimate"], one["lo"], one["hi"], int(one["n"]), series=series))
    chart = interval_chart(
        bars,
        title=axis_title(label, unit),
        people=list(zip(people["person"], people["estimate"], strict=True)),
        people_row=f"people (n = {len(people)})",
        scale=row["scale"],
    )
    charts.show(chart, alt_text=f"{label}: you, {len(people)} persons as dots, {len(models)} models")


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


def _curve(curve: Curve) -> alt.TopLevelMixin:
    """Lines with points and intervals, told apart by colour, dashes and shape."""
    points = curve.points.copy()
    names = list(dict.fromkeys(points["line"]))
    rank = points["line"].map({name: number for number, name in enumerate(names)}) - (len(names) - 1) / 2
    points["place"] = _beside(points["x"], rank, curve.x_scale)
    points["text"] = [
        interval_text(*own) for own in zip(points["estimate"], points["lo"], points["hi"], strict=True)
    ]
    scale = alt.Scale(type=curve.x_scale, nice=False, padding=18, zero=False)
    x = alt.X("place:Q", title=curve.x_label, scale=scale, axis=_axis(sorted(set(points["x"]))))
    y = alt.Y("estimate:Q", title=curve.y_label, scale=alt.Scale(zero=False), axis=_axis())
    looks = [
        alt.Color("line:N", title=curve.line_label, scale=alt.Scale(domain=names, range=list(theme.SERIES))),
        alt.Shape("line:N", title=curve.line_label, scale=alt.Scale(domain=names, range=list(charts.SHAPES))),
    ]
    rule = alt.MarkDef(type="rule", strokeWidth=1.5)
    dot = alt.MarkDef(type="point", filled=True, size=70, opacity=1)
    tip = [
        alt.Tooltip("line:N", title=curve.line_label),
        alt.Tooltip("x:Q", title=curve.x_label),
        alt.Tooltip("text:N", title="estimate [95 %]"),
        alt.Tooltip("n:Q", title="n"),
    ]
    return alt.layer(
        alt.Chart(points, mark=rule).encode(x, alt.Y("lo:Q"), alt.Y2("hi:Q"), looks[0]),
        *(
            alt.Chart(points[points["line"] == name], mark=_dashed(number)).encode(x, y, looks[0])
            for number, name in enumerate(names)
        ),
        alt.Chart(points, mark=dot).encode(x, y, looks[0], looks[1], tooltip=tip),
    ).properties(height=HEIGHT_PX)


def _dashed(number: int) -> alt.MarkDef:
    return alt.MarkDef(type="line", strokeWidth=1.5, strokeDash=charts.DASHES[number % len(charts.DASHES)])


def _beside(x: pd.Series, rank: pd.Series, scale: str) -> pd.Series:
    """Places along the axis, moved aside by each line's rank; on a log axis by a factor."""
    if scale == "log":
        return x * (x.max() / x.min()) ** (ASIDE * rank)
    return x + (x.max() - x.min()) * ASIDE * rank


def _axis(values: list[float] | None = None) -> alt.Axis:
    marked = alt.Undefined if values is None else values
    return alt.Axis(values=marked, labelFontSize=charts.FONT_PX, titleFontSize=charts.FONT_PX)
