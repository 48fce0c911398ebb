"""A simulated listener at 128 Hz and a decoder fitted on the causal chain's own output."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.live import LiveDecoder, Preprocessing, SwitchFilter, features
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording

SFREQ = 128.0


@pytest.fixture(scope="session")
def recording() -> Recording:
    rng = np.random.default_rng(1)
    listener = draw_listener(rng, name="S", n_channels=8, sfreq=SFREQ, snr_db=-22)
    return simulate_recording(rng, listener, n_trials=4, duration_s=24, sfreq=SFREQ)


@pytest.fixture(scope="session")
def decoder(recording: Recording) -> LiveDecoder:
    preprocessing = Preprocessing(recording.channels)
    eeg, attended, _ = zip(*features(preprocessing, recording), strict=True)
    ridge = RidgeDecoder(64.0, 0.0, 0.25).fit(eeg[:3], attended[:3])
    return LiveDecoder(
        ridge.coef_,
        0.0,
        0.25,
        preprocessing,
        window_s=4.0,
        hop_s=1.0,
        switches=SwitchFilter(8.0, 1.0, slope=0.6, ahead_s=2.0),
        trained_on="S, 3 trials",
    )
