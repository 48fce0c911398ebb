"""What a run of the attended-speaker study says: accuracies, switch durations, significance, controls.

Listeners who are missing (their cells failed) are left out of every mean; n says how many there are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import cast

import numpy as np
import pandas as pd

from cogattn.eeg.aad import figures
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.intent_summary import error_table, intent_remarks, intent_rows
from cogattn.eeg.aad.listeners import (
    accuracy_table,
    feature_table,
    finite,
    fitted_curves,
    listener_table,
    switch_duration,
    trial_sums,
    usual_window,
)
from cogattn.eeg.aad.measures import (
    D_PRIME,
    MEDIAN_SWITCH_DURATION,
    RANK,
    SWITCH_DURATION,
    accuracy_at,
    information_at,
    share_interval,
)
from cogattn.eeg.aad.metrics import information_rate
from cogattn.eeg.aad.people import persons, read_people
from cogattn.eeg.aad.plan import CONTROL, decoders_of
from cogattn.eeg.aad.significance import chance_interval, dispersion_of
from cogattn.eeg.encoding.rows import summary as encoding_summary
from cogattn.eeg.encoding.said import with_persons
from cogattn.eeg.recordings.content import check_content
from cogattn.eeg.recordings.intake import intake_remarks
from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, remark_on
from cogattn.statistics.intervals import mean_interval, median_interval
from cogattn.study import Results, Trials

MOST_WARNINGS = 4
"""Listeners of a kind that are named."""
NUMBERS = re.compile(r"\(.*?\)|\d+")
"""What differs between listeners in a finding of the guards: examples and numbers."""
LEVEL = 0.05
"""A listener with p at most this is called significant."""

CURVE_COLUMNS = ("decoder", "window_s", "accuracy", "lo", "hi", "fitted", "n_listeners", "bits_per_minute")
Chance = Mapping[float, tuple[float, float]]


def summarise(config: AadConfig, trials: Trials) -> Results:
    """Build the summary, tables and figures of a run.

    Raises
    ------
    DataError
        If two listeners share EEG.
    """
    check_content(trials["content"])
    sums = trial_sums(trials)
    counts = (
        sums.groupby(["decoder", "listener", "window_s"], sort=False)[["n", "correct"]].sum().reset_index()
    )
    by_trial = trials["trial"]
    fitted = fitted_curves(config, sums)
    accuracies = accuracy_table(config, sums, fitted)
    listeners = listener_table(config, accuracies, fitted, by_trial)
    curves = _curve_table(accuracies, counts)
    features = feature_table(trials["feature"])
    chance = _chance(config, counts)
    rows = [
        row
        for decoder in decoders_of(config)
        for row in (
            *_rows(config, decoder, _of(curves, decoder), _of(listeners, decoder)),
            *intent_rows(config, decoder, _of(curves, decoder), trials),
        )
    ]
    expected = {} if config.intent is None else {"expected_error": error_table(config.intent, curves)}
    people = read_people(config)
    heard = encoding_summary(config.models, config.encoding, trials)
    rows = beside([*rows, *heard.rows], people)
    beside_whom = () if people is None else (remark_on(config.humans, people, rows),)
    drawn: dict[str, Callable] = {}
    if len(curves):
        drawn["accuracy"] = partial(figures.accuracy_figure, curves, chance)
        drawn["switch_duration"] = partial(figures.switch_figure, listeners)
    response = trials["response"]
    if len(response):
        in_volts = getattr(config.recordings, "unit", None) != "arbitrary"
        drawn["response"] = partial(figures.response_figure, response, in_volts=in_volts)
    drawn |= heard.figures
    return Results(
        summary_table(rows),
        {
            "accuracy": curves,
            "listeners": listeners,
            "listener_accuracy": accuracies,
            **({"features": features} if len(features) else {}),
            **expected,
            **heard.tables,
        },
        drawn,
        (
            *intake_remarks(trials["recording"]),
            *_warnings(by_trial),
            *_remarks(curves, listeners, chance),
            *_feature_remarks(features),
            *intent_remarks(config, trials),
            *heard.remarks,
            *beside_whom,
        ),
        with_persons(persons(config, counts), heard.people) if people is None else people,
    )


def _of(table: pd.DataFrame, decoder: Observer) -> pd.DataFrame:
    return table[table["decoder"] == decoder.id]


def _chance(config: AadConfig, counts: pd.DataFrame) -> Chance:
    """Shares between which chance lies with 95 %, by window, for the decisions of all listeners together."""
    one_decoder = counts[counts["decoder"] == counts["decoder"].iloc[0]] if len(counts) else counts
    totals = one_decoder.groupby("window_s")["n"].sum()
    spread = dispersion_of(config.validation)
    return {float(w): chance_interval(int(n), dispersion=spread) for w, n in totals.items()}


def _curve_table(accuracies: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each decoder at each window, mean over listeners; of a single one, with the interval over trials."""
    rows = []
    for key, own in accuracies.groupby(["decoder", "window_s"], sort=False):
        decoder, window_s = cast(tuple[str, float], key)
        if len(own) == 1:
            found = Estimate(*own[["accuracy", "lo", "hi"]].iloc[0].to_list(), 1)
        else:
            same = counts[(counts["decoder"] == decoder) & (counts["window_s"] == window_s)]
            found = share_interval(same["correct"].to_numpy(float), same["n"].to_numpy(float))
        rate = float(information_rate(found.estimate, window_s))
        rows.append(
            (decoder, window_s, found.estimate, found.lo, found.hi, own["fitted"].mean(), found.n, rate)
        )
    return pd.DataFrame(rows, columns=list(CURVE_COLUMNS))


