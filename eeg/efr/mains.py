"""Which frequencies may be believed: mains lines, and the edges of the notch filters that took them out.

A notch leaves a dip whose edges look like peaks, and mains pickup is coherent between all channels. Both sit
at 50 or 60 Hz and its harmonics, where several published envelope-following bands lie. Lines of both are looked
for, whatever the settings: where a recording was made is easily forgotten, and screens have rates of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.efr.locking import MAINS_HZ
from cogattn.eeg.types import FloatArray

STANDS_OUT = 5.0
"""Robust standard deviations of the bins around it by which a line stands out."""


@dataclass(frozen=True)
class MainsLine:
    """What the spectrum looks like at one mains harmonic.

    Parameters
    ----------
    center_hz : float
        The harmonic.
    low_hz, high_hz : float
        What is to be masked: the line itself, or the whole notch with its edges where one is found.
    line_db : float
        Power at the harmonic relative to its surroundings, in decibels; above 0 is pickup, far below a notch.
    kind : {"line", "notch", "none"}
        Pickup that stands out; a dip of 3 dB or more that reaches beyond the line's own width; neither.
    masked : bool
        Kept out of every claim.
    """

    center_hz: float
    low_hz: float
    high_hz: float
    line_db: float
    kind: Literal["line", "notch", "none"]
    masked: bool


def mains_lines(
    frequencies_hz: FloatArray,
    power: FloatArray,
    *,
    mains_hz: Literal["auto", 0, 50, 60] = "auto",
    half_width_hz: float = 1.0,
    edge_hz: float = 1.0,
    flank_hz: float = 8.0,
) -> list[MainsLine]:
    """Inspect every harmonic of 50 and of 60 Hz within the analysed frequencies, and how far a notch reaches.

    Parameters
    ----------
    frequencies_hz : array, shape (n_frequencies,)
        Evenly spaced.
    power : array, shape (n_channels, n_frequencies)
        Power density; its geometric mean over channels is inspected.
    mains_hz : {"auto", 0, 50, 60}
        What is masked: a frequency with its harmonics, and of the other what is found; nothing; or (``auto``) those
        of which a line or notch is found, both where none is.
    half_width_hz : float
        Half of the masked width of a line without a notch.
    edge_hz : float
        Masked beyond each edge of a notch, where its transition ends.
    flank_hz : float
        The surroundings are the frequencies between one and two times this far from the harmonic; a notch
        wider than that is not found.

    Returns
    -------
    list of MainsLine
        By rising frequency, of both.
    """
    level = 10 * np.log10(power).mean(axis=0)
    low, high = frequencies_hz[0] - half_width_hz, frequencies_hz[-1] + half_width_hz
    harmonics = {own_hz: np.arange(own_hz, high, own_hz) for own_hz in MAINS_HZ}
    places = np.unique(np.concatenate(list(harmonics.values())))
    seen = [
        (float(place), *_inspected(frequencies_hz, level, float(place), half_width_hz, edge_hz, flank_hz))
        for place in places
        if place >= low
    ]
    found = {place for place, *_, kind in seen if kind != "none"}
    present = {own_hz for own_hz, own in harmonics.items() if found & set(own)}
    wanted = (present or set(MAINS_HZ)) if mains_hz == "auto" else {mains_hz}
    masked = {float(place) for own_hz in wanted if own_hz for place in harmonics[own_hz]}
    if mains_hz:
        masked |= found
    return [MainsLine(*line, masked=line[0] in masked) for line in seen]


def usable_bins(frequencies_hz: FloatArray, lines: list[MainsLine]) -> NDArray[np.bool_]:
    """Frequencies outside every masked stretch, shape (n_frequencies,)."""
    usable = np.ones(len(frequencies_hz), dtype=bool)
    for line in lines:
        if line.masked:
            usable &= (frequencies_hz < line.low_hz - 1e-9) | (frequencies_hz > line.high_hz + 1e-9)
    return usable


def _inspected(
    frequencies_hz: FloatArray, level: FloatArray, center: float, half_width: float, edge: float, flank: float
) -> tuple[float, float, float, Literal["line", "notch", "none"]]:
    """What would be masked (from, to), decibels over the surroundings, and kind of one harmonic."""
    distance = np.abs(frequencies_hz - center)
    around = (distance >= flank) & (distance <= 2 * flank)
    surroundings = float(np.median(level[around])) if around.any() else float(np.median(level))
    line_db = float(level[int(np.argmin(distance))] - surroundings)
    dip = level < surroundings - 10 * np.log10(2)
    low = _reach(frequencies_hz, dip, center - half_width, step=-1)
    high = _reach(frequencies_hz, dip, center + half_width, step=1)
    if low < center - half_width or high > center + half_width:
        return low - edge, high + edge, line_db, "notch"
    stands = _stands_out(frequencies_hz - center, level, half_width, flank)
    return low, high, line_db, "line" if stands else "none"


def _stands_out(offset_hz: FloatArray, level: FloatArray, half_width: float, flank: float) -> bool:
    """Whether a line rises above the bins beside it, which may slope, by more than they scatter."""
    beside = (np.abs(offset_hz) > half_width) & (np.abs(offset_hz) <= flank)
    at = np.abs(offset_hz) <= half_width / 2
    if beside.sum() < 8 or not at.any():
        return False
    both = min(np.count_nonzero(offset_hz[beside] < 0), np.count_nonzero(offset_hz[beside] > 0)) >= 4
    slope, mean = np.polyfit(offset_hz[beside], level[beside], 1) if both else (0.0, 0.0)
    rest = level - slope * offset_hz - mean
    scatter = 1.4826 * np.median(np.abs(rest[beside] - np.median(rest[beside])))
    return bool(rest[at].max() - np.median(rest[beside]) > STANDS_OUT * scatter)


def _reach(frequencies_hz: FloatArray, dip: NDArray[np.bool_], start_hz: float, *, step: int) -> float:
    """Walk away from the line while the dip lasts; return the last frequency within it."""
    spacing = frequencies_hz[1] - frequencies_hz[0]
    index = round((start_hz - frequencies_hz[0]) / spacing) + step
    reached = start_hz
    while 0 <= index < len(dip) and dip[index]:
        reached = float(frequencies_hz[index])
        index += step
    return reached
