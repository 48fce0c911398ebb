"""The launch page: every study's form, a run from start to end, a server that dies, two tabs, and an end on request."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from cogattn.apps.dashboard.jobs import jobs
from cogattn.apps.dashboard.launch.forms import form_of, shown
from cogattn.apps.dashboard.server.serve import RUNS_VARIABLE
from cogattn.registry import load_study
from cogattn.running.catalogue import list_runs
from cogattn.running.records import CellList, Provenance
from cogattn.running.store import JOBS, RunFolder, config_record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

STUDIES = ["aad", "efr", "masking", "naming", "rehearsal", "scanpath", "search"]
HOSTILE = "<img src=x onerror=alert(1)> ![](http://127.0.0.1:9/x) :red[x] $x$"


def script() -> None:
    from cogattn.apps.dashboard.launch.page import page

    page()


@pytest.fixture
def open_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """The page with a query, without a browser."""
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))

    def opened(**query: str) -> AppTest:
        app = AppTest.from_function(script, default_timeout=120)
        for name, value in query.items():
            app.query_params[name] = value
        return without_exception(app.run())

    return opened


def without_exception(app: AppTest) -> AppTest:
    assert not app.exception, [one.value for one in app.exception]
    return app


def labelled(app: AppTest) -> dict[str, object]:
    widgets = [*app.text_input, *app.selectbox, *app.checkbox, *app.multiselect]
    return {widget.label: widget for widget in widgets}


def stored(root: Path, study: str, values: dict[str, object]) -> RunFolder:
    """A run that has its settings and nothing else."""
    config = load_study(study).Config.parse(values)
    run = RunFolder(root, study, config_record(study, config).run_id)
    run.create(config)
    return run


def toml_of(app: AppTest) -> str:
    return next(block.value for block in app.code if block.language == "toml")


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_s_form_shows_its_defaults(study: str, open_page: Callable[..., AppTest]) -> None:
    app = open_page(study=study)
    model = load_study(study).Config
    drawn = labelled(app)
    for field in shown(form_of(model), {}):
        value = drawn[field.path].value
        assert (tuple(value) if isinstance(value, list) else value) == field.default, field.path
    assert toml_of(app) == model().to_toml()
    assert not app.error
    assert app.query_params["study"] == study


def test_another_kind_shows_its_own_fields(open_page: Callable[..., AppTest]) -> None:
    app = open_page(study="masking")
    assert {"observer.models", "observer.weights"} <= labelled(app).keys()
    labelled(app)["observer.kind"].set_value("template").run()
    assert {"observer.center_cpi", "observer.n_alternatives"} <= labelled(without_exception(app)).keys()
    assert "observer.weights" not in labelled(app)
    labelled(app)["observer.n_alternatives"].set_value("8").run()
    assert "n_alternatives = 8" in toml_of(app)
    assert any("--observer.kind template --observer.n-alternatives 8" in code.value for code in app.code)


def test_a_wrong_value_stands_beside_its_message_and_starts_nothing(
    open_page: Callable[..., AppTest], tmp_path: Path
) -> None:
    app = open_page(study="masking")
    labelled(app)["noise.n_bands"].set_value("2").run()
    labelled(app)["humans"].set_value("")
    next(one for one in app.button if one.label == "Plan").click().run()
    sentences = [one.value.replace("\\", "") for one in without_exception(app).error]
    assert "noise.n_bands must be greater than or equal to 3; got '2'" in sentences
    assert any(one.startswith("humans must have at least 1 character") for one in sentences)
    assert "2 settings are refused: see beside the field." in sentences
    assert next(one for one in app.button if one.label == "Launch").disabled
    assert not (tmp_path / JOBS).exists()


def test_the_settings_of_a_run_fill_the_form(open_page: Callable[..., AppTest], tmp_path: Path) -> None:
    values = {
        "seed": 3,
        "observer": {"kind": "template"},
        "noise": {"sds": [0, 0.1, 0.2]},
        "like": "settings",
    }
    run = stored(tmp_path, "masking", values)
    app = open_page(run=f"masking/{run.id}")
    assert toml_of(app) == load_study("masking").Config.parse(values).to_toml()
    assert app.query_params["set.noise.sds"] == "0.0, 0.1, 0.2"
    again = open_page(**dict(app.query_params))
    assert toml_of(again) == toml_of(app)


def test_a_run_that_names_code_is_not_filled_in_as_it_is(
    open_page: Callable[..., AppTest], tmp_path: Path
) -> None:
    run = stored(tmp_path, "masking", {"observer": {"kind": "factory", "target": "os:system"}})
    app = open_page(run=run.id)
    assert any("names code" in one.value for one in app.success)
    assert labelled(app)["observer.kind"].value == "readout"
    assert "os:system" not in toml_of(app)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "jobs/aaaaaaaaaaaa", HOSTILE, "x" * 100_000, "\x00", "coin/*"],
    ids=["traversal", "jobs", "script", "long", "nul", "pattern"],
)  # fmt: skip
def test_a_run_that_there_is_not_is_said_and_nothing_is_read(
    name: str, open_page: Callable[..., AppTest]
) -> None:
    app = open_page(run=name)
    assert len(app.error) == 1
    assert "run must be the start of one stored id" in app.error[0].value.replace("\\", "")
    assert "![" not in app.error[0].value
    assert toml_of(app) == load_study(labelled(app)["Study"].value).Config().to_toml()


@pytest.mark.parametrize(
    "query",
    [
        {"study": "no-such"}, {"study": "os:system"}, {"set.seed": "5"},
        {"study": "masking", "set.observer.kind": "factory", "set.observer.target": "os:system"},
        {"study": "masking", "set.like": "../x", "set.stimulus.strict": HOSTILE, "set.no.such": "1"},
        {"study": "search", "set.tasks": "letters, <script>, letters"},
    ],
    ids=["study", "target", "no-study", "code", "choices", "several"],
)  # fmt: skip
def test_an_address_can_only_ask_what_the_form_can(
    query: dict[str, str], open_page: Callable[..., AppTest]
) -> None:
    app = open_page(**query)
    assert not app.error
    assert "factory" not in toml_of(app)
    assert "script" not in toml_of(app)


def test_what_an_address_brings_is_judged_and_escaped(open_page: Callable[..., AppTest]) -> None:
    app = open_page(
        study="masking", **{"set.seed": HOSTILE, "set.humans": "x" * 20_000, "set.noise.sds": '"'}
    )
    sentences = [one.value for one in app.error]
    assert any(one.replace("\\", "").startswith("seed must be a valid integer") for one in sentences)
    assert not any("![" in one or ":red[" in one or "$x$" in one for one in sentences)
    assert next(one for one in app.button if one.label == "Launch").disabled


# -- in a browser ----------------------------------------------------------------------------------------------


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Open tabs, each of a reader of its own; their consoles may complain, for the server dies."""
    contexts = []

    def opened(url: str) -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(120_000)
        tab.goto(url)
        button(tab, "Plan").wait_for()
        return tab

    yield opened
    for context in contexts:
        context.close()


