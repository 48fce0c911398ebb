"""The template observer: its channel is what it says, its accuracy follows theory, and the fit finds it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from cogattn.errors import ObserverError
from cogattn.psychophysics.masking.channel.fit import fit_channel
from cogattn.psychophysics.masking.config import TemplateObserver
from cogattn.psychophysics.masking.ideal_observer import CLEAN_D_PRIME, TemplateResponder, channel_gain
from cogattn.psychophysics.masking.stimuli.noise import octave_noise, octave_spectra

SDS = np.array([0.0, 0.01, 0.02, 0.04, 0.08, 0.16])


def pink_images(n: int, size: int, *, seed: int = 0) -> torch.Tensor:
    """Images with the 1 / f amplitude of photographs, at a photograph's 20 % contrast."""
    white = torch.from_numpy(
        np.random.default_rng([7, seed]).standard_normal((n, size, size), dtype=np.float32)
    )
    rows, columns = torch.fft.fftfreq(size) * size, torch.fft.rfftfreq(size) * size
    spectrum = torch.fft.rfft2(white) / torch.hypot(rows[:, None], columns).clamp_min(1)
    images = torch.fft.irfft2(spectrum, s=(size, size))
    return 0.04 * (images - images.mean((1, 2), keepdim=True)) / images.std((1, 2), keepdim=True) + 0.449


def responder(center: float, octaves: float, size: int, *, seed: int = 0) -> TemplateResponder:
    settings = TemplateObserver(center_cpi=center, bandwidth_octaves=octaves)
    return TemplateResponder(settings, size, rng=np.random.default_rng(seed))


def bands_of_noise(n: int, band: int, size: int) -> torch.Tensor:
    return octave_noise(
        [np.random.default_rng([1, i, band]) for i in range(n)], [band] * n, size=size, n_bands=5
    )


def test_gain_is_one_at_the_centre_and_half_at_half_a_bandwidth():
    gain = channel_gain(224, 16.0, 2.0)
    assert gain[0, 16] == 1
    torch.testing.assert_close(gain[[8, 32], [0, 0]], torch.tensor([0.5, 0.5]))
    assert gain[0, 0] == 0


@pytest.mark.parametrize("size", [63, 96])
def test_power_of_every_template_is_the_gain(size: int):
    observer = responder(12.0, 1.5, size)
    power = torch.fft.rfft2(observer.templates(pink_images(3, size)), norm="forward").abs() ** 2
    torch.testing.assert_close(power, observer.gain.expand_as(power), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("size", [63, 96])
def test_the_image_stands_three_deviations_of_a_rival_above_zero(size: int):
    observer = responder(12.0, 1.5, size)
    images = pink_images(4, size)
    own = (observer.templates(images) * images).mean((1, 2))
    spectrum = torch.fft.fft2(images, norm="forward")
    full = torch.hypot(*torch.meshgrid(*2 * [torch.fft.fftfreq(size) * size], indexing="ij")) / 12.0
    gain = torch.exp2(-((2 * torch.log2(full) / 1.5) ** 2))
    leak = (gain * spectrum.abs() ** 2).sum((1, 2)).sqrt()
    torch.testing.assert_close(own, CLEAN_D_PRIME * leak, rtol=0.01, atol=0)


def test_noise_reaches_the_decision_with_the_gain():
    size, n = 96, 400
    observer = responder(8.0, 1.5, size)
    spectra = octave_spectra(5, 1.75, size)
    template = observer.templates(pink_images(1, size))
    octaves = np.log2(spectra.frequencies_cpi[1:] / 8.0)
    expected = spectra.power[:, 1:] @ 2 ** -((2 * octaves / 1.5) ** 2)
    for band, variance in enumerate(expected):
        responses = (template * bands_of_noise(n, band, size)).mean((1, 2)).double()
        assert float((responses**2).mean()) == pytest.approx(variance, rel=4 * (2 / n) ** 0.5)


def test_accuracy_follows_from_signal_detection():
    size, n, sd, band = 96, 600, 0.04, 2
    observer = responder(7.0, 2.0, size)
    images = pink_images(n, size)
    correct = observer.answer(images + sd * bands_of_noise(n, band, size), images) == 0
    spectra = octave_spectra(5, 1.75, size)
    noise = sd**2 * spectra.power[band, 1:] @ 2 ** -(np.log2(spectra.frequencies_cpi[1:] / 7.0) ** 2)
    leak = (observer.templates(images) * images).mean((1, 2)).double().numpy() / CLEAN_D_PRIME
    x = np.linspace(-7, 7, 1001)
    ratio = noise / leak[:, None] ** 2
    density = norm.pdf(x) / norm.pdf(x).sum()
    expected = norm.cdf((CLEAN_D_PRIME + np.sqrt(ratio) * x) / np.sqrt(1 + ratio)) ** 15 @ density
    assert correct.mean() == pytest.approx(expected.mean(), abs=4 * 0.5 / n**0.5)
    assert 0.2 < expected.mean() < 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("center", "octaves"), [(5.0, 1.2), (12.0, 0.8), (12.0, 2.5)])
