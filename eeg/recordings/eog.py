"""Regressing eye movements and blinks out of the EEG: Gratton, Coles and Donchin (1983), without their averages.

What the EOG channels see of the brain is subtracted along with the eyes, as in every regression on EOG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cogattn.eeg.recordings.bad_spans import Span, clean_pieces
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

BLOCK_S = 2.0
"""EOG is compared with EEG in such blocks, each with its own offset and slope: slow drifts of the electrodes, which
are larger than blinks, then have no say."""


def without_eog(
    recording: Recording, eog: Sequence[str], *, bad: Sequence[Sequence[Span]] | None = None
) -> Recording:
    """Subtract from every other channel what the EOG channels tell about it, by least squares over the recording.

    The weights are those of mne's EOGRegression on epochs of `BLOCK_S` seconds, each detrended; what BAD spans hold
    has no part in them.

    Raises
    ------
    DataError
        If an EOG channel does not vary, equals another, or no block of clean EEG is there to learn from.
    """
    at = [recording.channels.index(name) for name in eog]
    rest = [i for i in range(len(recording.channels)) if i not in at]
    length = round(BLOCK_S * recording.sfreq)
    gram, cross = np.zeros((len(at), len(at))), np.zeros((len(at), len(rest)))
    for piece in clean_pieces(recording, bad):
        for start in range(0, piece.shape[0] - length + 1, length):
            block = _detrended(piece[start : start + length])
            gram += block[:, at].T @ block[:, at]
            cross += block[:, at].T @ block[:, rest]
    scale = np.sqrt(np.diag(gram))
    if not (np.isfinite(gram).all() and scale.all()) or np.linalg.cond(gram / np.outer(scale, scale)) > 1e10:
        raise DataError(
            f"cleaning.eog must name channels that vary, each in its own way, over blocks of {BLOCK_S:g} s; got "
            f"{', '.join(eog)} (subject {recording.subject})"
        )
    weights = np.linalg.solve(gram, cross)  # (n_eog, n_rest)

    def regressed(eeg: FloatArray) -> FloatArray:
        out = eeg.copy()
        out[:, rest] -= (eeg[:, at] - eeg[:, at].mean(axis=0)) @ weights
        return out

    trials = tuple(replace(trial, eeg=regressed(trial.eeg)) for trial in recording.trials)
    return replace(recording, trials=trials).picked([recording.channels[i] for i in rest])


def _detrended(block: FloatArray) -> FloatArray:
    from scipy.signal import detrend

    return detrend(np.asarray(block, dtype=np.float64), axis=0)
