"""Be the observer: nothing before consent, reaction times inside their brackets, nothing left after withdrawal."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cogattn.apps.dashboard.observer import consent, own_place
from cogattn.apps.dashboard.server.serve import RUNS_VARIABLE
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.registry import load_study, load_target
from cogattn.reporting.tables import interval_text
from cogattn.running.sessions import SessionFolder
from cogattn.statistics.stats import wilson_interval

if TYPE_CHECKING:
    from playwright.sync_api import Page

FRAME_MS = 1000 / 60
SLACK_MS = 1.0
"""Between the driver's clock and the page's, on one machine; the page's has steps of 0.1 ms."""
JAMMED, JAM_MS = 3, 300
"""A trial of practice in which the page is kept from handling the key that is pressed, and for how long."""
SEVEN = 7
"""Displays of each set size and kind: 56 trials."""
WITNESS = """
(() => {
  window.draws = [];
  window.keys = [];
  const original = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    const own = { draw: performance.now(), frames: [] };
    window.draws.push(own);
    const count = (stamp) => {
      own.frames.push([stamp, performance.now()]);
      if (own.frames.length < 3) requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
    return original.apply(this, given);
  };
  window.addEventListener("keydown", (event) => {
    window.keys.push([event.key, event.isTrusted]);
    const end = performance.now() + (window.jam ?? 0);
    while (performance.now() < end);
    window.jam = 0;
  }, true);
})();
"""
"""Of the test's own: when a picture was painted, which frames came after, which keys reached the page; it comes
first, and keeps those who come after it waiting for `jam` milliseconds."""


def app(store: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(RUNS_VARIABLE, str(store))
    return AppTest.from_string(
        "from cogattn.apps.dashboard.observer import page\npage.page()", default_timeout=120
    )


def sittings(store: Path) -> list[Path]:
    return sorted((store / "sittings").glob("*"))


# -- consent and forms -------------------------------------------------------------------------------------


def test_nothing_begins_before_the_box_is_ticked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app(tmp_path, monkeypatch).run()
    assert not page.exception
    (begin,) = page.button
    assert begin.label == "Begin"
    assert begin.disabled
    page.checkbox[0].check().run()
    assert not page.button[0].disabled
    page.checkbox[0].uncheck().run()
    assert page.button[0].disabled
    assert sittings(tmp_path) == []
    said = " ".join(part.value for part in (*page.markdown, *page.caption))
    for paragraph in consent.TEXT:
        assert paragraph in said
    assert consent.VERSION in said
    for needed in ("ethics committee", "photosensitive epilepsy", "no cookie", "Withdraw"):
        assert needed in said
    assert page.checkbox[0].label.startswith("I am 18 or older")


def test_consent_begins_one_sitting_with_a_random_name_and_the_version_agreed_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = app(tmp_path, monkeypatch).run()
    page.radio[0].set_value(("search", "2v5")).run()
    page.number_input[0].set_value(2).run()
    page.checkbox[0].check().run()
    page.button[0].click().run()
    assert not page.exception
    (folder,) = sittings(tmp_path)
    assert re.fullmatch("[0-9a-f]{16}", folder.name)
    assert page.query_params["sitting"] in (folder.name, [folder.name])
    record = SessionFolder(tmp_path, folder.name).read()
    assert record is not None
    assert (record.study, record.word, record.n, record.consent) == ("search", "2v5", 2, consent.VERSION)
    assert not record.finished
    assert [path.name for path in folder.iterdir()] == ["sitting.json"]


def test_a_short_block_is_said_to_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app(tmp_path, monkeypatch).run()
    page.radio[0].set_value(("search", "2v5")).run()
    assert page.number_input[0].value == 40
    assert not any("short block" in one.value for one in page.caption)
    page.number_input[0].set_value(39).run()
    assert any("short block" in one.value for one in page.caption)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>alert(1)</script>", "0" * 16, "x" * 10_000],
    ids=["traversal", "script", "none", "long"],
)  # fmt: skip
def test_a_name_that_is_no_sitting_is_refused_in_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = app(tmp_path, monkeypatch)
    page.query_params["sitting"] = name
    page.run()
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("sitting must be")
    assert len(error.value) < 200
    assert list(tmp_path.iterdir()) == []


