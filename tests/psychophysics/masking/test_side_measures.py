"""Summary rows beside the channel, from trials made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import measures
from cogattn.psychophysics.masking.channel.likelihood import ChannelModel, channel_parameters
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.observed import Observed
from cogattn.psychophysics.masking.plan import SCORES, TABLES
from cogattn.psychophysics.masking.side_measures import (
    across_networks_table,
    consistency_table,
    side_rows,
)
from cogattn.psychophysics.masking.stimuli.noise import octave_spectra
from cogattn.study import Outcome, Trials

NETWORK = {
    "observer": {"kind": "timm"},
    "images": {"kind": "folder", "path": "images"},
    "robustness": {"norm": "l2", "epsilons": [0.5, 1.0]},
    "shape_bias": {"path": "conflicts"},
}
NET, OTHER = Observer("net"), Observer("other")


def trials_of(**tables: pd.DataFrame) -> Trials:
    return Trials.of(TABLES, [Outcome({name: rows}) for name, rows in tables.items()])


def rows_of(**tables: pd.DataFrame) -> pd.DataFrame:
    """Rows of one of two networks, whose trials differ."""
    rows = side_rows(MaskingConfig.parse(NETWORK), trials_of(**tables), NET)
    return summary_table(rows).set_index("measure")


def test_shape_bias_leaves_out_other_answers_and_shape_accuracy_does_not():
    own = pd.DataFrame(
        {
            "observer": "net",
            "image": [f"{i}" for i in range(8)],
            "category": ["cat"] * 4 + ["dog"] * 4,
            "texture": ["clock"] * 8,
            "response": ["cat", "clock", "boat", "boat", "dog", "dog", "clock", "clock"],
            "correct": [True, False, False, False, True, True, False, False],
            **dict.fromkeys(SCORES, 0.0),
        }
    )
    rows = rows_of(shape_bias=pd.concat([own, own.assign(observer="other", response="clock")]))
    assert rows.loc["shape_bias", "estimate"] == pytest.approx(3 / 6)
    assert rows.loc["shape_bias", "n"] == 6
    assert rows.loc["shape_accuracy", "estimate"] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert rows.loc["shape_bias", "human"] > 0.9
    assert rows.loc["shape_bias", "human_n"] == 10
    assert rows.loc["shape_accuracy", "human_n"] == 0


def test_robustness_counts_answers_kept_under_attack():
    images = [f"{i}" for i in range(10)]
    correct = np.array([[1] * 8 + [0] * 2, [1] * 4 + [0] * 6, [0] * 10], dtype=bool)
    own = pd.DataFrame(
        {
            "observer": "net",
            "image": images * 3,
            "category": "cat",
            "response": "cat",
            "correct": correct.ravel(),
            "epsilon": np.repeat([0.0, 0.5, 1.0], 10),
        }
    )
    rows = rows_of(robustness=pd.concat([own.assign(observer="other", correct=True), own]))
    assert rows.loc["robust_accuracy.l2.0_5", "estimate"] == pytest.approx(0.4)
    assert rows.loc["accuracy_kept.l2.0_5", "estimate"] == pytest.approx(0.5)
    assert rows.loc["accuracy_kept.l2.1", "estimate"] == 0
    assert rows.loc["accuracy_kept.l2.1", "n"] == 8
    assert (rows["observer"] == "net").all()


def test_nothing_beside_the_channel_makes_no_row():
    assert rows_of().empty


def masking(observer: str, correct: list[bool], *, first: int = 0) -> pd.DataFrame:
    n = len(correct)
    return pd.DataFrame(
        {
            "observer": observer,
            "image": [f"{first + i}" for i in range(n)],
            "category": "cat",
            "response": "cat",
            "correct": correct,
            "n_alternatives": 16,
            "band": 1,
            "noise_sd": 0.02,
            "n_clipped": 0,
        }
    )


def test_pairs_that_share_no_trial_are_left_out():
    """So are people among each other, and a table of counts, which cannot be matched."""
    config = MaskingConfig.parse(NETWORK)
    ours, theirs = masking("net", [True, False, True]), masking("other", [True, True, False])
    both = {"net": NET, "other": OTHER}
    assert len(consistency_table(config, trials_of(masking=pd.concat([ours, theirs])), both)) == 1
    elsewhere = pd.concat([ours, theirs.assign(image=["7", "8", "9"])])
    assert consistency_table(config, trials_of(masking=elsewhere), both).empty
    assert consistency_table(config, trials_of(masking=ours), {"net": NET}).empty


def test_people_are_not_paired_with_people(tmp_path):
    ours = masking("net", [True, False, True])
    people = pd.concat([ours.assign(observer=name) for name in ("net", "bob")])
    people[["observer", "image", "noise_sd", "band", "correct"]].to_csv(tmp_path / "people.csv", index=False)
    config = MaskingConfig.parse(NETWORK | {"humans": str(tmp_path / "people.csv")})
    table = consistency_table(config, trials_of(masking=ours), {"net": NET})
    assert table[["first", "second"]].to_numpy().tolist() == [["net", "person net"], ["net", "person bob"]]


def observed_networks(n: int) -> list[Observed]:
    """Networks with channels of 1.5 octaves and more."""
    rng, spectra = np.random.default_rng(2), octave_spectra()
    sds = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
    found = []
    for i in range(n):
        theta = channel_parameters(1.5 + 0.3 * i, 20.0, 40.0, steepness=1, top_accuracy=0.9)
        right = rng.binomial(60, ChannelModel.of(spectra).accuracy(theta, sds))
        grid = pd.MultiIndex.from_product([sds, range(7)], names=["noise_sd", "band"])
        counted = pd.DataFrame({"n": 60, "correct": right.ravel()}, index=grid).reset_index()
        found.append(Observed(Observer(f"net {i}"), counted, 16, MaskingConfig(), spectra))
    return found


def bias_rows(networks: list[Observed], values: np.ndarray) -> list[Row]:
    return [
        Row(one.observer, measures.SHAPE_BIAS, Estimate(value, 0, 1, 100))
        for one, value in zip(networks, values, strict=True)
    ]


def test_across_networks_a_measure_is_related_to_the_channel():
    networks = observed_networks(8)
    widths = np.array([one.ml.bandwidth_octaves for one in networks])
    rows = bias_rows(networks, 1 - 0.1 * widths)
    table = across_networks_table(MaskingConfig(), rows[::-1], networks).set_index(["measure", "predictor"])
    assert set(table["outcome"]) == {"shape_bias"}
    assert table.loc[("variance explained", "all"), "estimate"] == pytest.approx(1)
    assert table.loc[("Pearson correlation", "bandwidth_octaves"), "estimate"] == pytest.approx(-1)
    assert (table["n"] == 8).all()


def test_a_few_networks_or_other_observers_are_related_to_nothing():
    networks = observed_networks(4)
    rows = bias_rows(networks, np.arange(4) / 4)
    assert across_networks_table(MaskingConfig(), rows, networks)["estimate"].isna().all()
    assert len(across_networks_table(MaskingConfig(), rows, networks)) == 1
    assert across_networks_table(MaskingConfig(), rows[:3], networks[:3]).empty
    assert across_networks_table(MaskingConfig(), [], networks).empty
    people = [replace(one, observer=replace(one.observer, role="person")) for one in networks]
    assert across_networks_table(MaskingConfig(), rows, people).empty
