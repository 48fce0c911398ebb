"""What a stranger could try: paths and scripts in addresses and in runs, too much of anything, other machines.

Every page is tried. A page that meets something it cannot use says so; it shows no traceback, and it obeys nothing.
"""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from cogattn.apps.dashboard.server import serve
from cogattn.running.lock import claimed
from tests.apps.made_runs import COIN, Made, make_run, masking

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

    from cogattn.running.store import RunFolder
    from tests.apps.conftest import Server

PATHS = ("", "run", "compare", "card", "stimuli", "observer", "launch")
TITLES = ("Runs", "Run", "Compare", "Card", "Stimuli", "Be the observer", "Launch")
SCRIPT = "<script>alert('script')</script>"
PICTURE = "<img src=x onerror=alert('picture')>"
MARKDOWN = "![fetched](http://192.0.2.1/x.png) [go](javascript:alert('link')) :red[red]"
BARE = "http://192.0.2.1/bare HTTPS://192.0.2.1 www.evil.example someone@evil.example"
FRAME = "<iframe srcdoc=\"<script>parent.alert('frame')</script>\"></iframe>"
EVIL = f"{SCRIPT}{PICTURE}{MARKDOWN}{FRAME} {BARE} "
TRAVERSAL = "../../../../../../etc/passwd"
QUERIES = (
    "run",
    "runs",
    "model",
    "study",
    "observer",
    "where",
    "view",
    "status",
    "other",
    "stimulus",
    "sitting",
)
"""Whatever pages read from an address."""

