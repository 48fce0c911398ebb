"""A modulation rate tested in sweeps: every detector, every harmonic and channel, and how detection grows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from cogattn.eeg.efr.config import SteadyStateSettings
from cogattn.eeg.efr.detectors import (
    Detection,
    f_test,
    hotelling_t2,
    magnitude_squared_coherence,
    pairwise_phase_consistency,
    rayleigh,
    snr_db,
    t2circ,
)
from cogattn.eeg.efr.spatial import held_out
from cogattn.eeg.efr.spectra import Complexes, Floats
from cogattn.eeg.efr.surrogates import false_discovery
from cogattn.eeg.efr.sweeps import growth, harmonics, values_at
from cogattn.eeg.efr.table import tidy
from cogattn.eeg.recording import Recording
from cogattn.errors import DataError

OVER_SWEEPS: dict[str, Callable[[Complexes], Detection]] = {
    "t2circ": t2circ,
    "msc": magnitude_squared_coherence,
    "hotelling_t2": hotelling_t2,
    "plv": rayleigh,
}
FILTERED = "DSS, held out"
"""Channel name of the spatially filtered response."""
LEAST_SWEEPS = 10


def cut_sweeps(recording: Recording, sweep_s: float) -> Floats:
    """Cut every trial into adjoining sweeps, shape (n_sweeps, n_channels, n_times).

    Raises
    ------
    DataError
        If a sweep is not whole samples, or fewer than `LEAST_SWEEPS` come out.
    """
    exact = sweep_s * recording.sfreq
    n_times = round(exact)
    if abs(exact - n_times) > 1e-6 * exact:
        raise DataError(
            f"steady_state.sweep_s must be whole samples; got {sweep_s:g} s, {exact:.3f} samples at "
            f"{recording.sfreq:g} Hz"
        )
    sweeps = [
        eeg[: len(eeg) // n_times * n_times].reshape(-1, n_times, eeg.shape[1]) for eeg in recording.eeg
    ]
    stacked = np.concatenate(sweeps).swapaxes(1, 2)
    if len(stacked) < LEAST_SWEEPS:
        raise DataError(
            f"a recording must hold at least {LEAST_SWEEPS} sweeps; got {len(stacked)} of {sweep_s:g} s "
            f"(subject {recording.subject})"
        )
    return stacked


def rows_of(recording: Recording, settings: SteadyStateSettings, observer: str) -> pd.DataFrame:
    """Detect the modulation rate and its harmonics.

    Parts: ``steady_state`` (a row for each detector, channel and harmonic; q over channels and harmonics of
    one detector) and ``growth`` (T2circ of the strongest channel's name at rising numbers of sweeps, all
    channels).
    """
    sweeps = cut_sweeps(recording, settings.sweep_s)
    rates = harmonics(settings.modulation_hz, below_hz=recording.sfreq / 2, most=settings.n_harmonics)
    x = values_at(sweeps, sfreq=recording.sfreq, frequencies_hz=rates)  # (sweep, channel, harmonic)
    n_sweeps = len(x)
    tested = {name: detector(x) for name, detector in OVER_SWEEPS.items()}
    tested["f_test"], ratio = _against_neighbours(sweeps, recording.sfreq, rates, settings)
    frames = [
        _frame(name, detection.statistic, recording.channels, rates, n_sweeps, detection.p)
        for name, detection in tested.items()
    ]
    frames.append(_frame("snr_db", ratio, recording.channels, rates, n_sweeps))
    frames.append(_frame("ppc", pairwise_phase_consistency(x), recording.channels, rates, n_sweeps))
    filtered = [t2circ(held_out(x[..., k])[0]) for k in range(len(rates))]
    statistic, p = (np.array([[getattr(d, key) for d in filtered]]) for key in ("statistic", "p"))
    frames.append(_frame("t2circ", statistic, [FILTERED], rates, n_sweeps // 2, p))
    frames.append(_growth(x, recording, rates))
    return tidy(pd.concat(frames, ignore_index=True).assign(observer=observer))


def _against_neighbours(
    sweeps: Floats, sfreq: float, rates: Floats, settings: SteadyStateSettings
) -> tuple[Detection, Floats]:
    """F-test and signal-to-noise ratio in the spectrum of all sweeps set end to end."""
    joined = sweeps.swapaxes(0, 1).reshape(sweeps.shape[1], -1)
    spectrum = np.abs(np.fft.rfft(joined)) ** 2
    bins = np.round(rates * joined.shape[1] / sfreq).astype(int)
    tests = [f_test(spectrum, int(bin), settings.n_side, n_skip=1) for bin in bins]
    ratios = [snr_db(spectrum, int(bin), settings.n_side, n_skip=1) for bin in bins]
    return Detection(*(np.stack(parts, axis=-1) for parts in zip(*tests, strict=True))), np.stack(
        ratios, axis=-1
    )


def _frame(
    measure: str,
    value: Floats,
    channels: tuple[str, ...] | list[str],
    rates: Floats,
    n: int,
    p: Floats | None = None,
) -> pd.DataFrame:
    rows = {
        "part": "steady_state",
        "measure": measure,
        "channel": np.repeat(list(channels), len(rates)),
        "frequency_hz": np.tile(rates, len(channels)),
        "value": value.ravel(),
        "n": n,
    }
    if p is not None:
        rows |= {"p": p.ravel(), "q": false_discovery(p, np.ones(len(rates), dtype=bool)).ravel()}
    return pd.DataFrame(rows)


def _growth(x: Complexes, recording: Recording, rates: Floats) -> pd.DataFrame:
    """Signal-to-noise ratio and p of T2circ in the first n sweeps, at ten counts."""
    counts = np.unique(np.linspace(max(2, len(x) // 10), len(x), 10).round().astype(np.intp))
    result = growth(x, counts)
    shape = result.p.shape
    return pd.DataFrame(
        {
            "part": "growth",
            "measure": "snr_db",
            "n": np.broadcast_to(counts[:, None, None], shape).ravel(),
            "channel": np.broadcast_to(
                np.array(recording.channels, dtype=object)[None, :, None], shape
            ).ravel(),
            "frequency_hz": np.broadcast_to(rates, shape).ravel(),
            "value": result.snr_db.ravel(),
            "p": result.p.ravel(),
        }
    )
