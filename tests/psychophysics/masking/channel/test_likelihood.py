"""The joint model: derivatives, agreement with a general optimiser, recovery and coverage by simulation."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize

from cogattn.psychophysics.masking.channel.likelihood import (
    Cells,
    ChannelModel,
    channel_parameters,
    top_accuracy,
)
from cogattn.psychophysics.masking.channel.maximum import fit_many
from cogattn.psychophysics.masking.counts import published_counts, published_networks
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra, octave_spectra, pyramid_spectra
from cogattn.psychophysics.masking.stimuli.pyramid import pyramid_noise

PAPER_SDS = np.array([0, 0.02, 0.04, 0.08, 0.16])
FINE_SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
PERSON = channel_parameters(1.4, 22, 24, steepness=1.1, top_accuracy=0.93)
NETWORK = channel_parameters(2.3, 24, 80, steepness=0.9, top_accuracy=0.85)


def expected_accuracy(
    spectra: BandSpectra,
    sd: float,
    band: int,
    bandwidth: float,
    center: float,
    peak: float,
    k: float,
    top: float,
) -> float:
    """The model written out for one cell, as the module's first lines have it."""
    weight = sum(
        power * 2 ** -((2 * np.log2(f / center) / bandwidth) ** 2)
        for f, power in zip(spectra.frequencies_cpi[1:], spectra.power[band, 1:], strict=True)
    )
    return 1 / 16 + (top - 1 / 16) * 2 ** -((sd**2 * peak**2 * weight) ** k)


def test_accuracy_is_the_formula() -> None:
    spectra = pyramid_spectra()
    table = ChannelModel.of(spectra).accuracy(NETWORK, FINE_SDS)
    for row, sd in enumerate(FINE_SDS):
        for band in range(7):
            expected = expected_accuracy(spectra, sd, band, 2.3, 24, 80, 0.9, 0.85)
            assert table[row, band] == pytest.approx(expected, rel=1e-9)


def test_peak_sensitivity_is_the_reciprocal_of_the_sd_at_the_centre_that_halves_accuracy_above_chance() -> (
    None
):
    line = BandSpectra(
        np.array([10.0, 20.0]), np.array([0.0, 10.0, 20.0]), np.array([[0.0, 1, 0], [0, 0, 1]])
    )
    theta = channel_parameters(1.0, 20, 50, steepness=1.3, top_accuracy=0.9)
    accuracy = ChannelModel.of(line).accuracy(theta, [0.0, 1 / 50])
    assert accuracy[1, 1] - 1 / 16 == pytest.approx((0.9 - 1 / 16) / 2)


def test_gain_is_half_at_half_the_bandwidth() -> None:
    line = BandSpectra(
        np.array([10.0, 20.0]), np.array([0.0, 10.0, 20.0]), np.array([[0.0, 1, 0], [0, 0, 1]])
    )
    weights = np.exp(
        ChannelModel.of(line).log_weights(
            channel_parameters(2.0, 20, 50, steepness=1, top_accuracy=0.9)[None]
        )
    )
    assert weights[0] == pytest.approx([0.5, 1.0])


@pytest.mark.parametrize("theta", [PERSON, NETWORK], ids=["person", "network"])
def test_slopes_are_those_of_finite_differences(theta: np.ndarray) -> None:
    model, cells, step = ChannelModel.of(pyramid_spectra()), Cells.grid(FINE_SDS, 7), 1e-6
    _, slopes = model.slopes(theta[None], cells)
    for j in range(5):
        shift = step * np.eye(5)[j]
        up, down = (
            model.slopes((theta + shift)[None], cells)[0],
            model.slopes((theta - shift)[None], cells)[0],
        )
        assert slopes[0, :, j] == pytest.approx((up - down)[0] / (2 * step), abs=1e-7)


def test_maximum_is_that_of_a_general_optimiser_on_the_written_out_model() -> None:
    counts = published_counts()
    correct, trials = counts.n_correct[0], counts.n_trials[0]
    model = ChannelModel.of(pyramid_spectra())

    def cost(theta: np.ndarray) -> float:
        p = model.accuracy(np.clip(theta, model.lower, model.upper), counts.noise_sds)
        return -float((correct * np.log(p) + (trials - correct) * np.log(1 - p)).sum())

    best = min(
        (
            minimize(
                cost, start, method="Nelder-Mead", options={"maxiter": 6000, "xatol": 1e-6, "fatol": 1e-8}
            )
            for start in (PERSON, NETWORK)
        ),
        key=lambda found: found.fun,
    )
    fit = fit_many(correct[None], trials[None], counts.noise_sds)
    assert fit.parameters[0] == pytest.approx(best.x, abs=2e-3)


