"""A known sound in the recorder's audio channel: when it began, how fast the recorder's clock runs, what was dropped.

The loudest stretch of the sound is sought in the whole recording; from there its neighbours are followed, each near
where the last one was found, so that a drift of any plausible size adds up to no misfit. A straight line through the
lags of all stretches is the clock; a step between two of them is a block of samples that the recorder dropped (or
doubled).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

LEAST_R, LEAST_R_SHORT, SHORT_S = 0.3, 0.5, 15.0
"""Normalised correlation of envelopes at which a sound counts as found, or one that is shorter than so many seconds:
another talker's reaches .1 in a minute, .35 in ten seconds and .45 in five."""
COARSE_HZ = 250.0
"""Rate of the search over the whole recording."""
COARSE_S, SEGMENT_S = 30.0, 10.0
"""Stretch of the sound that is sought in the whole recording, and stretches whose lags make the clock."""
REACH_S = (0.25, 5.0)
"""How far from the last lag the next is sought: at first, and where nothing is found there."""
LEAST_SEGMENTS = 4
"""Fewer tell no drift."""
LEAST_JUMP_S = 0.008
"""A smaller step is no dropped block; in samples at least three."""


@dataclass(frozen=True)
class Jump:
    """Samples that the recorder dropped (positive) or doubled.

    Parameters
    ----------
    start_s, stop_s : float
        When, on the recorder's clock from the sound's onset: somewhere between the two.
    size_s : float
        By how much the sound goes on in that moment.
    """

    start_s: float
    stop_s: float
    size_s: float


@dataclass(frozen=True)
class Clock:
    """When each moment of a sound is in the recording.

    Parameters
    ----------
    onset_s : float
        Start of the sound, from the recording's first sample, to a fraction of a sample.
    drift_ppm : float
        How much longer the sound lasts on the recorder's clock than on its own, in parts per million; NaN where it
        is too short to tell.
    jumps : tuple of Jump
        Rising.
    r : float
        Normalised correlation of the envelopes, the median over stretches; NaN where no sound was sought.
    """

    onset_s: float
    drift_ppm: float = math.nan
    jumps: tuple[Jump, ...] = ()
    r: float = math.nan

    @property
    def rate(self) -> float:
        """Seconds of the recorder in a second of the sound."""
        return 1.0 + 1e-6 * self.drift_ppm if math.isfinite(self.drift_ppm) else 1.0

    def sound_s(self, recorded_s: FloatArray) -> FloatArray:
        """Which moment of the sound is heard at these seconds of the recording."""
        since = np.asarray(recorded_s, dtype=np.float64) - self.onset_s
        jumped = np.zeros_like(since)
        for jump in self.jumps:
            jumped += np.where(since >= 0.5 * (jump.start_s + jump.stop_s), jump.size_s, 0.0)
        return (since + jumped) / self.rate

    def recorded_length_s(self, sound_s: float) -> float:
        """How long a sound lasts in the recording."""
        return sound_s * self.rate - sum(jump.size_s for jump in self.jumps)


def heard(stream: FloatArray, sfreq: float, clock: Clock, start: int, n_times: int) -> FloatArray:
    """An envelope as the recorder's clock has it, sample by sample with the EEG.

    Parameters
    ----------
    stream : array, shape (n, ...)
        The envelope at `sfreq` Hz by its own clock.
    sfreq : float
        Of the recording, in Hz.
    clock : Clock
        When the sound was heard.
    start, n_times : int
        Samples of the recording.

    Returns
    -------
    array, shape (n_times, ...)
        By fifth-order splines, with the ends held; the samples themselves where the clock neither drifts nor jumps
        and the sound begins with a sample.
    """
    offset = clock.onset_s * sfreq - start
    if clock.rate == 1.0 and not clock.jumps and abs(offset) < 1e-3 and len(stream) >= n_times:
        return stream[:n_times]
    from scipy.ndimage import map_coordinates

    at = clock.sound_s((start + np.arange(n_times)) / sfreq) * sfreq
    columns = stream.reshape(len(stream), -1).T
    out = np.stack([map_coordinates(column, at[None], order=5, mode="nearest") for column in columns], axis=1)
    return out.reshape(n_times, *stream.shape[1:])


