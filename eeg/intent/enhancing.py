"""Enhance the attended talker in a mixture by the envelope that was decoded from the brain; no talker is given.

Each component k of the mixture (`cogattn.eeg.intent.components`) belongs to the attended talker by a weight s_k(t)
around one half. A normal prior says how far weights of components go from one half, for good and for moments; the
decoded envelope, a noisy sum of what the components add to the envelope each by its weight, turns it into a posterior
in closed form, and the mixture is filtered by the mask of the posterior means. How much the decoded envelope is worth
is learned (`cogattn.eeg.intent.tracking`): as it becomes worth nothing, every weight goes to one half and the mixture
comes back as it is, rather than damaged.

Selecting components by their correlation with a decoded envelope is the idea of EEG-informed enhancement (Van Eyndhoven
et al. 2017 gate by the selected talker; Biesmans et al. 2017 decode the envelope); the joint posterior replaces its
thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cogattn.eeg.intent.components import (
    FRAME_RATE,
    SOUND_SFREQ,
    Components,
    components_of,
    sound_of,
    spectrum_of,
)
from cogattn.eeg.intent.tracking import Tracking
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError

BLOCK_S = 60.0
MOST_SAMPLES = 2048
"""A block lasts no longer than either, for its samples' covariance is solved."""


@dataclass(frozen=True)
class Prior:
    """How weights scatter around one half before anything was decoded; chosen on synthetic talkers (docs/intent.md).

    Parameters
    ----------
    lasting, passing : float
        Variance of what a component keeps over a block, and of what changes with time.
    passing_s : float
        For how long it and `gain` last: SD of a Gaussian.
    kinship : float
        Between 0, components are independent, and 1, those whose activations correlate belong together.
    gain : float
        Variance of what all components have in common from moment to moment: a gain of the whole mixture.
    """

    lasting: float = 0.12
    passing: float = 0.08
    passing_s: float = 0.08
    kinship: float = 0.5
    gain: float = 0.08


LOUDNESS_ONLY = Prior(lasting=0.0, passing=0.0, passing_s=0.08, gain=0.06)
"""A gain of the whole mixture from moment to moment and nothing else: the baseline."""


@dataclass(frozen=True)
class TakenApart:
    """A mixture in blocks of components, which no brain is needed for; `take_apart` makes it.

    Parameters
    ----------
    spectrum : array, shape (n_frequencies, n_frames)
        Of the mixture at unit power.
    blocks : sequence of (slice of frames, Components)
        All frames in order.
    loudness : float
        Root mean square of the mixture.
    n_samples : int
        At `components.SOUND_SFREQ`.
    """

    spectrum: ComplexArray
    blocks: tuple[tuple[slice, Components], ...]
    loudness: float
    n_samples: int


def take_apart(
    mixture: FloatArray,
    *,
    audio_sfreq: float,
    n_components: int = 20,
    block_s: float = BLOCK_S,
    seed: int = 0,
) -> TakenApart:
    """Factorise a mixture, (n_samples,) at `audio_sfreq` Hz, in equal blocks of at most `block_s` seconds.

    Raises
    ------
    DataError
        If the mixture is silent, not finite, or shorter than a frame.
    """
    sound = resample(np.asarray(mixture, dtype=np.float64), audio_sfreq, SOUND_SFREQ)
    loudness = float(np.sqrt(np.mean(sound**2)))
    if not np.isfinite(loudness) or not np.ptp(sound):
        raise DataError("mixture must be finite and vary; got silence, NaN or infinity")
    spectrum = spectrum_of(sound / loudness)
    n_frames = spectrum.shape[1]
    edges = np.linspace(0, n_frames, math.ceil(n_frames / (block_s * FRAME_RATE)) + 1).round().astype(int)
    blocks = tuple(
        (slice(int(a), int(b)), components_of(spectrum[:, a:b], n_components=n_components, seed=seed))
        for a, b in pairwise(edges)
    )
    return TakenApart(spectrum, blocks, loudness, len(sound))


