"""The exhibit of masking: noise in its band, at its SD, and the stimulus of a run."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.exhibits import Picture, Series, Shown
from cogattn.psychophysics.masking.exhibits import IMAGE_IN_NOISE
from cogattn.psychophysics.masking.material import trial_images
from cogattn.psychophysics.masking.study import MaskingStudy

DEFAULTS = {control.name: control.default for control in IMAGE_IN_NOISE.controls}


def shown(**values: object) -> Shown:
    return IMAGE_IN_NOISE.make(**{**DEFAULTS, **values})


def pictures(one: Shown) -> tuple[np.ndarray, np.ndarray]:
    noisy, clean = (part.pixels for part in one.parts if isinstance(part, Picture))
    return noisy, clean


def luminance(codes: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("band", [0, 2, 5])
def test_noise_lies_in_the_octave_that_the_band_names(band: int) -> None:
    one = shown(band=band)
    noisy, clean = pictures(one)
    power = np.abs(np.fft.fft2(noisy - clean)) ** 2
    frequency = np.fft.fftfreq(len(noisy), 1 / len(noisy))
    octaves = np.log2(np.maximum(np.hypot(frequency[:, None], frequency), 1e-9) / (1.75 * 2**band))
    assert power[np.abs(octaves) <= 0.5].sum() / power.sum() > 0.9999
    (spectrum,) = (part for part in one.parts if isinstance(part, Series))
    peak = spectrum.x[np.argmax(spectrum.lines["noise"])]
    assert abs(np.log2(peak / (1.75 * 2**band))) < 0.5


def test_noise_and_image_have_the_sd_and_contrast_asked_for() -> None:
    noisy, clean = pictures(shown(noise_sd=0.05))
    assert (noisy - clean).std() == pytest.approx(0.05, rel=1e-4)
    assert pictures(shown(contrast=0.4))[1].std() == pytest.approx(2 * clean.std(), rel=1e-4)


def test_the_spectrum_s_rings_hold_all_power_of_the_noise() -> None:
    (spectrum,) = (part for part in shown(noise_sd=0.05).parts if isinstance(part, Series))
    assert np.sqrt((spectrum.lines["noise"] ** 2).sum()) == pytest.approx(0.05, rel=1e-4)


def test_on_the_scale_of_luminance_the_light_has_the_mean_and_the_noise() -> None:
    noisy, clean = (luminance(codes) for codes in pictures(shown(scale="luminance", noise_sd=0.05)))
    assert clean.mean() == pytest.approx(0.449, abs=1e-4)
    assert (noisy - clean).std() == pytest.approx(0.05, rel=1e-3)


def test_the_stimulus_is_that_of_a_run_s_trial() -> None:
    study = MaskingStudy()
    config = study.Config()
    trial = {"image": trial_images(config).ids[7], "band": 4, "noise_sd": 0.08}
    told = study.stimulus(config, "masking", trial)
    assert told is not None
    for ours, theirs in zip(pictures(shown(image=7, band=4, noise_sd=0.08)), pictures(told), strict=True):
        np.testing.assert_array_equal(ours, theirs)
