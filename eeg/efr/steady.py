"""A rate tested in sweeps (ASSR, EFR to tones, FFR): detectors, polarities, growth, and the tracking of F0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

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
from cogattn.eeg.efr.locking import (
    Lock,
    advice,
    leaking_lines,
    locked_lines,
    locked_rates,
    unresolved_rates,
    untestable,
    without_lines,
)
from cogattn.eeg.efr.spatial import held_out
from cogattn.eeg.efr.surrogates import false_discovery
from cogattn.eeg.efr.sweep_cutting import (
    AS_RECORDED,
    ENVELOPE,
    FINE_STRUCTURE,
    Sweeps,
    by_polarity,
    cut_sweeps,
    sweep_samples,
    sweeps_behind,
)
from cogattn.eeg.efr.sweeps import growth, harmonics, polarity_pair, values_at
from cogattn.eeg.recordings.places import CONDITION, STIMULUS
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError

OVER_SWEEPS: dict[str, Callable[[ComplexArray], Detection]] = {
    "t2circ": t2circ,
    "msc": magnitude_squared_coherence,
    "hotelling_t2": hotelling_t2,
    "plv": rayleigh,
}
FILTERED = "DSS, held out"
"""Channel name of the spatially filtered response."""
N_LOOKS = 10
"""Numbers of sweeps at which growth is looked at."""


def tables_of(
    recording: Recording,
    settings: SteadyStateSettings,
    rng: np.random.Generator,
    *,
    reject_uv: float | None = None,
    flat_uv: float | None = None,
) -> dict[str, pd.DataFrame]:
    """Detect the rate and its harmonics: rows of the tables that a steady-state cell fills (see `tables`).

    Column ``response`` says which: ``as recorded``, or with polarities ``envelope`` (half of their sum) and ``fine
    structure`` (half of their difference). Column ``n`` counts sweeps, two to a pair of polarities. Where mains could
    pass for the response, p is not a number.

    Parameters
    ----------
    recording : Recording
        Trials that hold whole sweeps, or averages of sweeps (`intake` says so): of those the test against neighbouring
        frequencies alone is made.
    settings : SteadyStateSettings
        What to test.
    rng : numpy.random.Generator
        Draws sweeps and signs for the tracking of F0.
    reject_uv, flat_uv : float, optional
        Sweeps are left out in which a channel moves by more, or less, peak to peak; microvolts.

    Raises
    ------
    DataError
        If there are too few sweeps, or the rate does not complete whole cycles in one.
    """
    with threadpool_limits(1, user_api="blas"):  # many small products: more threads only wait for each other
        if recording.intake.how == "averages":
            return _of_averages(recording, settings)
        sweeps = cut_sweeps(recording, settings, reject_uv=reject_uv, flat_uv=flat_uv)
        return _of_sweeps(recording, sweeps, settings, rng)


def _of_sweeps(
    recording: Recording, sweeps: Sweeps, settings: SteadyStateSettings, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Every test of sweeps, and what becomes of the rates that mains could pass for."""
    rates = _rates(recording, settings)
    parted = by_polarity(sweeps.eeg, sweeps.inverted, recording.subject)
    values = {name: amplitudes_at(own, recording.sfreq, rates) for name, own in parted.items()}

    def part(phasors: ComplexArray) -> dict[str, ComplexArray]:
        return by_polarity(phasors, sweeps.inverted, recording.subject)

    locks = locked_rates(sweeps.eeg, sweeps.onsets_s, part, values, rates, sfreq=recording.sfreq)
    frames: dict[str, list[pd.DataFrame]] = {}
    for response, own in parted.items():
        testable = ~untestable(locks, response, rates)
        found = {
            **_tested(own, values[response], testable, recording, settings),
            **_grown(own, values[response], testable, recording, settings),
        }
        if settings.f0_low_hz is not None and response != FINE_STRUCTURE:
            from cogattn.eeg.efr.pitch import pitch_tables

            below_hz = recording.sfreq / 2
            lines = locked_lines(sweeps.onsets_s, settings.sweep_s, part, below_hz=below_hz)[response]
            given = {"lines_hz": lines, "testable": bool(testable[0]), "rng": rng}
            sound = heard(recording, settings)
            found |= pitch_tables(own, sound, settings, sfreq=recording.sfreq, **given)
        for table, rows in found.items():
            n_sweeps = rows["n"] * sweeps_behind(response)
            frames.setdefault(table, []).append(rows.assign(response=response, n=n_sweeps))
    tables = {table: pd.concat(parts, ignore_index=True) for table, parts in frames.items()}
    counted = pd.DataFrame([{"used": len(sweeps.eeg) - sweeps.lost["unpaired"], **sweeps.lost}])
    return tables | {
        "lock": _locks(locks, sweeps.onsets_s, settings.sweep_s),
        "sweeps": counted.assign(fitting_s=sweeps.fitting_s),
    }


