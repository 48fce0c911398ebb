"""A cell is identified by what made it: nothing equal is computed twice, nothing changed passes for the old."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from cogattn.errors import ConfigError
from cogattn.running.crew import Progress
from cogattn.running.execute import Execution, run_study
from cogattn.running.identity import cell_code, question_code
from cogattn.running.records import CellList, Provenance
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy, LoadedCoins

COIN = "cogattn.testing.coin:CoinStudy"
HERE = __name__


class MintedCoins(CoinStudy):
    """Each coin is read from a file of its own; people come from another."""

    name: ClassVar[str] = "minted"
    coins: ClassVar[dict[str, str]] = {}
    people = "0" * 64

    def contents(self, config: CoinConfig, cell: CoinCell) -> Mapping[str, str]:
        return {"coin": MintedCoins.coins.get(cell.observer, "f" * 64)}

    def inputs(self, config: CoinConfig) -> Mapping[str, str]:
        return {"people": MintedCoins.people}


def computed(study: str, config: CoinConfig, out: Path, **options: object) -> list[str]:
    """Run and return the labels of the cells that were computed."""
    seen: list[Progress] = []
    run_study(study, config, out=out, execution=Execution(**options), on_progress=seen.append)
    return [p.label for p in seen[1:-1]]


def loaded(*heads: float, **settings: object) -> CoinConfig:
    return CoinConfig(coins=LoadedCoins(heads=heads), n_cells=2, **settings)


def test_another_observer_computes_its_own_cells_alone(tmp_path: Path) -> None:
    assert len(computed(COIN, loaded(0.1, 0.2, 0.3), tmp_path)) == 6
    assert computed(COIN, loaded(0.1, 0.2, 0.3, 0.4), tmp_path) == ["coin 3, part 0", "coin 3, part 1"]


def test_dropping_an_observer_computes_none(tmp_path: Path) -> None:
    computed(COIN, loaded(0.1, 0.2, 0.3), tmp_path)
    assert computed(COIN, loaded(0.1, 0.2), tmp_path) == []


def test_more_cells_compute_what_is_new(tmp_path: Path) -> None:
    computed(COIN, loaded(0.1), tmp_path)
    config = loaded(0.1).model_copy(update={"n_cells": 4})
    assert computed(COIN, config, tmp_path) == ["coin 0, part 2", "coin 0, part 3"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"tosses": 51}])
def test_a_setting_that_can_change_trials_computes_all(tmp_path: Path, change: dict[str, int]) -> None:
    computed(COIN, loaded(0.1, 0.2), tmp_path)
    assert len(computed(COIN, loaded(0.1, 0.2, **change), tmp_path)) == 4


def test_changed_content_computes_exactly_its_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = f"{HERE}:MintedCoins"
    computed(target, loaded(0.1, 0.2), tmp_path)
    monkeypatch.setitem(MintedCoins.coins, "coin 1", "a" * 64)
    assert computed(target, loaded(0.1, 0.2), tmp_path) == ["coin 1, part 0", "coin 1, part 1"]
    monkeypatch.delitem(MintedCoins.coins, "coin 1")
    assert computed(target, loaded(0.1, 0.2), tmp_path) == []


def test_another_table_of_people_computes_no_cell_and_makes_the_tables_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{HERE}:MintedCoins"
    run = run_study(target, loaded(0.1), out=tmp_path)
    monkeypatch.setattr(MintedCoins, "people", "1" * 64)
    assert computed(target, loaded(0.1), tmp_path) == []
    assert [s.inputs["people"][0] for s in run.read(Provenance).sessions] == ["0", "1"]


CODE = '''
from collections.abc import Mapping
from typing import ClassVar

from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.study import Results, Trials
from cogattn.testing.coin import CoinConfig, CoinStudy

BIAS = {bias}


class Coins(CoinStudy):
    """Coins of a file that is edited."""

    name: ClassVar[str] = "edited"

    def run_cell(self, config, cell, rng):
        rows = super().run_cell(config, cell, rng)
        return rows.assign(correct=toss(rng, len(rows)))

    def summarise(self, config, trials):
        n = len(trials["tosses"])
        observer = self.observers(config)[0]
        share = float(trials["tosses"]["correct"].mean()) {scale}
        return Results(summary_table([Row(observer, Measure("heads", "", "heads"), Estimate(share, 0, 1, n))]))


def toss(rng, n):
    return rng.generator("tosses").random(n) < BIAS  {comment}
'''


@pytest.fixture
def edited(tmp_path: Path):
    """Write the study's file, run it in a process of its own, and return (cells computed, estimate, stderr)."""

    def run(*words: str, bias: float = 0.9, scale: str = "", comment: str = "") -> tuple[int, str, str]:
        (tmp_path / "edited_coins.py").write_text(CODE.format(bias=bias, scale=scale, comment=comment))
        script = (
            "import sys; from pathlib import Path; from cogattn.cli import main; from cogattn.running import crew\n"
            f"sys.exit(main(['edited_coins:Coins', '--workers', '1', *{list(words)!r}, '--json']))\n"
        )
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.zip")}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        after = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.zip")}
        import json

        (row,) = json.loads(done.stdout)
        return len(after.items() - before.items()), f"{row['estimate']:.3f}", done.stderr

    return run


