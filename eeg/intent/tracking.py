"""How a decoded envelope follows the sounds of a scene: learned from trials that are not those it is used on.

decoded = attended_gain * (what the attended talker adds to the mixture's envelope)
        + other_gain * (what all others add) + noise

all within the decoder's pass band. What tells the talkers apart is the difference of both gains; it is shrunk by its
own uncertainty over trials, so that a decoder that follows nobody is known to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.eeg.intent.components import FRAME_RATE, part_of
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

MEMORY_S = 2.0
"""Lags to which the noise's autocovariance is kept."""


@dataclass(frozen=True)
class Band:
    """The decoder's pass band and rate.

    Parameters
    ----------
    low_hz, high_hz : float
        Edges.
    sfreq : float
        Of the decoded envelope, in Hz.
    """

    low_hz: float
    high_hz: float
    sfreq: float

    def __post_init__(self) -> None:
        if not 0 < self.low_hz < self.high_hz < min(self.sfreq, FRAME_RATE) / 2:
            raise DataError(
                f"low_hz and high_hz must rise from 0 to below {min(self.sfreq, FRAME_RATE) / 2:g} Hz; "
                f"got {self.low_hz:g} and {self.high_hz:g}"
            )

    def of(self, data: FloatArray) -> FloatArray:
        """Pass (n_times, ...) through the band, zero phase, silence beyond both ends: a symmetric linear map."""
        from scipy.signal import oaconvolve

        taps = self._taps().reshape(-1, *[1] * (data.ndim - 1))
        start = taps.shape[0] // 2
        return oaconvolve(data, taps, axes=0)[start : start + data.shape[0]]

    def from_frames(self, data: FloatArray) -> FloatArray:
        """Bring (n_frames, ...) to the decoder's rate."""
        return resample(data, FRAME_RATE, self.sfreq)

    def _taps(self) -> FloatArray:
        from mne.filter import create_filter

        return create_filter(None, self.sfreq, self.low_hz, self.high_hz, verbose="error")


@dataclass(frozen=True)
class Tracking:
    """What a decoded envelope is worth; `fit` learns it.

    Parameters
    ----------
    band : Band
        Of the decoder.
    attended_gain, other_gain : float
        See the module; equal where the decoder does not tell the talkers apart.
    noise : array, shape (n_lags,)
        Autocovariance of the rest.
    """

    band: Band
    attended_gain: float
    other_gain: float
    noise: FloatArray

    @property
    def contrast(self) -> float:
        """Difference of both gains: what the decoded envelope says about who is attended."""
        return self.attended_gain - self.other_gain

    @classmethod
    def fit(
        cls, decoded: Sequence[FloatArray], scenes: Sequence[tuple[FloatArray, FloatArray]], *, band: Band
    ) -> Tracking:
        """Learn from trials that the decoder has not seen.

        Parameters
        ----------
        decoded : sequence of array, each (n_times,)
            Held-out reconstructions, at least two trials.
        scenes : sequence of pairs of array, each (n_samples,)
            The attended and the other sound at `components.SOUND_SFREQ`, as loud as in the mixture.
        band : Band
            Of the decoder.

        Raises
        ------
        DataError
            If there are fewer than two trials, or a sound is not as long as its reconstruction.
        """
        if len(decoded) != len(scenes) or len(decoded) < 2:
            raise DataError(
                f"decoded and scenes must hold the same two trials or more; got {len(decoded)} and {len(scenes)}"
            )
        pairs = [side_by_side(d, *scene, band) for d, scene in zip(decoded, scenes, strict=True)]
        return cls.of_parts(pairs, band=band)

    @classmethod
    def of_parts(cls, pairs: Sequence[tuple[FloatArray, FloatArray]], *, band: Band) -> Tracking:
        """As `fit`, from (decoded (n_times,), parts (n_times, 2) of attended and others in the band) of each trial."""
        grams = np.array([x.T @ x for _, x in pairs])
        crosses = np.array([x.T @ y for y, x in pairs])
        gains = _solved(grams.sum(axis=0), crosses.sum(axis=0))
        n = len(pairs)
        without = np.array(
            [
                _solved(grams.sum(axis=0) - g, crosses.sum(axis=0) - c)
                for g, c in zip(grams, crosses, strict=True)
            ]
        )
        left_out = without[:, 0] - without[:, 1]
        variance = (n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum())
        contrast = shrunk(float(gains[0] - gains[1]), variance)
        noise = _autocovariance([y - x @ gains for y, x in pairs], round(MEMORY_S * band.sfreq))
        return cls(band, float(gains[1]) + contrast, float(gains[1]), noise)


def shrunk(contrast: float, variance: float) -> float:
    """A difference of gains less what its own variance explains; 0 where the wrong talker is followed, or nobody."""
    if contrast <= 0 or variance >= contrast**2:
        return 0.0
    return contrast * (1 - variance / contrast**2)


def side_by_side(
    decoded: FloatArray, attended: FloatArray, others: FloatArray, band: Band
) -> tuple[FloatArray, FloatArray]:
    """The decoded envelope beside what both sounds add to the mixture's in the band: (n_times,), (n_times, 2)."""
    parts = band.of(band.from_frames(np.stack(part_of(attended, others), axis=1)))
    n = min(len(decoded), len(parts))
    if abs(len(decoded) - len(parts)) > band.sfreq:
        raise DataError(
            f"sounds must last as long as the reconstruction; got {len(parts) / band.sfreq:g} s for "
            f"{len(decoded) / band.sfreq:g} s"
        )
    return decoded[:n], parts[:n]


def _solved(gram: FloatArray, cross: FloatArray) -> FloatArray:
    return np.linalg.lstsq(gram, cross, rcond=None)[0]


def _autocovariance(residuals: Sequence[FloatArray], n_lags: int) -> FloatArray:
    """Of the trials together, faded out over the lags, (n_lags,)."""
    from scipy.signal import correlate

    total, n = np.zeros(n_lags), 0
    for values in residuals:
        kept = min(n_lags, len(values))
        total[:kept] += correlate(values, values)[len(values) - 1 :][:kept]
        n += len(values)
    return total / n * 0.5 * (1 + np.cos(np.pi * np.arange(n_lags) / n_lags))
