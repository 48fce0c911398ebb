"""Recordings that nobody has cleaned, through the study: BAD spans, channels that hold no EEG, eyes, thresholds."""

from __future__ import annotations

import mne
import numpy as np
import pytest

from cogattn.eeg.efr.config import EfrConfig

SFREQ, SECONDS = 256, 300
NAMES = ["Fz", "Cz", "Pz", "Oz", "C3", "C4", "TP9", "TP10", "VEOG"]


@pytest.fixture(scope="module")
def clean():
    """Five minutes of pink noise with an ASSR at 40 Hz, (n_times, n_channels) in volts."""
    rng = np.random.default_rng(40)
    n_times = SFREQ * SECONDS
    spectrum = np.fft.rfft(rng.standard_normal((n_times, len(NAMES))), axis=0)
    frequency = np.maximum(np.fft.rfftfreq(n_times, 1 / SFREQ), 0.5)
    noise = np.fft.irfft(spectrum / np.sqrt(frequency)[:, None], n_times, axis=0)
    time = np.arange(n_times) / SFREQ
    response = 0.7e-6 * np.sin(2 * np.pi * 40 * time)[:, None] * np.linspace(1, 0.6, len(NAMES))
    response[:, -3:] = 0
    return 10e-6 * noise / noise.std(axis=0) + response


@pytest.fixture
def analysed(tmp_path, run_efr):
    """Summary and remarks of an ASSR run on these samples, with these annotations and settings of cleaning."""

    def run(eeg, marks=(), **cleaning):
        kinds = ["eog" if name == "VEOG" else "eeg" for name in NAMES]
        raw = mne.io.RawArray(eeg.T, mne.create_info(NAMES, SFREQ, kinds), verbose="error")
        if marks:
            raw.set_annotations(mne.Annotations(*zip(*marks, strict=True)))
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}_raw.fif"
        raw.save(path, verbose="error")
        config = EfrConfig.parse(
            {
                "recordings": {"kind": "files", "files": [path], "align": "start"},
                "cleaning": {"channels": NAMES[:6], **cleaning},
                "following": False,
                "sfreq": SFREQ,
                "steady_state": {"modulation_hz": 40, "sweep_s": 1.0, "n_harmonics": 1},
            }
        )
        results, _ = run_efr(config)
        return results.summary.set_index("measure"), " ".join(results.remarks)

    return run


def test_what_a_bad_span_holds_has_no_say(clean, analysed) -> None:
    huge = clean.copy()
    huge[100 * SFREQ : 110 * SFREQ] += (
        np.random.default_rng(1).standard_normal((10 * SFREQ, len(NAMES))) * 5e-3
    )
    marks = [(100.0, 10.0, "BAD_movement")]
    marked, remarks = analysed(huge, marks)
    absent, _ = analysed(clean, marks)
    whole, _ = analysed(clean)
    dirty, _ = analysed(huge)
    np.testing.assert_allclose(marked["estimate"].to_numpy(float), absent["estimate"].to_numpy(float))
    assert marked.loc["response.40", "estimate"] >= whole.loc["response.40", "estimate"] - 0.2
    assert dirty.loc["response.40", "estimate"] < 0.4 < marked.loc["response.40", "estimate"]
    assert "10 of 300 s are left out" in remarks


def test_a_threshold_does_as_much_without_a_mark(clean, analysed) -> None:
    huge = clean.copy()
    huge[100 * SFREQ : 110 * SFREQ, :6] += np.random.default_rng(1).standard_normal((10 * SFREQ, 6)) * 5e-3
    found, _ = analysed(huge, reject_uv=300)
    absent, _ = analysed(clean, [(100.0, 10.0, "bad")])
    np.testing.assert_allclose(found["estimate"].to_numpy(float), absent["estimate"].to_numpy(float))


def test_channels_that_hold_no_eeg_are_found_and_named(clean, analysed) -> None:
    faulty = clean.copy()
    faulty[60 * SFREQ : 120 * SFREQ, 1] = 300e-6
    faulty[:, 2] = np.clip(faulty[:, 2], -5e-6, 5e-6)
    faulty[:, 3] = 0
    _, remarks = analysed(faulty)
    assert (
        "3 of 6 channels are left out: Cz (railed at 300 uV for 60 s), Pz (clipped at -5 and 5 uV ("
        in remarks
    )
    assert "Oz (flat)" in remarks


def test_mastoids_and_eyes_are_taken_out(clean, analysed) -> None:
    eyes = np.zeros(len(clean))
    for start in range(SFREQ, len(clean) - SFREQ, 3 * SFREQ):
        eyes[start : start + 80] += 200e-6 * np.hanning(80)
    dirty = clean + eyes[:, None] * np.array([0.5, 0.4, 0.2, 0.1, 0.4, 0.4, 0.1, 0.1, 1.0])
    settings = {"reference": "channels", "reference_channels": ["TP9", "TP10"]}
    want, _ = analysed(clean, **settings)
    got, _ = analysed(dirty, **settings, eog=["VEOG"], reject_uv=120)
    assert got.loc["response.40", "estimate"] == pytest.approx(want.loc["response.40", "estimate"], abs=0.2)
