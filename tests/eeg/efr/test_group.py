"""What a group shows: intervals as textbooks have them, bands where they were put, and none in noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.eeg.efr.config import EfrConfig, SignificanceSettings
from cogattn.eeg.efr.findings import Finding, findings_of_group
from cogattn.eeg.efr.group import group_bands, share_of
from cogattn.eeg.efr.measures import SWEEPS
from cogattn.eeg.efr.study import EfrStudy
from cogattn.eeg.recordings.config import SimulatedPath
from cogattn.measures import Estimate, Row
from cogattn.observers.observer import Observer
from cogattn.study import empty_table

F = np.arange(2, 110, 0.25)
NO_BANDS = empty_table(EfrStudy.tables["band"])


def curves(rows: np.ndarray) -> pd.DataFrame:
    """Table ``curve`` with one curve of each listener."""
    n, n_frequencies = rows.shape
    return pd.DataFrame(
        {
            "observer": np.repeat([f"S{i}" for i in range(n)], n_frequencies), "measure": "following",
            "frequency_hz": np.tile(F, n), "value": rows.ravel(), "usable": True,
        }
    )  # fmt: skip


def test_shares_of_listeners_have_wilsons_interval():
    found = share_of([True, True, False])
    wilson = stats.binomtest(2, 3).proportion_ci(method="wilson")
    assert (found.lo, found.hi) == pytest.approx((wilson.low, wilson.high))


def test_a_band_that_listeners_share_is_found_with_its_height():
    rng = np.random.default_rng(0)
    bump = np.exp(-4 * np.log(2) * ((F - 40) / 6) ** 2)
    heights = rng.normal(1, 0.2, 12)
    made = heights[:, None] * bump + 0.1 * rng.standard_normal((12, len(F)))
    (band,) = group_bands(curves(made), NO_BANDS, alpha=0.05).to_dict("records")
    assert band["peak_lo_hz"] <= 40 <= band["peak_hi_hz"]
    assert band["height_lo"] < heights.mean() < band["height_hi"]
    assert band["n"] == 12


def test_featureless_listeners_share_no_band():
    """Each has peaks of its own, which dominate its curve, at places of its own."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(100):
        centres = rng.uniform(5, 105, (8, 1))
        made = np.exp(-(((F - centres) / 4) ** 2)) + 0.1 * rng.standard_normal((8, len(F)))
        found.append(len(group_bands(curves(made), NO_BANDS, alpha=0.05)) > 0)
    assert np.mean(found) <= 0.09  # 5 % and two standard errors


def test_two_listeners_are_too_few_for_a_band():
    assert group_bands(curves(np.ones((2, len(F)))), NO_BANDS, alpha=0.05).empty


@pytest.fixture(scope="module")
def several(run_efr):
    config = EfrConfig(
        recordings=SimulatedPath(n_listeners=8, n_channels=6, strength=3.0, duration_s=120),
        significance=SignificanceSettings(n_bootstrap=50, block_s=2.0),
    )
    return run_efr(config)[0]


@pytest.mark.slow
def test_the_summary_of_several_recordings_is_of_the_group(several):
    summary = several.summary.set_index("measure")
    assert set(summary["observer"]) == {"listeners"}
    assert set(summary["role"]) == {"listener"}
    following = summary.loc["following"]
    assert (following["estimate"], following["n"]) == (1.0, 8)
    assert following["lo"] == pytest.approx(stats.binomtest(8, 8).proportion_ci(method="wilson").low)
    own = several.tables["listeners"].set_index("measure").loc["coherence.largest", "estimate"]
    interval = stats.ttest_1samp(own, 0).confidence_interval()
    row = summary.loc["coherence.largest"]
    assert (row["estimate"], row["lo"]) == pytest.approx((own.mean(), interval.low))
    missed = summary.loc["published.response"]
    assert missed["lo"] <= missed["estimate"] < missed["hi"] < 1
    assert (summary["human_n"] == 0).all()
    assert summary.loc["gain_error", "n"] == 8


def test_a_group_says_of_how_many_its_mean_is():
    """Sweeps needed are a mean over those in whom the response was found."""
    group = Observer("listeners", "3 listeners", "listener")
    own = []
    for name, needed in (("a", 20.0), ("b", np.nan), ("c", 40.0)):
        row = Row(Observer(name, role="listener"), SWEEPS, Estimate.bare(needed, 100))
        own.append([Finding(row, SWEEPS, of="to the first channel")])
    (row,) = findings_of_group(own, group)
    assert (row.value.estimate, row.value.n) == (30.0, 2)
    assert row.note == "mean over 2 of 3 listeners; to the first channel"


def test_simulated_generators_are_the_groups_bands(several):
    bands = several.tables["group_bands"].query("measure == 'following'")
    for generator_hz in (5, 40, 90):
        at = bands[(bands["low_hz"] < generator_hz) & (bands["high_hz"] > generator_hz)]
        assert len(at) == 1
        assert at["listeners"].iloc[0] >= 0.5
    published = several.tables["group_reported_bands"]
    assert len(published) == 9
    assert (published["coherence_lo"] <= published["coherence"]).all()
