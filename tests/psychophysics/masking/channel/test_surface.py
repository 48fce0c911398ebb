"""The response surface about a channel: its slopes, its posterior, and what a grid would find on it."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.masking.channel import surface as module
from cogattn.psychophysics.masking.channel.likelihood import Cells, channel_parameters
from cogattn.psychophysics.masking.channel.surface import (
    Grid,
    Surface,
    accuracy_of_drives,
    departure_covariance,
)
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra

SPECTRA = octave_spectra()
SDS = np.array([0.01, 0.02, 0.04, 0.08, 0.16])
CHANNEL = channel_parameters(2.3, 24, 80, steepness=0.9, top_accuracy=0.85)
SURFACE = Surface.of(SPECTRA, 16, SDS)
GRID = Grid.of(SURFACE, [0.0, *SDS])


def at(channel: np.ndarray, departure: float = 0.0) -> np.ndarray:
    """Parameters of a surface whose cells all depart by as much."""
    return np.concatenate([channel, np.full(len(SURFACE.mean) - len(channel), departure)])


def numerical(function, at: np.ndarray) -> np.ndarray:
    """Slopes of a vector by central differences, (n_out, n_in)."""
    steps = 1e-5 * np.eye(len(at))
    return np.stack([(function(at + s) - function(at - s)) / 2e-5 for s in steps], axis=-1)


def test_without_departures_the_surface_is_the_channel() -> None:
    p, _ = SURFACE.accuracy(SURFACE.drives(at(CHANNEL)[None])[0])
    expected = SURFACE.model.slopes(CHANNEL[None], SURFACE.cells)[0]
    np.testing.assert_allclose(p, expected, atol=1e-12)
    assert p[0, 0] == pytest.approx(0.85)


def test_a_departure_acts_as_noise_of_other_power() -> None:
    p, _ = SURFACE.accuracy(SURFACE.drives(at(CHANNEL, np.log(4.0))[None])[0])
    louder = SURFACE.model.accuracy(CHANNEL, 2 * SDS)
    np.testing.assert_allclose(p[0, 1:].reshape(louder.shape), louder, atol=1e-12)


def test_slopes_are_derivatives() -> None:
    z = at(CHANNEL) + 0.1 * np.random.default_rng(0).standard_normal(len(SURFACE.mean))
    w, by_z = SURFACE.drives(z[None])
    np.testing.assert_allclose(by_z[0], numerical(lambda x: SURFACE.drives(x[None])[0][0], z), atol=1e-5)
    _, by_w = accuracy_of_drives(w, 1 / 16)
    np.testing.assert_allclose(
        by_w[0], numerical(lambda x: accuracy_of_drives(x[None], 1 / 16)[0][0], w[0]), atol=1e-7
    )


def test_departures_are_alike_as_far_as_they_reach() -> None:
    near = Cells.of([0.02, 0.02, 0.02 * 2**module.REACH_OCTAVES], [1, 2, 1])
    covariance = departure_covariance(near, bands=1.0) / module.DEPARTURE_SD**2
    np.testing.assert_allclose(covariance[0], [1.0, np.exp(-0.5), np.exp(-0.5)], atol=1e-3)


def test_the_posterior_is_the_prior_and_the_information_of_the_answers() -> None:
    rng = np.random.default_rng(1)
    trials = rng.integers(0, 30, size=len(SURFACE.cells.band)).astype(float)
    truth, _ = SURFACE.model.slopes(CHANNEL[None], SURFACE.cells)
    posterior = SURFACE.posterior(rng.binomial(trials.astype(int), truth[0]).astype(float), trials)
    p, slopes = SURFACE.accuracy(posterior.drives[None])
    root = slopes[0] * np.sqrt(trials / (p[0] * (1 - p[0])))[:, None]
    expected = np.linalg.inv(root.T @ root + np.linalg.inv(posterior.prior_covariance))
    np.testing.assert_allclose(posterior.covariance, expected, atol=1e-4)
    drawn = posterior.draw(4000, rng)
    np.testing.assert_allclose(drawn.std(axis=0), np.sqrt(np.diag(expected)), rtol=0.1)


def test_the_mode_is_where_the_posterior_is_flat() -> None:
    rng = np.random.default_rng(2)
    trials = np.full(len(SURFACE.cells.band), 40.0)
    truth, _ = SURFACE.model.slopes(CHANNEL[None], SURFACE.cells)
    correct = rng.binomial(40, truth[0]).astype(float)
    posterior = SURFACE.posterior(correct, trials)

    def height(z: np.ndarray) -> np.ndarray:
        p, _ = SURFACE.accuracy(SURFACE.drives(z[None])[0])
        return (correct * np.log(p) + (trials - correct) * np.log1p(-p)).sum(axis=1) + SURFACE.log_prior(
            z[None]
        )

    np.testing.assert_allclose(numerical(height, posterior.mode), 0, atol=0.02)


def test_a_grid_finds_the_channel_that_made_its_accuracies() -> None:
    p = SURFACE.model.slopes(CHANNEL[None], GRID.cells)[0]
    found = GRID.channel(p, CHANNEL + np.array([0.3, -0.5, 0.2, 0.1, -0.3]))
    np.testing.assert_allclose(found[0], CHANNEL, atol=1e-3)
    assert len(GRID.index) == 1 + 5 * 7


def test_influence_is_how_accuracies_move_the_channel() -> None:
    p = SURFACE.model.slopes(CHANNEL[None], GRID.cells)[0][0]
    influence = GRID.influence(CHANNEL[None])[0]
    for cell in (0, 9, 18, 24):
        moved = p.copy()
        moved[cell] += 1e-3
        shift = (GRID.channel(moved[None], CHANNEL)[0] - CHANNEL) / 1e-3
        np.testing.assert_allclose(influence[:, cell], shift, atol=0.02, rtol=0.02)


def test_draws_spread_as_the_posterior_says_and_repeat() -> None:
    trials = np.full(len(SURFACE.cells.band), 200.0)
    truth, _ = SURFACE.model.slopes(CHANNEL[None], SURFACE.cells)
    posterior = SURFACE.posterior(200 * truth[0], trials)
    found = GRID.found(posterior)
    drawn = GRID.draws(posterior, found)
    _, slopes = SURFACE.accuracy(posterior.drives[None])
    by_w = GRID.influence(found[None])[0] @ slopes[0, GRID.index]
    linear = np.sqrt(np.einsum("iw,wv,iv->i", by_w, posterior.covariance, by_w))
    np.testing.assert_allclose(drawn.std(axis=0)[:3], linear[:3], rtol=0.1)
    np.testing.assert_array_equal(drawn, GRID.draws(posterior, found))