def _rows(
    config: AadConfig, decoder: Observer, curve: pd.DataFrame, listeners: pd.DataFrame
) -> Iterator[Row]:
    """Summary rows of one decoder; none where nobody was decoded by it."""
    if curve.empty:
        return
    windows_s = curve["window_s"].to_numpy(float)
    n = int(curve["n_listeners"].max())
    over = "mean over listeners" if n > 1 else "one listener: interval over trials"
    usual = int(np.argmin(np.abs(windows_s - usual_window(config))))
    for i in sorted({usual, len(windows_s) - 1}):
        yield Row(decoder, accuracy_at(windows_s[i]), _accuracy(curve.iloc[i]), note=over)
    share = _accuracy(curve.iloc[usual])
    rates = (float(information_rate(v, windows_s[usual])) for v in (share.estimate, share.lo, share.hi))
    yield Row(decoder, information_at(windows_s[usual]), Estimate(*rates, n), note="of the accuracy there")
    of = "mean over listeners" if n > 1 else "one listener"
    yield Row(decoder, D_PRIME, mean_interval(finite(listeners["d_prime"])), note=of)
    if listeners["foreign_rank"].notna().any():
        rank = mean_interval(finite(listeners["foreign_rank"]), lowest=0.0, highest=1.0)
        yield Row(decoder, RANK, rank, note=of)
    if n > 1:
        of_mean, note = _duration_of_curve(config, curve, n), "MESD of the mean curve"
    else:
        own = listeners.iloc[0]
        of_mean = Estimate(own["mesd_s"], own["mesd_lo"], own["mesd_hi"], 1)
        note = "MESD of the fitted curve; interval over trials"
    if math.isfinite(of_mean.estimate):
        yield Row(decoder, SWITCH_DURATION, of_mean, note=note)
    median = median_interval(listeners["mesd_s"].to_numpy(float))
    if math.isfinite(median.estimate) and n > 1:
        yield Row(
            decoder, MEDIAN_SWITCH_DURATION, median, note="median of the MESD of the listeners' fitted curves"
        )


