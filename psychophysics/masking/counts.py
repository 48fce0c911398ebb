"""People in the masking task: the published counts that ship with the package, and tables of your own.

The published counts are those of 14 observers in Subramanian et al. (2023), 1,050 trials each, with the
paper's pyramid noise: correct answers and trials per observer, noise SD and band. They were read from the
authors' notebook (humans/human_analysis.ipynb, github.com/ajaysub110/critical-band-masking, commit 7e9c8e2),
whose per-observer figure shows every cell's accuracy; their mean equals the matrix that it prints. Neither
the images nor the trial order nor reaction times are part of it.

A table of your own is a CSV file of counts (columns observer, noise_sd, band, n_correct, n_trials) or of
trials (observer, image, noise_sd, band, and either correct or both response and category). ``band`` counts
from 0, the lowest; where ``noise_sd`` is 0 it means nothing and may be -1. An optional column nominal_cpi
names each band's centre in cycles per image.

References
----------
Subramanian, Sizikova, Majaj, Pelli (2023), NeurIPS, arXiv 2309.13190.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.fit import LOWEST_CPI

PUBLISHED = {"subramanian2023": "human_counts.csv"}
"""Names of the tables that ship with the package."""
COUNT_COLUMNS = ("observer", "noise_sd", "band", "n_correct", "n_trials")
TRIAL_COLUMNS = ("observer", "image", "noise_sd", "band")
MAX_BAND = 15
_CORRECT = {"1": True, "true": True, "1.0": True, "0": False, "false": False, "0.0": False}


@dataclass(frozen=True, eq=False)
class HumanCounts:
    """Counts of correct answers by person, noise SD and band.

    Parameters
    ----------
    observers : tuple of str, length n_observers
        Names of the people.
    n_correct, n_trials : arrays of int, shape (n_observers, n_sds, n_bands)
        Counts; 0 trials where a person saw none.
    noise_sds : array, shape (n_sds,)
        Rising.
    nominal_cpi : array, shape (n_bands,)
        What the bands are called, in cycles per image.
    noise : {"pyramid", "octave"} or None
        Kind of noise bands, where it is known.
    """

    observers: tuple[str, ...]
    n_correct: NDArray[np.int64]
    n_trials: NDArray[np.int64]
    noise_sds: NDArray[np.float64]
    nominal_cpi: NDArray[np.float64]
    noise: Literal["pyramid", "octave"] | None = None


def published_counts(name: str = "subramanian2023") -> HumanCounts:
    """Return the published counts of this name; raise DataError where there are none."""
    if name not in PUBLISHED:
        raise DataError(f"humans must be one of {', '.join(PUBLISHED)} or a CSV file; got {name}")
    with _packaged(name).open(encoding="utf-8") as text:
        counts = _from_counts(pd.read_csv(text, dtype=str, keep_default_na=False), name)
    return replace(counts, noise="pyramid")


def read_counts(table: str | Path) -> HumanCounts:
    """Return the counts of a published table or of a CSV file of counts or trials.

    Parameters
    ----------
    table : str or Path
        A name of `PUBLISHED`, or a file.

    Returns
    -------
    HumanCounts

    Raises
    ------
    DataError
        If the file cannot be read or breaks a rule; the message names line and column.
    """
    if str(table) in PUBLISHED:
        return published_counts(str(table))
    rows = _read_csv(table)
    if "n_correct" in rows:
        return _from_counts(rows, str(table))
    trials = _check_trials(rows, str(table))
    cell = ["observer", "noise_sd", "band"]
    grouped = trials.groupby(cell, sort=False)["correct"].agg(n_correct="sum", n_trials="size").reset_index()
    return _pivot(grouped, _labels(rows, trials["band"], str(table)))


def has_trials(table: str | Path) -> bool:
    """Whether the table holds trials, a row each, and not counts only."""
    return str(table) not in PUBLISHED and "n_correct" not in _read_csv(table)


def read_trials(table: str | Path) -> pd.DataFrame:
    """Return the trials of a CSV file: columns observer, image, noise_sd, band and correct, a row per trial.

    Raises
    ------
    DataError
        If the file cannot be read, holds counts only, or breaks a rule; the message names line and column.
    """
    if str(table) in PUBLISHED:
        raise DataError(f"trials must come from a table of trials; got {table}, which holds counts only")
    return _check_trials(_read_csv(table), str(table))


def as_trials(counts: HumanCounts) -> pd.DataFrame:
    """Return one row per trial (observer, noise_sd, band, correct), the correct ones of a cell first."""
    person, row, band = np.nonzero(counts.n_trials)
    n_trials, n_correct = counts.n_trials[person, row, band], counts.n_correct[person, row, band]
    repeat = np.repeat(np.arange(len(n_trials)), n_trials)
    position = np.arange(n_trials.sum()) - np.repeat(np.cumsum(n_trials) - n_trials, n_trials)
    return pd.DataFrame(
        {
            "observer": np.asarray(counts.observers)[person[repeat]],
            "noise_sd": counts.noise_sds[row[repeat]],
            "band": band[repeat],
            "correct": position < n_correct[repeat],
        }
    )


def fingerprint(table: str | Path) -> str:
    """Return the SHA-256 of a published table or a file, in hex."""
    try:
        source = _packaged(str(table)) if str(table) in PUBLISHED else Path(table)
        return hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(_unreadable(table, error.strerror or str(error))) from None


def _packaged(name: str) -> Path:
    return Path(str(files("cogattn.psychophysics.masking") / "data" / PUBLISHED[name]))


def _unreadable(table: str | Path, cause: str) -> str:
    return f"humans must be one of {', '.join(PUBLISHED)} or a readable CSV file; got {table} ({cause})"


def _read_csv(table: str | Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(_unreadable(table, getattr(error, "strerror", None) or str(error))) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{table} must be a CSV file with a header; got {str(error).strip()}") from None
    if rows.empty:
        raise DataError(f"{table} must hold at least one row; got none")
    return rows


def _from_counts(rows: pd.DataFrame, table: str) -> HumanCounts:
    _need(rows, COUNT_COLUMNS, table)
    cells = _cells(rows, table)
    for name in ("n_correct", "n_trials"):
        cells[name] = _whole(rows, name, table, least=0, most=2**40)
    _refuse(cells["n_correct"] > cells["n_trials"], rows, "n_correct", "at most n_trials", table)
    repeated = cells.duplicated(["observer", "noise_sd", "band"])
    _refuse(repeated, rows, "band", "given once per observer and noise SD", table)
    return _pivot(cells, _labels(rows, cells["band"], table))


def _check_trials(rows: pd.DataFrame, table: str) -> pd.DataFrame:
    _need(rows, TRIAL_COLUMNS, table)
    trials = _cells(rows, table)
    trials.insert(1, "image", rows["image"])
    if "correct" in rows:
        answers = rows["correct"].str.strip().str.lower()
        _refuse(~answers.isin(_CORRECT), rows, "correct", "0 or 1", table)
        trials["correct"] = answers.map(_CORRECT).astype(bool)
        return trials
    _need(rows, ("response", "category"), table)
    for name in ("response", "category"):
        _refuse(rows[name].str.strip() == "", rows, name, "a category", table)
    trials["correct"] = rows["response"].str.strip() == rows["category"].str.strip()
    return trials


def _cells(rows: pd.DataFrame, table: str) -> pd.DataFrame:
    """Checked columns observer, noise_sd and band."""
    _refuse(rows["observer"].str.strip() == "", rows, "observer", "a name", table)
    sds = pd.to_numeric(rows["noise_sd"], errors="coerce")
    _refuse(~((sds >= 0) & np.isfinite(sds)), rows, "noise_sd", "a number from 0", table)
    bands = _whole(rows, "band", table, least=-1, most=MAX_BAND)
    _refuse((bands < 0) & (sds > 0), rows, "band", "a whole number from 0 where there is noise", table)
    return pd.DataFrame({"observer": rows["observer"], "noise_sd": sds, "band": bands.clip(lower=0)})


def _whole(rows: pd.DataFrame, name: str, table: str, *, least: int, most: int) -> pd.Series:
    values = pd.to_numeric(rows[name], errors="coerce")
    bad = ~((values >= least) & (values <= most) & (values == values.round()))
    _refuse(bad, rows, name, f"a whole number from {least} to {most}", table)
    return values.astype(np.int64)


def _need(rows: pd.DataFrame, names: tuple[str, ...], table: str) -> None:
    missing = [name for name in names if name not in rows]
    if missing:
        raise DataError(
            f"{table} must have the column {missing[0]}; got {', '.join(map(str, rows.columns))} "
            f"(counts: {', '.join(COUNT_COLUMNS)}; trials: {', '.join(TRIAL_COLUMNS)}, correct)"
        )


def _refuse(bad: pd.Series, rows: pd.DataFrame, name: str, rule: str, table: str) -> None:
    """Raise DataError for the first row that is bad; the header is line 1."""
    if bad.any():
        row = int(np.argmax(bad.to_numpy()))
        raise DataError(f"{name} must be {rule}; got {rows[name].iloc[row]!r} ({table}, line {row + 2})")


def _labels(rows: pd.DataFrame, bands: pd.Series, table: str) -> NDArray[np.float64]:
    """Nominal centre of every band: the table's, else octaves from 1.75 cycles per image."""
    labels = LOWEST_CPI * 2.0 ** np.arange(bands.max() + 1)
    if "nominal_cpi" in rows:
        given = pd.to_numeric(rows["nominal_cpi"], errors="coerce")
        _refuse(~((given > 0) & np.isfinite(given)), rows, "nominal_cpi", "a frequency above 0", table)
        labels[bands.to_numpy()] = given.to_numpy()
    return labels


def _pivot(cells: pd.DataFrame, nominal_cpi: NDArray[np.float64]) -> HumanCounts:
    observers = tuple(dict.fromkeys(cells["observer"]))
    sds = np.unique(cells["noise_sd"])
    index = (
        cells["observer"].map({name: i for i, name in enumerate(observers)}).to_numpy(),
        np.searchsorted(sds, cells["noise_sd"]),
        cells["band"].to_numpy(),
    )
    n_correct = np.zeros((len(observers), len(sds), len(nominal_cpi)), dtype=np.int64)
    n_trials = np.zeros_like(n_correct)
    np.add.at(n_correct, index, cells["n_correct"].to_numpy())
    np.add.at(n_trials, index, cells["n_trials"].to_numpy())
    return HumanCounts(observers, n_correct, n_trials, sds, nominal_cpi)
