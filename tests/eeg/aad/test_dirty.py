"""Two-talker recordings that nobody has cleaned, through the study."""

from __future__ import annotations

import mne
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from cogattn.errors import DataError


def flattened(path, column):
    """The file with one column of every trial flat."""
    data = loadmat(path, simplify_cells=True)["data"]
    eeg = np.empty((1, len(data["eeg"])), dtype=object)
    for k, trial in enumerate(data["eeg"]):
        eeg[0, k] = trial.copy()
        eeg[0, k][:, column] = 7.0
    whole = loadmat(path)["data"]
    whole["eeg"][0, 0] = eeg
    savemat(path, {"data": whole})


def said(aad, config):
    results = aad.summarised(config, aad.run(config))
    return results, " ".join(results.remarks)


def test_a_flat_channel_stops_nobody(aad, tmp_path) -> None:
    aad.dtu_folder(tmp_path)
    for subject in ("S1", "S2"):
        flattened(tmp_path / f"{subject}_data_preproc.mat", 3)
    config = aad.folder_config(tmp_path)
    aad.STUDY.check(config)
    results, remarks = said(aad, config)
    assert len(results.summary)
    assert "S1: 1 of 5 channels is left out: ch4 (flat)" in remarks


def test_a_flat_channel_may_be_refused(aad, tmp_path) -> None:
    aad.dtu_folder(tmp_path)
    flattened(tmp_path / "S1_data_preproc.mat", 3)
    config = aad.folder_config(tmp_path, cleaning={"bad_channels": "refuse"})
    cell = aad.STUDY.cells(config)[0]
    with pytest.raises(DataError, match=r"no channel may be bad; got ch4 \(flat\) \(subject S1\)"):
        aad.run_cell(config, cell)


@pytest.mark.slow
def test_what_a_bad_span_holds_has_no_say(aad, good_table, tmp_path) -> None:
    """4 of the 20 s of the first trial are marked, whatever they hold."""
    found = []
    for size_v in (0.0, 5e-3):
        folder = tmp_path / f"{size_v:g}"
        folder.mkdir()
        for file in good_table.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        raw = mne.io.read_raw_edf(folder / "S1.edf", preload=True, verbose="error")
        sfreq = int(raw.info["sfreq"])
        raw._data[:4, 10 * sfreq : 14 * sfreq] += size_v * np.random.default_rng(2).standard_normal(
            (4, 4 * sfreq)
        )
        raw.set_annotations(mne.Annotations([10.0], [4.0], ["BAD_movement"]))
        (folder / "S1.edf").unlink()
        raw.save(folder / "S1_raw.fif", verbose="error")
        table = (folder / "trials.csv").read_text().replace("S1.edf", "S1_raw.fif")
        (folder / "trials.csv").write_text(table)
        results, remarks = said(aad, aad.table_config(folder))
        found.append(results.summary["estimate"].to_numpy(float))
        assert "4 of 80 s are left out" in remarks
    np.testing.assert_allclose(found[0], found[1])
