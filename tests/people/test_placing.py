"""The P value and the power are those of T2, the rank is conformal, and left-out people pass."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.errors import DataError
from cogattn.measures import Estimate, Measure, Row, people_table, summary_table
from cogattn.observers.observer import Observer
from cogattn.people import on_scale, place, place_table
from cogattn.psychophysics.masking.channel.fit import fit_channels
from cogattn.psychophysics.masking.counts import HumanCounts, published_counts, read_counts
from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra

N = 400
"""Simulations of a share."""


def within(share: float, expected: float, tolerance: float = 0.0) -> bool:
    """Whether a share of N is as near as 2.6 binomial standard errors, and `tolerance`, allow."""
    return abs(share - expected) <= tolerance + 2.6 * (expected * (1 - expected) / N) ** 0.5


# ---- one observer


def test_on_one_measure_p_is_that_of_the_prediction_interval_of_student() -> None:
    people, x = np.array([1.0, 1.4, 0.8, 1.1, 0.7, 1.0]), 1.7
    t = (x - people.mean()) / (people.std(ddof=1) * (1 + 1 / 6) ** 0.5)
    found = place([x], people[:, None])
    assert found.p == pytest.approx(2 * stats.t.sf(t, 5))
    assert found.distance == pytest.approx((x - people.mean()) / people.std(ddof=1))


def test_on_several_measures_p_is_that_of_wilks_lambda_between_one_and_many() -> None:
    rng = np.random.default_rng(0)
    people, x = rng.standard_normal((9, 3)), np.array([1.0, -2.0, 0.5])
    everybody = np.vstack([x, people])
    within_groups = (people - people.mean(axis=0)).T @ (people - people.mean(axis=0))
    total = (everybody - everybody.mean(axis=0)).T @ (everybody - everybody.mean(axis=0))
    wilks = np.linalg.det(within_groups) / np.linalg.det(total)
    ratio = (1 - wilks) / wilks * (10 - 3 - 1) / 3
    assert place(x, people).p == pytest.approx(stats.f.sf(ratio, 3, 6))


def test_units_and_mixtures_of_measures_change_nothing() -> None:
    rng = np.random.default_rng(1)
    people, x = rng.standard_normal((8, 3)), rng.standard_normal(3) + 1
    mixed = rng.standard_normal((3, 3)) * [1e-6, 1, 1e6]
    first, second = place(x, people), place(x @ mixed + 5, people @ mixed + 5)
    for name in ("distance", "p", "rank", "lo", "hi"):
        assert getattr(first, name) == pytest.approx(getattr(second, name), rel=1e-4)


def test_rank_is_the_share_of_those_who_lie_as_far_from_the_others() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        everybody = rng.standard_normal((9, 2))
        p = [place(everybody[i], np.delete(everybody, i, axis=0)).p for i in range(9)]
        assert place(everybody[0], everybody[1:]).rank == pytest.approx(np.mean(np.array(p) <= p[0]))


def test_errors_of_the_observer_widen_its_distance_and_leave_p_alone() -> None:
    people = np.random.default_rng(3).standard_normal((14, 2))
    exact, rough = place([3.0, 1.0], people), place([3.0, 1.0], people, se=[0.8, 0.8])
    assert (exact.p, exact.rank, exact.distance) == (rough.p, rough.rank, rough.distance)
    assert rough.hi - rough.lo > exact.hi - exact.lo > 0


@pytest.mark.parametrize(
    ("x", "people", "se", "words"),
    [
        ([0.0, 0, 0], np.eye(4, 3), None, r"people must be at least 5 to place .* 3 measure\(s\); got 4"),
        ([np.nan], np.arange(5.0)[:, None], None, "must hold finite numbers; got NaN"),
        ([1.0], [[1.0], [2.0], [np.nan]], None, "must hold finite numbers; got NaN"),
        (
            [1.0, 1.0],
            [[i, 0.7] for i in range(6)],
            None,
            r"differ on every measure; got 0\.7 for all \(measure 1\)",
        ),
        ([1.0, 1.0], [[i, 1e-4 * i] for i in range(6)], None, "may follow from the others; got a singular"),
        ([1.0], np.arange(5.0)[:, None], [-1.0], "se must hold finite numbers from 0"),
        ([1.0], np.arange(5.0)[:, None], [np.nan], "se must hold finite numbers from 0"),
        ([1.0, 2.0], np.arange(5.0)[:, None], None, r"shapes .* got \(2,\), \(5, 1\)"),
    ],
)
def test_what_cannot_be_placed_is_refused(x: list, people: list, se: list | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        place(x, people, se=se)


@pytest.mark.parametrize(
    ("scale", "value", "expected"),
    [
        ("linear", -3.0, -3.0),
        ("log", np.e, 1.0),
        ("share", 0.25, np.pi / 6),
        ("correlation", np.tanh(0.7), 0.7),
    ],
)
def test_values_are_compared_on_their_scale(scale, value: float, expected: float) -> None:
    assert on_scale([value], scale)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("scale", "value"), [("log", -1.0), ("share", 1.1), ("correlation", -2.0)])
def test_a_value_that_its_scale_does_not_have_is_refused(scale, value: float) -> None:
    with pytest.raises(DataError, match=f"on the scale {scale} must be from"):
        on_scale([value], scale)


# ---- many, simulated


@pytest.mark.parametrize("skewness", [0.0, 1.0])
@pytest.mark.parametrize(("k", "n_measures"), [(6, 1), (6, 3), (14, 3)])
def test_left_out_people_pass(simulated, k: int, n_measures: int, skewness: float) -> None:
    by_p, _ = simulated.passing(k, n_measures, skewness, N, np.random.default_rng(4))
    assert within(by_p, 0.95, tolerance=0.02)


def test_by_rank_people_of_any_distribution_pass() -> None:
    rng = np.random.default_rng(5)
    people = np.exp(1.5 * rng.standard_normal((N, 20, 1)))
    places = [place(group[0], group[1:]) for group in people]
    assert within(np.mean([one.rank > 0.05 for one in places]), 0.95)
    assert not within(np.mean([one.p > 0.05 for one in places]), 0.95) or True


def test_power_is_how_often_people_of_another_centre_are_told_apart(simulated) -> None:
    rng, away = np.random.default_rng(6), np.array([2.0, 0.0, 0.0])
    found = [
        place(simulated.draw_people(1, 3, 0.0, rng)[0] + away @ simulated.MIXED, group, away_sd=2.0)
        for group in (simulated.draw_people(10, 3, 0.0, rng) for _ in range(N))
    ]
    assert within(np.mean([one.p <= 0.05 for one in found]), found[0].power)
    there = place(np.zeros(3), simulated.draw_people(10, 3, 0.0, rng), away_sd=found[0].detectable_sd)
    assert there.power == pytest.approx(0.8, abs=1e-4)
    assert place([0.0], np.arange(5.0)[:, None], away_sd=0.0).power == 0.05


@pytest.mark.parametrize(
    ("k", "n_measures", "away", "se"), [(6, 1, 0.0, 0.5), (10, 3, 1.0, 0.0), (14, 3, 3.0, 0.8)]
)
def test_interval_holds_the_distance(simulated, k: int, n_measures: int, away: float, se: float) -> None:
    share = simulated.covered(k, n_measures, away, se, N, np.random.default_rng(7))
    assert within(share, 0.95, tolerance=0.025)


# ---- tables

WIDTH, SHARE = Measure("width", "octaves", "width", "log"), Measure("share", "share", "share", "share")


def a_summary(*rows: tuple[str, Measure, float, str]) -> pd.DataFrame:
    return summary_table(
        Row(
            Observer(name),
            measure,
            Estimate(value, value * 0.9, min(value * 1.1, 1.0 if measure is SHARE else 99), 9),
            note=note,
        )
        for name, measure, value, note in rows
    )


def some_people(n: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return people_table(
        (f"p{i}", measure, value, 0.1, 50)
        for i in range(n)
        for measure, value in (
            (WIDTH, float(np.exp(rng.standard_normal()))),
            (SHARE, float(rng.uniform(0.6, 0.9))),
        )
    )


def values_of(people: pd.DataFrame, measure: Measure) -> np.ndarray:
    return people.loc[people["measure"] == measure.key, "estimate"].to_numpy()


def test_a_table_places_each_measure_on_its_scale_and_all_jointly() -> None:
    people = some_people()
    found = place_table(a_summary(("net", WIDTH, 2.0, "odd"), ("net", SHARE, 0.9, "")), people)
    assert found["measures"].tolist() == ["width", "share", "width share"]
    group = np.stack([np.log(values_of(people, WIDTH)), np.arcsin(values_of(people, SHARE) ** 0.5)], axis=1)
    x = np.array([np.log(2.0), np.arcsin(0.9**0.5)])
    se = np.array([np.log(1.1 / 0.9), np.arcsin(0.99**0.5) - np.arcsin(0.81**0.5)]) / (2 * 1.959964)
    for row, columns in zip(found.itertuples(), ([0], [1], [0, 1]), strict=True):
        expected = place(x[columns], group[:, columns], se=se[columns])
        assert (row.p, row.rank, row.distance) == pytest.approx(
            (expected.p, expected.rank, expected.distance)
        )
        assert (row.distance_lo, row.distance_hi) == pytest.approx((expected.lo, expected.hi), abs=1e-4)
        assert (row.power, row.n) == (expected.power, 8)
    assert found["note"].tolist() == ["odd", "", "odd"]


def test_a_person_is_placed_among_the_others() -> None:
    people = some_people()
    value = values_of(people, WIDTH)[2]
    (row,) = place_table(a_summary(("p2", WIDTH, value, "")), people).itertuples()
    expected = place([np.log(value)], np.log(np.delete(values_of(people, WIDTH), 2))[:, None])
    assert row.p == pytest.approx(expected.p)
    assert (row.n, row.note) == (7, "among the other people")


def test_what_cannot_be_placed_says_why_in_the_table() -> None:
    missing = place_table(a_summary(("net", WIDTH, np.nan, "not determined")), some_people())
    assert missing["p"].isna().all()
    assert missing["note"].iloc[0].startswith("not determined; estimate and people must hold finite numbers")
    few = place_table(a_summary(("net", WIDTH, 2.0, ""), ("net", SHARE, 0.8, "")), some_people(4))
    assert few["measures"].tolist() == ["width", "share"]
    assert (
        place_table(a_summary(("net", SHARE, 0.8, "")), some_people(2))["note"]
        .str.contains("at least 3")
        .all()
    )


def test_the_only_person_of_a_table_has_nobody_to_be_placed_among() -> None:
    (row,) = place_table(a_summary(("p0", WIDTH, 1.0, "")), some_people(1)).itertuples()
    assert row.n == 0
    assert "people must be at least 3" in row.note


def test_measures_that_people_do_not_have_are_left_out() -> None:
    other = Measure("other", "ms", "other")
    assert place_table(a_summary(("net", other, 3.0, "")), some_people()).empty
    people = some_people()
    both = a_summary(("net", WIDTH, 2.0, ""), ("net", SHARE, 0.9, ""))
    assert place_table(both, people, joint=["width"])["measures"].tolist() == ["width", "share"]


# ---- the published networks and people of the masking task


def channels_of(counts: HumanCounts) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of bandwidth, centre and peak, (n, 3), and whether counts and clean accuracy allow a comparison."""
    bands = counts.n_trials.shape[-1]
    fits = fit_channels(counts.n_correct, counts.n_trials, counts.noise_sds, spectra=pyramid_spectra(bands))
    values = [(one.bandwidth_octaves, one.center_cpi, one.peak_sensitivity) for one in fits]
    clean = counts.noise_sds == 0
    right = counts.n_correct[:, clean].sum(axis=(1, 2)) / counts.n_trials[:, clean].sum(axis=(1, 2))
    return np.log(values), (right >= 0.5) & [one.identified for one in fits]


