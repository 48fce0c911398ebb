"""Reading EEG from the files that laboratories and public data sets use.

Continuous formats (BDF, EDF, BrainVision, EEGLAB, FIF, GDF) and BIDS come back as mne Raw objects in volts;
two-talker data sets that are already cut into trials (KU Leuven and DTU MATLAB structures, v5-v7 and v7.3,
and CND, the Continuous-event Neural Data format) come back as a `Recording` with the streams ``attended`` and
``unattended`` where the file holds them.

Headers are held against the files first (`headers`, `matlab`): a recording that is shorter than its header says is
refused, and so is one that would take a hundred times its size in memory. Whatever a reader raises is a DataError.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from cogattn.eeg.recordings.damage import check_unpacked, cut_short, optional, reading
from cogattn.eeg.recordings.headers import check_recording
from cogattn.eeg.recordings.matlab import read_mat
from cogattn.eeg.recordings.montage import standard_channels
from cogattn.eeg.recordings.recording import Recording, Trial, check_volts
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

Unit = Literal["V", "uV", "arbitrary"]
NOT_EEG = re.compile(r"^(aux|bip|eog|veog|heog|ecg|ekg|emg|digi|status|trig|sti|exg|erg|gsr|resp|temp)", re.I)
"""Names of channels that are not EEG, whatever type a file gives them (EDF gives none)."""
CONTINUOUS_SUFFIXES = (".bdf", ".edf", ".vhdr", ".set", ".fif", ".gdf")
EEG_FILE, EPOCHS_FILE = "path must be a readable EEG file", "path must be a readable file of epochs"
DTU_MASTOIDS = ("M2", "M1")
"""Right and left, behind the 64 channels of the cap."""
LOOSE_DURATION_S = 1.0
"""How much shorter than its sidecar says a BIDS recording may be: some writers round."""


def read_raw(path: Path, *, unit: Unit = "V", said: list[str] | None = None) -> mne.io.BaseRaw:
    """Read a continuous recording with mne, loaded, in volts.

    Parameters
    ----------
    path : Path
        A file with one of `CONTINUOUS_SUFFIXES` (for BrainVision the .vhdr header).
    unit : {"V", "uV", "arbitrary"}
        ``uV`` for files that declare no unit and hold microvolts: EEG channels are then multiplied by 1e-6.
    said : list of str, optional
        Gets what mne warns of.

    Raises
    ------
    DataError
        If the file is missing or unreadable, its data cannot be volts, or it has no EEG channel.
    """
    raw = open_raw(path, said=said)
    with reading(path, EEG_FILE):
        return in_volts(raw.load_data(verbose="error"), unit, where=Path(path).name)


def open_raw(path: Path, *, said: list[str] | None = None) -> mne.io.BaseRaw:
    """Open a continuous recording without its samples, for rate, channels, length, events.

    EEGLAB files that hold their samples are loaded. `said` gets what mne warns of.

    Raises
    ------
    DataError
        If the file is missing, unreadable or shorter than its header says, or an event lies behind its end.
    """
    import mne

    path = Path(path)
    if path.suffix.lower() not in CONTINUOUS_SUFFIXES:
        raise DataError(f"path must end in one of {', '.join(CONTINUOUS_SUFFIXES)}; got {path.name}")
    check_recording(path)
    with reading(path, EEG_FILE):
        raw = _warned(lambda: mne.io.read_raw(path, preload=False, verbose="warning"), path, said)
        if not raw.preload and Path(raw.filenames[0]).suffix.lower() == ".set":
            # else mne rounds its samples to 32 bits
            raw = mne.io.read_raw(path, preload=True, verbose="error")
        _check_length(raw, path)
    return raw


def open_epochs(path: Path) -> mne.BaseEpochs:
    """Open a file of epochs with mne, in volts; the data of a FIF file stay on disk, those of EEGLAB are loaded.

    Raises
    ------
    DataError
        If the file is missing, unreadable or shorter than its header says.
    """
    import mne

    path = Path(path)
    check_recording(path)
    with reading(path, EPOCHS_FILE):
        if path.suffix.lower() == ".set":
            return mne.read_epochs_eeglab(path, verbose="error")
        epochs = mne.read_epochs(path, preload=False, verbose="error")
        size = 8 * len(epochs) * len(epochs.times) * len(epochs.ch_names)
        check_unpacked(size, path.stat().st_size, path)
        return epochs


def eeg_names(raw: mne.io.BaseRaw | mne.BaseEpochs) -> list[str]:
    """Names of the EEG channels, bad ones too, that are not named as something else (`NOT_EEG`)."""
    import mne

    names = (raw.ch_names[i] for i in mne.pick_types(raw.info, eeg=True, exclude=()))
    return [name for name in names if not NOT_EEG.match(name)]


def read_bids(
    root: Path,
    *,
    subject: str,
    task: str,
    session: str | None = None,
    run: str | None = None,
    unit: Unit = "V",
    said: list[str] | None = None,
) -> mne.io.BaseRaw:
    """Read one recording of a BIDS data set (mne-bids) in volts; events become annotations."""
    raw = open_bids(root, subject=subject, task=task, session=session, run=run, said=said)
    with reading(root, f"root must be a BIDS data set with sub-{subject}"):
        return in_volts(raw.load_data(verbose="error"), unit, where=f"sub-{subject}")


def open_bids(
    root: Path,
    *,
    subject: str,
    task: str,
    session: str | None = None,
    run: str | None = None,
    said: list[str] | None = None,
) -> mne.io.BaseRaw:
    """Open one recording of a BIDS data set without its samples; `said` gets what mne warns of."""
    bids = optional("mne_bids")
    with reading(root, f"root must be a BIDS data set with sub-{subject}"):
        where = bids.BIDSPath(
            root=root, subject=subject, task=task, session=session, run=run, datatype="eeg", suffix="eeg"
        )
        path = Path(where.fpath)
        check_recording(path)
        raw = _warned(lambda: bids.read_raw_bids(where, verbose="warning"), path, said)
        _check_length(raw, path)
        _check_sidecar(raw, path)
        return raw


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


T = TypeVar("T")


def _warned(read: Callable[[], T], path: Path, said: list[str] | None) -> T:
    """What `read` returns; mne leaves events behind the end out and says so in a warning, here that is an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read()
    for warning in caught:
        text = " ".join(str(warning.message).split())
        if "outside data range" in text:
            raise DataError(f"every event must lie within the recording; got: {text} ({path})")
        if said is not None and issubclass(warning.category, RuntimeWarning):
            said.append(f"the reader says: {text}")
    return found


