"""The Run page: numbers as they are on disk, a command that finds the run again, damage named, stimuli at a click."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

import cogattn
from cogattn.apps.dashboard.drawing import drawn
from cogattn.apps.dashboard.drawing.curves import curves_of, points_of, trials_of_point
from cogattn.apps.dashboard.run import published
from cogattn.apps.dashboard.run.again import command
from cogattn.apps.dashboard.server import serve
from cogattn.cli.flags import nested
from cogattn.cli.studies import app as study_app
from cogattn.config import read_settings
from cogattn.exhibits import Picture
from cogattn.registry import load_study
from cogattn.running.catalogue import list_runs
from cogattn.running.records import ConfigRecord
from cogattn.running.store import RunFolder, config_record, run_id

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.apps.conftest import Server

SECONDS = 120
"""For a page, on a machine that is busy."""


def run_page() -> None:
    import streamlit as st

    from cogattn.apps.dashboard.links import pages
    from cogattn.apps.dashboard.run.page import page

    st.navigation(pages())
    page()


def opened(store: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(serve.RUNS_VARIABLE, str(store))
    at = AppTest.from_function(run_page, default_timeout=SECONDS)
    if name:
        at.query_params["run"] = name
    return at.run()


def told(at: AppTest) -> str:
    """All that is written on the page."""
    return "\n".join(
        element.value for kind in (at.markdown, at.caption, at.error, at.warning, at.info) for element in kind
    )


def plain(text: str) -> str:
    return text.replace("\\", "")


@pytest.fixture(scope="module")
def run(masked: Path) -> RunFolder:
    return list_runs(masked)[0]


@pytest.fixture
def copy(masked: Path, tmp_path: Path) -> RunFolder:
    """A run that a test may damage."""
    shutil.copytree(masked, tmp_path / "runs")
    return list_runs(tmp_path / "runs")[0]


# ---- what is on the page


def test_remarks_come_before_any_number(run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    at = opened(run.root, f"masking/{run.id}", monkeypatch)
    assert not at.exception
    for remark in run.remarks():
        assert remark.split(";")[0] in plain(at.warning[0].value)
    kinds = [type(element).__name__ for element in at.main]
    assert kinds.index("Warning") < kinds.index("Dataframe")
    assert not at.error


def test_the_summary_on_the_page_is_that_of_the_run_with_intervals_and_n(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    shown = opened(run.root, run.id, monkeypatch).dataframe[0].value
    stored = run.summary()
    for column in ("observer", "estimate", "lo", "hi", "n", "human", "human_lo", "human_hi"):
        assert shown[column].tolist() == pytest.approx(stored[column].tolist(), nan_ok=True) or (
            shown[column].tolist() == stored[column].tolist()
        )


def test_published_networks_are_fitted_only_when_they_are_looked_at(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    monkeypatch.setattr(published, "_table", lambda study, name: asked.append(name) or run.summary())
    at = opened(run.root, f"masking/{run.id}", monkeypatch)
    assert asked == []
    at.session_state["published-beside"] = True
    at.run()
    assert not at.exception
    assert asked == ["subramanian2023-networks"]
    assert any("published, same observer" in table.value for table in at.dataframe)


def test_without_a_run_the_store_is_offered_and_an_empty_one_says_how_to_begin(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    at = opened(run.root, "", monkeypatch)
    assert [f"masking/{one.id}" for one in list_runs(run.root)] == at.selectbox(key="run-chooser").options
    at.selectbox(key="run-chooser").select(f"masking/{run.id}").run()
    assert at.query_params["run"] in (f"masking/{run.id}", [f"masking/{run.id}"])
    assert "Start a study" in told(opened(tmp_path / "none", "", monkeypatch))


@pytest.mark.parametrize(
    "name",
    ["masking/ffffffffffff", "../../etc/passwd", "x" * 100_000, "<script>alert(1)</script>", "masking/"],
    ids=["unknown", "traversal", "oversized", "script", "no id"],
)
def test_a_name_that_is_no_run_is_refused_in_one_sentence(
    name: str, run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    at = opened(run.root, name, monkeypatch)
    assert not at.exception
    assert "run must be the start of one stored id" in plain(at.error[0].value)
    assert len(at.error[0].value) < 600
    assert not at.dataframe


def test_a_run_of_a_study_that_is_not_installed_shows_its_tables_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    coins = cogattn.run("cogattn.testing.coin:CoinStudy", out=tmp_path / "runs", workers=1)
    at = opened(tmp_path / "runs", f"coin/{coins.id}", monkeypatch)
    assert not at.exception
    assert not at.error
    assert at.dataframe[0].value["estimate"].tolist() == coins.summary["estimate"].tolist()
    assert any(f"--config coin-{coins.id}.toml" in code.value for code in at.code)


def test_whom_the_tables_leave_out_is_said_with_the_cause(copy: RunFolder, monkeypatch: pytest.MonkeyPatch):
    manifest = copy.manifest().model_copy(update={"withheld": {"resnet50": "out of memory in cell 3"}})
    copy.write(manifest)
    at = opened(copy.root, copy.id, monkeypatch)
    assert "resnet50 is left out: out of memory in cell 3" in [plain(error.value) for error in at.error]


def test_an_unfinished_run_says_how_far_it_is_and_how_to_run_it_again(
    copy: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    (copy.folder / "MANIFEST.json").unlink()
    at = opened(copy.root, copy.id, monkeypatch)
    assert not at.exception
    assert not at.error
    n_cells = len(json.loads((copy.folder / "cells.json").read_text())["cells"])
    assert f"{n_cells} of {n_cells} cells" in plain(told(at))
    assert "There is no summary" in told(at)
    assert any(code.value.startswith("cogattn masking --") for code in at.code)


# ---- damage


def test_a_damaged_table_is_named_and_the_rest_is_shown(copy: RunFolder, monkeypatch: pytest.MonkeyPatch):
    path = copy.folder / "tables" / "accuracy.csv"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    at = opened(copy.root, copy.id, monkeypatch)
    assert not at.exception
    assert any("tables/accuracy.csv is damaged" in plain(error.value) for error in at.error)
    assert at.dataframe[0].value["estimate"].tolist() == copy.summary()["estimate"].tolist()
    titles = [plain(title.value) for title in at.subheader]
    assert "Accuracy by frequency of the noise" not in titles
    assert "Threshold by frequency of the noise" in titles


@pytest.mark.parametrize("file", ["MANIFEST.json", "config.json", "cells.json", "provenance.json"])
def test_a_damaged_record_is_named_and_costs_its_own_part_alone(
    file: str, copy: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    path = copy.folder / file
    path.write_bytes(path.read_bytes()[:-20])
    at = opened(copy.root, copy.id, monkeypatch)
    assert not at.exception
    assert any(file in plain(error.value) for error in at.error)
    assert len(at.header) == 8
    has_numbers = any("estimate" in frame.value for frame in at.dataframe)
    assert has_numbers == (file != "MANIFEST.json")


def test_a_manifest_that_names_files_elsewhere_reads_none_of_them(
    copy: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    secret = copy.root / "secret.csv"
    secret.write_text("observer,estimate\nsecret,1\n")
    digest = hashlib.sha256(secret.read_bytes()).hexdigest()
    manifest = copy.manifest()
    files = {**manifest.files, "tables/../../../secret.csv": digest, "../../secret.csv": digest}
    copy.write(manifest.model_copy(update={"files": files}))
    at = opened(copy.root, copy.id, monkeypatch)
    assert not at.exception
    assert sum("is no file of a run" in plain(error.value) for error in at.error) == 2
    assert not any(
        "secret" in frame.value.get("observer", pd.Series(dtype=str)).tolist() for frame in at.dataframe
    )


# ---- again


SETTINGS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "a list and a nested kind": (
        "masking",
        {"observer": {"kind": "template", "center_cpi": 12.5}, "noise": {"sds": [0, 0.04, 0.16]}, "seed": 3},
    ),
    "people": ("masking", {"observer": {"kind": "human"}}),
    "a flag, and the stimuli that people saw": ("masking", {"stimulus": {"strict": True}, "like": "people"}),
    "a list of words": (
        "search",
        {"tasks": ["letters", "2v5"], "controls": ["chance"], "rules": {"memory": 0.5}},
    ),
    "an empty list": ("search", {"controls": []}),
    "a kind that is not the default": ("naming", {"shown": {"kind": "attacked", "epsilons": [1e-3]}}),
    "a name with spaces and quotes": ("naming", {"humans": "my people's $(table) `x`"}),
    "defaults": ("rehearsal", {}),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_the_command_finds_the_same_run(case: str, tmp_path: Path):
    name, settings = SETTINGS[case]
    study = load_study(name)
    config = study.Config.parse(settings)
    record = config_record(name, config)
    run = RunFolder(tmp_path / "my runs", name, record.run_id)
    words = shlex.split(command(run, record.config, study))
    assert words[:2] == ["cogattn", name]
    if case == "an empty list":
        (tmp_path / words[words.index("--config") + 1]).write_text(config.to_toml())
        words[words.index("--config") + 1] = str(tmp_path / words[words.index("--config") + 1])
    _, bound, _ = study_app(name).parse_args(words[2:], print_error=False, exit_on_error=False)
    given = dict(bound.arguments)
    assert given.pop("out") == tmp_path / "my runs"
    below = read_settings(given.pop("config")) if "config" in given else {}
    found = study.Config.parse({**below, **nested(given.pop("flags", given))})
    assert run_id(name, found) == record.run_id


def test_the_toml_on_the_page_finds_the_same_run(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    at = opened(run.root, run.id, monkeypatch)
    text = next(code.value for code in at.code if code.language == "toml")
    (tmp_path / "settings.toml").write_text(text)
    study = load_study("masking")
    assert run_id("masking", study.Config.parse(read_settings(tmp_path / "settings.toml"))) == run.id


# ---- points and their trials


def test_every_point_has_as_many_trials_as_it_says(run: RunFolder):
    tables = {name: run.table(name) for name in ("accuracy", "thresholds")}
    curve = next(curve for curve in curves_of("masking", tables) if curve.trials)
    trials, table = run.trials(curve.trials), tables[curve.table]
    points = points_of(curve, table)
    assert len(points) > 8
    for row in points.to_dict("records"):
        own = trials_of_point(curve, table.iloc[row["point"]].to_dict(), trials)
        assert len(own) == row["n_trials"]
        assert own["correct"].sum() == row["n_correct"]


def test_a_stimulus_without_noise_is_found_although_it_belongs_to_no_band(run: RunFolder):
    curve = next(curve for curve in curves_of("masking", {"accuracy": run.table("accuracy")}))
    trials = pd.DataFrame({"observer": "a", "noise_sd": [0.0, 0.0, 0.1], "band": [-1, -1, 2]})
    assert len(trials_of_point(curve, {"observer": "a", "noise_sd": 0.0, "band": 0}, trials)) == 2
    assert len(trials_of_point(curve, {"observer": "a", "noise_sd": 0.1, "band": 2}, trials)) == 1


# ---- in a browser


@pytest.fixture(scope="module")
def server(masked: Path, module_serving: Callable[..., Server]) -> Server:
    return module_serving(masked)


def settled(page: Page) -> None:
    page.get_by_role("heading", name="Downloads").wait_for(timeout=1000 * SECONDS)


def test_a_click_on_a_point_shows_the_pixels_that_its_trials_had(
    server: Server, run: RunFolder, page: Page, shoot: Callable
):
    page.goto(f"{server.url}/run?run=masking/{run.id}")
    settled(page)
    label = "noise SD 0.04, c/image"
    points = page.locator("path[aria-roledescription=point]").filter(has_not=page.locator("x"))
    wanted = page.locator(f"path[aria-roledescription=point][aria-label*='{label}']")
    wanted.first.wait_for(timeout=1000 * SECONDS)
    assert points.count() > wanted.count() == 4
    wanted.nth(2).click()
    picture = page.locator("figure img").first
    picture.wait_for(timeout=1000 * SECONDS)
    shoot("run-stimuli")
    source = picture.get_attribute("src") or ""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
    trials = run.trials("masking")
    trial = trials[(trials["noise_sd"] == 0.04) & (trials["band"] == 2)].iloc[0].to_dict()
    record = run.read(ConfigRecord)
    assert record is not None
    study = load_study("masking")
    shown = study.stimulus(study.Config.parse(record.config), "masking", trial)
    assert shown is not None
    part = shown.parts[0]
    assert isinstance(part, Picture)
    assert np.array_equal(pixels, drawn.codes(part.pixels))


def test_what_is_downloaded_has_the_manifest_s_sha256(server: Server, run: RunFolder, page: Page):
    page.goto(f"{server.url}/run?run=masking/{run.id}")
    settled(page)
    page.get_by_text("tables of trials (Parquet)").click()
    wanted = {
        "Summary as CSV": "tables/summary.csv",
        "thresholds.csv": "tables/thresholds.csv",
        "masking.parquet": "trials/masking.parquet",
        "accuracy.pdf": "figures/accuracy.pdf",
    }
    for label, name in wanted.items():
        with page.expect_download(timeout=1000 * SECONDS) as got:
            page.get_by_role("button", name=label, exact=True).first.click()
        data = Path(got.value.path()).read_bytes()
        assert hashlib.sha256(data).hexdigest() == run.manifest().files[name]
        assert got.value.suggested_filename == f"masking-{run.id}-{name.partition('/')[2]}"


def test_the_page_fits_a_telephone_in_the_dark(server: Server, run: RunFolder, browser, shoot, page: Page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{server.url}/run?run=masking/{run.id}")
    settled(page)
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
    shoot("run-390-dark")
