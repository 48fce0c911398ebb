"""Mean channel and spread of simulated and published populations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel import population
from cogattn.psychophysics.masking.channel.fit import fit_channels
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.population import population_channel
from cogattn.psychophysics.masking.config import GainChoice
from cogattn.psychophysics.masking.counts import published_counts
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra

SDS = np.array([0, 0.02, 0.04, 0.08, 0.16])


def simulated(
    rng: np.random.Generator, *, spread: float, n_observers: int = 10, n: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    people = [
        channel_parameters(
            1.5 * np.exp(spread * rng.standard_normal()),
            22 * np.exp(0.1 * rng.standard_normal()),
            30 * np.exp(0.1 * rng.standard_normal()),
            steepness=1.1,
            top_accuracy=0.93,
        )
        for _ in range(n_observers)
    ]
    accuracy = ChannelModel.of(octave_spectra()).accuracy(np.array(people), SDS)
    correct = rng.binomial(n, accuracy)
    return correct, np.full_like(correct, n)


def test_published_people_by_the_papers_fit_have_the_published_means() -> None:
    counts = published_counts()
    found = population_channel(counts.n_correct, counts.n_trials, counts.noise_sds, estimator="paper")
    means = found.bandwidth_octaves.mean, found.center_cpi.mean, found.peak_sensitivity.mean
    assert means == pytest.approx((1.43, 39.13, 0.80), abs=0.006)
    published_sds = np.array([0.54, 2.98, 0.28]) * np.sqrt(14 / 13)  # the paper divides by n
    sds = found.bandwidth_octaves.sd, found.center_cpi.sd, found.peak_sensitivity.sd
    assert sds == pytest.approx(published_sds, abs=0.007)


def test_means_by_the_papers_fit_are_not_below_zero() -> None:
    counts = published_counts()
    differ = np.argsort(
        [
            c.bandwidth_octaves
            for c in fit_channels(
                counts.n_correct, counts.n_trials, counts.noise_sds, estimator="paper", n_bootstrap=1
            )
        ]
    )[[0, -1]]
    found = population_channel(
        counts.n_correct[differ], counts.n_trials[differ], counts.noise_sds, estimator="paper"
    ).bandwidth_octaves
    assert found.interval[0] == 0 < found.mean < found.interval[1]


def test_published_people_by_maximum_likelihood() -> None:
    counts = published_counts()
    found = population_channel(counts.n_correct, counts.n_trials, counts.noise_sds)
    lo, hi = found.bandwidth_octaves.interval
    each = fit_channels(counts.n_correct, counts.n_trials, counts.noise_sds)
    bandwidths, centers = np.array([(c.bandwidth_octaves, c.center_cpi) for c in each]).T
    assert 1.2 < lo < np.exp(np.log(bandwidths).mean()) < hi < 1.65
    assert found.center_cpi.mean == pytest.approx(np.exp(np.log(centers).mean()), rel=0.02)
    assert found.n_observers == len(found.channels) == 14
    assert found.pooled.dispersion > 5 * np.mean([channel.dispersion for channel in found.channels])


@pytest.mark.slow
def test_interval_of_the_mean_covers_it_and_spread_is_recovered() -> None:
    rng = np.random.default_rng(1)
    covered, spreads, means = [], [], []
    for _ in range(40):
        found = population_channel(*simulated(rng, spread=0.2), SDS, spectra=octave_spectra())
        value = found.bandwidth_octaves
        covered.append(value.interval[0] <= 1.5 <= value.interval[1])
        spreads.append(value.sd / value.mean)
        means.append(value.mean)
    assert np.mean(covered) > 0.85  # 0.95 less three standard errors
    assert np.mean(spreads) == pytest.approx(0.2, abs=0.03)
    assert np.mean(means) == pytest.approx(1.5, rel=0.03)


def test_people_without_differences_have_a_spread_interval_from_zero() -> None:
    found = population_channel(
        *simulated(np.random.default_rng(3), spread=0.0), SDS, spectra=octave_spectra()
    )
    assert found.bandwidth_octaves.sd_interval[0] == 0
    assert found.bandwidth_octaves.sd < 0.15


def test_an_observer_who_guesses_weighs_nothing() -> None:
    correct, trials = simulated(np.random.default_rng(4), spread=0.1)
    with_guesser = np.concatenate([correct, np.full((1, 5, 7), 2)])
    more_trials = np.concatenate([trials, trials[:1]])
    alone = population_channel(correct, trials, SDS, spectra=octave_spectra()).bandwidth_octaves
    together = population_channel(with_guesser, more_trials, SDS, spectra=octave_spectra()).bandwidth_octaves
    assert together.mean == pytest.approx(alone.mean, rel=0.02)


@pytest.mark.parametrize("gain", ["free", "log-gaussian"])
@pytest.mark.parametrize("n_correct", [0, 2], ids=["all wrong", "at chance"])
def test_where_nobody_s_counts_determine_a_channel_there_is_no_mean(gain: GainChoice, n_correct: int) -> None:
    trials = np.full((5, *SDS.shape, 7), 30)
    for estimator in ("ml", "paper"):
        found = population_channel(
            np.full_like(trials, n_correct),
            trials,
            SDS,
            estimator=estimator,
            gain=gain,
            spectra=octave_spectra(),
        )
        assert not any(channel.identified for channel in found.channels)
        for value in (found.bandwidth_octaves, found.center_cpi, found.peak_sensitivity):
            assert value.interval == value.sd_interval == (0, np.inf)
            assert np.isnan([value.mean, value.sd]).all()


@pytest.mark.parametrize("gain", ["free", "log-gaussian", "asymmetric"])
@pytest.mark.parametrize("n_observers", [2, 3])
def test_the_mean_of_few_persons_has_an_interval_about_as_wide_as_student_s(
    gain: GainChoice, n_observers: int
) -> None:
    """Student's quantile for two is 12.7: farther than the likelihood of either is known."""
    correct, trials = simulated(np.random.default_rng(11), spread=0.2, n_observers=n_observers)
    found = population_channel(correct, trials, SDS, gain=gain, spectra=octave_spectra())
    logs = np.log([channel.bandwidth_octaves for channel in found.channels])
    errors = [channel.standard_errors[0] / channel.bandwidth_octaves for channel in found.channels]
    student = t.ppf(0.975, n_observers - 1) * np.sqrt(
        np.array([logs.var(ddof=1), np.square(errors).mean()]) / n_observers
    )
    lo, hi = np.log(found.bandwidth_octaves.interval)
    assert 0.8 * student.max() < (hi - lo) / 2 < 1.3 * np.hypot(*student)


