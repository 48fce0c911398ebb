"""Estimates from several sources in one table, joined on the observer's name and the measure's key.

A source is a stored run, a published table or a table of one's own. The mean of people that a run brings along becomes
an observer of its own, called ``people``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.measures import Scale
from cogattn.running.listing import Survey
from cogattn.statistics.scales import Z_95

Kind = Literal["run", "published", "table"]
VALUE_COLUMNS = (
    "source", "observer", "role", "measure", "label", "unit", "scale", "estimate", "lo", "hi", "n", "note",
)  # fmt: skip
PEOPLE = "people"
"""Observer and role of the mean of people that a run or a published table brings along."""
SCALES = get_args(Scale)
MAX_NOTES = 4


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where estimates come from.

    Parameters
    ----------
    name : str
        ``masking/171a581f2b3c``, ``subramanian2023-networks``, ``scores.csv``.
    kind : {"run", "published", "table"}
        A stored run, a published table, a file or a table in memory.
    values : DataFrame
        Columns `VALUE_COLUMNS` less the source, and perhaps ``se``, from which `pool` makes the interval once the scale
        is known; unit, label and scale are empty where the source does not say.
    remarks : tuple of str
        What a reader must know before the numbers.
    run : Survey, optional
        Of a run: its study and its settings.
    families : mapping of str to str
        Family by observer, where a table says so.
    sha256 : str
        Of the file or the run's summary.
    """

    name: str
    kind: Kind
    values: pd.DataFrame
    remarks: tuple[str, ...] = ()
    run: Survey | None = None
    families: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""

    @property
    def observers(self) -> set[str]:
        """Whom it has estimates of, the mean of people aside."""
        return set(self.values.loc[self.values["role"] != PEOPLE, "observer"])


