"""The study from its settings to its tables, on the command line and in parts; every setting is of some account."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import load_file

import cogattn
from cogattn.errors import ConfigError
from cogattn.rehearsal import commands
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig, RehearsalSettings, TrainingSettings
from cogattn.rehearsal.study import RehearsalStudy
from cogattn.running.identity import make_plan
from cogattn.running.records import CellList
from cogattn.testing.conformance import check_every_setting
from tests.rehearsal.blobs import TARGET

TINY = RehearsalConfig(
    schedules=("none", "power:1", "cumulative"),
    penalties=("si:1",),
    n_tasks=(3,),
    n_seeds=3,
    stack=2,
    n_bins=4,
    n_test=30,
    training=TrainingSettings(n_new=60, batch=20),
    network=NetworkSettings(widths=(8,), depth=1),
    rehearsal=RehearsalSettings(source="reservoir", memory=20, unequal="show"),
)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> cogattn.Run:
    """A finished run of another package's scenario."""
    config = RehearsalConfig(scenario=TARGET, schedules=("none", "uniform"), n_seeds=2)
    out = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "cogattn.rehearsal.summary._figures", lambda *_: {}
        )  # which take longest, and have tests
        return cogattn.run("rehearsal", config=config, out=out, workers=1, progress=False)


def test_every_setting_changes_a_cell_or_a_table() -> None:
    check_every_setting(RehearsalStudy(), TINY)


def test_another_packages_scenario_runs_as_ours_do(blobs: cogattn.Run) -> None:
    assert set(blobs.summary["observer"]) == {"none", "uniform"}
    assert "hits" in set(blobs.summary["measure"])
    assert blobs.trials["scores"].groupby(["observer", "seed"]).ngroups == 4


def test_a_setting_more_leaves_stored_cells_in_use(blobs: cogattn.Run) -> None:
    more = blobs.config.model_copy(
        update={"schedules": ("none", "uniform", "power:1"), "environment": "uniform"}
    )
    planned = {cell.name for cell in make_plan(RehearsalStudy(), more).cells}
    listed = blobs.store.read(CellList)
    assert listed is not None
    assert planned > {cell.name for cell in listed.cells}


def test_weights_are_written_as_files(
    blobs: cogattn.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "networks"
    assert commands.weights(blobs.id, to=folder, out=blobs.folder.parent.parent) == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        f"{rule}-budget0.25-tasks3-seed{seed}-{when}.safetensors"
        for rule in ("none", "uniform") for seed in (0, 1) for when in ("after", "before")
    ]  # fmt: skip
    assert capsys.readouterr().out.splitlines()[0].endswith(".safetensors")
    before, after = (
        load_file(folder / f"none-budget0.25-tasks3-seed0-{when}.safetensors") for when in ("before", "after")
    )
    assert before["1.weight"].shape == (2, 3)
    assert not (before["1.weight"] == after["1.weight"]).all()


def test_a_run_without_weights_is_told(
    blobs: cogattn.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_files", lambda _: iter(()))
    with pytest.raises(ConfigError, match="run must be of a scenario whose networks are kept"):
        commands.weights(blobs.id, to=tmp_path / "networks", out=blobs.folder.parent.parent)
    assert not (tmp_path / "networks").exists()