# -- afterwards --------------------------------------------------------------------------------------------


def kept(store: Path, word: str, n: int, *, study: str, rng: np.random.Generator) -> SessionFolder:
    """A finished sitting of a person who answers at random three times in ten."""
    sitting = load_target(load_study(study).sittings[word])
    session = SessionFolder.begin(
        store, study=study, word=word, seed=1, n=n, consent="1", versions={"cogattn": "0"}
    )
    block, rows = sitting.block(1, n), []
    values = [answer.value for answer in sitting.answers]
    for number, trial in enumerate([*block.practice, *block.trials]):
        response = str(rng.choice(values)) if rng.random() < 0.3 else trial.correct
        size = float(trial.what.get("set_size", 0)) * (2 if trial.correct == "absent" else 1)
        rows.append(
            {
                "phase": "practice" if number < len(block.practice) else "block", "trial_index": number,
                "stimulus": trial.stimulus, "response": response, "correct_response": trial.correct,
                "correct": response == trial.correct, "rt": 500 + 20 * size + 60 * rng.random(),
                "anticipation": False, "blurred": False, **trial.what,
            }
        )  # fmt: skip
    session.finish(pd.DataFrame(rows), marks={"short": True, "blurred": 3}, apparatus={})
    return session


def test_your_own_place_is_told_with_interval_and_n_among_persons_and_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        Row(Observer(name, role=role), Measure(key, "share", "accuracy"), Estimate(0.5, 0.4, 0.6, 64))
        for name, role, key in [
            ("some_network", "network", "accuracy.clean"),
            ("other_measure", "network", "dispersion"),
            ("some_person", "person", "accuracy.clean"),
        ]
    ]
    listed = [SimpleNamespace(run=SimpleNamespace(summary=lambda: summary_table(rows)))]
    monkeypatch.setattr(own_place, "surveys", lambda root, filters: listed if root == tmp_path else [])
    st.cache_data.clear()
    session = kept(tmp_path, "masking", 35, study="masking", rng=np.random.default_rng(0))
    page = app(tmp_path, monkeypatch)
    page.query_params["sitting"] = session.id
    page.run()
    assert not page.exception
    counted = session.trials().query("phase == 'block' and noise_sd == 0")["correct"]
    lo, hi = wilson_interval(counted.sum(), len(counted))
    said = " ".join(part.value for part in page.markdown)
    assert (
        f"You: {interval_text(counted.mean(), float(lo), float(hi))} share (n = {len(counted)} trials)"
        in said
    )
    assert "Among 14 persons" in said
    assert "a short block" in page.warning[0].value
    assert "window was left in 3 trial(s)" in page.warning[0].value
    drawn = str(page.get("vega_lite_chart")[0].proto)
    assert "some_network" in drawn
    assert "other_measure" not in drawn
    assert "some_person" not in drawn
    assert page.code[0].value.startswith(
        "cogattn masking --observer.kind human --observer.table masking-masking-"
    )


def test_withdrawing_afterwards_deletes_the_sitting_and_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = kept(tmp_path, "2v5", 3, study="search", rng=np.random.default_rng(0))
    page = app(tmp_path, monkeypatch)
    page.query_params["sitting"] = session.id
    page.run()
    next(button for button in page.button if button.label == "Delete my sitting").click().run()
    assert not page.exception
    assert sittings(tmp_path) == []
    assert "deleted from the disk" in page.success[0].value
    assert page.checkbox[0].value is False


# -- in the browser ----------------------------------------------------------------------------------------


@dataclass
class Press:
    """What the driver knows of one key press, in milliseconds on the page's clock."""

    before: float
    after: float
    draw: float
    frames: list[list[float]]


@contextmanager
def two_busy_processes() -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def begin(page: Page, url: str, block: str, n: int | None) -> str:
    """Consent to a block, skip what can be skipped, and stand before practice; return the sitting's name."""
    page.goto(f"{url}/observer")
    page.get_by_text(block).click()
    if n is not None:
        page.get_by_role("spinbutton", name=re.compile("each set size")).fill(str(n))
        page.keyboard.press("Tab")
        page.get_by_text(f"{8 * n} trials").wait_for()
    page.get_by_text(consent.TICK).click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use this size").click()
    page.get_by_role("button", name="Begin practice").click()
    return page.url.partition("sitting=")[2]


