"""Talkers of two bands, and the filter that EEG and features share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cogattn.eeg.encoding.simulate import RATE as RATE
from cogattn.eeg.encoding.simulate import SFREQ, Talker, respond, two_bands
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray


def filtered(arrays: list[FloatArray]) -> list[FloatArray]:
    """1-9 Hz, as EEG and envelopes are for decoding."""
    columns = [np.reshape(a, (len(a), -1)) for a in arrays]
    names = tuple(f"C{k}" for k in range(columns[0].shape[1]))
    trials = tuple(Trial(a, f"trial {k}") for k, a in enumerate(columns))
    return Recording("a", SFREQ, names, trials, "arbitrary").filtered(1.0, 9.0).eeg


@pytest.fixture(scope="session")
def talkers() -> list[Talker]:
    """Eight trials of 30 s."""
    rng = np.random.default_rng(3)
    return [two_bands(rng, duration_s=30.0) for _ in range(8)]


@pytest.fixture(scope="session")
def heard() -> Callable[..., list[FloatArray]]:
    """Filtered EEG that follows what is given."""

    def make(rng: np.random.Generator, followed: list[FloatArray], **how: float) -> list[FloatArray]:
        return filtered(respond(rng, followed, **how))

    return make
