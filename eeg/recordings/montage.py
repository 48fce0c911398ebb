"""Where electrodes lie: the standard montage that knows a recording's channel names, through mne."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import mne

MONTAGES = ("biosemi64", "1005", "biosemi128", "biosemi256", "GSN-HydroCel-128", "easycap-M1")
"""Tried in this order; the first that holds every channel is taken."""
ROWS = {
    name: row
    for row, names in enumerate(("Fp", "AF", "F", "FT FC", "T C", "TP CP", "P", "PO", "O", "I"))
    for name in names.split()
}
"""Rows of the 10-20 system from front to back."""


def standard_channels(n: int) -> tuple[str, ...]:
    """Names of `n` electrodes spread over a BioSemi cap of 64, 128 or 256 (`n` at most 256)."""
    names = next(m for m in map(_montage, ("biosemi64", "biosemi128", "biosemi256")) if len(m.ch_names) >= n)
    chosen = np.round(np.linspace(0, len(names.ch_names) - 1, n)).astype(int)
    return tuple(names.ch_names[i] for i in chosen)


def channels_in_rows(n: int) -> tuple[str, ...]:
    """Names of `n` electrodes of BioSemi's 64, evenly spaced over its rows from front to back, each from the left."""
    names = _montage("biosemi64").ch_names
    ordered = sorted(names, key=_row_and_column)
    return tuple(ordered[i] for i in np.linspace(0, len(ordered) - 1, n).round().astype(int))


def head_info(channels: Sequence[str]) -> mne.Info | None:
    """mne's description of these electrodes with their places, or None where no montage holds them all."""
    import mne

    for name in MONTAGES:
        montage = _montage(name)
        known = {channel.lower(): channel for channel in montage.ch_names}
        found = [known.get(channel.lower()) for channel in channels]
        if all(found) and len(set(found)) == len(found):
            info = mne.create_info([str(f) for f in found], 1.0, "eeg")
            return info.set_montage(montage, verbose="error")
    return None


def fills_a_map(info: mne.Info) -> bool:
    """Whether a map of the scalp can be drawn between electrodes: seen from above they lie on no line."""
    places = np.array([channel["loc"][:2] for channel in info["chs"]])  # metres
    return bool(np.linalg.svd(places - places.mean(axis=0), compute_uv=False)[-1] > 1e-3)


def front_to_back(channels: Sequence[str]) -> NDArray[np.floating]:
    """Place of each electrode between the frontmost (0) and the hindmost (1) of them, (n_channels,)."""
    info = head_info(channels)
    if info is None:
        return np.linspace(0, 1, len(channels))
    forward = np.array([channel["loc"][1] for channel in info["chs"]])
    return (forward.max() - forward) / max(float(np.ptp(forward)), 1e-9)


def _row_and_column(name: str) -> tuple[int, int]:
    """Row from the front, and column from the left: odd numbers count from the middle leftwards."""
    row = name.rstrip("z0123456789")
    number = int(name[len(row) :].replace("z", "0"))
    return ROWS[row], -number if number % 2 else number


@cache
def _montage(name: str) -> mne.channels.DigMontage:
    from mne.channels import get_builtin_montages, make_standard_montage

    if name == "1005":  # mne 1.13 renames it
        name = "colin27_1005" if "colin27_1005" in get_builtin_montages() else "standard_1005"
    return make_standard_montage(name)
