"""The exhibit of following responses: a spectrum that peaks where the sound is modulated, by as much as was put in."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.efr.exhibits import FOLLOWING_RESPONSE
from cogattn.exhibits import Series, Shown

DEFAULTS = {control.name: control.default for control in FOLLOWING_RESPONSE.controls}


def shown(**values: object) -> Shown:
    return FOLLOWING_RESPONSE.make(**{**DEFAULTS, **values})


def series(one: Shown) -> list[Series]:
    return [part for part in one.parts if isinstance(part, Series)]


@pytest.mark.parametrize("modulation_hz", [20, 44, 92])
def test_sound_and_response_have_the_modulation_rate(modulation_hz: int) -> None:
    one = shown(modulation_hz=modulation_hz, envelope_uv=2.0)
    spectrum, _, envelope = series(one)
    amplitude = spectrum.lines["average of the sweeps"]
    assert spectrum.x[np.argmax(amplitude)] == modulation_hz
    assert amplitude.max() == pytest.approx(2.0, abs=0.25)
    sound = np.abs(np.fft.rfft(envelope.lines["envelope of the sound"] - 1))
    assert np.argmax(sound) * 4 == modulation_hz  # a quarter of a second


def test_a_null_stays_in_the_noise_and_a_response_does_not() -> None:
    assert shown(envelope_uv=0.0).facts["p (T2circ)"] > 0.05
    assert shown(envelope_uv=0.5).facts["p (T2circ)"] < 1e-6


def test_noise_falls_with_the_root_of_what_is_averaged() -> None:
    noise = [np.median(series(shown(n_sweeps=n))[0].lines["noise to be expected"]) for n in (100, 400)]
    assert noise[0] / noise[1] == pytest.approx(2, rel=0.15)


def test_where_mains_have_the_rate_no_p_is_given() -> None:
    assert shown(modulation_hz=50).facts["p (T2circ)"] == "none"
    assert 50.0 not in series(shown())[0].x
