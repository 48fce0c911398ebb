"""The published networks ship as counts and are fitted as any other observer is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.fetch import check, data_sets, locate
from cogattn.measures import SUMMARY_COLUMNS
from cogattn.psychophysics.masking.channel.fit import fit_channel
from cogattn.psychophysics.masking.counts import published_networks
from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra
from cogattn.psychophysics.masking.study import MaskingStudy

NAME = "subramanian2023-networks"
CHANNEL = ["bandwidth", "centre", "peak_sensitivity"]
KEYS = [*CHANNEL, "dispersion", *(f"{key}.log_gaussian" for key in CHANNEL), "accuracy.clean"]


@pytest.fixture(scope="module")
def networks() -> pd.DataFrame:
    return MaskingStudy().published()[NAME]()


def test_shipped_counts_are_the_published_ones(shared_data: Path) -> None:
    table, counts = pd.read_csv(shared_data / "masking" / "network_counts.csv"), published_networks()
    assert list(counts.observers) == list(table["network"].unique())
    assert counts.n_correct.ravel().tolist() == table["n_correct"].tolist()
    assert counts.n_trials.ravel().tolist() == table["n_trials"].tolist()


def test_they_are_listed_among_the_data_sets(tmp_path: Path) -> None:
    data_set = data_sets()[NAME]
    place = locate(data_set, tmp_path)
    assert place is not None
    check(data_set, place)
    assert len(pd.read_csv(place)) == 85 * 5 * 7


def test_a_name_that_does_not_ship_is_refused() -> None:
    with pytest.raises(DataError, match=NAME):
        published_networks("subramanian2024-networks")


def test_every_network_has_every_measure(networks: pd.DataFrame) -> None:
    assert tuple(networks.columns) == SUMMARY_COLUMNS
    assert networks["observer"].nunique() == 85
    assert (networks.groupby("observer")["measure"].agg(list).map(lambda keys: keys == KEYS)).all()
    assert (networks["role"] == "network").all()
    channel = networks[networks["measure"] != "accuracy.clean"]
    assert (channel["n"] == 1050).all()
    assert (networks.loc[networks["measure"] == "accuracy.clean", "n"] == 221).all()


def test_a_network_s_channel_is_its_own_fit(networks: pd.DataFrame) -> None:
    """Fitted among 85 or alone, to the counts of its own name."""
    counts = published_networks()
    at = counts.observers.index("vgg16_bn")
    alone = fit_channel(
        counts.n_correct[at], counts.n_trials[at], counts.noise_sds, spectra=pyramid_spectra(7), gain="free"
    )
    rows = networks[networks["observer"] == "vgg16_bn"].set_index("measure")
    assert rows["estimate"].tolist()[:4] == pytest.approx(
        [alone.bandwidth_octaves, alone.center_cpi, alone.peak_sensitivity, alone.dispersion], rel=1e-3
    )
    assert rows.loc["bandwidth", ["lo", "hi"]].tolist() == pytest.approx(alone.bandwidth_interval, rel=1e-2)
    clean = counts.noise_sds == 0
    share = counts.n_correct[at, clean].sum() / counts.n_trials[at, clean].sum()
    assert rows.loc["accuracy.clean", "estimate"] == pytest.approx(share)


def test_people_beside_them_are_the_fourteen_who_saw_the_same(networks: pd.DataFrame) -> None:
    persons = MaskingStudy().persons()
    for key in (*CHANNEL, "accuracy.clean"):
        rows = networks[networks["measure"] == key]
        assert rows["human_n"].tolist() == [14] * 85
        values = persons.loc[persons["measure"] == key, "estimate"]
        middle = values.mean() if key == "accuracy.clean" else np.exp(np.log(values).mean())
        assert rows["human"].iloc[0] == pytest.approx(middle, rel=0.04)
        assert rows["human"].nunique() == 1


def test_networks_at_chance_have_no_channel_and_say_why(networks: pd.DataFrame) -> None:
    channel = networks[networks["measure"].isin(CHANNEL)]
    missing = channel[channel["estimate"].isna()]
    assert set(missing["observer"]) == {"bagnet9", "selecsls42", "selecsls84"}
    assert missing["note"].str.contains("does not fall with the noise").all()
    wide = networks.pivot(index="observer", columns="measure", values="estimate")
    assert (wide.loc[sorted(set(missing["observer"])), "accuracy.clean"] < 0.2).all()