def find_sound(
    recorded: FloatArray,
    audio: FloatArray,
    *,
    sfreq: float,
    audio_sfreq: float,
    near_s: tuple[float, float] | None = None,
) -> Clock:
    """Find a known sound in the audio channel that was recorded along with the EEG.

    Parameters
    ----------
    recorded : array, shape (n_times,)
        The channel, any unit.
    audio : array, shape (n_samples,)
        The sound; shorter than the recording.
    sfreq, audio_sfreq : float
        Their sampling rates in Hz.
    near_s : (float, float), optional
        Seconds of the recording between which the sound lies.

    Raises
    ------
    DataError
        If the best correlation stays low (see `LEAST_R`), that is, if the sound is not there.
    """
    first = 0 if near_s is None else max(0, round(near_s[0] * sfreq))
    last = len(recorded) if near_s is None else round(near_s[1] * sfreq)
    wanted = _loudness(resample(np.asarray(audio, dtype=np.float64), audio_sfreq, sfreq), sfreq)
    taped = _loudness(np.asarray(recorded[first:last], dtype=np.float64), sfreq)
    if wanted.size > taped.size:
        raise DataError(
            f"audio must be shorter than the recording; got {wanted.size / sfreq:g} s "
            f"in {taped.size / sfreq:g} s"
        )
    starts, length = _segments(wanted, sfreq)
    lags, r, best = _followed(taped, wanted, starts, length, sfreq)
    good = r >= LEAST_R
    if best < (LEAST_R if wanted.size >= SHORT_S * sfreq else LEAST_R_SHORT) or not good.any():
        raise DataError(f"the sound must be found in the audio channel; got a best correlation of {best:.2f}")
    clock = _clock(lags[good], starts[good], length, taped, wanted, sfreq)
    return replace(clock, onset_s=clock.onset_s + first / sfreq, r=float(np.median(r[good])))


def _loudness(sound: FloatArray, sfreq: float) -> FloatArray:
    """Rectified sound, smoothed over 10 ms where the rate resolves it."""
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(np.abs(sound - sound.mean()), max(1, round(0.01 * sfreq)))