OBEYED = """() => {
    const found = document.querySelectorAll(
        '[onerror], [onload], iframe[srcdoc], a[href^="javascript:" i], img[src="x"], img[src*="192.0.2.1"],' +
        ' a[href*="192.0.2.1"], a[href*="evil.example"]')
    const scripts = [...document.scripts].filter((script) => script.textContent.includes('alert('))
    return [...found, ...scripts].map((element) => element.outerHTML)
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RunFolder]]:
    """Runs whose observers, settings, labels, notes and remarks are meant for a browser to run."""
    root = tmp_path_factory.mktemp("store") / "runs"
    made = Made((EVIL, PICTURE), label=EVIL, note=EVIL, remarks=(EVIL, MARKDOWN))
    settings = [{**COIN, "seed": seed, "name": f"{EVIL}{seed}", EVIL: seed} for seed in range(2)]
    coins = [make_run(root, "coin", own, made) for own in settings]
    unfinished = make_run(root, "coin", {**COIN, EVIL: EVIL}, Made((MARKDOWN, EVIL), finished=False))
    with claimed(unfinished.folder, of="it"):
        yield [*coins, *(make_run(root, "masking", masking(seed=seed), made) for seed in range(2))]


@pytest.fixture(scope="module")
def server(runs: list[RunFolder], module_serving: Callable[..., Server]) -> Server:
    return module_serving(runs[0].root)


@pytest.fixture
def watched(page: Page) -> Iterator[Page]:
    """A tab in which a dialog is a failure."""
    opened: list[str] = []

    def close(dialog: Dialog) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", close)
    yield page
    assert opened == []


def visit(page: Page, server: Server, path: str, query: dict[str, str]) -> None:
    """Open a page, wait until it is drawn, and see that it obeyed nothing, broke nowhere and told no secret."""
    page.goto(f"{server.url}/{path}?{urlencode(query)}")
    page.get_by_role("heading", name=TITLES[PATHS.index(path)], exact=True).first.wait_for()
    page.wait_for_function(
        "() => !document.querySelector('[data-testid=stApp][data-test-script-state=running]')"
    )
    assert page.get_by_test_id("stException").count() == 0, page.get_by_test_id(
        "stException"
    ).all_inner_texts()
    assert page.evaluate(OBEYED) == []
    assert "root:x:0" not in page.content()


@pytest.mark.parametrize("path", PATHS, ids=TITLES)
def test_paths_scripts_and_floods_in_an_address_are_words(path: str, server: Server, watched: Page) -> None:
    for text in (f"coin/{TRAVERSAL}", EVIL + "a" * 2000):
        visit(watched, server, path, dict.fromkeys(QUERIES, text))


@pytest.mark.parametrize("study", ["coin", "masking"])
def test_a_run_that_holds_scripts_is_shown_as_text(
    study: str, server: Server, watched: Page, runs: list[RunFolder]
) -> None:
    names = [f"{run.study}/{run.id}" for run in runs if run.study == study]
    visit(watched, server, "", {"study": study})
    visit(watched, server, "", {"view": "seeds together"})
    visit(watched, server, "run", {"run": names[0]})
    assert "alert('script')" in watched.get_by_test_id("stMain").inner_text(), "the name is seen as it is"
    visit(watched, server, "compare", {"runs": ",".join(names)})
    visit(watched, server, "card", {"model": EVIL})


def test_a_field_takes_no_more_than_it_should(server: Server, watched: Page) -> None:
    visit(watched, server, "", {})
    field = watched.get_by_role("textbox", name="Settings")
    field.fill("x" * 100_000)
    assert len(field.input_value()) <= 300


def test_no_file_outside_the_server_is_sent(server: Server) -> None:
    for place in ("", "/static", "/media", "/component", "/_stcore", "/_stcore/bidi-components"):
        for up in (
            "/../../../../../../etc/passwd",
            "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "//etc/passwd",
        ):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", f"{place}{up}")
            assert b"root:x:0" not in connection.getresponse().read()
            connection.close()


def test_the_server_answers_on_one_address_alone(server: Server) -> None:
    socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)


@pytest.mark.parametrize(
    ("origin", "host"),
    [("http://evil.example", ""), ("null", ""), ("http://evil.example:PORT", "evil.example")],
    ids=["foreign", "file", "rebound-name"],
)
def test_a_page_of_another_origin_gets_no_session(server: Server, origin: str, host: str) -> None:
    for own in serve.HOSTS:
        assert handshake(server, f"http://{own}:{server.port}", own) == 101
    asked = origin.replace(":PORT", f":{server.port}")
    assert handshake(server, asked, host or "127.0.0.1") == 403


def handshake(server: Server, origin: str, host: str) -> int:
    """Ask for a WebSocket as a browser does; return the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("GET", "/_stcore/stream", skip_host=True)
    words = {
        "Host": f"{host}:{server.port}", "Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }  # fmt: skip
    for name, value in words.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def test_no_other_origin_may_read_or_upload(server: Server) -> None:
    asked = urllib.request.Request(
        f"{server.url}/_stcore/host-config", headers={"Origin": "http://evil.example"}
    )
    with urllib.request.urlopen(asked) as answer:
        assert answer.headers.get("Access-Control-Allow-Origin") != "http://evil.example"
        assert b"streamlit.app" not in answer.read(), "no site may steer the page from a frame"
    sent = urllib.request.Request(f"{server.url}/_stcore/upload_file/a/b", data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(sent)
    assert refused.value.code in (400, 403)


def test_a_message_that_is_too_large_ends_its_session_and_nothing_else(server: Server) -> None:
    address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    session = connect(address, origin=f"http://127.0.0.1:{server.port}", max_size=None)
    with pytest.raises(ConnectionClosed):
        send_and_listen(session, b"\0" * (65 << 20))
    with urllib.request.urlopen(f"{server.url}/_stcore/health") as answer:
        assert answer.read() == b"ok"


def send_and_listen(session: ClientConnection, message: bytes) -> None:
    with session:
        session.send(message)
        while True:
            session.recv(timeout=120)


@pytest.mark.parametrize("path", PATHS, ids=TITLES)
def test_everything_that_can_be_worked_has_a_name(path: str, server: Server, watched: Page) -> None:
    visit(watched, server, path, {})
    session = watched.context.new_cdp_session(watched)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    working = {
        "button", "checkbox", "combobox", "link", "listbox", "radio", "searchbox", "slider", "spinbutton", "switch",
        "tab", "textbox",
    }  # fmt: skip
    nameless = [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored")
        and node["role"]["value"] in working
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []


def test_the_runs_page_is_reached_by_keyboard_alone(server: Server, watched: Page) -> None:
    visit(watched, server, "", {})
    watched.get_by_text("seeds together").first.wait_for()
    watched.locator("canvas").first.wait_for()
    said = ""
    for _ in range(45):
        watched.keyboard.press("Tab")
        said += " " + watched.evaluate(
            "() => document.activeElement.getAttribute('aria-label') ||"
            " document.activeElement.innerText || document.activeElement.tagName"
        )
    for name in ("Launch", "Study", "Observer", "Settings", "finished", "seeds together", "CANVAS"):
        assert name in said, (name, said)
