"""Does the channel explain shape bias and robustness over the published networks? `cogattn compare` on real scores.

Truth: Subramanian et al. (2023) explain 51 % of the variance of shape bias over 76 networks. The other figures say what
docs/compare.md says; with the log-Gaussian gain in periodograms (see `stimuli.pyramid`) other code on the same counts
and scores had found .58, left out .50, before this module was written.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cogattn
from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.psychophysics.masking import fit_channels
from cogattn.psychophysics.masking.counts import published_networks
from cogattn.psychophysics.masking.measures import PAPER_CHANNEL

NETWORKS = "subramanian2023-networks"
CHANNEL = ["bandwidth", "centre", "peak_sensitivity"]
THE_PAPERS = "accuracy.clean>=0.49"
"""Leaves 76, as many as the paper has; two of them have 49.3 % of the clean trials right."""


@pytest.fixture(scope="module")
def scores(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the authors published of each network: shape accuracy, and accuracy under attack over that without."""
    found = pd.read_csv(shared_data / "masking" / "network_scores.csv")
    table = pd.DataFrame(
        {"network": found["network"], "shape_accuracy": found["cue_conflict_shape_acc_mean"]}
    )
    for epsilon in ("0.0157", "0.05"):
        table[f"kept.{epsilon}"] = found[f"acc_eps{epsilon}"] / found["top1_benign"]
    table["l2_trained"] = found["network"].str.contains("_l2_eps").astype(int)
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    table.to_csv(path, index=False)
    return path


def relation(found: cogattn.Comparison) -> dict[tuple[str, str], pd.Series]:
    return {(row["measure"], row["predictor"]): row for _, row in found.relations.iterrows()}


LOO = "variance explained, leave-one-out"


@pytest.mark.slow
def test_the_channel_explains_shape_accuracy_beyond_accuracy(scores: Path):
    found = cogattn.compare(
        NETWORKS, scores, explain="shape_accuracy", by=CHANNEL, control=["accuracy.clean"], where=[THE_PAPERS],
        leave_out_families=True,
    )  # fmt: skip
    rows = relation(found)
    whole = rows["variance explained", "all"]
    assert (whole["n"], whole["n_left_out"]) == (76, 9)
    assert whole["estimate"] == pytest.approx(0.60, abs=0.006)
    assert (whole["lo"], whole["hi"]) == pytest.approx((0.51, 0.73), abs=0.015)
    assert rows[LOO, "all"]["estimate"] == pytest.approx(0.51, abs=0.006)
    assert rows[LOO, "control"]["estimate"] == pytest.approx(0.11, abs=0.006)
    assert rows[LOO, "all and control"]["estimate"] == pytest.approx(0.51, abs=0.006)
    family = rows["variance explained, leave-one-family-out", "all"]
    assert family["estimate"] == pytest.approx(0.50, abs=0.02)
    for name, r, partial in zip(CHANNEL, (-0.09, -0.54, -0.67), (0.00, -0.49, -0.61), strict=True):
        assert rows["Pearson correlation", name]["estimate"] == pytest.approx(r, abs=0.006)
        assert rows["partial correlation", name]["estimate"] == pytest.approx(partial, abs=0.006)
        assert rows["Pearson correlation", name]["hi"] < 0 or name == "bandwidth"
    assert set(found.left_out["reason"]) == {"accuracy.clean is not >= 0.49"}


@pytest.mark.slow
def test_bandwidth_alone_explains_little_and_so_it_is_with_half_of_the_clean_trials_right(scores: Path):
    alone = cogattn.compare(NETWORKS, scores, explain="shape_accuracy", by=["bandwidth"], where=[THE_PAPERS])
    assert relation(alone)[LOO, "all"]["estimate"] < 0
    strict = cogattn.compare(
        NETWORKS, scores, explain="shape_accuracy", by=CHANNEL, where=["accuracy.clean>=0.5"]
    )
    rows = relation(strict)
    assert rows[LOO, "all"]["n"] == 74
    assert rows[LOO, "all"]["estimate"] == pytest.approx(0.51, abs=0.02)


def test_with_the_log_gaussian_gain_bandwidth_carries_more_and_the_channel_less(scores: Path):
    by = [f"{name}.log_gaussian" for name in CHANNEL]
    found = cogattn.compare(NETWORKS, scores, explain="shape_accuracy", by=by, where=[THE_PAPERS])
    rows = relation(found)
    assert rows["variance explained", "all"]["estimate"] == pytest.approx(0.51, abs=0.006)
    assert rows[LOO, "all"]["estimate"] == pytest.approx(0.41, abs=0.006)
    for name, r in zip(by, (-0.53, -0.44, -0.54), strict=True):
        assert rows["Pearson correlation", name]["estimate"] == pytest.approx(r, abs=0.006)
        assert rows["Pearson correlation", name]["hi"] < 0


@pytest.mark.slow
def test_the_papers_own_channel_explains_next_to_nothing_of_a_network_left_out(scores: Path):
    """-.02 raw, .06 as measures enter here, .16 with all three as logarithms."""
    networks = published_networks()
    fits = fit_channels(
        networks.n_correct, networks.n_trials, networks.noise_sds, estimator="paper", n_bootstrap=1
    )
    table = summary_table(
        Row(Observer(name), measure, Estimate.bare(value, fit.n_trials))
        for name, fit in zip(networks.observers, fits, strict=True)
        for measure, value in zip(
            PAPER_CHANNEL, (fit.bandwidth_octaves, fit.center_cpi, fit.peak_sensitivity), strict=True
        )
    )
    by = [measure.key for measure in PAPER_CHANNEL]
    asked = {"explain": "shape_accuracy", "by": by, "where": [THE_PAPERS]}
    found = {
        "here": cogattn.compare(NETWORKS, table, scores, **asked),
        "raw": cogattn.compare(NETWORKS, table.assign(scale="linear"), scores, **asked),
        "logs": cogattn.compare(NETWORKS, table.assign(unit=""), scores, **asked),
    }
    left_out = {name: relation(one)[LOO, "all"]["estimate"] for name, one in found.items()}
    assert left_out["raw"] == pytest.approx(0, abs=0.06)
    assert left_out["logs"] == pytest.approx(0.16, abs=0.006)
    assert left_out["raw"] < left_out["here"] < left_out["logs"]
    assert set(found["here"].relations["n"]) == {76}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("outcome", "where", "n", "r2", "left_out", "accuracy", "both"),
    [
        ("kept.0.0157", [], 74, 0.30, 0.24, -0.02, 0.19),
        ("kept.0.0157", ["l2_trained<1"], 67, 0.42, 0.34, 0.38, 0.39),
        ("kept.0.05", ["l2_trained<1"], 64, 0.42, 0.32, 0.47, 0.46),
    ],
)
def test_robustness_of_ordinary_networks_is_explained_by_accuracy_as_well_as_by_the_channel(
    scores: Path,
    outcome: str,
    where: list[str],
    n: int,
    r2: float,
    left_out: float,
    accuracy: float,
    both: float,
):
    """By log-Gaussian channels .49 and .52, left out .44 and .47: no more than by accuracy either."""
    found = cogattn.compare(
        NETWORKS, scores, explain=outcome, by=CHANNEL, control=["accuracy.clean"], where=[THE_PAPERS, *where]
    )
    rows = relation(found)
    assert rows["variance explained", "all"]["n"] == n
    assert rows["variance explained", "all"]["estimate"] == pytest.approx(r2, abs=0.006)
    told = [rows[LOO, name]["estimate"] for name in ("all", "control", "all and control")]
    np.testing.assert_allclose(told, [left_out, accuracy, both], atol=0.006)
