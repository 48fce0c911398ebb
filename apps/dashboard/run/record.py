"""What a run leaves beside its numbers: figures, failed cells, where it comes from, how to run it again, its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.rows import places
from cogattn.apps.dashboard.run.again import command, file_name
from cogattn.apps.dashboard.run.reading import SUMMARY, Reading
from cogattn.errors import CogattnError
from cogattn.running.catalogue import verify
from cogattn.running.exporting import command_of, exported
from cogattn.running.records import ListedCell, Session
from cogattn.running.store import FIGURES, TABLES, TRIALS

MOST_LISTED = 200
CSV, PARQUET, PNG, PDF = ".csv", ".parquet", ".png", ".pdf"
MIME = {
    CSV: "text/csv",
    PARQUET: "application/vnd.apache.parquet",
    PDF: "application/pdf",
    ".toml": "application/toml",
}


def figures(reading: Reading) -> None:
    """Draw the run's own figures, and offer each as PDF."""
    names, pdfs = reading.files(FIGURES, PNG), reading.files(FIGURES, PDF)
    for name, place in zip(names, places(len(names)), strict=True):
        with place:
            st.image(reading.data(f"{FIGURES}/{name}{PNG}"), caption=literal(name.replace("_", " ")))
            if name in pdfs:
                _download(reading, f"{FIGURES}/{name}{PDF}", f"{name}{PDF}")
    if not names:
        st.caption("No figures.")


def failures(reading: Reading) -> None:
    """Say whom the tables leave out and why, and which cells are not there."""
    withheld = reading.manifest.withheld if reading.manifest else {}
    for who, why in withheld.items():
        st.error(f"{literal(who)} is left out: {literal(why)}")
    missing = _missing(reading)
    n_cells = len(reading.cells.cells) if reading.cells else 0
    if missing:
        st.markdown(f"{len(missing):,} of {n_cells:,} cells are not stored:")
        rows = [{"cell": cell.label, "observer": cell.observer} for cell in missing[:MOST_LISTED]]
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
        if len(missing) > MOST_LISTED:
            st.caption(f"The first {MOST_LISTED} of {len(missing):,}.")
    elif reading.cells and not withheld:
        stored = "The one cell is stored" if n_cells == 1 else f"All {n_cells:,} cells are stored"
        st.markdown(f"{stored}; nobody is left out.")
    elif reading.cells is None:
        st.markdown("No list of cells can be read.")
    if st.button("Check every file and cell against its hash", key=f"verify-{reading.run.id}"):
        problems = verify(reading.run)
        for problem in problems:
            st.error(literal(problem))
        if not problems:
            st.success("Every file and every cell is as it was written.")


def _missing(reading: Reading) -> list[ListedCell]:
    listed = reading.cells.cells if reading.cells else ()
    return [cell for cell in listed if not reading.run.cells.has(cell.name)]


# ---- where it comes from


def provenance(reading: Reading) -> None:
    """Draw the sessions that computed something, and the library versions of the last."""
    sessions = reading.provenance.sessions
    if not sessions:
        st.caption("No session is recorded.")
        return
    st.dataframe(pd.DataFrame([_session(session) for session in sessions]), hide_index=True, width="stretch")
    last = sessions[-1]
    with st.expander("Versions, code and data of the last session"):
        versions = [{"package": name, "version": version or "-"} for name, version in last.versions.items()]
        st.dataframe(pd.DataFrame(versions), hide_index=True, width="stretch")
        told = {"code of the cells": last.code, "code of the summary": last.summary_code, **last.inputs}
        st.dataframe(
            pd.DataFrame([{"what": name, "SHA-256": digest} for name, digest in told.items()]),
            hide_index=True,
            width="stretch",
        )
        st.markdown("As it was started:")
        st.code(command_of(reading.run, sessions), language="bash", wrap_lines=True)


def _session(session: Session) -> dict[str, object]:
    return {
        "started (UTC)": session.started.replace("T", " ")[:19],
        "cells": session.n_cells,
        "computed": session.n_missing,
        "workers": session.workers,
        "devices": ", ".join(session.devices) or "-",
        "precision": session.precision,
        "processor": session.cpu,
        "GPUs": ", ".join(session.gpus) or "-",
        "platform": session.platform,
        "cogattn": session.versions.get("cogattn") or "-",
        "git": session.git or "-",
        "code": session.code[:12],
    }


# ---- again


def again(reading: Reading) -> None:
    """Offer the run as a command and as TOML, each to be copied; both find the same run."""
    if reading.settings is None:
        st.caption("The settings cannot be read.")
        return
    words = command(reading.run, reading.settings.config, reading.study)
    st.markdown("As a command:")
    st.code(words, language="bash", wrap_lines=True)
    text = exported(reading.run)
    st.markdown(f"As TOML; saved as `{file_name(reading.run)}`, it is what `--config` takes:")
    st.code(text, language="toml", height=320)
    st.download_button(
        "Settings as TOML",
        text.encode(),
        file_name=file_name(reading.run),
        mime=MIME[".toml"],
        on_click="ignore",
        icon=":material/download:",
        key=f"toml-{reading.run.id}",
    )


# ---- files


def downloads(reading: Reading) -> None:
    """Offer the summary and every table as they are on disk, with the SHA-256 that the manifest has."""
    if reading.manifest is None:
        st.caption("There is nothing to download: the run is not finished, or its manifest is damaged.")
        return
    tables, trials = reading.files(TABLES, CSV), reading.files(TRIALS, PARQUET)
    if SUMMARY in tables:
        _download(reading, f"{TABLES}/{SUMMARY}{CSV}", "Summary as CSV", name=f"summary{CSV}", primary=True)
    with st.expander(f"All {len(tables)} tables (CSV) and {len(trials)} tables of trials (Parquet)"):
        names = [f"{TABLES}/{name}{CSV}" for name in tables if name != SUMMARY]
        _listed(reading, [*names, *(f"{TRIALS}/{name}{PARQUET}" for name in trials)])
        st.markdown("SHA-256 of every file, as the manifest has them:")
        st.dataframe(
            pd.DataFrame([{"file": name, "SHA-256": sha} for name, sha in reading.manifest.files.items()]),
            hide_index=True,
            width="stretch",
        )


def _listed(reading: Reading, names: Sequence[str]) -> None:
    for name, place in zip(names, places(len(names), across=3), strict=True):
        with place:
            _download(reading, name, name.partition("/")[2])


def _download(reading: Reading, path: str, label: str, *, name: str = "", primary: bool = False) -> None:
    ending = path[path.rindex(".") :]
    stem = name or path.rpartition("/")[2]
    st.download_button(
        literal(label),
        _bytes(reading, path),
        file_name=f"{reading.run.study}-{reading.run.id}-{stem}",
        mime=MIME[ending],
        on_click="ignore",
        icon=":material/download:",
        type="primary" if primary else "secondary",
        key=f"file-{reading.run.id}-{path}",
    )


def _bytes(reading: Reading, path: str) -> Callable[[], bytes]:
    """What reads a file when it is asked for, and not before."""

    def read() -> bytes:
        try:
            return reading.data(path)
        except CogattnError as error:
            return str(error).encode()

    return read
