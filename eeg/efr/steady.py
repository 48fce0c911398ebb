"""A rate tested in sweeps (ASSR, EFR to tones, FFR): detectors, polarities, growth, and the tracking of F0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from cogattn.eeg.efr.surrogates import false_discovery
from cogattn.eeg.efr.sweeps import growth, harmonics, polarity_pair, values_at
from cogattn.eeg.recordings.cutting import CONDITION, STIMULUS
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError

OVER_SWEEPS: dict[str, Callable[[ComplexArray], Detection]] = {
    "t2circ": t2circ,
    "msc": magnitude_squared_coherence,
    "hotelling_t2": hotelling_t2,
    "plv": rayleigh,
}
AS_RECORDED, ENVELOPE, FINE_STRUCTURE = "as recorded", "envelope", "fine structure"
"""Names of responses."""
FILTERED = "DSS, held out"
"""Channel name of the spatially filtered response."""
LEAST_SWEEPS = 10
N_LOOKS = 10
"""Numbers of sweeps at which growth is looked at."""


def tables_of(
    recording: Recording, settings: SteadyStateSettings, rng: np.random.Generator, *, mains_hz: float = 50
) -> dict[str, pd.DataFrame]:
    """Detect the rate and its harmonics: rows of the tables that a steady-state cell fills (see `tables`).

    Column ``response`` says which: ``as recorded``, or with polarities ``envelope`` (half of their sum) and ``fine
    structure`` (half of their difference).

    Parameters
    ----------
    recording : Recording
        Trials that hold whole sweeps.
    settings : SteadyStateSettings
        What to test.
    rng : numpy.random.Generator
        Draws sweeps and signs for the tracking of F0.
    mains_hz : float
        Taken out before F0 is tracked.

    Raises
    ------
    DataError
        If there are too few sweeps, or the rate does not complete whole cycles in one.
    """
    sweeps, inverted = cut_sweeps(recording, settings)
    frames: dict[str, list[pd.DataFrame]] = {}
    for response, own in by_polarity(sweeps, inverted, recording.subject).items():
        found = {**_tested(own, recording, settings), **_grown(own, recording, settings)}
        if settings.f0_low_hz is not None and response != FINE_STRUCTURE:
            from cogattn.eeg.efr.pitch import pitch_tables

            heard = _heard(recording, settings)
            found |= pitch_tables(own, heard, settings, sfreq=recording.sfreq, mains_hz=mains_hz, rng=rng)
        for table, rows in found.items():
            frames.setdefault(table, []).append(rows.assign(response=response))
    return {table: pd.concat(parts, ignore_index=True) for table, parts in frames.items()}


def cut_sweeps(recording: Recording, settings: SteadyStateSettings) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Cut every trial into adjoining sweeps.

    Returns
    -------
    sweeps : array, shape (n_sweeps, n_channels, n_times)
        In order of time.
    inverted : bool array, shape (n_sweeps,)
        The sound was upside down.

    Raises
    ------
    DataError
        If a sweep is not whole samples, or fewer than `LEAST_SWEEPS` come out.
    """
    n_times = _sweep_samples(recording, settings)
    first = round(settings.start_s * recording.sfreq)
    sweeps, inverted = [], []
    for trial in recording.trials:
        kept = trial.eeg[first:]
        n = len(kept) // n_times
        sweeps.append(kept[: n * n_times].reshape(n, n_times, kept.shape[1]))
        inverted += [trial.labels.get(CONDITION, "") in settings.inverted] * n
    stacked = np.concatenate(sweeps).swapaxes(1, 2)
    if len(stacked) < LEAST_SWEEPS:
        raise DataError(
            f"a recording must hold at least {LEAST_SWEEPS} sweeps; got {len(stacked)} of "
            f"{settings.sweep_s:g} s (subject {recording.subject})"
        )
    if settings.alternating:
        return stacked, np.arange(len(stacked)) % 2 == 1
    return stacked, np.array(inverted)


def by_polarity(sweeps: FloatArray, inverted: NDArray[np.bool_], subject: str) -> dict[str, FloatArray]:
    """Sweeps as recorded, or pairs of them parted into envelope and fine structure.

    Raises
    ------
    DataError
        If one polarity has fewer than `LEAST_SWEEPS`.
    """
    if not inverted.any():
        return {AS_RECORDED: sweeps}
    positive, negative = sweeps[~inverted], sweeps[inverted]
    n = min(len(positive), len(negative))
    if n < LEAST_SWEEPS:
        raise DataError(
            f"each polarity must have at least {LEAST_SWEEPS} sweeps; got {len(positive)} and {len(negative)} "
            f"(subject {subject})"
        )
    pair = polarity_pair(positive[:n], negative[:n])
    return {ENVELOPE: pair.envelope, FINE_STRUCTURE: pair.fine_structure}


def _sweep_samples(recording: Recording, settings: SteadyStateSettings) -> int:
    exact = settings.sweep_s * recording.sfreq
    if abs(exact - round(exact)) > 1e-6 * exact:
        raise DataError(
            f"steady_state.sweep_s must be whole samples; got {settings.sweep_s:g} s, {exact:.3f} samples at "
            f"{recording.sfreq:g} Hz"
        )
    return round(exact)


