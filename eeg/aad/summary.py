"""What a run of the attended-speaker study says: accuracies, switch durations, significance, controls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.aad import figures
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.metrics import information_rate, mesd
from cogattn.eeg.aad.session import IGNORED, columns_of
from cogattn.eeg.aad.significance import binomial_interval
from cogattn.seeds import Streams
from cogattn.stats import bootstrap
from cogattn.study import SUMMARY_COLUMNS, Results

FloatArray = NDArray[np.floating]
Row = dict[str, object]


def summarise(config: AadConfig, trials: pd.DataFrame) -> Results:
    """Build the summary, tables and figures of a run."""
    decoded = columns_of(trials, "decoding")
    curves = {name: accuracy_curves(rows) for name, rows in decoded.items()}
    rng = Streams(config.seed).child("aad", "summary")
    summary = pd.DataFrame(
        [row for name, curve in curves.items() for row in _rows(config, name, curve, decoded[name], rng)],
        columns=list(SUMMARY_COLUMNS),
    )
    table = _curve_table(curves, rng)
    subjects = _subject_table(config, curves, decoded)
    chance = {w: binomial_interval(_n_windows(decoded, w)) for w in config.windows_s}
    drawn = {
        "accuracy": partial(figures.accuracy_figure, table, chance),
        "switch_duration": partial(figures.switch_figure, subjects),
    }
    response = trials[trials["task"] == "response"]
    if len(response):
        drawn["response"] = partial(figures.response_figure, response)
    return Results(
        summary, {"accuracy": table, "subjects": subjects}, drawn, _remarks(config, curves, decoded)
    )


def accuracy_curves(rows: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each subject (rows) at each window length (columns)."""
    return rows.groupby(["subject", "window_s"], sort=False)["correct"].mean().unstack("window_s")


def switch_duration(config: AadConfig, curve: pd.Series | FloatArray, windows_s: FloatArray) -> float:
    """MESD of one curve in seconds."""
    settings = config.switch
    return mesd(windows_s, np.asarray(curve), p0=settings.p0, c=settings.c, n_min=settings.n_min)


def _rows(config: AadConfig, name: str, curve: pd.DataFrame, rows: pd.DataFrame, rng: Streams) -> list[Row]:
    """Summary rows of one decoder: accuracy at a short and a long window, MESD, significant subjects."""
    windows_s = curve.columns.to_numpy(dtype=float)
    values = curve.to_numpy(dtype=float)
    found = []
    for i in sorted({int(np.argmin(np.abs(windows_s - 5))), len(windows_s) - 1}):
        measure = f"accuracy at {windows_s[i]:g} s"
        stream = rng.generator(name, measure)
        interval = bootstrap(values[:, i], lambda v: float(np.mean(v)), rng=stream)
        found.append(_row(name, measure, "share", interval))

    def of_mean(subjects: FloatArray) -> float:
        return switch_duration(config, subjects.mean(axis=0), windows_s)

    duration = of_mean(values)
    measure = "switch duration"
    if math.isfinite(duration):
        drawn = [
            of_mean(values[index])
            for index in rng.generator(name, measure).integers(0, len(values), (200, len(values)))
        ]
        lo, hi = (
            np.percentile(drawn, [2.5, 97.5], method="inverted_cdf") if len(values) > 1 else (np.nan, np.nan)
        )
        found.append(
            {
                **_empty(name, measure, "s"),
                "estimate": duration,
                "lo": float(lo),
                "hi": float(hi),
                "n": len(values),
                "note": "MESD of the mean curve",
            }
        )
    return found


def _row(name: str, measure: str, unit: str, interval) -> Row:
    lo, hi = interval.lo, interval.hi
    if interval.n > 1 and not np.isfinite([lo, hi]).all():
        lo = hi = interval.estimate  # all subjects equal
    return {
        **_empty(name, measure, unit),
        "estimate": interval.estimate,
        "lo": lo,
        "hi": hi,
        "n": interval.n,
        "note": "mean over subjects",
    }


def _empty(name: str, measure: str, unit: str) -> Row:
    nothing = dict.fromkeys(("human", "human_lo", "human_hi"), np.nan)
    return {"observer": name, "measure": measure, "unit": unit, **nothing, "human_n": 0, "note": ""}


def _curve_table(curves: Mapping[str, pd.DataFrame], rng: Streams) -> pd.DataFrame:
    rows = []
    for name, curve in curves.items():
        for window_s in curve.columns:
            values = curve[window_s].to_numpy(dtype=float)
            interval = bootstrap(values, lambda v: float(np.mean(v)), rng=rng.generator(name, str(window_s)))
            rate = float(information_rate(interval.estimate, window_s))
            rows.append(
                {
                    "decoder": name,
                    "window_s": window_s,
                    "accuracy": interval.estimate,
                    "lo": interval.lo,
                    "hi": interval.hi,
                    "n_subjects": interval.n,
                    "bits_per_minute": rate,
                }
            )
    return pd.DataFrame(rows)


def _subject_table(
    config: AadConfig, curves: Mapping[str, pd.DataFrame], decoded: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    rows = []
    for name, curve in curves.items():
        windows_s = curve.columns.to_numpy(dtype=float)
        p = decoded[name].groupby("subject", sort=False)["p"].first()
        for subject, values in curve.iterrows():
            rows.append(
                {
                    "decoder": name,
                    "subject": subject,
                    "mesd_s": switch_duration(config, values, windows_s),
                    "p": float(p[subject]),
                    **{f"accuracy_{w:g}s": float(values[w]) for w in windows_s},
                }
            )
    return pd.DataFrame(rows)


def _remarks(
    config: AadConfig, curves: Mapping[str, pd.DataFrame], decoded: Mapping[str, pd.DataFrame]
) -> tuple[str, ...]:
    remarks = []
    for name, rows in decoded.items():
        p = rows.groupby("subject", sort=False)["p"].first()
        remarks.append(
            f"{name}: {np.count_nonzero(p <= 0.05)} of {len(p)} subjects significant (permutation of trials)"
        )
    if IGNORED in curves:
        shortest = curves[IGNORED].iloc[:, 0]
        _, high = binomial_interval(_n_windows({IGNORED: decoded[IGNORED]}, float(config.windows_s[0])))
        if shortest.mean() > high:
            remarks.append(
                f"the control decodes attention ({shortest.mean():.2f}): a leak, or responses of equal form"
            )
    infinite = [name for name, curve in curves.items() if not (curve.mean() > 0.5).any()]
    remarks += [f"{name}: no accuracy above chance, so no switch duration" for name in infinite]
    return tuple(remarks)


def _n_windows(decoded: Mapping[str, pd.DataFrame], window_s: float) -> int:
    """Windows of this length of all subjects, of the first decoder."""
    rows = next(iter(decoded.values()))
    return max(1, int((rows["window_s"] == window_s).sum()))
