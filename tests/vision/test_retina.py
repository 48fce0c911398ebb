from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.testing import assert_close

from cogattn.vision.retina import (
    ECCNET_ONSET_DEG,
    INTEGRATIONS,
    Integration,
    eccentricity_deg,
    pixels_per_degree,
    visibility,
)


def test_a_centimetre_at_57_centimetres_is_one_degree() -> None:
    scale = pixels_per_degree(distance_cm=57.29578, width_cm=40.0, width_px=1600)
    assert scale == pytest.approx(40.0, rel=1e-6)
    assert pixels_per_degree(distance_cm=114.59156, width_cm=40.0, width_px=1600) == pytest.approx(2 * scale)


def test_eccentricity_does_not_change_when_field_and_gaze_turn_and_move_together() -> None:
    points, gaze = torch.randn(20, 2, dtype=torch.float64), torch.randn(3, 2, dtype=torch.float64)
    c, s = math.cos(0.7), math.sin(0.7)
    turn = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    before = eccentricity_deg(points, gaze)
    assert before.shape == (3, 20)
    assert_close(eccentricity_deg(points @ turn + 5, gaze @ turn + 5), before)
    assert_close(before, torch.cdist(gaze, points))


def test_gradient_of_eccentricity_is_finite_at_gaze() -> None:
    gaze = torch.zeros(1, 2, requires_grad=True)
    eccentricity_deg(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), gaze).sum().backward()
    assert_close(gaze.grad, torch.tensor([[-0.6, -0.8]]))


def test_visibility_is_halved_at_e2_in_arrays_and_tensors() -> None:
    e = torch.tensor([0.0, 2.3, 6.9], dtype=torch.float64)
    assert_close(visibility(e), torch.tensor([1.0, 0.5, 0.25], dtype=torch.float64))
    assert_array_equal(visibility(e.numpy()), visibility(e).numpy())


def test_area_of_cortex_is_that_of_the_published_magnification() -> None:
    """Horton and Hoyt: M = 17.3 / (e + 0.75) mm per degree."""
    e = np.array([0.0, 1.0, 10.0])
    assert_allclose(23.07 * visibility(e, e2_deg=0.75), 17.3 / (e + 0.75), rtol=1e-3)


def test_width_grows_from_the_onset_by_the_slope_of_its_level() -> None:
    integration = Integration((0.1, 0.2), onset_deg=2.0)
    e = torch.tensor([0.0, 2.0, 12.0])
    assert_close(integration.width_deg(e, base_deg=0.5, level=0, n_levels=2), torch.tensor([0.5, 0.5, 1.5]))
    assert_close(integration.width_deg(e, base_deg=0.5, level=1, n_levels=2), torch.tensor([0.5, 0.5, 2.5]))
    with pytest.raises(ValueError, match="3 levels"):
        integration.slope(0, 3)
    assert (INTEGRATIONS["uniform"].width_deg(e, base_deg=0.3) == 0.3).all()


def test_eccnets_fovea_is_as_wide_as_its_rounding_makes_it() -> None:
    assert pytest.approx(4 * 8 * 4 / 30) == ECCNET_ONSET_DEG
