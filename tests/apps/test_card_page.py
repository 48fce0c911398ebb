"""The page Card in a browser: the numbers of ``cogattn card --json``, for everybody to read, on any screen."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import matplotlib.image as plt_image
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cogattn.apps.dashboard.card import carded, missing
from cogattn.apps.dashboard.card import page as card_page
from cogattn.apps.dashboard.launch.answers import answers_of, judged
from cogattn.apps.dashboard.launch.forms import form_of
from cogattn.apps.dashboard.server import serve
from cogattn.apps.dashboard.theme import VERMILION
from cogattn.registry import load_study
from cogattn.reporting.card.html import page as card_html
from cogattn.reporting.card.model import CardRow
from cogattn.reporting.card.words import FACTS, facts
from tests.apps.made_runs import Made, make_run, masking
from tests.reporting.card.samples import CARD, ROWS
from tests.reporting.card.seen import deuteranope, lightness_of, linear

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.apps.conftest import Server

FITS = (
    "() => [document.documentElement, document.querySelector('[data-testid=stMain]')].filter(Boolean)"
    ".every(e => e.scrollWidth <= e.clientWidth) && document.documentElement.clientWidth <= innerWidth"
)
"""Whether the page, and its scrolling part on the dashboard, is as wide as the window."""
HEADED = (
    "() => (heads => heads.length > 0 && heads.every(e => e.innerText.trim()))"
    "([...document.querySelectorAll('[data-testid=stTable] th:not(.blank)')])"
)
"""Whether every column of the page's tables has its name: a table's texts are drawn after the table itself."""
ROOT = Path(__file__).resolve().parents[2]
NETS = ("tf_efficientnet_lite0", "tf_efficientnet_lite1")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where Python finds the coin as a registered study: only in processes that are told so."""
    folder = tmp_path_factory.mktemp("plugin")
    info = folder / "carded_coin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: carded-coin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cogattn.studies]\ncoin = tests.apps.carded_coin:CardedCoin\n")
    return os.pathsep.join([str(folder), str(ROOT)])


@dataclass(frozen=True)
class Told:
    """A store in which the coin was run for two observers, and what ``cogattn card NAME --json`` prints of each."""

    store: Path
    cards: dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def told(plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One process runs the coin and the command line, as each would load the same libraries."""
    store = tmp_path_factory.mktemp("store")
    program = (
        "import sys, cogattn; from cogattn.cli import main; from cogattn.registry import load_study\n"
        "study, out = load_study('coin'), sys.argv[1]\n"
        f"for name in {NETS!r}:\n"
        "    cogattn.run('coin', config=study.carded(name), out=out, workers=1, progress=False)\n"
        f"for name in {NETS!r}:\n"
        "    main(['card', name, '--json', '--out', out]); print('\\0')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(store)],
        env={**os.environ, "PYTHONPATH": plugin},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    return Told(store, dict(zip(NETS, map(json.loads, done.stdout.decode().split("\0")[:-1]), strict=True)))


@pytest.fixture(scope="module")
def server(plugin: str, told: Told, module_serving: Callable[..., Server]) -> str:
    """One dashboard for the module, whose process has the coin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", plugin)
        return module_serving(told.store).url


@pytest.fixture
def opened(server: str, page: Page) -> Callable[[str], None]:
    """Open the page with a query, and wait until it is drawn to its end."""

    def open_at(query: str) -> None:
        page.goto(f"{server}/card{query}")
        page.get_by_role("heading", name="Provenance").wait_for()
        page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg)").first.wait_for()
        page.wait_for_function(HEADED)

    return open_at


def numbers_of(row: dict[str, object]) -> tuple[str, ...]:
    """The texts of a row of JSON, whose null was no number."""
    fields = {f.name: f for f in dataclasses.fields(CardRow)}
    values = {name: fields[name].default if value is None else value for name, value in row.items()}
    return tuple(text.replace("\u00a0", " ") for text in facts(CardRow(**values)))


