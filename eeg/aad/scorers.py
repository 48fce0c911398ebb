"""One face for all decoders: how well any sound matches a trial's EEG, window by window.

`fitted` trains a decoder by its name and returns a function from a trial's EEG to a `Scorer`, which compares any
sounds with it: the two talkers for a decision, other sounds for a rank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.aad.cca import CcaDecoder
from cogattn.eeg.aad.config import AadConfig, DecoderName
from cogattn.eeg.aad.forward import ForwardModel
from cogattn.eeg.aad.metrics import window_correlation
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.types import FloatArray

if TYPE_CHECKING:
    from cogattn.eeg.aad.journal import Journal
    from cogattn.eeg.aad.trainable import Architecture, NetworkReconstructor, SpeakerClassifier

Scorer = Callable[[Sequence[FloatArray], float], FloatArray]
"""(sounds, window_s) -> scores (n_sounds, n_windows); higher is a better match."""

RESPONSE_S = (0.0, 0.4)
"""Delays of the forward decoder."""


def fitted(
    config: AadConfig,
    name: DecoderName,
    eeg: Sequence[FloatArray],
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    *,
    sfreq: float,
    journal: Journal | None = None,
    fold: int = 0,
) -> Callable[[FloatArray], Scorer]:
    """Train the decoder `name` on these trials; return what makes a `Scorer` of a trial's EEG.

    Networks keep page `fold` of the journal, as in `cogattn.eeg.aad.training.train`.
    """
    if name == "cca":
        return _by_decision(CcaDecoder(sfreq).fit(eeg, attended, unattended))
    if name == "classifier":
        classifier = _classifier(config, sfreq)
        return _by_decision(classifier.fit(eeg, attended, unattended, journal=journal, fold=fold))
    if name == "forward":
        model = ForwardModel(sfreq, *RESPONSE_S).fit(attended, eeg)
        return lambda trial: _by_prediction(model, trial)
    if name in ("cnn", "attention"):
        decoder = _network(config, name, sfreq).fit(eeg, attended, journal=journal, fold=fold)
    else:
        lags, alphas = config.lags, "ledoit-wolf" if name == "ledoit-wolf" else None
        decoder = RidgeDecoder(sfreq, lags.tmin_s, lags.tmax_s, alphas).fit(eeg, attended)
    return lambda trial: _by_reconstruction(decoder.predict(trial), sfreq)


def _by_decision(decider: CcaDecoder | SpeakerClassifier) -> Callable[[FloatArray], Scorer]:
    """The decider's own score of each sound."""
    return lambda trial: lambda sounds, window_s: decider.scores(trial, sounds, window_s=window_s)


def _by_reconstruction(decoded: FloatArray, sfreq: float) -> Scorer:
    """Correlation of each sound with the reconstruction."""

    def score(sounds: Sequence[FloatArray], window_s: float) -> FloatArray:
        length = round(window_s * sfreq)
        return np.stack([window_correlation(decoded, sound, length=length) for sound in sounds])

    return score


def _by_prediction(model: ForwardModel, eeg: FloatArray) -> Scorer:
    """Mean over channels of how well each sound predicts the EEG."""

    def score(sounds: Sequence[FloatArray], window_s: float) -> FloatArray:
        length = round(window_s * model.sfreq)
        return np.stack(
            [window_correlation(eeg, p, length=length).mean(axis=1) for p in model.predict(sounds)]
        )

    return score


def _network(config: AadConfig, name: Architecture, sfreq: float) -> NetworkReconstructor:
    from cogattn.eeg.aad.trainable import NetworkReconstructor

    return NetworkReconstructor(
        sfreq, name, context_s=config.lags.tmax_s, training=config.training, seed=config.seed
    )


def _classifier(config: AadConfig, sfreq: float) -> SpeakerClassifier:
    from cogattn.eeg.aad.trainable import SpeakerClassifier

    return SpeakerClassifier(sfreq, training=config.training, seed=config.seed)