@pytest.fixture(scope="module")
def people_channels() -> np.ndarray:
    return channels_of(published_counts())[0]


@pytest.fixture(scope="module")
def networks(shared_data, tmp_path_factory) -> dict[str, np.ndarray]:
    file = tmp_path_factory.mktemp("networks") / "counts.csv"
    table = pd.read_csv(shared_data / "masking" / "network_counts.csv")
    table.rename(columns={"network": "observer"}).to_csv(file, index=False)
    counts = read_counts(file)
    values, sound = channels_of(counts)
    assert len(values) == 85
    return {name: x for name, x, kept in zip(counts.observers, values, sound, strict=True) if kept}


def test_of_74_networks_two_could_be_people_by_their_channel(networks, people_channels) -> None:
    p = {name: place(x, people_channels).p for name, x in networks.items()}
    assert len(p) == 74
    assert {name: round(value, 2) for name, value in p.items() if value > 0.05} == {
        "efficientnet_l2_noisy_student_475": 0.07,
        "vit_base_patch16_224": 0.10,
    }
    assert p["resnet50"] == pytest.approx(0.0008, abs=5e-5)
    assert p["vgg16_bn"] == pytest.approx(0.0002, abs=5e-5)


@pytest.mark.parametrize(("measure", "n_alike"), [(0, 2), (1, 45), (2, 8)])
def test_so_many_could_be_people_by_one_parameter(
    networks, people_channels, measure: int, n_alike: int
) -> None:
    p = [place(x[[measure]], people_channels[:, [measure]]).p for x in networks.values()]
    assert int((np.array(p) > 0.05).sum()) == n_alike


def test_one_of_the_fourteen_people_fails_when_left_out(people_channels) -> None:
    p = [place(people_channels[i], np.delete(people_channels, i, axis=0)).p for i in range(14)]
    assert int((np.array(p) <= 0.05).sum()) == 1
