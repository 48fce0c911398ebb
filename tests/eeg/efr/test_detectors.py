"""Detectors against algebra, simulated nulls, scipy and one real recording without a response."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cogattn.eeg import efr
from cogattn.errors import DataError

N_SWEEPS, N_RUNS = 30, 40_000
OVER_SWEEPS = (efr.t2circ, efr.magnitude_squared_coherence, efr.hotelling_t2, efr.rayleigh)


def circular_noise(*shape: int, seed: int = 0) -> np.ndarray:
    """Complex Gaussian noise with E|x|^2 = 1."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


@pytest.fixture(scope="module")
def null() -> np.ndarray:
    return circular_noise(N_SWEEPS, N_RUNS, seed=6)


@pytest.mark.parametrize("detector", OVER_SWEEPS)
def test_false_positive_rate_over_sweeps_is_alpha(detector, null):
    assert np.mean(detector(null).p < 0.05) == pytest.approx(0.05, abs=0.004)


@pytest.mark.parametrize("detector", OVER_SWEEPS)
def test_p_values_of_the_null_are_uniform(detector, null):
    quantiles = np.linspace(0.01, 0.99, 99)
    assert np.abs(np.quantile(detector(null).p, quantiles) - quantiles).max() < 0.012


@pytest.mark.parametrize(("n_side", "n_skip"), [(10, 0), (5, 2)])
def test_false_positive_rate_of_the_f_test_is_alpha(n_side, n_skip):
    spectrum = np.abs(circular_noise(N_RUNS, 41, seed=7)) ** 2
    assert np.mean(efr.f_test(spectrum, 20, n_side, n_skip=n_skip).p < 0.05) == pytest.approx(0.05, abs=0.004)


@pytest.mark.parametrize(
    ("detector", "power"),
    list(zip(OVER_SWEEPS, (0.932, 0.932, 0.917, 0.863), strict=True)),
)
def test_power_at_half_a_noise_unit_matches_the_table(detector, power, null):
    assert np.mean(detector(null + 0.5 * np.exp(0.7j)).p < 0.05) == pytest.approx(power, abs=0.01)


def test_power_of_t2circ_is_that_of_the_noncentral_f(null):
    n, signal = N_SWEEPS, 0.5
    critical = stats.f.isf(0.05, 2, 2 * n - 2)
    predicted = stats.ncf.sf(critical, 2, 2 * n - 2, 2 * n * signal**2)
    assert np.mean(efr.t2circ(null + signal).p < 0.05) == pytest.approx(predicted, abs=0.005)


@pytest.mark.parametrize("amplitude", [0.0, 0.3, 3.0, 1e3])
def test_t2circ_and_coherence_are_one_test(amplitude):
    x = circular_noise(N_SWEEPS, 500, seed=8) + amplitude
    t2c, p = efr.t2circ(x)
    msc, p_msc = efr.magnitude_squared_coherence(x)
    n = len(x)
    if amplitude < 1e3:  # above, 1 - msc itself has lost the digits
        np.testing.assert_allclose(n * t2c, (n - 1) * msc / (1 - msc), rtol=1e-12)
    np.testing.assert_allclose(p, p_msc, rtol=1e-9, atol=1e-300)


def test_hotelling_is_the_textbook_quadratic_form():
    x = circular_noise(12, seed=9) * (1 + 0.5j) + 0.2
    pairs = np.stack([x.real, x.imag])
    expected = 12 * pairs.mean(1) @ np.linalg.solve(np.cov(pairs), pairs.mean(1))
    assert efr.hotelling_t2(x).statistic == pytest.approx(expected, rel=1e-12)


def test_hotelling_holds_its_rate_for_elliptic_noise_and_t2circ_does_not(null):
    elliptic = null.real + 0.1j * null.imag
    assert np.mean(efr.hotelling_t2(elliptic).p < 0.05) == pytest.approx(0.05, abs=0.004)
    assert np.mean(efr.t2circ(elliptic).p < 0.05) > 0.06


