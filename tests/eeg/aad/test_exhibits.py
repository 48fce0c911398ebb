"""The exhibit of attended-speaker decoding: correlations that are correlations, and a decision that follows the SNR."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.aad.exhibits import RUNNING_DECISION
from cogattn.exhibits import Series, Shown

DEFAULTS = {control.name: control.default for control in RUNNING_DECISION.controls}


def shown(**values: object) -> Shown:
    return RUNNING_DECISION.make(**{**DEFAULTS, **values})


def series(one: Shown) -> list[Series]:
    return [part for part in one.parts if isinstance(part, Series)]


def test_a_window_s_correlation_is_that_of_the_envelopes_beside_it() -> None:
    correlations, envelopes, _ = series(shown(window_s=5, time_s=20))
    last = slice(-5 * 32, None)
    decoded, attended, ignored = (
        envelopes.lines[name][last] for name in ("decoded from EEG", "attended", "ignored")
    )
    at = correlations.x == 20
    for name, sound in (("with the attended talker", attended), ("with the ignored talker", ignored)):
        assert correlations.lines[name][at][0] == pytest.approx(np.corrcoef(decoded, sound)[0, 1], abs=1e-9)


def test_a_strong_response_is_decoded_and_none_is_not() -> None:
    strong, weak = shown(snr_db=0), shown(snr_db=-60)
    assert strong.facts["right in all trials (%)"] == 100
    assert strong.facts["decoded talker"] == strong.facts["attended talker"]
    means = [series(one)[0].lines["with the attended talker"].mean() for one in (strong, weak)]
    assert means[0] > 0.8
    assert abs(means[1]) < 0.15


def test_longer_windows_scatter_less() -> None:
    short, long = (
        series(shown(window_s=window_s))[0].lines["with the ignored talker"] for window_s in (2, 30)
    )
    assert short.std() > 2 * long.std()


def test_before_the_first_window_is_full_nothing_is_decided() -> None:
    assert shown(window_s=30, time_s=20).facts["decoded talker"] == "none yet"
    assert "right" not in shown(window_s=30, time_s=20).facts


def test_talkers_are_followed_in_turn() -> None:
    assert [shown(trial=trial).facts["attended talker"] for trial in range(3)] == ["A", "B", "A"]