@pytest.mark.slow
def test_cells_of_other_code_are_computed_again_and_kept_beside(edited, tmp_path: Path) -> None:
    n, first, _ = edited(bias=0.9)
    assert n == 8
    n, second, said = edited(bias=0.1)
    assert n == 8
    assert first != second
    assert "8 stored cell(s) were made by other code" in said
    n, third, _ = edited(bias=0.9)  # as it was: nothing to compute
    assert (n, third) == (0, first)


def test_a_comment_computes_nothing(edited) -> None:
    _, first, _ = edited()
    assert edited(comment="# the coin is loaded")[:2] == (0, first)


@pytest.mark.slow
def test_code_of_the_summary_computes_no_cell_and_makes_the_tables_again(edited, tmp_path: Path) -> None:
    _, first, _ = edited()
    n, second, _ = edited(scale="/ 2")
    assert n == 0
    assert float(second) == pytest.approx(float(first) / 2, abs=0.001)
    (folder,) = (tmp_path / "runs" / "edited").iterdir()
    sessions = RunFolder(tmp_path / "runs", "edited", folder.name).read(Provenance).sessions
    assert len(sessions) == 2
    assert sessions[0].code == sessions[1].code
    assert sessions[0].summary_code != sessions[1].summary_code


@pytest.mark.slow
def test_cells_of_other_code_are_taken_when_it_is_named(edited, tmp_path: Path) -> None:
    _, first, _ = edited(bias=0.9)
    (folder,) = (tmp_path / "runs" / "edited").iterdir()
    run = RunFolder(tmp_path / "runs", "edited", folder.name)
    old = run.read(CellList).cells[0].code
    n, estimate, _ = edited("--code", old[:8], bias=0.1)
    assert (n, estimate) == (0, first)
    assert {cell.code for cell in run.read(CellList).cells} == {old}


def test_code_that_made_nothing_cannot_be_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"--code must name code that made stored cells of this run; got 'abc'"
    ):
        run_study(COIN, loaded(0.5), out=tmp_path, execution=Execution(code="abc"))


def test_cells_of_other_libraries_are_computed_again_unless_mixing_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from cogattn.running import identity

    run = run_study(COIN, loaded(0.5), out=tmp_path)
    monkeypatch.setattr(identity, "version_of", lambda name: "9.9.9")
    with caplog.at_level(logging.WARNING):
        assert computed(COIN, loaded(0.5), tmp_path, mix=True) == []
    assert caplog.text == ""
    run_study(COIN, loaded(0.5, tosses=60), out=tmp_path)
    with caplog.at_level(logging.WARNING):
        assert len(computed(COIN, loaded(0.5), tmp_path)) == 2
    assert "2 stored cell(s) were made by other library versions and are computed again; --mix" in caplog.text
    assert len(run.read(Provenance).sessions) == 3


def test_mixed_cells_are_said_above_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cogattn.running import identity

    run_study(COIN, loaded(0.5), out=tmp_path)
    monkeypatch.setattr(identity, "version_of", lambda name: "9.9.9")
    run = run_study(COIN, loaded(0.5, 0.6), out=tmp_path, execution=Execution(mix=True))
    assert run.remarks()[0] == "The cells of this run were made by 2 different library versions."


def test_a_gpu_s_cells_are_no_cpu_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from cogattn.running import hardware, identity

    run_study(COIN, loaded(0.5), out=tmp_path)
    monkeypatch.setattr(hardware, "best_device", lambda: "cuda")
    assert computed(COIN, loaded(0.5), tmp_path) == []  # nothing of it runs on a GPU
    out, cells = tmp_path / "with a GPU", identity.cell_code
    reaching = lambda target: replace(cells(target), packages=("torch",))  # noqa: E731
    monkeypatch.setattr(identity, "cell_code", reaching)
    monkeypatch.setattr(identity, "libraries_of", lambda packages: {})
    with caplog.at_level(logging.WARNING):
        assert len(computed(COIN, loaded(0.5), out)) == 2
    monkeypatch.setattr(hardware, "best_device", lambda: "cpu")
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert computed(COIN, loaded(0.5), out, mix=True) == []
        assert caplog.text == ""
        run = run_study(COIN, loaded(0.5, 0.6), out=out, execution=Execution(mix=True))
    assert "The cells of this run were made by 2 different kinds of hardware: cpu, cuda." in run.remarks()


def test_two_runs_share_their_cells_and_each_has_its_own_tables(tmp_path: Path) -> None:
    first = run_study(COIN, loaded(0.1, 0.2), out=tmp_path)
    second = run_study(COIN, loaded(0.1), out=tmp_path)
    assert first.id != second.id
    assert len(list((tmp_path / "cells").rglob("*.zip"))) == 4
    shared = {cell.name for cell in first.read(CellList).cells} & {
        cell.name for cell in second.read(CellList).cells
    }
    assert len(shared) == 2
    assert len(second.summary()) == 1


def test_the_question_is_another_when_observers_are_placed_otherwise() -> None:
    """Tables of a finished run are made again when what places observers among people has changed."""
    target = "cogattn.psychophysics.masking.study:MaskingStudy"
    parts, cell_parts = question_code(target).parts, cell_code(target).parts
    for name in (
        "cogattn.people.placing:place_table",
        "cogattn.people.placing:_conformal_rank",
        f"{target}.joint",
    ):
        assert name in parts
        assert name not in cell_parts