def test_phase_locking_is_biased_and_pairwise_consistency_is_not(null):
    assert efr.rayleigh(null).statistic.mean() == pytest.approx(0.163, abs=0.001)
    assert efr.pairwise_phase_consistency(null).mean() == pytest.approx(0, abs=0.001)


def test_pairwise_consistency_is_the_mean_over_pairs():
    x = circular_noise(7, 3, seed=10)
    u = x / np.abs(x)
    pairs = [np.real(u[i] * u[j].conj()) for i in range(7) for j in range(i)]
    np.testing.assert_allclose(efr.pairwise_phase_consistency(x), np.mean(pairs, axis=0), atol=1e-12)


def test_rayleigh_p_is_that_of_simulated_phases():
    angles = np.random.default_rng(11).uniform(0, 2 * np.pi, (20, 200_000))
    null = np.abs(np.exp(1j * angles).mean(axis=0))
    for locking in (0.2, 0.387, 0.5):
        p = efr.rayleigh(_phases_with_locking(20, locking)).p
        assert p == pytest.approx(np.mean(null >= locking), abs=0.003)


def _phases_with_locking(n: int, locking: float) -> np.ndarray:
    """Phasors whose mean resultant is `locking`: two groups at +-angle."""
    angle = np.arccos(locking)
    return np.exp(1j * angle * np.tile([1, -1], n // 2))


def test_f_test_and_snr_are_the_same_ratio():
    spectrum = np.ones((2, 30))
    spectrum[:, 12] = (10.0, 1.0)
    f, p = efr.f_test(spectrum, 12, 5)
    np.testing.assert_allclose(f, [10, 1])
    np.testing.assert_allclose(p, stats.f.sf(f, 2, 20))
    np.testing.assert_allclose(efr.snr_db(spectrum, 12, 5), [10, 0])


def test_spill_bins_are_left_out():
    spectrum = np.ones(30)
    spectrum[11:14] = (50, 100, 50)
    assert efr.snr_db(spectrum, 12, 4, n_skip=1) == pytest.approx(20)


def test_detectors_do_not_depend_on_unit_or_phase():
    x = circular_noise(9, 4, seed=12) + 0.4
    for detector in OVER_SWEEPS:
        np.testing.assert_allclose(detector(x).p, detector(1e-9 * np.exp(1j) * x).p, rtol=1e-9)


@pytest.mark.parametrize("detector", [*OVER_SWEEPS, efr.pairwise_phase_consistency])
@pytest.mark.parametrize(
    ("x", "rule"),
    [
        (np.ones(8), "complex"),
        (np.full((8, 2), np.nan + 0j), "finite"),
        (np.ones((1, 4), complex), "sweeps"),
        (np.zeros((8, 2), complex), "zero"),
    ],
)
def test_unfit_sweeps_are_refused(detector, x, rule):
    with pytest.raises(DataError, match=rule):
        detector(x)


@pytest.mark.parametrize(
    ("spectrum", "bin", "rule"),
    [
        (np.ones(20), 3, "bins on each side"),
        (np.ones(20) + 0j, 10, "complex"),
        (-np.ones(20), 10, "negative"),
        (np.zeros(20), 10, "noise around"),
    ],
)
def test_unfit_spectra_are_refused(spectrum, bin, rule):
    with pytest.raises(DataError, match=rule):
        efr.f_test(spectrum, bin, 5)


def test_a_real_averaged_recording_without_a_response_stays_null(shared_data):
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared_data / "efr" / "assr_sweeps" / "sweeps.mat") as file:
        sweep = np.asarray(file["sweep"])  # (7 channels, 33552 samples at 8192 Hz)
    spectrum = np.abs(np.fft.rfft(sweep)) ** 2
    bins_hz = np.fft.rfftfreq(sweep.shape[-1], 1 / 8192)
    for modulation_hz in (39.0, 40.04):
        bin = int(np.argmin(np.abs(bins_hz - modulation_hz)))
        n_side = round(2.5 / bins_hz[1])  # MASTER's +-2.5 Hz
        assert (efr.f_test(spectrum, bin, n_side, n_skip=1).p > 0.09).all()
