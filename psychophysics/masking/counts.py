"""People in the masking task: the published counts that ship with the package, and tables of your own.

The published counts are those of 14 observers in Subramanian et al. (2023), 1,050 trials each, with the
paper's pyramid noise: correct answers and trials per observer, noise SD and band. They were read from the
authors' notebook (humans/human_analysis.ipynb, github.com/ajaysub110/critical-band-masking, commit 7e9c8e2),
whose per-observer figure shows every cell's accuracy; their mean equals the matrix that it prints. Neither
the images nor the trial order nor reaction times are part of it.

The counts of 85 networks in the same task, 1,050 trials each, are those of the same authors' data
(data/network_data of the repository at commit a2b3d34, 0 or 1 for each trial, summed).

A table of your own is a CSV file of counts (columns observer, noise_sd, band, n_correct, n_trials) or of
trials (observer, image, noise_sd, band, and either correct or both response and category). ``band`` counts
from 0, the lowest; where ``noise_sd`` is 0 it means nothing and may be -1. An optional column nominal_cpi
names each band's centre in cycles per image.

References
----------
Subramanian, Sizikova, Majaj, Pelli (2023), NeurIPS, arXiv 2309.13190.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.people.files import Source, digest, need, read_rows, refuse, whole
from cogattn.people.tables import holds_persons
from cogattn.psychophysics.masking.config import LOWEST_CPI, PEOPLE_SAW, Shown

PUBLISHED = {"subramanian2023": "human_counts.csv"}
"""Names of the tables of people that ship with the package."""
NETWORKS = {"subramanian2023-networks": "network_counts.csv"}
"""Names of the tables of networks that do."""
COUNT_COLUMNS = ("observer", "noise_sd", "band", "n_correct", "n_trials")
TRIAL_COLUMNS = ("observer", "image", "noise_sd", "band")
MAX_BAND = 15
N_ALTERNATIVES = 16
"""People choose among 16 buttons."""
HUMANS = "humans"
"""The setting that names a table, unless an error is told that it was another."""
FORMS = f"counts: {', '.join(COUNT_COLUMNS)}; trials: {', '.join(TRIAL_COLUMNS)}, correct"
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
    shown : Shown, optional
        What they saw, where it is known.
    """

    observers: tuple[str, ...]
    n_correct: NDArray[np.int64]
    n_trials: NDArray[np.int64]
    noise_sds: NDArray[np.float64]
    nominal_cpi: NDArray[np.float64]
    shown: Shown | None = None


def published_counts(name: str = "subramanian2023", *, setting: str = HUMANS) -> HumanCounts:
    """Return the published counts of this name; raise DataError where there are none."""
    if name not in PUBLISHED:
        raise DataError(f"{setting} must be one of {', '.join(PUBLISHED)} or a CSV file; got {name}")
    return _shipped(PUBLISHED[name], setting)


def published_networks(name: str = "subramanian2023-networks") -> HumanCounts:
    """Return the published counts of networks, in the form of people's; raise DataError where there are none."""
    if name not in NETWORKS:
        raise DataError(f"name of published networks must be one of {', '.join(NETWORKS)}; got {name}")
    return _shipped(NETWORKS[name], "published networks")


def read_counts(table: str | Path, *, setting: str = HUMANS) -> HumanCounts:
    """Return the counts of a published table or of a CSV file of counts or trials.

    Parameters
    ----------
    table : str or Path
        A name of `PUBLISHED`, or a file.
    setting : str
        What named it, for the start of an error.

    Returns
    -------
    HumanCounts

    Raises
    ------
    DataError
        If the file cannot be read or breaks a rule; the message names line and column.
    """
    if str(table) in PUBLISHED:
        return published_counts(str(table), setting=setting)
    source = _source(table, setting)
    rows = read_rows(source)
    if "n_correct" in rows:
        return _from_counts(rows, source)
    trials = _check_trials(rows, source)
    cell = ["observer", "noise_sd", "band"]
    grouped = trials.groupby(cell, sort=False)["correct"].agg(n_correct="sum", n_trials="size").reset_index()
    return _pivot(grouped, _labels(rows, trials["band"], source))


def has_trials(table: str | Path, *, setting: str = HUMANS) -> bool:
    """Whether the table holds trials, a row each, and not counts or persons only."""
    if str(table) in PUBLISHED or holds_persons(table):
        return False
    return "n_correct" not in read_rows(_source(table, setting))