def _accuracy(row: pd.Series) -> Estimate:
    return Estimate(row["accuracy"], row["lo"], row["hi"], int(row["n_listeners"]))


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


def _remarks(curves: pd.DataFrame, listeners: pd.DataFrame, chance: Chance) -> Iterator[str]:
    control = _of(curves, CONTROL)
    if len(control):
        shortest = control.iloc[0]
        if shortest["accuracy"] > chance[float(shortest["window_s"])][1]:
            found = f"{shortest['accuracy']:.2f}"
            yield f"the control decodes attention ({found}): a leak, or responses of equal form"
    for name, rows in listeners.groupby("decoder", sort=False):
        tested, withheld = rows[rows["p"].notna()], rows[rows["p"].isna()]
        if len(withheld):
            yield f"{name}: no test of {len(withheld)} of {len(rows)} listeners ({withheld['test'].iloc[0]})"
        if tested.empty:
            continue
        hits, able = (tested["p"] <= LEVEL).sum(), (tested["least_p"] <= LEVEL).sum()
        test = tested["test"].iloc[0]
        few = f", {len(tested) - able} with too few trials to be" if able < len(tested) else ""
        if "approximate" in test:
            yield (
                f"{name}: p at most {LEVEL:g} in {hits} of {able} listeners{few}, by a test that is too liberal where "
                f"trials train each other's decoders ({test}); significance.method = refit is exact"
            )
        else:
            yield (
                f"{name}: {hits} of {able} listeners significant{few} (talkers of whole trials swapped; {test})"
            )
    yield from _tests_without_power(listeners)
    for name, curve in curves.groupby("decoder", sort=False):
        if not (curve["accuracy"] > 0.5).any():
            yield f"{name}: no accuracy above chance, so no switch duration"


def _tests_without_power(listeners: pd.DataFrame) -> Iterator[str]:
    """Say whose tests could not have become significant, and what their least p is."""
    if listeners.empty:
        return
    weak = listeners[listeners["least_p"] > LEVEL]
    for (n, least), rows in weak.groupby(["n_trials", "least_p"]):
        who = list(dict.fromkeys(rows["listener"]))
        names = ", ".join(who[:MOST_WARNINGS]) + (
            f" and {len(who) - MOST_WARNINGS} more" if who[MOST_WARNINGS:] else ""
        )
        tests = " and ".join(dict.fromkeys(test.split(" ")[0].strip(",") for test in rows["test"]))
        yield f"with {n} trials no p falls below {least:.3g} ({tests}): {names} cannot be significant"


def _feature_remarks(features: pd.DataFrame) -> Iterator[str]:
    known = features[["feature", "gain", "lo", "hi", "r", "n_listeners"]]
    for name, gain, lo, hi, r, n in known.itertuples(index=False, name=None):
        ends = f" [{lo:.4f}, {hi:.4f}]" if math.isfinite(lo) else ""
        yield (
            f"{name}: adds {gain:.4f}{ends} to the forward model's r of {r:.4f} in unseen trials "
            f"(n = {n} listeners)"
        )


def _warnings(by_trial: pd.DataFrame) -> Iterator[str]:
    """What the guards said about split and design: each kind of finding once, with one listener's numbers."""
    said: dict[str, dict[str, str]] = {}
    for listener, text in by_trial[["listener", "warnings"]].drop_duplicates().itertuples(index=False):
        for reason in filter(None, text.split("\n")):
            said.setdefault(NUMBERS.sub("", reason), {}).setdefault(listener, reason)
    everybody = by_trial["listener"].nunique()
    for found in said.values():
        listener, reason = next(iter(found.items()))
        if len(set(found.values())) == 1 and len(found) == everybody:
            yield f"guard: {reason}"
        else:
            more = f"; likewise {len(found) - 1} of {everybody - 1} other listeners" if len(found) > 1 else ""
            yield f"guard: {listener}: {reason}{more}"
