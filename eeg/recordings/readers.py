"""Reading EEG from the files that laboratories and public data sets use.

Continuous formats (BDF, EDF, BrainVision, EEGLAB, FIF, GDF) and BIDS come back as mne Raw objects in volts;
two-talker data sets that are already cut into trials (KU Leuven and DTU MATLAB structures, v5-v7 and v7.3,
and CND, the Continuous-event Neural Data format) come back as a `Recording` with the streams ``attended`` and
``unattended`` where the file holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.montage import standard_channels
from cogattn.eeg.recordings.recording import FloatArray, Recording, Trial, check_volts, resample
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

Unit = Literal["V", "uV", "arbitrary"]
NOT_EEG = re.compile(r"^(aux|bip|eog|veog|heog|ecg|ekg|emg|digi|status|trig|sti|exg|erg|gsr|resp|temp)", re.I)
"""Names of channels that are not EEG, whatever type a file gives them (EDF gives none)."""
CONTINUOUS_SUFFIXES = (".bdf", ".edf", ".vhdr", ".set", ".fif", ".gdf")


def read_raw(path: Path, *, unit: Unit = "V") -> mne.io.BaseRaw:
    """Read a continuous recording with mne, loaded, in volts.

    Parameters
    ----------
    path : Path
        A file with one of `CONTINUOUS_SUFFIXES` (for BrainVision the .vhdr header).
    unit : {"V", "uV", "arbitrary"}
        ``uV`` for files that declare no unit and hold microvolts: EEG channels are then multiplied by 1e-6.

    Raises
    ------
    DataError
        If the file is missing or unreadable, its data cannot be volts, or it has no EEG channel.
    """
    import mne

    path = Path(path)
    if path.suffix.lower() not in CONTINUOUS_SUFFIXES:
        raise DataError(f"path must end in one of {', '.join(CONTINUOUS_SUFFIXES)}; got {path.name}")
    try:
        raw = mne.io.read_raw(path, preload=True, verbose="error")
    except (OSError, ValueError, RuntimeError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise DataError(f"path must be a readable EEG file; got {path} ({_first_line(error)})") from error
    return _volts(raw, unit, where=path.name)


def scalp_channels(raw: mne.io.BaseRaw | mne.BaseEpochs) -> list[str]:
    """Names of the EEG channels that are not marked bad and not named as something else (`NOT_EEG`)."""
    import mne

    names = (raw.ch_names[i] for i in mne.pick_types(raw.info, eeg=True, exclude="bads"))
    return [name for name in names if not NOT_EEG.match(name)]


def read_bids(
    root: Path,
    *,
    subject: str,
    task: str,
    session: str | None = None,
    run: str | None = None,
    unit: Unit = "V",
) -> mne.io.BaseRaw:
    """Read one recording of a BIDS data set (mne-bids); events become annotations."""
    bids = _optional("mne_bids")
    try:
        where = bids.BIDSPath(
            root=root, subject=subject, task=task, session=session, run=run, datatype="eeg", suffix="eeg"
        )
        raw = bids.read_raw_bids(where, verbose="error").load_data(verbose="error")
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise DataError(
            f"root must be a BIDS data set with sub-{subject}; got {root} ({_first_line(error)})"
        ) from error
    return _volts(raw, unit, where=f"sub-{subject}")


def read_kul(path: Path, *, unit: Unit = "uV") -> Recording:
    """Read one subject of the KU Leuven layout: a cell array ``trials`` of structures.

    Each holds ``RawData.EegData`` (n_times, n_channels), ``FileHeader.SampleRate``, ``attended_ear`` (L, R),
    ``stimuli`` {left, right} and optionally ``Envelope.AudioData`` (n_times, n_bands, 2) for left and right,
    which is summed over bands. Labels: ``attended_audio``, ``unattended_audio``, ``side``, ``story``,
    ``experiment``, ``repetition``; `with_audio` turns the first two into streams. The files name no channel;
    64 of them are in the order of the BioSemi cap that was worn.

    References
    ----------
    Das, Francart and Bertrand (2019), Auditory attention detection dataset KULeuven, Zenodo 4004271.
    """
    content = read_mat(path)
    cells = _required(content, "trials", path)
    cells = [cells] if isinstance(cells, Mapping) else list(cells)
    trials = [_kul_trial(cell, i, path) for i, cell in enumerate(cells)]
    rates = {float(_required(_required(cell, "FileHeader", path), "SampleRate", path)) for cell in cells}
    subject = str(cells[0].get("subject", Path(path).stem)) if cells else Path(path).stem
    n_channels = trials[0].eeg.shape[-1] if trials else 0
    return _trial_recording(trials, rates, subject, unit, standard_channels(64) if n_channels == 64 else None)


def read_dtu(path: Path, *, unit: Unit = "uV") -> Recording:
    """Read one subject of the preprocessed DTU layout: cells ``data.eeg``, ``data.wavA``, ``data.wavB``.

    ``wavA`` is the attended envelope, ``wavB`` the ignored one; ``data.fsample.eeg`` the rate of all.

    References
    ----------
    Fuglsang, Wong and Hjortkjaer (2018), EEG and audio dataset for auditory attention decoding,
    Zenodo 1199011.
    """
    data = _required(read_mat(path), "data", path)
    eeg, attended, unattended = (_cells(_required(data, key, path)) for key in ("eeg", "wavA", "wavB"))
    if not len(eeg) == len(attended) == len(unattended):
        raise DataError(
            f"data.eeg, wavA and wavB must have a cell per trial; got {len(eeg)}, {len(attended)}, "
            f"{len(unattended)} ({path})"
        )
    fsample = _required(data, "fsample", path)
    rate = fsample.get("eeg") if isinstance(fsample, Mapping) else fsample
    trials = [
        Trial(_float(x), f"trial {i + 1}", {"attended": _column(a), "unattended": _column(u)})
        for i, (x, a, u) in enumerate(zip(eeg, attended, unattended, strict=True))
    ]
    return _trial_recording(trials, {float(rate)}, Path(path).stem.split("_")[0], unit)


def read_cnd(
    path: Path, stimulus: Path, *, streams: Mapping[str, str] | None = None, unit: Unit = "uV"
) -> Recording:
    """Read one subject in CND: ``eeg.data{trial}``, ``eeg.fs``, ``stim.data{feature, trial}``, names.

    Parameters
    ----------
    path, stimulus : Path
        ``dataSub*.mat`` and ``dataStim.mat``.
    streams : mapping of str to str, optional
        Stream name to feature name, such as ``{"attended": "Attended envelope", ...}``; every feature under
        its own name when absent.
    unit : {"V", "uV", "arbitrary"}
        Of the EEG.

    Raises
    ------
    DataError
        If a feature is missing, or EEG and stimulus rates differ (resample one of them first).
    """
    eeg = _required(read_mat(path), "eeg", path)
    stim = _required(read_mat(stimulus), "stim", stimulus)
    rate, stim_rate = float(_required(eeg, "fs", path)), float(_required(stim, "fs", stimulus))
    if rate != stim_rate:
        raise DataError(
            f"EEG and stimulus must have equal rates; got {rate:g} Hz and {stim_rate:g} Hz ({path})"
        )
    names = [stim["names"]] if isinstance(stim.get("names"), str) else [str(n) for n in stim.get("names", [])]
    wanted = {name: name for name in names} if streams is None else dict(streams)
    missing = [feature for feature in wanted.values() if feature not in names]
    if missing:
        raise DataError(f"features must be among {names}; got {missing[0]!r} ({stimulus})")
    data = _cells(_required(eeg, "data", path))
    features = _cells(_required(stim, "data", stimulus))
    rows = [features] if len(names) == 1 and len(features) == len(data) else [_cells(row) for row in features]
    trials = []
    for i, x in enumerate(data):
        played = {stream: _column(rows[names.index(feature)][i]) for stream, feature in wanted.items()}
        trials.append(Trial(_float(x), f"trial {i + 1}", played))
    return _trial_recording(trials, {rate}, Path(path).stem, unit)


def with_audio(recording: Recording, folder: Path, envelope: Envelope) -> Recording:
    """Add the streams ``attended`` and ``unattended``: envelopes of the sound files that the labels name.

    Parameters
    ----------
    recording : Recording
        With the labels ``attended_audio`` and ``unattended_audio``.
    folder : Path
        Holds the files; the clean ``..._dry.wav`` is used where the label names a ``..._hrtf.wav``.
    envelope : Envelope
        How sound becomes an envelope (see `cogattn.eeg.recordings.envelope`).

    Raises
    ------
    DataError
        If a file is missing, or ends before its trial does.
    """
    known: dict[str, FloatArray] = {}

    def stream(name: str, n_times: int, where: str) -> FloatArray:
        if name not in known:
            sound, rate = read_audio(_audio_file(Path(folder), name))
            known[name] = resample(envelope(sound, rate), envelope.sfreq, recording.sfreq)
        if known[name].shape[0] < n_times:
            raise DataError(
                f"a sound must last as long as its EEG; got {known[name].shape[0] / recording.sfreq:g} s for "
                f"{n_times / recording.sfreq:g} s ({where}, {name})"
            )
        return known[name][:n_times]

    trials = []
    for trial in recording.trials:
        where, n_times = f"subject {recording.subject}, {trial.name}", trial.eeg.shape[0]
        played = {
            role: stream(trial.labels[f"{role}_audio"], n_times, where) for role in ("attended", "unattended")
        }
        trials.append(replace(trial, streams={**trial.streams, **played}))
    return replace(recording, trials=tuple(trials)).checked()


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files.

    A header that keeps its samples in files beside it (BrainVision, EEGLAB) is hashed together with them.
    """
    import hashlib

    from cogattn.running.atomic import sha256_file

    if path.is_dir():
        members = sorted(member for member in path.rglob("*") if member.is_file())
    else:
        beside = (path.with_suffix(ending) for ending in (".eeg", ".vmrk", ".fdt", ".dat"))
        members = [path, *(other for other in beside if other != path and other.is_file())]
    if len(members) == 1:
        return sha256_file(members[0])
    lines = [f"{member.relative_to(path.parent)} {sha256_file(member)}" for member in members]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_mat(path: Path) -> Mapping[str, object]:
    """Read a MATLAB file of any version into dictionaries, lists and arrays (pymatreader; v7.3 also h5py)."""
    from scipy.io.matlab import MatReadError

    reader = _optional("pymatreader")
    try:
        return reader.read_mat(str(path))
    except (MatReadError, OSError, ValueError, KeyError, TypeError, IndexError, NotImplementedError) as error:
        raise DataError(f"path must be a readable MATLAB file; got {path} ({_first_line(error)})") from error


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


