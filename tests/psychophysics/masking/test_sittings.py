"""The masking block: the study's own stimuli, 16 answers, and a table that the study's command reads."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.counts import published_counts, read_counts
from cogattn.psychophysics.masking.people import persons
from cogattn.psychophysics.masking.sittings import MASKING, N_CELLS, _config
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.sittings import Block
from cogattn.statistics.stats import wilson_interval

YOU = Observer("you", role="person")


@cache
def block() -> Block:
    return MASKING.block(3, N_CELLS)


def answered(*, right_without_noise: float = 1.0) -> pd.DataFrame:
    """A person who names all images without noise, or a part, and none with noise of SD .16."""
    rows = []
    for number, trial in enumerate(block().trials):
        sd = float(trial.what["noise_sd"])
        correct = number / len(block().trials) < right_without_noise if sd == 0 else sd < 0.16
        rows.append({**trial.what, "correct": correct, "rt": 900.0, "anticipation": False, "blurred": False})
    return pd.DataFrame(rows)


def test_every_noise_sd_and_band_comes_equally_often_and_every_image_once() -> None:
    table = pd.DataFrame([trial.what for trial in block().trials])
    assert table.groupby(["noise_sd", "band"]).size().to_dict() == {
        (sd, band): 1 for sd in (0.0, 0.02, 0.04, 0.08, 0.16) for band in range(7)
    }
    practice = [trial.what["image"] for trial in block().practice]
    assert len({*table["image"], *practice}) == len(table) + 16
    assert {trial.correct for trial in block().practice} == {answer.value for answer in MASKING.answers}


def test_pictures_are_the_stimuli_that_a_run_with_this_seed_shows() -> None:
    from cogattn.psychophysics.masking.material import trial_images
    from cogattn.psychophysics.masking.presentation import stimuli_of

    trial = max(block().trials, key=lambda trial: float(trial.what["noise_sd"]))
    config = _config(3, N_CELLS + 16)
    images = trial_images(config)
    shown = pd.DataFrame(
        {
            "image": [images.ids.index(str(trial.what["image"]))],
            "band": [trial.what["band"]],
            "noise_sd": [trial.what["noise_sd"]],
        }
    )
    truth = stimuli_of(config, images, shown)[0].images[0].numpy()
    seen = np.asarray(Image.open(io.BytesIO(trial.picture)))
    assert np.abs(seen / 255 - truth).max() <= 0.5 / 255 + 1e-6
    assert images.categories[images.labels[images.ids.index(str(trial.what["image"]))]] == trial.correct


def test_accuracy_without_noise_has_wilsons_interval_and_noise_that_hides_all_is_seen() -> None:
    scored = MASKING.score(answered(), YOU)
    row = scored.measures.set_index("measure").loc["accuracy.clean"]
    lo, hi = wilson_interval(7, 7)
    assert (row["estimate"], row["lo"], row["hi"], row["n"]) == (1.0, pytest.approx(lo), pytest.approx(hi), 7)
    points = scored.curves[0].points.set_index("line")
    assert (points.loc["0.16", "estimate"] == 0).all()
    assert (points.loc["0.08", "estimate"] == 1).all()
    assert points.loc["0.16", "x"].tolist() == [1.75 * 2**band for band in range(7)]


def test_the_table_is_what_observer_table_reads_with_every_trial_in_its_cell(tmp_path: Path) -> None:
    fit = MASKING.fit
    assert fit is not None
    path = tmp_path / "you.csv"
    fit.table(answered()).to_csv(path, index=False)
    counts = read_counts(str(path), setting="observer.table")
    paper = published_counts()
    assert counts.observers == (*paper.observers, "you")
    np.testing.assert_array_equal(counts.n_correct[:-1], paper.n_correct)
    np.testing.assert_array_equal(counts.n_trials[:-1], paper.n_trials)
    np.testing.assert_array_equal(counts.nominal_cpi, paper.nominal_cpi)
    np.testing.assert_array_equal(counts.n_trials[-1], np.ones((5, 7)))
    np.testing.assert_array_equal(counts.n_correct[-1].sum(axis=1), [7, 7, 7, 7, 0])


def test_the_command_that_is_given_fits_the_channel_among_the_papers_persons(tmp_path: Path) -> None:
    """Its words are settings; the paper's persons come out as the study has them."""
    fit = MASKING.fit
    assert fit is not None
    path = tmp_path / "you.csv"
    rng = np.random.default_rng(0)
    often = pd.concat([answered()] * 6)
    fit.table(often.assign(correct=rng.random(len(often)) < 0.6)).to_csv(path, index=False)
    words = fit.command.format(file=path).split()
    assert words[:2] == ["cogattn", "masking"]
    config = MaskingConfig.model_validate(
        {"observer": {"kind": words[3], "table": words[5]}, "noise": {"bands": words[7]}}
    )
    assert [words[2], words[4], words[6]] == ["--observer.kind", "--observer.table", "--noise.bands"]
    own, paper = persons(config), MaskingStudy().persons()
    assert set(own["person"]) == {*paper["person"], "person you"}
    both = own.merge(paper, on=["person", "measure"])
    np.testing.assert_allclose(both["estimate_x"], both["estimate_y"], rtol=1e-6)