def button(tab: Page, name: str) -> Locator:
    return tab.get_by_role("button", name=name, exact=True)


def planned(tab: Page) -> None:
    button(tab, "Plan").click()
    tab.get_by_text(re.compile("^To compute:")).wait_for()


def n_stored(run: RunFolder) -> int:
    cells = run.read(CellList)
    return sum(run.cells.has(cell.name) for cell in cells.cells) if cells else 0


def until(said: Callable[[], bool], limit_s: float = 120.0) -> None:
    end = time.monotonic() + limit_s
    while not said():
        assert time.monotonic() < end, "it must come to pass in time"
        time.sleep(0.1)


def test_two_tabs_start_one_run_which_outlives_its_server_and_is_seen_to_its_end(
    serving: Callable, tabs: Callable[[str], Page], coins: Path
) -> None:
    server = serving(coins)
    address = f"{server.url}/launch?study=coin&set.n_cells=20&set.seconds_per_cell=1"
    here, there = tabs(address), tabs(address)
    planned(here)
    planned(there)
    button(here, "Launch").click()
    button(there, "Launch").click()
    answers = [tab.get_by_text(re.compile("was started|is on its way already")) for tab in (here, there)]
    for answer in answers:
        answer.wait_for()
    assert sorted("was started" in answer.inner_text() for answer in answers) == [False, True]
    for tab in (here, there):
        tab.get_by_text("of 40 cells").wait_for()
    (run,) = list_runs(coins)
    until(lambda: n_stored(run) >= 2)

    server.kill()
    before = n_stored(run)
    assert before < 40
    serving(coins, port=server.port)
    there.goto(address)
    there.get_by_text("of 40 cells").wait_for()
    until(lambda: n_stored(run) > before)
    there.get_by_text(f"coin/{run.id}: finished").wait_for()
    here.get_by_text(f"coin/{run.id}: finished").wait_for()  # the old tab has found the new server
    provenance = run.read(Provenance)
    assert provenance is not None
    assert len(provenance.sessions) == 1
    assert provenance.sessions[0].argv[:2] == ("cogattn", "coin")
    assert n_stored(run) == 40
    there.get_by_role("link", name="This run is finished: open it").wait_for()


def test_a_wrong_value_is_told_beside_its_field_and_a_job_is_ended_after_asking_once(
    serving: Callable, page: Page, coins: Path, shoot: Callable
) -> None:
    server = serving(coins)
    page.goto(f"{server.url}/launch?study=coin&set.n_cells=400&set.seconds_per_cell=0.2")
    tosses = page.get_by_label("tosses", exact=True)
    tosses.fill(HOSTILE)
    tosses.press("Enter")
    message = page.get_by_text("tosses must be a valid integer")
    message.wait_for()
    field, sentence = tosses.bounding_box(), message.bounding_box()
    assert field is not None
    assert sentence is not None
    assert abs(field["x"] - sentence["x"]) < 100
    assert 0 < sentence["y"] - field["y"] < 200
    assert page.locator("main img, [data-testid=stMain] img[src=x]").count() == 0
    shoot("launch-refused")
    button(page, "Plan").click()
    page.get_by_text("1 setting is refused").wait_for()
    assert not (coins / JOBS).exists()

    tosses.fill("20")  # and without leaving the field first
    planned(page)
    shoot("launch-planned")
    button(page, "Launch").press("Enter")  # the keyboard will do
    page.get_by_text("of 800 cells").wait_for()
    shoot("launch-running")
    button(page, "Cancel").press("Enter")
    page.get_by_text("End this job?").wait_for()
    (job,) = jobs.jobs(coins)
    until(lambda: n_stored(job.run) > 0)
    assert job.state == "running"
    button(page, "Yes, end it").press("Space")
    page.get_by_text("cancelled; what is stored stays").wait_for()
    shoot("launch-cancelled")
    assert 0 < n_stored(job.run) < 800
    page.reload()
    page.get_by_text("cancelled; what is stored stays").wait_for()
    until(lambda: tosses.input_value() == "20")
    assert parse_qs(urlsplit(page.url).query, keep_blank_values=True) == {
        "study": ["coin"], "set.n_cells": ["400"], "set.tosses": ["20"], "set.seconds_per_cell": ["0.2"],
    }  # fmt: skip  # no field has answered before it was filled
    button(page, "Forget").click()
    page.get_by_text("cancelled; what is stored stays").wait_for(state="detached")
    assert jobs.jobs(coins) == []
