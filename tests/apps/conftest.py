"""A dashboard over a store of the test's own, and a browser: Debian's Chromium, driven by Playwright.

Under CI a missing Chromium fails; elsewhere these tests skip and say so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from cogattn.apps.dashboard.server import serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

MAIN = sys.modules["__main__"]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_S = 120
"""For what a page or a server is to do: a machine that is busy is not a failure."""
SCREENSHOTS = os.environ.get("COGATTN_SCREENSHOTS")
"""Folder that keeps the screenshots; without it they go with the test."""


@dataclass
class Server:
    """A running dashboard."""

    url: str
    process: subprocess.Popen[bytes]
    port: int
    store: Path
    log: Path

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start dashboards: ``serving(store)``, ``serving(store, port=old.port)``; all end with the test."""
    yield from _servers(tmp_path)


@pytest.fixture(scope="module")
def module_serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """The same for servers that all tests of a module share."""
    yield from _servers(tmp_path_factory.mktemp("servers"))


def _servers(folder: Path) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(store: Path, *, port: int | None = None) -> Server:
        port = port or _free_port()
        log = folder / f"server-{len(started)}.log"
        with log.open("wb") as told:
            process = subprocess.Popen(
                serve.command(port, headless=True), env=serve.environment(store), stdout=told, stderr=told
            )
        server = Server(f"http://127.0.0.1:{port}", process, port, store, log)
        started.append(server)
        _wait(server)
        return server

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("chromium must be installed under CI (apt-get install chromium)")
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of 1280 x 900 pixels; an error on its console fails the test, and so does a request to another machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    tab = context.new_page()
    tab.set_default_timeout(1000 * PATIENCE_S)
    errors: list[str] = []
    tab.on("console", lambda message: errors.append(_told(message)) if _is_error(message) else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    abroad: list[str] = []
    context.on("request", lambda request: None if _is_here(request.url) else abroad.append(request.url))
    tab.on("websocket", lambda socket: None if _is_here(socket.url) else abroad.append(socket.url))
    yield tab
    context.close()
    assert not errors, f"the browser's console must hold no error; got {errors}"
    assert not abroad, f"nothing must leave this machine; the browser asked for {abroad}"


@pytest.fixture
def shoot(page: Page, tmp_path: Path) -> Callable[[str], Path]:
    """Keep a screenshot of the whole page by name."""
    folder = Path(SCREENSHOTS) if SCREENSHOTS else tmp_path
    folder.mkdir(parents=True, exist_ok=True)

    def keep(name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return keep


@pytest.fixture
def coins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The coin study as a laboratory's own, registered for the processes that a test starts; an empty store."""
    record = tmp_path / "packages" / "coins-1.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: coins\nVersion: 1\n")
    (record / "entry_points.txt").write_text("[cogattn.studies]\ncoin = cogattn.testing.coin:CoinStudy\n")
    paths = [str(record.parent), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two real runs of masking, two ideal observers before the same stimuli; for tests that only read."""
    import cogattn

    root = tmp_path_factory.mktemp("masked") / "runs"
    for centre in (8.0, 12.0):
        cogattn.run(
            "masking", out=root, workers=1, observer={"kind": "template", "center_cpi": centre},
            images={"n_images": 96, "size": 64}, noise={"n_bands": 4, "lowest_cpi": 3.5, "sds": [0, 0.04, 0.16]},
            channel={"n_bootstrap": 100, "gain": "log-gaussian"},
        )  # fmt: skip
    return root


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves its script as ``__main__``, which processes that are spawned later would look for."""
    yield
    sys.modules["__main__"] = MAIN


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a browser is slow, but for one test that opens every page."""
    for item in items:
        needs = "browser" in getattr(item, "fixturenames", ()) and item.path.parent == Path(__file__).parent
        if needs and item.path.name != "test_serve.py":
            item.add_marker(pytest.mark.slow)


def _is_error(message: ConsoleMessage) -> bool:
    """Streamlit looks for its own server below a page's path first: these two answers are 404 by design."""
    probes = ("/_stcore/health", "/_stcore/host-config")
    return message.type == "error" and not message.location.get("url", "").endswith(probes)


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.hostname == serve.ADDRESS or parts.scheme in ("data", "blob", "about", "file")


def _told(message: ConsoleMessage) -> str:
    return f"{message.text} ({message.location.get('url')})"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Server) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if server.process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{server.url}/_stcore/health") as answer:
            if answer.read() == b"ok":
                return
        time.sleep(0.2)
    pytest.fail(f"the dashboard must start; it said {server.log.read_text(errors='replace')[-2000:]}")
