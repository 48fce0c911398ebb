"""When trials began (trigger codes, annotations, the sound itself in an audio channel), and cutting."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne


def trials_from_raw(
    raw: mne.io.BaseRaw,
    onsets_s: Sequence[float],
    *,
    duration_s: float,
    subject: str,
    names: Sequence[str] | None = None,
    picks: str | Sequence[str] = "eeg",
) -> Recording:
    """Cut trials out of a continuous recording.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Continuous recording in volts, as mne holds it.
    onsets_s : sequence of float
        Start of each trial in seconds from the first sample.
    duration_s : float
        Length of every trial in seconds.
    subject : str
        Named in errors.
    names : sequence of str, optional
        Of the trials; "trial 1", "trial 2", ... when absent.
    picks : str or sequence of str
        Channels, as mne's `picks`.

    Raises
    ------
    DataError
        If a trial reaches beyond the recording, or its data are damaged (see `Recording.checked`).
    """
    sfreq = float(raw.info["sfreq"])
    length = round(duration_s * sfreq)
    names = [f"trial {i + 1}" for i in range(len(onsets_s))] if names is None else list(names)
    channels = tuple(raw.copy().pick(picks).ch_names)
    trials = []
    for onset_s, name in zip(onsets_s, names, strict=True):
        start = round(onset_s * sfreq)
        if start < 0 or start + length > raw.n_times:
            raise DataError(
                f"every trial must lie within the recording; got {onset_s:g} s + {duration_s:g} s in "
                f"{raw.n_times / sfreq:g} s (subject {subject}, {name})"
            )
        data = np.asarray(raw.get_data(picks=np.array(channels), start=start, stop=start + length))
        trials.append(Trial(data.T, name))
    return Recording(subject, sfreq, channels, tuple(trials)).checked()


def trials_from_epochs(
    epochs: mne.BaseEpochs, *, subject: str, picks: str | Sequence[str] = "eeg"
) -> Recording:
    """Turn mne Epochs (volts) into a Recording, one trial per epoch, labelled with its event's name."""
    chosen = epochs.copy().load_data().pick(picks)
    names = {code: name for name, code in epochs.event_id.items()}
    trials = tuple(
        Trial(data.T, f"trial {i + 1}", labels={"condition": names[code]})
        for i, (data, code) in enumerate(zip(chosen.get_data(copy=True), chosen.events[:, 2], strict=True))
    )
    return Recording(subject, float(chosen.info["sfreq"]), tuple(chosen.ch_names), trials).checked()


def trigger_onsets(
    raw: mne.io.BaseRaw, codes: Sequence[int | str], *, stim_channel: str | None = None
) -> list[float]:
    """Seconds from the first sample at which any of `codes` occurs, rising (see `trigger_events`)."""
    return [onset_s for onset_s, _ in trigger_events(raw, codes, stim_channel=stim_channel)]


def trigger_events(
    raw: mne.io.BaseRaw, codes: Sequence[int | str], *, stim_channel: str | None = None
) -> list[tuple[float, int | str]]:
    """When any of `codes` occurs, and which, from a stim channel or from annotations.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Recording with a stim channel, or with annotations.
    codes : sequence of int or str
        Annotation texts, or integers: values of the stim channel or, where the recording has none, the number
        that ends an annotation (7 finds "Stimulus/S  7" and "7").
    stim_channel : str, optional
        Its name; mne finds it when absent.

    Returns
    -------
    list of (float, int or str)
        Seconds from the first sample, rising, and the code.

    Raises
    ------
    DataError
        If none of the codes occurs; the message lists those that do.
    """
    texts = _annotation_onsets(raw)
    numbers = [] if all(isinstance(code, str) for code in codes) else _number_onsets(raw, texts, stim_channel)
    occurring = [*texts, *numbers]
    found = [(onset_s, code) for onset_s, code in occurring if code in codes]
    if not found:
        known = sorted({code for _, code in (numbers or texts)})
        raise DataError(f"codes must occur in the recording; got {list(codes)}, which has {known[:20]}")
    return sorted(found, key=lambda event: event[0])


