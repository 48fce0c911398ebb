"""The pictures show the operator's own numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.attention.figures import ALPHA, E2_DEG, blocks_figure, field_figure, field_weights
from cogattn.figures import render


@pytest.fixture(autouse=True)
def single_precision():
    torch.set_default_dtype(torch.float32)


def test_the_log_field_is_the_power_of_its_formula():
    y, x = np.mgrid[-8:8:161j, -8:8:161j]
    eccentricity = np.hypot(x + 2, y - 1)
    np.testing.assert_allclose(field_weights("log"), (1 + eccentricity / E2_DEG) ** -ALPHA, rtol=2e-4)


def test_the_pictures_are_files_that_are_equal_when_drawn_again():
    for draw in (field_figure, blocks_figure):
        first = render(draw(), "png")
        assert first.startswith(b"\x89PNG")
        assert render(draw(), "png") == first
