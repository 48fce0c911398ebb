"""The Runs page in a browser: two thousand runs, filters in the address, damage, progress, seeds, links."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cogattn.apps.dashboard.runs.page import first_command
from cogattn.cli import build_app
from cogattn.running.lock import claimed
from cogattn.running.records import CellList
from tests.apps.made_runs import COIN, Made, finish, make_run, masking

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from cogattn.running.store import RunFolder
    from tests.apps.conftest import Server

MANY = 2000
COUNTS = """
window.counts = [];
new MutationObserver(() => {
  for (const said of document.querySelectorAll('[data-testid=stCaptionContainer]')) {
    const n = /^(\\d+) runs?\\b/.exec(said.textContent);
    if (n && window.counts.at(-1) !== Number(n[1])) window.counts.push(Number(n[1]));
  }
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Of the test's own: every number of runs that the page has said."""
ROW_IS_DRAWN = """() => {
    const canvas = document.querySelector('[data-testid=stDataFrame] canvas')
    if (!canvas) return false
    const pixels = canvas.getContext('2d').getImageData(44, 40, 300, 26).data
    return new Set(pixels.filter((_, i) => i % 4 === 0)).size > 8
}"""
"""The first row is painted on a canvas: text has many shades, an empty row has one."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Coins tossed with two numbers of tosses and three seeds each, one of them damaged; a run of masking."""
    root = tmp_path_factory.mktemp("store") / "runs"
    for tosses in (50, 60):
        for seed in range(3):
            settings = {**COIN, "tosses": tosses, "seed": seed}
            make_run(root, "coin", settings, Made(("coin 0", "coin 1"), estimate=0.4 + 0.05 * seed))
    make_run(root, "masking", masking(), Made(("template 28 cpi",)))
    damaged = make_run(root, "coin", {**COIN, "tosses": 70})
    (damaged.folder / "config.json").write_bytes(b'{"study": "coin"')
    return root


@pytest.fixture(scope="module")
def server(store: Path, module_serving: Callable[..., Server]) -> Server:
    return module_serving(store)


TABLE = """() => {
    const table = document.querySelector('[data-testid=stDataFrame] canvas table')
    const said = (row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent)
    return table && table.querySelector('td') ? [...table.querySelectorAll('tr')].map(said) : null
}"""
"""What the table says to a screen reader: it is in the page once the table has the focus."""


def table(page: Page) -> list[dict[str, str]]:
    page.wait_for_function(ROW_IS_DRAWN)
    page.get_by_test_id("data-grid-canvas").first.focus()
    header, *rows = page.wait_for_function(TABLE).json_value()
    return [dict(zip(header, row, strict=True)) for row in rows]


def counted(page: Page, text: str) -> None:
    page.get_by_text(text, exact=True).wait_for()


def test_the_first_of_two_thousand_runs_are_seen_before_all_are_read_and_all_follow(
    tmp_path: Path, serving: Callable, page: Page
) -> None:
    for seed in range(MANY):
        make_run(tmp_path / "runs", "coin", {**COIN, "seed": seed})
    server = serving(tmp_path / "runs")
    page.add_init_script(COUNTS)
    page.goto(server.url)
    page.wait_for_function(ROW_IS_DRAWN)
    counted(page, f"{MANY} runs: {MANY} finished")
    first, *_, last = page.evaluate("window.counts")
    assert first < last == MANY, "some are shown before all have been read"


def test_an_address_with_filters_shows_the_same_in_a_new_tab(server: Server, page: Page) -> None:
    page.goto(server.url)
    counted(page, "8 runs: 7 finished, 1 damaged")
    page.get_by_role("textbox", name="Settings").fill("tosses=60")
    page.keyboard.press("Tab")
    counted(page, "3 of 8 runs: 3 finished")
    page.get_by_role("textbox", name="Observer").fill("COIN 1")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="finished").click()
    page.wait_for_url("**status=finished**")
    counted(page, "3 of 8 runs: 3 finished")
    other = page.context.new_page()
    other.goto(page.url)
    counted(other, "3 of 8 runs: 3 finished")
    for name, value in (("Settings", "tosses=60"), ("Observer", "COIN 1")):
        field = other.get_by_role("textbox", name=name)
        other.wait_for_function(
            "([field, value]) => field.value === value", arg=[field.element_handle(), value]
        )
    other.close()


def test_a_damaged_run_is_named_and_the_rest_works(
    server: Server, page: Page, shoot: Callable[[str], Path], store: Path
) -> None:
    page.goto(server.url)
    damaged = next(path.parent for path in store.glob("coin/*/config.json") if path.stat().st_size < 20)
    page.get_by_text("Damaged").get_by_role("link", name=f"coin/{damaged.name}").wait_for()
    states = {row["run"]: row["status"] for row in table(page)}
    assert states.pop(damaged.name) == "damaged"
    assert set(states.values()) == {"finished"}
    shoot("runs")


def test_only_settings_that_differ_have_a_column(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?study=coin")
    counted(page, "7 of 8 runs: 6 finished, 1 damaged")
    assert list(table(page)[0]) == ["run", "study", "status", "observers", "seed", "tosses", "started (UTC)"]


def test_a_setting_that_no_run_has_is_said_beside_the_field(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?where=nothing%3D1")
    page.get_by_role("alert").get_by_text(
        "Settings must name a setting of a listed run; got 'nothing'"
    ).wait_for()


def test_rows_chosen_by_keyboard_lead_to_run_compare_and_card(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?where=tosses%3D50")
    counted(page, "3 of 8 runs: 3 finished")
    table(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    page.get_by_role("link", name=re.compile("Run [0-9a-f]{12}")).wait_for()
    page.get_by_role("link", name="Card of coin 0").wait_for()
    for row in (0, 2):
        page.mouse.click(*middle_of_box(page, row))
    page.get_by_role("link", name="Compare these 3").click()
    page.wait_for_url(re.compile(r"/compare\?runs=coin(/|%2F)\w{12}((,|%2C)coin(/|%2F)\w{12}){2}$"))


def middle_of_box(page: Page, row: int) -> tuple[float, float]:
    """Where the box is with which a row of the table is chosen."""
    box = page.get_by_test_id("data-grid-canvas").first.bounding_box()
    assert box is not None
    return box["x"] + 20, box["y"] + 35 * (row + 1) + 17


def test_seeds_are_taken_together_with_mean_and_interval(
    server: Server, page: Page, shoot: Callable[[str], Path]
) -> None:
    page.goto(f"{server.url}/?view=seeds+together&where=tosses%3D50")
    # heads of .40, .45 and .50: t(2) = 4.303, SE = .05 / sqrt(3)
    names = ("mean", "lo", "hi", "n")
    rows = table(page)
    assert [row["observer"] for row in rows] == ["coin 0", "coin 1"]
    for row in rows:
        assert [float(row[name]) for name in names] == pytest.approx([0.45, 0.3258, 0.5742, 3], abs=1e-4)
    page.mouse.click(*middle_of_box(page, 0))
    page.get_by_role("link", name="Run of seed 2").wait_for()
    shoot("seeds")


def test_progress_is_seen_without_a_reload_and_a_finished_run_joins_the_rest(
    tmp_path: Path, serving: Callable, page: Page, shoot: Callable[[str], Path]
) -> None:
    made = Made(n_cells=4, stored=1, finished=False)
    run = make_run(tmp_path / "runs", "coin", COIN, made)
    server = serving(tmp_path / "runs")
    with claimed(run.folder, of="the run"):
        page.goto(server.url)
        counted(page, "1 run: 1 running")
        page.get_by_text("1 of 4 cells").wait_for()
        add_a_cell(run)
        page.get_by_text("2 of 4 cells").wait_for()
        shoot("progress")
    finish(run, made)
    counted(page, "1 run: 1 finished")
    assert not page.get_by_role("progressbar").count()


def add_a_cell(run: RunFolder) -> None:
    cells = run.read(CellList)
    assert cells is not None
    paths = [run.cells.path(cell.name) for cell in cells.cells]
    missing = next(path for path in paths if not path.exists())
    missing.parent.mkdir(exist_ok=True)
    missing.touch()


def test_an_empty_store_says_how_to_begin_and_shows_the_first_run(
    tmp_path: Path, serving: Callable, page: Page, shoot: Callable[[str], Path]
) -> None:
    server = serving(tmp_path / "none")
    page.goto(server.url)
    command = f"cogattn masking --observer.kind template --out {tmp_path / 'none'}"
    page.get_by_text(command, exact=True).wait_for()
    shoot("nothing")
    make_run(tmp_path / "none", "coin", COIN)
    counted(page, "1 run: 1 finished")
    page.goto(f"{server.url}/?study=coin")
    shutil.rmtree(tmp_path / "none")
    page.reload()
    page.get_by_role("link", name="Or choose a study and its settings in a form").click()
    page.wait_for_url("**/launch")


def test_the_command_that_an_empty_store_shows_is_one(tmp_path: Path) -> None:
    program, *words = first_command(tmp_path)
    _, bound, _ = build_app(words).parse_args(words, exit_on_error=False, print_error=False)
    assert program == "cogattn"
    assert bound.arguments