def test_the_page_has_the_numbers_of_the_command_line_and_its_files(
    opened: Callable[[str], None],
    page: Page,
    told: Told,
    shoot: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """Two observers side by side, at 1280 pixels and then at 390, light and then dark."""
    opened(f"?model={NETS[1]}&beside={NETS[0]}")
    names = NETS[::-1]

    tables = tables_of(page)
    read = [table for table in tables if table[1][0] == FACTS[0]]
    measured = {name: [row for row in card["rows"] if row["measure"]] for name, card in told.cards.items()}
    assert len(read) == len(measured[names[0]]) == 3
    for position, table in enumerate(read):
        both = [numbers_of(measured[name][position]) for name in names]
        wanted = [list(row) for row in zip(FACTS, *both, strict=True) if set(row[1:]) != {"-"}]
        assert [[cell.replace("\u2013", "-") for cell in row] for row in table] == [["", *names], *wanted]
    assert "[" in read[0][5][1]  # a distance: the table is not empty
    glance = next(table for table in tables if table[0] == ["measure", *names])
    far = [f"{measured[name][0]['distance']:.3g} SD" for name in names]
    assert ["coin: heads", f"\u25b2 outside, {far[0]}", f"\u25c8 underpowered, {far[1]}"] in glance
    assert ["aad", "\u2013 does not apply", "\u2013 does not apply"] in glance

    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").first.click()
    given = json.loads(Path(download.value.path()).read_text())
    assert {**given, "made": ""} == {**told.cards[names[0]], "made": ""}
    with page.expect_download() as download:
        page.get_by_role("button", name="HTML").last.click()
    assert download.value.suggested_filename == f"card-{names[1]}.html"
    saved = tmp_path / "card.html"
    saved.write_bytes(Path(download.value.path()).read_bytes())
    assert f"<h1>{names[1]}</h1>" in saved.read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="model-index").first.click()
    assert Path(download.value.path()).read_text().startswith("---\nmodel-index:")
    links = page.get_by_role("link", name="masking").evaluate_all("links => links.map(a => a.href)")
    assert len(links) == 2
    assert [parse_qs(urlsplit(link).query)["set.like"] for link in links] == [["people"]] * 2
    tall(page, 1280)
    shoot("card-1280-light")

    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(FITS)
    assert font_px(page) >= 12
    tall(page, 390)
    shoot("card-390-dark")

    page.goto(saved.as_uri())
    page.wait_for_function(FITS)
    shoot("card-html-390-dark")


def test_the_address_names_registered_observers_alone(opened: Callable[[str], None], page: Page) -> None:
    """A target, a path, a script in the address: the page shows the first observer, and runs nothing."""
    for model, beside in (("os:getcwd", "../../etc/passwd"), ("<script>alert(1)</script>", "nobody' OR 1")):
        opened(f"?model={quote(model)}&beside={quote(beside)}")
        assert tables_of(page)[0][0] == ["measure", NETS[0]]
        assert page.get_by_text(model).count() == page.get_by_text(beside).count() == 0
        assert page.url.endswith(f"/card?model={NETS[0]}&beside=nobody")
    assert page.get_by_text("Coins have no eyes: *nothing* is seen.").count() == 1
    assert page.get_by_text("odds of the same tosses <b>& more</b>").count() == 1
    assert page.get_by_text(f"cogattn card {NETS[0]} --run --out").count() == 1


def test_the_empty_store_says_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(serve.RUNS_VARIABLE, str(tmp_path / "none"))
    drawn = AppTest.from_function(_page).run(timeout=120)
    assert [code.value for code in drawn.code] == ["cogattn models\ncogattn card MODEL --run"]
    assert not drawn.exception


def test_a_damaged_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "masking" / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "MANIFEST.json").write_text("{")
    monkeypatch.setenv(serve.RUNS_VARIABLE, str(tmp_path))
    drawn = AppTest.from_function(_page).run(timeout=120)
    assert [warning.value.replace("\\", "") for warning in drawn.warning] == [
        "run masking/0123456789ab is damaged"
    ]
    assert not drawn.exception


@pytest.mark.parametrize("study", ["masking", "naming", "rehearsal", "scanpath", "search"])
def test_the_link_to_the_launch_page_brings_the_cards_own_settings(study: str) -> None:
    query = missing.launch_query(study, NETS[1])
    assert query is not None
    loaded = load_study(study)
    form = form_of(loaded.Config)
    given = {path.removeprefix("set."): text for path, text in query.items()}
    start = answers_of(form, loaded.Config())
    assert {path for path in given if path != "study"} <= {*start, *answers_of(form, loaded.carded(NETS[1]))}
    config, refused = judged(loaded.Config, form, answers_of(form, loaded.carded(NETS[1])))
    assert refused == {}
    assert config == loaded.carded(NETS[1])


