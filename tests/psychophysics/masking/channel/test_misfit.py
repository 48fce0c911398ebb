"""Misfit: one number that does not grow with the trials, one that tells chance from misfit, and a picture of where."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from cogattn.psychophysics.masking.channel.fit import fit_channel, fit_channels
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.channel.misfit import dispersion, misfit, residual_table
from cogattn.psychophysics.masking.channel.misfit_figure import misfit_figure
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra
from cogattn.testing.pictures import flaws

SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
SPECTRA = octave_spectra()
P = ChannelModel.of(SPECTRA).accuracy(channel_parameters(2.0, 22.0, 60.0, steepness=1, top_accuracy=0.9), SDS)
BUMP = np.where(np.arange(7) % 2, 0.2, -0.2) * (SDS == 0.04)[:, None]
"""No channel does this: better and worse in turn from band to band."""


def observed(p: np.ndarray, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    shown = np.full(p.shape, n)
    return np.random.default_rng(seed).binomial(shown, np.clip(p, 0.02, 0.98)), shown


def misfit_of(p: np.ndarray, n: int, seed: int = 0):
    right, shown = observed(p, n, seed)
    channel = fit_channel(right, shown, SDS, spectra=SPECTRA)
    return misfit(channel, residual_table(channel, right, shown, SDS, SPECTRA))


def test_a_true_channel_is_seldom_said_not_to_fit_and_a_wrong_one_always() -> None:
    assert sum(misfit_of(P, 30, seed).speaks for seed in range(40)) <= 2
    assert all(misfit_of(P + BUMP, 400, seed).speaks for seed in range(5))


def test_a_misfit_too_small_to_matter_is_not_told_however_many_trials() -> None:
    found = misfit_of(P + BUMP / 4, 20_000)
    assert found.p < 1e-6
    assert 0 < found.rms < 0.05
    assert not found.speaks


def test_binomial_scatter_is_no_misfit() -> None:
    """At 20 trials a cell it is .08 by itself."""
    assert np.mean([misfit_of(P, 20, seed).rms for seed in range(20)]) < 0.02


def test_rms_misfit_does_not_grow_with_the_trials_while_dispersion_does() -> None:
    few, many = (misfit_of(P + BUMP, n) for n in (200, 5000))
    assert few.rms == pytest.approx(many.rms, rel=0.3)
    assert many.dispersion.estimate > 10 * few.dispersion.estimate


@pytest.mark.parametrize("true", [1.0, 2.0], ids=["binomial", "twice"])
def test_interval_of_the_dispersion_covers(true: float) -> None:
    rng, n, shape = np.random.default_rng(3), 100, (300, *P.shape)
    both = (n - true) / (true - 1) if true > 1 else 0.0
    p = rng.beta(P * both, (1 - P) * both, shape) if both else np.broadcast_to(P, shape)
    found = fit_channels(rng.binomial(n, p), np.full(shape, n), SDS, spectra=SPECTRA)
    ends = np.array([(one.lo, one.hi) for one in map(dispersion, found)])
    assert 0.91 < ((ends[:, 0] <= true) & (true <= ends[:, 1])).mean() < 0.98


def test_residuals_are_observed_less_fitted_and_trials_without_noise_stand_in_one_row() -> None:
    right, shown = observed(P, 30)
    channel = fit_channel(right, shown, SDS, gain="free", spectra=SPECTRA)
    table = residual_table(channel, right, shown, SDS, SPECTRA)
    assert len(table) == 1 + 5 * 7
    clean = table.iloc[0]
    assert (clean["band"], clean["n_trials"]) == (-1, 7 * 30)
    assert clean["fitted"] == pytest.approx(channel.top_accuracy)
    assert table["residual"].to_numpy() == pytest.approx((table["accuracy"] - table["fitted"]).to_numpy())
    assert (table["z"] ** 2).mean() == pytest.approx(1, abs=0.5)
    row = table[(table["noise_sd"] == 0.04) & (table["band"] == 3)].iloc[0]
    assert row["accuracy"] == right[3, 3] / 30
    assert row["fitted"] == pytest.approx(channel.accuracy([0.04], SPECTRA)[0, 3])


def residuals(n: int) -> pd.DataFrame:
    right, shown = observed(np.broadcast_to(P, (n, *P.shape)), 30)
    found = fit_channels(right, shown, SDS, gain="free", spectra=SPECTRA)
    return pd.concat(
        residual_table(channel, *counts, SDS, SPECTRA).assign(
            observer=f"vit_large_patch14_clip_336.openai_{i}"
        )
        for i, (channel, *counts) in enumerate(zip(found, right, shown, strict=True))
    )


@pytest.mark.parametrize("n", [1, 6, 40])
def test_where_channels_miss_can_be_read_for_any_number_of_observers(n: int) -> None:
    table = residuals(n)
    names = {name: name for name in table["observer"].unique()}
    people = table[table["observer"] == table["observer"].iloc[0]].assign(person="ann")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = misfit_figure(table, people, names)
        assert flaws(figure) == []
    values = np.concatenate(
        [np.ravel(image.get_array()) for axes in figure.axes for image in axes.images[:1]]
    )
    assert np.nansum(np.abs(values[: 35 * (n + 1)])) > 0
    if n == 1:
        shown = table[table["noise_sd"] > 0].pivot(index="noise_sd", columns="mean_cpi", values="residual")
        assert figure.axes[1].images[0].get_array().filled(np.nan) == pytest.approx(shown.to_numpy())
