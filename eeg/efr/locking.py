"""Could mains alone pass for a response to the sound? Then the rate is not testable with these sweeps.

Detectors call what keeps its phase from sweep to sweep. Mains do so wherever a whole number of their cycles fits
between the onsets of two sweeps, and then no statistic of the sweeps, and no sum over polarities, tells them from a
response at the same frequency. So each line (50 and 60 Hz and their harmonics, whatever the country) is sent through
the sweeps' own onsets and polarities. A rate is not testable where such a line keeps its phase better than irregular
onsets let it, and would add to the average, at the largest amplitude that the sweeps at hand allow it, as much as a
detector could see. That amplitude is never taken to be zero: mains too weak to be seen in any sweep are seen in the
average of thousands. What leaks from a line a bin or more away is fitted to each sweep and taken out beforehand.

Mains wander: within `WANDER_HZ` of 50 or 60 Hz (times the order of the harmonic) any frequency is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

from cogattn.eeg.types import ComplexArray, FloatArray

MAINS_HZ = (50.0, 60.0)
WANDER_HZ = 0.1
"""Grids are held within a tenth of a hertz of their frequency, but for disturbances."""
LEAST_GAIN = 0.5
"""Of the expected statistic of T2circ (1 without a response), over channels: less is not seen."""
FALSE_LOCKS = 0.1
"""How often irregular onsets are taken for locked nevertheless, at most."""
FARTHEST_BINS = 30
"""Lines farther away than this leak less than a hundredth of their amplitude into a rate."""
Parted = Callable[[NDArray], Mapping[str, NDArray]]


@dataclass(frozen=True)
class Lock:
    """A rate at which mains would be called a response.

    Parameters
    ----------
    response : str
        ``as recorded``, ``envelope`` or ``fine structure``.
    rate_hz, line_hz : float
        The tested rate, and the line of mains that would be mistaken for it.
    kept : float
        Share of the line's amplitude that the average keeps at the rate, 0-1.
    """

    response: str
    rate_hz: float
    line_hz: float
    kept: float


def mains_harmonics(below_hz: float) -> FloatArray:
    """Return 50 and 60 Hz and all of their multiples below a frequency, rising."""
    lines = [np.arange(mains_hz, below_hz, mains_hz) for mains_hz in MAINS_HZ]
    return np.unique(np.concatenate(lines))


def without_lines(sweeps: FloatArray, lines_hz: FloatArray, *, sfreq: float) -> FloatArray:
    """Sweeps, time last, without sinusoids at these frequencies, fitted to each."""
    basis = _basis(lines_hz, sweeps.shape[-1], sfreq)
    return sweeps - (sweeps @ basis) @ basis.T if basis.size else sweeps


def leaking_lines(rate_hz: float, n_times: int, sfreq: float) -> FloatArray:
    """Lines of mains that leak into a rate, a bin or more away, because a sweep breaks their cycles; Hz.

    Those that complete whole cycles in a sweep do not leak, and those nearer cannot be parted from the rate.
    """
    lines = mains_harmonics(sfreq / 2)
    apart = np.abs(lines - rate_hz) * n_times / sfreq
    cycles = lines * n_times / sfreq
    return lines[(apart >= 1) & (apart < FARTHEST_BINS) & (np.abs(cycles - np.round(cycles)) > 1e-6)]


def wander(line_hz: float) -> float:
    """How far a line may lie from where it should be, in Hz: with the order of the harmonic."""
    return WANDER_HZ * max(line_hz / mains_hz for mains_hz in MAINS_HZ if line_hz % mains_hz < 1e-9)


def locked_rates(
    sweeps: FloatArray,
    onsets_s: FloatArray,
    parted: Parted,
    values: Mapping[str, ComplexArray],
    rates_hz: FloatArray,
    *,
    sfreq: float,
) -> list[Lock]:
    """Find the rates at which mains could be called a response.

    Parameters
    ----------
    sweeps : array, shape (n_sweeps, n_channels, n_times)
        As recorded.
    onsets_s : array, shape (n_sweeps,)
        When each began, in seconds of the recording.
    parted : callable
        From anything with sweeps as its first axis to what is tested of it, by response (half sums and differences).
    values : mapping of str to complex array, each (n, n_channels, n_rates)
        Amplitudes at the rates that are tested, of each response of `parted`, `leaking_lines` taken out.
    rates_hz : array, shape (n_rates,)
        Tested rates.
    sfreq : float
        In Hz.

    Returns
    -------
    list of Lock
        The line that adds most, for every response and rate that is not testable.
    """
    sweep_s = sweeps.shape[-1] / sfreq
    lines = mains_harmonics(sfreq / 2)
    near = np.abs(lines[:, None] - rates_hz).min(axis=1) * sweep_s < FARTHEST_BINS
    excess, error = _line_power(sweeps, lines[near], sfreq)  # each (channel, line)
    noise = {name: x.var(axis=0, ddof=1) for name, x in values.items()}  # (channel, rate)
    carriers = [_carrier(float(rate_hz), sweeps.shape[-1], sfreq) for rate_hz in rates_hz]
    worst: dict[tuple[str, float], tuple[float, Lock]] = {}
    for line_hz, above, unsure in zip(lines[near], excess.T, error.T, strict=True):
        tried_hz = _tried(line_hz, float(np.ptp(onsets_s)) + sweep_s)
        phasors = parted(np.exp(2j * np.pi * np.outer(onsets_s, tried_hz)))
        for name, power in noise.items():
            for own in _as_tested(phasors[name]):
                mean, rest, locked = _timing(own, tried_hz)
                for rate_hz, noise_at, seen_by in zip(rates_hz, power.T, carriers, strict=True):
                    if abs(line_hz - rate_hz) * sweep_s >= FARTHEST_BINS:
                        continue
                    leak = _leak(seen_by, tried_hz, sfreq)
                    gain = locked * _gain(len(own) * mean * leak, rest * leak, above, unsure, noise_at)
                    best, key = int(np.argmax(gain)), (name, float(rate_hz))
                    if gain[best] > max(LEAST_GAIN, worst[key][0] if key in worst else 0.0):
                        kept = float(np.sqrt(mean[best] * leak[best]))
                        worst[key] = (float(gain[best]), Lock(name, float(rate_hz), float(line_hz), kept))
    return [lock for _, lock in worst.values()]


def unresolved_rates(
    rates_hz: FloatArray, length_s: float, responses: Sequence[str], *, below_hz: float
) -> list[Lock]:
    """Find the rates of averages that mains could pass for: all within a bin of a line, for the onsets are lost.

    Parameters
    ----------
    rates_hz : array, shape (n_rates,)
        Tested rates.
    length_s : float
        Analysed length of the averages.
    responses : sequence of str
        What is made of them.
    below_hz : float
        Half of the sampling rate.
    """
    lines = mains_harmonics(below_hz)
    near = [(float(rate), float(lines[np.argmin(np.abs(lines - rate))])) for rate in rates_hz]
    met = [(rate, line) for rate, line in near if (abs(rate - line) - wander(line)) * length_s < 1]
    return [Lock(response, rate, line, 1.0) for response in responses for rate, line in met]


def locked_lines(
    onsets_s: FloatArray, sweep_s: float, parted: Parted, *, below_hz: float
) -> dict[str, FloatArray]:
    """Lines that keep their phase over what is tested of the sweeps, whatever their size: Hz, by response.

    Parameters
    ----------
    onsets_s, parted
        As `locked_rates`.
    sweep_s : float
        Length of a sweep in seconds.
    below_hz : float
        Half of the sampling rate.
    """
    found: dict[str, list[float]] = {}
    for line_hz in mains_harmonics(below_hz):
        tried_hz = _tried(line_hz, float(np.ptp(onsets_s)) + sweep_s)
        for name, phasors in parted(np.exp(2j * np.pi * np.outer(onsets_s, tried_hz))).items():
            held = found.setdefault(name, [])
            if any(_timing(own, tried_hz)[2].any() for own in _as_tested(phasors)):
                held.append(float(line_hz))
    return {name: np.array(lines) for name, lines in found.items()}


def advice(lock: Lock, onsets_s: FloatArray, sweep_s: float) -> str:
    """Say what would make the rate testable: longer sweeps, other onsets, or another rate.

    Parameters
    ----------
    lock : Lock
        What stands in the way.
    onsets_s : array, shape (n_sweeps,)
        In seconds; not a number where unknown.
    sweep_s : float
        Length of a sweep in seconds.
    """
    rate, line = lock.rate_hz, lock.line_hz
    ways = []
    apart = abs(rate - line) - wander(line)
    if apart * sweep_s < 1 and apart > 0.2:
        ways.append(f"sweeps of {np.ceil(rate / apart) / rate:.4g} s, which part the two")
    steps = np.diff(np.sort(onsets_s))
    if len(steps) and np.isfinite(steps).all() and np.median(steps) > 0:
        cycles = np.floor(line * np.median(steps)) + 0.3
        period_s = (cycles + (cycles / line < np.median(steps) * (1 - 1e-9))) / line
        ways.append(f"sounds that begin every {period_s:.4f} s or, better, at irregular intervals")
    else:
        ways.append("sounds that begin at irregular, known times")
    ways.append(f"a rate such as {another_rate(rate, sweep_s):.4g} Hz")
    return "; ".join(ways)


def another_rate(rate_hz: float, sweep_s: float) -> float:
    """Return the rate nearest to `rate_hz` that completes whole cycles in a sweep, two bins or more from all mains."""
    lines = mains_harmonics(4 * rate_hz + 200)
    cycles = round(rate_hz * sweep_s)
    for step in range(1, 1000):
        for count in (cycles - step, cycles + step):
            if count > 0 and np.abs(count / sweep_s - lines).min() >= 2 / sweep_s - 1e-9:
                return count / sweep_s
    return rate_hz + 2 / sweep_s


def _line_power(sweeps: FloatArray, lines_hz: FloatArray, sfreq: float) -> tuple[FloatArray, FloatArray]:
    """Power of each line above that of its neighbours, and that difference's standard error, (channel, line)."""
    n_sweeps, n_channels, n_times = sweeps.shape
    spacing = 2 * sfreq / n_times
    places = np.concatenate([lines_hz, lines_hz - spacing, lines_hz + spacing])
    phase = 2 * np.pi * np.outer(np.arange(n_times) / sfreq, places)
    rows = sweeps.reshape(-1, n_times)
    squared = ((rows @ np.cos(phase)) ** 2 + (rows @ np.sin(phase)) ** 2) * (2 / n_times) ** 2
    power = squared.reshape(n_sweeps, n_channels, -1).mean(axis=0)
    at, below, above = np.split(power, 3, axis=1)
    beside = (below + above) / 2
    return at - beside, beside * np.sqrt(1.5 / n_sweeps)


