from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cogattn.errors import ConfigError
from cogattn.people.placing import place_table
from cogattn.registry import load_study
from cogattn.reporting.card import chosen
from cogattn.reporting.card.model import Card, CardRow
from cogattn.reporting.card.placed import corrected
from cogattn.running.execute import Execution, run_study
from cogattn.running.store import RunFolder, run_id
from cogattn.testing.coin import CoinConfig
from cogattn.testing.tossers import COINS, CrowdStudy, TossersStudy

pytestmark = pytest.mark.usefixtures("coins")


def row_of(card: Card, study: str) -> CardRow:
    (row,) = [row for row in card.rows if row.study == study]
    return row


def own_run(store: Path, study: TossersStudy, coin: str) -> RunFolder:
    config = study.carded(coin)
    assert config is not None
    return RunFolder(store, study.name, run_id(study.name, config))


@pytest.mark.slow
def test_a_coin_is_placed_by_the_t_test_of_one_more_person(tossed: Path) -> None:
    row = row_of(Card.of("coin-loaded", out=tossed), "tossers")
    people = np.arcsin(np.sqrt(TossersStudy().persons()["estimate"]))
    away = abs(np.arcsin(np.sqrt(row.estimate)) - people.mean()) / people.std()
    n = len(people)
    assert row.distance == pytest.approx(away)
    assert row.p == pytest.approx(2 * stats.t.sf(away / math.sqrt(1 + 1 / n), n - 1))
    assert row.rank == pytest.approx(1 / (n + 1))
    assert row.n_people == n == len(row.people)


def test_the_numbers_are_those_of_the_run_to_the_last_digit(tossed: Path) -> None:
    row = row_of(Card.of("coin-fair", out=tossed), "crowd")
    run = own_run(tossed, CrowdStudy(), "coin-fair")
    summary = run.summary().iloc[0]
    placed = place_table(run.summary(), run.table("people")).iloc[0]
    assert (row.estimate, row.lo, row.hi, row.n) == tuple(summary[["estimate", "lo", "hi", "n"]])
    for name in ("distance", "distance_lo", "distance_hi", "p", "rank", "power"):
        assert getattr(row, name) == placed[name]
    assert row.run == f"crowd/{run.id}"


@pytest.mark.parametrize(
    ("coin", "study", "status"),
    [
        ("coin-loaded", "tossers", "outside"),
        ("coin-loaded", "crowd", "outside"),
        ("coin-fair", "crowd", "inside"),
        ("coin-fair", "tossers", "underpowered"),
        ("coin-fair", "coin", "no people"),
        ("coin-fair", "dreamt", "no people"),
    ],
)
def test_a_row_has_the_status_that_its_people_allow(tossed: Path, coin: str, study: str, status: str) -> None:
    assert row_of(Card.of(coin, out=tossed), study).status == status


def test_simulated_persons_are_shown_and_nobody_is_placed_among_them(tossed: Path) -> None:
    row = row_of(Card.of("coin-loaded", out=tossed), "dreamt")
    assert len(row.people) == 6
    assert math.isnan(row.p)
    assert math.isnan(row.distance)
    assert row.n_people == 0
    assert "simulated" in row.note
    assert row.simulated
    assert not row_of(Card.of("coin-loaded", out=tossed), "crowd").simulated


def test_p_is_corrected_over_the_rows_that_were_tested_and_no_others(tossed: Path) -> None:
    rows = Card.of("coin-fair", out=tossed).rows
    tested = sorted((row for row in rows if math.isfinite(row.p)), key=lambda row: row.p)
    assert [row.study for row in rows if math.isnan(row.p)] == ["coin", "dreamt"]
    assert tested[0].p_holm == pytest.approx(min(1, 2 * tested[0].p))
    assert tested[1].p_holm == pytest.approx(max(tested[0].p_holm, tested[1].p))


def test_an_empty_store_says_that_nothing_was_run_and_what_to_type(tmp_path: Path) -> None:
    card = Card.of("coin-fair", out=tmp_path / "nowhere")
    assert {row.status for row in card.rows} == {"not run"}
    assert all("cogattn card coin-fair --run" in row.note for row in card.rows)
    assert not card.problems
    assert not card.check


def test_an_unknown_observer_is_refused_with_what_it_may_have_meant() -> None:
    with pytest.raises(ConfigError, match=r"^model must be .*got 'resnet5o'; did you mean resnet50"):
        Card.of("resnet5o")


@pytest.mark.parametrize("file", ["MANIFEST.json", "tables/summary.csv", "tables/people.csv"])
def test_a_damaged_run_is_named_and_the_others_stand(tossed: Path, tmp_path: Path, file: str) -> None:
    store = tmp_path / "store"
    shutil.copytree(tossed, store)
    run = own_run(store, TossersStudy(), "coin-fair")
    (run.folder / file).write_bytes(b"damage")
    card = Card.of("coin-fair", out=store)
    assert row_of(card, "tossers").status == "not run"
    assert any(run.id in problem for problem in card.problems)
    assert row_of(card, "crowd").status == "inside"
    assert not [one for one in card.provenance if one.study == "tossers"]


