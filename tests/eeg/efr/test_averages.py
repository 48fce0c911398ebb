"""Averages that a clinic exports: each rate is tested against its neighbours, and what cannot be tested is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.efr.config import EfrConfig
from cogattn.errors import ConfigError

SFREQ, RATE = 4000, 97.65625  # 100 cycles in 1.024 s


@pytest.fixture
def export(tmp_path):
    """Write the averages to both polarities, (microvolts), with a response of this size to the envelope."""

    def write(size: float) -> EfrConfig:
        rng = np.random.default_rng(3)
        time = np.arange(4096) / SFREQ
        response = size * np.sin(2 * np.pi * RATE * time)
        fine = 0.2 * np.sin(2 * np.pi * 4 * RATE * time)
        table = {"time": time, "pos": response + fine, "neg": response - fine}
        noisy = {k: v + (0.1 * rng.standard_normal(4096) if k != "time" else 0) for k, v in table.items()}
        pd.DataFrame(noisy).to_csv(tmp_path / "ear.csv", index=False)
        return EfrConfig.parse(
            {
                "recordings": {"kind": "files", "files": [tmp_path / "ear.csv"], "content": "averages"},
                "following": False,
                "sfreq": SFREQ,
                "steady_state": {
                    "modulation_hz": RATE, "sweep_s": 1.024, "n_harmonics": 2, "inverted": ["negative"],
                },
            }
        )  # fmt: skip

    return write


def test_a_response_in_averages_is_found_by_its_neighbours_alone(export, run_efr) -> None:
    results, trials = run_efr(export(0.1))
    detection = trials["detection"].query("response == 'envelope'")
    assert set(detection["detector"]) == {"f_test"}
    at_rate = detection[np.isclose(detection["frequency_hz"], RATE)]
    assert at_rate["p"].iloc[0] < 1e-6
    assert any("these are averages: what sweeps would tell" in remark for remark in results.remarks)


def test_of_noise_nothing_is_called(export, run_efr) -> None:
    _, trials = run_efr(export(0.0))
    detection = trials["detection"].query("response == 'envelope'")
    assert detection["p"].min() > 0.01


def test_spectra_of_averages_are_refused(export) -> None:
    from cogattn.eeg.efr.study import EfrStudy

    config = export(0.1).model_copy(update={"following": True})
    with pytest.raises(ConfigError, match=r"following must be off when recordings\.content is averages"):
        EfrStudy().check(config)
