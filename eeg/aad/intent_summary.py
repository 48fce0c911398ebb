"""What a decoder's intent is worth: the gain of enhanced mixtures, and the errors that a speech model would make.

Expected errors take a model's error on the attended talker, on the other and on the mixture from the settings. Those of
a cautious model use the decoder's probabilities; their sharpness is learned, listener by listener, on other trials than
the one that is judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.plan import enhancing_decoder
from cogattn.eeg.intent.config import IntentSettings
from cogattn.eeg.intent.expecting import expected_error, soft_error
from cogattn.eeg.intent.selecting import probability, sharpness_of
from cogattn.eeg.types import FloatArray
from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.statistics.intervals import mean_interval
from cogattn.study import Trials

GAIN = Measure("enhancement_gain", "dB", "SI-SDR gain of the enhanced mixture")
"""Of the attended talker, over the mixture as it is."""
EXPECTED_ERROR = Measure("expected_error", "", "expected error")
"""Of a speech model on the talker who is picked; by window."""
CAUTIOUS_ERROR = Measure("expected_error.cautious", "", "expected error, cautious")
"""Of a model that takes the mixture while the decoder is not sure enough; by window."""
ERROR_COLUMNS = ("decoder", "window_s", "accuracy", "expected_error", "lo", "hi", "n_listeners")


def error_table(settings: IntentSettings, curves: pd.DataFrame) -> pd.DataFrame:
    """Expected error of each decoder at each window, from the accuracies of the table ``accuracy``."""
    known = curves[["decoder", "window_s", "accuracy", "lo", "hi", "n_listeners"]]
    rows = []
    for decoder, window_s, accuracy, lo, hi, n in known.itertuples(index=False, name=None):
        found = _expected(settings, Estimate(accuracy, lo, hi, int(n)))
        rows.append((decoder, window_s, accuracy, found.estimate, found.lo, found.hi, n))
    return pd.DataFrame(rows, columns=list(ERROR_COLUMNS))


def intent_rows(config: AadConfig, decoder: Observer, curve: pd.DataFrame, trials: Trials) -> Iterator[Row]:
    """Summary rows of one decoder: expected errors at the window of the settings, and the gain of mixtures."""
    settings = config.intent
    if settings is None:
        return
    label = f"at {settings.window_s:g} s"
    at = curve[curve["window_s"] == settings.window_s]
    if len(at):
        first = at.iloc[0]
        accuracy = Estimate(first["accuracy"], first["lo"], first["hi"], int(first["n_listeners"]))
        measure = EXPECTED_ERROR.at(f"{settings.window_s:g}s", label=f"expected error {label}")
        costs = f"{settings.on_target:g} on the attended talker, {settings.on_other:g} on the other"
        yield Row(decoder, measure, _expected(settings, accuracy), note=f"of a model with {costs}")
    if settings.on_mixture is not None:
        errors = cautious_errors(settings, trials, decoder)
        if errors.size:
            measure = CAUTIOUS_ERROR.at(f"{settings.window_s:g}s", label=f"expected error, cautious, {label}")
            note = f"the mixture, {settings.on_mixture:g}, where that is expected to be better"
            costs = (settings.on_target, settings.on_other, settings.on_mixture)
            value = mean_interval(errors, lowest=min(costs), highest=max(costs))
            yield Row(decoder, measure, value, note=note)
    table = trials["enhancement"]
    own = table[table["decoder"] == decoder.id]
    if len(own):
        yield Row(decoder, GAIN, mean_interval(listener_gains(own)), note=_note(own))


def cautious_errors(settings: IntentSettings, trials: Trials, decoder: Observer) -> FloatArray:
    """Mean error of a cautious model for each listener, (n_listeners,); nobody of fewer than two trials."""
    if settings.on_mixture is None:
        return np.zeros(0)
    errors = []
    for cell in trials.parts("window"):
        own = cell[(cell["decoder"] == decoder.id) & (cell["window_s"] == settings.window_s)]
        if own["trial"].nunique() < 2:
            continue
        margins, trial = own["margin"].to_numpy(float), own["trial"].to_numpy()
        p = np.empty(len(own))
        for name in pd.unique(trial):
            p[trial == name] = probability(margins[trial == name], sharpness_of(margins[trial != name]))
        error = soft_error(
            p, on_target=settings.on_target, on_other=settings.on_other, on_mixture=settings.on_mixture
        )
        errors.append(float(error.mean()))
    return np.array(errors)


def listener_gains(table: pd.DataFrame) -> FloatArray:
    """Gain of each listener, mean over trials by their lengths, (n_listeners,)."""
    gain = table["si_sdr_enhanced_db"] - table["si_sdr_mixture_db"]
    weighted = (gain * table["duration_s"]).groupby(table["listener"], sort=False).sum()
    return (weighted / table["duration_s"].groupby(table["listener"], sort=False).sum()).to_numpy(float)


def intent_remarks(config: AadConfig, trials: Trials) -> Iterator[str]:
    """Say of whom a gain cannot be told from none."""
    if config.intent is None or not config.intent.enhance:
        return
    table = trials["enhancement"]
    if table.empty:
        return
    found = mean_interval(listener_gains(table))
    name = enhancing_decoder(config)
    if found.n < 2 or not found.lo > 0:
        yield f"{name}: the enhanced mixtures gain {found.estimate:.2f} dB, which cannot be told from none"


def _expected(settings: IntentSettings, accuracy: Estimate) -> Estimate:
    return expected_error(accuracy, on_target=settings.on_target, on_other=settings.on_other)


def _note(own: pd.DataFrame) -> str:
    r = np.average(own["r"], weights=own["duration_s"])
    return f"mean over listeners; decoded at a correlation of {r:.2f}"
