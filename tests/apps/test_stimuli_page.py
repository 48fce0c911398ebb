"""The page of stimuli in a browser: by keyboard alone, and what it shows is what a fresh process makes."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SAVE = """
import sys
import numpy as np

print(shown.digest())
np.savez(sys.argv[1], pixels=shown.parts[0].pixels)
"""


@pytest.fixture(scope="module")
def url(module_serving: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page's address, on a server over an empty store that all tests here share."""
    return f"{module_serving(tmp_path_factory.mktemp('runs')).url}/stimuli"


def test_by_keyboard_alone_a_slider_moves_and_the_picture_is_a_fresh_process_s(
    url: str, page: Page, shoot: Callable[[str], Path], tmp_path: Path
) -> None:
    page.goto(f"{url}?study=masking&noise_sd=0.2")
    before = digest(page)
    tab_to(page, "Band of the noise")
    page.keyboard.press("ArrowRight")
    after = digest(page, other_than=before)
    assert "band=5" in page.url
    assert "noise_sd=0.2" in page.url
    tab_to(page, "The same in Python")
    page.keyboard.press("Enter")
    code = page.locator("[data-testid=stCode] code")
    code.wait_for()
    kept = tmp_path / "fresh.npz"
    done = subprocess.run(
        [sys.executable, "-c", code.inner_text() + SAVE, str(kept)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [after]
    with np.load(kept) as fresh:
        wait_for_picture(page, fresh["pixels"])
    shoot("stimuli-masking-1280")
    other = page.context.new_page()
    other.goto(page.url)
    assert digest(other) == after
    other.close()


def test_what_an_address_must_not_hold_changes_nothing(url: str, page: Page) -> None:
    page.goto(f"{url}?study=naming")
    plain = digest(page)
    page.goto(f"{url}?study=naming&shape=../../etc/passwd&texture=nan&exhibit=<script>alert(1)</script>")
    assert digest(page) == plain
    page.goto(f"{url}?study=../../../etc&trial={'9' * 5000}&snr_db=1e400")
    digest(page)
    assert page.get_by_role("alert").count() == 0


def test_what_cannot_be_shown_is_said(url: str, page: Page) -> None:
    page.goto(f"{url}?study=naming&shape=mug&texture=mug")
    page.get_by_text("texture must be of another category than shape; got mug for both").wait_for()


def test_fixations_are_played_when_asked_and_end_by_themselves(url: str, page: Page) -> None:
    page.goto(f"{url}?study=search&searcher=chance")
    digest(page)
    slider = page.get_by_role("slider", name="Fixations drawn")
    last = slider.get_attribute("aria-valuenow") or slider.input_value()
    time.sleep(1.5)
    assert value(slider) == int(last)  # nothing moves by itself
    tab_to(page, "Play")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Pause").wait_for()
    seen, until = set(), time.monotonic() + 180
    while page.get_by_role("button", name="Pause").count() and time.monotonic() < until:
        seen.add(value(slider))
        time.sleep(0.1)
    page.get_by_role("button", name="Play").wait_for()
    assert value(slider) == int(last)
    assert len(seen) > 2
    tab_to(page, "Fixations drawn", first=False)
    page.keyboard.press("Home")
    page.wait_for_function("document.querySelectorAll('figure img').length == 2")


def test_every_picture_has_a_text_and_files_hold_what_is_shown(url: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"{url}?study=naming&exhibit=An+image+manipulated&name=contrast")
    shown = digest(page)
    pictures(page).nth(1).wait_for()
    texts = pictures(page).evaluate_all("images => images.map(image => image.alt)")
    assert len(texts) == 2
    assert "contrast, 15 (contrast, %)" in texts[0]
    npz, png = (download(page, name, tmp_path) for name in ("NPZ", "PNG"))
    assert shown[:12] in npz.name
    with np.load(npz) as arrays:
        np.testing.assert_array_equal(np.asarray(Image.open(png)), np.round(255 * arrays["picture_1_pixels"]))
        wait_for_picture(page, arrays["picture_1_pixels"])
    page.get_by_role("combobox", name="Study").click()
    page.get_by_role("option", name="scanpath", exact=True).click()
    digest(page, other_than=shown)
    page.wait_for_url("**/stimuli?study=scanpath")  # the other study's exhibit is forgotten


def test_nothing_is_cut_off_on_a_telephone(url: str, page: Page, shoot: Callable[[str], Path]) -> None:
    page.set_viewport_size({"width": 390, "height": 1600})
    page.goto(f"{url}?study=scanpath")
    digest(page)
    page.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    shoot("stimuli-scanpath-390")
    box = pictures(page).first.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


# ---- the page


def digest(page: Page, *, other_than: str = "") -> str:
    """The SHA-256 that the page tells, once it has one and is done."""
    told = page.locator("[data-testid=stCaptionContainer]", has_text="SHA-256 of what is shown").locator(
        "code"
    )
    told.wait_for()
    page.wait_for_function(CHANGED, arg=other_than)
    found = told.inner_text()
    assert len(found) == 64
    return found


CHANGED = """before => {
  const all = [...document.querySelectorAll("[data-testid=stCaptionContainer] code")].map(code => code.innerText);
  const busy = document.querySelector("[data-testid=stStatusWidget]");
  return !busy && all.length === 1 && all[0] !== before;
}"""


def tab_to(page: Page, name: str, *, first: bool = True) -> None:
    """Press Tab until something of that name has the focus."""
    if first:
        page.evaluate("document.activeElement && document.activeElement.blur()")
    for _ in range(80):
        page.keyboard.press("Tab")
        if name in page.evaluate(NAMED):
            return
    raise AssertionError(f"{name} must be reached by Tab")


NAMED = """() => {
  const it = document.activeElement;
  const by = it.getAttribute("aria-labelledby");
  const labels = by ? by.split(" ").map(id => document.getElementById(id)?.innerText ?? "") : [];
  const own = it.matches("button, summary") ? it.innerText : "";
  return [it.getAttribute("aria-label") ?? "", own, ...labels].join(" ");
}"""


def value(slider: Locator) -> int:
    return int(slider.get_attribute("aria-valuenow") or slider.input_value())


def pictures(page: Page) -> Locator:
    return page.locator("figure img:not([alt=''])")


def wait_for_picture(page: Page, pixels: np.ndarray) -> None:
    """Wait until the first picture's file in the page holds these pixels as code values."""
    wanted, until = np.round(255 * pixels), time.monotonic() + 120
    while True:
        data = (pictures(page).first.get_attribute("src") or "").partition("base64,")[2]
        found = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        if np.array_equal(found, wanted) or time.monotonic() > until:
            break
        time.sleep(0.5)
    np.testing.assert_array_equal(found, wanted)


def download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path