def _heard(recording: Recording, settings: SteadyStateSettings) -> FloatArray:
    """Envelope of one sweep of the sound, (n_times,): that of the first trial."""
    n_times = _sweep_samples(recording, settings)
    first = round(settings.start_s * recording.sfreq)
    return recording.stream(STIMULUS)[0][first : first + n_times]


def _tested(
    sweeps: FloatArray, recording: Recording, settings: SteadyStateSettings
) -> dict[str, pd.DataFrame]:
    """Every detector on every channel and harmonic, and T2circ on held-out sweeps of a spatial filter."""
    rates = harmonics(settings.modulation_hz, below_hz=recording.sfreq / 2, most=settings.n_harmonics)
    x = values_at(sweeps, sfreq=recording.sfreq, frequencies_hz=rates)  # (sweep, channel, harmonic)
    tested = {name: detector(x) for name, detector in OVER_SWEEPS.items()}
    tested["f_test"], ratio = _against_neighbours(sweeps, recording.sfreq, rates, settings)
    places = _places(recording.channels, rates)
    detections = [_detection(name, found, places, len(x), len(rates)) for name, found in tested.items()]
    filtered = [t2circ(held_out(x[..., k])[0]) for k in range(len(rates))]
    held = Detection(np.array([[d.statistic for d in filtered]]), np.array([[d.p for d in filtered]]))
    detections.append(_detection("t2circ", held, _places((FILTERED,), rates), len(x) // 2, len(rates)))
    amplitudes = {
        "amplitude": np.abs(x.mean(axis=0)).ravel(),
        "snr_db": ratio.ravel(),
        "ppc": pairwise_phase_consistency(x).ravel(),
    }
    return {
        "detection": pd.concat(detections, ignore_index=True),
        "amplitude": places.assign(**amplitudes, n=len(x)),
    }


def _against_neighbours(
    sweeps: FloatArray, sfreq: float, rates: FloatArray, settings: SteadyStateSettings
) -> tuple[Detection, FloatArray]:
    """F-test and signal-to-noise ratio in the spectrum of all sweeps set end to end."""
    joined = sweeps.swapaxes(0, 1).reshape(sweeps.shape[1], -1)
    spectrum = np.abs(np.fft.rfft(joined)) ** 2
    bins = np.round(rates * joined.shape[1] / sfreq).astype(int)
    tests = [f_test(spectrum, int(bin), settings.n_side, n_skip=1) for bin in bins]
    ratios = [snr_db(spectrum, int(bin), settings.n_side, n_skip=1) for bin in bins]
    return Detection(*(np.stack(parts, axis=-1) for parts in zip(*tests, strict=True))), np.stack(
        ratios, axis=-1
    )


def _places(channels: tuple[str, ...], rates: FloatArray) -> pd.DataFrame:
    """A row for each channel and harmonic, harmonics running fastest."""
    names, frequencies = np.repeat(list(channels), len(rates)), np.tile(rates, len(channels))
    return pd.DataFrame({"channel": names, "frequency_hz": frequencies})


def _detection(
    detector: str, found: Detection, places: pd.DataFrame, n_sweeps: int, n_rates: int
) -> pd.DataFrame:
    """One detector's statistics, (channel, harmonic), as rows; q over all of them."""
    q = false_discovery(found.p, np.ones(n_rates, dtype=bool))
    values = {"statistic": found.statistic.ravel(), "p": found.p.ravel(), "q": q.ravel()}
    return places.assign(detector=detector, **values, n=n_sweeps)


def _grown(
    sweeps: FloatArray, recording: Recording, settings: SteadyStateSettings
) -> dict[str, pd.DataFrame]:
    """Signal-to-noise ratio, and p of T2circ, in the first n sweeps."""
    rates = harmonics(settings.modulation_hz, below_hz=recording.sfreq / 2, most=settings.n_harmonics)
    counts = np.unique(
        np.linspace(max(2, len(sweeps) // N_LOOKS), len(sweeps), N_LOOKS).round().astype(np.intp)
    )
    x = values_at(sweeps, sfreq=recording.sfreq, frequencies_hz=rates)
    result = growth(x, counts)
    index = pd.MultiIndex.from_product(
        [counts, recording.channels, rates], names=["n", "channel", "frequency_hz"]
    )
    rows = index.to_frame(index=False).assign(snr_db=result.snr_db.ravel(), p=result.p.ravel())
    return {"growth": rows, "growth_map": _growth_map(sweeps, recording.sfreq, counts, 1.25 * rates[-1])}


def _growth_map(sweeps: FloatArray, sfreq: float, counts: NDArray[np.intp], up_to_hz: float) -> pd.DataFrame:
    """Power of the mean over its expected noise, both summed over channels, at every bin of a sweep."""
    bins_hz = np.fft.rfftfreq(sweeps.shape[-1], 1 / sfreq)
    shown = (bins_hz > 0) & (bins_hz <= min(up_to_hz, sfreq / 2 - bins_hz[1]))
    result = growth(np.fft.rfft(sweeps, axis=-1)[..., shown], counts)
    ratio = (result.amplitude**2).sum(axis=1) / (result.noise**2).sum(axis=1)  # (count, frequency)
    index = pd.MultiIndex.from_product([counts, bins_hz[shown]], names=["n", "frequency_hz"])
    return index.to_frame(index=False).assign(snr_db=10 * np.log10(ratio).ravel())