def test_whom_a_card_can_be_made_of_is_known_without_asking_timm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Controls and schedules are no networks: to be told so by timm would take seconds."""
    timm = pytest.importorskip("timm")
    asked: list[str] = []
    monkeypatch.setattr(timm, "is_model", asked.append)
    carded._knows.cache_clear()
    carded._called.cache_clear()
    make_run(tmp_path, "masking", masking(), Made(("chance", NETS[0])))
    make_run(tmp_path, "masking", masking(seed=1), Made((NETS[1], "os:getcwd", "../passwd"), role="network"))
    make_run(tmp_path, "rehearsal", {}, Made(("uniform", "power:1"), role="network"))
    make_run(tmp_path, "aad", {}, Made(("ridge",), role="decoder"))
    assert carded.names(tmp_path, carded.stamp(tmp_path)) == ["ridge", NETS[1]]
    assert asked == []


def test_whom_most_studies_hold_is_shown_first(tmp_path: Path) -> None:
    """By name alone the page would open with a decoder to which all but one study do not apply."""
    make_run(tmp_path, "aad", {}, Made(("ridge",), role="decoder"))
    for study in ("masking", "search"):
        make_run(tmp_path, study, masking() if study == "masking" else {}, Made((NETS[1],), role="network"))
    assert carded.names(tmp_path, carded.stamp(tmp_path)) == [NETS[1], "ridge"]


@pytest.mark.parametrize("simulated", [False, True], ids=["people", "simulated"])
def test_the_figure_says_whether_its_persons_are_simulated(
    simulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[dict, str]] = []
    monkeypatch.setattr(
        card_page.charts, "show", lambda chart, *, alt_text: drawn.append((chart.to_dict(), alt_text))
    )
    row = dataclasses.replace(ROWS[0], simulated=simulated)
    card_page._figure({"net": row}, row.measure)
    ((chart, alt_text),) = drawn
    persons, bars = (chart["datasets"][chart["layer"][i]["data"]["name"]] for i in (0, -1))
    assert {(one["person"], one["x"]) for one in persons} == set(row.people)
    assert {one["name"] for one in persons} == {"simulated persons" if simulated else "people"}
    assert chart["layer"][0]["mark"]["shape"] == ("square" if simulated else "circle")
    assert [bar["name"] for bar in bars] == ["net", "mean, simulated" if simulated else "people's mean"]
    assert (VERMILION in {bar["colour"] for bar in bars}) is not simulated
    assert ("simulated persons, a hollow square each" in alt_text) is simulated


def _page() -> None:
    from cogattn.apps.dashboard.card.page import page

    page()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_statuses_are_told_apart_by_the_colour_blind(
    page: Page, theme: str, tmp_path: Path
) -> None:
    """On the screenshot of the downloadable page, as a deuteranope sees it: lightness differs where words do."""
    saved = tmp_path / "card.html"
    saved.write_text(card_html(CARD))
    page.emulate_media(color_scheme=theme)
    page.goto(saved.as_uri())
    seen = {}
    for status in ("inside", "outside", "underpowered"):
        icon = page.locator(f"section li .status.is-{status} .icon")
        pixels = plt_image.imread(io.BytesIO(icon.screenshot()))[..., :3].reshape(-1, 3)
        ground = pixels[0]
        strongest = pixels[np.abs(pixels - ground).sum(axis=1).argmax()]
        seen[status] = lightness_of(deuteranope(linear(strongest)))
    assert min(abs(a - b) for a, b in itertools.combinations(seen.values(), 2)) > 12


def test_the_page_prints_on_a4_without_cutting_anything_off(page: Page, tmp_path: Path) -> None:
    saved = tmp_path / "card.html"
    saved.write_text(card_html(CARD))
    page.set_viewport_size({"width": 688, "height": 1017})  # A4 less its margins, in CSS pixels
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(saved.as_uri())
    page.wait_for_function(FITS)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def tables_of(page: Page) -> list[list[list[str]]]:
    """Every table's rows of texts, without the marks that say where a name may be broken."""
    return page.locator("[data-testid=stTable] table").evaluate_all(
        "tables => tables.map(t => [...t.rows].map(r => [...r.cells].map("
        "c => c.innerText.replaceAll('\\u200b', '').replaceAll('\\u00a0', ' ').trim())))"
    )


def font_px(page: Page) -> float:
    """The smallest text of the page's tables, in CSS pixels."""
    sizes = page.locator("[data-testid=stTable] td").evaluate_all(
        "cells => cells.map(c => parseFloat(getComputedStyle(c).fontSize))"
    )
    return min(sizes)


def tall(page: Page, width: int) -> None:
    """Make the window as high as what scrolls in it, for the screenshot."""
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(height + 50, 9000)})
    page.wait_for_timeout(800)
