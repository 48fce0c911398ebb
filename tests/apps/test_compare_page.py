"""The Compare page: the numbers of ``cogattn compare``, only what differs, one stimulus with two answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from cogattn.apps.dashboard.compare.reading import asked
from cogattn.apps.dashboard.compare.trials import differing, join
from cogattn.apps.dashboard.server import serve
from cogattn.reporting.tables import interval_text
from cogattn.running.catalogue import list_runs
from cogattn.running.formats import read_csv
from cogattn.running.store import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.apps.conftest import Server

SECONDS = 120
"""For a page, on a machine that is busy."""
DIFFERENCES = 2
"""Which table of the page has the differences, after sources and settings."""


def compare_page() -> None:
    import streamlit as st

    from cogattn.apps.dashboard.compare.page import page
    from cogattn.apps.dashboard.links import pages

    st.navigation(pages())
    page()


def opened(store: Path, names: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(serve.RUNS_VARIABLE, str(store))
    at = AppTest.from_function(compare_page, default_timeout=SECONDS)
    if names:
        at.query_params["runs"] = names
    return at.run()


def plain(text: str) -> str:
    return text.replace("\\", "")


def table_with(at: AppTest, *columns: str) -> pd.DataFrame:
    """The one table of the page that has these columns."""
    (found,) = [frame.value for frame in at.dataframe if set(columns) <= set(frame.value.columns)]
    return found


@pytest.fixture(scope="module")
def runs(masked: Path) -> list[RunFolder]:
    return list_runs(masked)


@pytest.fixture(scope="module")
def names(runs: list[RunFolder]) -> list[str]:
    return [f"masking/{run.id}" for run in runs]


@pytest.fixture(scope="module")
def printed(masked: Path, names: list[str]) -> dict[str, list[dict[str, object]]]:
    """What ``cogattn compare --json`` prints of the same runs."""
    words = [sys.executable, "-m", "cogattn.cli", "compare", *names, "--out", str(masked), "--json"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=dict(os.environ))
    return json.loads(said.stdout)


# ---- what is compared


@pytest.mark.slow
def test_only_settings_that_differ_are_shown(
    masked: Path, names: list[str], printed: dict, monkeypatch: pytest.MonkeyPatch
):
    at = opened(masked, ",".join(names), monkeypatch)
    assert not at.exception
    assert not at.error
    shown = table_with(at, "study", "setting")
    assert (
        shown["setting"].tolist()
        == ["observer.center_cpi"]
        == [row["setting"] for row in printed["settings"]]
    )
    assert sorted(shown.iloc[0, 2:]) == ["12", "8"]


def test_every_digit_of_a_difference_is_that_of_the_command_line(
    masked: Path, names: list[str], printed: dict, monkeypatch: pytest.MonkeyPatch
):
    at = opened(masked, ",".join(names), monkeypatch)
    rounded = table_with(at, "measure", "estimate [95 %]")
    at.toggle(key="compare-digits").set_value(True).run()
    exact = table_with(at, "measure", "lower end")
    assert len(exact) == len(printed["differences"]) > 5
    for row, rough, own in zip(
        exact.to_dict("records"), rounded.to_dict("records"), printed["differences"], strict=True
    ):
        for column, key in (("estimate", "estimate"), ("lower end", "lo"), ("upper end", "hi")):
            assert own[key] is None or row[column] == repr(own[key])
        assert rough["estimate [95 %]"] == interval_text(own["estimate"], own["lo"], own["hi"])
        assert (row["measure"], row["kind"], row["n"]) == (own["measure"], own["kind"], own["n"])


def test_published_tables_are_compared_with_runs(
    masked: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
):
    at = opened(masked, f"{names[0]},subramanian2023-networks", monkeypatch)
    assert not at.exception
    assert not at.error
    sources = table_with(at, "sign", "source")
    assert sources["kind"].tolist() == ["run", "published"]
    assert sources["observers"].tolist() == [1, 85]


def test_one_run_asks_for_another_and_more_than_eight_are_refused(
    masked: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
):
    alone = opened(masked, names[0], monkeypatch)
    assert "2 to 8 runs" in alone.info[0].value
    many = asked(masked, ",".join(names * 5))
    assert many.names == tuple(names)
    assert "at most 8" in many.problems[0]


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret.csv", "secret.csv", "x" * 100_000, "<img src=x onerror=alert(1)>"],
    ids=["path", "traversal", "file in the store", "oversized", "script"],
)
def test_what_is_neither_a_run_nor_published_is_never_read(
    name: str, masked: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
):
    secret = masked / "secret.csv"
    secret.write_text("observer,measure,estimate\nsecret,bandwidth,1\n")
    monkeypatch.chdir(masked)
    at = opened(masked, f"{name},{names[0]}", monkeypatch)
    secret.unlink()
    assert not at.exception
    assert "run must be the start of one stored id" in plain(at.error[0].value)
    assert len(at.error[0].value) < 600
    assert not at.dataframe


def test_a_choice_becomes_the_address(masked: Path, names: list[str], monkeypatch: pytest.MonkeyPatch):
    at = opened(masked, "", monkeypatch)
    at.multiselect(key="compare-chooser").set_value(names).run()
    assert at.query_params["runs"] in (",".join(names), [",".join(names)])
    assert len(at.header) == 7


# ---- one stimulus, two answers


def trials_of(responses: list[str], **columns: object) -> pd.DataFrame:
    n = len(responses)
    return pd.DataFrame(
        {
            "observer": "x",
            "image": [f"image {i}" for i in range(n)],
            "noise_sd": 0.04,
            "category": "cat",
            "response": responses,
            "correct": [response == "cat" for response in responses],
            "n_clipped": range(n),
            **columns,
        }
    )


def test_trials_are_joined_by_what_was_shown_and_by_nothing_else():
    first, second = trials_of(["cat", "dog", "cat", "owl"]), trials_of(["cat", "cat", "dog"], n_clipped=7)
    joined, keys = join(first, second.iloc[::-1])
    assert keys == ["image", "noise_sd", "category"]
    assert joined.loc[differing(joined), "image"].tolist() == ["image 1", "image 2"]
    assert joined.loc[differing(joined), "response_1"].tolist() == ["dog", "cat"]
    assert joined.loc[differing(joined), "response_2"].tolist() == ["cat", "dog"]


def test_a_stimulus_shown_twice_is_joined_turn_by_turn():
    first = pd.concat([trials_of(["cat"]), trials_of(["dog"])])
    second = pd.concat([trials_of(["cat"]), trials_of(["cat"]), trials_of(["owl"])])
    joined, _ = join(first, second)
    assert list(zip(joined["response_1"], joined["response_2"], strict=True)) == [
        ("cat", "cat"),
        ("dog", "cat"),
    ]


def test_the_list_holds_the_stimuli_on_which_two_runs_differ(
    runs: list[RunFolder], names: list[str], monkeypatch: pytest.MonkeyPatch
):
    first, second = (run.trials("masking").set_index("image") for run in runs)
    differ = first.index[first["response"] != second["response"].reindex(first.index)]
    at = opened(runs[0].root, ",".join(names), monkeypatch)
    shown = table_with(at, "response [1]", "response [2]")
    assert 0 < len(differ) < len(first)
    assert shown["image"].tolist() == differ.tolist()
    assert shown["response [1]"].tolist() == first.loc[differ, "response"].tolist()
    said = [plain(text.value) for text in at.markdown]
    assert any(f"Answers differ on {len(differ)} of {len(first)} stimuli" in text for text in said)
    assert "Both were shown the same pixels." in said


# ---- in a browser


@pytest.fixture(scope="module")
def server(masked: Path, module_serving: Callable[..., Server]) -> Server:
    return module_serving(masked)


def test_what_is_downloaded_is_what_the_command_line_prints(
    server: Server, names: list[str], printed: dict, page: Page, shoot: Callable
):
    page.goto(f"{server.url}/compare?runs={','.join(names)}")
    page.get_by_role("heading", name="Downloads").wait_for(timeout=1000 * SECONDS)
    with page.expect_download(timeout=1000 * SECONDS) as got:
        page.get_by_role("button", name="All as JSON").click()
    assert json.loads(Path(got.value.path()).read_text()) == printed
    with page.expect_download() as got:
        page.get_by_role("button", name="Differences as CSV").click()
    table = read_csv(Path(got.value.path()).read_bytes())
    assert table["estimate"].tolist() == [row["estimate"] for row in printed["differences"]]
    shoot("compare")


def heads_of(page: Page, grid: Locator, wanted: str) -> dict[str, str]:
    """Places of a table's columns, which it tells a screen reader once it has the focus and has been drawn anew."""
    for _ in range(SECONDS):
        grid.get_by_test_id("data-grid-canvas").focus()
        page.wait_for_timeout(1000)
        cells = grid.locator("[role=columnheader]").all()
        found = {cell.inner_text(): cell.get_attribute("aria-colindex") or "" for cell in cells}
        if wanted in found:
            return found
    pytest.fail(f"the table must have the column {wanted}")


