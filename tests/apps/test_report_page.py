"""The page of ``cogattn report`` in a browser: on a telephone, at a desk and on paper, with its figures, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cogattn.figures import new_figure, render
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.reporting.report.html import page as report_html
from cogattn.reporting.report.model import Report
from cogattn.reporting.report.reading import Missing, RunReport
from tests.apps.test_card_page import FITS
from tests.reporting.card.samples import CARD

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONG = "a_name_that_has_no_place_to_break_it_" * 3
SIZES = {"telephone": (390, 844), "desk": (1280, 800), "A4": (688, 1017)}


def report_with(name: str) -> Report:
    """A card, and a run with a wide figure, many digits and a long name wherever there can be one."""
    rows = [
        Row(Observer(observer), Measure("gain", LONG, f"gain of {LONG}"), Estimate(-1234.5, -2345.6, 123.4, 987_654),
            Estimate(1.5, 1.25, 1.75, 14), note=LONG)
        for observer in (name, "another")
    ]  # fmt: skip
    figure, _ = new_figure(1, 2)
    run = RunReport(
        study="masking", id="0123456789ab", about="", question=f"What of {LONG}?", reference=None,
        summary=summary_table(rows), figures={"wide": render(figure, "png")}, remarks=(LONG,), withheld={}, sessions=(),
        settings=f'name = "{LONG}"', commands=(f"cogattn masking --observer.models {LONG}",),
    )  # fmt: skip
    missing = (Missing("naming", "What is it?", f"cogattn card {LONG} --run", ""),)
    return Report(observer=name, made=CARD.made, card=CARD, runs=(run,), missing=missing)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_report_fits_shows_its_figures_and_asks_for_nothing(
    page: Page, size: str, theme: str, tmp_path: Path
) -> None:
    saved = tmp_path / "report.html"
    saved.write_text(report_html(report_with(LONG)), encoding="utf-8")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(media="print" if size == "A4" else "screen", color_scheme=theme)
    page.goto(saved.as_uri())
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    page.wait_for_function(FITS)
    drawn = page.locator("figure img").evaluate_all("all => all.map(e => e.complete && e.naturalWidth > 0)")
    assert drawn == [True]
    assert [url for url in asked if not url.startswith("data:")] == [saved.as_uri()]
    assert complaints == []