def _basis(lines_hz: FloatArray, n_times: int, sfreq: float) -> FloatArray:
    """Orthonormal waveforms of a sweep that hold these sinusoids in any phase, (n_times, n_waveforms)."""
    phase = 2 * np.pi * np.outer(np.arange(n_times) / sfreq, lines_hz)
    waves = np.concatenate([np.cos(phase), np.sin(phase)], axis=1)
    return linalg.orth(waves, rcond=1e-2) if waves.size else waves


def _carrier(rate_hz: float, n_times: int, sfreq: float) -> ComplexArray:
    """What a sweep is multiplied with for its amplitude at a rate, `leaking_lines` taken out, (n_times,)."""
    wave = np.exp(-2j * np.pi * rate_hz * np.arange(n_times) / sfreq) / n_times
    basis = _basis(leaking_lines(rate_hz, n_times, sfreq), n_times, sfreq)
    return wave - basis @ (basis.T @ wave)


def _leak(carrier: ComplexArray, tried_hz: FloatArray, sfreq: float) -> FloatArray:
    """Power at a rate of a sinusoid of unit amplitude at each frequency, (tried,)."""
    some_hz = np.linspace(tried_hz[0], tried_hz[-1], 17)  # it changes little from one to the next
    waves = np.exp(2j * np.pi * np.outer(some_hz, np.arange(len(carrier)) / sfreq))
    return np.interp(tried_hz, some_hz, np.abs(waves @ carrier)) ** 2


