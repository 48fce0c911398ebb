"""Halves of the trials: nothing is lost, and observers that differ are told apart as well as they can be."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.masking.counts import published_networks
from cogattn.psychophysics.masking.halves import channel_reliability, halve
from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra

SDS = np.array([0, 0.02, 0.04, 0.08, 0.16])


def test_each_cell_is_halved_without_replacement():
    rng = np.random.default_rng(0)
    n_trials = rng.integers(0, 41, (6, 5, 7))
    n_correct = rng.binomial(n_trials, 0.6)
    correct, trials = halve(n_correct, n_trials, rng=rng)
    assert (np.abs(2 * trials - n_trials) <= 1).all()
    assert ((correct >= 0) & (correct <= trials)).all()
    assert (n_correct - correct <= n_trials - trials).all()
    odd = n_trials % 2 == 1
    assert 0.3 < (2 * trials > n_trials)[odd].mean() < 0.7


def test_a_half_holds_as_large_a_share_of_right_answers_as_the_whole():
    """The hypergeometric mean and variance: 40 trials, 10 right, 20 drawn: 5 +- sqrt(20/4 * 3/4 * 20/39)."""
    many = np.full(20_000, 40)
    correct, _ = halve(np.full(20_000, 10), many, rng=np.random.default_rng(1))
    assert correct.mean() == pytest.approx(5, abs=0.05)
    assert correct.std() == pytest.approx((20 / 4 * 3 / 4 * 20 / 39) ** 0.5, rel=0.03)


def simulated(centres: list[float], n: int) -> np.ndarray:
    """Right answers of observers whose channels are an octave and a half wide, by the likelihood's own model."""
    spectra = pyramid_spectra(7)
    frequency = spectra.frequencies_cpi
    rng = np.random.default_rng(2)
    right = []
    for centre in centres:
        octaves = np.log2(np.maximum(frequency, 1e-9) / centre)
        gain = 2.0 ** (-((2 * octaves / 1.5) ** 2)) * 40**2
        through = (spectra.power * gain).sum(axis=1)  # (n_bands,)
        p = 1 / 16 + (0.95 - 1 / 16) * np.exp(-(SDS[:, None] ** 2) * through)
        right.append(rng.binomial(n, p))
    return np.array(right)


def test_centres_that_differ_are_reliable_and_widths_that_do_not_are_not():
    n_correct = simulated([8, 11, 15, 20, 27, 36, 48, 60], 200)
    found = channel_reliability(
        n_correct, np.full_like(n_correct, 200), SDS, rng=np.random.default_rng(3), n_splits=2
    )
    by_key = {measure.key: value for measure, value in found.items()}
    assert set(by_key) == {"bandwidth", "centre", "peak_sensitivity"}
    assert by_key["centre"].full.estimate > 0.95
    assert by_key["bandwidth"].full.estimate < 0.8
    assert by_key["centre"].n_splits == 2
    assert by_key["centre"].half.n == 8


def test_published_networks_saw_the_same_design():
    """So that their trials could be paired, were they published one by one; counts cannot be."""
    shown = published_networks().n_trials
    assert (shown == shown[0]).all()
    assert shown[0].sum() == 1050


@pytest.mark.slow
def test_bandwidths_of_published_networks_are_the_least_reliable():
    networks = published_networks()
    share = networks.n_correct[:, 0].sum(axis=1) / networks.n_trials[:, 0].sum(axis=1)
    able = share >= 0.49
    found = channel_reliability(
        networks.n_correct[able],
        networks.n_trials[able],
        networks.noise_sds,
        rng=np.random.default_rng(0),
        gain="free",
        n_splits=4,
    )
    full = {measure.key: value.full.estimate for measure, value in found.items()}
    assert full["bandwidth"] < full["peak_sensitivity"] < full["centre"]
    assert full["centre"] > 0.55
