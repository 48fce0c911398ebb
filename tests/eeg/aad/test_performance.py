"""Performance curves follow real decoders, and their intervals hold what they claim."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from cogattn.eeg.aad import cross_validate
from cogattn.eeg.aad.metrics import information_rate, mesd, window_correlation
from cogattn.eeg.aad.performance import PerformanceCurve, fit_curve, listeners_share
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, speech_envelope

WINDOWS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
MESD = {"p0": 0.8, "c": 0.65, "n_min": 5}


def sums_of(margins: dict[float, list[np.ndarray]]) -> pd.DataFrame:
    """Margins by window length and trial, as the summary adds them up."""
    rows = [
        (w, str(k), m.size, m.sum(), (m**2).sum())
        for w, trials in margins.items()
        for k, m in enumerate(trials)
    ]
    return pd.DataFrame(rows, columns=["window_s", "trial", "n", "margin", "square"])


def drawn(rng: np.random.Generator, slope: float, n_trials: int) -> pd.DataFrame:
    """Independent trials of a minute: one second's margin has mean `slope` and variance 1."""
    seconds = slope + rng.standard_normal((n_trials, 60))
    return sums_of(
        {
            w: list(seconds[:, : int(60 // w * w)].reshape(n_trials, -1, int(w)).mean(axis=2))
            for w in WINDOWS_S
        }
    )


@pytest.mark.parametrize(("n_trials", "slope"), [(20, 0.0), (20, 0.15), (20, 0.4), (5, 0.0), (5, 0.15)])
def test_the_interval_of_a_single_listeners_slope_holds_the_truth(n_trials: int, slope: float) -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        curve = fit_curve(drawn(rng, slope, n_trials), validation="subject")
        found.append((curve.slope, curve.lo <= slope <= curve.hi))
    mean, share = np.mean(found, axis=0)
    assert mean == pytest.approx(slope, abs=0.02)
    assert 0.9 <= share <= 0.995  # three standard errors about .95


@pytest.mark.slow
def test_the_interval_holds_in_pure_noise_where_trials_teach_each_other() -> None:
    def listener(seed: int) -> PerformanceCurve:
        rng = np.random.default_rng(seed)
        sounds = [[speech_envelope(rng, duration_s=10, sfreq=32.0) for _ in range(20)] for _ in range(2)]
        eeg = [coloured_noise(rng, (320, 4), sfreq=32.0) for _ in range(20)]
        d = cross_validate(eeg, *sounds, sfreq=32.0, alphas="ledoit-wolf")
        z = [
            [
                np.arctanh(window_correlation(y, s, length=32 * w))
                for y, s in zip(d.reconstruction, role, strict=True)
            ]
            for w in (1, 2, 5, 10)
            for role in (d.attended, d.unattended)
        ]
        margins = {
            w: [a - u for a, u in zip(z[2 * i], z[2 * i + 1], strict=True)]
            for i, w in enumerate((1, 2, 5, 10))
        }
        return fit_curve(sums_of(margins), validation="trial")

    curves = [listener(seed) for seed in range(70)]
    assert np.mean([c.lo <= 0 <= c.hi for c in curves]) >= 0.87
    # the inflation is what the slopes scatter by: without it the mean error would be a fifth too small
    half = np.mean([c.hi - c.slope for c in curves]) / 2.093
    assert half == pytest.approx(np.std([c.slope for c in curves]), rel=0.2)


def test_the_error_is_the_jackknifes_over_whole_trials() -> None:
    sums = drawn(np.random.default_rng(3), 0.2, 6)
    curve = fit_curve(sums, validation="subject")
    without = np.array(
        [fit_curve(sums[sums["trial"] != str(k)], validation="subject").slope for k in range(6)]
    )
    error = math.sqrt(5 / 6 * np.sum((without - without.mean()) ** 2))
    assert (curve.hi - curve.slope) == pytest.approx(t.ppf(0.975, 5) * error, rel=1e-9)
    assert curve.accuracy(5.0).n == 1


def test_the_curve_is_phi_of_the_root_of_the_window() -> None:
    curve = PerformanceCurve(0.2, 0.1, 0.3)
    found = curve.accuracy(25.0)
    np.testing.assert_allclose((found.estimate, found.lo, found.hi), norm.cdf([1.0, 0.5, 1.5]))
    assert PerformanceCurve(0.0, -0.1, 0.1).accuracy(60.0).estimate == 0.5


def test_switch_durations_of_a_curve_are_those_of_its_points_and_fall_with_the_slope() -> None:
    curve = PerformanceCurve(0.2, 0.1, 0.3)
    found = curve.switch_duration(1.0, 60.0, **MESD)
    points = np.linspace(1, 60, 1000)
    assert found.estimate == mesd(points, norm.cdf(0.2 * np.sqrt(points)))
    assert found.lo < found.estimate < found.hi
    # time has no scale of its own: half the slope, four times the duration, where windows do not bind
    assert found.hi / found.estimate == pytest.approx(4, rel=0.02)
    endless = PerformanceCurve(0.05, -0.01, 0.11).switch_duration(1.0, 60.0, **MESD)
    assert endless.hi == math.inf
    assert PerformanceCurve(0.2, math.nan, math.nan).switch_duration(5.0, 5.0, **MESD).estimate > 0
    assert math.isnan(PerformanceCurve(0.2, math.nan, math.nan).switch_duration(5.0, 5.0, **MESD).hi)


def test_too_few_trials_give_no_interval_and_too_few_windows_no_slope() -> None:
    rng = np.random.default_rng(0)
    two = fit_curve(drawn(rng, 0.2, 2), validation="trial")
    assert two.slope == pytest.approx(0.2, abs=0.3)
    assert math.isnan(two.lo)
    few = sums_of({60.0: [np.array([0.2]), np.array([0.1]), np.array([0.3])]})
    assert math.isnan(fit_curve(few, validation="trial").slope)


def test_trials_that_teach_each_other_widen_the_interval() -> None:
    sums = drawn(np.random.default_rng(0), 0.2, 20)
    apart, together = (fit_curve(sums, validation=by) for by in ("subject", "trial"))
    assert apart.slope == together.slope
    assert (together.hi - together.slope) / (apart.hi - apart.slope) == pytest.approx(math.sqrt(1.5))


@pytest.mark.parametrize(("decoder", "error"), [("ridge", 0.030), ("cnn", 0.028)])
def test_published_decodings_lie_on_one_curve_a_listener(shared_data, decoder: str, error: float) -> None:
    folder, errors, means = shared_data / "aad" / "thornton", [], []
    for listener in range(17):
        margins: dict[float, list[np.ndarray]] = {w: [] for w in WINDOWS_S}
        for talker in ("fW", "fM"):
            decoded = np.load(folder / f"{talker}_predictions_YH{listener:02d}_{decoder}.npy")
            for w in WINDOWS_S:
                sounds = (
                    np.load(folder / f"{talker}_{role}_truth.npy") for role in ("attended", "unattended")
                )
                z = [np.arctanh(window_correlation(decoded, s, length=int(125 * w))) for s in sounds]
                margins[w].append(z[0] - z[1])
        curve = fit_curve(sums_of(margins), validation="trial")
        observed = [np.mean(np.concatenate(m) > 0) for m in margins.values()]
        fitted = [curve.accuracy(w).estimate for w in WINDOWS_S]
        errors.append(np.abs(np.subtract(fitted, observed)))
        means.append((fitted, observed))
    assert np.mean(errors) < error  # the paper: about two points
    fitted, observed = np.mean(means, axis=0)
    assert np.abs(fitted - observed).max() < 0.035


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
@pytest.mark.parametrize(("n_trials", "each"), [(2, 12), (3, 1), (5, 12), (20, 1), (20, 12)])
@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_interval_of_a_single_listeners_accuracy_holds_the_truth(share, n_trials, each, spread) -> None:
    rng, hits = np.random.default_rng(1), 0
    for _ in range(200):
        own = share + spread * math.sqrt(3) * rng.uniform(-1, 1, n_trials) * (share < 0.8)
        right = rng.binomial(each, own)
        found = listeners_share(right, np.full(n_trials, each), dispersion=1.0)
        assert found.lo <= found.estimate <= found.hi
        hits += found.lo <= share <= found.hi
    assert hits / 200 >= 0.9


def test_one_trial_has_no_interval_and_none_wrong_leaves_room_for_an_error() -> None:
    assert math.isnan(listeners_share(np.array([7.0]), np.array([10.0]), dispersion=1.0).lo)
    found = listeners_share(np.full(20, 1.0), np.ones(20), dispersion=1.0)
    assert found.estimate == found.hi == 1
    assert 0.75 < found.lo < 0.9
    wider = listeners_share(np.full(20, 1.0), np.ones(20), dispersion=1.3)
    assert wider.lo < found.lo


def test_null_listeners_carry_no_information() -> None:
    rng = np.random.default_rng(0)
    slopes = [fit_curve(drawn(rng, 0.0, 20), validation="trial").slope for _ in range(200)]
    rates = [float(information_rate(PerformanceCurve(k, k, k).accuracy(5.0).estimate, 5.0)) for k in slopes]
    assert np.mean(rates) < 0.02


def test_decisions_alike_have_wilsons_interval_with_students_quantile() -> None:
    right = np.array([8.0, 9, 8, 9, 8, 9, 8, 9])  # less scattered than coins: never narrower for it
    found = listeners_share(right, np.full(8, 12.0), dispersion=1.0)
    share, n, quantile = 68 / 96, 96, t.ppf(0.975, 7)
    centre = (share + quantile**2 / (2 * n)) / (1 + quantile**2 / n)
    half = quantile / (1 + quantile**2 / n) * math.sqrt(share * (1 - share) / n + quantile**2 / (4 * n**2))
    assert (found.lo, found.hi) == pytest.approx((centre - half, centre + half))
    unlike = listeners_share(np.array([2.0, 12, 4, 12, 3, 12, 11, 12]), np.full(8, 12.0), dispersion=1.0)
    assert unlike.hi - unlike.lo > 1.5 * (found.hi - found.lo)


def test_few_windows_do_not_make_the_slope_too_steep() -> None:
    rng, k = np.random.default_rng(0), 0.15
    found = []
    for _ in range(1500):
        margins = {60.0: list(k + rng.standard_normal((6, 1)) / math.sqrt(60))}
        found.append(fit_curve(sums_of(margins), validation="trial").slope)
    assert np.mean(found) == pytest.approx(k, rel=0.05)  # without the correction a fifth too steep


def test_degrees_of_freedom_are_trials_less_one() -> None:
    curve = fit_curve(drawn(np.random.default_rng(0), 0.2, 5), validation="subject")
    narrow = fit_curve(drawn(np.random.default_rng(0), 0.2, 5), validation="subject", confidence=0.5)
    ratio = (curve.hi - curve.slope) / (narrow.hi - narrow.slope)
    assert ratio == pytest.approx(t.ppf(0.975, 4) / t.ppf(0.75, 4))
