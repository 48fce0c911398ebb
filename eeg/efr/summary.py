"""From the trials of all listeners to what a reader asks: published bands beside ours, what is followed."""

from __future__ import annotations

import pandas as pd

from cogattn.eeg.efr import figures, group
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.findings import Listener, findings_of_group, findings_of_one
from cogattn.eeg.efr.people import persons, read_people
from cogattn.eeg.efr.plan import observers
from cogattn.eeg.efr.remarks import remarks
from cogattn.eeg.encoding import transfers
from cogattn.eeg.encoding.said import with_persons
from cogattn.measures import summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, remark_on
from cogattn.study import Results, Trials

FOLLOWED_COLUMNS = [
    "observer", "channel", "frequency_hz", "coherence", "coherence_lo", "coherence_hi", "p", "q", "n",
]  # fmt: skip
TABLES = {
    "spectrum": {"reported_bands": "reported", "dominant_bands": "band", "mains": "mains"},
    "detection": {
        "steady_state": "detection", "amplitudes": "amplitude", "sweeps": "sweeps", "not_testable": "lock",
    },
}  # fmt: skip
"""Trial tables that a reader gets, under the names they get, by the table that tells whether their task was run."""


def summarise(config: EfrConfig, trials: Trials) -> Results:
    """Tables, figures and remarks of a run; rows are of the listener, or of the group where the settings name several.

    Listeners who left no trials are left out.
    """
    alpha, several = config.significance.alpha, len(observers(config)) > 1
    listeners = _listeners(config, trials)
    findings = [findings_of_one(config, listener) for listener in listeners]
    tables = _tables(trials, alpha, several)
    rows = [finding.row for own in findings for finding in own]
    if several:
        tables["listeners"] = summary_table(rows)
        rows = findings_of_group(findings, Observer("listeners", f"{len(listeners)} listeners", "listener"))
    people = read_people(config)
    heard = transfers.summary(config.models, config.encoding, trials, alpha=alpha)
    rows = beside([*rows, *heard.rows], people)
    beside_whom = () if people is None else (remark_on(config.humans, people, rows),)
    return Results(
        summary=summary_table(rows),
        tables={**tables, **heard.tables},
        figures={**figures.drawn(trials, alpha), **heard.figures},
        remarks=(*remarks(config, trials), *heard.remarks, *beside_whom),
        people=with_persons(persons(findings), heard.people) if people is None else people,
    )


def _listeners(config: EfrConfig, trials: Trials) -> list[Listener]:
    """Those who left trials, in the order of the settings."""
    whole = {name: dict(iter(rows.groupby("observer", sort=False))) for name, rows in trials.items()}
    return [
        Listener(who, {name: rows.get(who.id, trials[name].iloc[:0]) for name, rows in whole.items()})
        for who in observers(config)
        if who.id in whole["spectrum"] or who.id in whole["detection"]
    ]


def _tables(trials: Trials, alpha: float, several: bool) -> dict[str, pd.DataFrame]:
    """Tables beside the summary, of the tasks that left rows."""
    tables = {"recording": trials["recording"]}
    for task, shown in TABLES.items():
        if len(trials[task]):
            tables |= {name: trials[table] for name, table in shown.items()}
    spectrum = trials["spectrum"]
    if len(spectrum):
        followed = spectrum.loc[spectrum["q"] <= alpha, FOLLOWED_COLUMNS]
        tables["followed"] = followed.reset_index(drop=True)
        if several:
            tables["group_bands"] = group.group_bands(trials["curve"], trials["band"], alpha=alpha)
            tables["group_reported_bands"] = group.published_bands(trials["reported"], spectrum)
    return tables
