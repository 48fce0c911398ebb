"""Octave bands and the choice of bands: spectra and fields against algebra and simulation."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.config import NoiseSettings
from cogattn.psychophysics.masking.stimuli.noise import (
    octave_bands,
    octave_noise,
    octave_spectra,
    spectra,
    unit_noise,
)
from cogattn.seeds import Streams


def _generators(n: int, start: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng(start + i) for i in range(n)]


def _radius(size: int) -> np.ndarray:
    f = np.fft.fftfreq(size) * size
    return np.hypot(f[:, None], f)


def _periodogram(fields: torch.Tensor) -> np.ndarray:
    """Mean squared DFT coefficients, summing to the mean square."""
    x = fields.double().numpy()
    return (np.abs(np.fft.fft2(x) / x[0].size) ** 2).mean(axis=0)


def test_octave_bands_are_adjoining_octaves_about_the_papers_labels():
    edges = octave_bands(7, 1.75, 224)
    assert np.allclose(np.sqrt(edges.prod(axis=1)), [1.75, 3.5, 7, 14, 28, 56, 112])
    assert np.allclose(edges[:, 1] / edges[:, 0], 2)
    assert np.allclose(edges[1:, 0], edges[:-1, 1])


@pytest.mark.parametrize("size", [63, 64, 224])
@pytest.mark.parametrize("band", range(5))
def test_all_power_lies_inside_the_band_and_every_field_has_unit_rms(size, band):
    lowest = 1.75 if size == 224 else 0.9
    fields = octave_noise(_generators(4), [band] * 4, size=size, n_bands=5, lowest_cpi=lowest)
    low, high = octave_bands(5, lowest, size)[band]
    radius, power = _radius(size), _periodogram(fields)
    inside = (radius >= low - 1e-9) & (radius < high - 1e-9)
    assert power[~inside].sum() < 1e-10
    assert (power[inside] > 0).all()
    assert np.allclose(fields.square().mean(dim=(1, 2)), 1, atol=1e-5)
    assert fields.dtype == torch.float32


def test_the_top_band_leaves_out_the_one_coefficient_on_its_edge():
    power = _periodogram(octave_noise(_generators(2), [6, 6], size=224))
    assert power[112, 112] < 1e-12  # radius 112 sqrt 2, the upper edge itself
    assert power[112, 111] > 1e-9


@pytest.mark.parametrize("size", [16, 17])
def test_spectrum_within_an_octave_is_flat_in_every_coefficient(size):
    n = 20_000
    power = _periodogram(octave_noise(_generators(n), [2] * n, size=size, n_bands=3, lowest_cpi=1.6))
    low, high = octave_bands(3, 1.6, size)[2]  # takes in the Nyquist row and column of 16 pixels
    inside = (_radius(size) >= low) & (_radius(size) < high)
    expected = 1 / inside.sum()
    standard_error = expected * np.sqrt(2 / n)  # of a real coefficient, the noisiest
    assert np.abs(power[inside] - expected).max() < 4.5 * standard_error


def test_pixels_are_gaussian():
    fields = octave_noise(_generators(400), [4] * 400, size=224)
    assert kstest(fields[:, 100, 50].numpy(), "norm").pvalue > 0.01


def test_octave_spectra_are_the_mean_periodogram_on_rings():
    spectra_ = octave_spectra(5, 1.75, 64)
    assert np.allclose(spectra_.power.sum(axis=1), 1)
    assert (spectra_.power[:, 0] == 0).all()
    edges = octave_bands(5, 1.75, 64)
    for power, (low, high) in zip(spectra_.power, edges, strict=True):
        used = spectra_.frequencies_cpi[power > 0]
        assert low * 0.98 < used.min() < used.max() < high * 1.02
    assert spectra_.nominal_cpi.tolist() == [1.75, 3.5, 7, 14, 28]


def test_low_frequencies_are_kept_apart():
    assert octave_spectra().frequencies_cpi[:6] == pytest.approx([0, 1, 2**0.5, 2, 5**0.5, 8**0.5])


def test_a_band_without_any_frequency_is_refused():
    with pytest.raises(ConfigError, match=r"noise\.lowest_cpi .* 0\.5 cycles per image"):
        octave_bands(3, 0.5, 224)


@pytest.mark.parametrize("kind", ["octave", "pyramid"])
def test_a_field_depends_on_its_stream_and_band_only(kind):
    settings, streams = NoiseSettings(bands=kind), Streams(seed=5)

    def fields(ids, bands):
        return unit_noise(
            settings,
            [streams.generator("noise", i, b) for i, b in zip(ids, bands, strict=True)],
            bands,
            size=112,
        )

    settings = settings.model_copy(update={"n_bands": 5})
    together = fields(["a", "b", "c", "d"], [0, 3, 4, 3])
    for i, (name, band) in enumerate([("a", 0), ("b", 3), ("c", 4), ("d", 3)]):
        assert torch.allclose(fields([name], [band])[0], together[i], atol=2e-6)
    assert not torch.allclose(together[1], together[3], atol=0.1)


@pytest.mark.parametrize("kind", ["octave", "pyramid"])
def test_settings_choose_kind_and_shape(kind):
    settings = NoiseSettings(bands=kind, n_bands=4, lowest_cpi=7)
    assert unit_noise(settings, _generators(3), [0, 1, 3], size=64).shape == (3, 64, 64)
    assert spectra(settings, 64).power.shape[0] == 4


def test_spectra_cannot_be_changed_by_a_caller():
    with pytest.raises(ValueError, match="read-only"):
        octave_spectra().power[0, 0] = 1


def test_spectra_need_no_torch():
    code = (
        "import sys; from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra as p; p();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
