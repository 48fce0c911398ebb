"""Runs of the study: the same whoever runs them, resumed bit for bit, and from one set of scenes to another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import timm
import torch

import cogattn
from cogattn.cli import main
from cogattn.errors import DataError, ObserverError
from cogattn.psychophysics.scanpath import fitting, plan
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, TRAINING
from cogattn.psychophysics.scanpath.config import (
    NetworkSettings,
    ScanpathConfig,
    ScenesSettings,
    SplitSettings,
    SyntheticSettings,
    TrainingSettings,
)
from cogattn.psychophysics.scanpath.fitted import ARTEFACT, fitted_in, read_file
from cogattn.psychophysics.scanpath.study import ScanpathStudy
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.execute import Execution, run_study
from cogattn.running.executors import one_thread
from cogattn.running.store import RunFolder
from cogattn.study import Outcome, streams_of
from tests.psychophysics.scanpath.made import collages

STUDY = ScanpathStudy()
TINY = ScanpathConfig(
    synthetic=SyntheticSettings(n_layouts=8, n_objects=6, n_people=3, n_fixations=4),
    split=SplitSettings(n_splits=2),
    appearance="none",
    network=NetworkSettings(width=16, heads=2, encoder_layers=1, decoder_layers=1, feedforward=16),
    training=TrainingSettings(max_epochs=3, batch=4, learning_rate=3e-3),
    baselines=("uniform", "histogram", "saliency", "history"),
    viewers=(1,),
    n_samples=2,
    n_bootstrap=100,
)

WHO = ("object transformer", "uniform", "histogram", "saliency", "history", "1 viewer", "people")


class Killed(Exception):
    """The process ends."""


class Fragile(Checkpoint):
    """Keeps its state once, and then the process is killed."""

    def save(self, data: bytes) -> None:
        super().save(data)
        raise Killed


def run_alone(config: ScanpathConfig, observer: str, checkpoint: Checkpoint, split: int = 0) -> Outcome:
    (cell,) = (one for one in plan.cells_of(config) if one.observer == observer and one.split == split)
    own = plan.relevant(config, cell)
    with one_thread():
        outcome = STUDY.run_cell(own, cell, streams_of(own, cell), checkpoint=checkpoint)
    assert isinstance(outcome, Outcome)
    return outcome


def cells_in(run: RunFolder) -> Mapping[str, bytes]:
    """Bytes of the cells of a store by name: what made each."""
    return {path.stem: path.read_bytes() for path in run.cells.folder.rglob("*.zip")}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_study(STUDY, TINY, out=tmp_path_factory.mktemp("one"), execution=Execution(workers=1))


@pytest.mark.slow
def test_every_observer_is_tested_on_every_split(run: RunFolder) -> None:
    fixations, paths = run.trials(FIXATIONS), run.trials(PATHS)
    assert tuple(dict.fromkeys(fixations["observer"])) == WHO[:-1]
    assert tuple(dict.fromkeys(paths["observer"])) == WHO
    n = fixations.groupby(["observer", "split"]).size().unstack()
    assert (n == n.iloc[0]).all().all()
    assert set(run.trials(TRAINING)["observer"]) == {"object transformer"}
    uniform = fixations[fixations["observer"] == "uniform"]
    assert uniform["bits"].to_numpy() == pytest.approx(torch.tensor(6.0).log2().item())


@pytest.mark.slow
def test_two_workers_with_fewer_observers_write_the_same_cells(run: RunFolder, tmp_path: Path) -> None:
    update = {"split": SplitSettings(n_splits=1), "baselines": ("uniform",), "viewers": ()}
    again = run_study(STUDY, TINY.model_copy(update=update), out=tmp_path, execution=Execution(workers=2))
    ours, theirs = cells_in(run), cells_in(again)
    assert len(theirs) == 3
    assert theirs.items() <= ours.items()


def test_a_killed_training_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = run_alone(TINY, "object transformer", Checkpoint(tmp_path / "whole"))
    with pytest.raises(Killed):
        run_alone(TINY, "object transformer", Fragile(tmp_path / "killed"))
    resumed = run_alone(TINY, "object transformer", Checkpoint(tmp_path / "killed"))
    assert resumed.artefacts == whole.artefacts
    assert all(resumed.trials[name].equals(whole.trials[name]) for name in whole.trials)
    assert len(whole.trials[TRAINING]) == 3


def test_several_networks_and_their_pool_are_read_as_they_were_fitted(tmp_path: Path) -> None:
    config = TINY.model_copy(update={"training": TINY.training.model_copy(update={"members": 2})})
    cell = next(one for one in STUDY.cells(config) if one.observer == "object transformer")
    settings = STUDY.relevant(config, cell)
    data, split = plan.data_of(settings), plan.split_of(settings, cell.split)
    fitted = fitting.ready(settings, cell, data, split, streams_of(config, cell), Checkpoint())
    file = tmp_path / "model.safetensors"
    file.write_bytes(fitted.artefacts["model.safetensors"])
    again = fitting.read(read_file(file), data)
    assert len(again.network.networks) == 2
    for one, other in zip(
        fitted.predictor.predict(data, data.paths), again.predict(data, data.paths), strict=True
    ):
        assert (one.log_p == other.log_p).all()
        assert (one.log_end == other.log_end).all()
    first, second = (network.predict(data, data.paths[:1])[0].log_p for network in again.network.networks)
    assert abs(first - second).max() > 0


@pytest.mark.slow
def test_models_of_a_run_are_tested_on_other_scenes(run: RunFolder, tmp_path: Path) -> None:
    config = ScanpathConfig(
        seed=1, synthetic=TINY.synthetic, weights=run.folder, n_samples=2, n_bootstrap=100
    )
    other = run_study(STUDY, config, out=tmp_path, execution=Execution(workers=1))
    fixations = other.trials(FIXATIONS)
    assert tuple(dict.fromkeys(fixations["observer"])) == WHO[:-1]
    assert set(fixations["split"]) == {0, 1}
    assert fixations["scene"].nunique() == 8  # all are test
    assert other.trials(TRAINING).empty
    assert any("another run" in remark for remark in other.remarks())
    uniform = fixations[fixations["observer"] == "uniform"]
    assert uniform["bits"].to_numpy() == pytest.approx(torch.tensor(6.0).log2().item())


def test_a_model_says_of_paths_what_it_said_where_it_was_fitted(run: RunFolder, tmp_path: Path) -> None:
    """Its own test layouts are in these data, and so are those that it was fitted on, which must be said."""
    config = ScanpathConfig(synthetic=TINY.synthetic, weights=run.folder, n_samples=2)
    with pytest.raises(
        DataError, match="layouts must be none that the models of weights were fitted on; got 8 of 8"
    ):
        STUDY.check(config)
    shown = config.model_copy(update={"split": SplitSettings(leaks="show")})
    STUDY.check(shown)
    own = run.trials(FIXATIONS)
    for observer in WHO[:-1]:
        again = run_alone(shown, observer, Checkpoint(), split=1).trials[FIXATIONS]
        keys = ["scene", "person", "fixation"]
        both = own[(own["observer"] == observer) & (own["split"] == 1)].merge(again, on=keys)
        assert len(both) == ((own["observer"] == observer) & (own["split"] == 1)).sum()
        assert both["bits_x"].to_numpy() == pytest.approx(both["bits_y"].to_numpy(), abs=1e-5), observer


def test_weights_may_be_files(run: RunFolder, tmp_path: Path) -> None:
    whole = {(one.observer.id, one.split): one.sha256 for one in fitted_in(run.folder)}
    assert set(whole) == {(name, split) for name in WHO[:-1] for split in (0, 1)}
    for number, one in enumerate(fitted_in(run.folder)):
        (tmp_path / f"{number}.safetensors").write_bytes(one.data)
    assert {(one.observer.id, one.split): one.sha256 for one in fitted_in(tmp_path)} == whole
    (single,) = fitted_in(tmp_path / "0.safetensors")
    assert single.observer.id == "object transformer"
    (tmp_path / "copy.safetensors").write_bytes(single.data)
    with pytest.raises(cogattn.errors.ConfigError, match="several of object transformer, split 0"):
        fitted_in(tmp_path)


@pytest.mark.slow
def test_models_that_see_need_images(tmp_path: Path) -> None:
    seeing = TINY.model_copy(
        update={
            "appearance": "auto",
            "baselines": (),
            "viewers": (),
            "controls": (),
            "split": SplitSettings(n_splits=1),
        }
    )
    network = timm.create_model("test_efficientnet", pretrained=False).eval()
    found = cogattn.run("scanpath", config=seeing, observer=network, out=tmp_path, workers=1, progress=False)
    assert set(found.trials[FIXATIONS]["observer"]) == {"test_efficientnet"}
    (label, name, data) = next(iter(found.artefacts()))
    assert (label, name) == ("test_efficientnet, split 0", ARTEFACT)
    (tmp_path / name).write_bytes(data)
    blind = ScanpathConfig(scenes=ScenesSettings(path=collages(tmp_path / "blind")), weights=tmp_path / name)
    with pytest.raises(cogattn.errors.ConfigError, match="weights must be of models that see no objects"):
        STUDY.check(blind)
    other = ScanpathConfig(seed=3, synthetic=TINY.synthetic, weights=tmp_path / name)
    STUDY.check(other)
    tested = run_alone(other, "test_efficientnet", Checkpoint()).trials[FIXATIONS]
    assert tested["scene"].nunique() == 8


def test_a_network_without_features_is_refused(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 10))
    with pytest.raises(ObserverError, match="observer must be a network whose features can be read"):
        cogattn.run(
            "scanpath", config=TINY, observer=module, appearance="network", out=tmp_path, progress=False
        )


def test_the_command_shows_its_plan_and_what_is_stored(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = tmp_path / "study.toml"
    toml.write_text(TINY.to_toml())
    words = ["scanpath", "--config", str(toml), "--out", str(run.root), "--workers", "1"]
    assert main([*words, "--dry-run"]) == 0
    assert "14 cells, 14 stored, 0 to compute" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert '"bits_per_fixation"' in capsys.readouterr().out
    assert main([*words, "--weights", str(tmp_path / "nowhere")]) == 2
    assert "left as it is where weights are given" in capsys.readouterr().err
