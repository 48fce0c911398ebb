"""Two-talker data sets that come cut into trials: KU Leuven's and DTU's MATLAB structures (v5 to v7.3), and CND.

Each comes back as a `Recording`, not checked yet, with the streams ``attended`` and ``unattended`` where the file holds
them. Whatever a reader raises is a DataError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cogattn.eeg.recordings.config import Unit
from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.matlab import read_mat
from cogattn.eeg.recordings.montage import standard_channels
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

DTU_MASTOIDS = ("M2", "M1")
"""Right and left, behind the 64 channels of the cap."""


def read_kul(path: Path, *, unit: Unit = "uV") -> Recording:
    """Read one subject of the KU Leuven layout: a cell array ``trials`` of structures.

    Each holds ``RawData.EegData`` (n_times, n_channels), ``FileHeader.SampleRate``, ``attended_ear`` (L, R),
    ``stimuli`` {left, right} and optionally ``Envelope.AudioData`` (n_times, n_bands, 2) for left and right,
    which is summed over bands. Labels: ``attended_audio``, ``unattended_audio``, ``side``, ``story``,
    ``experiment``, ``repetition``. The files name no channel;
    64 of them are in the order of the BioSemi cap that was worn.

    References
    ----------
    Das, Francart and Bertrand (2019), Auditory attention detection dataset KULeuven, Zenodo 4004271.
    """
    with reading(path, "path must hold the KU Leuven layout"):
        content = read_mat(path)
        cells = _required(content, "trials", path)
        cells = [cells] if isinstance(cells, Mapping) else list(cells)
        trials = [_kul_trial(cell, i, path) for i, cell in enumerate(cells)]
        rates = {float(_required(_required(cell, "FileHeader", path), "SampleRate", path)) for cell in cells}
        subject = str(cells[0].get("subject", Path(path).stem)) if cells else Path(path).stem
        n_channels = trials[0].eeg.shape[-1] if trials else 0
        return _trial_recording(
            trials, rates, subject, unit, standard_channels(64) if n_channels == 64 else None
        )


def read_dtu(path: Path, *, unit: Unit = "uV") -> Recording:
    """Read one subject of the preprocessed DTU layout: cells ``data.eeg``, ``data.wavA``, ``data.wavB``.

    ``wavA`` is the attended envelope, ``wavB`` the ignored one; ``data.fsample.eeg`` the rate of all. Label:
    ``speaker``, male or female, where ``data.event.eeg.value`` tells 1 or 2 for each trial. The files name no
    channel; 66 of them are the BioSemi cap's, in its order, and the mastoids M2 (right) and M1.

    References
    ----------
    Fuglsang, Wong and Hjortkjaer (2018), EEG and audio dataset for auditory attention decoding,
    Zenodo 1199011.
    """
    with reading(path, "path must hold the DTU layout"):
        data = _required(read_mat(path), "data", path)
        eeg, attended, unattended = (_cells(_required(data, key, path)) for key in ("eeg", "wavA", "wavB"))
        if not len(eeg) == len(attended) == len(unattended):
            raise DataError(
                f"data.eeg, wavA and wavB must have a cell per trial; got {len(eeg)}, {len(attended)}, "
                f"{len(unattended)} ({path})"
            )
        speakers = _dtu_speakers(data, len(eeg))
        fsample = _required(data, "fsample", path)
        rate = fsample.get("eeg") if isinstance(fsample, Mapping) else fsample
        trials = [
            Trial(_float(x), f"trial {i + 1}", {"attended": _column(a), "unattended": _column(u)}, told)
            for i, (x, a, u, told) in enumerate(zip(eeg, attended, unattended, speakers, strict=True))
        ]
        known = (*standard_channels(64), *DTU_MASTOIDS)
        names = known if trials and trials[0].eeg.shape[-1] == len(known) else None
        return _trial_recording(trials, {float(rate)}, Path(path).stem.split("_")[0], unit, names)


def read_cnd(
    path: Path,
    stimulus: Path,
    *,
    streams: Mapping[str, str] | None = None,
    optional: Sequence[str] = (),
    unit: Unit = "uV",
) -> Recording:
    """Read one subject in CND: ``eeg.data{trial}``, ``eeg.fs``, ``stim.data{feature, trial}``, names.

    Parameters
    ----------
    path, stimulus : Path
        ``dataSub*.mat`` and ``dataStim.mat``.
    streams : mapping of str to str, optional
        Stream name to feature name, such as ``{"attended": "Attended envelope", ...}``; every feature under
        its own name when absent.
    optional : sequence of str
        Streams that are left out where their feature is missing.
    unit : {"V", "uV", "arbitrary"}
        Of the EEG.

    Raises
    ------
    DataError
        If a feature is missing, or EEG and stimulus rates differ (resample one of them first).
    """
    with reading(path, "path and stimulus must hold the CND layout"):
        eeg = _required(read_mat(path), "eeg", path)
        stim = _required(read_mat(stimulus), "stim", stimulus)
        rate, stim_rate = float(_required(eeg, "fs", path)), float(_required(stim, "fs", stimulus))
        if rate != stim_rate:
            raise DataError(
                f"EEG and stimulus must have equal rates; got {rate:g} Hz and {stim_rate:g} Hz ({path})"
            )
        names = (
            [stim["names"]] if isinstance(stim.get("names"), str) else [str(n) for n in stim.get("names", [])]
        )
        wanted = {name: name for name in names} if streams is None else dict(streams)
        wanted = {s: feature for s, feature in wanted.items() if feature in names or s not in optional}
        missing = [feature for feature in wanted.values() if feature not in names]
        if missing:
            raise DataError(f"features must be among {names}; got {missing[0]!r} ({stimulus})")
        data = _cells(_required(eeg, "data", path))
        features = _cells(_required(stim, "data", stimulus))
        rows = (
            [features]
            if len(names) == 1 and len(features) == len(data)
            else [_cells(row) for row in features]
        )
        trials = []
        for i, x in enumerate(data):
            played = {stream: _column(rows[names.index(feature)][i]) for stream, feature in wanted.items()}
            trials.append(Trial(_float(x), f"trial {i + 1}", played))
        return _trial_recording(trials, {rate}, Path(path).stem, unit)


def _kul_trial(cell: Mapping, index: int, path: Path) -> Trial:
    eeg = _float(_required(_required(cell, "RawData", path), "EegData", path))
    side = str(_required(cell, "attended_ear", path))[:1].upper()
    if side not in ("L", "R"):
        raise DataError(
            f"attended_ear must be L or R; got {cell['attended_ear']!r} ({path}, trial {index + 1})"
        )
    left, right = (str(name) for name in _required(cell, "stimuli", path))
    attended, unattended = (left, right) if side == "L" else (right, left)
    labels = {
        "side": side,
        "attended_audio": attended,
        "unattended_audio": unattended,
        "story": str(cell.get("attended_track", attended)),
        "experiment": str(cell.get("experiment", "")),
        "repetition": str(bool(cell.get("repetition", False))),
    }
    streams = {}
    if isinstance(cell.get("Envelope"), Mapping):
        bands = _float(_required(cell["Envelope"], "AudioData", path))
        both = bands.reshape(bands.shape[0], -1, 2).sum(axis=1)
        ears = {"L": both[:, 0], "R": both[:, 1]}
        streams = {"attended": ears[side], "unattended": ears["R" if side == "L" else "L"]}
    return Trial(eeg, f"trial {index + 1}", streams, labels)


def _dtu_speakers(data: Mapping, n_trials: int) -> list[dict[str, str]]:
    """Which talker is attended, of each trial: the value of its event; nothing where events do not say so."""
    events = data.get("event")
    told = events.get("eeg") if isinstance(events, Mapping) else None
    values = told.get("value", ()) if isinstance(told, Mapping) else ()
    if isinstance(told, Sequence) and all(isinstance(event, Mapping) for event in told):
        values = [event.get("value") for event in told]
    try:
        numbers = [
            float(np.ravel(value)[0]) for value in np.atleast_1d(np.asarray(values, dtype=object)).ravel()
        ]
    except (IndexError, TypeError, ValueError):
        numbers = []
    if len(numbers) != n_trials or not set(numbers) <= {1.0, 2.0}:
        return [{} for _ in range(n_trials)]
    return [{"speaker": "male" if number == 1 else "female"} for number in numbers]


def _trial_recording(
    trials: Sequence[Trial],
    rates: set[float],
    subject: str,
    unit: Unit,
    channels: Sequence[str] | None = None,
) -> Recording:
    """Assemble and scale to volts."""
    if not trials:
        raise DataError(f"a recording must hold at least one trial; got none (subject {subject})")
    if len(rates) != 1:
        raise DataError(f"all trials must have one sampling rate; got {sorted(rates)} Hz (subject {subject})")
    if unit == "uV":
        trials = [replace(trial, eeg=trial.eeg * 1e-6) for trial in trials]
    names = channels or [f"ch{i + 1}" for i in range(trials[0].eeg.shape[-1])]
    return Recording(
        subject, rates.pop(), tuple(names), tuple(trials), "arbitrary" if unit == "arbitrary" else "V"
    )


def _required(content: object, key: str, path: Path):
    if not isinstance(content, Mapping) or key not in content:
        present = (
            sorted(k for k in content if not k.startswith("__")) if isinstance(content, Mapping) else content
        )
        raise DataError(f"the file must hold {key!r}; got {present} ({path})")
    return content[key]


def _cells(value: Any) -> list:
    """A cell array as a list; MATLAB readers unwrap a cell array of one matrix."""
    return [value] if isinstance(value, np.ndarray) and value.dtype != object else list(value)


def _float(value: object) -> FloatArray:
    return np.asarray(value, dtype=np.float64)


def _column(value: object) -> FloatArray:
    array = _float(value)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
