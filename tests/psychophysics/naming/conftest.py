"""Cue-conflict images whose two answers are known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.vision.images.categories import CATEGORIES

SIDE, BLOCK = 64, 16
CUES = [(0, 1), (0, 2), (1, 0), (1, 3), (2, 0), (2, 1), (3, 4), (3, 5)]
"""Shape and texture of the cue-conflict images; blue, which sways one network, is on the last three."""


@pytest.fixture
def cues(tmp_path: Path) -> Path:
    """Eight images: a red block where the shape says, a green one where the texture says."""
    folder = tmp_path / "cues"
    for number, (shape, texture) in enumerate(CUES):
        picture = np.full((SIDE, SIDE, 3), 20, dtype=np.uint8)
        for channel, category in ((0, shape), (1, texture)):
            row, column = divmod(category, 4)
            picture[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK, channel] = 200
        picture[..., 2] = 255 * (number >= 5)
        one, other = CATEGORIES[shape], CATEGORIES[texture]
        (folder / one).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / one / f"{one}{number}-{other}{number}.png")
    return folder
