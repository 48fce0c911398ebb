"""Pyramid bands: fields and spectra against pyrtools, algebra and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.stimuli import pyramid
from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra
from cogattn.psychophysics.masking.stimuli.pyramid import pyramid_band, pyramid_noise


def _generators(n: int, start: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng(start + i) for i in range(n)]


def _radius(size: int) -> np.ndarray:
    f = np.fft.fftfreq(size) * size
    return np.hypot(f[:, None], f)


def _periodogram(fields: torch.Tensor) -> np.ndarray:
    """Mean squared DFT coefficients, summing to the mean square."""
    x = fields.double().numpy()
    return (np.abs(np.fft.fft2(x) / x[0].size) ** 2).mean(axis=0)


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
    radius, power = _radius(size), _periodogram(fields)
    truth = pyramid_spectra(4, size)
    for low, high in [(0, 0.5), (0.5, 1.2), (1.2, 3), (3, 8), (8, 20), (20, 40)]:
        measured = power[(radius >= low) & (radius < high)].sum()
        f = truth.frequencies_cpi
        assert measured == pytest.approx(truth.power[band, (f >= low) & (f < high)].sum(), rel=0.05, abs=2e-4)


def test_pyramid_bands_lie_at_half_their_labels():
    """Mean frequencies 3.5, 6.6, 13, 28, 88 c/image of bands labelled 7, 14, 28, 56, 112."""
    assert pyramid_spectra().mean_cpi[2:] == pytest.approx([3.5, 6.6, 13.0, 27.7, 87.7], rel=0.01)


def test_too_many_pyramid_levels_are_refused():
    with pytest.raises(ConfigError, match=r"noise\.n_bands must be at most 7 .* got 8"):
        pyramid_spectra(8, 224)
