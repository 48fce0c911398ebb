"""The study from settings to summary: known channels come back, tables do not depend on how they were made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import ConfigError, DataError, ObserverError
from cogattn.observers import hub
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.material import training_images, trial_images
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.psychophysics.masking.trials import COLUMNS, example_stimuli
from cogattn.running.execute import run_study
from cogattn.seeds import Streams

SMALL = {
    "observer": {"kind": "template", "center_cpi": 20.0, "bandwidth_octaves": 1.8},
    "images": {"kind": "procedural", "n_images": 32, "size": 96},
    "noise": {"n_bands": 5, "sds": [0, 0.02, 0.04, 0.08, 0.16]},
    "channel": {"n_bootstrap": 100},
}


def small(**changes: object) -> MaskingConfig:
    return MaskingConfig.parse(SMALL | changes)


def test_a_template_observer_s_channel_comes_back_through_the_whole_study():
    config = MaskingConfig.parse(
        {
            "observer": {"kind": "template", "center_cpi": 16.0, "bandwidth_octaves": 2.0},
            "images": {"kind": "procedural", "n_images": 64, "size": 128},
            "noise": {"n_bands": 6, "sds": [0, 0.01, 0.02, 0.04, 0.08, 0.16]},
            "design": {"kind": "crossed"},
            "channel": {"n_bootstrap": 200},
        }
    )
    study = MaskingStudy()
    trials = run_cells(study, config)
    summary = study.summarise(config, trials).summary.set_index("measure")
    bandwidth, centre = summary.loc["bandwidth"], summary.loc["centre"]
    assert bandwidth["estimate"] == pytest.approx(2.0, rel=0.15)
    assert bandwidth["lo"] < 2.0 * 1.05
    assert bandwidth["hi"] > 2.0 * 0.95
    assert centre["estimate"] == pytest.approx(16.0, rel=0.15)


def test_adaptive_design_finds_the_same_channel_and_stops_at_its_goal():
    config = small(
        design={"kind": "adaptive", "interval_octaves": 1.0, "max_trials": 2000, "block": 64},
    )
    study = MaskingStudy()
    trials = run_cells(study, config)
    results = study.summarise(config, trials)
    bandwidth = results.summary.set_index("measure").loc["bandwidth"]
    assert bandwidth["hi"] - bandwidth["lo"] <= 1.0
    assert bandwidth["lo"] < 1.8 < bandwidth["hi"]
    assert len(trials) < 2000
    assert any("came down to 1 octaves" in remark for remark in results.remarks)


def test_noise_of_a_trial_depends_on_seed_image_and_band_only():
    crossed = small(design={"kind": "crossed"})
    sheet = example_stimuli(crossed, [0.02, 0.04])
    again = example_stimuli(crossed, [0.04])
    assert np.array_equal(sheet[1], again[0])
    clean = example_stimuli(crossed, [1e-9])[0]
    ratio = (sheet[1] - clean).std(axis=(1, 2)) / (sheet[0] - clean).std(axis=(1, 2))
    assert ratio == pytest.approx(2, rel=1e-3)


def test_trials_have_fixed_columns_and_types():
    config = small()
    study = MaskingStudy()
    trials = study.run_cell(config, study.cells(config)[0], Streams(0))
    assert list(trials.columns) == list(COLUMNS)
    assert trials["correct"].dtype == bool
    assert (trials["n_pixels"] == 96 * 96).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_tables_are_the_same_bytes_whatever_the_workers(tmp_path, workers):
    config = small(design={"kind": "crossed"})
    run, _ = run_study("masking", config, out=tmp_path / str(workers), workers=workers)
    tables = {path.name: path.read_bytes() for path in sorted((run.folder / "tables").iterdir())}
    reference, _ = run_study("masking", config, out=tmp_path / "reference", workers=1)
    assert tables == {
        path.name: path.read_bytes() for path in sorted((reference.folder / "tables").iterdir())
    }
    assert (run.folder / "trials.parquet").read_bytes() == (reference.folder / "trials.parquet").read_bytes()


def test_training_images_never_appear_in_trials():
    config = MaskingConfig.parse({"images": {"n_images": 32, "size": 224}, "observer": {"kind": "readout"}})
    assert not set(training_images(config).ids) & set(trial_images(config).ids)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {"kind": "procedural", "size": 64}}, "noise.n_bands"),
        ({"observer": {"kind": "timm"}}, "images.path"),
        ({"shape_bias": {"path": "cue_conflict"}}, "shape_bias"),
        ({"noise": {"sds": [0.0, 0.04, 0.02]}}, "noise.sds"),
    ],
)
def test_settings_that_cannot_be_run_are_refused_by_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        MaskingConfig.parse(
            {"observer": {"kind": "template"}, "images": {"kind": "procedural", "size": 224}} | changes
        )


def test_a_missing_folder_is_refused_before_any_work(tmp_path):
    config = MaskingConfig.parse(
        {"observer": {"kind": "timm"}, "images": {"kind": "folder", "path": str(tmp_path / "nowhere")}}
    )
    with pytest.raises(DataError, match="nowhere"):
        MaskingStudy().cells(config)


def test_an_unknown_model_is_refused_before_any_work():
    with pytest.raises(ObserverError, match="resnet50"):
        MaskingStudy().cells(MaskingConfig.parse({"observer": {"kind": "readout", "models": ["resnet5"]}}))


def test_weights_out_of_reach_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(hub, "cached_file", lambda name: None)
    monkeypatch.setattr(hub, "_answers", lambda: False)
    with pytest.raises(ObserverError, match="out of reach"):
        MaskingStudy().cells(
            MaskingConfig.parse({"observer": {"kind": "readout", "models": ["resnet18.a1_in1k"]}})
        )


def test_another_order_of_cells_gives_the_same_trials_of_each():
    config = small(design={"kind": "crossed"})
    study = MaskingStudy()
    cells = study.cells(config)
    forwards, backwards = (
        {
            cell.key: study.run_cell(config, cell, Streams(config.seed).child(cell.key))
            for cell in cells[::step]
        }
        for step in (1, -1)
    )
    for key, trials in forwards.items():
        pd.testing.assert_frame_equal(trials, backwards[key], check_exact=True)


def test_a_damaged_image_is_skipped_and_named_or_refused(tmp_path, shared_data):
    source = sorted((shared_data / "masking" / "graysplit" / "0").iterdir())
    folder = tmp_path / "0"
    folder.mkdir()
    for path in source:
        (folder / path.name).write_bytes(path.read_bytes())
    victim = folder / source[0].name
    victim.write_bytes(victim.read_bytes()[:900])
    settings = {"observer": {"kind": "template"}, "images": {"kind": "folder", "path": str(tmp_path)}}
    listed = trial_images(MaskingConfig.parse(settings))
    assert list(listed.skipped) == [f"0/{source[0].name}"]
    with pytest.raises(DataError, match=source[0].name):
        trial_images(MaskingConfig.parse(settings | {"stimulus": {"strict": True}}))


def run_cells(study: MaskingStudy, config: MaskingConfig) -> pd.DataFrame:
    cells = study.cells(config)
    return pd.concat(
        [study.run_cell(config, cell, Streams(config.seed).child(cell.key)) for cell in cells],
        ignore_index=True,
    )
