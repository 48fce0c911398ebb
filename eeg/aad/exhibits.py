"""What can be looked at of attended-speaker decoding: EEG, the two talkers, and a decision that runs with time.

A listener is simulated and decoded as in a run: by ridge, each trial by a decoder that has not seen it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.lines import eeg_lines, envelope_lines, standard
from cogattn.eeg.recordings.config import SimulatedTalkers
from cogattn.exhibits import Control, Exhibit, Series, Shown

if TYPE_CHECKING:
    from cogattn.eeg.recordings.recording import Recording
    from cogattn.eeg.types import FloatArray

N_TRIALS, TRIAL_S, N_CHANNELS = 6, 60, 16
SHOWN_S = 6.0
"""Of EEG and envelopes, up to the moment that is looked at."""
HOP_S = 0.5
"""Between two decisions."""


@dataclass(frozen=True)
class Heard:
    """One trial, prepared and decoded.

    Parameters
    ----------
    eeg : array, shape (n_times, n_channels)
        Volts.
    recording : Recording
        The trial's.
    attended, ignored, decoded : array, shape (n_times,)
        Envelopes as played, and what ridge reconstructs.
    speaker : str
        Who was attended.
    sfreq : float
        In Hz.
    """

    eeg: FloatArray
    recording: Recording
    attended: FloatArray
    ignored: FloatArray
    decoded: FloatArray
    speaker: str
    sfreq: float


def running_decision(*, snr_db: int, unattended_gain: float, window_s: int, time_s: int, trial: int) -> Shown:
    """Return EEG and envelopes up to a moment, and the correlations by which the talker is told, all through a trial.

    Parameters
    ----------
    snr_db : int
        Variance of the response to speech over that of the background EEG, in decibels.
    unattended_gain : float
        Response to the ignored talker relative to the attended one.
    window_s : int
        How far back a decision looks, in seconds.
    time_s : int
        The moment, in seconds from the trial's start.
    trial : int
        Number of the trial.
    """
    trials = _listener(snr_db, unattended_gain)
    heard = trials[trial]
    ends_s, first, second = _running(heard, window_s)
    return Shown(
        (_correlations(ends_s, first, second, time_s), _envelopes(heard, time_s), _eeg(heard, time_s)),
        {
            "attended talker": heard.speaker,
            **_decided(heard, ends_s, first - second, time_s),
            "right in this trial (%)": round(100 * float((first > second).mean()), 1),
            "right in all trials (%)": round(100 * _accuracy(trials, window_s), 1),
        },
    )


@lru_cache(maxsize=4)
def _listener(snr_db: float, unattended_gain: float) -> tuple[Heard, ...]:
    """All trials of one simulated listener, each decoded by the others."""
    from cogattn.eeg.aad.decoding import reconstructions
    from cogattn.eeg.aad.pool import pool_and_recording
    from cogattn.eeg.recordings.files import listeners

    source = SimulatedTalkers(
        n_listeners=1,
        n_trials=N_TRIALS,
        trial_s=TRIAL_S,
        n_channels=N_CHANNELS,
        snr_db=snr_db,
        unattended_gain=unattended_gain,
    )
    config = AadConfig(recordings=source, decoders=("ridge",))
    pool, recording = pool_and_recording(config, listeners(source)[0])
    decoded = reconstructions(config, pool, "ridge")
    return tuple(
        Heard(
            pool.eeg[k],
            recording,
            pool.attended[k],
            pool.unattended[k],
            decoded[k],
            recording.trials[k].labels["speaker"],
            pool.sfreq,
        )
        for k in pool.own
    )


def _running(heard: Heard, window_s: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Ends of windows in seconds, and how well what was decoded follows either talker in each, (n_windows,)."""
    from cogattn.eeg.aad.metrics import correlation

    length, hop = round(window_s * heard.sfreq), round(HOP_S * heard.sfreq)

    def cut(signal: FloatArray) -> FloatArray:
        return np.lib.stride_tricks.sliding_window_view(signal, length)[::hop].T

    decoded = cut(heard.decoded)
    first, second = (correlation(decoded, cut(sound)) for sound in (heard.attended, heard.ignored))
    return (length + hop * np.arange(len(first))) / heard.sfreq, first, second


