"""Pictures are shown in colour and of their own size."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.naming import pictures
from cogattn.psychophysics.naming.pictures import score_images


def test_images_of_several_sizes_are_scored_one_by_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "BATCH", 2)
    shapes, sides = [], ((8, 8), (8, 8), (4, 6), (6, 4))

    def load(index: int) -> np.ndarray:
        return np.full((3, *sides[index]), index / 8, dtype=np.float32)

    def scores(images):
        shapes.append(tuple(images.shape))
        return images.mean(dim=(2, 3))[:, :1].expand(-1, 16)

    got = score_images(load, range(4), scores, 16)
    assert shapes == [(2, 3, 8, 8), (1, 3, 4, 6), (1, 3, 6, 4)]
    assert got.shape == (4, 16)
    assert got[:, 0] == pytest.approx(np.arange(4) / 8)
    assert score_images(load, [], scores, 16).shape == (0, 16)
