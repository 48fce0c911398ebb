"""Speech envelopes: how loud a talker is from moment to moment, as the auditory periphery would pass it on.

The default is the KU Leuven recipe: a gammatone bank 1.5 equivalent rectangular bandwidths apart between
150 Hz and 4 kHz, each band compressed with the power 0.6, all bands summed. Departure: the sound is brought
to 8 kHz and the envelope to its final rate by polyphase filters (the published scripts decimate twice);
band-pass filtering for decoding is left to `Recording.filtered`, so EEG and envelope share one filter.

References
----------
Biesmans, Das, Francart and Bertrand (2017), IEEE Trans. Neural Syst. Rehabil. Eng. 25, 402-412.
Glasberg and Moore (1990), Hear. Res. 47, 103-138 (ERB-rate scale).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from cogattn.eeg.recordings.damage import check_unpacked, cut_short, existing_file, optional, reading
from cogattn.eeg.recordings.headers import read_wav_header
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

SOUND_FILE = "path must be a readable sound file"
BANK_SFREQ = 8000.0
"""Rate in Hz at which the gammatone bank runs."""


@dataclass(frozen=True)
class Envelope:
    """A way from sound to envelope; call it with a sound and its rate.

    Parameters
    ----------
    kind : {"gammatone", "hilbert", "rms"}
        ``gammatone``: compressed, summed gammatone bands; ``hilbert``: magnitude of the broad-band analytic
        signal; ``rms``: root mean square within each output sample.
    sfreq : float
        Rate of the envelope in Hz.
    power : float
        Compression (KU Leuven: 0.6; 1 for none).
    low_hz, high_hz, spacing_erb : float
        Gammatone bank: its range and the distance of its centres.

    Examples
    --------
    >>> sound, rate = np.random.default_rng(0).standard_normal(16_000), 8000.0  # as from `read_audio`
    >>> Envelope(sfreq=64.0)(sound, rate).shape  # two seconds
    (128,)
    """

    kind: Literal["gammatone", "hilbert", "rms"] = "gammatone"
    sfreq: float = 64.0
    power: float = 0.6
    low_hz: float = 150.0
    high_hz: float = 4000.0
    spacing_erb: float = 1.5

    def __call__(self, sound: FloatArray, sfreq: float) -> FloatArray:
        """Return the envelope of `sound`, shape (n_samples,) at `sfreq` Hz: non-negative, (n_times,)."""
        samples = _checked_sound(sound, sfreq)
        if self.kind == "gammatone":
            return np.maximum(self.bands(samples, sfreq).sum(axis=1), 0.0)
        if self.kind == "hilbert":
            return np.maximum(resample(_analytic_magnitude(samples) ** self.power, sfreq, self.sfreq), 0.0)
        return _frame_rms(samples, sfreq, self.sfreq) ** self.power

    def bands(self, sound: FloatArray, sfreq: float) -> FloatArray:
        """Compressed envelope of every gammatone band, shape (n_times, n_bands), lowest first."""
        samples = resample(_checked_sound(sound, sfreq), sfreq, BANK_SFREQ)
        centres = erb_centres(self.low_hz, self.high_hz, self.spacing_erb)
        columns = []
        for centre_hz in centres:
            band = gammatone_band(samples, BANK_SFREQ, centre_hz)
            columns.append(resample(np.abs(band) ** self.power, BANK_SFREQ, self.sfreq))
        return np.stack(columns, axis=1)


def erb_centres(low_hz: float, high_hz: float, spacing_erb: float) -> FloatArray:
    """Centres in Hz, `spacing_erb` apart on the ERB-rate scale and centred between `low_hz` and `high_hz`."""
    low, high = _erb_rate(np.array([low_hz, high_hz]))
    n_steps = int((high - low) // spacing_erb)
    start = low + (high - low - n_steps * spacing_erb) / 2
    rates = start + spacing_erb * np.arange(n_steps + 1)
    return np.expm1(rates / 9.2645) / 0.00437


def gammatone_band(sound: FloatArray, sfreq: float, centre_hz: float) -> FloatArray:
    """Filter `sound` by a fourth-order gammatone of unit gain at `centre_hz` (128 ms impulse response)."""
    from scipy.signal import gammatone, oaconvolve

    taps, _ = gammatone(centre_hz, "fir", order=4, numtaps=round(0.128 * sfreq), fs=sfreq)
    return oaconvolve(sound, taps)[: sound.shape[0]]


def read_audio(path: Path) -> tuple[FloatArray, float]:
    """Read a sound file, channels averaged, full scale 1; return samples (n_samples,) and rate in Hz.

    WAV is read by scipy, every other format by soundfile (extra ``eeg``).

    Raises
    ------
    DataError
        If the file is missing, unreadable, empty or shorter than its header says.
    """
    path = existing_file(Path(path))
    with reading(path, SOUND_FILE):
        samples, rate = _read_wav(path) if path.suffix.lower() == ".wav" else _read_other(path)
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
    if not samples.size:
        raise DataError(f"a sound must hold samples; got none ({path})")
    return samples, float(rate)


def audio_header(path: Path) -> tuple[int, float]:
    """Return the samples of each channel of a sound file and its rate in Hz, from its header.

    Raises
    ------
    DataError
        As `read_audio`.
    """
    path = existing_file(Path(path))
    with reading(path, SOUND_FILE):
        if path.suffix.lower() == ".wav":
            header = read_wav_header(path)
            return header.n_samples, float(header.sfreq)
        info = optional("soundfile").info(str(path))
        check_unpacked(2 * info.frames * info.channels, path.stat().st_size, path)
        return info.frames, float(info.samplerate)


def _read_wav(path: Path) -> tuple[FloatArray, float]:
    from scipy.io import wavfile

    read_wav_header(path)
    rate, samples = wavfile.read(path)
    if np.issubdtype(samples.dtype, np.floating):
        return samples.astype(np.float64), float(rate)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float64) - 128) / 128, float(rate)
    return samples / -float(np.iinfo(samples.dtype).min), float(rate)


def _read_other(path: Path) -> tuple[FloatArray, float]:
    promised, rate = audio_header(path)
    samples, _ = optional("soundfile").read(str(path), dtype="float64")
    if len(samples) != promised:
        raise cut_short(f"{len(samples):,} samples", f"{promised:,}", path)
    return np.asarray(samples, dtype=np.float64), rate


def _checked_sound(sound: FloatArray, sfreq: float) -> FloatArray:
    samples = np.asarray(sound, dtype=np.float64)
    if samples.ndim != 1 or not samples.size:
        raise DataError(f"sound must be of shape (n_samples,); got {samples.shape}; average its channels")
    if not np.isfinite(samples).all():
        raise DataError("sound must be finite; got NaN or infinity")
    if not np.ptp(samples):
        raise DataError("sound must vary; got silence")
    if sfreq <= 0:
        raise DataError(f"sfreq must be positive; got {sfreq}")
    return samples


def _erb_rate(frequency_hz: FloatArray) -> FloatArray:
    return 9.2645 * np.log1p(0.00437 * frequency_hz)


def _analytic_magnitude(samples: FloatArray) -> FloatArray:
    from scipy.fft import next_fast_len
    from scipy.signal import hilbert

    return np.abs(hilbert(samples, next_fast_len(samples.size)))[: samples.size]


def _frame_rms(samples: FloatArray, sfreq: float, frame_rate: float) -> FloatArray:
    """Root mean square between successive output instants, ``round(n * frame_rate / sfreq)`` frames."""
    n_frames = round(samples.size * frame_rate / sfreq)
    edges = np.minimum(np.round(np.arange(n_frames + 1) * sfreq / frame_rate).astype(int), samples.size)
    if n_frames < 1 or np.any(np.diff(edges) < 1):
        raise DataError(
            f"the envelope's rate must lie below the sound's; got {frame_rate:g} and {sfreq:g} Hz"
        )
    energy = np.concatenate([[0.0], np.cumsum(samples**2)])
    return np.sqrt(np.maximum(np.diff(energy[edges]), 0.0) / np.diff(edges))
