"""Manipulations of photographs: each against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.psychophysics.naming.sets.made import (
    CONES,
    GREY,
    MADE,
    MEAN_GREY,
    MadeImages,
    _scrambled,
    amplitude_spectrum,
    make,
)
from cogattn.vision.images.config import ProceduralImages
from cogattn.vision.images.listing import list_images

STEP = 1 / 255
WHOLE = list_images(ProceduralImages(n_images=160, size=32), seed=0)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    rng = np.random.default_rng(0)
    rough = gaussian_filter(rng.normal(size=(3, 32, 32)), (0, 2, 2))
    return (0.5 + 0.25 * rough / rough.std()).clip(0.02, 0.98).astype(np.float32)


def grey_of(image: np.ndarray) -> np.ndarray:
    return np.tensordot(GREY, image.astype(float), axes=1)


def made(name: str, condition: str, image: np.ndarray, seed: int = 1) -> np.ndarray:
    return make(name, condition, image, rng=np.random.default_rng(seed), amplitude=amplitude_spectrum(image))


@pytest.mark.parametrize("name", MADE)
def test_all_conditions_give_images_of_8_bits(name: str, photograph: np.ndarray):
    for condition in FACTS[name].conditions:
        image = made(name, condition, photograph)
        assert (image.shape, image.dtype) == (photograph.shape, np.float32)
        assert 0 <= image.min() <= image.max() <= 1
        if not (name in ("colour", "false-colour") and condition == FACTS[name].control):
            np.testing.assert_allclose(image * 255, np.round(image * 255), atol=1e-4)
        if name not in ("colour", "false-colour"):
            assert (image == image[:1]).all()


def test_controls_are_the_photograph_grey_or_as_it_is(photograph: np.ndarray):
    for name in MADE:
        image = made(name, FACTS[name].control, photograph)
        if name in ("colour", "false-colour"):
            assert image is photograph
        elif name != "uniform-noise":  # whose photographs have less contrast without noise, too
            np.testing.assert_allclose(image[0], grey_of(photograph), atol=STEP / 2 + 1e-6)
    np.testing.assert_allclose(made("colour", "bw", photograph)[0], grey_of(photograph), atol=STEP / 2 + 1e-6)


def test_contrast_shrinks_about_mid_grey(photograph: np.ndarray):
    expected = 0.35 + 0.3 * grey_of(photograph)
    np.testing.assert_allclose(made("contrast", "c30", photograph)[0], expected, atol=STEP / 2 + 1e-6)
    assert len(np.unique(made("contrast", "c01", photograph))) <= 4


def test_low_and_high_pass_are_gaussian_and_make_the_photograph_together(photograph: np.ndarray):
    grey = grey_of(photograph)
    low = gaussian_filter(grey, 3, mode="constant", cval=MEAN_GREY)
    np.testing.assert_allclose(made("low-pass", "3", photograph)[0], low, atol=STEP / 2 + 1e-6)
    high = grey - low
    expected = np.clip(high - high.mean() + MEAN_GREY, 0, 1)
    np.testing.assert_allclose(made("high-pass", "3", photograph)[0], expected, atol=STEP / 2 + 1e-6)
    assert made("high-pass", "0.4", photograph).std() < made("high-pass", "3", photograph).std()


def test_rotation_turns_counter_clockwise(photograph: np.ndarray):
    grey = made("rotation", "0", photograph)
    for quarters, condition in enumerate(("0", "90", "180", "270")):
        turned = made("rotation", condition, photograph)
        np.testing.assert_array_equal(turned[0], np.rot90(grey[0], quarters))
    assert made("rotation", "90", photograph[:, :, :20]).shape == (3, 20, 32)


def test_noise_is_uniform_of_its_half_width_on_low_contrast():
    flat = np.full((3, 64, 64), 0.5, dtype=np.float32)
    image = made("uniform-noise", "0.20", flat)[0]
    assert image.min() == pytest.approx(0.3, abs=0.01)
    assert image.max() == pytest.approx(0.7, abs=0.01)
    assert image.std() == pytest.approx(0.2 / np.sqrt(3), rel=0.02)
    twice = made("uniform-noise", "0.10", flat)[0] - 0.5
    np.testing.assert_allclose(twice * 2, image - 0.5, atol=2 * STEP)  # one pattern, scaled
    assert (made("uniform-noise", "0.20", flat, seed=2)[0] != image).any()


@pytest.mark.parametrize("shape", [(32, 32), (31, 24)], ids=["even", "odd"])
def test_scrambling_moves_phases_within_its_width_and_keeps_amplitudes(shape: tuple[int, int]):
    rng = np.random.default_rng(3)
    rough = gaussian_filter(rng.normal(size=shape), 1.0)
    grey = 0.5 + 0.1 * rough / np.abs(rough).max()
    before, after = np.fft.fft2(grey), np.fft.fft2(_scrambled(grey, "60", rng))
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-9)
    moved = np.rad2deg(np.angle(after / before))
    assert np.abs(moved).max() <= 60 + 1e-6
    assert np.std(moved[1 : shape[0] // 2, 1 : shape[1] // 2]) == pytest.approx(60 / np.sqrt(3), rel=0.15)
    unmoved = [moved[0, 0], *(moved[16] if shape[0] == 32 else ()), *moved[:, shape[1] // 2]]
    np.testing.assert_allclose(unmoved, 0, atol=1e-6)


def test_power_is_that_of_all_images_and_phases_are_its_own(photograph: np.ndarray):
    other = np.roll(photograph[:, ::-1], 5, axis=2) * 0.5 + 0.25
    amplitude = (amplitude_spectrum(photograph) + amplitude_spectrum(other)) / 2
    image = make("power-equalisation", "pow", photograph, rng=np.random.default_rng(0), amplitude=amplitude)[
        0
    ]
    before, after = np.fft.fft2(grey_of(photograph)), np.fft.fft2(image)
    strong = amplitude > 5
    np.testing.assert_allclose(np.abs(after)[strong], amplitude[strong], rtol=0.25)
    assert np.abs(np.angle(after[strong] / before[strong])).max() < 0.3
    with pytest.raises(TypeError, match="mean amplitude spectrum"):
        make("power-equalisation", "pow", photograph, rng=np.random.default_rng(0))


def light(image: np.ndarray) -> np.ndarray:
    image = image.astype(float)
    return np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)


def test_false_colours_turn_both_chromatic_axes_and_keep_luminance():
    pale = (0.7 + 0.03 * np.random.default_rng(4).normal(size=(3, 16, 16))).clip(0, 1).astype(np.float32)
    cones, turned = (
        np.tensordot(CONES, light(one), axes=1) for one in (pale, made("false-colour", "false", pale))
    )
    background = CONES @ np.full(3, 0.5)
    (long, middle, short), (long2, middle2, short2) = (
        (one / background[:, None, None] - 1) for one in (cones, turned)
    )
    luminance = (cones[0] + cones[1]) / background[:2].sum() - 1
    np.testing.assert_allclose(turned[:2].sum(axis=0), cones[:2].sum(axis=0), atol=0.004)
    np.testing.assert_allclose(long2 - middle2, middle - long, atol=0.01)
    np.testing.assert_allclose(short2 - luminance, luminance - short, atol=0.02)


def test_grey_has_no_false_colour():
    grey = np.full((3, 4, 4), 0.6, dtype=np.float32)
    np.testing.assert_allclose(made("false-colour", "false", grey), grey, atol=0.02)


def test_each_image_is_in_one_condition_and_each_condition_has_all_categories():
    images = MadeImages.of(WHOLE, "contrast", (), each="one", seed=0)
    assert sorted(images.names) == sorted(WHOLE.ids)
    counts = {}
    for category, condition in zip(images.categories, images.conditions, strict=True):
        counts[category, condition] = counts.get((category, condition), 0) + 1
    assert len(counts) == 16 * 8
    assert set(counts.values()) <= {1, 2}  # ten of a category
    other = MadeImages.of(WHOLE, "contrast", (), each="one", seed=1)
    assert dict(zip(other.names, other.conditions, strict=True)) != dict(
        zip(images.names, images.conditions, strict=True)
    )


def test_all_conditions_of_an_image_share_their_noise():
    images = MadeImages.of(WHOLE, "uniform-noise", ("0.10", "0.20"), each="all", seed=0)
    assert len(images) == 320
    assert images.conditions[:4] == ("0.10", "0.20") * 2
    one, two = images.load(0), images.load(1)
    clean = images.made(0, "0.00")
    inside = (two > 0) & (two < 1)
    np.testing.assert_allclose((two - clean)[inside], 2 * (one - clean)[inside], atol=3 * STEP)
    np.testing.assert_array_equal(images.made(1, "0.10"), one)


def test_power_is_averaged_over_the_runs_images():
    images = MadeImages.of(WHOLE, "power-equalisation", ("pow",), each="one", seed=0)
    mean = np.mean([amplitude_spectrum(WHOLE.load_rgb(i)) for i in range(len(WHOLE))], axis=0)
    expected = make(
        "power-equalisation", "pow", WHOLE.load_rgb(0), rng=np.random.default_rng(0), amplitude=mean
    )
    np.testing.assert_allclose(images.load(0), expected, atol=STEP)
