from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from cogattn.vision.retina import (
    ECCNET_ONSET_DEG,
    INTEGRATIONS,
    MAGNIFICATIONS,
    Integration,
    Screen,
    eccentricity_deg,
    log_polar_cells,
    visibility,
)


def test_pixels_and_degrees_are_inverse_and_the_middle_is_the_origin() -> None:
    screen = Screen(30.0, 467, 300)
    points = torch.rand(50, 2, dtype=torch.float64) * 400
    assert_close(screen.to_pixels(screen.to_degrees(points)), points)
    assert_close(screen.to_degrees(torch.tensor([233.5, 150.0])), torch.zeros(2))
    assert_close(screen.to_degrees(torch.tensor([263.5, 150.0])), torch.tensor([1.0, 0.0]))


def test_a_centimetre_at_57_centimetres_is_one_degree() -> None:
    screen = Screen.of(distance_cm=57.29578, width_cm=40.0, width_px=1600, height_px=900)
    assert screen.pixels_per_degree == pytest.approx(40.0, rel=1e-6)


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


def test_visibility_is_halved_at_e2() -> None:
    e = torch.tensor([0.0, 2.3, 6.9])
    assert_close(visibility(e), torch.tensor([1.0, 0.5, 0.25]))


@pytest.mark.parametrize("name", MAGNIFICATIONS)
def test_cortical_distance_is_the_integral_of_magnification(name: str) -> None:
    magnification = MAGNIFICATIONS[name]
    e = torch.linspace(0, 20, 4001, dtype=torch.float64)
    integral = torch.trapezoid(magnification.mm_per_deg(e), e)
    assert magnification.distance_mm(e[-1:]).item() == pytest.approx(integral.item(), rel=1e-5)
    assert magnification.source


def test_horton_and_hoyt_is_the_published_form() -> None:
    """M = 17.3 / (e + 0.75) mm per degree."""
    e = torch.tensor([0.0, 1.0, 10.0])
    assert_close(MAGNIFICATIONS["horton1991"].mm_per_deg(e), 17.3 / (e + 0.75), rtol=0.002, atol=0)


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


def test_log_polar_cells_cover_the_disc_and_are_about_square() -> None:
    cells = log_polar_cells(radius_deg=16.0, fovea_deg=1.0, scaling=0.5)
    assert cells.areas_deg2.sum().item() == pytest.approx(math.pi * 16**2)
    radius = cells.centers_deg.norm(dim=1)
    assert ((radius >= cells.inner_deg - 1e-9) & (radius <= cells.outer_deg)).all()
    ring = cells.inner_deg > 0
    depth = (cells.outer_deg - cells.inner_deg)[ring]
    breadth = cells.areas_deg2[ring] / depth
    assert (breadth / depth).min() > 0.6
    assert (breadth / depth).max() < 1.7
    assert_close(cells.centers_deg.sum(0), torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    assert 60 < len(radius) < 130


def test_impossible_tessellations_are_refused() -> None:
    with pytest.raises(ValueError, match="fovea_deg"):
        log_polar_cells(radius_deg=1.0, fovea_deg=2.0)
