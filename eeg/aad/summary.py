"""What a run of the attended-speaker study says: accuracies, switch durations, significance, controls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.aad import figures
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.metrics import attention_index, information_rate, mesd
from cogattn.eeg.aad.significance import LEAVE_ONE_OUT_DISPERSION, chance_interval
from cogattn.eeg.aad.trials import IGNORED, columns_of
from cogattn.seeds import Streams
from cogattn.statistics.stats import Estimate, bootstrap
from cogattn.study import SUMMARY_COLUMNS, Results

FloatArray = NDArray[np.floating]
Row = dict[str, object]
MOST_WARNINGS = 4
"""Findings of the guards that are printed."""


def summarise(config: AadConfig, trials: pd.DataFrame) -> Results:
    """Build the summary, tables and figures of a run."""
    decoded = columns_of(trials, "window")
    curves = {name: accuracy_curves(rows) for name, rows in decoded.items()}
    rng = Streams(config.seed).child("aad", "summary")
    subjects = _subject_table(config, curves, columns_of(trials, "trial"))
    rows = [
        row for name, curve in curves.items()
        for row in _rows(config, name, curve, subjects[subjects["decoder"] == name], rng)
    ]  # fmt: skip
    table = _curve_table(curves, rng)
    n_windows = next(iter(decoded.values())).groupby("window_s").size()
    chance = {w: _chance(config, int(n_windows[w])) for w in config.windows_s}
    drawn = {
        "accuracy": partial(figures.accuracy_figure, table, chance),
        "switch_duration": partial(figures.switch_figure, subjects),
    }
    response = trials[trials["task"] == "response"]
    if len(response):
        drawn["response"] = partial(figures.response_figure, response)
    return Results(
        pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS)),
        {"accuracy": table, "subjects": subjects},
        drawn,
        (*_remarks(curves, subjects, chance), *_warnings(trials)),
    )


def accuracy_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each subject (rows) at each window length (columns)."""
    return rows.groupby(["subject", "window_s"], sort=False)["correct"].mean().unstack("window_s")


def switch_duration(config: AadConfig, curve: FloatArray, windows_s: FloatArray) -> float:
    """MESD of one curve in seconds."""
    settings = config.switch
    return mesd(windows_s, curve, p0=settings.p0, c=settings.c, n_min=settings.n_min)


def _chance(config: AadConfig, n_windows: int) -> tuple[float, float]:
    """95 % of chance; decisions depend on each other where trials teach each other's decoders."""
    dispersion = 1.0 if config.validation == "subject" else LEAVE_ONE_OUT_DISPERSION
    return chance_interval(n_windows, dispersion=dispersion)


def _rows(
    config: AadConfig, name: str, curve: pd.DataFrame, subjects: pd.DataFrame, rng: Streams
) -> Iterator[Row]:
    """Summary rows of one decoder."""
    windows_s, values = curve.columns.to_numpy(dtype=float), curve.to_numpy(dtype=float)

    def over_subjects(measure: str, each: FloatArray, unit: str) -> Row:
        interval = bootstrap(each, lambda v: float(np.mean(v)), rng=rng.generator(name, measure))
        return _row(name, measure, unit, interval, "mean over subjects")

    for i in sorted({int(np.argmin(np.abs(windows_s - 5))), len(windows_s) - 1}):
        yield over_subjects(f"accuracy at {windows_s[i]:g} s", values[:, i], "share")
    yield over_subjects("bits per minute", subjects["bits_per_minute"].to_numpy(float), "bits/min")
    yield over_subjects("d'", subjects["d_prime"].to_numpy(float), "SD")
    rank = subjects["foreign_rank"].to_numpy(float)
    if np.isfinite(rank).all():
        yield over_subjects("rank among foreign sounds", rank, "share")
    for measure, note, duration in (
        ("switch duration", "MESD of the mean curve", _of_mean(config, windows_s)),
        ("switch duration, median", "median of the subjects' MESD", _median_of_each(config, windows_s)),
    ):
        estimate = duration(values)
        if math.isfinite(estimate):
            drawn = rng.generator(name, measure).integers(0, len(values), (200, len(values)))
            ends = np.percentile(
                [duration(values[index]) for index in drawn], [2.5, 97.5], method="inverted_cdf"
            )
            lo, hi = ends if len(values) > 1 else (np.nan, np.nan)
            yield _row(name, measure, "s", Estimate(estimate, float(lo), float(hi), len(values)), note)