def test_the_numbers_on_the_screen_are_those_of_the_command_line(
    server: Server, names: list[str], printed: dict, page: Page
):
    page.set_viewport_size({"width": 2400, "height": 1600})
    page.goto(f"{server.url}/compare?runs={','.join(names)}")
    page.get_by_role("heading", name="Downloads").wait_for(timeout=1000 * SECONDS)
    page.get_by_text("Every digit").click()
    grid = page.get_by_test_id("stDataFrame").nth(DIFFERENCES)
    head = heads_of(page, grid, "upper end")
    for number, own in enumerate(printed["differences"][:6]):
        for name, key in (("estimate", "estimate"), ("lower end", "lo"), ("upper end", "hi")):
            cell = grid.locator("[role=row]").nth(number + 1).locator(f"td[aria-colindex='{head[name]}']")
            assert cell.inner_text() == repr(own[key])


def test_the_same_stimulus_is_seen_with_both_answers(
    server: Server, names: list[str], page: Page, shoot: Callable
):
    page.goto(f"{server.url}/compare?runs={','.join(names)}")
    page.get_by_text("Both were shown the same pixels.").wait_for(timeout=1000 * SECONDS)
    page.locator("figure img").first.wait_for()
    assert page.get_by_text("response").count() >= 2
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollWidth <= 390")
    shoot("compare-390")
