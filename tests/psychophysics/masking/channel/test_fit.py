"""fit_channel: what a user calls, with its flags for what cannot be known and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.fit import Channel, fit_channel, fit_channels
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.counts import published_counts, published_networks
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra, pyramid_spectra

SDS = np.array([0, 0.02, 0.04, 0.08, 0.16])
N = np.full((5, 7), 30)


def expected_counts(bandwidth: float, center: float = 22.0, peak: float = 60.0, n: int = 30) -> np.ndarray:
    theta = channel_parameters(bandwidth, center, peak, steepness=1.0, top_accuracy=0.9)
    return np.round(n * ChannelModel.of(pyramid_spectra()).accuracy(theta, SDS))


def pooled() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts = published_counts()
    return counts.n_correct.sum(axis=0), counts.n_trials.sum(axis=0), counts.noise_sds


def test_pooled_people_by_maximum_likelihood() -> None:
    channel = fit_channel(*pooled())
    assert channel.identified
    lo, hi = channel.bandwidth_interval
    assert 1.3 < lo < channel.bandwidth_octaves < hi < 1.65  # as wide as the mean of the fourteen
    assert 19 < channel.center_cpi < 22
    assert channel.n_trials == 14_700
    assert channel.df == 30
    assert channel.dispersion > 5  # people and cells differ: pooled counts are not binomial


def test_pooled_people_by_the_papers_fit() -> None:
    channel = fit_channel(*pooled(), estimator="paper")
    assert channel.bandwidth_octaves == pytest.approx(1.00, abs=0.005)
    assert channel.center_cpi == pytest.approx(39.6, abs=0.05)
    assert channel.peak_sensitivity == pytest.approx(1.00, abs=0.005)
    assert channel.thresholds == (0, 0, 0, 0, 2, 2, 0)
    assert not channel.identified
    assert "A <= 4" in channel.reason


def test_standard_errors_are_the_scatter_of_simulated_observers() -> None:
    theta = channel_parameters(1.6, 22.0, 30.0, steepness=1.0, top_accuracy=0.92)
    share = ChannelModel.of(pyramid_spectra()).accuracy(theta, SDS)
    counts = np.random.default_rng(8).binomial(100, share, (120, *share.shape))
    found = fit_channels(counts, np.full(counts.shape, 100), SDS)
    values = np.array([(c.bandwidth_octaves, c.center_cpi, c.peak_sensitivity) for c in found])
    errors = np.array([c.standard_errors for c in found])
    assert np.median(errors, axis=0) == pytest.approx(values.std(axis=0), rel=0.2)


def test_the_two_estimators_intervals_hold_their_estimates() -> None:
    counts = published_counts()
    for estimator in ("ml", "paper"):
        for channel in fit_channels(
            counts.n_correct, counts.n_trials, counts.noise_sds, estimator=estimator, n_bootstrap=100
        ):
            lo, hi = channel.bandwidth_interval
            assert lo <= channel.bandwidth_octaves <= hi
            assert channel.center_interval[0] <= channel.center_cpi <= channel.center_interval[1]
            assert channel.peak_interval[0] <= channel.peak_sensitivity <= channel.peak_interval[1]


def test_one_fit_is_the_same_as_a_batch_of_fits() -> None:
    counts = published_counts()
    batch = fit_channels(counts.n_correct, counts.n_trials, counts.noise_sds)
    for i in (0, 7, 13):
        alone = fit_channel(counts.n_correct[i], counts.n_trials[i], counts.noise_sds)
        assert alone.bandwidth_octaves == pytest.approx(batch[i].bandwidth_octaves, rel=1e-5)
        assert alone.bandwidth_interval == pytest.approx(batch[i].bandwidth_interval, rel=2e-3)


def test_higher_confidence_gives_wider_intervals() -> None:
    narrow, wide = fit_channel(*pooled(), confidence=0.8), fit_channel(*pooled(), confidence=0.99)
    assert wide.bandwidth_interval[0] < narrow.bandwidth_interval[0]
    assert wide.bandwidth_interval[1] > narrow.bandwidth_interval[1]


def test_bootstrap_gives_nearly_the_profile_interval_and_repeats() -> None:
    first = fit_channel(*pooled(), interval="bootstrap", rng=np.random.default_rng(5))
    again = fit_channel(*pooled(), interval="bootstrap", rng=np.random.default_rng(5))
    assert first == again
    assert first.bandwidth_interval == pytest.approx(fit_channel(*pooled()).bandwidth_interval, abs=0.02)


def test_gain_is_one_at_the_centre_and_half_at_half_the_bandwidth() -> None:
    channel = fit_channel(*pooled())
    edges = channel.center_cpi * 2.0 ** (np.array([-0.5, 0, 0.5]) * channel.bandwidth_octaves)
    assert channel.gain(edges) == pytest.approx([0.5, 1, 0.5])


@pytest.mark.parametrize("gain", ["log-gaussian", "asymmetric", "free"])
def test_a_steepness_at_its_limit_is_flagged_with_its_numbers_kept(gain: str) -> None:
    """Accuracy falls from nearly all to chance between two noise SDs: any steeper function does as well."""
    steep = channel_parameters(2.0, 22, 40, steepness=40.0, top_accuracy=0.9)
    counts = np.round(30 * ChannelModel.of(pyramid_spectra()).accuracy(steep, SDS))
    channel = fit_channel(counts, N, SDS, gain=gain)
    assert channel.at_limit == ("steepness",)
    assert channel.reason == "the steepness is at the limit, so that intervals may be too narrow"
    assert not channel.identified
    assert np.isfinite([channel.bandwidth_octaves, channel.center_cpi, channel.peak_sensitivity]).all()


def test_no_error_without_noise_is_told_and_is_no_fault() -> None:
    theta = channel_parameters(2.0, 22, 40, steepness=1.0, top_accuracy=0.9999999)
    counts = np.round(300 * ChannelModel.of(pyramid_spectra()).accuracy(theta, SDS))
    counts[:2] = np.where(counts[:2] > 296, 300, counts[:2])
    channel = fit_channel(counts, 10 * N, SDS)
    assert channel.at_limit == ("top",)
    assert channel.reason == "no error without noise: the top is at its limit"
    assert channel.identified


@pytest.mark.parametrize("gain", ["asymmetric", "free"])
def test_a_bent_gain_is_one_at_its_maximum_and_half_at_the_ends_of_its_bandwidth(gain: str) -> None:
    networks = published_networks()
    at = networks.observers.index("vit_base_patch16_224")
    channel = fit_channel(networks.n_correct[at], networks.n_trials[at], networks.noise_sds, gain=gain)
    edges = channel.center_cpi * 2.0 ** (np.array([-0.5, 0.5]) * channel.bandwidth_octaves)
    assert channel.gain(edges) == pytest.approx([0.5, 0.5], abs=0.005)
    assert channel.gain(np.geomspace(1, 150, 2000)).max() == pytest.approx(1, abs=1e-3)
    assert channel.identified  # in periodograms its steepness was at the limit


def test_predicted_accuracy_is_near_the_observed() -> None:
    correct, trials, sds = pooled()
    predicted = fit_channel(correct, trials, sds).accuracy(sds, pyramid_spectra())
    assert predicted.shape == (5, 7)
    assert np.abs(predicted - correct / trials).mean() < 0.04


def test_chance_and_labels_are_settings() -> None:
    theta = channel_parameters(2.0, 20, 60, steepness=1, top_accuracy=0.95, n_alternatives=4)
    counts = np.round(4000 * ChannelModel.of(octave_spectra(), 4).accuracy(theta, SDS))
    trials = np.full((5, 7), 4000)
    channel = fit_channel(counts, trials, SDS, spectra=octave_spectra(), n_alternatives=4)
    assert (channel.bandwidth_octaves, channel.center_cpi) == pytest.approx((2, 20), rel=0.01)
    doubled = fit_channel(*pooled(), estimator="paper", nominal_cpi=3.5 * 2.0 ** np.arange(7))
    assert doubled.center_cpi == pytest.approx(79.2, abs=0.1)


SHARES = {"floor": 1 / 16, "indifferent": 0.5, "ceiling": 1.0}


def unidentified(channel: Channel) -> bool:
    return not channel.identified and bool(channel.reason) and np.isnan(channel.bandwidth_octaves)


@pytest.mark.parametrize(
    ("estimator", "share"),
    [
        *(pytest.param("ml", share, id=f"ml-{name}") for name, share in SHARES.items()),
        *(pytest.param("paper", SHARES[name], id=f"paper-{name}") for name in ("floor", "ceiling")),
        pytest.param("paper", SHARES["indifferent"], id="paper-indifferent", marks=pytest.mark.slow),
    ],
)
def test_observers_whom_noise_does_not_touch_get_no_number(share: float, estimator: str) -> None:
    trials = np.full((5, 7), 48)
    channel = fit_channel(np.round(share * trials), trials, SDS, estimator=estimator)
    assert unidentified(channel)
    if estimator == "ml":
        assert channel.bandwidth_interval == (0, np.inf)
        assert np.isnan([channel.center_cpi, channel.peak_sensitivity]).all()


@pytest.mark.slow
def test_floor_is_flagged_in_nearly_all_random_observers() -> None:
    counts = np.random.default_rng(0).binomial(30, 1 / 16, (300, 5, 7))
    channels = fit_channels(counts, np.full_like(counts, 30), SDS)
    assert np.mean([channel.identified for channel in channels]) < 0.03


def test_accuracy_that_rises_with_noise_gets_no_number() -> None:
    rising = np.repeat([[4], [8], [14], [22], [28]], 7, axis=1)
    assert unidentified(fit_channel(rising, N, SDS))


def test_noise_that_hurts_alike_in_all_bands_leaves_the_bandwidth_open_above() -> None:
    alike = np.repeat([[28], [22], [12], [5], [2]], 7, axis=1)
    channel = fit_channel(alike, N, SDS, spectra=octave_spectra())
    assert channel.bandwidth_interval[1] == np.inf
    assert channel.bandwidth_interval[0] > 3
    assert unidentified(channel) or channel.bandwidth_octaves > 3


def test_one_band_that_hurts_leaves_the_bandwidth_open_below() -> None:
    counts = np.full((5, 7), 28)
    counts[:, 4] = [28, 24, 14, 6, 2]
    channel = fit_channel(counts, N, SDS, spectra=octave_spectra())
    assert channel.bandwidth_interval[0] == 0
    assert channel.bandwidth_interval[1] < 1.5


def test_the_papers_fit_without_a_unique_optimum_gives_no_number() -> None:
    counts = np.full((5, 7), 28)
    counts[3:, 4] = 2
    channel = fit_channel(counts, N, SDS, estimator="paper")
    assert channel.thresholds == (0, 0, 0, 0, 2, 0, 0)
    assert unidentified(channel)


def test_the_papers_interval_is_open_where_many_resamples_have_no_number() -> None:
    counts = np.full((5, 7), 30)
    counts[4, 4] = 15
    channel = fit_channel(counts, N, SDS, estimator="paper")
    assert channel.bandwidth_interval == (0, np.inf)


def test_a_clean_row_in_one_column_is_allowed() -> None:
    correct, trials = expected_counts(1.5), N.copy()
    correct[0, 1:], trials[0, 1:] = 0, 0
    channel = fit_channel(correct, trials, SDS)
    assert channel.bandwidth_octaves == pytest.approx(1.5, rel=0.15)


def refusals() -> dict[str, tuple[object, object, object, dict[str, object], str]]:
    good = expected_counts(1.5)
    with_nan, too_many, halves = good.copy(), good.copy(), good.copy()
    with_nan[2, 3], too_many[3, 2], halves[1, 1] = np.nan, 31, 2.5
    gap = N.copy()
    gap[2, 2] = 0
    no_noise = np.zeros((5, 7), dtype=int)
    no_noise[0] = 30
    sparse = np.minimum(good, gap)
    return {
        "NaN": (with_nan, N, SDS, {}, r"n_correct must be counts.*nan at index \(2, 3\)"),
        "half a trial": (halves, N, SDS, {}, "n_correct must be counts"),
        "negative": (-good, N, SDS, {}, "n_correct must be counts"),
        "words": ("many", N, SDS, {}, "n_correct must be an array of counts"),
        "too many": (too_many, N, SDS, {}, r"at most n_trials; got 31 of 30 \(noise SD 0.08, band 2\)"),
        "shapes": (good[:, :6], N, SDS, {}, "one row per noise SD"),
        "rows": (good[:4], N[:4], SDS, {}, "one row per noise SD"),
        "falling SDs": (good, N, SDS[::-1], {}, "noise_sds must rise"),
        "negative SD": (good, N, SDS - 0.01, {}, "noise_sds must rise"),
        "NaN SD": (good, N, [0, 0.02, np.nan, 0.08, 0.16], {}, "noise_sds must rise"),
        "clean only": (np.minimum(good, no_noise), no_noise, SDS, {}, "some cell with noise"),
        "other bands": (good, N, SDS, {"spectra": octave_spectra(6)}, "one band per column"),
        "empty cell": (sparse, gap, SDS, {"estimator": "paper"}, "above 0 in all cells"),
        "no ladder": (good, N, [0, 0.02, 0.04, 0.08, 0.1], {"estimator": "paper"}, "constant ratio"),
    }


@pytest.mark.parametrize("case", refusals())
def test_unusable_counts_are_refused_in_one_sentence(case: str) -> None:
    correct, trials, sds, options, message = refusals()[case]
    with pytest.raises(DataError, match=message) as caught:
        fit_channel(correct, trials, sds, **options)
    assert "\n" not in str(caught.value)