def amplitudes_at(sweeps: FloatArray, sfreq: float, rates: FloatArray) -> ComplexArray:
    """Complex amplitude of every sweep at every rate, without the mains that leak there.

    Parameters
    ----------
    sweeps : array, shape (n_sweeps, n_channels, n_times)
        Any unit.
    sfreq : float
        In Hz.
    rates : array, shape (n_rates,)
        In Hz, each of whole cycles in a sweep.

    Returns
    -------
    complex array, shape (n_sweeps, n_channels, n_rates)
        As `cogattn.eeg.efr.sweeps.values_at`.
    """
    found = []
    for rate in rates:
        clean = without_lines(sweeps, leaking_lines(float(rate), sweeps.shape[-1], sfreq), sfreq=sfreq)
        found.append(values_at(clean, sfreq=sfreq, frequencies_hz=[rate]))
    return np.concatenate(found, axis=-1)


def _rates(recording: Recording, settings: SteadyStateSettings) -> FloatArray:
    return harmonics(settings.modulation_hz, below_hz=recording.sfreq / 2, most=settings.n_harmonics)


def heard(recording: Recording, settings: SteadyStateSettings) -> FloatArray:
    """Return the envelope of one sweep of the sound, (n_times,): that of the first trial."""
    first = round(settings.start_s * recording.sfreq)
    return recording.stream(STIMULUS)[0][first : first + sweep_samples(recording, settings)]


