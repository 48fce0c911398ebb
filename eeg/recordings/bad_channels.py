"""Channels that hold no EEG, told from their samples: flat, equal to another, railed, clipped.

A channel is railed where its amplifier sits at the end of its range, flat where it holds any other value, and
clipped where its peaks were cut off: then many samples in a row are exactly its largest or its smallest value. What is
sought is what no amplifier of a head delivers, so that a good channel is never taken for a bad one; a channel that is
merely noisy is for the eye, or for ``reject_uv``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.types import FloatArray

LONG_S = 1.0
"""A value that is held for so long is held by the amplifier, and not by the head."""
LONG_SHARE = 0.01
"""A channel that holds values for more than this share of the recording (and for `LONG_S`) is bad."""
CLIPPED_SHARE = 0.005
"""A channel with more than this share of its samples cut off is bad."""
TOGETHER_S, TOGETHER_SAMPLES = 0.1, 10
"""Most channels do not hold their values for so long, and so many samples, at once: the amplifier dropped out, or
a file's last record was padded."""
CUT_OFF = 3
"""Samples in a row at the largest or smallest value: rounding makes two equal, and a pure tone may."""

_Bools = NDArray[np.bool_]


def bad_channels(
    pieces: Sequence[FloatArray],
    *,
    sfreq: float,
    channels: Sequence[str],
    unit: Literal["V", "arbitrary"] = "V",
) -> dict[str, str]:
    """Find channels that hold no EEG, and say of each what was found.

    Parameters
    ----------
    pieces : sequence of array, shape (n_times, n_channels)
        The recording without its BAD spans; pieces shorter than `LONG_S` are skipped, unless there is no other.
    sfreq : float
        Hz.
    channels : sequence of str
        Names of the columns.
    unit : {"V", "arbitrary"}
        Levels are told in microvolts where it is V.

    Returns
    -------
    dict of str to str
        Channel and words such as ``flat``, ``equal to C3``, ``railed at 300 uV for 60 s``,
        ``flat for 12 s``, ``clipped at -5 and 5 uV (61 % of its samples)``; in the order of `channels`. A value that
        most channels hold together (see `held_together`) is not held against one of them.
    """
    shared = held_together(pieces, sfreq)
    apart = [p[~held] if held.any() else p for p, held in zip(pieces, shared, strict=True)]
    long = [piece for piece in apart if piece.shape[0] >= LONG_S * sfreq]
    long = long or [piece for piece in apart if piece.shape[0]]
    found: dict[int, str] = {}
    for piece in long:
        found |= {column: "flat" for column in flat_columns(piece) if column not in found}
    for piece in long:
        for first, second in equal_columns(piece):
            if first not in found:
                found.setdefault(second, f"equal to {channels[first]}")
    for column in range(len(channels) if long else 0):
        words = None if column in found else _stuck([piece[:, column] for piece in long], sfreq, unit)
        if words:
            found[column] = words
    return {channels[column]: found[column] for column in sorted(found)}


def flat_columns(eeg: FloatArray) -> list[int]:
    """Columns of (n_times, n_channels) that do not vary beside the others."""
    sd = _centred(eeg)[1]
    least = 1e-9 * max(float(np.median(sd)), float(np.abs(eeg).max()) * 1e-6)
    return np.flatnonzero(sd <= least).tolist()


def equal_columns(eeg: FloatArray) -> list[tuple[int, int]]:
    """Pairs of columns that vary alike to 9 digits, the earlier first; flat ones are left out."""
    centred, sd = _centred(eeg)
    order = [column for column in np.argsort(sd, kind="stable") if sd[column] > 0]
    pairs = [
        (min(a, b), max(a, b))
        for a, b in pairwise(order)
        if sd[b] - sd[a] <= 1e-9 * sd[b]
        and np.allclose(centred[:, a], centred[:, b], rtol=0, atol=1e-9 * sd[b])
    ]
    return sorted((int(a), int(b)) for a, b in pairs)


def held_together(pieces: Sequence[FloatArray], sfreq: float) -> list[_Bools]:
    """Where more than half of the channels hold their values for `TOGETHER_S`: no EEG, whatever the channel.

    A channel that does so for more than half of the recording has no vote; where most do, there is no such place.

    Parameters
    ----------
    pieces : sequence of array, shape (n_times, n_channels)
        The recording.
    sfreq : float
        Hz.

    Returns
    -------
    list of array of bool, shape (n_times,)
        For each piece.
    """
    n_times, n_channels = sum(piece.shape[0] for piece in pieces), pieces[0].shape[1] if pieces else 0
    counts = [np.zeros(piece.shape[0], dtype=np.int32) for piece in pieces]
    for column in range(n_channels):
        held = [_held(piece[:, column], max(TOGETHER_S * sfreq, TOGETHER_SAMPLES)) for piece in pieces]
        if sum(int(there.sum()) for there in held) <= n_times / 2:
            for count, there in zip(counts, held, strict=True):
                count += there
    return [count > n_channels / 2 for count in counts]


def runs(mask: _Bools) -> NDArray[np.intp]:
    """Start and stop of each stretch of True, (n_runs, 2)."""
    return np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))).reshape(-1, 2)


def _centred(eeg: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Columns about their means, and their standard deviations."""
    centred = eeg - eeg.mean(axis=0, dtype=np.float64)
    return centred, np.sqrt(np.einsum("tc,tc->c", centred, centred) / eeg.shape[0])


def _held(samples: FloatArray, least: float) -> _Bools:
    """Where one value is held for at least `least` samples in a row."""
    steady = runs(np.diff(samples) == 0)
    out = np.zeros(samples.size, dtype=bool)
    for start, stop in steady[np.diff(steady, axis=1)[:, 0] + 1 >= least]:
        out[start : stop + 1] = True
    return out


def _stuck(samples: Sequence[FloatArray], sfreq: float, unit: str) -> str | None:
    """What is wrong with a channel that does vary, or None: it holds values for long, or its peaks are cut off."""
    n_times = sum(part.size for part in samples)
    lowest, highest = min(part.min() for part in samples), max(part.max() for part in samples)
    held = [_held(part, LONG_S * sfreq) for part in samples]
    n_held = sum(int(there.sum()) for there in held)
    if n_held >= max(LONG_S * sfreq, LONG_SHARE * n_times):
        values = np.concatenate([part[there] for part, there in zip(samples, held, strict=True)])
        at_end = [end for end in (lowest, highest) if (values == end).mean() > 0.1]
        how = f"railed at {_levels(at_end, unit)}" if at_end else "flat"
        return f"{how} for {n_held / sfreq:.3g} s"
    counts = {end: sum(_cut_off(part, end) for part in samples) for end in (lowest, highest)}
    n_cut = sum(counts.values())
    if n_cut <= CLIPPED_SHARE * n_times:
        return None
    ends = [end for end, count in counts.items() if count > 0.1 * n_cut]
    return f"clipped at {_levels(ends, unit)} ({100 * n_cut / n_times:.2g} % of its samples)"


def _cut_off(samples: FloatArray, end: float) -> int:
    """Samples at this value that stand in rows of `CUT_OFF` and more."""
    lengths = np.diff(runs(samples == end), axis=1)
    return int(lengths[lengths >= CUT_OFF].sum())


def _levels(values: Sequence[float], unit: str) -> str:
    scale, name = (1e6, " uV") if unit == "V" else (1.0, "")
    return " and ".join(f"{scale * value:.4g}" for value in values) + name
