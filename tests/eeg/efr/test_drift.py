"""The recorder's clock: a sound card that is 50 ppm off must not hide a response, nor make one."""

from __future__ import annotations

import mne
import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.recordings.simulate_path import AuditoryPath, NoiseLevels, add_noise, modulation_envelope

SFREQ, LEAD_S = 256.0, 3
CHANNELS = ["Fz", "Cz", "Pz", "Oz"]


@pytest.fixture
def recorded(tmp_path):
    """A path of known response to a sound of 300 s, and the sound recorded along; its file is `ppm` off."""

    def make(ppm: float) -> None:
        rng = np.random.default_rng(0)
        envelope = 1 + 0.3 * modulation_envelope(rng, "speech", duration_s=300, sfreq=SFREQ)
        envelope = envelope.clip(0.02)
        lead, tail = np.ones(round(LEAD_S * SFREQ)), np.ones(round(2 * SFREQ))
        eeg = 3.3 * AuditoryPath(4).respond(np.concatenate([lead, envelope, tail]) - 1, SFREQ)
        add_noise(eeg, rng, NoiseLevels(), sfreq=SFREQ)
        loud = np.concatenate([0 * lead, envelope, 0 * tail])
        tape = 1e-3 * loud * rng.choice([-1.0, 1.0], loud.size) + 2e-5 * rng.standard_normal(loud.size)
        info = mne.create_info([*CHANNELS, "AUX"], SFREQ, ["eeg"] * 4 + ["misc"])
        raw = mne.io.RawArray(np.vstack([eeg.T, tape]), info, verbose="error")
        raw.set_annotations(mne.Annotations([float(LEAD_S)], 0.0, ["story"]))
        raw.save(tmp_path / "s_raw.fif", overwrite=True, verbose="error")
        own = np.arange(int(envelope.size / (1 + 1e-6 * ppm))) * (1 + 1e-6 * ppm)
        np.save(tmp_path / "story.npy", map_coordinates(envelope, own[None], order=5, mode="nearest"))

    return make


@pytest.fixture
def coherence(tmp_path, run_efr):
    """Mean coherence over channels between 30 and 100 Hz, and what the run says of the recording."""

    def run(**how) -> tuple[float, str]:
        source = {
            "kind": "files", "files": [tmp_path / "s_raw.fif"], "stimuli": [tmp_path / "story.npy"],
            "envelope_sfreq": SFREQ, **how,
        }  # fmt: skip
        settings = {
            "recordings": source,
            "cleaning": {"channels": CHANNELS},
            "significance": {"n_bootstrap": 50},
            "sfreq": SFREQ,
        }
        results, trials = run_efr(EfrConfig.parse(settings))
        spectrum = trials["spectrum"]
        inside = spectrum[spectrum["frequency_hz"].between(30, 100) & spectrum["usable"]]
        return float(inside["coherence"].mean()), " ".join(results.remarks)

    return run


def test_with_an_audio_channel_drift_costs_no_coherence_and_is_said(recorded, coherence) -> None:
    recorded(0.0)
    without, said = coherence(audio_channel="AUX")
    assert "drifts" not in said
    recorded(50.0)
    found, said = coherence(audio_channel="AUX")
    assert found == pytest.approx(without, rel=0.1)
    assert "s_raw: the recorder's clock drifts by" in said
    by_trigger, _ = coherence(triggers=["story"])
    assert by_trigger < 0.7 * without  # a trigger tells no drift


def test_a_dropped_block_is_said_and_the_rest_is_analysed(recorded, coherence, tmp_path) -> None:
    recorded(0.0)
    without, _ = coherence(audio_channel="AUX")
    raw = mne.io.read_raw_fif(tmp_path / "s_raw.fif", preload=True, verbose="error")
    at, n = round(150 * SFREQ), 64
    kept = np.delete(raw.get_data(), np.s_[at : at + n], axis=1)
    cut = mne.io.RawArray(kept, raw.info, verbose="error")
    cut.save(tmp_path / "s_raw.fif", overwrite=True, verbose="error")
    found, said = coherence(audio_channel="AUX")
    assert "the recorder dropped 250 ms about 147 s into trial 1" in said
    assert "2 of 299.8 s are left out" in said
    assert found == pytest.approx(without, rel=0.1)
