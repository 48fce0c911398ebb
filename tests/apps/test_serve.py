"""The server: one address, no telemetry, every page reachable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cogattn.apps.dashboard.server import serve
from cogattn.errors import ConfigError

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = ["", "run", "compare", "card", "stimuli", "observer", "launch"]
TITLES = ["Runs", "Run", "Compare", "Card", "Stimuli", "Be the observer", "Launch"]


def test_the_server_listens_on_this_machine_alone_and_reports_to_nobody() -> None:
    words = serve.command(8501, headless=True)
    assert words[words.index("--server.address") + 1] == "127.0.0.1"
    assert words[words.index("--browser.gatherUsageStats") + 1] == "false"
    assert words[words.index("--server.showEmailPrompt") + 1] == "false"


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_out_of_range_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--port"):
        serve.dashboard(runs=tmp_path, port=port)


def test_runs_that_are_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--runs"):
        serve.dashboard(runs=tmp_path / "file")


@pytest.mark.slow
def test_every_page_opens_on_an_empty_store(
    serving: Callable, page: Page, tmp_path: Path, shoot: Callable
) -> None:
    server = serving(tmp_path / "runs")
    for path, title in zip(PAGES, TITLES, strict=True):
        page.goto(f"{server.url}/{path}")
        page.get_by_role("heading", name=title, exact=True).first.wait_for()
        shoot(f"empty-{path or 'runs'}")
