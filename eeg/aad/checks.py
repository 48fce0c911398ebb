"""What decoders accept: lists of trials, checked once; errors name subject, trial and channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cogattn.eeg.aad.lagged import Lags
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.recordings.facts import SAME_ENVELOPE_R
from cogattn.eeg.recordings.recording import check_eeg, check_stream
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


def checked_eeg(
    eeg: Sequence[FloatArray] | FloatArray,
    *,
    least: int = 1,
    subject: str | None = None,
    channels: Sequence[str] | None = None,
) -> list[FloatArray]:
    """Return the trials as float64 of shape (n_times, n_channels), each channel's mean removed.

    Raises
    ------
    DataError
        If there are fewer than `least` trials, their channels differ in number, or one holds NaN or infinity,
        a flat channel or two equal channels.
    """
    if isinstance(eeg, np.ndarray) and eeg.ndim == 2:
        eeg = [eeg]
    if len(eeg) < least:
        at_least = f"at least {least} trial{'s' if least > 1 else ''}"
        raise DataError(f"eeg must hold {at_least}; got {len(eeg)}{_subject(subject)}")
    trials = []
    for i, trial in enumerate(eeg):
        data = np.asarray(trial)
        data = data.astype(np.float64) if data.dtype.kind in "iuf" else data
        check_eeg(data, channels=channels, where=trial_name(i, subject))
        if trials and data.shape[1] != trials[0].shape[1]:
            raise DataError(
                f"all trials must have the same channels; got {data.shape[1]} and {trials[0].shape[1]} "
                f"({trial_name(i, subject)})"
            )
        trials.append(data - data.mean(axis=0))
    return trials


def checked_streams(
    streams: Sequence[FloatArray], eeg: Sequence[FloatArray], *, name: str, subject: str | None = None
) -> list[FloatArray]:
    """Return the streams as float64 of shape (n_times, n_features), means removed.

    Raises
    ------
    DataError
        If there is not one stream per trial, as long as its EEG, finite and varying.
    """
    if isinstance(streams, np.ndarray) and streams.ndim == 1:
        streams = [streams]
    if len(streams) != len(eeg):
        raise DataError(
            f"{name} must hold one envelope per trial; got {len(streams)} for {len(eeg)}{_subject(subject)}"
        )
    checked = []
    for i, (stream, data) in enumerate(zip(streams, eeg, strict=True)):
        values = np.asarray(stream, dtype=np.float64)
        check_stream(values, data.shape[0], name=name, where=trial_name(i, subject))
        values = values.reshape(values.shape[0], -1)
        checked.append(values - values.mean(axis=0))
    return checked


def check_different(
    attended: Sequence[FloatArray], unattended: Sequence[FloatArray], names: Sequence[str]
) -> None:
    """Raise DataError for the first trial in which both talkers have one envelope, (n_times,) each."""
    for first, second, name in zip(attended, unattended, names, strict=True):
        if correlation(first, second) > SAME_ENVELOPE_R:
            raise DataError(
                f"attended and unattended must be two different sounds; got one for both talkers ({name})"
            )


def checked_lags(tmin: float, tmax: float, sfreq: float, trials: Sequence[FloatArray]) -> Lags:
    """Lags of a backward model; DataError for an empty range, a bad rate, or trials shorter than the lags."""
    if not sfreq > 0 or not np.isfinite(sfreq):
        raise DataError(f"sfreq must be positive; got {sfreq}")
    if tmin > tmax:
        raise DataError(f"tmin must be at most tmax; got {tmin:g} s and {tmax:g} s")
    lags = Lags.backward(tmin, tmax, sfreq)
    shortest = min(trial.shape[0] for trial in trials)
    if shortest <= max(lags.n, abs(lags.first), abs(lags.last)):
        raise DataError(f"trials must outlast the lags; got {shortest} samples for lags to {tmax:g} s")
    return lags


def checked_alphas(alphas: Sequence[float] | None) -> FloatArray | None:
    """Return positive penalties as an array, or None for the default grid."""
    if alphas is None:
        return None
    values = np.atleast_1d(np.asarray(alphas, dtype=np.float64))
    if values.ndim != 1 or not values.size or not np.all(np.isfinite(values) & (values > 0)):
        raise DataError(f"alphas must be positive numbers; got {alphas}")
    return values


def trial_name(index: int, subject: str | None) -> str:
    """How errors call a trial."""
    return f"trial {index + 1}" if subject is None else f"subject {subject}, trial {index + 1}"


def _subject(subject: str | None) -> str:
    return "" if subject is None else f" (subject {subject})"