def painted(page: Page, number: int) -> None:
    """Wait until so many pictures have been painted and the two frames after the last have come."""
    page.wait_for_function(
        f"window.draws.length >= {number} && window.draws[{number - 1}].frames.length >= 2"
    )


def press(page: Page, number: int, key: str, *, origin: float = 0.0) -> Press:
    """Answer the picture that was painted as the `number`-th, between two looks at the driver's clock."""
    if not origin:
        painted(page, number)
    origin = origin or page.evaluate("performance.timeOrigin")
    before = time.time() * 1000 - origin
    page.keyboard.down(key)
    after = time.time() * 1000 - origin
    page.keyboard.up(key)
    own = page.evaluate(f"window.draws[{number - 1}]")
    return Press(before, after, own["draw"], own["frames"])


def practise(page: Page, n: int) -> Press:
    """Answer all trials of practice; return the third press, whose handler comes late because the page is jammed."""
    presses, origin = [], page.evaluate("performance.timeOrigin")
    for number in range(1, n + 1):
        painted(page, number)
        if number == JAMMED:
            page.evaluate(f"window.jam = {JAM_MS}")
        presses.append(press(page, number, "f", origin=origin))
    page.get_by_role("button", name="Begin the block").click()
    return presses[JAMMED - 1]


@pytest.mark.slow
def test_a_block_beside_two_busy_processes_times_every_press_inside_its_bracket_and_resumes_after_a_reload(
    serving: Callable[..., object], page: Page, shoot: Callable[[str], Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    server = serving(store)
    page.add_init_script(WITNESS)
    sent: list[int] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(len(data))))
    sitting = begin(page, server.url, "Search: 2 among 5s", SEVEN)

    # r and c belong to Streamlit where the block does not hold them.
    painted(page, 1)
    so_far = len(sent)
    for key in ("r", "c", "r"):
        page.keyboard.press(key)
    page.get_by_role("heading", name="Be the observer").click()  # the focus leaves the block
    for key in ("r", "c"):
        page.keyboard.press(key)
    page.wait_for_timeout(700)
    assert len(sent) == so_far
    jammed = practise(page, 8)

    presses: list[Press] = []
    keys = ["f" if number % 2 else "j" for number in range(8 * SEVEN)]
    rng = np.random.default_rng(1)
    with two_busy_processes():
        for number in range(24):
            presses.append(press(page, 9 + number, keys[number]))
        shoot("observer-block")
        page.reload()
        page.get_by_role("heading", name=f"Trial 21 of {8 * SEVEN}").wait_for()
        page.get_by_role("button", name="Go on").click()
        del presses[20:]
        for number in range(20, 8 * SEVEN):
            painted(page, number - 19)
            time.sleep(float(rng.uniform(0, 0.1)))
            presses.append(press(page, number - 19, keys[number]))
        trusted = page.evaluate(
            "window.keys.filter(([key, trusted]) => trusted && 'fj'.includes(key)).length"
        )
    page.get_by_role("heading", name=re.compile("Your own place")).wait_for()

    session = SessionFolder(store, sitting)
    trials = session.trials().query("phase == 'block'")
    assert trials["response"].tolist() == [{"f": "present", "j": "absent"}[key] for key in keys]
    assert len(presses) == 56
    assert trusted == 36
    _every_time_lies_in_its_bracket(trials["rt"].to_numpy(), presses)
    late = session.trials()["rt"].iloc[JAMMED - 1]
    assert jammed.after - jammed.before >= JAM_MS - SLACK_MS
    assert late <= jammed.after - JAM_MS - jammed.frames[0][0] + SLACK_MS
    record = session.read()
    assert record is not None
    assert record.marks["resumed"] == 1
    assert record.apparatus["calibration"] == {"px_per_mm": 3.78, "distance_mm": 570}
    assert page.evaluate("sessionStorage.length") == 0
    shoot("observer-place")

    # The detector of reruns detects: outside a block, r is Streamlit's.
    page.get_by_role("heading", name="Take it away").click()
    so_far, until = len(sent), time.monotonic() + 120
    while len(sent) == so_far and time.monotonic() < until:
        page.keyboard.press("r")
        page.wait_for_timeout(500)
    assert len(sent) > so_far


