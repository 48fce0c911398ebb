"""Tiny recordings in every supported format, written by other means than those that read them.

Each writer takes microvolts of shape (n_channels, n_times), the rate and the channels' names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import savemat

SFREQ, NAMES = 128, ("Fz", "Cz", "Pz")
MICROVOLTS = 20 * np.random.default_rng(0).standard_normal((3, 1280))


def write_edf(
    path: Path,
    values=MICROVOLTS,
    sfreq: float = SFREQ,
    names: Sequence[str] = NAMES,
    *,
    dimension="uV",
    status=None,
) -> None:
    """EDF, or BDF by the path's ending; `status` adds a channel of trigger codes (BDF)."""
    edfio = pytest.importorskip("edfio")
    kinds = (edfio.Bdf, edfio.BdfSignal) if path.suffix == ".bdf" else (edfio.Edf, edfio.EdfSignal)
    signals = [
        kinds[1](row, sfreq, label=name, physical_dimension=dimension)
        for row, name in zip(values, names, strict=True)
    ]
    if status is not None:
        span = (-(2**23), 2**23 - 1) if path.suffix == ".bdf" else (-(2**15), 2**15 - 1)
        signals.append(
            kinds[1](
                np.asarray(status, dtype=float),
                sfreq,
                label="Status",
                physical_range=span,
                digital_range=span,
            )
        )
    kinds[0](signals).write(path)


def write_brainvision(
    path: Path,
    values=MICROVOLTS,
    sfreq: float = SFREQ,
    names: Sequence[str] = NAMES,
    *,
    markers=(("S  7", 128),),
) -> None:
    """BrainVision; `markers` are pairs of code and sample, from 0."""
    values.T.astype("<f4").tofile(path.with_suffix(".eeg"))
    channels = "\n".join(f"Ch{i + 1}={name},,1,µV" for i, name in enumerate(names))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\nMarkerFile={path.stem}.vmrk\nDataFormat=BINARY\n"
        f"DataOrientation=MULTIPLEXED\nNumberOfChannels={len(names)}\nSamplingInterval={1e6 / sfreq}\n"
        f"[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n[Channel Infos]\n{channels}\n",
        encoding="utf-8",
    )
    marks = "\n".join(f"Mk{i + 1}=Stimulus,{code},{at + 1},1,0" for i, (code, at) in enumerate(markers))
    path.with_suffix(".vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\n[Marker Infos]\n{marks}\n",
        encoding="utf-8",
    )


def write_eeglab(path: Path, values=MICROVOLTS, sfreq: float = SFREQ, names: Sequence[str] = NAMES) -> None:
    """EEGLAB, everything in one file."""
    locations = np.zeros(len(names), dtype=[("labels", object)])
    locations["labels"] = names
    n_times = float(values.shape[1])
    savemat(
        path,
        {
            "EEG": {
                "setname": "x", "nbchan": float(len(names)), "trials": 1.0, "pnts": n_times, "srate": float(sfreq),
                "xmin": 0.0, "xmax": (n_times - 1) / sfreq, "data": values, "chanlocs": locations,
                "event": np.zeros((0, 0)), "epoch": np.zeros((0, 0)), "icawinv": [], "icasphere": [],
                "icaweights": [], "icaact": [],
            }
        },
        appendmat=False,
    )  # fmt: skip


def write_fif(path: Path, values=MICROVOLTS, sfreq: float = SFREQ, names: Sequence[str] = NAMES) -> None:
    """FIF."""
    import mne

    info = mne.create_info(list(names), sfreq, "eeg")
    mne.io.RawArray(values * 1e-6, info, verbose="error").save(path, verbose="error")


def write_bids(
    root: Path,
    values=MICROVOLTS,
    sfreq: float = SFREQ,
    names: Sequence[str] = NAMES,
    *,
    subject="01",
    events=(),
) -> None:
    """One subject of a BIDS data set, task ``listen``; `events` are pairs of text and second."""
    import mne

    bids = pytest.importorskip("mne_bids")
    root.mkdir(exist_ok=True)
    write_edf(root.parent / f"{subject}.edf", values, sfreq, names)
    raw = mne.io.read_raw_edf(root.parent / f"{subject}.edf", verbose="error")
    raw.set_channel_types(dict.fromkeys(names, "eeg"))
    raw.set_annotations(mne.Annotations([at for _, at in events], 0.0, [text for text, _ in events]))
    where = bids.BIDSPath(subject=subject, task="listen", root=root, datatype="eeg")
    with mne.use_log_level("error"):
        bids.write_raw_bids(raw, where, verbose="error", overwrite=True)


