"""Runs: what the store holds, what is under way, and runs that differ in their seed taken together."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from cogattn.apps.dashboard.links import address, link
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.runs.reading import STATUSES, Listed, Reading, at_work, listed, read
from cogattn.apps.dashboard.runs.table import show_table
from cogattn.apps.dashboard.server.place import store
from cogattn.errors import ConfigError, StoreError
from cogattn.running.listing import Filters, passing

FIRST_S, HELPING_S = 0.3, 1.0
"""How long a page reads before it shows what it has, and how long at a time after that."""
PULSE_S, SOON_S = 1.5, 0.2
"""How often runs under way are looked at, and how soon reading goes on."""
MOST_BARS, MOST_DAMAGED = 8, 20
ALL = "all"
RUNS, SEEDS = "runs", "seeds together"
MAX_CHARACTERS = 300


def page() -> None:
    """Draw the page."""
    st.title("Runs")
    try:
        found = read(store(), seconds=FIRST_S)
    except StoreError as error:
        st.error(literal(str(error)))
        return
    if not found.runs and not found.unread:
        _how_to_begin()
        _watch(found)
        return
    _damaged(found.runs)
    if any(one.survey.state == "unfinished" for one in found.runs):
        _watch(found)
    shown, view = _chosen(found)
    st.caption(_counted(shown, found))
    if not shown:
        link("", "No run passes these filters: show all", icon=":material/filter_alt_off:")
    elif view == SEEDS:
        from cogattn.apps.dashboard.runs.seeds_table import (
            show_seeds,  # altair: the list need not wait for it
        )

        show_seeds([one.survey for one in shown])
    else:
        show_table(shown)
    if found.unread:
        st.fragment(_read_on, run_every=SOON_S)()


def first_command(root: Path) -> list[str]:
    """Return the words of a command that makes a first run in seconds."""
    return ["cogattn", "masking", "--observer.kind", "template", "--out", str(root)]


def _how_to_begin() -> None:
    st.write("There is no run here yet. This one takes a few seconds; the page shows it as it goes.")
    st.code(shlex.join(first_command(store())), language="bash", wrap_lines=True)
    link("launch", "Or choose a study and its settings in a form", icon=":material/play_arrow:")
    st.caption(f"Folder of runs: {literal(str(store()))}")


def _chosen(found: Reading) -> tuple[list[Listed], str]:
    """The runs that pass the filters, which the address holds, and how to show them."""
    runs = found.runs
    columns = st.columns([2, 3, 3, 3], vertical_alignment="bottom")
    study = columns[0].selectbox("Study", [ALL, *found.studies], key="study", bind="query-params")
    observer = columns[1].text_input(
        "Observer",
        key="observer",
        bind="query-params",
        max_chars=MAX_CHARACTERS,
        placeholder="part of a name",
    )
    where = columns[2].text_input(
        "Settings",
        key="where",
        bind="query-params",
        max_chars=MAX_CHARACTERS,
        placeholder="seed=1 noise.n_bands=5",
        help="`setting=value`, several with spaces between them; the names are those of the command line.",
    )
    view = columns[3].segmented_control(
        "Show", [RUNS, SEEDS], default=RUNS, required=True, key="view", bind="query-params"
    )
    statuses = st.pills("Status", STATUSES, selection_mode="multi", key="status", bind="query-params")
    try:
        filters = Filters("" if study == ALL else str(study), observer or "", where=_words(where or ""))
        passed = {id(one) for one in passing([one.survey for one in runs], filters)}
    except ConfigError as error:
        if not found.unread:
            columns[2].error(literal(str(error).replace("--where", "Settings")))
        return [], str(view)
    kept = [one for one in runs if id(one.survey) in passed and (not statuses or one.status in set(statuses))]
    return kept, str(view)


def _words(where: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(where[:MAX_CHARACTERS]))
    except ValueError:
        raise ConfigError(
            f"--where must have its quotation marks in pairs; got {where[:MAX_CHARACTERS]}"
        ) from None


def _counted(shown: Sequence[Listed], found: Reading) -> str:
    counts = {status: sum(one.status == status for one in shown) for status in STATUSES}
    said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    of = "" if len(shown) == len(found.runs) else f" of {len(found.runs)}"
    noun = "run" if len(shown) == 1 and not of else "runs"
    return f"{len(shown)}{of} {noun}{': ' if said else ''}{said}"


def _damaged(runs: Sequence[Listed]) -> None:
    damaged = [one for one in runs if one.status == "damaged"]
    if not damaged:
        return
    names = [f"[{one.name}]({address('run', run=one.name)})" for one in damaged[:MOST_DAMAGED]]
    more = f" and {len(damaged) - MOST_DAMAGED} more" if len(damaged) > MOST_DAMAGED else ""
    st.warning(
        f"Damaged, and left out of tables and means: {', '.join(names)}{more}. "
        "`cogattn runs verify RUN` says what is wrong; the command that made a run mends it."
    )


def _watch(found: Reading) -> None:
    st.fragment(_under_way, run_every=PULSE_S)(found, _pulse(found))


def _under_way(found: Reading, pulse: object) -> None:
    """Bars of the runs under way; the page is drawn anew when one of them ends, or another appears."""
    if _pulse(found) != pulse:
        st.rerun()
    unfinished = [listed(one.survey) for one in found.runs if one.survey.state == "unfinished"]
    running = [one for one in unfinished if one.status == "running"]
    for one in running[:MOST_BARS]:
        observers = literal(", ".join(one.survey.observers)[:80])
        st.progress(
            one.stored / one.planned if one.planned else 0.0,
            text=f"[{one.name}]({address('run', run=one.name)}) {one.stored} of {one.planned or '?'} cells, "
            f"{observers}",
        )
    if len(running) > MOST_BARS:
        st.caption(f"{len(running) - MOST_BARS} more are running.")


def _read_on() -> None:
    """Read what the page had no time for, and draw it anew when that is done."""
    left = read(store(), seconds=HELPING_S).unread
    if not left:
        st.rerun()
    st.caption(f"{left} more runs are being read.")


def _pulse(found: Reading) -> object:
    """What changes when a run appears, is deleted, begins or ends."""
    unfinished = [one.run for one in found.runs if one.survey.state == "unfinished"]
    return _folders(), [(run, run.finished, at_work(run)) for run in unfinished]


def _folders() -> tuple[tuple[str, int], ...]:
    """Studies' folders by when a run was added to them or deleted."""
    try:
        with os.scandir(store()) as entries:
            return tuple(
                sorted((entry.name, entry.stat(follow_symlinks=False).st_mtime_ns) for entry in entries)
            )
    except OSError:
        return ()
