"""KU Leuven's audiovisual, gaze-controlled data set: trials in which talkers swap sides, with where the eyes went."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.matlab import read_mat
from cogattn.eeg.recordings.montage import standard_channels
from cogattn.eeg.recordings.readers import Unit
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.errors import DataError

GAZE = {
    "fixedvideo": "attended side",
    "novisuals": "centre",
    "movingvideo": "moving",
    "movingtargetnoise": "moving",
}
"""Where the eyes were in each condition, by its name without the number of its repetition."""
EOG = ("EXG3", "EXG4", "EXG5", "EXG6")
"""Electrodes around the eyes, behind the 64 of the cap."""


def read_av_gc(path: Path, *, unit: Unit = "uV") -> Recording:
    """Read one subject of the AV-GC-AAD layout, unchecked: cells ``data`` and ``stimulus.attendedEnvelopes``.

    Labels: ``condition`` (FixedVideo, NoVisuals, MovingVideo, MovingTargetNoise), ``gaze`` (on the attended side, at
    the centre, moving), ``side`` ("L, then R": talkers swap sides halfway and the listener follows), ``story``,
    ``attended_audio`` and ``unattended_audio``, where the file names the sounds. The four EOG channels are kept for
    ``cleaning.eog``.

    References
    ----------
    Rotaru, Geirnaert, Heintz, Van de Ryck, Bertrand and Francart (2024), J. Neural Eng. 21, 016017; Zenodo 11058711.
    """
    with reading(path, "path must hold the AV-GC-AAD layout"):
        content = read_mat(path)
        stimulus = _field(content, "stimulus", path)
        eeg = _list(_field(content, "data", path))
        heard = {
            role: _list(_field(stimulus, f"{role}Envelopes", path)) for role in ("attended", "unattended")
        }
        if not eeg or any(len(envelopes) != len(eeg) for envelopes in heard.values()):
            raise DataError(
                f"data and envelopes must have a cell per trial; got {len(eeg)}, "
                f"{' and '.join(str(len(envelopes)) for envelopes in heard.values())} ({path})"
            )
        scale = 1e-6 if unit == "uV" else 1.0
        trials = tuple(
            Trial(
                scale * np.asarray(samples, dtype=np.float64),
                f"trial {i + 1}",
                {
                    role: np.asarray(envelopes[i], dtype=np.float64).ravel()
                    for role, envelopes in heard.items()
                },
                _labels(content, i, len(eeg)),
            )
            for i, samples in enumerate(eeg)
        )
        found = re.search(r"sub\d+", Path(path).stem)
        return Recording(
            found[0] if found else Path(path).stem,
            float(np.ravel(_field(content, "fs", path))[0]),
            _channels(content, len(eeg), trials[0].eeg.shape[-1]),
            trials,
            "arbitrary" if unit == "arbitrary" else "V",
        )


def _labels(content: Mapping, index: int, n_trials: int) -> dict[str, str]:
    """What the file tells about a trial; what it does not tell is left out."""
    condition = re.sub(r"\d+$", "", _text(content, "conditionID", index, n_trials))
    first = _text(content, "initAttention", index, n_trials)[:1].upper()
    labels = {"condition": condition, "gaze": GAZE.get(condition.lower(), "")}
    if first in ("L", "R"):
        labels["side"] = "L, then R" if first == "L" else "R, then L"
        drawn = _each(content.get("randomization"), n_trials)
        names = drawn[index] if index < len(drawn) and isinstance(drawn[index], Mapping) else {}
        left, right = (str(names.get(side, "")) for side in ("left", "right"))
        if left and right:
            attended, unattended = (left, right) if first == "L" else (right, left)
            labels |= {"story": attended, "attended_audio": attended, "unattended_audio": unattended}
    return {name: text for name, text in labels.items() if text}


def _channels(content: Mapping, n_trials: int, n_channels: int) -> tuple[str, ...]:
    """Names that the file's headers tell, else the BioSemi cap's and those of the EOG."""
    metadata = _each(content.get("metadata"), n_trials)
    first = metadata[0] if metadata else None
    header = first.get("FileHeader") if isinstance(first, Mapping) else None
    told = header.get("Channels") if isinstance(header, Mapping) else None
    if isinstance(told, Mapping):  # a structure array: its fields hold a list each
        told = [{"Label": label} for label in _list(told.get("Label", []))]
    names = [str(channel.get("Label", "")) for channel in told or () if isinstance(channel, Mapping)]
    if len(names) == n_channels and all(names) and len(set(names)) == n_channels:
        return tuple(names)
    if n_channels == 64 + len(EOG):
        return (*standard_channels(64), *EOG)
    return standard_channels(64) if n_channels == 64 else tuple(f"ch{i + 1}" for i in range(n_channels))


def _field(content: object, name: str, path: Path) -> Any:
    if not isinstance(content, Mapping) or name not in content:
        raise DataError(f"the file must hold {name!r}; got none ({path})")
    return content[name]


def _list(value: Any) -> list:
    """A cell array as a list; MATLAB readers unwrap one of one matrix."""
    whole = isinstance(value, np.ndarray) and value.dtype != object
    return [value] if whole or not isinstance(value, Sequence | np.ndarray) else list(value)


def _each(value: object, n_trials: int) -> list:
    """A structure array as a list of structures, however the reader gives it."""
    if isinstance(value, Mapping):
        lists = {key: list(v) for key, v in value.items() if isinstance(v, Sequence | np.ndarray)}
        lists = {key: v for key, v in lists.items() if not isinstance(value[key], str)}
        if n_trials > 1 and lists and all(len(v) == n_trials for v in lists.values()):
            return [{key: v[i] for key, v in lists.items()} for i in range(n_trials)]
        return [value]
    return list(value) if isinstance(value, Sequence | np.ndarray) else []


def _text(content: Mapping, name: str, index: int, n_trials: int) -> str:
    value = content.get(name, "")
    if isinstance(value, str):
        return value if n_trials == 1 else ""
    return str(value[index]) if isinstance(value, Sequence | np.ndarray) and index < len(value) else ""
