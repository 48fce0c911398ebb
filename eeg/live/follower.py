"""The envelope of a sound while it plays: the gammatone power-law of `cogattn.eeg.recordings.envelope`, causal.

Sound to 8 kHz, recursive gammatone bank, compression, sum over bands; every filter carries its state from
chunk to chunk. Departure from the envelope of recordings: the gammatones are recursive (Slaney's), not cut to
128 ms, and the bank's rate is kept, since `cogattn.eeg.live.chain` samples the envelope at the EEG's own times.

References
----------
Biesmans, Das, Francart and Bertrand (2017), IEEE Trans. Neural Syst. Rehabil. Eng. 25, 402-412.
Slaney (1993), Apple Computer Technical Report 35.
"""

from __future__ import annotations

import numpy as np

from cogattn.eeg.live.sampling import Resampler
from cogattn.eeg.recordings.envelope import BANK_SFREQ, erb_centres
from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError

HIGHEST_HZ = 3600.0
"""What the way to 8 kHz keeps whole; the bank's last band, at 3.6 kHz, falls off above."""


class EnvelopeFollower:
    """Envelopes of one or several sounds, chunk by chunk, at `BANK_SFREQ`.

    Parameters
    ----------
    sfreq : float
        Rate of the sounds in Hz, at least 8 kHz.
    power : float
        Compression of each band.
    low_hz, high_hz, spacing_erb : float
        The bank, as in `Envelope`.
    """

    def __init__(
        self,
        sfreq: float,
        *,
        power: float = 0.6,
        low_hz: float = 150.0,
        high_hz: float = 4000.0,
        spacing_erb: float = 1.5,
    ) -> None:
        from scipy.signal import gammatone

        if sfreq < BANK_SFREQ:
            raise ConfigError(f"a sound's rate must be at least {BANK_SFREQ:g} Hz; got {sfreq:g}")
        self._resampler = Resampler(sfreq, BANK_SFREQ, HIGHEST_HZ)
        centres = erb_centres(low_hz, high_hz, spacing_erb)
        self._bands = [gammatone(centre, "iir", fs=BANK_SFREQ) for centre in centres]
        self._power = power
        self._states: list[FloatArray] = []

    @property
    def lookahead_s(self) -> float:
        """Seconds by which the envelope trails the sound, the bank's own (causal) delay aside."""
        return self._resampler.lookahead_s

    def positions(self, first: int, n: int) -> FloatArray:
        """Where the envelope's samples first ... first + n - 1 stand, in samples of the sound."""
        return self._resampler.positions(first, n)

    def push(self, rows: FloatArray) -> FloatArray:
        """Take sounds of shape (n_times, n_sounds); return envelopes (n_ready, n_sounds), non-negative."""
        from scipy.signal import lfilter

        sounds = self._resampler.push(rows)
        envelopes = np.zeros(sounds.shape)
        if not len(sounds):
            return envelopes
        if not self._states:
            self._states = [np.zeros((max(len(a), len(b)) - 1, sounds.shape[1])) for b, a in self._bands]
        for i, (b, a) in enumerate(self._bands):
            band, self._states[i] = lfilter(b, a, sounds, axis=0, zi=self._states[i])
            envelopes += np.abs(band) ** self._power
        return envelopes
