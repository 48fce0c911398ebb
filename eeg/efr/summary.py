"""From the trials of all listeners to what a reader asks: published bands beside ours, what is followed."""

from __future__ import annotations

from functools import partial

import pandas as pd

from cogattn.eeg.efr import figures, group, remarks
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.findings import Listener, findings_of_group, findings_of_one, persons
from cogattn.eeg.efr.measures import ALL
from cogattn.eeg.efr.plan import observers
from cogattn.eeg.encoding import transfers
from cogattn.eeg.encoding.said import with_persons
from cogattn.measures import summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, read_persons, remark_on
from cogattn.study import Results, Trials

FOLLOWED_COLUMNS = (
    "observer", "channel", "frequency_hz", "coherence", "coherence_lo", "coherence_hi", "p", "q", "n",
)  # fmt: skip
FIGURES = {
    "spectra": "spectrum", "transfer": "spectrum", "coupling": "pair", "steady_state": "growth", "pitch": "pitch",
    "group": "curve",
}  # fmt: skip
"""Each figure, and the table without which it is not drawn."""


def summarise(config: EfrConfig, trials: Trials) -> Results:
    """Tables, figures and remarks of a run; rows are of the listener, or of the group where the settings name several.

    Listeners who left no trials are left out.
    """
    listeners = _listeners(config, trials)
    findings = [findings_of_one(config, listener) for listener in listeners]
    tables = _tables(config, trials)
    rows = [finding.row for own in findings for finding in own]
    if len(observers(config)) > 1:
        tables["listeners"] = summary_table(rows)
        rows = findings_of_group(findings, Observer("listeners", f"{len(listeners)} listeners", "listener"))
    people = read_persons(config.humans, known=ALL) if config.humans else None
    heard = transfers.summary(config.models, config.encoding, trials, alpha=config.significance.alpha)
    tables |= heard.tables
    rows = beside([*rows, *heard.rows], people)
    alpha, several = config.significance.alpha, trials["curve"]["observer"].nunique() > 1
    drawn = [name for name, table in FIGURES.items() if len(trials[table]) and (name != "group" or several)]
    return Results(
        summary=summary_table(rows),
        tables=tables,
        figures={name: partial(getattr(figures, name), trials, alpha) for name in drawn} | heard.figures,
        remarks=(
            *remarks.remarks(config, trials),
            *heard.remarks,
            *(() if people is None else (remark_on(config.humans, people, rows),)),
        ),
        people=with_persons(persons(findings), heard.people) if people is None else people,
    )


def _listeners(config: EfrConfig, trials: Trials) -> list[Listener]:
    """Those who left trials, in the order of the settings."""
    whole = {name: dict(iter(rows.groupby("observer", sort=False))) for name, rows in trials.items()}
    own = {
        observer: {name: rows.get(observer.id, trials[name].iloc[:0]) for name, rows in whole.items()}
        for observer in observers(config)
    }
    return [
        Listener(who, rows) for who, rows in own.items() if len(rows["spectrum"]) or len(rows["detection"])
    ]


def _tables(config: EfrConfig, trials: Trials) -> dict[str, pd.DataFrame]:
    """Tables beside the summary, of the tasks that left rows."""
    tables: dict[str, pd.DataFrame] = {}
    spectrum, alpha = trials["spectrum"], config.significance.alpha
    if len(spectrum):
        followed = spectrum.loc[spectrum["q"] <= alpha, list(FOLLOWED_COLUMNS)].reset_index(drop=True)
        tables |= {
            "reported_bands": trials["reported"],
            "dominant_bands": trials["band"],
            "followed": followed,
            "mains": trials["mains"],
        }
        if len(observers(config)) > 1:
            tables["group_bands"] = group.group_bands(trials["curve"], trials["band"], alpha=alpha)
            tables["group_reported_bands"] = group.published_bands(trials["reported"], spectrum)
    if len(trials["detection"]):
        tables |= {"steady_state": trials["detection"], "amplitudes": trials["amplitude"]}
        tables |= {"sweeps": trials["sweeps"], "not_testable": trials["lock"]}
    return tables | {"recording": trials["recording"]}