def _trial_recording(
    trials: Sequence[Trial],
    rates: set[float],
    subject: str,
    unit: Unit,
    channels: Sequence[str] | None = None,
) -> Recording:
    """Assemble, scale to volts and check."""
    if not trials:
        raise DataError(f"a recording must hold at least one trial; got none (subject {subject})")
    if len(rates) != 1:
        raise DataError(f"all trials must have one sampling rate; got {sorted(rates)} Hz (subject {subject})")
    if unit == "uV":
        trials = [replace(trial, eeg=trial.eeg * 1e-6) for trial in trials]
    names = channels or [f"ch{i + 1}" for i in range(trials[0].eeg.shape[-1])]
    return Recording(
        subject, rates.pop(), tuple(names), tuple(trials), "arbitrary" if unit == "arbitrary" else "V"
    ).checked()


def _volts(raw: mne.io.BaseRaw, unit: Unit, *, where: str) -> mne.io.BaseRaw:
    """Scale EEG channels to volts and check them."""
    if "eeg" not in raw:
        raise DataError(
            f"a recording must have EEG channels; got {raw.get_channel_types(unique=True)} ({where})"
        )
    if unit == "uV":
        raw.apply_function(lambda x: x * 1e-6, picks="eeg", channel_wise=False)
    if unit != "arbitrary":
        check_volts(np.asarray(raw.get_data(picks="eeg")).T, where=where)
    return raw


def _audio_file(folder: Path, name: str) -> Path:
    for candidate in (name.replace("_hrtf", "_dry"), name):
        if (folder / candidate).is_file():
            return folder / candidate
    raise DataError(f"folder must hold every sound that was played; got none named {name} in {folder}")


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


def _optional(module: str):
    """Import one of the packages of the extra ``eeg``."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"reading this format needs {module}; install cogattn[eeg]") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
