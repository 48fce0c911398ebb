"""Bad channels computed from their neighbours by spherical splines, through mne."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.recordings.montage import head_info
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne


def interpolated(
    recording: Recording, bads: Sequence[str], good: Sequence[str], *, info: mne.Info | None = None
) -> Recording:
    """Replace bad channels by mne's spherical splines through the good ones.

    Raises
    ------
    DataError
        If the electrodes' places are unknown, or too few for splines.
    """
    info = _places([*bads, *good], info)
    if info is None:
        raise DataError(
            "cleaning.bad_channels must be drop or refuse where the electrodes' places are unknown; got "
            f"interpolate (subject {recording.subject} has {', '.join(recording.channels[:8])})"
        )
    weights = _spline_weights(info, len(bads), recording.subject)  # (n_bad, n_good)
    at = [recording.channels.index(name) for name in bads]
    through = [recording.channels.index(name) for name in good]

    def filled(eeg: FloatArray) -> FloatArray:
        out = eeg.copy()
        out[:, at] = eeg[:, through] @ weights.T
        return out

    trials = tuple(replace(trial, eeg=filled(trial.eeg)) for trial in recording.trials)
    return replace(recording, trials=trials)


def _places(names: Sequence[str], info: mne.Info | None) -> mne.Info | None:
    """The electrodes in this order: as the file knows all their places, else as a standard montage does."""
    if info is not None and set(names) <= set(info.ch_names):
        from mne import pick_info

        info = pick_info(info, [info.ch_names.index(name) for name in names], copy=True)
        places = np.array([channel["loc"][:3] for channel in info["chs"]])
        if np.isfinite(places).all() and np.linalg.norm(places, axis=1).all() and len(info.get("dig") or ()):
            return info
    return head_info(names)


def _spline_weights(info: mne.Info, n_bad: int, subject: str) -> FloatArray:
    """What each good electrode adds to each bad one, the bad being first, (n_bad, n_good): splines are linear."""
    import mne

    n = len(info.ch_names)
    unit = np.concatenate([np.zeros((n_bad, n - n_bad)), np.eye(n - n_bad)])
    raw = mne.io.RawArray(unit, info, verbose="error")
    raw.info["bads"] = info.ch_names[:n_bad]
    try:
        raw.interpolate_bads(reset_bads=True, verbose="error")
    except (RuntimeError, ValueError, np.linalg.LinAlgError) as error:
        raise DataError(
            f"bad channels must have enough neighbours to be interpolated; got {n - n_bad} good ones "
            f"(subject {subject}): {error}"
        ) from error
    return np.asarray(raw.get_data(picks="all")[:n_bad])