@dataclass(frozen=True)
class EnvelopeEnhancer:
    """Enhances the attended talker of a mixture from the decoded envelope; call it with both.

    Parameters
    ----------
    tracking : Tracking
        What the decoded envelope is worth, learned on other trials.
    prior : Prior
        Of the weights.
    n_components : int
        Of each block of the mixture.
    floor : float
        Smallest weight of a component, so that nothing disappears for the listener.
    seed : int
        Where the factorisation starts.
    """

    tracking: Tracking
    prior: Prior = Prior()
    n_components: int = 20
    floor: float = 0.02
    seed: int = 0

    def __call__(self, mixture: FloatArray, decoded: FloatArray, *, audio_sfreq: float) -> FloatArray:
        """Return the enhanced sound, (n_samples,) at `audio_sfreq`, without what lies above 4 kHz.

        Parameters
        ----------
        mixture : array, shape (n_samples,)
            What the listener heard.
        decoded : array, shape (n_times,)
            Reconstruction at the rate of the tracking's band, from the first sample on.
        audio_sfreq : float
            Rate of the mixture in Hz.

        Raises
        ------
        DataError
            As `take_apart`, or if the two differ in length by more than a second.
        """
        block_s = min(BLOCK_S, MOST_SAMPLES / self.tracking.band.sfreq)
        parts = take_apart(
            mixture, audio_sfreq=audio_sfreq, n_components=self.n_components, block_s=block_s, seed=self.seed
        )
        enhanced = self.enhance(parts, decoded)
        return _fitted(resample(enhanced, SOUND_SFREQ, audio_sfreq), len(mixture))

    def enhance(self, parts: TakenApart, decoded: FloatArray) -> FloatArray:
        """Return the enhanced sound of a mixture, at `components.SOUND_SFREQ`, by a decoded envelope (n_frames,)."""
        sfreq = self.tracking.band.sfreq
        if abs(len(decoded) / sfreq - parts.n_samples / SOUND_SFREQ) > 1.0:
            raise DataError(
                f"the mixture must last as long as what was decoded; got {parts.n_samples / SOUND_SFREQ:g} s for "
                f"{len(decoded) / sfreq:g} s"
            )
        mask = np.concatenate(
            [self._mask(found, decoded, frames.start) for frames, found in parts.blocks], axis=1
        )
        return parts.loudness * sound_of(mask * parts.spectrum, parts.n_samples)

    def _mask(self, found: Components, decoded: FloatArray, first_frame: int) -> FloatArray:
        sfreq = self.tracking.band.sfreq
        levels = self.tracking.band.from_frames(found.levels)
        start = round(first_frame / FRAME_RATE * sfreq)
        heard = decoded[start : start + len(levels)]
        weights = posterior(found, levels[: len(heard)], heard, self.tracking, self.prior)
        at_s, times_s = np.arange(len(found.levels)) / FRAME_RATE, np.arange(len(heard)) / sfreq
        smooth = np.stack([np.interp(at_s, times_s, w) for w in np.clip(weights, self.floor, 1.0)])
        return found.mask(smooth)


def posterior(
    components: Components, levels: FloatArray, decoded: FloatArray, tracking: Tracking, prior: Prior
) -> FloatArray:
    """Posterior mean of every component's weight, (n_components, n_times).

    Parameters
    ----------
    components : Components
        Of the mixture.
    levels : array, shape (n_times, n_components)
        What each adds to the envelope, at the decoder's rate.
    decoded : array, shape (n_times,)
        Reconstruction.
    tracking, prior
        What it is worth; how weights scatter.
    """
    from scipy.linalg import cho_factor, cho_solve, toeplitz

    n, contrast, band = len(decoded), tracking.contrast, tracking.band
    weights = np.full((levels.shape[1], n), 0.5)
    if contrast <= 0:
        return weights
    kin = (1 - prior.kinship) * np.eye(levels.shape[1]) + prior.kinship * components.alikeness
    whole = levels.sum(axis=1)
    moment = np.exp(-0.5 * (np.arange(n) / band.sfreq / prior.passing_s) ** 2)
    over_time = toeplitz(moment)
    signal = (levels @ kin @ levels.T) * (prior.lasting + prior.passing * over_time)
    signal += prior.gain * np.outer(whole, whole) * over_time
    signal = contrast**2 * band.of(band.of(signal).T)
    noise = np.zeros(n)
    noise[: len(tracking.noise)] = tracking.noise[:n]
    total = signal + toeplitz(noise)
    total[np.diag_indices(n)] += (
        0.01 * noise[0] + 1e-3 * np.trace(signal) / n
    )  # outside the band all is near zero
    expected = 0.5 * (tracking.attended_gain + tracking.other_gain) * band.of(whole)
    pull = contrast * band.of(cho_solve(cho_factor(total, lower=True), decoded - expected))
    each = levels * pull[:, None]  # (times, components)
    lasting = prior.lasting * each.sum(axis=0) @ kin
    passing = prior.passing * (over_time @ each) @ kin
    common = prior.gain * over_time @ (whole * pull)
    return weights + lasting[:, None] + passing.T + common


def _fitted(sound: FloatArray, n_samples: int) -> FloatArray:
    """Cut or padded with silence to `n_samples`."""
    return np.pad(sound[:n_samples], (0, max(0, n_samples - len(sound))))
