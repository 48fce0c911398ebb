"""The paper's fit on the paper's data, and on thresholds that determine nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import curve_fit

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.paper_fit import fit_gaussian, integer_thresholds, noise_ladder
from cogattn.psychophysics.masking.counts import published_counts

SDS = [0, 0.02, 0.04, 0.08, 0.16]


def test_pooled_people_have_the_published_thresholds_and_channel() -> None:
    counts = published_counts()
    accuracy = counts.n_correct.sum(axis=0) / counts.n_trials.sum(axis=0)
    thresholds = integer_thresholds(accuracy, counts.noise_sds)
    assert thresholds.tolist() == [0, 0, 0, 0, 2, 2, 0]
    fit = fit_gaussian(thresholds, n_levels=4)
    assert (fit.height, fit.mean, fit.sd) == pytest.approx((4.00, 4.50, 0.42), abs=0.005)
    assert fit.bandwidth_octaves == pytest.approx(1.00, abs=0.005)
    assert fit.center_cpi(1.75) == pytest.approx(39.6, abs=0.05)
    assert fit.peak_sensitivity(SDS) == pytest.approx(1.00, abs=0.005)
    assert not fit.identified
    assert "bound" in fit.reason


def test_individual_people_have_the_published_mean_and_sd() -> None:
    counts = published_counts()
    thresholds = integer_thresholds(counts.n_correct / counts.n_trials, counts.noise_sds)
    fits = [fit_gaussian(row, n_levels=4) for row in thresholds]
    table = np.array([(f.bandwidth_octaves, f.center_cpi(1.75), f.peak_sensitivity(SDS)) for f in fits])
    assert table.mean(axis=0) == pytest.approx([1.43, 39.13, 0.80], abs=0.006)
    assert table.std(axis=0) == pytest.approx([0.54, 2.98, 0.28], abs=0.006)


@pytest.mark.parametrize(
    ("criterion", "bandwidth"), [(0.6, 1.56), (0.7, 2.30), (0.75, 2.92)], ids=["60 %", "70 %", "75 %"]
)
def test_bandwidth_of_people_moves_with_the_criterion(criterion: float, bandwidth: float) -> None:
    counts = published_counts()
    accuracy = counts.n_correct.sum(axis=0) / counts.n_trials.sum(axis=0)
    fit = fit_gaussian(integer_thresholds(accuracy, counts.noise_sds, criterion=criterion), n_levels=4)
    assert fit.bandwidth_octaves == pytest.approx(bandwidth, abs=0.01)


def test_thresholds_count_down_from_the_highest_noise() -> None:
    rng = np.random.default_rng(0)
    for accuracy in rng.random((200, 5, 7)):
        expected = []
        for band in range(7):
            steps = 0
            while steps < 4 and accuracy[4 - steps, band] <= 0.5:
                steps += 1
            expected.append(steps)
        assert integer_thresholds(accuracy, SDS).tolist() == expected


def test_a_gaussian_in_the_integers_is_found_again() -> None:
    """2 4 2 one octave apart is a Gaussian of full width 2 octaves: half of its height at +-1."""
    fit = fit_gaussian([0, 0, 2, 4, 2, 0, 0], n_levels=5)
    assert fit.mean == pytest.approx(3, abs=1e-4)
    assert fit.bandwidth_octaves == pytest.approx(2.0, abs=0.1)
    assert fit.identified


@pytest.mark.parametrize(
    "thresholds",
    [[0] * 7, [4] * 7, [2] * 7, [0, 0, 0, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0, 3]],
    ids=["none", "all at the bound", "flat", "one band", "last band"],
)
def test_thresholds_that_fit_many_gaussians_give_no_number(thresholds: list[int]) -> None:
    fit = fit_gaussian(thresholds, n_levels=4)
    assert np.isnan([fit.bandwidth_octaves, fit.mean, fit.height]).all()
    assert not fit.identified
    assert fit.reason


def test_a_negative_width_counts_as_its_size_and_is_noted() -> None:
    thresholds = [0, 0, 0, 2, 4, 2, 1]
    bounds = ((0, -np.inf, -np.inf), (4, np.inf, np.inf))
    (height, mean, sd), _ = curve_fit(
        lambda x, a, m, s: a * np.exp(-((x - m) ** 2) / (2 * s**2)),
        np.arange(7),
        thresholds,
        p0=(1, 0, 1),
        bounds=bounds,
    )
    fit = fit_gaussian(thresholds, n_levels=4)
    assert sd < 0
    assert (fit.height, fit.mean, fit.sd) == pytest.approx((height, mean, -sd), rel=1e-6)
    assert "negative" in fit.reason
    assert fit.identified


def test_a_channel_wider_than_the_bands_is_flagged() -> None:
    fit = fit_gaussian([3, 3, 3, 4, 3, 3, 3], n_levels=5)
    assert fit.bandwidth_octaves > 7
    assert not fit.identified


def test_peak_sensitivity_is_one_where_the_threshold_is_one_percent_contrast() -> None:
    fit = fit_gaussian([0, 1, 3, 4, 3, 1, 0], n_levels=5)
    levels = np.array([0.01, 0.02, 0.04, 0.08, 0.16])
    assert fit.peak_sensitivity(levels) == pytest.approx(2 ** (fit.height - 4))


@pytest.mark.parametrize("sds", [[0, 0.1], [0, 0.02, 0.04, 0.1], [0]])
def test_noise_levels_must_be_a_ladder(sds: list[float]) -> None:
    with pytest.raises(DataError, match="constant ratio"):
        noise_ladder(sds)