def test_the_fitted_channel_is_the_known_one(center: float, octaves: float):
    size, n = 96, 250
    observer = responder(center, octaves, size)
    images = pink_images(n, size)
    correct = np.zeros((len(SDS), 5), dtype=int)
    for band in range(5):
        noise = bands_of_noise(n, band, size)
        for row, sd in enumerate(SDS):
            correct[row, band] = (observer.answer((images + sd * noise).clamp(0, 1), images) == 0).sum()
    channel = fit_channel(correct, np.full_like(correct, n), SDS, spectra=octave_spectra(5, 1.75, size))
    assert channel.identified
    assert channel.bandwidth_octaves == pytest.approx(octaves, rel=0.12)
    assert abs(np.log2(channel.center_cpi / center)) < 0.1 * octaves
    assert channel.top_accuracy == pytest.approx(0.98, abs=0.02)


def test_answers_depend_on_the_stimulus_and_the_seed_alone():
    images = pink_images(40, 64)
    noisy = images + 0.1 * bands_of_noise(40, 2, 64)
    answers = responder(7.0, 1.5, 64).answer(noisy, images)
    backwards = responder(7.0, 1.5, 64).answer(noisy.flip(0), images.flip(0))[::-1]
    assert np.array_equal(answers, backwards)
    assert not np.array_equal(answers, responder(7.0, 1.5, 64, seed=1).answer(noisy, images))


def test_answers_are_at_chance_where_there_is_only_noise():
    blank = torch.full((800, 64, 64), 0.449)
    noisy = blank + 0.1 * bands_of_noise(800, 2, 64)
    share = np.mean(responder(7.0, 2.0, 64).answer(noisy, blank) == 0)
    assert share == pytest.approx(1 / 16, abs=4 * (1 / 16 * 15 / 16 / 800) ** 0.5)


def test_a_wrong_answer_is_another_category():
    images = pink_images(60, 64)
    noisy = images + 0.3 * bands_of_noise(60, 2, 64)
    observer = responder(7.0, 2.0, 64)
    labels = np.arange(60) % 16
    winner = observer.answer(noisy, images)
    named = observer.name(noisy, images, labels, n_categories=16)
    assert np.array_equal(named == labels, winner == 0)
    assert set(named) <= set(range(16))
    assert len(set((named - labels) % 16)) > 8


def test_a_channel_outside_the_image_is_refused():
    with pytest.raises(ObserverError, match="center_cpi"):
        responder(200.0, 0.1, 64)


def test_stimuli_of_another_size_are_refused():
    with pytest.raises(ObserverError, match="64"):
        responder(7.0, 1.0, 64).answer(pink_images(1, 32), pink_images(1, 32))
