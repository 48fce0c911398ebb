"""What a run of the attended-speaker study says: accuracies, switch durations, significance, controls.

Listeners who are missing (their cells failed) are left out of every mean; n says how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import cast

import numpy as np
import pandas as pd

from cogattn.eeg.aad import figures
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.measures import (
    D_PRIME,
    INFORMATION,
    MEDIAN_SWITCH_DURATION,
    RANK,
    SWITCH_DURATION,
    accuracy_at,
    share_interval,
)
from cogattn.eeg.aad.metrics import attention_index, information_rate, mesd
from cogattn.eeg.aad.people import persons, read_people
from cogattn.eeg.aad.plan import CONTROL, decoders_of
from cogattn.eeg.aad.significance import chance_interval, dispersion_of
from cogattn.eeg.recordings.intake import intake_remarks
from cogattn.eeg.types import FloatArray
from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, remark_on
from cogattn.statistics.intervals import mean_interval, median_interval
from cogattn.study import Results, Trials

USUAL_WINDOW_S = 5.0
"""Accuracy is given at the window nearest to this, and at the longest."""
MOST_WARNINGS = 4
"""Findings of the guards that are printed."""
LEVEL = 0.05
"""A listener with p at most this is called significant."""

CURVE_COLUMNS = ("decoder", "window_s", "accuracy", "lo", "hi", "n_listeners", "bits_per_minute")
Chance = Mapping[float, tuple[float, float]]


def summarise(config: AadConfig, trials: Trials) -> Results:
    """Build the summary, tables and figures of a run."""
    counts = trials.counts("window", by=["decoder", "listener", "window_s"], totals=["correct"])
    by_trial = trials["trial"]
    listeners = _listener_table(config, counts, by_trial)
    curves = _curve_table(counts)
    chance = _chance(config, counts)
    rows = [
        row
        for decoder in decoders_of(config)
        for row in _rows(config, decoder, _of(curves, decoder), _of(listeners, decoder))
    ]
    people = read_people(config)
    rows = beside(rows, people)
    beside_whom = () if people is None else (remark_on(config.humans, people, rows),)
    drawn: dict[str, Callable] = {}
    if len(curves):
        drawn["accuracy"] = partial(figures.accuracy_figure, curves, chance)
        drawn["switch_duration"] = partial(figures.switch_figure, listeners)
    response = trials["response"]
    if len(response):
        in_volts = getattr(config.recordings, "unit", None) != "arbitrary"
        drawn["response"] = partial(figures.response_figure, response, in_volts=in_volts)
    return Results(
        summary_table(rows),
        {"accuracy": curves, "listeners": listeners},
        drawn,
        (
            *intake_remarks(trials["recording"]),
            *_warnings(by_trial),
            *_remarks(config, curves, listeners, by_trial, chance),
            *beside_whom,
        ),
        persons(config, counts) if people is None else people,
    )


def switch_duration(config: AadConfig, windows_s: FloatArray, accuracies: FloatArray) -> float:
    """MESD of one curve in seconds; infinite where no accuracy exceeds one half."""
    settings = config.switch
    return mesd(windows_s, accuracies, p0=settings.p0, c=settings.c, n_min=settings.n_min)


def _of(table: pd.DataFrame, decoder: Observer) -> pd.DataFrame:
    return table[table["decoder"] == decoder.id]


def _chance(config: AadConfig, counts: pd.DataFrame) -> Chance:
    """Shares between which chance lies with 95 %, by window, for the decisions of all listeners together."""
    one_decoder = counts[counts["decoder"] == counts["decoder"].iloc[0]] if len(counts) else counts
    totals = one_decoder.groupby("window_s")["n"].sum()
    spread = dispersion_of(config.validation)
    return {float(w): chance_interval(int(n), dispersion=spread) for w, n in totals.items()}


def _curve_table(counts: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each decoder at each window, mean over listeners."""
    rows = []
    for key, own in counts.groupby(["decoder", "window_s"], sort=False):
        decoder, window_s = cast(tuple[str, float], key)
        found = share_interval(own["correct"].to_numpy(float), own["n"].to_numpy(float))
        rate = float(information_rate(found.estimate, window_s))
        rows.append((decoder, window_s, found.estimate, found.lo, found.hi, found.n, rate))
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def _listener_table(config: AadConfig, counts: pd.DataFrame, by_trial: pd.DataFrame) -> pd.DataFrame:
    """One row per decoder and listener."""
    rows = []
    scores_of = dict(list(by_trial.groupby(["decoder", "listener"], sort=False)))
    for key, own in counts.groupby(["decoder", "listener"], sort=False):
        decoder, listener = cast(tuple[str, str], key)
        windows_s = own["window_s"].to_numpy(float)
        accuracies = own["correct"].to_numpy(float) / own["n"].to_numpy(float)
        scores = scores_of[decoder, listener]
        rows.append(
            {
                "decoder": decoder,
                "listener": listener,
                "mesd_s": switch_duration(config, windows_s, accuracies),
                "bits_per_minute": float(information_rate(accuracies, windows_s).max()),
                "d_prime": _d_prime(scores),
                "foreign_rank": float(scores["rank"].mean()),
                "p": float(scores["p"].iloc[0]),
                "test": scores["test"].iloc[0],
                "n_trials": len(scores),
                **{f"accuracy_{w:g}s": v for w, v in zip(windows_s, accuracies, strict=True)},
            }
        )
    constant = ["mesd_s", "bits_per_minute", "d_prime", "foreign_rank", "p", "test", "n_trials"]
    return pd.DataFrame(rows, columns=None if rows else ["decoder", "listener", *constant])


