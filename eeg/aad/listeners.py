"""Each listener's numbers: accuracy by window, the fitted performance curve, switch duration, significance.

A listener is one person: intervals here are over the listener's trials and say nothing of other people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
import pandas as pd

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.metrics import attention_index, information_rate, mesd
from cogattn.eeg.aad.performance import PerformanceCurve, fit_curve, listeners_share
from cogattn.eeg.aad.significance import dispersion_of, least_p
from cogattn.eeg.types import FloatArray
from cogattn.measures import Estimate
from cogattn.study import Trials

USUAL_WINDOW_S = 5.0
"""Accuracy and bits per minute are given at the window nearest to this, which no result decides."""

Curves = Mapping[tuple[str, str], PerformanceCurve]
"""By decoder and listener."""


def trial_sums(trials: Trials) -> pd.DataFrame:
    """Windows, right decisions, and sums of margins and of their squares, by decoder, listener, length and trial."""
    by = ["decoder", "listener", "window_s", "trial"]
    parts = [
        rows.assign(n=1, square=rows["margin"] ** 2)
        .groupby(by, sort=False)[["n", "correct", "margin", "square"]]
        .sum()
        for rows in trials.parts("window")
    ]
    if not parts:
        return pd.DataFrame(columns=[*by, "n", "correct", "margin", "square"])
    return pd.concat(parts).reset_index()


def fitted_curves(config: AadConfig, sums: pd.DataFrame) -> Curves:
    """The performance curve of every listener under every decoder."""
    return {
        cast(tuple[str, str], key): fit_curve(own, validation=config.validation)
        for key, own in sums.groupby(["decoder", "listener"], sort=False)
    }


def usual_window(config: AadConfig) -> float:
    """The window of the settings that is nearest to `USUAL_WINDOW_S`."""
    return min(config.windows_s, key=lambda w: abs(w - USUAL_WINDOW_S))


def accuracy_table(config: AadConfig, sums: pd.DataFrame, curves: Curves) -> pd.DataFrame:
    """Accuracy of every listener at every window, as decided and as fitted, with intervals over trials."""
    spread = dispersion_of(config.validation)
    rows = []
    for key, own in sums.groupby(["decoder", "listener", "window_s"], sort=False):
        decoder, listener, window_s = cast(tuple[str, str, float], key)
        share = listeners_share(own["correct"].to_numpy(float), own["n"].to_numpy(float), dispersion=spread)
        fitted = curves[decoder, listener].accuracy(window_s)
        n = int(own["n"].sum())
        ends = (share.estimate, share.lo, share.hi, fitted.estimate, fitted.lo, fitted.hi)
        rows.append((decoder, listener, window_s, n, *ends))
    names = ["accuracy", "lo", "hi", "fitted", "fitted_lo", "fitted_hi"]
    return pd.DataFrame(rows, columns=["decoder", "listener", "window_s", "n", *names])


def listener_table(
    config: AadConfig, accuracies: pd.DataFrame, curves: Curves, by_trial: pd.DataFrame
) -> pd.DataFrame:
    """One row per decoder and listener."""
    rows = []
    scores_of = dict(list(by_trial.groupby(["decoder", "listener"], sort=False)))
    for key, own in accuracies.groupby(["decoder", "listener"], sort=False):
        decoder, listener = cast(tuple[str, str], key)
        scores, curve = scores_of[decoder, listener], curves[decoder, listener]
        windows_s, shares = own[["window_s", "accuracy"]].to_numpy(float).T
        duration = curve_duration(config, curve)
        usual = usual_window(config)
        test = str(scores["test"].iloc[0])
        rows.append(
            {
                "decoder": decoder,
                "listener": listener,
                "mesd_s": duration.estimate,
                "mesd_lo": duration.lo,
                "mesd_hi": duration.hi,
                "mesd_points_s": switch_duration(config, windows_s, shares),
                "bits_per_minute": float(information_rate(curve.accuracy(usual).estimate, usual)),
                "d_prime": _d_prime(scores),
                "foreign_rank": float(scores["rank"].mean()),
                "p": float(scores["p"].iloc[0]),
                "least_p": least_p(len(scores), config.significance.n_permutations),
                "test": test,
                "n_trials": len(scores),
                **{f"accuracy_{w:g}s": v for w, v in zip(windows_s, shares, strict=True)},
            }
        )
    constant = ["mesd_s", "mesd_lo", "mesd_hi", "mesd_points_s", "bits_per_minute", "d_prime", "foreign_rank"]
    constant += ["p", "least_p", "test", "n_trials"]
    return pd.DataFrame(rows, columns=None if rows else ["decoder", "listener", *constant])


def switch_duration(config: AadConfig, windows_s: FloatArray, accuracies: FloatArray) -> float:
    """MESD through the points of one curve, in seconds; infinite where no accuracy exceeds one half."""
    settings = config.switch
    return mesd(windows_s, accuracies, p0=settings.p0, c=settings.c, n_min=settings.n_min)


def curve_duration(config: AadConfig, curve: PerformanceCurve) -> Estimate:
    """MESD of a fitted curve between the shortest and the longest window of the settings."""
    shortest, longest = config.windows_s[0], config.windows_s[-1]
    return curve.switch_duration(shortest, longest, **config.switch.model_dump())


def feature_table(rows: pd.DataFrame) -> pd.DataFrame:
    """What each feature adds to the forward model's correlation with unseen EEG, mean over listeners."""
    from cogattn.statistics.intervals import mean_interval

    found = []
    for name, own in rows.groupby("feature", sort=False):
        each = (
            own.assign(gain=own["r"] - own["without"])
            .groupby("listener", sort=False)[["r", "without", "gain"]]
            .mean()
        )
        gain = mean_interval(each["gain"].to_numpy(float))
        found.append(
            (name, each["r"].mean(), each["without"].mean(), gain.estimate, gain.lo, gain.hi, gain.n)
        )
    return pd.DataFrame(found, columns=["feature", "r", "without", "gain", "lo", "hi", "n_listeners"])


def _d_prime(scores: pd.DataFrame) -> float:
    """d' over a listener's trials; NaN for a single one, which does not scatter."""
    if len(scores) < 2:
        return math.nan
    return attention_index(scores["attended"], scores["unattended"])


def finite(values: pd.Series) -> FloatArray:
    """The finite ones of some listeners' values."""
    each = values.to_numpy(float)
    return each[np.isfinite(each)]
