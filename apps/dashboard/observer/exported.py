"""A sitting to take away: trials as jsPsych names them, a Psych-DS data set, a table for the study's command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from cogattn.psych_ds import data_name, data_set, zipped
from cogattn.registry import load_study
from cogattn.running.sessions import SessionFolder, SittingRecord
from cogattn.sittings import Sitting

if TYPE_CHECKING:
    import pandas as pd

README = """# {title}

One sitting of one person, {begun}, measured with the dashboard of cogattn {version}.

{about}

- `data/`: a row a trial, practice first. Times are milliseconds on the browser's clock; onset is the frame after
  the one that painted the picture, a reaction time is the key's own time stamp less that.
- `documentation/apparatus.json`: screen, calibration, intervals between frames, and when the window was left.
- `documentation/sitting.json`: seed and length, from which cogattn makes the same stimuli again, version of the consent
  text, and the marks that a reader should see first.

The person is known by a random number alone. A lab needs the approval of its own ethics committee.
"""


def downloads(
    session: SessionFolder,
    record: SittingRecord,
    sitting: Sitting,
    trials: pd.DataFrame,
    meanings: Mapping[str, tuple[str, str]],
) -> None:
    """Draw the buttons, and the command for what is too heavy for a page."""
    st.subheader("Take it away")
    stem = f"{record.study}-{record.word}-{session.id}"
    columns = st.columns(3)
    columns[0].download_button(
        "Trials (CSV, jsPsych's columns)", lambda: csv(trials), f"{stem}.csv", "text/csv", on_click="ignore"
    )
    columns[1].download_button(
        "Data set (Psych-DS)",
        lambda: zipped(psych_ds(record, sitting, trials, meanings)),
        f"{stem}.zip",
        "application/zip",
        on_click="ignore",
    )
    if sitting.fit is None:
        return
    file = f"{stem}-table.csv"
    counted = trials[trials["phase"] == "block"]
    table = sitting.fit.table
    columns[2].download_button(
        "Table for the command", lambda: csv(table(counted)), file, "text/csv", on_click="ignore"
    )
    st.write(sitting.fit.about)
    st.code(sitting.fit.command.format(file=file), language="bash")


def csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV whose truth values are those of JavaScript, true and false."""
    return _plain(table).to_csv(index=False, lineterminator="\n").encode()


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    truth = {name: table[name].map({True: "true", False: "false"}) for name in table.select_dtypes("bool")}
    return table.assign(**truth)


def psych_ds(
    record: SittingRecord, sitting: Sitting, trials: pd.DataFrame, meanings: Mapping[str, tuple[str, str]]
) -> dict[str, bytes]:
    """Return a sitting as the files of a Psych-DS data set."""
    name = data_name(study=record.study, subject=record.id, task=record.word)
    own = {column: (meaning, "") for column, meaning in sitting.columns.items()}
    kept = record.model_dump(mode="json", exclude={"apparatus", "trials_sha256"})
    return data_set(
        {name: _plain(trials)},
        name=f"{sitting.title}, one sitting",
        description=f"{len(trials)} trials of one person. {sitting.about}",
        variables={**meanings, **own},
        readme=README.format(
            title=sitting.title,
            begun=record.begun[:10],
            version=record.versions["cogattn"],
            about=sitting.about,
        ),
        changes=f"# Changes\n\n- {record.finished[:10]}: first version\n",
        documentation={"apparatus": record.apparatus, "sitting": kept},
        more={
            "schemaVersion": "Psych-DS 1.5.1",
            "dateCreated": record.finished,
            "keywords": ["psychophysics", record.study, record.word],
            "citation": load_study(record.study).reference,
        },
    )