def cells(values: list) -> np.ndarray:
    """A MATLAB cell array."""
    array = np.empty((1, len(values)), dtype=object)
    for k, value in enumerate(values):
        array[0, k] = value
    return array


def save_v7(path: Path, content: dict) -> None:
    """MATLAB 5-7."""

    def convert(value):
        if isinstance(value, dict):
            return {key: convert(item) for key, item in value.items()}
        return cells([convert(item) for item in value]) if isinstance(value, list) else value

    savemat(path, convert(content), do_compression=True)


def save_v73(path: Path, content: dict) -> None:
    """The HDF5 layout of MATLAB 7.3: transposed arrays, cells as references, characters as 16-bit codes."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w", userblock_size=512) as file:
        references = file.create_group("#refs#")

        def put(parent, name, value) -> None:
            if isinstance(value, dict):
                group = parent.create_group(name)
                group.attrs["MATLAB_class"] = np.bytes_("struct")
                for key, item in value.items():
                    put(group, key, item)
                return
            if isinstance(value, list):
                kind, names = "cell", []
                for item in value:
                    names.append(f"r{len(references)}")
                    put(references, names[-1], item)
                data = np.array([[references[n].ref] for n in names], dtype=h5py.ref_dtype)
            elif isinstance(value, str):
                kind, data = "char", np.array([[ord(letter)] for letter in value], dtype="u2")
            else:
                kind, data = "double", np.atleast_2d(np.asarray(value, dtype=float)).T
            parent.create_dataset(name, data=data).attrs["MATLAB_class"] = np.bytes_(kind)

        for name, value in content.items():
            put(file, name, value)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


def kul_content(eeg: Sequence, envelopes: Sequence, sfreq: float = SFREQ) -> dict:
    """KU Leuven layout: attention alternates left, right; `eeg` (n_times, n_channels) in microvolts,
    `envelopes` (n_times, n_bands, 2), left and right."""
    return {
        "trials": [
            {
                "RawData": {"EegData": x},
                "FileHeader": {"SampleRate": float(sfreq)},
                "attended_ear": "LR"[k % 2],
                "attended_track": 1.0,
                "stimuli": ["part1_track1_hrtf.wav", "part1_track2_hrtf.wav"],
                "Envelope": {"AudioData": bands},
                "subject": "S3",
            }
            for k, (x, bands) in enumerate(zip(eeg, envelopes, strict=True))
        ]
    }


def dtu_content(eeg: Sequence, attended: Sequence, unattended: Sequence, sfreq: float = 64.0) -> dict:
    """DTU layout: `eeg` (n_times, n_channels) in microvolts, envelopes (n_times, 1)."""
    return {
        "data": {
            "eeg": list(eeg), "wavA": list(attended), "wavB": list(unattended), "fsample": {"eeg": float(sfreq)}
        }
    }  # fmt: skip


def save_cnd(
    folder: Path, eeg: Sequence, features: np.ndarray, names: Sequence[str], *, sfreq=SFREQ, stim_sfreq=None
) -> None:
    """CND: ``dataSub1.mat`` and ``dataStim.mat``; `features` (n_features, n_trials) of arrays."""
    savemat(folder / "dataSub1.mat", {"eeg": {"data": cells(list(eeg)), "fs": float(sfreq)}})
    stim = {"data": features, "fs": float(stim_sfreq or sfreq), "names": cells(list(names))}
    savemat(folder / "dataStim.mat", {"stim": stim})


CONTINUOUS: dict[str, Callable[..., None]] = {
    "a.edf": write_edf,
    "a.bdf": write_edf,
    "a.vhdr": write_brainvision,
    "a.set": write_eeglab,
    "a_raw.fif": write_fif,
}
"""A file name of each continuous format, and its writer."""


@pytest.fixture(scope="session")
def eeg_files() -> SimpleNamespace:
    """All writers, and the default contents."""
    return SimpleNamespace(
        SFREQ=SFREQ, NAMES=list(NAMES), MICROVOLTS=MICROVOLTS, CONTINUOUS=CONTINUOUS, write_edf=write_edf,
        write_brainvision=write_brainvision, write_eeglab=write_eeglab, write_fif=write_fif, write_bids=write_bids,
        save={"v7": save_v7, "v7.3": save_v73}, kul_content=kul_content, dtu_content=dtu_content, save_cnd=save_cnd,
    )  # fmt: skip