def test_an_unfinished_run_is_named_with_how_far_it_is(tossed: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(tossed, store)
    run = own_run(store, TossersStudy(), "coin-fair")
    (run.folder / "MANIFEST.json").unlink()
    card = Card.of("coin-fair", out=store)
    assert row_of(card, "tossers").note == f"run tossers/{run.id} is unfinished (4 of 4 cells)"


def test_other_settings_are_read_only_when_asked_for_and_say_so(tmp_path: Path, others: CoinConfig) -> None:
    run = run_study(TossersStudy(), others, out=tmp_path, execution=Execution(workers=1), argv=())
    assert row_of(Card.of("coin-fair", out=tmp_path), "tossers").status == "not run"
    card = Card.of("coin-fair", out=tmp_path, any_settings=True)
    row = row_of(card, "tossers")
    assert row.run == f"tossers/{run.id}"
    assert row.n == 100
    assert row.note.startswith("other settings than the card's; measured as coin 0")
    assert [one.matches for one in card.provenance] == [False]


@pytest.mark.parametrize(
    ("model", "whose"),
    [("tf_efficientnet_lite0", True), ("tf_efficientnet_lite1", False)],
    ids=["own", "another network"],
)
def test_a_schedule_s_run_is_taken_only_if_the_card_s_network_learnt(model: str, whose: bool) -> None:
    """Rehearsal's tables call every network by its schedule."""
    study = load_study("rehearsal")
    own = study.carded("tf_efficientnet_lite0")
    config = study.carded(model)
    assert own is not None
    assert config is not None
    other = config.model_copy(update={"seed": 1})
    assert chosen._of_the_same(chosen.Wanted(study, own, "power:1"), other) is whose


def test_the_card_s_own_settings_come_before_newer_ones(
    tossed: Path, tmp_path: Path, others: CoinConfig
) -> None:
    store = tmp_path / "store"
    shutil.copytree(tossed, store)
    run_study(TossersStudy(), others, out=store, execution=Execution(workers=1), argv=())
    row = row_of(Card.of("coin-fair", out=store, any_settings=True), "tossers")
    assert row.run == f"tossers/{own_run(store, TossersStudy(), 'coin-fair').id}"


def test_json_holds_everything_and_is_strict(tossed: Path) -> None:
    card = Card.of("coin-fair", out=tossed)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found = json.loads(card.json(), parse_constant=refuse)
    assert set(found) == {field.name for field in dataclasses.fields(Card)} | {"counts"}
    for row, told in zip(card.rows, found["rows"], strict=True):
        assert set(told) == {field.name for field in dataclasses.fields(CardRow)}
        for name, value in told.items():
            own = getattr(row, name)
            if isinstance(own, float) and not math.isfinite(own):
                assert value is None
            elif name == "people":
                assert tuple(map(tuple, value)) == own
            else:
                assert value == own
    assert sum(found["counts"].values()) == len(card.rows)


def test_text_fits_eighty_columns_and_tells_every_row(tossed: Path) -> None:
    for coin in COINS:
        card = Card.of(coin, out=tossed)
        text = card.text(80)
        assert max(map(len, text.splitlines())) <= 80
        for row in card.rows:
            assert f"{row.study}: behaves like people? ({row.run})" in text
            assert row.status in text
        assert "Self check" in text


def test_long_labels_are_wrapped_in_rows_and_in_the_self_check(tossed: Path) -> None:
    card = Card.of("coin-loaded", out=tossed)
    label = "how often the coin shows the side on which it was not put down, in the long run"
    rows = tuple(dataclasses.replace(row, label=label) for row in card.rows)
    check = tuple(dataclasses.replace(one, label=label) for one in card.check)
    text = dataclasses.replace(card, rows=rows, check=check).text(80)
    assert max(map(len, text.splitlines())) <= 80


def test_text_moves_no_cursor(tossed: Path) -> None:
    card = dataclasses.replace(Card.of("coin-fair", out=tossed), problems=("run \x1b[2J is damaged",))
    assert "\x1b" not in card.text(80)


def test_nothing_on_a_card_is_a_mean_over_rows(tossed: Path) -> None:
    card = Card.of("coin-fair", out=tossed)
    assert not [name for name in json.loads(card.json()) if "mean" in name or "score" in name]
    assert card.counts == {"inside": 1, "underpowered": 1, "no people": 2}


def test_a_table_has_a_row_for_each_row(tossed: Path) -> None:
    card = Card.of("coin-fair", out=tossed)
    assert card.table["study"].tolist() == [row.study for row in card.rows]
    assert card.table["estimate"].tolist() == [row.estimate for row in card.rows]


def test_a_row_is_outside_by_the_corrected_p_and_not_by_its_own() -> None:
    def tested(p: float, power: float) -> CardRow:
        return CardRow(study="made", kind="behaves like", status="no people", p=p, power=power)

    rows = corrected([tested(0.03, 0.9), tested(0.04, 0.9), tested(0.9, 0.5), tested(math.nan, math.nan)])
    assert [row.status for row in rows] == ["inside", "inside", "underpowered", "no people"]
    assert corrected([tested(0.03, 0.9)])[0].status == "outside"