def values_of_summary(summary: pd.DataFrame, *, source: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Turn a summary into values and the sentences that its notes make.

    Parameters
    ----------
    summary : DataFrame
        Columns of `cogattn.measures.SUMMARY_COLUMNS`, of which those of people, role, label, unit, scale and note may
        be missing.
    source : str
        For the start of an error or a sentence.

    Returns
    -------
    values : DataFrame
        Columns `VALUE_COLUMNS` less the source (and ``se``, where the summary has it), the means of people last.
    remarks : tuple of str
        Each note with those whom it is about.
    """
    table = summary.reset_index(drop=True)
    text = {"role": "network", "label": "", "unit": "", "scale": "", "note": ""}
    numbers = {"lo": math.nan, "hi": math.nan, "n": math.nan}
    for name, missing in {**text, **numbers}.items():
        if name not in table:
            table[name] = missing
    table = table.astype(dict.fromkeys(text, object)).fillna(text)
    remarks = _notes(table, source)
    people, disagree = _people(table) if "human" in table else ([], [])
    if disagree:
        remarks += (f"{source}: people's {', '.join(disagree)} differ between rows and are left out",)
    own = table[[*VALUE_COLUMNS[1:], *(["se"] if "se" in table else [])]]
    pooled = pd.concat([own, pd.DataFrame(people, columns=VALUE_COLUMNS[1:])]) if people else own
    return pooled.reset_index(drop=True), remarks


def _people(table: pd.DataFrame) -> tuple[list[tuple[object, ...]], list[str]]:
    """People's mean of each measure that has one; measures of which rows tell different means."""
    found, disagree = [], []
    for measure, rows in table[table["human"].notna()].groupby("measure", sort=False):
        first = rows.iloc[0]
        if rows["human"].nunique() > 1:
            disagree.append(str(measure))
            continue
        ends = (first["human"], first.get("human_lo", math.nan), first.get("human_hi", math.nan))
        about = (PEOPLE, PEOPLE, measure, first["label"], first["unit"], first["scale"])
        found.append((*about, *ends, first.get("human_n", math.nan), _of_people(rows["note"])))
    return found, disagree


def _of_people(notes: pd.Series) -> str:
    """What the notes of all rows say of people."""
    each = [str(note).split("; ") for note in notes]
    theirs = [part for part in dict.fromkeys(each[0]) if part.startswith("people ")]
    return "; ".join(part for part in theirs if all(part in own for own in each))


def _notes(table: pd.DataFrame, source: str) -> tuple[str, ...]:
    said = []
    noted = table[table["note"] != ""]
    for note, rows in noted.groupby("note", sort=False):
        who = list(dict.fromkeys(rows["observer"]))
        about = ", ".join(map(str, who)) if len(who) <= 3 else f"{len(who)} observers"
        said.append(f"{source}: {note} ({', '.join(dict.fromkeys(rows['measure']))} of {about})")
    more = len(said) - MAX_NOTES
    rest = f"{source}: {more} more note{'s' if more > 1 else ''}; see the values"
    return (*said[:MAX_NOTES], *([rest] if more > 0 else []))


def pool(sources: Sequence[Source]) -> pd.DataFrame:
    """Return all values, each measure on the one scale, in the one unit, under the one label that sources give it.

    Returns
    -------
    DataFrame
        Columns `VALUE_COLUMNS`.

    Raises
    ------
    DataError
        If a source has an observer's measure twice, two sources differ in a measure's scale or unit, or an estimate is
        not above 0 on a log scale.
    """
    values = pd.concat([source.values.assign(source=source.name) for source in sources], ignore_index=True)
    twice = values[values.duplicated(["source", "observer", "measure"])]
    if len(twice):
        row = twice.iloc[0]
        raise DataError(
            f"an observer's measure must be once in a source; got {row['measure']} of {row['observer']} twice "
            f"({row['source']})"
        )
    for name, fallback in (("scale", "linear"), ("unit", ""), ("label", None)):
        known = {measure: _one(rows, name) for measure, rows in values.groupby("measure", sort=False)}
        values[name] = [known[m] or (m if fallback is None else fallback) for m in values["measure"]]
    bad = values[(values["scale"] == "log") & (values["estimate"] <= 0)]
    if len(bad):
        row = bad.iloc[0]
        raise DataError(
            f"{row['measure']} must be above 0, being compared by ratios; got {row['estimate']:g} for "
            f"{row['observer']} ({row['source']})"
        )
    return _with_intervals(values)[list(VALUE_COLUMNS)]


def _with_intervals(values: pd.DataFrame) -> pd.DataFrame:
    """Normal intervals of those that come with a standard error, which is of the logarithm on a log scale."""
    if "se" not in values:
        return values
    half, log = Z_95 * values["se"], values["scale"] == "log"
    for name, sign in (("lo", -1), ("hi", 1)):
        end = np.where(log, values["estimate"] * np.exp(sign * half), values["estimate"] + sign * half)
        values[name] = np.where(half.notna() & values[name].isna(), end, values[name])
    return values


def _one(rows: pd.DataFrame, name: str) -> str:
    """What the sources that say so call a measure's scale, unit or label; labels may differ."""
    given = rows[rows[name] != ""].drop_duplicates(name)
    if len(given) > 1 and name != "label":
        first, second = given.iloc[0], given.iloc[1]
        raise DataError(
            f"{name} of {first['measure']} must be the same in all sources; got {first[name]} ({first['source']}) and "
            f"{second[name]} ({second['source']})"
        )
    return str(given[name].iloc[0]) if len(given) else ""


def partners(sources: Sequence[Source]) -> pd.DataFrame:
    """Return a row per source: how many observers it has, and how many of them no other source knows.

    Returns
    -------
    DataFrame
        Columns source, kind, observers, measures, without_partner (0 where there is one source only), sha256.
    """
    rows = []
    for source in sources:
        others = set().union(*(other.observers for other in sources if other is not source))
        alone = len(source.observers - others) if len(sources) > 1 else 0
        n_measures = source.values["measure"].nunique()
        rows.append((source.name, source.kind, len(source.observers), n_measures, alone, source.sha256))
    columns = ["source", "kind", "observers", "measures", "without_partner", "sha256"]
    return pd.DataFrame(rows, columns=columns)


def known(name: str, names: Iterable[str], *, what: str) -> str:
    """Return `name` if it is one of `names`; raise DataError with the nearest otherwise."""
    there = list(dict.fromkeys(names))
    if name in there:
        return name
    close = difflib.get_close_matches(name, there, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(there[:12])}"
    raise DataError(
        f"{what} must be in the sources; got {name[:80]!r}; {hint}{' ...' if len(there) > 12 else ''}"
    )
