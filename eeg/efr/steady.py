"""A rate tested in sweeps (ASSR, EFR to tones, FFR): detectors, polarities, growth, and the tracking of F0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.efr.config import SteadyStateSettings
from cogattn.eeg.efr.cutting import CONDITION, STIMULUS
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
from cogattn.eeg.efr.sweeps import growth, harmonics, polarity_pair, values_at
from cogattn.eeg.efr.table import tidy
from cogattn.eeg.recordings.recording import Recording
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
N_LOOKS = 10
"""Numbers of sweeps at which growth is looked at."""


def rows_of(
    recording: Recording,
    settings: SteadyStateSettings,
    observer: str,
    rng: np.random.Generator,
    *,
    mains_hz: float = 50,
) -> pd.DataFrame:
    """Detect the rate and its harmonics.

    Parts: ``steady_state`` (a row for each detector, response, channel and harmonic; q over channels and
    harmonics of one detector and response), ``growth`` (T2circ of every channel at rising numbers of sweeps),
    ``growth_map`` (the same for every frequency of a sweep, power over channels) and, where F0 is tracked,
    ``pitch`` and ``pitch_score``. Column ``response`` says which: ``as recorded``, or with polarities
    ``envelope`` (half of their sum) and ``fine structure`` (half of their difference).
    """
    sweeps, inverted = cut_sweeps(recording, settings)
    frames = []
    for response, own in by_polarity(sweeps, inverted, recording.subject).items():
        found = [*_tested(own, recording, settings), *_grown(own, recording, settings)]
        frames.append(pd.concat(found, ignore_index=True).assign(response=response))
        if settings.f0_low_hz is not None and response != "fine structure":
            from cogattn.eeg.efr.pitch import pitch_rows

            heard = _heard(recording, settings)
            tracked = pitch_rows(own, heard, settings, sfreq=recording.sfreq, mains_hz=mains_hz, rng=rng)
            frames.append(tracked.assign(response=response))
    return tidy(pd.concat(frames, ignore_index=True).assign(observer=observer))


def cut_sweeps(recording: Recording, settings: SteadyStateSettings) -> tuple[Floats, NDArray[np.bool_]]:
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


def by_polarity(sweeps: Floats, inverted: NDArray[np.bool_], subject: str) -> dict[str, Floats]:
    """Sweeps as recorded, or pairs of them parted into envelope and fine structure.

    Raises
    ------
    DataError
        If one polarity has fewer than `LEAST_SWEEPS`.
    """
    if not inverted.any():
        return {"as recorded": sweeps}
    positive, negative = sweeps[~inverted], sweeps[inverted]
    n = min(len(positive), len(negative))
    if n < LEAST_SWEEPS:
        raise DataError(
            f"each polarity must have at least {LEAST_SWEEPS} sweeps; got {len(positive)} and {len(negative)} "
            f"(subject {subject})"
        )
    pair = polarity_pair(positive[:n], negative[:n])
    return {"envelope": pair.envelope, "fine structure": pair.fine_structure}


def _sweep_samples(recording: Recording, settings: SteadyStateSettings) -> int:
    exact = settings.sweep_s * recording.sfreq
    if abs(exact - round(exact)) > 1e-6 * exact:
        raise DataError(
            f"steady_state.sweep_s must be whole samples; got {settings.sweep_s:g} s, {exact:.3f} samples at "
            f"{recording.sfreq:g} Hz"
        )
    return round(exact)


def _heard(recording: Recording, settings: SteadyStateSettings) -> Floats:
    """Envelope of one sweep of the sound, (n_times,): that of the first trial."""
    n_times = _sweep_samples(recording, settings)
    first = round(settings.start_s * recording.sfreq)
    return recording.stream(STIMULUS)[0][first : first + n_times]


def _tested(sweeps: Floats, recording: Recording, settings: SteadyStateSettings) -> list[pd.DataFrame]:
    """Every detector on every channel and harmonic, and T2circ on held-out sweeps of a spatial filter."""
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
    frames.append(_frame("amplitude", np.abs(x.mean(axis=0)), recording.channels, rates, n_sweeps))
    filtered = [t2circ(held_out(x[..., k])[0]) for k in range(len(rates))]
    statistic, p = (np.array([[getattr(d, key) for d in filtered]]) for key in ("statistic", "p"))
    return [*frames, _frame("t2circ", statistic, (FILTERED,), rates, n_sweeps // 2, p)]


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
    measure: str, value: Floats, channels: tuple[str, ...], rates: Floats, n: int, p: Floats | None = None
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


def _grown(sweeps: Floats, recording: Recording, settings: SteadyStateSettings) -> list[pd.DataFrame]:
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
    rows = index.to_frame(index=False).assign(
        part="growth", measure="snr_db", value=result.snr_db.ravel(), p=result.p.ravel()
    )
    return [rows, _growth_map(sweeps, recording.sfreq, counts, 1.25 * rates[-1])]


def _growth_map(sweeps: Floats, sfreq: float, counts: NDArray[np.intp], up_to_hz: float) -> pd.DataFrame:
    """Power of the mean over its expected noise, both summed over channels, at every bin of a sweep."""
    bins_hz = np.fft.rfftfreq(sweeps.shape[-1], 1 / sfreq)
    shown = (bins_hz > 0) & (bins_hz <= min(up_to_hz, sfreq / 2 - bins_hz[1]))
    result = growth(np.fft.rfft(sweeps, axis=-1)[..., shown], counts)
    ratio = (result.amplitude**2).sum(axis=1) / (result.noise**2).sum(axis=1)  # (count, frequency)
    index = pd.MultiIndex.from_product([counts, bins_hz[shown]], names=["n", "frequency_hz"])
    return index.to_frame(index=False).assign(
        part="growth_map", measure="snr_db", value=10 * np.log10(ratio).ravel()
    )
