"""What encoding cells run: a front end hears a listener's trials, and its features are set against the EEG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.eeg.aad.lagged import Lags, predict
from cogattn.eeg.aad.leave_out import solve_left_out
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.penalties import Problem, best_penalties
from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.fronts import FrontEnd, aligned
from cogattn.eeg.encoding.model import Explained, Fold, Heard, explain
from cogattn.eeg.encoding.plan import TABLES
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

SAME_SOUND_R = 0.99
"""Correlation of two listeners' attended envelopes from which on they are one sound."""
SoundOf = Callable[[Trial, str], tuple[FloatArray, float]]
"""Maps a trial as it was loaded and a role (attended, unattended) to samples and their rate."""


@dataclass(frozen=True)
class _Heard:
    features: list[FloatArray]
    past_s: float
    future_s: float


def encode(
    recording: Recording,
    raw: Recording,
    front: FrontEnd,
    sound_of: SoundOf,
    settings: EncodingSettings,
    *,
    band_hz: tuple[float, float],
    folds: Sequence[Fold] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Set a front end against one listener's EEG.

    Parameters
    ----------
    recording : Recording
        Filtered, at the rate of the analysis; streams ``attended`` and, if there is one, ``unattended``.
    raw : Recording
        The same trials as they were loaded, by name and start.
    front : FrontEnd
        Its first layer is read.
    sound_of : callable
        The sound of a trial of `raw`.
    settings : EncodingSettings
        Components, lags, alignment.
    band_hz : (float, float)
        Pass band of `recording`, which the features get too.
    folds : sequence of (train, test), optional
        Trials of `recording` by number; one name is left out at a time when absent.

    Returns
    -------
    encoding, encoding_channel : DataFrame
        Columns as in `cogattn.eeg.encoding.plan.TABLES` but for listener and model.

    Raises
    ------
    DataError
        If trials do not match, sounds are shorter than their EEG by more than half a second, or `explain` refuses.
    """
    sides = [role for role in ("attended", "unattended") if all(role in t.streams for t in recording.trials)]
    heard = {role: _features(recording, raw, front, sound_of, settings, role, band_hz) for role in sides}
    talkers = {
        role: Heard([np.ravel(stream) for stream in recording.stream(role)], heard[role].features)
        for role in sides
    }
    found = explain(
        recording.eeg,
        talkers["attended"],
        talkers.get("unattended"),
        sfreq=recording.sfreq,
        tmin=settings.tmin_s,
        tmax=settings.tmax_s,
        n_components=settings.n_components,
        folds=folds if folds is not None else by_name(recording),
        subject=recording.subject,
    )
    return _trial_rows(recording, found, heard["attended"]), _channel_rows(recording, found)


def by_name(recording: Recording) -> list[Fold]:
    """Leave one trial out at a time, all its pieces together."""
    names = [trial.name for trial in recording.trials]
    return [
        (
            [k for k, other in enumerate(names) if other != name],
            [k for k, other in enumerate(names) if other == name],
        )
        for name in dict.fromkeys(names)
    ]


def ceiling(own: Recording, others: Iterable[Recording]) -> pd.DataFrame:
    """Predict a listener's EEG from the mean of others who heard the same, leaving one trial out at a time.

    Every channel is a ridge mixture of all channels of the mean, at the same moment; the mean of few listeners is
    noisy, so that this is a lower bound of what any model of the sound could reach.

    Parameters
    ----------
    own : Recording
        Filtered, with the stream ``attended``.
    others : iterable of Recording
        Likewise; one is held in memory at a time. Those with other channels are left out.

    Returns
    -------
    DataFrame
        Columns trial, r (mean over channels), n_others; no row for a trial that nobody else attended to, and none at
        all where there are fewer than three.
    """
    sums = [np.zeros_like(eeg) for eeg in own.eeg]
    counts = np.zeros(len(sums), dtype=int)
    for other in others:
        if other.channels != own.channels or other.subject == own.subject:
            continue
        power = float(np.sqrt(np.mean([np.mean(eeg**2) for eeg in other.eeg])))
        for k, trial in enumerate(own.trials):
            match = next((t for t in other.trials if _same_sound(trial, t)), None)
            if match is not None:
                sums[k] += match.eeg / power
                counts[k] += 1
    shared = [k for k in range(len(sums)) if counts[k]]
    columns = {"trial": "str", "r": "float64", "n_others": "int64"}
    if len({own.trials[k].name for k in shared}) < 3:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    x = [_centred(sums[k] / counts[k]) for k in shared]
    y = [_centred(own.eeg[k]) for k in shared]
    folds = _folds_of([own.trials[k].name for k in shared])
    problem = Problem.of(x, y, Lags(0, 1))
    penalty = best_penalties(problem, None, folds)
    r = np.full(len(shared), np.nan)
    for fold in solve_left_out(problem.parts, folds, lambda i, trace: [penalty(i, trace)]):
        for k in folds[fold.index]:
            predicted = predict(x[k], fold.weights[:, 0], problem.lags)
            r[k] = float(np.mean(correlation(predicted, y[k])))
    names = [own.trials[k].name for k in shared]
    return pd.DataFrame({"trial": names, "r": r, "n_others": counts[shared]})


def _features(
    recording: Recording,
    raw: Recording,
    front: FrontEnd,
    sound_of: SoundOf,
    settings: EncodingSettings,
    role: str,
    band_hz: tuple[float, float],
) -> _Heard:
    """One talker's features in every trial, filtered as the EEG was."""
    loaded = {(trial.name, round(trial.start_s, 6)): trial for trial in raw.trials}
    values, past, future = [], 0.0, 0.0
    for trial in recording.trials:
        source = loaded.get((trial.name, round(trial.start_s, 6)))
        if source is None:
            raise DataError(
                f"every trial must be one that was loaded; got {trial.name} ({recording.subject})"
            )
        sound, rate = sound_of(source, role)
        duration_s = len(trial.eeg) / recording.sfreq
        if len(sound) / rate < duration_s - 0.5:
            raise DataError(
                f"a sound must last as long as its EEG; got {len(sound) / rate:.1f} s for {duration_s:.1f} s "
                f"({recording.subject}, {trial.name}, {role})"
            )
        columns = front(sound, rate)[front.layers[0]]
        past, future = max(past, columns.past_s), max(future, columns.future_s)
        values.append(aligned(columns, len(trial.eeg), recording.sfreq, causal=settings.causal))
    return _Heard(_filtered(values, recording, band_hz), past, future)


def _filtered(
    values: list[FloatArray], recording: Recording, band_hz: tuple[float, float]
) -> list[FloatArray]:
    trials = tuple(
        Trial(v, trial.name, start_s=trial.start_s) for v, trial in zip(values, recording.trials, strict=True)
    )
    names = tuple(f"feature {k + 1}" for k in range(values[0].shape[1]))
    features = Recording(recording.subject, recording.sfreq, names, trials, "arbitrary")
    return features.filtered(*band_hz).eeg


def _trial_rows(recording: Recording, found: Explained, heard: _Heard) -> pd.DataFrame:
    schema = TABLES["encoding"]
    scores = {
        name: getattr(found, name).mean(axis=1) for name in schema if hasattr(found, name) and name != "scale"
    }
    names = [trial.name for trial in recording.trials]
    rows = pd.DataFrame({"trial": names, "n_times": list(map(len, recording.eeg)), **scores})
    return rows.assign(
        scale=found.scale, n_features=heard.features[0].shape[1], past_s=heard.past_s, future_s=heard.future_s
    )


def _channel_rows(recording: Recording, found: Explained) -> pd.DataFrame:
    means = {name: np.nanmean(getattr(found, name), axis=0) for name in ("envelope", "features", "both")}
    return pd.DataFrame({"channel": list(recording.channels), **means})


def _same_sound(one: Trial, other: Trial) -> bool:
    if len(one.eeg) != len(other.eeg) or "attended" not in other.streams:
        return False
    r = correlation(np.ravel(one.streams["attended"]), np.ravel(other.streams["attended"]))
    return float(r) >= SAME_SOUND_R


def _centred(values: FloatArray) -> FloatArray:
    return values - values.mean(axis=0)


def _folds_of(names: Sequence[str]) -> list[list[int]]:
    return [[k for k, other in enumerate(names) if other == name] for name in dict.fromkeys(names)]
