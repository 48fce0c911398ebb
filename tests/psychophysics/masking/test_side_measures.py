"""Summary rows beside the channel, from trials made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.side_measures import side_rows
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra
from cogattn.psychophysics.masking.summary import Observed
from cogattn.psychophysics.masking.trials import tidy

NETWORK = {
    "observer": {"kind": "timm"},
    "images": {"kind": "folder", "path": "images"},
    "robustness": {"norm": "l2", "epsilons": [0.5, 1.0]},
    "shape_bias": {"path": "conflicts"},
}


def rows_of(trials: pd.DataFrame) -> pd.DataFrame:
    config = MaskingConfig.parse(NETWORK)
    observers = [Observed("net", trials, config, octave_spectra())]
    return pd.DataFrame(side_rows(config, trials, observers)).set_index("measure")


def test_shape_bias_leaves_out_other_answers_and_shape_accuracy_does_not():
    trials = tidy(
        task="shape_bias",
        observer="net",
        image=[f"{i}" for i in range(8)],
        category=["cat"] * 4 + ["dog"] * 4,
        texture=["clock"] * 8,
        response=["cat", "clock", "boat", "boat", "dog", "dog", "clock", "clock"],
        correct=[True, False, False, False, True, True, False, False],
        n_alternatives=16,
    )
    rows = rows_of(trials)
    assert rows.loc["shape bias", "estimate"] == pytest.approx(3 / 6)
    assert rows.loc["shape bias", "n"] == 6
    assert rows.loc["shape accuracy", "estimate"] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert rows.loc["shape bias", "human"] > 0.9


def test_robustness_counts_answers_kept_under_attack():
    images = [f"{i}" for i in range(10)]
    correct = np.array([[1] * 8 + [0] * 2, [1] * 4 + [0] * 6, [0] * 10], dtype=bool)
    trials = tidy(
        task="robustness",
        observer="net",
        image=images * 3,
        category="cat",
        response="cat",
        correct=correct.ravel(),
        n_alternatives=16,
        epsilon=np.repeat([0.0, 0.5, 1.0], 10),
    )
    rows = rows_of(trials)
    assert rows.loc["robust accuracy, l2 0.5", "estimate"] == pytest.approx(0.4)
    assert rows.loc["correct answers kept, l2 0.5", "estimate"] == pytest.approx(0.5)
    assert rows.loc["correct answers kept, l2 1", "estimate"] == 0
    assert rows.loc["correct answers kept, l2 1", "n"] == 8