def _accuracy(trials: tuple[Heard, ...], window_s: float) -> float:
    """Share of windows of all trials in which the attended talker is told; they do not overlap, as in a run."""
    from cogattn.eeg.aad.metrics import accuracy
    from cogattn.eeg.aad.scorers import by_reconstruction

    margins = []
    for heard in trials:
        scores = by_reconstruction(heard.decoded, heard.sfreq)([heard.attended, heard.ignored], window_s)
        margins.append(scores[0] - scores[1])
    return float(accuracy(np.concatenate(margins)))


def _decided(heard: Heard, ends_s: FloatArray, margin: FloatArray, time_s: float) -> dict[str, str | bool]:
    """The last decision before a moment; none before the first window is full."""
    made = np.flatnonzero(ends_s <= time_s)
    if not len(made):
        return {"decoded talker": "none yet"}
    right = bool(margin[made[-1]] > 0)
    other = {"A": "B", "B": "A"}[heard.speaker]
    return {"decoded talker": heard.speaker if right else other, "right": right}


# ---- lines


def _correlations(ends_s: FloatArray, first: FloatArray, second: FloatArray, time_s: float) -> Series:
    return Series(
        x=ends_s,
        lines={"with the attended talker": first, "with the ignored talker": second},
        x_label="time (s)",
        y_label="correlation over the last window",
        marks=(float(time_s),),
        caption="The running decision: correlation of what is decoded from EEG with each talker's envelope, over "
        "the last window; the higher one is taken. The line marks the moment that is looked at.",
    )


def _envelopes(heard: Heard, time_s: float) -> Series:
    part, times_s = _stretch(heard, time_s)
    named = {"decoded from EEG": heard.decoded, "attended": heard.attended, "ignored": heard.ignored}
    return envelope_lines(
        {name: standard(signal)[part] for name, signal in named.items()},
        times_s,
        caption="Envelopes of the two talkers from 1 to 9 Hz, and the one that is decoded from EEG, each over "
        "its own SD.",
    )


def _eeg(heard: Heard, time_s: float) -> Series:
    part, times_s = _stretch(heard, time_s)
    return eeg_lines(heard.eeg[part], times_s, heard.recording, AadConfig().preprocessing)


def _stretch(heard: Heard, time_s: float) -> tuple[slice, FloatArray]:
    """Samples of the seconds up to a moment, and their times in seconds."""
    stop = min(round(time_s * heard.sfreq), len(heard.decoded))
    part = slice(max(0, stop - round(SHOWN_S * heard.sfreq)), stop)
    return part, np.arange(part.start, part.stop) / heard.sfreq


RUNNING_DECISION = Exhibit(
    title="Who is listened to?",
    about="A simulated listener follows one of two talkers. An envelope is decoded from the EEG, and the talker whose "
    "own envelope it follows better, over the last seconds, is taken to be the attended one.",
    controls=(
        Control(
            "snr_db",
            "Response to speech over background EEG (dB)",
            -38,
            -60,
            0,
            2,
            help="-38 gives correlations near those of real recordings.",
        ),
        Control("window_s", "Decision window (s)", 10, 1, 30, 1),
        Control("time_s", "Moment (s)", 30, 2, TRIAL_S, 1),
        Control("trial", "Trial (number)", 0, 0, N_TRIALS - 1, 1),
        Control(
            "unattended_gain",
            "Response to the ignored talker, relative to the attended",
            0.4,
            0.0,
            1.0,
            0.1,
            help="1 leaves nothing to decode.",
        ),
    ),
    make=running_decision,
)
