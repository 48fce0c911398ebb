"""Probabilities mean what they say, on windows that overlap and repeat each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cogattn.eeg.live import SwitchFilter, calibrated, switch_delay
from cogattn.eeg.live.switches import HeldOut, switching_margins, window_correlations
from cogattn.errors import DataError

SFREQ = 16.0


def trial(rng: np.random.Generator, duration_s: float, share: float = 0.35) -> HeldOut:
    """A reconstruction that follows the attended talker, more and less so from minute to minute."""
    n = round(duration_s * SFREQ)
    attended, unattended, noise = (smooth(rng.standard_normal((3, n)), 4)).reshape(3, n)
    waning = share * np.exp(0.5 * smooth(rng.standard_normal((1, n)), 160)[0])
    return HeldOut(waning * attended + noise, attended, unattended)


def smooth(x: np.ndarray, width: int) -> np.ndarray:
    out = np.stack([np.convolve(row, np.hanning(width + 2), "same") for row in x])
    return out / out.std(axis=1, keepdims=True)


def test_the_filter_is_exact_bayes_for_two_windows() -> None:
    mean, sd = 0.1, 0.2
    model = SwitchFilter(gain=2 * mean / sd**2, hop_s=1.0, switch_per_s=0.1)
    margins = np.array([0.3, -0.05])
    stay = 1 - 0.5 * (1 - math.exp(-0.2))
    density = {s: np.exp(-0.5 * ((margins - s * mean) / sd) ** 2) for s in (1, -1)}
    joint = {
        (i, j): 0.5 * (stay if i == j else 1 - stay) * density[i][0] * density[j][1]
        for i in (1, -1)
        for j in (1, -1)
    }
    expected = (joint[1, 1] + joint[-1, 1]) / sum(joint.values())
    np.testing.assert_allclose(model.filter(margins)[1], expected, rtol=1e-9)


def test_hop_by_hop_is_the_filter_at_once() -> None:
    model = SwitchFilter(gain=7.0, hop_s=1.0, switch_per_s=0.1, slope=0.8, ahead_s=2.0)
    margins = [0.3, -0.05, None, 0.4, -0.6]
    log_odds, said = 0.0, []
    for margin in margins:
        log_odds = model.update(log_odds, margin)
        said.append(model.probability(log_odds))
    at_once = model.filter([np.nan if margin is None else margin for margin in margins])
    np.testing.assert_allclose(said, at_once, rtol=1e-12)
    assert said[0] > 0.5 > said[-1]


def test_a_hop_without_a_window_forgets() -> None:
    model = SwitchFilter(gain=10.0, hop_s=1.0, switch_per_s=0.1)
    p = model.filter([0.3, *[np.nan] * 60])
    assert p[0] > 0.9
    assert np.all(np.diff(p) < 0)
    assert abs(p[-1] - 0.5) < 1e-3


def test_the_future_is_counted_in() -> None:
    """Where a window is sure of its middle, what may have happened since bounds the probability."""
    model = SwitchFilter(gain=1e4, hop_s=1.0, switch_per_s=0.05, ahead_s=4.0)
    np.testing.assert_allclose(model.filter([1.0]), 1 - 0.5 * (1 - math.exp(-2 * 0.05 * 4)), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_probabilities_are_calibrated_on_overlapping_windows(share: float) -> None:
    """12 listeners, 10 held-out trials of a minute each; 5 s windows, hop 1 s, then 10 minutes with switches."""
    said, right, naive = [], [], []
    for k in range(12):
        rng = np.random.default_rng(k)
        options = {"sfreq": SFREQ, "window_s": 5.0, "hop_s": 1.0}
        held_out = [trial(rng, 60, share) for _ in range(10)]
        model = calibrated(held_out, rng, **options)
        margins, side = switching_margins(trial(rng, 600, share), rng, **options)
        values = np.concatenate([np.abs(switching_margins(t, rng, **options)[0]) for t in held_out])
        p = model.filter(margins)
        q = SwitchFilter(2 * values.mean() / values.var(), 1.0).filter(margins)
        said.append(np.maximum(p, 1 - p))
        right.append((p > 0.5) == (side > 0))
        naive.append(np.mean(np.maximum(q, 1 - q)) - np.mean((q > 0.5) == (side > 0)))
    said, right = np.array(said), np.array(right)
    for low, high in ((0.5, 0.65), (0.65, 0.8), (0.8, 0.9), (0.9, 1.0)):
        inside = (said >= low) & (said < high)
        if inside.sum() < 300:
            continue
        off = ((right - said) * inside).sum() / inside.sum()
        by_listener = ((right - said - off) * inside).sum(axis=1)
        standard_error = np.sqrt((by_listener**2).sum()) / inside.sum()
        assert abs(off) < max(3 * standard_error, 0.01), (low, off, standard_error)
    assert abs(np.mean(said) - np.mean(right)) < 0.02
    assert np.mean(naive) > 0.05  # windows taken for independent say too much


def test_correlations_are_numpys() -> None:
    x, *y = np.random.default_rng(0).standard_normal((3, 100))
    r = window_correlations(x, np.stack(y, axis=1), [50, 100], 50)
    expected = [[np.corrcoef(x[s], v[s])[0, 1] for v in y] for s in (slice(0, 50), slice(50, 100))]
    np.testing.assert_allclose(r, expected)
    assert (window_correlations(x, np.ones((100, 1)), [50], 50) == 0).all()


def test_what_cannot_be_learned_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="must fit"):
        calibrated([HeldOut(*rng.standard_normal((3, 48)))], rng, sfreq=SFREQ, window_s=5.0, hop_s=1.0)
    backwards = [
        HeldOut(t.reconstruction, t.unattended, t.attended) for t in [trial(rng, 60) for _ in range(4)]
    ]
    with pytest.raises(DataError, match="above chance"):
        calibrated(backwards, rng, sfreq=SFREQ, window_s=5.0, hop_s=1.0)
    with pytest.raises(DataError, match="above 0"):
        SwitchFilter(gain=1.0, hop_s=0.0)


def test_the_delay_of_a_switch_is_its_first_decision_for_the_other_talker() -> None:
    assert switch_delay([1, 2, 3, 4], [0.9, 0.2, 0.4, 0.6], switch_s=1.5) == 2.5
    assert math.isinf(switch_delay([1, 2], [0.1, 0.2], switch_s=0.0))