def _of_mean(config: AadConfig, windows_s: FloatArray):
    return lambda values: switch_duration(config, values.mean(axis=0), windows_s)


def _median_of_each(config: AadConfig, windows_s: FloatArray):
    return lambda values: float(np.median([switch_duration(config, v, windows_s) for v in values]))


def _row(name: str, measure: str, unit: str, interval: Estimate, note: str) -> Row:
    lo, hi = interval.lo, interval.hi
    if interval.n > 1 and np.isnan([lo, hi]).any():
        lo = hi = interval.estimate  # all subjects equal
    nothing = dict.fromkeys(("human", "human_lo", "human_hi"), np.nan)
    found = {"estimate": interval.estimate, "lo": lo, "hi": hi, "n": interval.n}
    return {
        "observer": name,
        "measure": measure,
        "unit": unit,
        **found,
        **nothing,
        "human_n": 0,
        "note": note,
    }


def _curve_table(curves: Mapping[str, pd.DataFrame], rng: Streams) -> pd.DataFrame:
    rows = []
    for name, curve in curves.items():
        for window_s in curve.columns:
            values = curve[window_s].to_numpy(dtype=float)
            interval = bootstrap(values, lambda v: float(np.mean(v)), rng=rng.generator(name, str(window_s)))
            rate = float(information_rate(interval.estimate, window_s))
            rows.append((name, window_s, interval.estimate, interval.lo, interval.hi, interval.n, rate))
    columns = ["decoder", "window_s", "accuracy", "lo", "hi", "n_subjects", "bits_per_minute"]
    return pd.DataFrame(rows, columns=columns)


def _subject_table(
    config: AadConfig, curves: Mapping[str, pd.DataFrame], by_trial: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """One row per decoder and subject."""
    rows = []
    for name, curve in curves.items():
        windows_s = curve.columns.to_numpy(dtype=float)
        for subject, scores in by_trial[name].groupby("subject", sort=False):
            values = curve.loc[subject].to_numpy(dtype=float)
            rows.append(
                {
                    "decoder": name,
                    "subject": subject,
                    "mesd_s": switch_duration(config, values, windows_s),
                    "bits_per_minute": float(information_rate(values, windows_s).max()),
                    "d_prime": attention_index(scores["attended"], scores["unattended"]),
                    "foreign_rank": float(scores["rank"].mean()),
                    "p": float(scores["p"].iloc[0]),
                    "test": scores["test"].iloc[0],
                    **{f"accuracy_{w:g}s": v for w, v in zip(windows_s, values, strict=True)},
                }
            )
    return pd.DataFrame(rows)


def _remarks(
    curves: Mapping[str, pd.DataFrame], subjects: pd.DataFrame, chance: Mapping[float, tuple[float, float]]
) -> Iterator[str]:
    for name, rows in subjects.groupby("decoder", sort=False):
        hits = int((rows["p"] <= 0.05).sum())
        test = rows["test"].iloc[0]
        yield f"{name}: {hits} of {len(rows)} subjects significant (talkers of whole trials swapped; {test})"
    if IGNORED in curves:
        shortest = curves[IGNORED].iloc[:, 0]
        if shortest.mean() > chance[float(shortest.name)][1]:
            yield f"the control decodes attention ({shortest.mean():.2f}): a leak, or responses of equal form"
    for name, curve in curves.items():
        if not (curve.mean() > 0.5).any():
            yield f"{name}: no accuracy above chance, so no switch duration"


def _warnings(trials: pd.DataFrame) -> list[str]:
    """What the guards said about split and design, the first few."""
    said = trials.loc[trials["task"] == "trial", "warnings"].unique()
    reasons = list(dict.fromkeys(reason for text in said for reason in text.split("\n") if reason))
    shown = [f"guard: {reason}" for reason in reasons[:MOST_WARNINGS]]
    more = len(reasons) - len(shown)
    return [*shown, f"guard: {more} more such findings (column warnings of the trials)"] if more else shown
