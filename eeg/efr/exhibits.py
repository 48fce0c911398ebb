"""What can be looked at of envelope-following responses: a modulated sound, and the spectrum of EEG that follows it.

Sweeps are simulated and analysed as in a run that tests a modulation rate, mains hum taken out of each; where mains
have the very rate that is tested nothing can tell them from a response, and no p is given.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr.config import EfrConfig, SteadyStateSettings
from cogattn.eeg.recordings.config import SimulatedSweeps
from cogattn.exhibits import Control, Exhibit, Series, Shown

if TYPE_CHECKING:
    from cogattn.eeg.recordings.recording import Recording
    from cogattn.eeg.types import FloatArray

HIGHEST_HZ = 130
"""Of the spectrum."""
MAINS_HZ = (50.0, 150.0)
"""Lines of the simulated mains."""
SHOWN_S = 0.25
"""Of a sweep."""
MOST_SWEEPS, N_CHANNELS = 400, 5
MICROVOLTS = 1e6


def following_response(*, modulation_hz: int, envelope_uv: float, n_sweeps: int, listener: int) -> Shown:
    """Return the sound's envelope, the average of the EEG that follows it, and the spectrum of the average.

    Parameters
    ----------
    modulation_hz : int
        Modulation rate of the sound.
    envelope_uv : float
        Amplitude of the response in the best channel, in microvolts.
    n_sweeps : int
        So many seconds of the sound are averaged.
    listener : int
        Number of the simulated listener.
    """
    from cogattn.eeg.efr.locking import without_lines
    from cogattn.eeg.efr.sweeps import growth, values_at

    recording = _recording(modulation_hz, envelope_uv, listener)
    best = len(recording.channels) // 2
    lines_hz = np.setdiff1d(MAINS_HZ, modulation_hz)
    sweeps = np.stack([eeg[:, best] for eeg in recording.eeg[:n_sweeps]])
    sweeps = without_lines(sweeps, lines_hz, sfreq=recording.sfreq)
    frequencies_hz = np.setdiff1d(np.arange(1.0, HIGHEST_HZ + 1), lines_hz)
    grown = growth(values_at(sweeps, sfreq=recording.sfreq, frequencies_hz=frequencies_hz), [n_sweeps])
    at = int(np.searchsorted(frequencies_hz, modulation_hz))
    return Shown(
        (
            _spectrum(frequencies_hz, grown.amplitude[0], grown.noise[0], modulation_hz),
            _average(sweeps.mean(axis=0), recording, best),
            _envelope(recording),
        ),
        {
            "electrode": recording.channels[best],
            "sound heard (s)": n_sweeps,
            "response found (µV)": round(MICROVOLTS * float(grown.amplitude[0, at]), 4),
            "noise of the average (µV)": round(MICROVOLTS * float(grown.noise[0, at]), 4),
            "signal to noise (dB)": round(float(grown.snr_db[0, at]), 2),
            "p (T2circ)": "none" if modulation_hz in MAINS_HZ else float(f"{grown.p[0, at]:.2g}"),
        },
    )


@lru_cache(maxsize=4)
def _recording(modulation_hz: float, envelope_uv: float, listener: int) -> Recording:
    from cogattn.eeg.efr import inputs
    from cogattn.eeg.recordings.files import listeners

    source = SimulatedSweeps(
        n_listeners=listener + 1,
        n_channels=N_CHANNELS,
        modulation_hz=modulation_hz,
        envelope_uv=envelope_uv,
        n_sweeps=MOST_SWEEPS,
    )
    config = EfrConfig(
        recordings=source, following=False, steady_state=SteadyStateSettings(modulation_hz=modulation_hz)
    )
    return inputs.load(config, listeners(source)[listener])


def _spectrum(
    frequencies_hz: FloatArray, amplitude: FloatArray, noise: FloatArray, modulation_hz: float
) -> Series:
    return Series(
        x=frequencies_hz,
        lines={"average of the sweeps": MICROVOLTS * amplitude, "noise to be expected": MICROVOLTS * noise},
        x_label="frequency (Hz)",
        y_label="amplitude (µV)",
        marks=(float(modulation_hz),),
        caption="Spectrum of the averaged EEG, beside what noise alone would leave, from the scatter of the "
        "sweeps; the line marks the modulation rate. Harmonics follow at its multiples; mains hum, at 50 Hz, is "
        "taken out.",
    )


def _average(average: FloatArray, recording: Recording, best: int) -> Series:
    n = round(SHOWN_S * recording.sfreq)
    return Series(
        x=np.arange(n) / recording.sfreq,
        lines={recording.channels[best]: MICROVOLTS * average[:n]},
        x_label="time in the sweep (s)",
        y_label="average EEG (µV)",
        caption="The average over sweeps at the electrode where the response is largest.",
    )


def _envelope(recording: Recording) -> Series:
    n = round(SHOWN_S * recording.sfreq)
    return Series(
        x=np.arange(n) / recording.sfreq,
        lines={"envelope of the sound": recording.stream("stimulus")[0][:n]},
        x_label="time in the sweep (s)",
        y_label="envelope (mean 1)",
        caption="What is heard: the envelope of the sound, fully modulated.",
    )


FOLLOWING_RESPONSE = Exhibit(
    title="A response that follows the envelope",
    about="A simulated listener hears a sound whose level swings at one rate. Averaged over seconds, the EEG shows "
    "that rate: the more seconds, the less noise is left.",
    controls=(
        Control("modulation_hz", "Modulation rate (Hz)", 40, 4, 120, 1),
        Control("envelope_uv", "Response (µV)", 0.4, 0.0, 2.0, 0.1, help="0 makes a null."),
        Control("n_sweeps", "Seconds averaged", 200, 10, MOST_SWEEPS, 10),
        Control("listener", "Listener (number)", 0, 0, 9, 1),
    ),
    make=following_response,
)
