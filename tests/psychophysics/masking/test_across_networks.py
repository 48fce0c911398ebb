"""Across networks: known relations are found, scikit-learn and SciPy agree, what is missing is counted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from cogattn.errors import DataError
from cogattn.psychophysics.masking.across_networks import relate
from cogattn.statistics.relations import RELATION_COLUMNS


def networks(n: int, *, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Shape bias is linear in bandwidth and the logarithm of the centre, of unit variance, plus noise."""
    rng = np.random.default_rng(seed)
    width, octave, peak = rng.standard_normal((3, n))
    bias = (width - octave) / 2**0.5 + noise * rng.standard_normal(n)
    return pd.DataFrame(
        {
            "network": [f"network {i}" for i in range(n)],
            "bandwidth_octaves": 2.5 + width / 4,
            "center_cpi": 22 * 2 ** (octave / 5),
            "peak_sensitivity": 30 * 2**peak,
            "shape_bias": bias,
        }
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def row(found: pd.DataFrame, measure: str, predictor: str = "all") -> pd.Series:
    chosen = found[(found["measure"] == measure) & (found["predictor"] == predictor)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_an_exact_relation_is_explained_wholly():
    found = relate(networks(30), "shape_bias", rng=rng(), n_bootstrap=100)
    assert tuple(found.columns) == RELATION_COLUMNS
    assert row(found, "variance explained")["estimate"] == pytest.approx(1)
    assert row(found, "variance explained, leave-one-out")["estimate"] == pytest.approx(1)
    assert (found["n"] == 30).all()


def test_half_explained_is_found_half_explained():
    found = relate(networks(800, noise=1.0), "shape_bias", rng=rng(), n_bootstrap=100)
    explained = row(found, "variance explained")
    assert explained["estimate"] == pytest.approx(0.5, abs=0.08)
    assert explained["lo"] < 0.5 < explained["hi"]
    assert row(found, "Pearson correlation", "bandwidth_octaves")["estimate"] == pytest.approx(0.5, abs=0.1)
    assert row(found, "Pearson correlation", "center_cpi")["estimate"] == pytest.approx(-0.5, abs=0.1)
    assert row(found, "Pearson correlation", "peak_sensitivity")["estimate"] == pytest.approx(0, abs=0.12)


def test_unrelated_channels_explain_nothing_of_a_left_out_network():
    table = networks(20).assign(robustness=np.random.default_rng(3).standard_normal(20))
    found = relate(table, "robustness", rng=rng(), n_bootstrap=100)
    assert row(found, "variance explained")["estimate"] > 0
    assert row(found, "variance explained, leave-one-out")["estimate"] < 0.1


def test_scikit_learn_and_scipy_agree():
    table = networks(25, noise=0.5)
    found = relate(table, "shape_bias", rng=rng(), n_bootstrap=100)
    y = table["shape_bias"].to_numpy()
    logs = np.log2(table[["center_cpi", "peak_sensitivity"]].to_numpy())
    x = np.column_stack([table["bandwidth_octaves"], logs])
    predicted = cross_val_predict(LinearRegression(), x, y, cv=LeaveOneOut())
    means = cross_val_predict(LinearRegression(), np.zeros((25, 1)), y, cv=LeaveOneOut())
    left_out = 1 - ((y - predicted) ** 2).sum() / ((y - means) ** 2).sum()
    assert row(found, "variance explained")["estimate"] == pytest.approx(
        LinearRegression().fit(x, y).score(x, y)
    )
    assert row(found, "variance explained, leave-one-out")["estimate"] == pytest.approx(left_out)
    for column, name in enumerate(["bandwidth_octaves", "center_cpi", "peak_sensitivity"]):
        pearson, spearman = pearsonr(x[:, column], y).statistic, spearmanr(x[:, column], y).statistic
        assert row(found, "Pearson correlation", name)["estimate"] == pytest.approx(pearson)
        assert row(found, "Spearman correlation", name)["estimate"] == pytest.approx(spearman)
        assert (
            row(found, "Pearson correlation", name)["lo"]
            < pearson
            < row(found, "Pearson correlation", name)["hi"]
        )


def test_networks_without_an_estimate_are_left_out_and_counted():
    table = networks(30, noise=0.5)
    with_gaps = table.copy()
    with_gaps.loc[3, "bandwidth_octaves"] = np.nan
    with_gaps.loc[7, "center_cpi"] = np.inf
    with_gaps.loc[9, "shape_bias"] = np.nan
    found = relate(with_gaps, "shape_bias", rng=rng(), n_bootstrap=100)
    without = relate(table.drop([3, 7, 9]), "shape_bias", rng=rng(), n_bootstrap=100)
    assert (found["n_left_out"] == 3).all()
    pd.testing.assert_frame_equal(found.drop(columns="n_left_out"), without.drop(columns="n_left_out"))


@pytest.mark.parametrize("n", [0, 1, 4])
def test_too_few_networks_give_a_note_instead_of_a_number(n: int):
    found = relate(networks(n), "shape_bias", rng=rng())
    assert found["estimate"].isna().all()
    assert found["note"].tolist() == ["needs 5 observers or more"]


def test_tables_without_the_columns_are_refused():
    with pytest.raises(DataError, match="got no robustness"):
        relate(networks(10), "robustness", rng=rng())
    with pytest.raises(DataError, match="center_cpi must be above 0"):
        relate(networks(10).assign(center_cpi=0.0), "shape_bias", rng=rng())