def test_guessers_add_no_degrees_of_freedom() -> None:
    """The mean of four persons stays as uncertain; of one there is no interval over persons."""
    correct, trials = simulated(np.random.default_rng(4), spread=0.1, n_observers=4)
    with_guessers = np.concatenate([correct, np.full((12, 5, 7), 2)])
    shown = np.full_like(with_guessers, trials[0, 0, 0])
    among = population_channel(with_guessers, shown, SDS, spectra=octave_spectra())
    alone = population_channel(correct, trials, SDS, spectra=octave_spectra()).bandwidth_octaves
    assert among.bandwidth_octaves.mean == pytest.approx(alone.mean, rel=0.02)
    assert np.ptp(np.log(among.bandwidth_octaves.interval)) > 0.9 * np.ptp(np.log(alone.interval))
    one = population_channel(with_guessers[3:], shown[3:], SDS, spectra=octave_spectra())
    assert one.bandwidth_octaves.mean == one.channels[0].bandwidth_octaves
    assert one.bandwidth_octaves.interval == (0, np.inf)


def test_a_population_of_nobody_is_refused() -> None:
    correct, trials = simulated(np.random.default_rng(5), spread=0.1)
    with pytest.raises(DataError, match="one observer"):
        population_channel(correct[:0], trials[:0], SDS)


def normal_members(rng: np.random.Generator, n: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """A grid and log likelihoods of members of a standard error of 1, who differ by `spread` about 0."""
    estimate = spread * rng.standard_normal(n) + rng.standard_normal(n)
    points = np.linspace(estimate.min() - 6, estimate.max() + 6, 81)
    return points, -0.5 * (points - estimate[:, None]) ** 2


@pytest.mark.parametrize("spread", [1.0, 10.0])
def test_intervals_of_mean_and_spread_hold_whatever_the_members_errors_beside_it(spread: float) -> None:
    rng, quantile, held = np.random.default_rng(0), t.ppf(0.975, 13), []
    for _ in range(60):
        points, curves = normal_members(rng, 14, spread)
        found = population._hierarchical(points, curves, 0.04, quantile, 0.95)
        (lo, hi), (least, most) = found.interval, found.sd_interval
        held.append((lo <= 0 <= hi, least <= spread <= most))
    assert (np.mean(held, axis=0) >= 0.88).all()


def test_both_integrals_over_members_agree_where_both_are_exact() -> None:
    points, curves = normal_members(np.random.default_rng(1), 5, 0.5)
    sds = np.array([0.5, 0.8])
    by_nodes, by_grid = (f(points, curves, sds) for f in (population._by_nodes, population._by_grid))
    near = by_nodes > by_nodes.max() - 5
    np.testing.assert_allclose((by_grid - by_nodes)[near], 0, atol=0.05)
