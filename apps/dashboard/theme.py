"""How the dashboard looks: one quiet theme, light and dark, by the choice of the reader's system.

Colours that carry meaning are those of `cogattn.figures`, from Okabe and Ito's palette, which the colour-blind tell
apart. Fonts are those that Streamlit bundles: nothing is fetched.
"""

from __future__ import annotations

import json

BLUE, GREEN, PINK, ORANGE, SKY, VERMILION = "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#D55E00"
GREY = "#7F7F7F"
SERIES = (BLUE, GREEN, PINK, ORANGE, SKY, GREY)
"""Several observers side by side, in this order, on white as on black; vermilion stays with people."""

COMMON = {
    "baseFontSize": 15,
    "headingFontSizes": ["1.7rem", "1.3rem", "1.1rem", "1rem", "0.9rem", "0.85rem"],
    "headingFontWeights": [600] * 6,
    "metricValueFontSize": "1.5rem",
    "baseRadius": "0.3rem",
    "paddingTop": "1rem",
    "paddingBottom": "3rem",
    "showWidgetBorder": "true",
}
LIGHT = {
    "primaryColor": BLUE,
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f4f5f6",
    "textColor": "#1d2126",
    "linkColor": "#005f94",
    "borderColor": "#d5d9de",
    "redColor": VERMILION,
    "orangeColor": ORANGE,
    "blueColor": BLUE,
    "greenColor": GREEN,
    "chartCategoricalColors": list(SERIES),
}
DARK = {
    **LIGHT,
    "primaryColor": SKY,
    "backgroundColor": "#14171a",
    "secondaryBackgroundColor": "#1e2328",
    "textColor": "#e4e7ea",
    "linkColor": "#7cc4ee",
    "borderColor": "#3a4149",
    "blueColor": SKY,
}


def flags() -> list[str]:
    """Return the theme as words of Streamlit's command line."""
    groups = {"theme": COMMON, "theme.light": LIGHT, "theme.dark": DARK}
    return [
        word
        for group, values in groups.items()
        for name, value in values.items()
        for word in (f"--{group}.{name}", json.dumps(value) if isinstance(value, list) else str(value))
    ]
