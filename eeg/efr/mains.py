"""Which frequencies may be believed: mains lines, and the edges of the notch filters that took them out.

A notch leaves a dip whose edges look like peaks, and mains pickup is coherent between all channels. Both sit
at 50 or 60 Hz and its harmonics, where several published envelope-following bands lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.types import FloatArray


@dataclass(frozen=True)
class MainsLine:
    """What the spectrum looks like at one mains harmonic.

    Parameters
    ----------
    center_hz : float
        The harmonic.
    low_hz, high_hz : float
        What is masked: the line itself, or the whole notch with its edges where one is found.
    line_db : float
        Power at the harmonic relative to its surroundings, in decibels; above 0 is pickup, far below a notch.
    notched : bool
        A dip of 3 dB or more reaches beyond the line's own width.
    """

    center_hz: float
    low_hz: float
    high_hz: float
    line_db: float
    notched: bool


def mains_lines(
    frequencies_hz: FloatArray,
    power: FloatArray,
    *,
    mains_hz: float,
    half_width_hz: float = 1.0,
    edge_hz: float = 1.0,
    flank_hz: float = 8.0,
) -> list[MainsLine]:
    """Find every mains harmonic within the analysed frequencies, and how far a notch reaches around it.

    Parameters
    ----------
    frequencies_hz : array, shape (n_frequencies,)
        Evenly spaced.
    power : array, shape (n_channels, n_frequencies)
        Power density; its median over channels is inspected.
    mains_hz : float
        50 or 60 Hz.
    half_width_hz : float
        Half of the masked width of a line without a notch.
    edge_hz : float
        Masked beyond each edge of a notch, where its transition ends.
    flank_hz : float
        The surroundings are the frequencies between one and two times this far from the harmonic; a notch
        wider than that is not found.
    """
    level = np.median(power, axis=0)
    harmonics = np.arange(mains_hz, frequencies_hz[-1] + half_width_hz, mains_hz)
    return [
        _line(frequencies_hz, level, float(center), half_width_hz, edge_hz, flank_hz)
        for center in harmonics
        if center >= frequencies_hz[0] - half_width_hz
    ]


def usable_bins(frequencies_hz: FloatArray, lines: list[MainsLine]) -> NDArray[np.bool_]:
    """Frequencies outside every masked stretch, shape (n_frequencies,)."""
    usable = np.ones(len(frequencies_hz), dtype=bool)
    for line in lines:
        usable &= (frequencies_hz < line.low_hz - 1e-9) | (frequencies_hz > line.high_hz + 1e-9)
    return usable


def _line(
    frequencies_hz: FloatArray, level: FloatArray, center: float, half_width: float, edge: float, flank: float
) -> MainsLine:
    """Inspect one harmonic."""
    distance = np.abs(frequencies_hz - center)
    around = (distance >= flank) & (distance <= 2 * flank)
    surroundings = float(np.median(level[around])) if around.any() else float(np.median(level))
    nearest = int(np.argmin(distance))
    line_db = 10 * np.log10(level[nearest] / surroundings)
    dip = level < surroundings / 2
    low = _reach(frequencies_hz, dip, center - half_width, step=-1)
    high = _reach(frequencies_hz, dip, center + half_width, step=1)
    notched = low < center - half_width or high > center + half_width
    if notched:
        low, high = low - edge, high + edge
    return MainsLine(center, low, high, float(line_db), notched)


def _reach(frequencies_hz: FloatArray, dip: NDArray[np.bool_], start_hz: float, *, step: int) -> float:
    """Walk away from the line while the dip lasts; return the last frequency within it."""
    spacing = frequencies_hz[1] - frequencies_hz[0]
    index = round((start_hz - frequencies_hz[0]) / spacing) + step
    reached = start_hz
    while 0 <= index < len(dip) and dip[index]:
        reached = float(frequencies_hz[index])
        index += step
    return reached
