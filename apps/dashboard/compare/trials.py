"""The same stimulus, two answers: trials of two runs joined by what was shown, and the picture of each that differs.

Names join trials, and pixels decide: where two runs draw other images under the same names, each picture says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.run.reading import Reading
from cogattn.apps.dashboard.run.stimulus import draw, made
from cogattn.exhibits import Picture, Shown

ANSWERED = ("response", "n_fixations")
"""Columns that are answers."""
MEASURED = ("observer", "correct", "n_alternatives", "n_clipped", "rt_ms", "margin", "outcome", "found")
"""Columns that are no part of what was shown, beside answers and scores."""
TURN = "turn"
"""How often the same was shown before, so that the first joins the first."""


def two_answers(readings: Sequence[Reading], marks: Mapping[str, str]) -> None:
    """Draw the stimuli that two runs share and that were answered otherwise."""
    able = [reading for reading in readings if _tables(reading)]
    if len(able) < 2:
        st.caption("Two runs with trials are needed.")
        return
    first, second = _chosen_runs(able, marks)
    shared = [name for name in _tables(first) if name in _tables(second)]
    if first.name == second.name or first.run.study != second.run.study or not shared:
        st.caption("These two runs have no trials in common.")
        return
    task = shared[0] if len(shared) == 1 else st.selectbox("Trials", shared, key="two-task")
    tables = [
        _of_observer(reading, task, marks[reading.name], n) for n, reading in enumerate((first, second))
    ]
    joined, keys = join(*tables)
    if joined.empty:
        st.caption("No stimulus of one run is in the other.")
        return
    _told(joined)
    differ = joined[differing(joined)].reset_index(drop=True)
    if len(differ):
        _listed((first, second), task, differ, keys, marks)


def join(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Join two tables of trials by what was shown.

    Returns
    -------
    DataFrame
        A row a stimulus that both have; answers of the first end in ``_1``, of the second in ``_2``.
    list of str
        Columns that tell stimuli.
    """
    keys = [
        name
        for name in first
        if name in second and name not in (*ANSWERED, *MEASURED) and not name.startswith("score_")
    ]
    kept = [name for name in (*ANSWERED, "correct") if name in first and name in second]
    turned = [table.assign(**{TURN: table.groupby(keys).cumcount()}) for table in (first, second)]
    sides = [table[[*keys, TURN, *kept]] for table in turned]
    return sides[0].merge(sides[1], on=[*keys, TURN], suffixes=("_1", "_2")).drop(columns=TURN), keys


def differing(joined: pd.DataFrame) -> pd.Series:
    """Return which joined trials were answered otherwise."""
    differ = pd.Series(False, index=joined.index)
    for name in ANSWERED:
        if f"{name}_1" in joined:
            differ |= joined[f"{name}_1"] != joined[f"{name}_2"]
    return differ


def _tables(reading: Reading) -> list[str]:
    """Tables of trials in which stimuli were answered."""
    found = []
    for name in reading.files("trials", ".parquet"):
        trials = reading.trials(name)
        if trials is not None and len(trials) and "response" in trials:
            found.append(name)
    return found


def _chosen_runs(able: Sequence[Reading], marks: Mapping[str, str]) -> tuple[Reading, Reading]:
    if len(able) == 2:
        return able[0], able[1]
    names = {reading.name: reading for reading in able}
    left, right = st.columns(2)
    told = {name: f"{marks[name]} {name}" for name in names}
    one = left.selectbox("First run", list(names), format_func=lambda name: told[name], key="two-first")
    two = right.selectbox(
        "Second run", list(names), index=1, format_func=lambda name: told[name], key="two-second"
    )
    return names[one], names[two]


def _of_observer(reading: Reading, task: str, mark: str, number: int) -> pd.DataFrame:
    """One observer's trials of a run; who it is can be chosen where there are several."""
    trials = reading.trials(task)
    if trials is None:
        return pd.DataFrame()
    names = list(dict.fromkeys(trials["observer"]))
    who = names[0]
    if len(names) > 1:
        who = st.selectbox(f"Observer of {mark}", names, key=f"two-observer-{number}-{reading.run.id}")
    return trials[trials["observer"] == who].reset_index(drop=True)


