from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from cogattn.psychophysics.search.diet import DIETS, fish_eyed, lined


@pytest.mark.parametrize("name", DIETS)
def test_a_diet_keeps_size_and_range_and_repeats_with_its_generator(name: str) -> None:
    images = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    a, b = (DIETS[name](images, torch.Generator().manual_seed(1)) for _ in range(2))
    assert a.shape == images.shape
    assert a.min() >= 0
    assert a.max() <= 1
    assert_close(a, b)
    assert (name == "plain") == bool((a == images).all())


def test_light_from_above_comes_from_the_left_on_a_rotated_diet_and_from_below_upside_down() -> None:
    image = torch.linspace(1, 0, 16).view(1, 1, 16, 1).expand(1, 3, 16, 16)
    chance = torch.Generator()
    rotated = DIETS["rotated"](image, chance)
    assert rotated[..., :8].mean() > rotated[..., 8:].mean()
    assert_close(rotated[..., :8, :].mean(), rotated[..., 8:, :].mean())
    turned = DIETS["upside_down"](image, chance)
    assert turned[..., :8, :].mean() < turned[..., 8:, :].mean()


def test_a_fish_eye_bends_lines_off_the_middle_and_leaves_those_through_it() -> None:
    image = torch.zeros(1, 1, 101, 101)
    image[..., 50] = 1
    image[..., 20] = 1
    bent = fish_eyed(image, torch.Generator(), strength=0.5)
    through, beside = bent[0, 0, :, 45:56].argmax(1), bent[0, 0, :, :40].argmax(1)
    assert (through == 5).all()
    assert beside[50] < beside[5]
    assert_close(fish_eyed(image, torch.Generator(), strength=0.0), image, atol=1e-4, rtol=0)


def test_lines_cover_about_their_width_times_their_number() -> None:
    images = torch.full((40, 1, 100, 100), 2.0)
    touched = (lined(images, torch.Generator().manual_seed(0), n_lines=1, width=0.04) != 2).float().mean()
    assert 0.02 < touched < 0.05
