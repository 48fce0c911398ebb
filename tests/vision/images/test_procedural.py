"""Drawn scenes: repeatable, in range, and silent about their category but for shape."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier

from cogattn.seeds import Streams
from cogattn.vision.images import procedural
from cogattn.vision.images.procedural import CATEGORIES, COPIES, draw, draw_conflict
from cogattn.vision.images.silhouettes import SILHOUETTES

CHANCE = 1 / 16
PER_CATEGORY = 24


@pytest.fixture(scope="module")
def scenes() -> tuple[np.ndarray, np.ndarray]:
    """Scenes of 64 pixels, shape (n, 64, 64), and their labels."""
    streams = Streams(seed=0).child("test")
    labels = np.repeat(np.arange(16), PER_CATEGORY)
    images = [draw(int(k), streams.generator(CATEGORIES[k], i), 64) for i, k in enumerate(labels)]
    return np.stack(images), labels


def _above_chance(features: np.ndarray, labels: np.ndarray) -> float:
    """Held-out accuracy of a forest, in standard errors above chance."""
    train = np.arange(len(labels)) % 2 == 0
    forest = RandomForestClassifier(200, random_state=0).fit(features[train], labels[train])
    n = int((~train).sum())
    return (forest.score(features[~train], labels[~train]) - CHANCE) / np.sqrt(CHANCE * (1 - CHANCE) / n)


def test_there_are_sixteen_categories_in_alphabetical_order():
    assert list(CATEGORIES) == sorted(SILHOUETTES)
    assert len(CATEGORIES) == 16


@pytest.mark.parametrize("category", range(16))
def test_a_scene_is_finite_in_range_and_set_by_its_stream(category):
    once, again = (draw(category, np.random.default_rng(category), 96) for _ in range(2))
    other = draw(category, np.random.default_rng(category + 100), 96)
    assert once.shape == (96, 96)
    assert once.dtype == np.float32
    assert np.isfinite(once).all()
    assert 0 <= once.min() < once.max() <= 1
    assert np.array_equal(once, again)
    assert np.abs(once - other).mean() > 0.02


@pytest.mark.parametrize("size", [32, 33, 224])
def test_any_size_is_drawn(size):
    assert draw(3, np.random.default_rng(0), size).shape == (size, size)


def test_coverage_at_half_the_size_is_the_mean_of_four_pixels():
    parts = procedural._placed(SILHOUETTES["key"](np.random.default_rng(1)), np.random.default_rng(2))
    fine, coarse = procedural._paint(parts, 128), procedural._paint(parts, 64)
    assert np.abs(fine.reshape(64, 2, 64, 2).mean(axis=(1, 3)) - coarse).mean() < 0.004


def test_luminance_and_contrast_do_not_tell_the_category(scenes):
    images, labels = scenes
    middle = images[:, 16:48, 16:48]
    features = np.stack([images.mean(axis=(1, 2)), images.std(axis=(1, 2)), middle.mean(axis=(1, 2))])
    assert _above_chance(features.T, labels) < 3


def test_single_pixels_do_not_tell_the_category(scenes):
    images, labels = scenes
    assert _above_chance(images[:, 2::4, 2::4].reshape(len(images), -1), labels) < 3.5


def test_area_does_not_tell_the_category():
    def area(name: str, rng: np.random.Generator) -> float:
        return float(procedural._paint(procedural._placed(SILHOUETTES[name](rng), rng), 64).mean())

    streams, labels = Streams(seed=1), np.repeat(np.arange(16), 60)
    areas = np.array([area(CATEGORIES[k], streams.generator(k, i)) for i, k in enumerate(labels)])[:, None]
    train = np.arange(len(labels)) % 2 == 0
    score = KNeighborsClassifier(30).fit(areas[train], labels[train]).score(areas[~train], labels[~train])
    assert score < CHANCE + 3 * np.sqrt(CHANCE / (~train).sum())
    assert 0.05 < areas.min() < areas.max() < 0.18


def test_objects_are_as_often_darker_as_brighter_than_their_ground():
    def difference(seed: int) -> float:
        rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
        image = draw(13, rng, 64)
        parts = procedural._deformed(SILHOUETTES[CATEGORIES[13]](same), same)
        inside = procedural._paint(procedural._placed(parts, same), 64) > 0.5
        return float(image[inside].mean() - image[~inside].mean())

    brighter = np.mean([difference(seed) > 0 for seed in range(120)])
    assert 0.36 < brighter < 0.64


def test_a_scene_of_224_pixels_is_drawn_within_a_hundredth_of_a_second_or_so():
    streams = Streams(seed=2)
    times = []
    for i in range(24):
        start = time.perf_counter()
        draw(i % 16, streams.generator(i), 224)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 0.05  # 7 ms on an idle core; the rest is for a busy machine


@pytest.mark.parametrize("shape", range(16))
def test_another_texture_changes_a_cue_conflict_inside_its_outline_only(shape: int):
    """Pixels that three textures share are ground, or left between all copies; those that differ make the shape."""
    textures = [(shape + k) % 16 for k in (1, 5, 9)]
    images = np.stack([draw_conflict(shape, k, np.random.default_rng(shape), 128) for k in textures])
    differs = np.ptp(images, axis=0) > 0
    assert 0.05 < differs.mean() < 0.34
    rows, columns = (np.flatnonzero(differs.any(axis=axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) < 0.9 * 128
    means = images[:, ~differs]
    assert np.array_equal(means[0], means[2])


def test_copies_of_a_cue_conflict_stand_side_by_side_in_a_grid():
    """Along a line through an outline as wide as the image, luminance goes up and down once a copy."""
    coverage = procedural._copies(
        lambda _: SILHOUETTES["heart"](np.random.default_rng(0)), np.random.default_rng(1), 9 * 24
    )
    spectrum = np.abs(np.fft.rfft(coverage.mean(axis=0) - coverage.mean()))
    assert spectrum[1:].argmax() + 1 in (COPIES - 1, COPIES, COPIES + 1)
    assert 0.1 < coverage.mean() < 0.6
