"""What is done to a live stream sample by sample: reference, band-pass. State is carried from chunk to chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError, DataError

Reference = Literal["average", "none"] | tuple[str, ...]
"""The mean of the decoder's channels, nothing, or the mean of these channels of the stream."""


class BandPass:
    """Causal Butterworth band-pass (second-order sections), along the first axis.

    The first sample is taken to have stood for ever, so that an electrode's offset makes no transient.

    Parameters
    ----------
    low_hz, high_hz : float
        Edges (-3 dB) in Hz.
    sfreq : float
        Rate in Hz.
    order : int
        Of either edge: 6 dB an octave each.
    """

    def __init__(self, low_hz: float, high_hz: float, sfreq: float, order: int = 2) -> None:
        from scipy.signal import butter

        if not 0 < low_hz < high_hz < sfreq / 2:
            raise ConfigError(
                f"low_hz < high_hz < sfreq / 2 must hold; got {low_hz:g}, {high_hz:g} and {sfreq / 2:g} Hz"
            )
        self.sos: FloatArray = butter(order, (low_hz, high_hz), "bandpass", fs=sfreq, output="sos")
        self._sfreq = sfreq
        self._state: FloatArray | None = None

    def push(self, rows: FloatArray) -> FloatArray:
        """Filter a chunk of shape (n_times, n_columns)."""
        from scipy.signal import sosfilt, sosfilt_zi

        if not len(rows):
            return rows
        if self._state is None:
            self._state = sosfilt_zi(self.sos)[:, :, None] * rows[0]
        out, self._state = sosfilt(self.sos, rows, axis=0, zi=self._state)
        return out

    def impulse_response(self, duration_s: float = 20.0) -> FloatArray:
        """Response to one sample of 1, (n_times,)."""
        from scipy.signal import sosfilt

        impulse = np.zeros(round(duration_s * self._sfreq))
        impulse[0] = 1.0
        return sosfilt(self.sos, impulse)

    @property
    def delay_s(self) -> float:
        """Centroid of the impulse response's energy in seconds: how late, on average, the passed band comes."""
        energy = self.impulse_response() ** 2
        return float(energy @ np.arange(energy.size) / energy.sum() / self._sfreq)

    @property
    def settling_s(self) -> float:
        """Seconds after which one thousandth of the impulse response's energy is still to come."""
        energy = np.cumsum(self.impulse_response() ** 2)
        return float(np.searchsorted(energy, 0.999 * energy[-1]) / self._sfreq)


class Picked:
    """The columns of named channels in a given order, re-referenced.

    Parameters
    ----------
    available : sequence of str
        The stream's channels, in column order.
    channels : sequence of str
        Those that are wanted, in the order of the decoder.
    reference : "average", "none" or tuple of str
        Subtracted sample by sample: the mean of the wanted channels, nothing, or the mean of these of the stream.

    Raises
    ------
    DataError
        If a channel is missing or a name occurs twice.
    """

    def __init__(self, available: Sequence[str], channels: Sequence[str], reference: Reference) -> None:
        named = () if isinstance(reference, str) else reference
        self._columns = _columns(available, channels)
        self._reference = _columns(available, channels if reference == "average" else named)

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Pick and re-reference (n_times, n_available)."""
        rows = np.asarray(rows, dtype=np.float64)
        picked = rows[:, self._columns]
        if self._reference:
            picked = picked - rows[:, self._reference].mean(axis=1, keepdims=True)
        return picked


def _columns(available: Sequence[str], channels: Sequence[str]) -> list[int]:
    """Columns of these channels; DataError where one is missing or named twice."""
    names = list(available)
    twice = sorted(name for name in set(channels) if names.count(name) > 1)
    if twice:
        raise DataError(f"channels must be named once each; got {twice[0]!r} twice in the stream")
    missing = [name for name in channels if name not in names]
    if missing:
        raise DataError(
            f"the stream must have the decoder's channels; {len(missing)} of {len(channels)} are missing: "
            f"{', '.join(missing[:6])}{', ...' if len(missing) > 6 else ''} "
            f"(it has {', '.join(names[:6])}{', ...' if len(names) > 6 else ''})"
        )
    return [names.index(name) for name in channels]
