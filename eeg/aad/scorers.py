"""One face for all decoders: how well any sound matches a piece of EEG, window by window.

A `Scorer` compares any sounds with the EEG it was made for: the two talkers for a decision, other sounds for a rank.
`decoding` makes them for all trials that are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.aad.cca import CcaDecoder
from cogattn.eeg.aad.checks import checked_streams
from cogattn.eeg.aad.features import first_feature
from cogattn.eeg.aad.forward import Response, lag_by_lag
from cogattn.eeg.aad.lagged import Lags, predict
from cogattn.eeg.aad.metrics import window_correlation
from cogattn.eeg.types import FloatArray

if TYPE_CHECKING:
    from cogattn.eeg.aad.trainable import SpeakerClassifier

Scorer = Callable[[Sequence[FloatArray], float], FloatArray]
"""(sounds, window_s) -> scores (n_sounds, n_windows); higher is a better match."""

RESPONSE_S = (0.0, 0.4)
"""Delays of the forward decoder."""


def by_reconstruction(decoded: FloatArray, sfreq: float) -> Scorer:
    """Correlation of each sound with the reconstruction; of several features, (n_times, n_features), the mean."""
    columns = decoded.reshape(len(decoded), -1)

    def score(sounds: Sequence[FloatArray], window_s: float) -> FloatArray:
        length = round(window_s * sfreq)
        wide = (sound.reshape(len(sound), -1)[:, : columns.shape[1]] for sound in sounds)
        return np.stack([window_correlation(columns, sound, length=length).mean(axis=1) for sound in wide])

    return score


def by_prediction(response: Response, lags: Lags, eeg: FloatArray, sfreq: float) -> Scorer:
    """Mean over channels of how well each sound predicts the EEG."""
    weights = lag_by_lag(response.coef_)

    def score(sounds: Sequence[FloatArray], window_s: float) -> FloatArray:
        length = round(window_s * sfreq)
        heard = checked_streams(sounds, [eeg] * len(sounds), name="sound")
        predicted = (predict(sound, weights, lags) for sound in heard)
        return np.stack([window_correlation(eeg, p, length=length).mean(axis=1) for p in predicted])

    return score


def by_components(decoder: CcaDecoder, eeg: FloatArray) -> Scorer:
    """Weighted correlation of components; those of the EEG, and of the last two sounds, are computed once."""
    neural = decoder.neural(eeg)
    heard: dict[int, tuple[FloatArray, FloatArray]] = {}  # the sound is kept, so that its id stays its own

    def of(sound: FloatArray) -> FloatArray:
        if id(sound) not in heard:
            if len(heard) == 2:
                del heard[next(iter(heard))]
            heard[id(sound)] = sound, decoder.heard(sound)
        return heard[id(sound)][1]

    return lambda sounds, window_s: np.stack(
        [decoder.match(neural, of(sound), window_s=window_s) for sound in sounds]
    )


def by_network(classifier: SpeakerClassifier, eeg: FloatArray) -> Scorer:
    """The classifier's own score of each sound."""
    return lambda sounds, window_s: classifier.scores(
        eeg, [first_feature(sound) for sound in sounds], window_s=window_s
    )