def _d_prime(scores: pd.DataFrame) -> float:
    """d' over a listener's trials; NaN for a single one, which does not scatter."""
    return attention_index(scores["attended"], scores["unattended"]) if len(scores) > 1 else math.nan


def _rows(
    config: AadConfig, decoder: Observer, curve: pd.DataFrame, listeners: pd.DataFrame
) -> Iterator[Row]:
    """Summary rows of one decoder; none where nobody was decoded by it."""
    if curve.empty:
        return
    windows_s = curve["window_s"].to_numpy(float)
    n = int(curve["n_listeners"].max())
    for i in sorted({int(np.argmin(np.abs(windows_s - USUAL_WINDOW_S))), len(windows_s) - 1}):
        at = curve.iloc[i]
        value = Estimate(at["accuracy"], at["lo"], at["hi"], int(at["n_listeners"]))
        yield Row(decoder, accuracy_at(windows_s[i]), value, note="mean over listeners")
    rates = mean_interval(listeners["bits_per_minute"].to_numpy(float), lowest=0.0)
    yield Row(decoder, INFORMATION, rates, note="at each listener's best window, so biased upwards")
    yield Row(decoder, D_PRIME, _mean_of_finite(listeners["d_prime"]), note="mean over listeners")
    if listeners["foreign_rank"].notna().any():
        rank = mean_interval(listeners["foreign_rank"].dropna().to_numpy(float), lowest=0.0, highest=1.0)
        yield Row(decoder, RANK, rank, note="mean over listeners")
    of_mean = _duration_of_curve(config, curve, n)
    if math.isfinite(of_mean.estimate):
        yield Row(decoder, SWITCH_DURATION, of_mean, note="MESD of the mean curve")
    median = median_interval(listeners["mesd_s"].to_numpy(float))
    if math.isfinite(median.estimate):
        yield Row(decoder, MEDIAN_SWITCH_DURATION, median, note="median of the listeners' MESD")


def _mean_of_finite(values: pd.Series) -> Estimate:
    """Mean over the listeners who have a finite value."""
    each = values.to_numpy(float)
    return mean_interval(each[np.isfinite(each)])


def _duration_of_curve(config: AadConfig, curve: pd.DataFrame, n: int) -> Estimate:
    """MESD of the mean curve; between those of the curves through all upper and all lower ends of the accuracies.

    The duration falls with every accuracy, so that it lies between them whenever each accuracy lies in its interval.
    Ends are rounded outwards to 0.001, for chains grow without bound towards one half.
    """
    windows_s, values, lo, hi = curve[["window_s", "accuracy", "lo", "hi"]].to_numpy(float).T
    duration = switch_duration(config, windows_s, values)
    if np.isnan(lo).any():
        return Estimate.bare(duration, n)
    lowest, highest = np.floor(1000 * lo) / 1000, np.ceil(1000 * hi) / 1000
    fastest = switch_duration(config, windows_s, highest)
    return Estimate(duration, fastest, switch_duration(config, windows_s, lowest), n)


def _remarks(
    config: AadConfig,
    curves: pd.DataFrame,
    listeners: pd.DataFrame,
    by_trial: pd.DataFrame,
    chance: Chance,
) -> Iterator[str]:
    control = _of(curves, CONTROL)
    if len(control):
        shortest = control.iloc[0]
        if shortest["accuracy"] > chance[float(shortest["window_s"])][1]:
            found = f"{shortest['accuracy']:.2f}"
            yield f"the control decodes attention ({found}): a leak, or responses of equal form"
    for name, rows in listeners.groupby("decoder", sort=False):
        hits = int((rows["p"] <= LEVEL).sum())
        test = rows["test"].iloc[0]
        yield f"{name}: {hits} of {len(rows)} listeners significant (talkers of whole trials swapped; {test})"
    yield from _tests_without_power(config, listeners)
    for name, curve in curves.groupby("decoder", sort=False):
        if not (curve["accuracy"] > 0.5).any():
            yield f"{name}: no accuracy above chance, so no switch duration"


def _tests_without_power(config: AadConfig, listeners: pd.DataFrame) -> Iterator[str]:
    """Say which tests could not have become significant: swapping all trials does as well as swapping none."""
    if listeners.empty:
        return
    fewest = int(listeners["n_trials"].min())
    least = max(2.0**-fewest, 1 / (config.significance.n_permutations + 1))
    if (listeners["test"] == "refit").any():
        least = max(least, 2.0 ** (1 - fewest))
    if least > LEVEL:
        yield f"with {fewest} trials no p falls below {least:.3g}: a listener who has so few cannot be significant"


def _warnings(by_trial: pd.DataFrame) -> list[str]:
    """What the guards said about split and design, the first few."""
    said = by_trial["warnings"].unique()
    reasons = list(dict.fromkeys(reason for text in said for reason in text.split("\n") if reason))
    shown = [f"guard: {reason}" for reason in reasons[:MOST_WARNINGS]]
    more = len(reasons) - len(shown)
    return [*shown, f"guard: {more} more such findings (column warnings of the trials)"] if more else shown