def _annotation_onsets(raw: mne.io.BaseRaw) -> list[tuple[float, str]]:
    """Seconds from the first sample, and text, of every annotation."""
    offset = raw.first_time if raw.annotations.orig_time is not None else 0.0
    marks = zip(raw.annotations.onset, raw.annotations.description, strict=True)
    return [(float(onset) - offset, str(text)) for onset, text in marks]


def _number_onsets(
    raw: mne.io.BaseRaw, texts: Sequence[tuple[float, str]], stim_channel: str | None
) -> list[tuple[float, int]]:
    """Seconds from the first sample, and value, of every trigger or, without a stim channel, numbered text."""
    import mne

    if stim_channel is None and "stim" not in raw:
        ends = [(onset_s, re.search(r"(\d+)\s*$", text)) for onset_s, text in texts]
        return [(onset_s, int(end.group(1))) for onset_s, end in ends if end]
    events = mne.find_events(raw, stim_channel=stim_channel, shortest_event=1, verbose="error")
    return [(float((sample - raw.first_samp) / raw.info["sfreq"]), int(value)) for sample, _, value in events]


@dataclass(frozen=True)
class AudioOnset:
    """Where an audio file starts in a recorded audio channel: seconds, peak correlation, clock drift."""

    onset_s: float
    r: float
    drift_ppm: float


def audio_onset(recorded: FloatArray, audio: FloatArray, *, sfreq: float, audio_sfreq: float) -> AudioOnset:
    """Find a known sound in the audio channel that was recorded along with the EEG.

    Parameters
    ----------
    recorded : array, shape (n_times,)
        The auxiliary channel, any unit.
    audio : array, shape (n_samples,)
        The sound file; shorter than the recording.
    sfreq, audio_sfreq : float
        Their sampling rates in Hz.

    Returns
    -------
    AudioOnset
        ``onset_s`` from the first sample of `recorded`; ``r`` the normalised correlation of the envelopes
        there; ``drift_ppm`` how much longer the sound lasts on the recorder's clock than on its own, in parts
        per million (from its first and last thirds; resolution about one EEG sample over two thirds of it).

    Raises
    ------
    DataError
        If the best correlation stays below 0.3, that is, if the sound is not there.
    """
    wanted = _loudness(resample(np.asarray(audio, dtype=np.float64), audio_sfreq, sfreq), sfreq)
    heard = _loudness(np.asarray(recorded, dtype=np.float64), sfreq)
    if wanted.size > heard.size:
        raise DataError(
            f"audio must be shorter than the recording; got {wanted.size / sfreq:g} s "
            f"in {heard.size / sfreq:g} s"
        )
    lag, r = _best_lag(heard, wanted)
    if r < 0.3:
        raise DataError(f"the sound must be found in the audio channel; got a best correlation of {r:.2f}")
    third = wanted.size // 3
    early, _ = _best_lag(heard[: lag + 2 * third], wanted[:third])
    late, _ = _best_lag(heard[lag + third :], wanted[-third:])
    drift = (late + lag + third - (wanted.size - third)) - early
    return AudioOnset(float(lag / sfreq), float(r), float(1e6 * drift / (wanted.size - third)))


def _loudness(sound: FloatArray, sfreq: float) -> FloatArray:
    """Rectified sound, smoothed over 10 ms where the rate resolves it."""
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(np.abs(sound - sound.mean()), max(1, round(0.01 * sfreq)))


def _best_lag(long: FloatArray, short: FloatArray) -> tuple[int, float]:
    """Lag of `short` in `long` at which their normalised correlation peaks, and the peak."""
    from scipy.signal import correlate

    n = short.size
    numerator = correlate(long, short - short.mean(), mode="valid", method="fft")
    total = np.concatenate([[0.0], np.cumsum(long)])
    square = np.concatenate([[0.0], np.cumsum(long**2)])
    variance = (square[n:] - square[:-n]) - (total[n:] - total[:-n]) ** 2 / n
    scale = np.sqrt(np.maximum(variance, 1e-12 * square[-1]) * n * short.var())
    r = numerator / np.where(scale > 0, scale, np.inf)
    best = int(np.argmax(r))
    return best, float(r[best])