@cache
def periodograms() -> BandSpectra:
    """Mean periodograms of the paper's bands, in which the study page's prototype had its frequencies."""
    radius = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(224) * 224]))
    ring = np.where(radius > 0, np.round(24 * np.log2(np.maximum(radius, 1))), -1)
    _, index = np.unique(ring.ravel(), return_inverse=True)
    power = []
    for band in range(7):
        fields = pyramid_noise([np.random.default_rng(i) for i in range(40)], [band] * 40, size=224).numpy()
        mean = (np.abs(np.fft.fft2(fields) / 224**2) ** 2).mean(axis=0)
        power.append(np.bincount(index, mean.ravel()))
    return BandSpectra(
        pyramid_spectra().nominal_cpi,
        np.bincount(index, radius.ravel()) / np.bincount(index),
        np.array(power),
    )


def test_in_periodograms_people_have_the_channels_that_the_study_page_states() -> None:
    """An independent prototype. Pooled: 1.42 octaves [1.33, 1.52], centre 21.9 cycles per image; single people: 1.39,
    SD .19; centre 21.9, SD 1.7; deviances from 29 to 56 on 30 df."""
    counts, spectra = published_counts(), periodograms()
    pooled = counts.n_correct.sum(axis=0)[None], counts.n_trials.sum(axis=0)[None]
    fit = fit_many(*pooled, counts.noise_sds, spectra)
    assert np.exp(fit.parameters[0, 0]) == pytest.approx(1.42, abs=0.02)
    assert np.exp(fit.intervals[0, 0]) == pytest.approx([1.33, 1.52], abs=0.02)
    assert 2 ** fit.parameters[0, 1] == pytest.approx(21.9, abs=0.2)
    fit = fit_many(counts.n_correct, counts.n_trials, counts.noise_sds, spectra)
    bandwidth, center = np.exp(fit.parameters[:, 0]), 2 ** fit.parameters[:, 1]
    assert bandwidth.mean() == pytest.approx(1.39, abs=0.03)
    assert bandwidth.std() == pytest.approx(0.19, abs=0.03)
    assert center.mean() == pytest.approx(21.9, abs=0.3)
    assert center.std() == pytest.approx(1.7, abs=0.2)
    assert set(fit.df) == {30}
    assert 25 < fit.deviance.min() < fit.deviance.max() < 70


def test_people_and_networks_fit_better_in_cosine_spectra_than_in_periodograms() -> None:
    """The log-Gaussian gain's deviance: whatever its shape, a gain cannot use power that is not there."""
    for counts, least in ((published_counts(), 3), (published_networks(), 15)):
        args = counts.n_correct, counts.n_trials, counts.noise_sds
        better = fit_many(*args, periodograms()).deviance.mean() - fit_many(*args).deviance.mean()
        assert better > least


def test_with_the_labels_as_frequencies_people_have_the_channel_of_the_prototype_without_spectra() -> None:
    """1.47 octaves [1.42, 1.53] pooled; individual deviances from 29 to 56 on 30 df."""
    counts = published_counts()
    labels = BandSpectra(counts.nominal_cpi, np.concatenate([[0.0], counts.nominal_cpi]), np.eye(7, 8, k=1))
    pooled = fit_many(
        counts.n_correct.sum(axis=0)[None], counts.n_trials.sum(axis=0)[None], counts.noise_sds, labels
    )
    assert np.exp(pooled.parameters[0, 0]) == pytest.approx(1.47, abs=0.01)
    assert np.exp(pooled.intervals[0, 0]) == pytest.approx([1.42, 1.53], abs=0.01)
    deviance = fit_many(counts.n_correct, counts.n_trials, counts.noise_sds, labels).deviance
    assert (deviance.min(), deviance.max()) == pytest.approx((29, 56), abs=0.5)


