"""How the dashboard looks: one quiet theme, light and dark, by the choice of the reader's system.

Colours that carry meaning are those of `cogattn.figures`, from Okabe and Ito's palette, which the colour-blind tell
apart. Fonts are those that Streamlit bundles: nothing is fetched.

Contrasts are those of WCAG 2.2, level AA: text at least 4.5, what a chart draws and what is worked at least 3. Captions
are text at an opacity of `FADED`; `STYLE` mends where Streamlit takes other colours than its theme offers.

References
----------
W3C (2023), Web Content Accessibility Guidelines 2.2, criteria 1.4.3 and 1.4.11.
"""

from __future__ import annotations

import json

BLUE, GREEN, PINK, ORANGE, SKY, VERMILION = "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#D55E00"
GREY = "#7F7F7F"
SERIES = (BLUE, GREEN, PINK, "#A87B00", "#3D95C9", GREY)
"""Several observers side by side, in this order, on white as on black; vermilion stays with people.

The palette's orange and sky blue are darker here: on white they would have a contrast of 2.3.
"""
FADED = 0.6
"""Opacity at which Streamlit draws captions."""

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
    "textColor": "#101316",
    "linkColor": "#005f94",
    "codeTextColor": "#101316",
    "borderColor": "#d5d9de",
    "redColor": VERMILION,
    "orangeColor": ORANGE,
    "blueColor": BLUE,
    "greenColor": GREEN,
    "chartCategoricalColors": list(SERIES),
}
DARK = {
    **LIGHT,
    "primaryColor": "#2478B8",
    "backgroundColor": "#14171a",
    "secondaryBackgroundColor": "#1e2328",
    "textColor": "#e4e7ea",
    "linkColor": "#7cc4ee",
    "codeTextColor": "#e4e7ea",
    "borderColor": "#3a4149",
    "blueColor": SKY,
}
STYLE = """<style>
[data-testid="stVegaLiteChart"] svg :is([class*="role-axis"], [class*="role-legend"]) text { fill: currentColor; }
[data-testid="stCode"] code span { color: inherit !important; }
[data-testid="stSliderThumbValue"], [data-testid="stSliderThumbValue"] p { color: inherit; }
[data-testid="stButtonGroup"] p { color: CanvasText; }
:is(a, button):focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
</style>"""
"""Labels of charts, code and what is chosen in the colour of text; a ring about what has the focus."""


def flags() -> list[str]:
    """Return the theme as words of Streamlit's command line."""
    groups = {"theme": COMMON, "theme.light": LIGHT, "theme.dark": DARK}
    return [
        word
        for group, values in groups.items()
        for name, value in values.items()
        for word in (f"--{group}.{name}", json.dumps(value) if isinstance(value, list) else str(value))
    ]