def _every_time_lies_in_its_bracket(rt: np.ndarray, presses: list[Press]) -> None:
    """The key came between two looks at the driver's clock; the picture after its painting, in the frame after it.

    A busy machine makes brackets wide, but not all at either end: a constant error of a frame would leave one of them.
    """
    early, late = [], []
    for measured, own in zip(rt, presses, strict=True):
        assert own.before - own.frames[1][1] - SLACK_MS <= measured <= own.after - own.draw + SLACK_MS
        early.append(measured - (own.before - own.frames[0][0]) + SLACK_MS)
        late.append(own.after - own.frames[0][0] - measured + SLACK_MS)
    assert min(early) >= 0
    assert min(late) >= 0
    assert max(min(early), min(late)) <= FRAME_MS, "together they must tell a constant error of one frame"
    sys.stdout.write(f"room for a constant error: {min(early):.1f} ms early, {min(late):.1f} ms late\n")


@pytest.mark.slow
def test_masking_is_answered_by_keyboard_alone_and_withdrawing_leaves_nothing(
    serving: Callable[..., object], page: Page, shoot: Callable[[str], Path], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    server = serving(store)
    page.add_init_script(WITNESS)
    sitting = begin(page, server.url, "Masking: images in noise", None)
    assert (store / "sittings" / sitting).is_dir()
    painted(page, 1)
    answers = page.get_by_role("group", name="Answers").get_by_role("button")
    labels = answers.all_inner_texts()
    assert len(labels) == len(set(labels)) == 16
    size = page.locator("canvas").evaluate("own => [own.width, own.clientWidth * devicePixelRatio]")
    assert size[0] % 224 == 0
    assert size[0] == pytest.approx(size[1])
    shoot("observer-masking")
    page.locator("canvas").focus()
    page.keyboard.press("Tab")
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert (
        page.evaluate(
            "(() => { let own = document.activeElement; while (own.shadowRoot) own = own.shadowRoot.activeElement;"
            " return own.innerText; })()"
        )
        == labels[5]
    )
    page.keyboard.press("Enter")
    page.get_by_text(re.compile("^(Right|Wrong)")).wait_for()
    page.get_by_text("Practice 2 of 16").wait_for()

    page.get_by_role("button", name="Withdraw").click()
    page.get_by_role("button", name="Delete my sitting").click()
    page.get_by_text("deleted from the disk").wait_for()
    assert sittings(store) == []
    assert [path for path in store.rglob("*") if path.is_file()] == []
    page.wait_for_function("sessionStorage.length === 0")
    page.goto(f"{server.url}/observer?sitting={sitting}")
    page.get_by_text("which is not there (any more)").wait_for()


@pytest.mark.slow
def test_the_page_reads_on_a_telephone_in_the_dark(
    serving: Callable[..., object], page: Page, shoot: Callable[[str], Path], tmp_path: Path
) -> None:
    """A sitting that was kept: no part is wider than the screen, and its export is what it is named."""
    store = tmp_path / "store"
    session = kept(store, "2v5", 6, study="search", rng=np.random.default_rng(0))
    rows = session.trials()
    server = serving(store)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{server.url}/observer?sitting={session.id}")
    page.get_by_text("Accuracy").or_(page.get_by_text("Search function")).first.wait_for()
    page.get_by_text("Take it away").wait_for()
    page.set_viewport_size({"width": 390, "height": 4200})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    shoot("observer-place-390-dark")
    with page.expect_download() as found:
        page.get_by_role("button", name="Data set (Psych-DS)").click()
    assert found.value.suggested_filename == f"search-2v5-{session.id}.zip"
    with zipfile.ZipFile(found.value.path()) as archive:
        (data,) = [name for name in archive.namelist() if name.startswith("data/")]
        assert data == f"data/study-search_subject-{session.id}_task-2v5_data.csv"
        assert {"dataset_description.json", "README.md", "CHANGES.md"} <= set(archive.namelist())
        table = pd.read_csv(archive.open(data))
    assert len(table) == len(rows)
    assert table["correct"].dtype == bool
