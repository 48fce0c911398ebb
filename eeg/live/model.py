"""A linear decoder with all that must be known to use it on another day: channels, rates, filter, reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cogattn.eeg.live.stages import BandPass, Reference
from cogattn.eeg.live.switches import SwitchFilter
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


@dataclass(frozen=True)
class Preprocessing:
    """The causal way of EEG and envelopes to the decoder; training and use share it.

    Parameters
    ----------
    channels : tuple of str
        EEG channels in the order of the weights.
    reference : "average", "none" or tuple of str
        See `cogattn.eeg.live.stages.Picked`.
    low_hz, high_hz : float
        Butterworth band-pass of EEG and envelopes.
    sfreq : float
        Rate in Hz at which decoding runs.
    order : int
        Of either edge of the band-pass.
    power : float
        Compression of each band of a sound's envelope.
    """

    channels: tuple[str, ...]
    reference: Reference = "average"
    low_hz: float = 1.0
    high_hz: float = 9.0
    sfreq: float = 64.0
    order: int = 2
    power: float = 0.6

    def __post_init__(self) -> None:
        if not self.channels:
            raise DataError("channels must name at least one; got none")
        if len(set(self.channels)) < len(self.channels):
            raise DataError("channels must be named once each; got one twice")
        self.band_pass()

    def band_pass(self) -> BandPass:
        """Return a band-pass that has seen nothing."""
        return BandPass(self.low_hz, self.high_hz, self.sfreq, self.order)


@dataclass(frozen=True)
class LiveDecoder:
    """What `cogattn.eeg.live.Chain` applies, and what a file of a decoder holds.

    Parameters
    ----------
    weights : array, shape (n_lags, n_channels)
        Of the EEG at ``tmin_s``, ..., ``tmax_s`` after each envelope sample.
    tmin_s, tmax_s : float
        First and last lag in seconds; the first at least 0.
    preprocessing : Preprocessing
        Its channels are the weights' columns.
    window_s, hop_s : float
        Length of a decision's window and time between decisions.
    switches : SwitchFilter or None
        Turns differences of correlations into probabilities; None: only who leads.
    penalty : float
        Of the ridge.
    trained_on : str
        Whose EEG, how much.
    """

    weights: FloatArray
    tmin_s: float
    tmax_s: float
    preprocessing: Preprocessing
    window_s: float = 5.0
    hop_s: float = 1.0
    switches: SwitchFilter | None = None
    penalty: float = float("nan")
    trained_on: str = ""

    def __post_init__(self) -> None:
        first, last = self.lags
        shape = (last - first + 1, len(self.preprocessing.channels))
        if first < 0:
            raise DataError(f"the first lag must be at least 0 in a live decoder; got {self.tmin_s:g} s")
        if self.weights.shape != shape:
            raise DataError(
                f"weights must be of shape {shape} for these lags and channels; got {self.weights.shape}"
            )
        if not np.isfinite(self.weights).all() or not self.weights.any():
            raise DataError("weights must be finite and not all 0")
        if self.n_window < 2 or self.n_hop < 1:
            raise DataError(
                f"window_s and hop_s must hold samples; got {self.window_s:g} and {self.hop_s:g} s"
            )
        if self.switches is not None and abs(self.switches.hop_s - self.hop_s) > 1e-9:
            raise DataError(
                f"the switch filter must be of the decoder's hop; got {self.switches.hop_s:g} for "
                f"{self.hop_s:g} s"
            )

    @property
    def lags(self) -> tuple[int, int]:
        """First and last lag in samples."""
        sfreq = self.preprocessing.sfreq
        return round(self.tmin_s * sfreq), round(self.tmax_s * sfreq)

    @property
    def n_window(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.preprocessing.sfreq)

    @property
    def n_hop(self) -> int:
        """Samples between decisions."""
        return round(self.hop_s * self.preprocessing.sfreq)