def _told(joined: pd.DataFrame) -> None:
    """How many stimuli were answered otherwise, and who was right."""
    n, n_differ = len(joined), int(differing(joined).sum())
    told = f"Answers differ on {n_differ:,} of {n:,} stimuli that both runs show."
    if "correct_1" in joined:
        one, two = joined["correct_1"].to_numpy(bool), joined["correct_2"].to_numpy(bool)
        counts = (one & two, one & ~two, ~one & two, ~one & ~two)
        both, first, second, none = (int(np.sum(kind)) for kind in counts)
        told += (
            f" Right: both {both:,}, the first alone {first:,}, the second alone {second:,}, none {none:,}."
        )
    st.markdown(told)


def _listed(
    readings: tuple[Reading, Reading],
    task: str,
    differ: pd.DataFrame,
    keys: list[str],
    marks: Mapping[str, str],
) -> None:
    """The list of stimuli, one of which is looked at."""
    signs = [marks[reading.name] for reading in readings]
    heads = {
        f"{name}_{side}": f"{name} {signs[side - 1]}" for name in (*ANSWERED, "correct") for side in (1, 2)
    }
    key = f"two-{'-'.join(reading.run.id for reading in readings)}-{task}"
    st.dataframe(
        differ.rename(columns=heads).assign(number=np.arange(1, len(differ) + 1)).set_index("number"),
        width="stretch",
        height=260,
        on_select=lambda: _pick(f"{key}-rows", f"{key}-number"),
        selection_mode="single-row",
        key=f"{key}-rows",
    )
    number = st.number_input(f"Stimulus, of {len(differ):,}", 1, len(differ), key=f"{key}-number")
    row = differ.iloc[int(number) - 1].to_dict()
    _pictures(readings, task, row, keys, signs)


def _pick(rows: str, number: str) -> None:
    """A row that is clicked is the one that is looked at."""
    picked = st.session_state[rows]["selection"]["rows"]
    if picked:
        st.session_state[number] = picked[0] + 1


def _pictures(
    readings: tuple[Reading, Reading],
    task: str,
    row: Mapping[str, object],
    keys: list[str],
    signs: Sequence[str],
) -> None:
    found: list[Shown | str] = []
    for side, reading in enumerate(readings, start=1):
        found.append(made(reading, task, _trial(reading, task, row, keys, side)))
    same = _same_pixels(*found)
    if same is not None:
        st.markdown(
            "Both were shown the same pixels." if same else "**The pixels differ**, in spite of their names."
        )
    alike = same and all(isinstance(one, Shown) and not _on_it(one) for one in found)
    columns = st.columns(2)
    for side, (column, reading, sign) in enumerate(zip(columns, readings, signs, strict=True), start=1):
        with column:
            told = [
                f"{name} {row[f'{name}_{side}']}"
                for name in (*ANSWERED, "correct")
                if f"{name}_{side}" in row
            ]
            st.markdown(f"**{literal(f'{sign} {reading.name}')}**: {literal(', '.join(told))}")
            if not (alike and side == 2):
                draw(found[side - 1])


def _trial(
    reading: Reading, task: str, row: Mapping[str, object], keys: list[str], side: int
) -> dict[str, object]:
    """A joined row as a trial of one of the runs: its keys, its answers, and who answered."""
    trials = reading.trials(task)
    if trials is None:
        return {}
    same = np.ones(len(trials), dtype=bool)
    for name in keys:
        same &= (trials[name] == row[name]).to_numpy()
    for name in ANSWERED:
        if f"{name}_{side}" in row:
            same &= (trials[name] == row[f"{name}_{side}"]).to_numpy()
    return trials[same].iloc[0].to_dict() if same.any() else {}


def _same_pixels(first: Shown | str, second: Shown | str) -> bool | None:
    """Whether the first pictures of both are the same to the last bit; None where one is not there."""
    if isinstance(first, str) or isinstance(second, str):
        return None
    one, two = (
        next((part for part in shown.parts if isinstance(part, Picture)), None) for shown in (first, second)
    )
    return None if one is None or two is None else bool(np.array_equal(one.pixels, two.pixels))


def _on_it(shown: Shown) -> bool:
    """Whether something lies on a picture that is the observer's own."""
    return any(isinstance(part, Picture) and len(part.points) for part in shown.parts)
