"""The study from settings to summary: known channels come back, tables do not depend on how they were made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import ConfigError, DataError
from cogattn.measures import SUMMARY_COLUMNS
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.material import training_images, trial_images
from cogattn.psychophysics.masking.presentation import example_stimuli
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.running.execute import Execution, run_study
from cogattn.study import Outcome, Trials, streams_of

SMALL = {
    "observer": {"kind": "template", "center_cpi": 20.0, "bandwidth_octaves": 1.8},
    "images": {"kind": "procedural", "n_images": 32, "size": 96},
    "noise": {"n_bands": 5, "sds": [0, 0.02, 0.04, 0.08, 0.16]},
    "channel": {"n_bootstrap": 100},
}


def small(**changes: object) -> MaskingConfig:
    return MaskingConfig.parse(SMALL | changes)


@pytest.mark.slow
def test_a_template_observer_s_channel_comes_back_through_the_whole_study(play):
    config = MaskingConfig.parse(
        {
            "observer": {"kind": "template", "center_cpi": 16.0, "bandwidth_octaves": 2.0},
            "images": {"kind": "procedural", "n_images": 64, "size": 128},
            "noise": {"n_bands": 6, "sds": [0, 0.01, 0.02, 0.04, 0.08, 0.16]},
            "design": {"kind": "crossed"},
            "channel": {"n_bootstrap": 200},
        }
    )
    played = play(config)
    plain, centre = played.row("bandwidth.log_gaussian"), played.row("centre.log_gaussian")
    assert plain["estimate"] == pytest.approx(2.0, rel=0.15)
    assert plain["lo"] < 2.0 * 1.05
    assert plain["hi"] > 2.0 * 0.95
    assert centre["estimate"] == pytest.approx(16.0, rel=0.15)
    bandwidth, centre = played.row("bandwidth"), played.row("centre")
    assert bandwidth["lo"] < 2.0 < bandwidth["hi"] * 1.1
    assert centre["estimate"] == pytest.approx(16.0, rel=0.15)
    assert bandwidth["role"] == "control"


@pytest.mark.slow
def test_adaptive_design_finds_the_same_channel_and_stops_at_its_goal(play):
    config = small(
        design={"kind": "adaptive", "interval_octaves": 1.0, "max_trials": 2000, "block": 64},
    )
    played = play(config)
    bandwidth = played.row("bandwidth")
    assert bandwidth["hi"] - bandwidth["lo"] <= 1.0
    assert bandwidth["lo"] < 1.8 < bandwidth["hi"]
    assert len(played.trials["masking"]) < 2000
    assert any("came down to 1 octaves" in remark for remark in played.results.remarks)


def test_noise_of_a_trial_depends_on_seed_image_and_band_only():
    crossed = small(design={"kind": "crossed"})
    sheet = example_stimuli(crossed, [0, 0.02, 0.04])
    again = example_stimuli(crossed, [0.04])
    assert np.array_equal(sheet[2], again[0])
    clean = sheet[0]
    assert all(np.array_equal(clean[0], band) for band in clean)  # one image in all columns
    ratio = (sheet[2] - clean).std(axis=(1, 2)) / (sheet[1] - clean).std(axis=(1, 2))
    assert ratio == pytest.approx(2, rel=1e-3)


def test_the_summary_and_the_persons_have_the_shape_of_all_studies(play):
    played = play(small())
    assert tuple(played.results.summary.columns) == SUMMARY_COLUMNS
    assert played.results.people["person"].nunique() == 14
    assert played.row("bandwidth_ratio")["human_n"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_tables_are_the_same_bytes_whatever_the_workers(tmp_path, workers):
    config = small(design={"kind": "crossed"})
    run = run_study("masking", config, out=tmp_path / "run", execution=Execution(workers=workers))
    reference = run_study("masking", config, out=tmp_path / "reference")
    for part in ("tables", "trials"):
        ours, theirs = (
            {path.name: path.read_bytes() for path in (one.folder / part).iterdir()}
            for one in (run, reference)
        )
        assert ours == theirs


def test_training_images_never_appear_in_trials():
    config = MaskingConfig.parse({"images": {"n_images": 32, "size": 224}, "observer": {"kind": "readout"}})
    assert not set(training_images(config).ids) & set(trial_images(config).ids)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {"kind": "procedural", "size": 64}}, r"noise\.n_bands"),
        ({"noise": {"sds": [0.0, 0.04, 0.02]}}, r"noise\.sds"),
        ({"images": {"n_images": 2**62}}, r"images\.n_images"),
        ({"design": {"kind": "adaptive", "max_trials": 2**62}}, r"design\.max_trials"),
    ],
)
def test_settings_that_cannot_be_run_are_refused_by_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        MaskingConfig.parse(
            {"observer": {"kind": "template"}, "images": {"kind": "procedural", "size": 224}} | changes
        )


def test_another_order_of_cells_gives_the_same_trials_of_each():
    config = small(design={"kind": "crossed"})
    study = MaskingStudy()
    cells = study.cells(config)
    forwards, backwards = (
        {
            cell.key: study.run_cell(study.relevant(config, cell), cell, streams_of(config, cell))
            for cell in cells[::step]
        }
        for step in (1, -1)
    )
    for key, trials in forwards.items():
        pd.testing.assert_frame_equal(trials, backwards[key], check_exact=True)


def test_without_a_network_the_others_are_summarised(play):
    observer = {"kind": "readout", "models": ["test_efficientnet", "test_vit"], "weights": "random"}
    config = small(observer=observer | {"train_per_category": 2})
    study = MaskingStudy()
    whole = [cell for cell in study.cells(config) if cell.observer == "test_vit"]
    outcomes = [
        Outcome({cell.task: study.run_cell(study.relevant(config, cell), cell, streams_of(config, cell))})
        for cell in whole
    ]
    results = study.summarise(config, Trials.of(study.tables, outcomes))
    assert set(results.summary["observer"]) == {"test_vit"}
    assert set(results.tables["accuracy"]["observer"]) == {"test_vit"}
    for draw in results.figures.values():
        draw()


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
