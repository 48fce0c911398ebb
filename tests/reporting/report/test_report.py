"""A report: the card, and below it each run as it is stored, in one page that fetches nothing."""

from __future__ import annotations

import base64
import html
import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pandas as pd
import pytest

from cogattn import registry
from cogattn.cli import main
from cogattn.errors import ConfigError
from cogattn.reporting.crate.bibtex import Reference
from cogattn.reporting.report.html import page
from cogattn.reporting.report.model import Report, most_present
from cogattn.reporting.report.reading import Missing
from cogattn.reporting.tables import MANY, interval_text, people_text
from cogattn.running.catalogue import list_runs
from cogattn.running.execute import Execution, run_study
from cogattn.running.store import RunFolder, run_id
from cogattn.testing.coin import CoinConfig, CoinStudy, LoadedCoins
from cogattn.testing.tossers import CardedCoins
from tests.reporting.card.samples import HOSTILE
from tests.reporting.card.test_html import Reader

FAIR = "coin-fair"
OTHER = CoinConfig(coins=LoadedCoins(heads=(0.5, 0.9)), n_cells=1)


@pytest.fixture(scope="module")
def coins() -> Iterator[None]:
    """Of all studies coins and tossers alone."""
    entries = [
        EntryPoint(name, f"cogattn.testing.tossers:{attribute}", registry.STUDIES)
        for name, attribute in (("coin", "CardedCoins"), ("tossers", "TossersStudy"))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "entry_points", lambda *, group: entries if group == registry.STUDIES else [])
        yield


def run_coins(store: Path, study: CoinStudy, config: CoinConfig) -> RunFolder:
    return run_study(study, config, out=store, execution=Execution(workers=1), argv=("cogattn", study.name))


