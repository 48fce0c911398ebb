"""Pictures are shown of their own size, together where they are alike."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.naming.pictures import score_images


def asked(sides: list[tuple[int, int]]) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Scores of grey images, the first lightest, and the shapes in which they were shown."""
    shapes = []

    def load(index: int) -> np.ndarray:
        return np.full((3, *sides[index]), index / 8, dtype=np.float32)

    def scores(images):
        shapes.append(tuple(images.shape))
        return images.mean(dim=(2, 3))[:, :1].expand(-1, 16)

    return score_images(load, range(len(sides)), scores, 16), shapes


def test_images_of_several_sizes_are_shown_one_by_one_in_their_order():
    got, shapes = asked([(8, 8), (4, 6), (8, 8)])
    assert shapes == [(1, 3, 8, 8), (1, 3, 4, 6), (1, 3, 8, 8)]
    assert got[:, 0] == pytest.approx(np.arange(3) / 8)


def test_images_of_one_size_are_shown_together():
    got, shapes = asked([(4, 6)] * 4)
    assert shapes == [(4, 3, 4, 6)]
    assert got[:, 0] == pytest.approx(np.arange(4) / 8)
    assert asked([])[0].shape == (0, 16)