def read_trials(table: str | Path, *, setting: str = HUMANS) -> pd.DataFrame:
    """Return the trials of a CSV file: columns observer, image, noise_sd, band and correct, a row per trial.

    Raises
    ------
    DataError
        If the file cannot be read, holds counts only, or breaks a rule; the message names line and column.
    """
    if str(table) in PUBLISHED:
        raise DataError(f"{setting} must be a table of trials; got {table}, which holds counts only")
    source = _source(table, setting)
    return _check_trials(read_rows(source), source)


def check_bands(counts: HumanCounts, n_bands: int, table: str, *, setting: str = HUMANS) -> None:
    """Raise DataError unless people whose noise is not known saw as many bands as there are."""
    found = counts.n_trials.shape[-1]
    if counts.shown is None and found != n_bands:
        raise DataError(
            f"{setting} must have as many bands as noise.n_bands, {n_bands}; got {found} bands ({table})"
        )


def check_noise(counts: HumanCounts, table: str, *, setting: str = HUMANS) -> None:
    """Raise DataError unless every person saw noise, without which there is no channel to fit."""
    without = np.flatnonzero(counts.n_trials[:, counts.noise_sds > 0].sum(axis=(1, 2)) == 0)
    if without.size:
        raise DataError(
            f"{setting} must have trials with noise of every person; got none of {counts.observers[without[0]]} "
            f"({table})"
        )


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


def content(table: str | Path, *, setting: str = HUMANS) -> str:
    """Return the SHA-256 of a published table or a file, in hex; raise DataError where it cannot be read."""
    if str(table) in PUBLISHED:
        return digest(Source(str(_packaged(PUBLISHED[str(table)])), setting))
    return digest(_source(table, setting))


def _source(table: str | Path, setting: str) -> Source:
    return Source(str(table), setting, tuple(PUBLISHED))


def _packaged(file: str) -> Path:
    return Path(str(files("cogattn.psychophysics.masking") / "data" / file))


def _shipped(file: str, setting: str) -> HumanCounts:
    """Counts of the published study, whose people and networks saw the same."""
    source = Source(str(_packaged(file)), setting)
    return replace(_from_counts(read_rows(source), source), shown=PEOPLE_SAW["subramanian2023"])


def _from_counts(rows: pd.DataFrame, source: Source) -> HumanCounts:
    need(rows, COUNT_COLUMNS, source, forms=FORMS)
    cells = _cells(rows, source)
    for name in ("n_correct", "n_trials"):
        cells[name] = whole(rows, name, source, least=0, most=2**40)
    refuse(cells["n_correct"] > cells["n_trials"], rows, "n_correct", "no more than n_trials", source)
    repeated = cells.duplicated(["observer", "noise_sd", "band"])
    refuse(repeated, rows, "band", "each value once per observer and noise SD", source)
    return _pivot(cells, _labels(rows, cells["band"], source))


def _check_trials(rows: pd.DataFrame, source: Source) -> pd.DataFrame:
    need(rows, TRIAL_COLUMNS, source, forms=FORMS)
    trials = _cells(rows, source)
    trials.insert(1, "image", rows["image"])
    if "correct" in rows:
        answers = rows["correct"].str.strip().str.lower()
        refuse(~answers.isin(_CORRECT), rows, "correct", "0 or 1", source)
        trials["correct"] = answers.map(_CORRECT).astype(bool)
        return trials
    need(rows, ("response", "category"), source, forms=FORMS)
    for name in ("response", "category"):
        refuse(rows[name].str.strip() == "", rows, name, "a category", source)
    trials["correct"] = rows["response"].str.strip() == rows["category"].str.strip()
    return trials


def _cells(rows: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Checked columns observer, noise_sd and band."""
    refuse(rows["observer"].str.strip() == "", rows, "observer", "a name", source)
    sds = pd.to_numeric(rows["noise_sd"], errors="coerce")
    refuse(~((sds >= 0) & np.isfinite(sds)), rows, "noise_sd", "a number from 0", source)
    bands = whole(rows, "band", source, least=-1, most=MAX_BAND)
    refuse((bands < 0) & (sds > 0), rows, "band", "a whole number from 0 where there is noise", source)
    return pd.DataFrame({"observer": rows["observer"], "noise_sd": sds, "band": bands.clip(lower=0)})


def _labels(rows: pd.DataFrame, bands: pd.Series, source: Source) -> NDArray[np.float64]:
    """Nominal centre of every band: the table's, else octaves from 1.75 cycles per image."""
    labels = LOWEST_CPI * 2.0 ** np.arange(bands.max() + 1)
    if "nominal_cpi" in rows:
        given = pd.to_numeric(rows["nominal_cpi"], errors="coerce")
        refuse(~((given > 0) & np.isfinite(given)), rows, "nominal_cpi", "a frequency above 0", source)
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
