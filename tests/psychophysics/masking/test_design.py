"""The designs as plain tables, and counting over them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cogattn.psychophysics.masking.design import NO_BAND, count_correct, crossed_trials, paper_trials

IDS = [f"image{i}" for i in range(3500)]
SDS = (0.0, 0.02, 0.04, 0.08, 0.16)


def test_paper_design_shows_each_image_once_and_fills_all_cells_evenly():
    trials = paper_trials(IDS, sds=SDS, n_bands=7, rng=np.random.default_rng(1))
    assert trials["image"].tolist() == list(range(len(IDS)))
    counts = trials.groupby(["noise_sd", "band"]).size()
    assert len(counts) == 35
    assert ((counts - 100) ** 2 / 100).sum() < 62  # chi-square, 34 df, P = .002


def test_crossed_design_shows_each_image_in_each_cell_once():
    trials = crossed_trials(IDS[:5], sds=SDS, n_bands=7)
    assert len(trials) == 5 * (1 + 7 * 4)
    assert not trials.duplicated(["image", "band", "noise_sd"]).any()
    assert (trials.loc[trials["noise_sd"] == 0, "band"] == NO_BAND).all()


def test_counts_add_up_cell_by_cell():
    rng = np.random.default_rng(2)
    trials = crossed_trials(IDS[:40], sds=SDS, n_bands=7).assign(
        n=1, correct=lambda t: rng.random(len(t)) < 0.5
    )
    n_correct, n_trials, sds = count_correct(trials, n_bands=7)
    assert sds.tolist() == list(SDS)
    assert n_trials[0].tolist() == [40, 0, 0, 0, 0, 0, 0]
    assert (n_trials[1:] == 40).all()
    expected = trials[(trials["band"] == 3) & (trials["noise_sd"] == 0.08)]["correct"].sum()
    assert n_correct[3, 3] == expected
    assert n_correct.sum() == trials["correct"].sum()


def test_counts_on_given_levels_keep_empty_rows():
    trials = pd.DataFrame({"band": [1], "noise_sd": [0.04], "n": [3], "correct": [2]})
    n_correct, n_trials, _ = count_correct(trials, n_bands=3, sds=SDS)
    assert n_trials.shape == (5, 3)
    assert (n_correct[2, 1], n_trials[2, 1]) == (2, 3)
    assert n_trials.sum() == 3
