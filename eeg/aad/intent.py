"""Conditioning on intent: decode who is listened to, then process sound for that talker only.

The structure follows AAD-LLM (Jiang et al., 2025) without its language model: EEG gives an *intention token*, one
of K clusters of talkers; the token selects a stream of the mixture; a speech model works on the selected sound. The
default speech model is real and small: it enhances the attended talker by a time-frequency mask. Any transcriber or
captioner that satisfies `SpeechModel` takes its place.

If the decoder picks the attended talker with probability p and the talkers are independent of the decoder's
mistakes, the expected error is p times the error on the target plus (1 - p) times the error on the other; the same
holds for any score, so a decoder's value can be read off before it is built (`expected_error`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

Output = TypeVar("Output", covariant=True)
FRAME_S = 0.032
"""Frame of the short-time Fourier transform."""


class SpeechModel(Protocol[Output]):
    """What processes the mixture once the attended talker is known; a transcriber returns its text."""

    def __call__(
        self, mixture: FloatArray, attended: FloatArray, others: FloatArray, *, sfreq: float
    ) -> Output:
        """Process a mixture given the estimates of the attended talker and of all others, each (n_samples,)."""
        ...


class MaskEnhancer:
    """Enhance the attended talker: Wiener-like ratio mask from the two estimates, applied to the mixture.

    Parameters
    ----------
    floor : float
        Smallest gain, so that no talker disappears for the listener (0 removes the others).
    """

    def __init__(self, floor: float = 0.0) -> None:
        self.floor = floor

    def __call__(
        self, mixture: FloatArray, attended: FloatArray, others: FloatArray, *, sfreq: float
    ) -> FloatArray:
        """Return the enhanced sound, (n_samples,)."""
        from scipy.signal import istft, stft

        if not mixture.shape == attended.shape == others.shape:
            raise DataError(
                f"sounds must be equally long; got {mixture.shape}, {attended.shape}, {others.shape}"
            )
        length = 2 * round(FRAME_S * sfreq / 2)
        mixed, wanted, rest = (stft(x, sfreq, nperseg=length)[2] for x in (mixture, attended, others))
        power, other = np.abs(wanted) ** 2, np.abs(rest) ** 2
        mask = power / np.maximum(power + other, np.finfo(float).tiny)
        sound = istft(np.maximum(mask, self.floor) * mixed, sfreq, nperseg=length)[1]
        return sound[: mixture.size]


@dataclass(frozen=True)
class Conditioned(Generic[Output]):
    """Which stream was taken to be attended, its margin over the runner-up, and what the speech model made of it."""

    selected: int
    margin: float
    output: Output


def condition(
    decoder: RidgeDecoder,
    eeg: FloatArray,
    mixture: FloatArray,
    streams: Sequence[FloatArray],
    *,
    audio_sfreq: float,
    model: SpeechModel[Output],
    envelope: Envelope | None = None,
) -> Conditioned[Output]:
    """Select the stream whose envelope the EEG follows and run the speech model on it.

    Parameters
    ----------
    decoder : RidgeDecoder
        Fitted.
    eeg : array, shape (n_times, n_channels)
        At the decoder's rate, preprocessed as in its training.
    mixture : array, shape (n_samples,)
        What the listener heard.
    streams : sequence of array, each (n_samples,)
        Separated talkers (from a separation model or close microphones), two or more.
    audio_sfreq : float
        Rate of mixture and streams in Hz.
    model : SpeechModel
        Such as `MaskEnhancer`.
    envelope : Envelope, optional
        As in the decoder's training; the default recipe at the decoder's rate when absent.

    Returns
    -------
    Conditioned
    """
    if len(streams) < 2:
        raise DataError(f"streams must hold at least two talkers; got {len(streams)}")
    to_envelope = envelope or Envelope(sfreq=decoder.sfreq)
    decoded = decoder.predict(eeg)
    envelopes = [to_envelope(stream, audio_sfreq) for stream in streams]
    shortest = min(decoded.shape[0], *(e.shape[0] for e in envelopes))
    if decoded.shape[0] - shortest > decoder.sfreq:
        raise DataError(
            f"streams must last as long as the EEG; got {shortest / decoder.sfreq:g} s for "
            f"{decoded.shape[0] / decoder.sfreq:g} s"
        )
    r = np.array([float(correlation(decoded[:shortest], e[:shortest])) for e in envelopes])
    selected = int(np.argmax(r))
    margin = float(r[selected] - np.max(np.delete(r, selected)))
    others = np.sum([s for i, s in enumerate(streams) if i != selected], axis=0)
    return Conditioned(selected, margin, model(mixture, streams[selected], others, sfreq=audio_sfreq))


class SpeakerTokens:
    """K clusters of talkers and a decoder from EEG to the attended talker's cluster.

    Talkers are described by any features (embeddings, long-term spectra); clusters are k-means centroids of them.
    The attended token is decoded from how well each talker in the scene matches the reconstruction from the EEG; no
    talker needs to have been heard in training.

    Parameters
    ----------
    n_tokens : int
        K (AAD-LLM: 8).
    seed : int
        Of k-means.
    """

    def __init__(self, n_tokens: int = 8, seed: int = 0) -> None:
        self.n_tokens = n_tokens
        self.seed = seed

    def fit(self, features: FloatArray) -> SpeakerTokens:
        """Cluster talkers, features (n_talkers, n_features)."""
        from sklearn.cluster import KMeans

        values = np.asarray(features, dtype=np.float64)
        if values.ndim != 2 or len(values) < self.n_tokens or not np.isfinite(values).all():
            raise DataError(
                f"features must be finite, at least {self.n_tokens} talkers; got shape {values.shape}"
            )
        self.centroids_ = (
            KMeans(self.n_tokens, n_init=10, random_state=self.seed).fit(values).cluster_centers_
        )
        return self

    def token(self, features: FloatArray) -> NDArray[np.integer]:
        """Cluster of each talker, (n_talkers,)."""
        distance = np.linalg.norm(np.atleast_2d(features)[:, None] - self.centroids_[None], axis=2)
        return distance.argmin(axis=1)

    def decode(self, r: ArrayLike, features: FloatArray, *, sharpness: float = 20.0) -> FloatArray:
        """Probability of each token, (n_tokens,), from each talker's correlation with the reconstruction.

        `sharpness` is the inverse temperature of the softmax over talkers.
        """
        scores = sharpness * np.asarray(r, dtype=np.float64)
        weights = np.exp(scores - scores.max())
        shares = weights / weights.sum()
        return np.bincount(self.token(features), shares, minlength=self.n_tokens).astype(np.float64)


def talker_features(sound: FloatArray, sfreq: float) -> FloatArray:
    """Long-term average of the 15 gammatone bands, in decibels without their mean: a talker's spectral colour."""
    level = 10 * np.log10(np.maximum((Envelope(power=1.0).bands(sound, sfreq) ** 2).mean(axis=0), 1e-20))
    return level - level.mean()


def si_sdr(estimate: FloatArray, reference: FloatArray) -> float:
    """Scale-invariant signal-to-distortion ratio in decibels (Le Roux et al. 2019)."""
    target, found = reference - reference.mean(), estimate - estimate.mean()
    energy = float(target @ target)
    if not energy > 0:
        raise DataError("reference must vary; got silence")
    projected = (float(found @ target) / energy) * target
    error = found - projected
    return float(10 * np.log10(max(projected @ projected, 1e-300) / max(error @ error, 1e-300)))


def expected_error(accuracy: ArrayLike, *, on_target: float, on_other: float) -> FloatArray:
    """Expected error (or score) of a conditioned speech model when the decoder is right with `accuracy`.

    Examples
    --------
    >>> expected_error([0.5, 0.944, 1.0], on_target=6.8, on_other=90.1)
    array([48.45  , 11.4648,  6.8   ])
    """
    p = np.asarray(accuracy, dtype=np.float64)
    if not np.all((p >= 0) & (p <= 1)):
        raise DataError(f"accuracy must lie between 0 and 1; got {p.tolist()}")
    return p * on_target + (1 - p) * on_other
