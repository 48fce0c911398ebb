"""Files of every supported format, written here by other means, come back sample by sample and in volts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat, wavfile

mne = pytest.importorskip("mne")
h5py = pytest.importorskip("h5py")
edfio = pytest.importorskip("edfio")
pytest.importorskip("pymatreader")

from cogattn.eeg.envelope import Envelope  # noqa: E402
from cogattn.eeg.readers import read_bids, read_cnd, read_dtu, read_kul, read_raw, with_audio  # noqa: E402
from cogattn.errors import DataError  # noqa: E402

SFREQ, NAMES = 128, ["Fz", "Cz", "Pz"]
MICROVOLTS = 20 * np.random.default_rng(0).standard_normal((3, 1280))


def write_edf(path, dimension="uV", values=MICROVOLTS) -> None:
    kinds = (edfio.Bdf, edfio.BdfSignal) if path.suffix == ".bdf" else (edfio.Edf, edfio.EdfSignal)
    signals = [
        kinds[1](row, SFREQ, label=name, physical_dimension=dimension)
        for row, name in zip(values, NAMES, strict=True)
    ]
    kinds[0](signals).write(path)


def write_brainvision(path) -> None:
    MICROVOLTS.T.astype("<f4").tofile(path.with_suffix(".eeg"))
    channels = "\n".join(f"Ch{i + 1}={name},,1,µV" for i, name in enumerate(NAMES))
    path.write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\nMarkerFile={path.stem}.vmrk\nDataFormat=BINARY\n"
        f"DataOrientation=MULTIPLEXED\nNumberOfChannels=3\nSamplingInterval={1e6 / SFREQ}\n"
        f"[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n[Channel Infos]\n{channels}\n",
        encoding="utf-8",
    )
    path.with_suffix(".vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={path.stem}.eeg\n[Marker Infos]\nMk1=Stimulus,S  7,129,1,0\n",
        encoding="utf-8",
    )


def write_eeglab(path) -> None:
    locations = np.zeros(3, dtype=[("labels", object)])
    locations["labels"] = NAMES
    savemat(
        path,
        {
            "EEG": {
                "setname": "x", "nbchan": 3.0, "trials": 1.0, "pnts": 1280.0, "srate": float(SFREQ), "xmin": 0.0,
                "xmax": 9.99, "data": MICROVOLTS, "chanlocs": locations, "event": np.zeros((0, 0)),
                "epoch": np.zeros((0, 0)), "icawinv": [], "icasphere": [], "icaweights": [], "icaact": [],
            }
        },
        appendmat=False,
    )  # fmt: skip


def write_fif(path) -> None:
    info = mne.create_info(NAMES, SFREQ, "eeg")
    mne.io.RawArray(MICROVOLTS * 1e-6, info, verbose="error").save(path, verbose="error")


@pytest.mark.parametrize(
    ("name", "write", "tolerance_v"),
    [
        ("a.edf", write_edf, 5e-9),
        ("a.bdf", write_edf, 1e-10),
        ("a.vhdr", write_brainvision, 1e-11),
        ("a.set", write_eeglab, 1e-12),
        ("a_raw.fif", write_fif, 1e-11),
    ],
)
def test_continuous_formats_come_back_in_volts(tmp_path, name, write, tolerance_v) -> None:
    write(tmp_path / name)
    raw = read_raw(tmp_path / name)
    assert raw.ch_names == NAMES
    assert raw.info["sfreq"] == SFREQ
    np.testing.assert_allclose(raw.get_data(), MICROVOLTS * 1e-6, atol=tolerance_v)


def test_microvolts_without_a_unit_are_caught_and_can_be_declared(tmp_path) -> None:
    write_edf(tmp_path / "a.edf", dimension="")
    with pytest.raises(DataError, match=r"volts.*a\.edf.*microvolts"):
        read_raw(tmp_path / "a.edf")
    np.testing.assert_allclose(
        read_raw(tmp_path / "a.edf", unit="uV").get_data(), MICROVOLTS * 1e-6, atol=5e-9
    )


@pytest.mark.parametrize("name", ["no.edf", "no.xyz", "bad.edf", "bad.set", "bad_raw.fif", "bad.vhdr"])
def test_unreadable_files_are_named(tmp_path, name) -> None:
    if name.startswith("bad"):
        (tmp_path / name).write_bytes(b"not an EEG file at all")
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_raw(tmp_path / name)


def test_bids_is_read(tmp_path) -> None:
    bids = pytest.importorskip("mne_bids")
    write_edf(tmp_path / "a.edf")
    raw = mne.io.read_raw_edf(tmp_path / "a.edf", verbose="error")
    raw.set_channel_types(dict.fromkeys(NAMES, "eeg"))
    where = bids.BIDSPath(subject="01", task="listen", root=tmp_path / "bids", datatype="eeg")
    with mne.use_log_level("error"):
        bids.write_raw_bids(raw, where, verbose="error", overwrite=True)
    found = read_bids(tmp_path / "bids", subject="01", task="listen")
    np.testing.assert_allclose(found.get_data(picks="eeg"), MICROVOLTS * 1e-6, atol=5e-9)
    with pytest.raises(DataError, match="sub-02"):
        read_bids(tmp_path / "bids", subject="02", task="listen")


def kul_trials() -> list[dict]:
    envelopes = np.random.default_rng(1).random((2, 1280, 15, 2))
    return [
        {
            "RawData": {"EegData": MICROVOLTS.T * (k + 1)},
            "FileHeader": {"SampleRate": float(SFREQ)},
            "attended_ear": "LR"[k],
            "attended_track": 1.0,
            "stimuli": ["part1_track1_hrtf.wav", "part1_track2_hrtf.wav"],
            "Envelope": {"AudioData": envelopes[k]},
            "subject": "S3",
        }
        for k in range(2)
    ]


def cells(values: list) -> np.ndarray:
    array = np.empty((1, len(values)), dtype=object)
    for k, value in enumerate(values):
        array[0, k] = value
    return array


def save_v7(path, content: dict) -> None:
    def convert(value):
        if isinstance(value, dict):
            return {key: convert(item) for key, item in value.items()}
        return cells([convert(item) for item in value]) if isinstance(value, list) else value

    savemat(path, convert(content), do_compression=True)


def save_v73(path, content: dict) -> None:
    """The HDF5 layout of MATLAB 7.3: transposed arrays, cells as references, characters as 16-bit codes."""
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


@pytest.mark.parametrize("save", [save_v7, save_v73])
def test_the_ku_leuven_layout_is_read_from_either_version(tmp_path, save) -> None:
    trials = kul_trials()
    save(tmp_path / "S3.mat", {"trials": trials})
    found = read_kul(tmp_path / "S3.mat")
    assert (found.subject, found.sfreq, len(found.trials)) == ("S3", SFREQ, 2)
    np.testing.assert_allclose(found.eeg[1], MICROVOLTS.T * 2e-6)
    for k, (own, other) in enumerate(((0, 1), (1, 0))):
        bands = trials[k]["Envelope"]["AudioData"]
        np.testing.assert_allclose(found.stream("attended")[k], bands[:, :, own].sum(axis=1))
        np.testing.assert_allclose(found.stream("unattended")[k], bands[:, :, other].sum(axis=1))
        assert found.trials[k].labels["attended_audio"] == trials[k]["stimuli"][own]


@pytest.mark.parametrize("save", [save_v7, save_v73])
def test_the_dtu_layout_is_read_from_either_version(tmp_path, save) -> None:
    rng = np.random.default_rng(2)
    sounds = [[rng.random((1280, 1)) for _ in range(2)] for _ in range(2)]
    data = {
        "eeg": [MICROVOLTS.T, 2 * MICROVOLTS.T],
        "wavA": sounds[0],
        "wavB": sounds[1],
        "fsample": {"eeg": 64.0},
    }
    save(tmp_path / "S1_data_preproc.mat", {"data": data})
    found = read_dtu(tmp_path / "S1_data_preproc.mat")
    assert (found.subject, found.sfreq) == ("S1", 64.0)
    np.testing.assert_allclose(found.eeg[1], MICROVOLTS.T * 2e-6)
    np.testing.assert_allclose(found.stream("unattended")[1], sounds[1][1][:, 0])


def test_cnd_is_read_and_rates_must_agree(tmp_path) -> None:
    rng = np.random.default_rng(3)
    features = np.empty((2, 2), dtype=object)
    for i in range(2):
        for k in range(2):
            features[i, k] = rng.random((1280, 1))
    savemat(tmp_path / "dataSub1.mat", {"eeg": {"data": cells([MICROVOLTS.T, MICROVOLTS.T]), "fs": 128.0}})
    stim = {"data": features, "fs": 128.0, "names": cells(["Attended envelope", "Ignored envelope"])}
    savemat(tmp_path / "dataStim.mat", {"stim": stim})
    streams = {"attended": "Attended envelope", "unattended": "Ignored envelope"}
    found = read_cnd(tmp_path / "dataSub1.mat", tmp_path / "dataStim.mat", streams=streams)
    np.testing.assert_allclose(found.stream("unattended")[1], features[1, 1][:, 0])
    with pytest.raises(DataError, match="features must be among"):
        read_cnd(tmp_path / "dataSub1.mat", tmp_path / "dataStim.mat", streams={"attended": "Pitch"})
    savemat(tmp_path / "dataStim.mat", {"stim": {**stim, "fs": 64.0}})
    with pytest.raises(DataError, match=r"equal rates.*128 Hz and 64 Hz"):
        read_cnd(tmp_path / "dataSub1.mat", tmp_path / "dataStim.mat")


def test_sounds_named_by_the_labels_become_streams(tmp_path) -> None:
    trials = kul_trials()
    for trial in trials:
        del trial["Envelope"]
    save_v7(tmp_path / "S3.mat", {"trials": trials})
    rng = np.random.default_rng(4)
    for track in (1, 2):
        wavfile.write(tmp_path / f"part1_track{track}_dry.wav", 8000, rng.standard_normal(8000 * 11) * 0.1)
    envelope = Envelope("rms", sfreq=SFREQ)
    found = with_audio(read_kul(tmp_path / "S3.mat"), tmp_path, envelope)
    np.testing.assert_array_equal(found.stream("attended")[0], found.stream("unattended")[1])
    assert found.stream("attended")[0].shape == (1280,)
    (tmp_path / "part1_track2_dry.wav").unlink()
    with pytest.raises(DataError, match="part1_track2_hrtf"):
        with_audio(read_kul(tmp_path / "S3.mat"), tmp_path, envelope)


def test_a_file_of_another_layout_says_what_it_lacks(tmp_path) -> None:
    savemat(tmp_path / "x.mat", {"other": 1.0})
    with pytest.raises(DataError, match=r"'trials'.*other"):
        read_kul(tmp_path / "x.mat")
    (tmp_path / "y.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"y\.mat"):
        read_dtu(tmp_path / "y.mat")
