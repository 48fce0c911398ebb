"""What of a sound is followed in the EEG: its envelope, its onsets, the envelopes of its frequency bands.

Streams hold the envelope; onsets are computed from it, at the recording's rate and before any filter: the positive part
of its rate of change. Bands need the sound itself (`cogattn.eeg.recordings.sources.sound`): a gammatone bank's
compressed envelopes, neighbouring bands added up.

References
----------
Di Liberto, O'Sullivan and Lalor (2015), Curr. Biol. 25, 2457-2465 (bands beyond the envelope).
Daube, Ince and Gross (2019), Curr. Biol. 29, 1924-1937 (onsets beside envelopes and bands).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from cogattn.eeg.aad.config import AadConfig, FeatureName
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray

N_BANDS = 8
"""Bands that the gammatone bank is reduced to; the bank's own are too alike to tell their responses apart."""
TALKERS = ("attended", "unattended")

Sounds = Callable[[Trial, str], tuple[FloatArray, float]]
"""From a trial and a talker to the sound, (n_samples,), and its rate."""


def with_features(config: AadConfig, recording: Recording) -> Recording:
    """Put the features of the settings in place of both talkers' envelopes, (n_times, n_features) where several.

    Raises
    ------
    DataError
        If bands are wanted of a recording that comes with envelopes only.
    """
    if config.features == ("envelope",):
        return recording

    def sound(trial: Trial, role: str) -> tuple[FloatArray, float]:
        from cogattn.eeg.recordings.sources import sound as sound_of

        return sound_of(config.recordings, recording, trial, role, seed=config.seed)

    trials = tuple(
        _with_features(config.features, trial, recording.sfreq, sound) for trial in recording.trials
    )
    return replace(recording, trials=trials)


def columns_of(names: Sequence[FeatureName]) -> list[int]:
    """Which feature each column of a stream belongs to, by its place in `names`."""
    return [i for i, name in enumerate(names) for _ in range(N_BANDS if name == "bands" else 1)]


def first_feature(stream: FloatArray) -> FloatArray:
    """The first feature of a stream, (n_times,)."""
    return stream if stream.ndim == 1 else stream[:, 0]


def onsets(envelope: FloatArray, sfreq: float) -> FloatArray:
    """Positive part of an envelope's rate of change per second, (n_times,); the first sample has none."""
    return np.maximum(np.diff(envelope, prepend=envelope[:1]) * sfreq, 0.0)


def bands(sound: FloatArray, rate: float, *, sfreq: float, n_times: int) -> FloatArray:
    """Compressed envelopes of `N_BANDS` frequency bands at `sfreq` Hz, (n_times, N_BANDS), lowest first.

    A sound that ends before the trial is followed by silence.
    """
    from cogattn.eeg.recordings.envelope import Envelope

    bank = np.maximum(Envelope(sfreq=sfreq).bands(sound, rate), 0.0)
    parts = np.array_split(np.arange(bank.shape[1]), N_BANDS)
    reduced = np.stack([bank[:, part].sum(axis=1) for part in parts], axis=1)[:n_times]
    return np.pad(reduced, ((0, n_times - len(reduced)), (0, 0)))


def _with_features(names: Sequence[FeatureName], trial: Trial, sfreq: float, sound: Sounds) -> Trial:
    def of(role: str) -> FloatArray:
        envelope = trial.streams[role]
        parts: dict[str, Callable[[], FloatArray]] = {
            "envelope": lambda: envelope,
            "onsets": lambda: onsets(envelope, sfreq),
            "bands": lambda: bands(*sound(trial, role), sfreq=sfreq, n_times=len(envelope)),
        }
        return np.column_stack([parts[name]() for name in names])

    return replace(trial, streams={**trial.streams, **{role: of(role) for role in TALKERS}})
