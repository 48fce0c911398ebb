"""The parts of a mixture that a listener may attend to, found in the mixture alone.

The magnitude spectrogram is factorised into non-negative spectra and their activations. What every component adds to
the mixture's loudness envelope is its share of each auditory band's power to the power 0.3, which is the compressive
envelope of `cogattn.eeg.recordings.envelope` (amplitude to the power 0.6) as far as a spectrogram can give it.

References
----------
Fevotte and Idier (2011), Neural Comput. 23, 2421-2456 (NMF with the Kullback-Leibler divergence).
Glasberg and Moore (1990), Hear. Res. 47, 103-138 (bandwidths).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cogattn.eeg.recordings.envelope import erb_centres
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError

SOUND_SFREQ = 8000.0
"""Rate in Hz at which sounds are taken apart; what lies above 4 kHz carries little of an envelope."""
FRAME, HOP = 512, 128
"""Samples of a frame (64 ms) and between frames (16 ms)."""
FRAME_RATE = SOUND_SFREQ / HOP
COMPRESSION = 0.3
"""Power of a band's power."""
N_ITERATIONS = 60
TINY = 1e-12


@dataclass(frozen=True)
class Components:
    """A stretch of a mixture as a sum of components.

    Parameters
    ----------
    templates : array, shape (n_frequencies, n_components)
        Spectrum of each.
    activations : array, shape (n_components, n_frames)
        How loud it is.
    levels : array, shape (n_frames, n_components)
        What each adds to the mixture's envelope.
    """

    templates: FloatArray
    activations: FloatArray
    levels: FloatArray

    @property
    def alikeness(self) -> FloatArray:
        """Correlation of the components' activations, (n_components, n_components).

        What rises and falls at the same instants, pitch harmonics above all, comes from one source.
        """
        rising = np.sqrt(self.activations)
        rising = rising - rising.mean(axis=1, keepdims=True)
        rising /= np.maximum(np.linalg.norm(rising, axis=1, keepdims=True), TINY)
        return rising @ rising.T

    def mask(self, weights: FloatArray) -> FloatArray:
        """Gain of every frequency and frame, from each component's weight at each frame (n_components, n_frames)."""
        whole = self.templates @ self.activations
        return (self.templates @ (self.activations * weights)) / np.maximum(whole, TINY)


def components_of(spectrum: ComplexArray, *, n_components: int, seed: int) -> Components:
    """Factorise a mixture's spectrum, shape (n_frequencies, n_frames), as `spectrum_of` gives it."""
    from sklearn.decomposition import NMF

    magnitude = np.abs(spectrum)
    model = NMF(
        n_components, init="random", solver="mu", beta_loss="kullback-leibler",
        max_iter=N_ITERATIONS, tol=0.0, random_state=seed,
    )  # fmt: skip
    templates = model.fit_transform(magnitude + 1e-6)
    activations = model.components_
    parts = _bank() @ templates  # (bands, components)
    per_band = levels_of(spectrum) / np.maximum(parts @ activations, TINY)
    return Components(templates, activations, (activations * (parts.T @ per_band)).T)


def spectrum_of(sound: FloatArray) -> ComplexArray:
    """Short-time spectrum of a sound at `SOUND_SFREQ`, (n_frequencies, n_frames); frame i is centred at i * HOP."""
    from scipy.signal import stft

    if sound.size < FRAME:
        raise DataError(f"a sound must last {FRAME / SOUND_SFREQ:g} s; got {sound.size / SOUND_SFREQ:g} s")
    return stft(sound, SOUND_SFREQ, nperseg=FRAME, noverlap=FRAME - HOP)[2]


def sound_of(spectrum: ComplexArray, n_samples: int) -> FloatArray:
    """The sound of a spectrum, (n_samples,)."""
    from scipy.signal import istft

    return istft(spectrum, SOUND_SFREQ, nperseg=FRAME, noverlap=FRAME - HOP)[1][:n_samples]


def levels_of(spectrum: ComplexArray) -> FloatArray:
    """Compressed level of each auditory band, (n_bands, n_frames); their sum is the envelope."""
    return (_bank() @ np.abs(spectrum) ** 2) ** COMPRESSION


def part_of(wanted: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What two sounds add to the envelope of their mixture, each (n_frames,) at `FRAME_RATE`.

    Both at `SOUND_SFREQ`, as loud as they are in the mixture.
    """
    first, second = spectrum_of(wanted), spectrum_of(others)
    power, rest = (_bank() @ np.abs(s) ** 2 for s in (first, second))
    share = power / np.maximum(power + rest, TINY)
    level = levels_of(first + second)
    return (level * share).sum(axis=0), (level * (1 - share)).sum(axis=0)


@lru_cache(maxsize=1)
def _bank() -> FloatArray:
    """Squared gain of gammatone bands one equivalent bandwidth apart at the spectrum's frequencies."""
    frequency_hz = np.fft.rfftfreq(FRAME, 1 / SOUND_SFREQ)
    centres = erb_centres(80.0, 3800.0, 1.0)
    width_hz = 1.019 * 24.7 * (0.00437 * centres + 1)
    return (1 + ((frequency_hz - centres[:, None]) / width_hz[:, None]) ** 2) ** -4.0