def simulated(
    theta: np.ndarray, sds: np.ndarray, spectra: BandSpectra, n: int, n_observers: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    p = ChannelModel.of(spectra).accuracy(theta, sds)
    correct = np.random.default_rng(1).binomial(n, p, (n_observers, *p.shape))
    return correct, np.full_like(correct, n)


@pytest.mark.parametrize("spectra", [pyramid_spectra(), octave_spectra()], ids=["pyramid", "octave"])
@pytest.mark.parametrize(
    ("theta", "sds"), [(PERSON, PAPER_SDS), (NETWORK, FINE_SDS)], ids=["person", "network"]
)
def test_bias_is_below_two_percent_at_1e5_trials(
    theta: np.ndarray, sds: np.ndarray, spectra: BandSpectra
) -> None:
    fit = fit_many(*simulated(theta, sds, spectra, 100_000 // (7 * len(sds))), sds, spectra)
    found = np.array([np.exp(fit.parameters[:, 0]), 2 ** fit.parameters[:, 1], np.exp(fit.parameters[:, 2])])
    true = [np.exp(theta[0]), 2 ** theta[1], np.exp(theta[2])]
    assert found.mean(axis=1) == pytest.approx(true, rel=0.005)


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("spectra", [pyramid_spectra(), octave_spectra()], ids=["pyramid", "octave"])
@pytest.mark.parametrize(
    ("theta", "sds"), [(PERSON, PAPER_SDS), (NETWORK, FINE_SDS)], ids=["person", "network"]
)
def test_95_percent_intervals_cover_92_to_98_percent_of_1000_observers(
    theta: np.ndarray, sds: np.ndarray, spectra: BandSpectra, n: int
) -> None:
    fit = fit_many(*simulated(theta, sds, spectra, n, n_observers=1000), sds, spectra)
    covered = ((fit.intervals[..., 0] <= theta[:3]) & (theta[:3] <= fit.intervals[..., 1])).mean(axis=0)
    assert (covered > 0.92).all(), covered
    assert (covered < 0.98).all(), covered


def test_deviance_of_a_true_model_is_chi_square_on_its_degrees_of_freedom() -> None:
    fit = fit_many(*simulated(PERSON, PAPER_SDS, pyramid_spectra(), 400), PAPER_SDS)
    assert fit.deviance.mean() == pytest.approx(30, abs=1.5)


def test_bootstrap_and_profile_intervals_agree() -> None:
    counts = published_counts()
    pooled = counts.n_correct.sum(axis=0)[None], counts.n_trials.sum(axis=0)[None], counts.noise_sds
    profile = fit_many(*pooled).intervals
    drawn = fit_many(*pooled, interval="bootstrap", n_bootstrap=2000, rng=np.random.default_rng(3)).intervals
    width = profile[0, :, 1] - profile[0, :, 0]
    assert np.abs(drawn - profile)[0] == pytest.approx(0, abs=0.06 * width.max())


def test_cells_without_trials_and_a_clean_row_in_one_column_change_nothing() -> None:
    correct, trials = simulated(NETWORK, FINE_SDS, octave_spectra(), 40, 3)
    spread = fit_many(correct, trials, FINE_SDS, octave_spectra())
    gathered_correct, gathered_trials = correct.copy(), trials.copy()
    for counts in (gathered_correct, gathered_trials):
        counts[:, 0, 2] = counts[:, 0].sum(axis=1)
        counts[:, 0, [0, 1, 3, 4, 5, 6]] = 0
    gathered = fit_many(gathered_correct, gathered_trials, FINE_SDS, octave_spectra())
    assert gathered.parameters == pytest.approx(spread.parameters, abs=1e-3)
    assert (spread.df - gathered.df == 6).all()


def test_top_accuracy_is_what_it_was_made_from() -> None:
    assert top_accuracy(PERSON, 16) == pytest.approx(0.93)


def test_the_centre_may_lie_an_octave_beyond_the_bands_and_no_further() -> None:
    shown = octave_spectra(7)
    model = ChannelModel.of(shown)
    assert model.lower[1] == pytest.approx(np.log2(shown.nominal_cpi[0]) - 1)
    assert model.upper[1] == pytest.approx(np.log2(shown.nominal_cpi[-1]) + 1)
