"""Contrast, noise and clipping, against algebra and against the paper's recipe written as its plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest, truncnorm

from cogattn.psychophysics.masking.stimuli.composition import (
    add_noise,
    set_contrast,
    to_codes,
    to_scale,
)


def _images(n: int = 3, size: int = 24, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, size, size, generator=torch.Generator().manual_seed(seed))


def _noise(n: int = 3, size: int = 24) -> torch.Tensor:
    return torch.randn(n, size, size, generator=torch.Generator().manual_seed(9))


def _paper_loop(image: np.ndarray, noise: np.ndarray, epsilon: float = 0.1) -> tuple[np.ndarray, int]:
    """Pixel by pixel as described in the paper's repository; NaN where the noise pixel must be redrawn."""
    out, changed = image + noise, 0
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if 0 <= out[i, j] <= 1:
                continue
            changed += 1
            target = epsilon if out[i, j] < 0 else 1 - epsilon
            pixel = target - noise[i, j]
            impossible = pixel > 1 if out[i, j] < 0 else pixel < 0
            out[i, j] = np.nan if impossible else pixel + noise[i, j]
    return out, changed


SRGB = {
    0.0: 0.0,
    1 / 255: 0.0003035269835488375,
    0.04045: 0.04045 / 12.92,
    0.5: 0.21404114048223255,
    188 / 255: 0.5028864580325687,
    1.0: 1.0,
}
"""Code values and luminances by IEC 61966-2-1."""


@pytest.mark.parametrize(("code", "luminance"), SRGB.items(), ids=[f"code {code:.4f}" for code in SRGB])
def test_luminance_is_that_of_the_srgb_standard(code: float, luminance: float):
    codes = torch.tensor([code], dtype=torch.float64)
    assert float(to_scale(codes, "luminance")) == pytest.approx(luminance, rel=1e-12)
    assert float(to_codes(to_scale(codes, "luminance"), "luminance")) == pytest.approx(code, abs=3e-8)


def test_all_code_values_come_back_from_luminance_in_single_precision_and_rise():
    codes = torch.arange(256) / 255
    light = to_scale(codes, "luminance")
    assert (light.diff() > 0).all()
    assert (to_codes(light, "luminance") - codes).abs().max() < 1e-6


def test_the_scale_of_code_values_changes_nothing():
    images = _images()
    assert to_scale(images, "code") is images
    assert to_codes(images, "code") is images


def test_the_means_that_the_setting_names_are_those_of_the_standard():
    mean = torch.tensor(0.449, dtype=torch.float64)
    assert float(to_scale(mean, "luminance")) == pytest.approx(0.170, abs=5e-4)
    assert float(to_codes(mean, "luminance")) == pytest.approx(0.701, abs=5e-4)


def test_contrast_keeps_the_named_part_of_each_images_own_contrast():
    images = _images() * torch.tensor([0.2, 0.6, 1.0]).view(3, 1, 1)
    out = set_contrast(images, 0.2, 0.449)
    assert torch.allclose(out.mean(dim=(1, 2)), torch.full((3,), 0.449), atol=1e-6)
    assert torch.allclose(out.std(dim=(1, 2)), 0.2 * images.std(dim=(1, 2)), rtol=1e-5)


def test_paper_contrast_never_leaves_the_range():
    extreme = torch.zeros(1, 16, 16)
    extreme[0, 0, 0] = 1
    for image in (extreme, 1 - extreme):
        out = set_contrast(image, 0.2, 0.449)
        assert 0 < out.min() < out.max() < 1


def test_no_noise_changes_nothing():
    images = set_contrast(_images(), 0.2, 0.449)
    out = add_noise(images, _noise(), [0.0, 0.0, 0.0])
    assert torch.equal(out.images, images)
    assert out.n_clipped.tolist() == [0, 0, 0]


def test_clipping_counts_exactly_the_pixels_outside():
    images, noise, sds = set_contrast(_images(), 0.2, 0.449), _noise(), [0.04, 0.3, 1.0]
    out = add_noise(images, noise, sds)
    for i, sd in enumerate(sds):
        total = images[i] + sd * noise[i]
        assert int(out.n_clipped[i]) == int(((total < 0) | (total > 1)).sum())
        assert torch.equal(out.images[i], total.clamp(0, 1))


@pytest.mark.parametrize(("grey", "noise"), [(0.9, 1.0), (0.1, -1.0)], ids=["white", "black"])
def test_a_pixel_that_leaves_one_end_only_is_counted(grey: float, noise: float):
    images, field = torch.full((1, 4, 4), grey), torch.zeros(1, 4, 4)
    field[0, 1, 2] = noise
    out = add_noise(images, field, [0.2])
    assert out.n_clipped.tolist() == [1]
    assert float(out.images[0, 1, 2]) == float(noise > 0)


@pytest.mark.parametrize("sd", [0.16, 0.4, 0.8])
def test_reference_clipping_equals_the_papers_loop(sd):
    images, noise = set_contrast(_images(), 0.2, 0.449), _noise()
    out = add_noise(
        images, noise, [sd] * 3, clipping="reference", generators=[np.random.default_rng(i) for i in range(3)]
    )
    for i in range(3):
        truth, changed = _paper_loop(images[i].numpy(), sd * noise[i].numpy())
        redrawn = np.isnan(truth)
        assert int(out.n_clipped[i]) == changed
        assert np.abs(out.images[i].numpy() - truth)[~redrawn].max() < 1e-6
        assert bool(redrawn.any()) == (sd > 0.2)
        assert 0 <= out.images[i].min() <= out.images[i].max() <= 1


def test_redrawn_pixels_follow_the_truncated_gaussian():
    images = torch.full((1, 200, 200), 0.3)
    noise = torch.full((1, 200, 200), -1.25)  # sum below 0, and 0.1 + 1.0 above 1: every pixel is redrawn
    out = add_noise(images, noise, [0.8], clipping="reference", generators=[np.random.default_rng(3)])
    truth = truncnorm((0 - 0.3) / 0.8, (1 - 0.3) / 0.8, loc=0.3, scale=0.8)
    assert kstest(out.images.flatten().numpy(), truth.cdf).pvalue > 0.01


def test_reference_clipping_depends_on_the_images_own_stream_only():
    images, noise = set_contrast(_images(), 0.2, 0.449), _noise()
    streams = [np.random.default_rng(i) for i in range(3)]
    together = add_noise(images, noise, [0.8] * 3, clipping="reference", generators=streams).images
    alone = add_noise(
        images[2:], noise[2:], [0.8], clipping="reference", generators=[np.random.default_rng(2)]
    ).images
    assert torch.equal(together[2], alone[0])


def test_reference_clipping_without_streams_is_refused():
    with pytest.raises(ValueError, match="generators"):
        add_noise(_images(), _noise(), [0.1] * 3, clipping="reference")
