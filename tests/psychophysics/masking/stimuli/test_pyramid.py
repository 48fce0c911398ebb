"""Pyramid bands: fields and spectra against pyrtools, algebra and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.stimuli import pyramid
from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra
from cogattn.psychophysics.masking.stimuli.pyramid import pyramid_band, pyramid_noise


def _generators(n: int, start: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng(start + i) for i in range(n)]


def _radius(size: int) -> np.ndarray:
    """Of cosine coefficients, which come at half cycles per image."""
    f = np.arange(size) / 2
    return np.hypot(f[:, None], f)


def _cosine_spectrum(fields: torch.Tensor) -> np.ndarray:
    """Mean squared DCT coefficients, summing to the mean square."""
    x = fields.double().numpy()
    return (dctn(x, axes=(1, 2), norm="ortho") ** 2 / x[0].size).mean(axis=0)


def _pyrtools_band(white: np.ndarray, band: int, n_bands: int) -> np.ndarray:
    """The paper's recipe on given white noise."""
    pyramids = pytest.importorskip("pyrtools", reason="pyrtools is the oracle").pyramids
    built = pyramids.LaplacianPyramid(white, height=n_bands)
    level, top = built.recon_pyr(levels=n_bands - 1 - band), built.recon_pyr(levels=0)
    return level * np.sqrt((top**2).mean() / (level**2).mean())


@pytest.mark.parametrize(("size", "n_bands"), [(224, 7), (128, 5), (63, 4), (49, 4), (33, 3)])
def test_pyramid_bands_equal_pyrtools_on_the_same_white_noise(size, n_bands):
    white = np.random.default_rng(size).standard_normal((n_bands, size, size))
    ours = pyramid_band(torch.from_numpy(white), range(n_bands), n_bands=n_bands).numpy()
    single = pyramid_band(torch.from_numpy(white).float(), range(n_bands), n_bands=n_bands).numpy()
    for band in range(n_bands):
        truth = _pyrtools_band(white[band], band, n_bands)
        assert np.abs(ours[band] - truth).max() < 1e-12
        assert np.abs(single[band] - truth).max() < 1e-5


def test_drawn_pyramid_fields_have_the_expected_rms_of_the_top_level():
    drawn = pyramid_noise(_generators(14), [i % 7 for i in range(14)], size=224)
    assert torch.allclose(drawn.square().mean(dim=(1, 2)).sqrt(), torch.full((14,), 0.9429), atol=1e-4)
    white = torch.randn(60, 224, 224, generator=torch.Generator().manual_seed(0))
    filtered = pyramid_band(white, [6] * 60).square().mean(dim=(1, 2)).sqrt()
    assert float(filtered.mean()) == pytest.approx(0.9429, abs=0.002)
    assert 0.002 < float(filtered.std()) < 0.006


@pytest.mark.parametrize("band", range(4))
def test_drawn_pyramid_fields_have_the_pixel_covariance_of_filtered_white_noise(band):
    """Both laws are Gaussian before scaling, so equal covariances make them equal."""
    levels = pyramid._pyramid_levels(4, 28)
    level = levels[3 - band]
    assert np.allclose(level.root @ level.root.T, level.down @ level.down.T, atol=1e-12)
    n = 4000
    drawn = pyramid_noise(_generators(n), [band] * n, size=28, n_bands=4)
    white = torch.randn(n, 28, 28, generator=torch.Generator().manual_seed(1))
    filtered = pyramid_band(white, [band] * n, n_bands=4)
    for row in (0, 13):  # an edge and the middle
        ours, theirs = (torch.cov(x[:, row].T) for x in (drawn, filtered))
        assert float((ours - theirs).abs().max()) < 4 * float(theirs.max()) * 2 / np.sqrt(n)


def test_pyramid_spectra_sum_to_the_variance_and_are_called_as_in_the_paper():
    found = pyramid_spectra()
    assert found.nominal_cpi.tolist() == [1.75, 3.5, 7, 14, 28, 56, 112]
    assert np.allclose(np.sqrt(found.power.sum(axis=1)), 0.943, atol=5e-4)


@pytest.mark.parametrize("band", range(4))
def test_closed_form_pyramid_spectra_match_simulated_fields(band):
    n, size = 3000, 56
    fields = pyramid_noise(_generators(n), [band] * n, size=size, n_bands=4)
    radius, power = _radius(size), _cosine_spectrum(fields)
    truth = pyramid_spectra(4, size)
    for low, high in [(0, 0.5), (0.5, 1.2), (1.2, 3), (3, 8), (8, 20), (20, 40)]:
        measured = power[(radius >= low) & (radius < high)].sum()
        f = truth.frequencies_cpi
        assert measured == pytest.approx(truth.power[band, (f >= low) & (f < high)].sum(), rel=0.05, abs=2e-4)


def test_pyramid_bands_lie_at_half_their_labels():
    """Mean frequencies 2.8, 5.9, 12, 27, 87 c/image of bands labelled 7, 14, 28, 56, 112."""
    assert pyramid_spectra().mean_cpi[2:] == pytest.approx([2.76, 5.87, 12.3, 27.1, 87.5], rel=0.01)


@pytest.mark.parametrize("band", [1, 2], ids=["second", "third"])
def test_a_local_filter_far_above_a_band_passes_what_the_spectrum_says_and_no_more(band):
    """In the middle of the image, where no edge is near. A periodogram, which sees a jump at the edge, says 12 times
    and 1.6 times as much: 0.060 and 0.21."""
    n, size, padded = 60, 224, 448
    fields = np.zeros((n, padded, padded), dtype=np.float32)
    fields[:, :size, :size] = pyramid_noise(_generators(n), [band] * n, size=size).numpy()
    rows, columns = np.fft.fftfreq(padded) * size, np.fft.rfftfreq(padded) * size
    with np.errstate(divide="ignore"):
        octaves = np.log2(np.hypot(rows[:, None], columns) / 8)
    passed = np.fft.irfft2(
        np.fft.rfft2(fields) * np.exp2(-((2 * octaves / 1.5) ** 2) / 2), s=(padded, padded)
    )
    truth = pyramid_spectra()
    gain = np.exp2(-((2 * np.log2(truth.frequencies_cpi[1:] / 8) / 1.5) ** 2))
    assert np.square(passed[:, 100:124, 100:124]).mean() == pytest.approx(
        truth.power[band, 1:] @ gain, rel=0.3
    )


def test_too_many_pyramid_levels_are_refused():
    with pytest.raises(ConfigError, match=r"noise\.n_bands must be at most 7 .* got 8"):
        pyramid_spectra(8, 224)