def _check_length(raw: mne.io.BaseRaw, path: Path) -> None:
    """Rate and length make sense, and the samples are in the file."""
    sfreq, n_times, n_channels = float(raw.info["sfreq"]), raw.n_times, len(raw.ch_names)
    if not math.isfinite(sfreq) or sfreq <= 0 or n_times < 1 or n_channels < 1:
        raise DataError(
            f"a recording must have a rate, samples and channels; got {sfreq:g} Hz, {n_times} samples of "
            f"{n_channels} channels ({path})"
        )
    files = {path, *(Path(name) for name in raw.filenames if name is not None)}
    check_unpacked(8 * n_times * n_channels, sum(file.stat().st_size for file in files), path)
    for file in files:
        there = file.stat().st_size
        if file.suffix.lower() == ".fdt" and file.stem != path.stem:
            raise DataError(f"a .set must have its samples in the .fdt of its name; got {file.name} ({path})")
        if file.suffix.lower() == ".fdt" and there != 4 * n_times * n_channels:
            raise cut_short(f"{there // (4 * n_channels):,} samples", f"{n_times:,} ({path.name})", file)


def _check_sidecar(raw: mne.io.BaseRaw, path: Path) -> None:
    """A BIDS recording is not shorter than the JSON beside it says."""
    sidecar = path.with_suffix(".json")
    content = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.is_file() else {}
    promised_s, there_s = content.get("RecordingDuration", 0), raw.n_times / raw.info["sfreq"]
    if isinstance(promised_s, int | float) and there_s < promised_s - LOOSE_DURATION_S:
        raise cut_short(f"{there_s:g} s", f"{promised_s:g} s (RecordingDuration in {sidecar.name})", path)


def in_volts(raw: mne.io.BaseRaw, unit: Unit, *, where: str) -> mne.io.BaseRaw:
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


def audio_file(folder: Path, name: str) -> Path:
    """Return the sound file of this name in a folder: the clean ``..._dry`` version where there is one.

    An envelope of that name (npy, mat) stands in for a sound that is not there.
    """
    for candidate in (name.replace("_hrtf", "_dry"), name):
        for path in (folder / candidate, *((folder / candidate).with_suffix(s) for s in (".npy", ".mat"))):
            if path.is_file():
                return path
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
