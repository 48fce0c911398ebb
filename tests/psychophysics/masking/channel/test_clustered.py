"""Intervals over images: as wide as binomial ones where trials are independent, wider where images differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.psychophysics.masking.channel.clustered import fit_channel_by_images
from cogattn.psychophysics.masking.channel.fit import fit_channel
from cogattn.psychophysics.masking.design import count_correct, crossed_trials
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra

SDS = (0.0, 0.01, 0.02, 0.04, 0.08, 0.16)
N_IMAGES = 60


def simulate(spread: float) -> pd.DataFrame:
    """Trials of a channel of two octaves whose images differ in log2 sensitivity by `spread` (SD)."""
    rng = np.random.default_rng(5)
    trials = crossed_trials([str(i) for i in range(N_IMAGES)], sds=SDS, n_bands=7)
    octaves = trials["band"].clip(lower=0).to_numpy() - 4
    gain = 0.5 ** ((2 * octaves / 2.4) ** 2)
    sensitivity = 40 * 2 ** (spread * rng.standard_normal(N_IMAGES))[trials["image"]]
    share = 1 / 16 + (0.95 - 1 / 16) * 0.5 ** (((trials["noise_sd"] * sensitivity) ** 2 * gain) ** 0.8)
    return trials.assign(n=1, correct=rng.random(len(trials)) < share)


def widths(trials: pd.DataFrame) -> tuple[float, float]:
    """Widths of the bandwidth's intervals over images and by profile likelihood."""
    spectra = octave_spectra()
    by_images = fit_channel_by_images(
        trials, spectra, n_alternatives=16, confidence=0.95, n_bootstrap=400, rng=np.random.default_rng(6)
    )
    profile = fit_channel(*count_correct(trials, n_bands=7), spectra=spectra)
    assert by_images.bandwidth_octaves == pytest.approx(profile.bandwidth_octaves)
    return float(np.ptp(by_images.peak_interval)), float(np.ptp(profile.peak_interval))


def test_equal_images_give_about_the_binomial_interval():
    by_images, profile = widths(simulate(spread=0))
    assert by_images == pytest.approx(profile, rel=0.35)


def test_unequal_images_give_a_wider_interval():
    by_images, profile = widths(simulate(spread=1.5))
    assert by_images > 1.5 * profile


def test_the_free_gain_s_interval_takes_in_what_its_prior_leaves_open():
    """And in what differs between images, which the errors do not know of."""
    trials, spectra = simulate(spread=1.5), octave_spectra()
    free = fit_channel(*count_correct(trials, n_bands=7), gain="free", spectra=spectra)
    by_images = fit_channel_by_images(
        trials, spectra, gain="free", n_alternatives=16, confidence=0.95, n_bootstrap=100,
        rng=np.random.default_rng(6),
    )  # fmt: skip
    assert by_images.gain_name == "free"
    assert by_images.bandwidth_octaves == free.bandwidth_octaves
    for name in ("bandwidth_interval", "center_interval", "peak_interval"):
        (lo, hi), (low, high) = getattr(by_images, name), getattr(free, name)
        assert lo <= low < high <= hi
    assert np.ptp(by_images.peak_interval) > 1.3 * np.ptp(free.peak_interval)
