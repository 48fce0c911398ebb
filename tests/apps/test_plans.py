"""Plans: what the command line says of a run is read off it, one question after the other, and no page waits."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cogattn.apps.dashboard.launch import plans
from cogattn.apps.dashboard.launch.answers import beside
from cogattn.apps.dashboard.launch.plans import Planned, Planner, planned
from cogattn.registry import load_study
from cogattn.reporting.plan import plan_text
from cogattn.running.execute import open_run
from cogattn.running.identity import make_plan
from cogattn.running.records import ConfigRecord
from cogattn.running.store import config_record
from cogattn.testing.coin import CoinConfig, CoinStudy


def test_the_sums_are_those_of_the_plan(tmp_path: Path) -> None:
    study, config = CoinStudy(), CoinConfig(n_cells=7)
    run = open_run(study, config, tmp_path)
    text = plan_text(study, config, make_plan(study, config), run, workers=3)
    sums = Planned(True, text, "").sums
    assert (sums["cells"], sums["stored"], sums["missing"]) == ("14", "0", "14")
    assert sums["memory"] in text
    assert "3 worker(s)" in sums["times"]
    assert Planned(False, text, "").sums == {}
    assert Planned(True, "otherwise said", "").sums == {}


def test_what_the_study_s_check_refuses_stands_beside_its_field(tmp_path: Path) -> None:
    config = load_study("masking").Config.parse(
        {"images": {"kind": "folder", "path": str(tmp_path / "none")}}
    )
    told = planned(tmp_path / "runs", config_record("masking", config), 1)
    assert not told.taken
    assert beside(told.text, {"images.path", "seed"}) == "images.path"
    assert not (tmp_path / "runs").exists()


def test_a_plan_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "TIMEOUT_S", 0.05)
    told = planned(tmp_path, config_record("masking", load_study("masking").Config()), None)
    assert not told.taken
    assert "must be told within" in told.text


def test_nobody_waits_and_the_same_question_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, asked = threading.Event(), []

    def slow(root: Path, record: ConfigRecord, workers: int | None) -> Planned:
        go.wait(10)
        asked.append((record.run_id, workers))
        return Planned(True, record.run_id, "")

    monkeypatch.setattr(plans, "planned", slow)
    planner, one, other = Planner(tmp_path), CoinConfig(), CoinConfig(seed=1)
    assert planner.told("coin", one, None) is None
    for config in (one, one, other):
        planner.ask("coin", config, None)
    first = planner.told("coin", one, None)
    assert first is not None
    assert not first.done()
    assert planner.told("coin", one, 2) is None
    go.set()
    assert first.result(10).text == config_record("coin", one).run_id
    second = planner.told("coin", other, None)
    assert second is not None
    second.result(10)
    assert asked == [(config_record("coin", config).run_id, None) for config in (one, other)]
    planner.ask("coin", one, None)  # anew: cells may be stored since
    again = planner.told("coin", one, None)
    assert again is not None
    again.result(10)
    assert len(asked) == 3


def test_few_plans_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "KEPT", 2)
    monkeypatch.setattr(plans, "planned", lambda root, record, workers: Planned(True, "", ""))
    planner = Planner(tmp_path)
    for seed in range(4):
        planner.ask("coin", CoinConfig(seed=seed), None)
    kept = [planner.told("coin", CoinConfig(seed=seed), None) is not None for seed in range(4)]
    assert kept == [False, False, True, True]