@pytest.fixture(scope="module")
def store(coins: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of coins as a card has it, and one of two coins under other settings; none of tossers."""
    config = CardedCoins().carded(FAIR)
    assert config is not None
    root = tmp_path_factory.mktemp("store")
    run_coins(root, CardedCoins(), config)
    run_coins(root, CardedCoins(), OTHER)
    return root


@pytest.fixture(scope="module")
def report(store: Path) -> Report:
    return Report.of(FAIR, out=store, runs=list_runs(store))


def texts_of(report: Report) -> str:
    return " ".join(" ".join(Reader(page(report)).texts).split())


def test_the_page_fetches_nothing_runs_nothing_and_its_links_lead_somewhere(report: Report) -> None:
    text = page(report)
    bare = re.sub(r"data:image/png;base64,[\w+/=]+", "data:", text)
    assert not re.search(r"https?:|//|url\(|@import|<script|<iframe|<object|\son\w+=", bare)
    reader = Reader(text)
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    links = [str(attrs["href"]) for attrs in reader.of("a")]
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert {"#run-0", "#run-1", "#missing", "#check"} <= set(links)


def test_every_row_of_every_run_is_there_with_its_interval_its_n_and_people(
    report: Report, store: Path
) -> None:
    rows = Reader(page(report)).rows
    for run in list_runs(store):
        for row in run.summary().to_dict("records"):
            numbers = interval_text(row["estimate"], row["lo"], row["hi"])
            assert any(
                cells[1:] == [numbers, str(int(row["n"])), people_text(row)]
                for cells in rows
                if cells and cells[0].startswith(str(row["label"]))
            ), row["label"]


def test_rows_of_others_are_folded_below_the_observers_own_and_the_most_are_counted(report: Report) -> None:
    def shown(observer: str, names: list[str]) -> tuple[list[str], list[str], str]:
        rows = report.runs[0].summary.iloc[:1]
        table = pd.concat([rows.assign(observer=name) for name in names])
        text = page(
            replace(report, observer=observer, card=None, runs=(replace(report.runs[0], summary=table),))
        )
        own, _, folded = text.partition("their rows</summary>")
        found = [re.findall(r'colspan="4">([\w ]+) <span', part) for part in (own, folded)]
        return found[0], found[1], " ".join(re.findall(r"The run holds (\d+) more observers", text))

    names = [f"coin {i}" for i in range(MANY + 3)]
    assert shown("coin 1", names[:3]) == (["coin 1"], ["coin 0", "coin 2"], "")
    assert shown("nobody", names[:3]) == (names[:3], [], "")
    assert shown("coin 0", names) == (names[:1], names[1 : MANY + 1], "2")


def test_figures_are_the_files_of_the_run_inside_the_page(report: Report, store: Path) -> None:
    shown = {
        base64.b64decode(str(attrs["src"]).removeprefix("data:image/png;base64,"))
        for attrs in Reader(page(report)).of("img")
    }
    stored = {path.read_bytes() for path in store.glob("coin/*/figures/*.png")}
    assert stored
    assert shown == stored
    assert all(attrs["alt"] for attrs in Reader(page(report)).of("img"))


def test_the_settings_on_the_page_make_the_same_run_again(report: Report, store: Path) -> None:
    blocks = re.findall(r"settings\.toml</summary><pre><code>(.*?)</code>", page(report), re.S)
    found = {run_id("coin", CoinConfig.parse(tomllib.loads(html.unescape(block)))) for block in blocks}
    assert found == {run.id for run in list_runs(store)}
    assert texts_of(report).count("cogattn coin --config settings.toml") == 2


def test_a_study_without_a_run_says_so_and_what_to_type(report: Report) -> None:
    text = texts_of(report)
    assert [one.study for one in report.missing] == ["tossers"]
    assert text.index("Not run") < text.rindex(f"cogattn card {FAIR} --run")


def test_the_paper_and_its_published_results_are_named(report: Report) -> None:
    assert "Fair coins tend to land on the same side they started" in texts_of(report)
    run = replace(report.runs[0], published=("bartos2023",))
    text = texts_of(replace(report, runs=(run,)))
    assert f"cogattn compare coin/{run.id} bartos2023" in text


def test_text_from_a_store_and_from_a_study_is_safe(report: Report) -> None:
    table = report.runs[0].summary.assign(observer=HOSTILE, label=HOSTILE, unit=HOSTILE, note=HOSTILE)
    run = replace(
        report.runs[0],
        question=HOSTILE,
        summary=table,
        figures={HOSTILE: next(iter(report.runs[0].figures.values()))},
        remarks=(HOSTILE,),
        withheld={HOSTILE: HOSTILE},
        settings=HOSTILE,
        commands=(HOSTILE,),
        reference=Reference("misc", HOSTILE, {"title": HOSTILE, "author": HOSTILE, "year": HOSTILE}),
        published=(HOSTILE,),
        sessions=(
            report.runs[0].sessions[0].model_copy(update={"cpu": HOSTILE, "inputs": {HOSTILE: HOSTILE}}),
        ),
    )
    missing = (Missing(HOSTILE, HOSTILE, HOSTILE, HOSTILE),)
    hostile = replace(report, observer=HOSTILE, card=None, runs=(run,), missing=missing, problems=(HOSTILE,))
    text = page(hostile)
    assert "<script" not in text
    assert "\x1b" not in text
    assert not any(name.startswith("on") for _, attrs in Reader(text).tags for name in attrs)


def test_runs_that_cannot_be_used_are_named(store: Path, tmp_path: Path) -> None:
    root = shutil.copytree(store, tmp_path / "runs")
    damaged, other = list_runs(root)
    figure = next(damaged.path("figures").glob("*.png"))
    figure.write_bytes(figure.read_bytes()[:-1] + b"\0")
    (other.folder / "MANIFEST.json").unlink()
    report = Report.of(FAIR, out=root, runs=[damaged, other])
    assert not report.runs
    sentences = " ".join(report.problems)
    assert (
        f"run coin/{damaged.id} cannot be read: figures/{figure.name} of run {damaged.id} must have"
        in sentences
    )
    assert f"run coin/{other.id} is unfinished" in sentences
    assert "No finished run" in texts_of(report)


def test_an_observers_own_runs_are_told_and_no_others(store: Path) -> None:
    both, second = (Report.of(name, out=store) for name in ("coin 0", "coin 1"))
    assert {run.id for run in both.runs} == {run.id for run in list_runs(store)}
    assert [run.id for run in second.runs] == [run_id("coin", OTHER)]
    assert most_present(list_runs(store)) == "coin 0"
    assert most_present([]) == ""


def test_an_observer_that_no_study_knows_is_told_by_its_runs_alone(store: Path) -> None:
    report = Report.of("coin 1", out=store)
    assert report.card is None
    assert "There is no card: no study puts coin 1 among people by its name." in texts_of(report)
    with pytest.raises(
        ConfigError, match=f"observer must have rows in a run of {store}, or a card; got 'nobody'"
    ):
        Report.of("nobody", out=store)


def test_the_command_writes_the_page_or_says_why_not(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "fair.html"
    words = ["report", "--observer", FAIR, "--out", str(store), "--to"]
    assert main([*words, str(target)]) == 0
    assert capsys.readouterr().out == f"written: {target}\n"
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main([*words, str(tmp_path / "nowhere" / "fair.html")]) == 1
    assert capsys.readouterr().err.startswith("cogattn: --to must be a writable file; got No such file")
    assert main(["report", "--observer", "nobody", "--out", str(store)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
