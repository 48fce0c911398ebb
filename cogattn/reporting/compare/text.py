"""A comparison for a terminal: what a reader must know, what differs in the settings, then the numbers."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.reporting.compare.selection import told
from cogattn.reporting.compare.values import PEOPLE
from cogattn.reporting.tables import WIDTH, aligned, blocks, interval_text, printable

if TYPE_CHECKING:
    from cogattn.reporting.compare.comparison import Comparison
    from cogattn.reporting.compare.explain import Explained

MAX_OBSERVERS = 12
"""More observers are told by their spread, a line a measure; files hold each."""
MAX_ROWS = 40
MAX_MEASURES = 30
LONGEST_SETTING = 40
SHORT = {
    "variance explained": "R²",
    "variance explained, leave-one-out": "R², one left out",
    "variance explained, leave-one-family-out": "R², a family left out",
}


def comparison_text(found: Comparison, *, width: int = WIDTH) -> str:
    """Return a comparison as text, `width` columns wide where text can be wrapped."""
    marks = _marks(found.sources)
    parts = [
        "\n".join(_wrapped(f"* {remark}", width) for remark in found.remarks),
        _sources(found.sources, marks, width),
        _settings(found.settings, marks, width),
        _values(found.values, marks, width),
        _differences(found.differences, marks, width),
        "" if found.explained is None else _relations(found.explained, width),
        _reliability(found.reliability, marks, width),
    ]
    return "\n\n".join(part for part in parts if part)


def _wrapped(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(printable(text), width, subsequent_indent="  "))


def _more(n: int, shown: int) -> list[str]:
    return [f"and {n - shown:,} more; --to FOLDER writes all"] if n > shown else []


def _sources(sources: pd.DataFrame, marks: Mapping[str, str], width: int) -> str:
    rows = [
        (
            f"{marks[row['source']]} {row['source']}".strip(),
            row["kind"],
            *(f"{row[name]:,}" for name in ("observers", "measures", "without_partner")),
        )
        for row in sources.to_dict("records")
    ]
    header = ("source", "kind", "observers", "measures", "in no other source")
    last = len(header) if len(rows) > 1 else len(header) - 1
    return blocks(header[:last], [row[:last] for row in rows], width=width)


def _marks(sources: pd.DataFrame) -> dict[str, str]:
    """A short sign for each source, where there are several."""
    names = [str(name) for name in sources["source"]]
    return {name: f"[{number}]" if len(names) > 1 else "" for number, name in enumerate(names, start=1)}


def _settings(settings: pd.DataFrame, marks: Mapping[str, str], width: int) -> str:
    if settings.empty:
        return ""
    runs = list(settings.columns[2:])
    several = settings["study"].nunique() > 1
    rows = [
        [
            f"{row['study']}: {row['setting']}" if several else row["setting"],
            *(_short(row[run]) for run in runs),
        ]
        for _, row in settings.head(MAX_ROWS).iterrows()
    ]
    return "\n".join(
        [
            aligned(["settings that differ", *(marks[run] for run in runs)], rows),
            *_more(len(settings), MAX_ROWS),
        ]
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SETTING else f"{text[: LONGEST_SETTING - 3]}..."


def _values(values: pd.DataFrame, marks: Mapping[str, str], width: int) -> str:
    tested = values[values["role"] != PEOPLE]
    units = tested[["source", "observer"]].drop_duplicates()
    if len(units) <= MAX_OBSERVERS and len(values) <= 2 * MAX_ROWS:
        return _each(values, marks, width)
    rows = [_spread(values, str(measure), own) for measure, own in tested.groupby("measure", sort=False)]
    header = ("measure", "median", "10 to 90 %", "people", "observers")
    text = blocks(header, rows[:MAX_MEASURES], width=width)
    return "\n".join([text, *_more(len(rows), MAX_MEASURES)])


def _each(values: pd.DataFrame, marks: Mapping[str, str], width: int) -> str:
    rows: list[tuple[str, ...]] = []
    for _, own in values.groupby(["source", "observer"], sort=False):
        first = own.iloc[0]
        rows.append((printable(f"{first['observer']} {marks[first['source']]}".strip()),))
        rows += [
            (
                printable(_labelled(row)),
                interval_text(row["estimate"], row["lo"], row["hi"]),
                f"{int(row['n']):,}" if np.isfinite(row["n"]) else "-",
            )
            for _, row in own.iterrows()
        ]
    return blocks(("", "estimate [95 % interval]", "n"), rows, width=width)


def _labelled(row: pd.Series) -> str:
    return f"{row['measure']} ({row['unit']})" if row["unit"] else str(row["measure"])


def _spread(values: pd.DataFrame, measure: str, own: pd.DataFrame) -> tuple[str, ...]:
    known = own["estimate"].dropna().to_numpy(float)
    people = values[(values["measure"] == measure) & (values["role"] == PEOPLE)]
    lo, middle, hi = np.quantile(known, [0.1, 0.5, 0.9]) if len(known) else (math.nan,) * 3
    theirs = people.iloc[0] if len(people) else None
    return (
        _labelled(own.iloc[0]),
        interval_text(middle, math.nan, math.nan),
        f"{interval_text(lo, math.nan, math.nan)} to {interval_text(hi, math.nan, math.nan)}",
        "-" if theirs is None else interval_text(theirs["estimate"], theirs["lo"], theirs["hi"]),
        f"{len(known):,}" + (f" of {len(own):,}" if len(known) < len(own) else ""),
    )


def _differences(table: pd.DataFrame, marks: Mapping[str, str], width: int) -> str:
    if table.empty:
        return ""
    rows: list[tuple[str, ...]] = []
    methods = list(dict.fromkeys(table["method"]))
    for measure, own in table.head(MAX_ROWS).groupby("measure", sort=False):
        rows.append((printable(str(measure)),))
        for _, row in own.iterrows():
            sign = "over" if row["kind"] == "ratio" else "less"
            first, second = (
                f"{row[side]} {marks[row[f'{side}_source']]}".strip() for side in ("first", "second")
            )
            rows.append(
                (
                    printable(f"{first} {sign} {second} ({methods.index(row['method']) + 1})"),
                    interval_text(row["estimate"], row["lo"], row["hi"]),
                    f"{row['n']:,}",
                    f"{row['p']:.2g}" if np.isfinite(row["p"]) else "-",
                )
            )
    text = blocks(("differences", "estimate [95 % interval]", "n", "p"), rows, width=width)
    notes = [_wrapped(f"({number}) {method}", width) for number, method in enumerate(methods, start=1)]
    return "\n".join([text, *_more(len(table), MAX_ROWS), *notes])


def _relations(found: Explained, width: int) -> str:
    rows = [
        (
            SHORT.get(row["measure"], row["measure"]),
            row["predictor"],
            interval_text(row["estimate"], row["lo"], row["hi"]),
            f"{row['n']:,}",
        )
        for row in found.relations.to_dict("records")
    ]
    notes = [note for note in dict.fromkeys(found.relations["note"]) if note]
    return "\n".join(
        [
            _wrapped(f"{found.outcome} over {len(found.observers):,} observers", width),
            *(_wrapped(sentence, width) for sentence in _entered(found)),
            aligned(("relation", "to", "estimate [95 % interval]", "n"), rows),
            *(_wrapped(note, width) for note in notes),
        ]
    )


def _entered(found: Explained) -> list[str]:
    """Which measures enter as logarithms, and who lacks a value."""
    plain = [name for name in (*found.by, *found.control, found.outcome) if name not in found.logs]
    logs = f"{', '.join(found.logs)} as base-2 logarithms; " if found.logs else ""
    control = f"; control: {', '.join(found.control)}" if found.control else ""
    return [
        f"all: {', '.join(found.by)}{control}",
        f"enters: {logs}{', '.join(plain)} as {'they are' if len(plain) > 1 else 'it is'}",
        *told(found.reasons),
    ]


def _reliability(table: pd.DataFrame, marks: Mapping[str, str], width: int) -> str:
    if table.empty:
        return ""
    rows = [
        (
            f"{row['measure']} {marks[row['source']]}".strip(),
            interval_text(row["reliability"], row["lo"], row["hi"]),
            f"{row['n']:,}",
            _whole(row["trials"]),
            _whole(row["trials_needed"]),
        )
        for row in table.head(MAX_MEASURES).to_dict("records")
    ]
    header = ("reliability", "estimate [95 % interval]", "observers", "n each", "n for .9")
    note = (
        "1 less the mean squared error over the variance of estimates. Trials are taken as drawn anew for each "
        "observer; those who saw the same trials are told apart with fewer"
    )
    text = blocks(header, rows, width=width)
    return "\n".join([text, *_more(len(table), MAX_MEASURES), _wrapped(note, width)])


def _whole(number: float) -> str:
    return f"{int(number):,}" if math.isfinite(number) else ("unknown" if number == math.inf else "-")