def _tried(line_hz: float, duration_s: float) -> FloatArray:
    """Frequencies that a line may have, a quarter of the recording's resolution apart; the line itself among them."""
    step = 1 / (4 * duration_s)
    n = int(wander(line_hz) / step)
    return line_hz + step * np.arange(-n, n + 1)


def _as_tested(phasors: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """All sweeps, and every other one: what a spatial filter is tested on."""
    return phasors, phasors[1::2]


def _timing(phasors: ComplexArray, tried_hz: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Power of mains' mean over sweeps, scatter about it, and whether onsets hold its phase; each (tried,)."""
    n = len(phasors)
    mean = np.abs(phasors.mean(axis=0)) ** 2
    rest = np.maximum((np.abs(phasors) ** 2).mean(axis=0) - mean, 1e-12) * n / (n - 1)
    n_tests = 2 * (
        1 + len(tried_hz) / 2
    )  # of all sweeps and of every other; neighbours in frequency are alike
    return mean, rest, n * mean / rest > stats.f.isf(FALSE_LOCKS / n_tests, 2, 2 * n - 2)


def _gain(
    held: FloatArray, rest: FloatArray, above: FloatArray, unsure: FloatArray, noise: FloatArray
) -> FloatArray:
    """What mains add to the statistic at the largest amplitude that the sweeps allow, over channels; (tried,)."""
    weight = held / (noise[:, None] + np.maximum(above, 0)[:, None] * rest)  # (channel, tried)
    seen = np.maximum(weight.T @ above, 0)
    return seen + 2 * np.sqrt((weight**2).T @ unsure**2)


def untestable(locks: Sequence[Lock], response: str, rates_hz: FloatArray) -> NDArray[np.bool_]:
    """Whether each rate is not testable in a response, shape (n_rates,)."""
    named = [lock.rate_hz for lock in locks if lock.response == response]
    return np.isin(np.asarray(rates_hz), named)
