"""Reading EEG from the files that laboratories use: BDF, EDF, BrainVision, EEGLAB, FIF, GDF, BIDS, as mne's objects.

Headers are held against the files first (`headers`, `matlab`): a recording that is shorter than its header says is
refused, and so is one that would take a hundred times its size in memory. Whatever a reader raises is a DataError.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from cogattn.eeg.recordings.config import Unit as Unit
from cogattn.eeg.recordings.damage import check_unpacked, cut_short, optional, reading
from cogattn.eeg.recordings.headers import check_recording
from cogattn.eeg.recordings.recording import check_volts
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

NOT_EEG = re.compile(r"^(aux|bip|eog|veog|heog|ecg|ekg|emg|digi|status|trig|sti|exg|erg|gsr|resp|temp)", re.I)
"""Names of channels that are not EEG, whatever type a file gives them (EDF gives none)."""
CONTINUOUS_SUFFIXES = (".bdf", ".edf", ".vhdr", ".set", ".fif", ".gdf")
EEG_FILE, EPOCHS_FILE = "path must be a readable EEG file", "path must be a readable file of epochs"
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
