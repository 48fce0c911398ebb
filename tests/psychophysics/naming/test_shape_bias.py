"""Shape bias: both measures by counting, their intervals, a known network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.observers import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.naming.conflicts import list_conflicts, score_conflicts
from cogattn.psychophysics.naming.shape_bias import shape_bias
from cogattn.vision.images.categories import decide


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_both_measures_are_counted():
    shapes = ["bear"] * 4 + ["cat"] * 2 + ["dog"]
    textures = ["cat", "cat", "dog", "dog", "dog", "bear", "dog"]
    answers = ["bear", "bear", "dog", "oven", "cat", "bear", "dog"]
    found = shape_bias(shapes, textures, answers)
    assert (found.n_shape, found.n_texture, found.n_other) == (3, 2, 1)  # the seventh is a dog twice
    assert (found.bias.estimate, found.bias.n) == (3 / 5, 5)
    assert (found.accuracy.estimate, found.accuracy.n) == ((2 / 4 + 1 / 2) / 2, 6)


def test_intervals_are_those_of_proportions():
    n, share = 1200, 0.3
    answers = np.where(rng().permutation(n) < share * n, "bear", "cat")
    found = shape_bias(["bear"] * n, ["cat"] * n, answers)
    half = 1.96 * (share * (1 - share) / n) ** 0.5
    for measure in (found.bias, found.accuracy):
        assert measure.estimate == pytest.approx(share)
        assert measure.lo == pytest.approx(share - half, abs=0.15 * half)
        assert measure.hi == pytest.approx(share + half, abs=0.15 * half)


def test_no_shape_and_no_texture_answers_give_no_bias():
    found = shape_bias(["bear", "cat"], ["cat", "bear"], ["oven", "oven"])
    assert np.isnan(found.bias.estimate)
    assert found.bias.n == 0
    assert found.accuracy.estimate == 0
    assert found.accuracy.hi == pytest.approx(1.959964**2 / (2 + 1.959964**2))  # Wilson's of none of two


def test_intervals_hold_the_share_that_answers_are_drawn_with():
    """Two categories that are answered unequally often, and of a handful of images."""
    random, n_runs, chance = rng(), 1000, {"bear": 0.9, "cat": 0.4}
    for n in (8, 100):
        shapes = ["bear", "cat"] * (n // 2)
        hits = np.zeros(2)
        for _ in range(n_runs):
            answers = [shape if random.random() < chance[shape] else "oven" for shape in shapes]
            found = shape_bias(shapes, ["dog"] * n, answers).accuracy
            decided = ["bear" if random.random() < 0.2 else "dog" for _ in range(n)]
            bias = shape_bias(["bear"] * n, ["dog"] * n, decided).bias
            hits += [found.lo <= 0.65 <= found.hi, bias.lo <= 0.2 <= bias.hi]
        assert (hits / n_runs > 0.95 - 3 * (0.95 * 0.05 / n_runs) ** 0.5).all(), hits / n_runs


def test_answers_must_be_one_per_image_and_in_conflict():
    with pytest.raises(DataError, match="one per image"):
        shape_bias(["bear"], ["cat"], [])
    with pytest.raises(DataError, match="two categories"):
        shape_bias(["bear"], ["bear"], ["bear"])


@pytest.mark.slow
def test_lite0_goes_by_texture(shared_data: Path):
    """An eighth of the 1,200 images; over all of them the shape bias is .24 and the shape accuracy .16."""
    images = list_conflicts(shared_data / "masking" / "cue_conflict")
    assert len(images.ids) == 1200
    network = build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0)
    shown = range(0, 1200, 8)
    scores = score_conflicts(images, shown, lambda batch: decide(network.logits(batch).softmax(-1)))
    answers = [images.categories[best] for best in scores.argmax(1)]
    found = shape_bias([images.shapes[i] for i in shown], [images.textures[i] for i in shown], answers)
    assert found.bias.lo < 0.239 < found.bias.hi < 0.5
    assert found.accuracy.lo < 0.164 < found.accuracy.hi