def _segments(wanted: FloatArray, sfreq: float) -> tuple[NDArray[np.intp], int]:
    """Starts of the sound's stretches, and their length, in samples; one stretch of a short sound."""
    length = min(round(SEGMENT_S * sfreq), max(round(2.0 * sfreq), wanted.size // 6))
    length = min(length, wanted.size)
    return np.arange(0, wanted.size - length + 1, length), length


def _followed(
    taped: FloatArray, wanted: FloatArray, starts: NDArray[np.intp], length: int, sfreq: float
) -> tuple[FloatArray, FloatArray, float]:
    """Lag of each stretch in samples, to a fraction, and the correlation there; that of the first that was sought.

    Stretches of silence have no lag.
    """
    sd = np.array([wanted[start : start + length].std() for start in starts])
    anchor, lag, best = _anchor(taped, wanted, starts, sd, length, sfreq)
    lags, r = np.full(len(starts), np.nan), np.zeros(len(starts))
    for order in (range(anchor, len(starts)), range(anchor - 1, -1, -1)):
        expected = lag if order.start == anchor else (lags[anchor] if np.isfinite(lags[anchor]) else lag)
        for k in order:
            if sd[k] < 0.05 * sd.max():
                continue
            part = wanted[starts[k] : starts[k] + length]
            for reach_s in REACH_S:
                lags[k], r[k] = _near(taped, part, starts[k] + expected, reach_s * sfreq)
                if r[k] >= LEAST_R:
                    break
            lags[k] -= starts[k]
            if r[k] >= LEAST_R:
                expected = lags[k]
    return lags, r, best


def _anchor(
    taped: FloatArray,
    wanted: FloatArray,
    starts: NDArray[np.intp],
    sd: FloatArray,
    length: int,
    sfreq: float,
) -> tuple[int, float, float]:
    """A stretch to begin with, its lag and correlation: where the loudest half minute is in the whole recording."""
    step = max(1, round(sfreq / COARSE_HZ))
    n = max(1, min(len(starts), round(COARSE_S * sfreq / length)))
    begin = int(np.argmax(np.convolve(sd, np.ones(n), mode="valid")))
    stop = starts[begin + n - 1] + length if begin + n < len(starts) else wanted.size
    part = wanted[starts[begin] : stop]
    lag, r = _best_lag(_thinned(taped, step), _thinned(part, step))
    middle = begin + n // 2
    return min(middle, len(starts) - 1), lag * step - float(starts[begin]), r


def _thinned(loudness: FloatArray, step: int) -> FloatArray:
    """Means of `step` samples each."""
    n = len(loudness) // step
    return loudness[: n * step].reshape(n, step).mean(axis=1)


def _near(taped: FloatArray, part: FloatArray, at: float, reach: float) -> tuple[float, float]:
    """Where a stretch is within `reach` samples of `at`, to a fraction of a sample, and the correlation there."""
    first = max(0, int(at - reach))
    last = min(len(taped), int(at + reach) + len(part) + 1)
    if last - first < len(part):
        return math.nan, 0.0
    lag, r = _best_lag(taped[first:last], part)
    return first + lag, r


def _best_lag(long: FloatArray, short: FloatArray) -> tuple[float, float]:
    """Lag of `short` in `long` at which their normalised correlation peaks, and the peak; parabola through three."""
    from scipy.signal import correlate

    n = short.size
    numerator = correlate(long, short - short.mean(), mode="valid", method="fft")
    total = np.concatenate([[0.0], np.cumsum(long)])
    square = np.concatenate([[0.0], np.cumsum(long**2)])
    variance = (square[n:] - square[:-n]) - (total[n:] - total[:-n]) ** 2 / n
    scale = np.sqrt(np.maximum(variance, 1e-12 * square[-1]) * n * short.var())
    r = numerator / np.where(scale > 0, scale, np.inf)
    best = int(np.argmax(r))
    if not 0 < best < len(r) - 1:
        return float(best), float(r[best])
    before, peak, after = r[best - 1 : best + 2]
    bend = before - 2 * peak + after
    shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return best + float(shift), float(peak)


def _clock(
    lags: FloatArray,
    starts: NDArray[np.intp],
    length: int,
    taped: FloatArray,
    wanted: FloatArray,
    sfreq: float,
) -> Clock:
    """A line through the lags of stretches that were found, with its steps."""
    if len(lags) < LEAST_SEGMENTS:
        return Clock(float(np.median(lags)) / sfreq)
    from scipy.stats import theilslopes

    middles = starts + length / 2
    slopes = np.diff(lags) / np.diff(middles)
    slope = float(np.median(slopes))
    steps = np.diff(lags) - slope * np.diff(middles)
    spread = 1.4826 * float(np.median(np.abs(steps - np.median(steps))))
    least = max(LEAST_JUMP_S * sfreq, 3.0, 6 * spread)
    lasting = [k for k in np.flatnonzero(np.abs(steps) > least) if _lasts(steps, int(k), least)]
    levels = np.zeros(len(lags))
    for k in lasting:
        levels[k + 1 :] += steps[k]
    line = theilslopes(lags - levels, middles)
    jumps = tuple(
        _jump(taped, wanted, starts, length, lags, int(k), float(steps[k]), sfreq, float(line[1]))
        for k in lasting
    )
    return Clock(float(line[1]) / sfreq, 1e6 * float(line[0]), jumps)


def _lasts(steps: FloatArray, k: int, least: float) -> bool:
    """Whether a step is not taken back by the next or the last: one stretch found in a wrong place."""
    neighbours = [steps[i] for i in (k - 1, k + 1) if 0 <= i < len(steps)]
    return all(abs(steps[k] + other) > least for other in neighbours)


def _jump(
    taped: FloatArray,
    wanted: FloatArray,
    starts: NDArray[np.intp],
    length: int,
    lags: FloatArray,
    k: int,
    step: float,
    sfreq: float,
    onset: float,
) -> Jump:
    """Where between stretches `k` and `k` + 1 the sound goes on at the later lag: a second on either side."""
    first, last = int(starts[k]), int(starts[k + 1]) + length
    before, after = round(lags[k]), round(lags[k + 1])
    first = max(first, -min(before, after))
    last = min(last, len(taped) - max(before, after))
    part = wanted[first:last] - wanted[first:last].mean()
    gain = part * (taped[first + before : last + before] - taped[first + after : last + after])
    at = first + int(np.argmax(np.cumsum(gain)))  # in samples of the sound
    recorded_s = (at + before - onset) / sfreq
    return Jump(recorded_s - 1.0, recorded_s + 1.0 + max(0.0, step / sfreq), -step / sfreq)
