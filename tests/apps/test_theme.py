"""The theme can be read: contrasts of WCAG 2.2, level AA, light and dark."""

from __future__ import annotations

import pytest

from cogattn.apps.dashboard import theme

TEXT, DRAWN = 4.5, 3.0
WHITE = "#ffffff"
"""What Streamlit writes on buttons and tags of the primary colour."""
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")
Look = dict[str, str]

looks = pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
grounds = pytest.mark.parametrize("ground", GROUNDS)


@looks
@grounds
@pytest.mark.parametrize("text", ["textColor", "linkColor", "codeTextColor"])
def test_text_stands_out_from_its_ground(look: Look, ground: str, text: str) -> None:
    assert contrast(look[text], look[ground]) >= TEXT


@looks
@grounds
def test_captions_stand_out_though_they_are_faded(look: Look, ground: str) -> None:
    assert contrast(blend(look["textColor"], look[ground], theme.FADED), look[ground]) >= TEXT


@looks
def test_a_primary_button_can_be_read_and_seen(look: Look) -> None:
    assert contrast(WHITE, look["primaryColor"]) >= TEXT
    for ground in GROUNDS:
        assert contrast(look["primaryColor"], look[ground]) >= DRAWN, ground


@looks
@pytest.mark.parametrize("mark", [theme.VERMILION, *theme.SERIES])
def test_what_a_chart_draws_stands_out(look: Look, mark: str) -> None:
    assert contrast(mark, look["backgroundColor"]) >= DRAWN


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


def blend(first: str, second: str, opacity: float) -> str:
    """Return `first` laid over `second`."""
    mixed = (
        round(opacity * one + (1 - opacity) * two)
        for one, two in zip(channels(first), channels(second), strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, definition of contrast ratio)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of an sRGB colour (WCAG 2.2, definition of relative luminance)."""
    parts = [value / 255 for value in channels(colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
