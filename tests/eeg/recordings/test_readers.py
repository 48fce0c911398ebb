"""Files of every supported format, written here by other means, come back sample by sample and in volts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat, wavfile

pytest.importorskip("h5py")
pytest.importorskip("edfio")
pytest.importorskip("pymatreader")

from cogattn.eeg.recordings.config import EnvelopeSettings
from cogattn.eeg.recordings.cutting import Heard, with_sounds
from cogattn.eeg.recordings.layouts import read_cnd, read_dtu, read_kul
from cogattn.eeg.recordings.readers import open_bids, read_raw
from cogattn.errors import DataError


@pytest.mark.parametrize(
    ("name", "tolerance_v"),
    [("a.edf", 5e-9), ("a.bdf", 1e-10), ("a.vhdr", 1e-11), ("a.set", 1e-12), ("a_raw.fif", 1e-11)],
)
def test_continuous_formats_come_back_in_volts(tmp_path, eeg_files, name, tolerance_v) -> None:
    eeg_files.CONTINUOUS[name](tmp_path / name)
    raw = read_raw(tmp_path / name)
    assert raw.ch_names == eeg_files.NAMES
    assert raw.info["sfreq"] == eeg_files.SFREQ
    np.testing.assert_allclose(raw.get_data(), eeg_files.MICROVOLTS * 1e-6, atol=tolerance_v)


def test_microvolts_without_a_unit_are_caught_and_can_be_declared(tmp_path, eeg_files) -> None:
    eeg_files.write_edf(tmp_path / "a.edf", dimension="")
    with pytest.raises(DataError, match=r"volts.*a\.edf.*microvolts"):
        read_raw(tmp_path / "a.edf")
    np.testing.assert_allclose(
        read_raw(tmp_path / "a.edf", unit="uV").get_data(), eeg_files.MICROVOLTS * 1e-6, atol=5e-9
    )


@pytest.mark.parametrize("name", ["no.edf", "no.xyz", "bad.edf", "bad.set", "bad_raw.fif", "bad.vhdr"])
def test_unreadable_files_are_named(tmp_path, name) -> None:
    if name.startswith("bad"):
        (tmp_path / name).write_bytes(b"not an EEG file at all")
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_raw(tmp_path / name)


def test_bids_is_read(tmp_path, eeg_files) -> None:
    eeg_files.write_bids(tmp_path / "bids")
    found = open_bids(tmp_path / "bids", subject="01", task="listen")
    np.testing.assert_allclose(found.get_data(picks="eeg"), eeg_files.MICROVOLTS * 1e-6, atol=5e-9)
    with pytest.raises(DataError, match="sub-02"):
        open_bids(tmp_path / "bids", subject="02", task="listen")


def kul_trials(eeg_files) -> list[dict]:
    envelopes = np.random.default_rng(1).random((2, 1280, 15, 2))
    return eeg_files.kul_content([eeg_files.MICROVOLTS.T * (k + 1) for k in range(2)], envelopes)["trials"]


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_the_ku_leuven_layout_is_read_from_either_version(tmp_path, eeg_files, version) -> None:
    trials = kul_trials(eeg_files)
    eeg_files.save[version](tmp_path / "S3.mat", {"trials": trials})
    found = read_kul(tmp_path / "S3.mat")
    assert (found.subject, found.sfreq, len(found.trials)) == ("S3", eeg_files.SFREQ, 2)
    np.testing.assert_allclose(found.eeg[1], eeg_files.MICROVOLTS.T * 2e-6)
    for k, (own, other) in enumerate(((0, 1), (1, 0))):
        bands = trials[k]["Envelope"]["AudioData"]
        np.testing.assert_allclose(found.stream("attended")[k], bands[:, :, own].sum(axis=1))
        np.testing.assert_allclose(found.stream("unattended")[k], bands[:, :, other].sum(axis=1))
        assert found.trials[k].labels["attended_audio"] == trials[k]["stimuli"][own]


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_the_dtu_layout_is_read_from_either_version(tmp_path, eeg_files, version) -> None:
    rng = np.random.default_rng(2)
    sounds = [[rng.random((1280, 1)) for _ in range(2)] for _ in range(2)]
    content = eeg_files.dtu_content([eeg_files.MICROVOLTS.T, 2 * eeg_files.MICROVOLTS.T], *sounds)
    eeg_files.save[version](tmp_path / "S1_data_preproc.mat", content)
    found = read_dtu(tmp_path / "S1_data_preproc.mat")
    assert found.trials[0].labels == {}
    content["data"]["event"] = {"eeg": {"value": [2.0, 1.0]}}
    eeg_files.save[version](tmp_path / "S2_data_preproc.mat", content)
    told = read_dtu(tmp_path / "S2_data_preproc.mat").trials
    assert [trial.labels for trial in told] == [{"speaker": "female"}, {"speaker": "male"}]
    assert (found.subject, found.sfreq) == ("S1", 64.0)
    np.testing.assert_allclose(found.eeg[1], eeg_files.MICROVOLTS.T * 2e-6)
    np.testing.assert_allclose(found.stream("unattended")[1], sounds[1][1][:, 0])


def test_cnd_is_read_and_rates_must_agree(tmp_path, eeg_files) -> None:
    rng = np.random.default_rng(3)
    features = np.empty((2, 2), dtype=object)
    for i in range(2):
        for k in range(2):
            features[i, k] = rng.random((1280, 1))
    names = ["Attended envelope", "Ignored envelope"]
    eeg_files.save_cnd(tmp_path, [eeg_files.MICROVOLTS.T] * 2, features, names)
    streams = dict(zip(("attended", "unattended"), names, strict=True))
    found = read_cnd(tmp_path / "dataSub1.mat", tmp_path / "dataStim.mat", streams=streams)
    np.testing.assert_allclose(found.stream("unattended")[1], features[1, 1][:, 0])
    with pytest.raises(DataError, match="features must be among"):
        read_cnd(tmp_path / "dataSub1.mat", tmp_path / "dataStim.mat", streams={"attended": "Pitch"})
    eeg_files.save_cnd(tmp_path, [eeg_files.MICROVOLTS.T] * 2, features, names, stim_sfreq=64.0)
    with pytest.raises(DataError, match=r"equal rates.*128 Hz and 64 Hz"):
        read_cnd(tmp_path / "dataSub1.mat", tmp_path / "dataStim.mat")


def test_sounds_named_by_the_labels_become_streams(tmp_path, eeg_files) -> None:
    trials = kul_trials(eeg_files)
    for trial in trials:
        del trial["Envelope"]
    eeg_files.save["v7"](tmp_path / "S3.mat", {"trials": trials})
    rng = np.random.default_rng(4)
    for track in (1, 2):
        wavfile.write(tmp_path / f"part1_track{track}_dry.wav", 8000, rng.standard_normal(8000 * 11) * 0.1)
    how = Heard(EnvelopeSettings(method="rms"))
    found = with_sounds(read_kul(tmp_path / "S3.mat"), tmp_path, how)
    np.testing.assert_array_equal(found.stream("attended")[0], found.stream("unattended")[1])
    assert found.stream("attended")[0].shape == (1280,)
    (tmp_path / "part1_track2_dry.wav").unlink()
    with pytest.raises(DataError, match="part1_track2_hrtf"):
        with_sounds(read_kul(tmp_path / "S3.mat"), tmp_path, how)


def test_a_file_of_another_layout_says_what_it_lacks(tmp_path) -> None:
    savemat(tmp_path / "x.mat", {"other": 1.0})
    with pytest.raises(DataError, match=r"'trials'.*other"):
        read_kul(tmp_path / "x.mat")
    (tmp_path / "y.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"y\.mat"):
        read_dtu(tmp_path / "y.mat")