def _tested(
    sweeps: FloatArray,
    x: ComplexArray,
    testable: NDArray[np.bool_],
    recording: Recording,
    settings: SteadyStateSettings,
) -> dict[str, pd.DataFrame]:
    """Every detector on every channel and harmonic, and T2circ on held-out sweeps of a spatial filter.

    `x` holds the amplitudes, (sweep, channel, harmonic).
    """
    rates = _rates(recording, settings)
    tested = {name: detector(x) for name, detector in OVER_SWEEPS.items()}
    tested["f_test"], ratio = _against_neighbours(sweeps, recording.sfreq, rates, settings)
    places = _places(recording.channels, rates)
    detections = [_detection(name, found, places, testable, len(x)) for name, found in tested.items()]
    filtered = [t2circ(held_out(x[..., k])[0]) for k in range(len(rates))]
    held = Detection(np.array([[d.statistic for d in filtered]]), np.array([[d.p for d in filtered]]))
    detections.append(_detection("t2circ", held, _places((FILTERED,), rates), testable, len(x) // 2))
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
    """F-test and signal-to-noise ratio in the spectrum of all sweeps set end to end; each (channel, rate)."""
    tests, ratios = [], []
    for rate in rates:
        clean = without_lines(sweeps, leaking_lines(float(rate), sweeps.shape[-1], sfreq), sfreq=sfreq)
        joined = clean.swapaxes(0, 1).reshape(sweeps.shape[1], -1)
        spectrum, bin = np.abs(np.fft.rfft(joined)) ** 2, round(rate * joined.shape[1] / sfreq)
        tests.append(f_test(spectrum, bin, settings.n_side, n_skip=1))
        ratios.append(snr_db(spectrum, bin, settings.n_side, n_skip=1))
    found = Detection(*(np.stack(parts, axis=-1) for parts in zip(*tests, strict=True)))
    return found, np.stack(ratios, axis=-1)


def _of_averages(recording: Recording, settings: SteadyStateSettings) -> dict[str, pd.DataFrame]:
    """Averages over sweeps, whose scatter is lost: each rate against neighbouring frequencies, and no more."""
    n_times = sweep_samples(recording, settings)
    first = round(settings.start_s * recording.sfreq)
    length = min(len(eeg) - first for eeg in recording.eeg) // n_times * n_times
    if length < 1:
        raise DataError(
            f"steady_state.sweep_s must fit into the averages; got {settings.sweep_s:g} s after {settings.start_s:g} s "
            f"(subject {recording.subject})"
        )
    averages = np.stack([eeg[first : first + length].T for eeg in recording.eeg])  # (average, channel, time)
    codes = [trial.labels.get(CONDITION, "") for trial in recording.trials]
    order = np.arange(len(codes)) % 2 == 1
    inverted = order if settings.alternating else np.isin(codes, settings.inverted)
    parted = {AS_RECORDED: averages.mean(axis=0)}
    if inverted.any() and not inverted.all():
        pair = polarity_pair(averages[~inverted].mean(axis=0), averages[inverted].mean(axis=0))
        parted = {ENVELOPE: pair.envelope, FINE_STRUCTURE: pair.fine_structure}
    rates = _rates(recording, settings)
    locks = unresolved_rates(rates, length / recording.sfreq, list(parted), below_hz=recording.sfreq / 2)
    places, n = _places(recording.channels, rates), len(averages)
    detections, amplitudes = [], []
    for response, own in parted.items():
        found, ratio = _against_neighbours(own[None], recording.sfreq, rates, settings)
        testable = ~untestable(locks, response, rates)
        detections.append(_detection("f_test", found, places, testable, n).assign(response=response))
        x = values_at(own[None], sfreq=recording.sfreq, frequencies_hz=rates)[0]
        known = {"amplitude": np.abs(x).ravel(), "snr_db": ratio.ravel(), "ppc": np.nan, "n": n}
        amplitudes.append(places.assign(**known, response=response))
    return {
        "detection": pd.concat(detections, ignore_index=True),
        "amplitude": pd.concat(amplitudes, ignore_index=True),
        "lock": _locks(locks, np.array([np.nan]), length / recording.sfreq),
    }


def _locks(locks: Sequence[Lock], onsets_s: FloatArray, sweep_s: float) -> pd.DataFrame:
    return pd.DataFrame([{**asdict(lock), "advice": advice(lock, onsets_s, sweep_s)} for lock in locks])


def _places(channels: tuple[str, ...], rates: FloatArray) -> pd.DataFrame:
    """A row for each channel and harmonic, harmonics running fastest."""
    names, frequencies = np.repeat(list(channels), len(rates)), np.tile(rates, len(channels))
    return pd.DataFrame({"channel": names, "frequency_hz": frequencies})


def _detection(
    detector: str, found: Detection, places: pd.DataFrame, testable: NDArray[np.bool_], n_sweeps: int
) -> pd.DataFrame:
    """One detector's statistics, (channel, harmonic), as rows; q over all that are testable, the others without p."""
    tested = np.broadcast_to(testable, found.p.shape)
    q = np.where(tested, false_discovery(found.p, testable), np.nan)
    values = {
        "statistic": found.statistic,
        "p": np.where(tested, found.p, np.nan),
        "q": q,
        "testable": tested,
    }
    return places.assign(detector=detector, **{name: v.ravel() for name, v in values.items()}, n=n_sweeps)


def _grown(
    sweeps: FloatArray,
    x: ComplexArray,
    testable: NDArray[np.bool_],
    recording: Recording,
    settings: SteadyStateSettings,
) -> dict[str, pd.DataFrame]:
    """Signal-to-noise ratio, and p of T2circ, in the first n sweeps."""
    rates = _rates(recording, settings)
    counts = np.unique(
        np.linspace(max(2, len(sweeps) // N_LOOKS), len(sweeps), N_LOOKS).round().astype(np.intp)
    )
    result = growth(x, counts)
    index = pd.MultiIndex.from_product(
        [counts, recording.channels, rates], names=["n", "channel", "frequency_hz"]
    )
    p = np.where(testable, result.p, np.nan)
    rows = index.to_frame(index=False).assign(snr_db=result.snr_db.ravel(), p=p.ravel())
    return {"growth": rows, "growth_map": _growth_map(sweeps, recording.sfreq, counts, 1.25 * rates[-1])}


def _growth_map(sweeps: FloatArray, sfreq: float, counts: NDArray[np.intp], up_to_hz: float) -> pd.DataFrame:
    """Power of the mean over its expected noise, both summed over channels, at every bin of a sweep."""
    bins_hz = np.fft.rfftfreq(sweeps.shape[-1], 1 / sfreq)
    shown = (bins_hz > 0) & (bins_hz <= min(up_to_hz, sfreq / 2 - bins_hz[1]))
    result = growth(np.fft.rfft(sweeps, axis=-1)[..., shown], counts)
    ratio = (result.amplitude**2).sum(axis=1) / (result.noise**2).sum(axis=1)  # (count, frequency)
    index = pd.MultiIndex.from_product([counts, bins_hz[shown]], names=["n", "frequency_hz"])
    return index.to_frame(index=False).assign(snr_db=10 * np.log10(ratio).ravel())
