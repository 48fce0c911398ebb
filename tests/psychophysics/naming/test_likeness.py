"""Naming like people: persons beside networks, from answers made by hand and from those of ten people."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats

from cogattn.errors import DataError
from cogattn.fetch import adopt, data_sets
from cogattn.observers.observer import Observer
from cogattn.people import worth
from cogattn.psychophysics.naming import figures, measures
from cogattn.psychophysics.naming.config import NamingConfig
from cogattn.psychophysics.naming.consistency import kappa
from cogattn.psychophysics.naming.likeness import (
    naming_rows,
    over_pairs,
    pairs_table,
    shape_means,
    shape_values,
)
from cogattn.psychophysics.naming.persons import read_people
from cogattn.psychophysics.naming.plan import SCORES, TABLES
from cogattn.psychophysics.naming.remarks import remark
from cogattn.psychophysics.naming.study import NamingStudy
from cogattn.psychophysics.naming.summary import HUMAN_SHAPE_BIAS
from cogattn.statistics.intervals import mean_interval
from cogattn.study import Outcome, Trials
from cogattn.testing.pictures import flaws
from cogattn.vision.images.categories import CATEGORIES

NET, OTHER = Observer("net"), Observer("other")
STUDY = NamingStudy()
N_IMAGES = 64


def conflicts(folder: Path) -> Path:
    """Four images of each category, in the texture of the next."""
    for k in range(N_IMAGES):
        shape, texture = CATEGORIES[k % 16], CATEGORIES[(k + 1) % 16]
        (folder / shape).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), k, np.uint8)).save(folder / shape / f"{shape}{k}-{texture}{k}.png")
    return folder


def answers(correct: np.ndarray, *, name: str, column: str) -> pd.DataFrame:
    """One observer's answers; where not correct, the texture at even images and nothing, or a third, at odd ones."""
    rows = []
    for k, right in enumerate(correct):
        shape, texture = CATEGORIES[k % 16], CATEGORIES[(k + 1) % 16]
        wrong = texture if k % 2 == 0 else ("" if column == "person" else CATEGORIES[(k + 5) % 16])
        image = f"{shape}{k}-{texture}{k}"
        rows.append((name, image, shape, texture, shape if right else wrong))
    return pd.DataFrame(rows, columns=[column, "image", "category", "texture", "response"])


@pytest.fixture
def correct() -> dict[str, np.ndarray]:
    """Three persons of rising accuracy who fail on images in common, and a network that fails elsewhere."""
    rng = np.random.default_rng(3)
    hard = rng.random(N_IMAGES) < 0.4
    found = {
        name: np.where(hard, rng.random(N_IMAGES) < 0.2, rng.random(N_IMAGES) < easy)
        for name, easy in (("ann", 0.7), ("bob", 0.8), ("cid", 0.95))
    }
    return found | {"net": rng.random(N_IMAGES) < 0.3}


@pytest.fixture
def config(tmp_path: Path, correct: dict[str, np.ndarray]) -> NamingConfig:
    people = [answers(correct[name], name=name, column="person") for name in ("ann", "bob", "cid")]
    pd.concat(people).drop(columns="texture").to_csv(tmp_path / "people.csv", index=False)
    return configured(conflicts(tmp_path / "conflicts"), tmp_path / "people.csv")


def configured(path: Path, humans: Path | str) -> NamingConfig:
    shown = {"kind": "conflicts", "path": str(path)}
    return NamingConfig.parse({"observer": {"kind": "timm"}, "shown": shown, "humans": str(humans)})


def shown(correct: np.ndarray, *, name: str = "net") -> pd.DataFrame:
    rows = answers(correct, name=name, column="observer")
    rows["correct"] = correct
    rows["image"] = rows["category"] + "/" + rows["image"] + ".png"
    scores = np.random.default_rng(1).normal(size=(len(rows), 16))
    scores[np.arange(len(rows)), [CATEGORIES.index(answer) for answer in rows["response"]]] += 4
    return rows.assign(**dict(zip(SCORES, scores.T, strict=True)))


def trials_of(rows: pd.DataFrame) -> Trials:
    return Trials.of(TABLES, [Outcome({"conflicts": rows})])


def test_every_pair_with_a_person_has_its_kappa(config: NamingConfig, correct: dict[str, np.ndarray]):
    pairs = pairs_table(config, read_people(config), shown(correct["net"]), [NET])
    assert len(pairs) == 3 + 3
    assert pairs["first"].tolist()[:3] == ["net"] * 3
    for _, row in pairs.iterrows():
        first, second = (correct[name.removeprefix("person ")] for name in (row["first"], row["second"]))
        assert row["kappa"] == pytest.approx(float(kappa(first, second)))
        assert row["copy"] == pytest.approx(first[second].mean() - first[~second].mean())
        assert row["lo"] < row["kappa"] < row["hi"]
        assert row["n_trials"] == N_IMAGES
        if row["first"] != "net":
            assert first.mean() <= second.mean()


def test_a_network_s_row_is_its_mean_over_persons_beside_people_s_own(
    config: NamingConfig, correct: dict[str, np.ndarray]
):
    people, own = read_people(config), shown(correct["net"])
    pairs = pairs_table(config, people, own, [NET])
    rows = {row.measure.key: row for row in naming_rows(config, people, pairs, NET, own, CATEGORIES)}
    with_people = [float(kappa(correct["net"], correct[name])) for name in ("ann", "bob", "cid")]
    among = [float(kappa(correct[a], correct[b])) for a, b in combinations(("ann", "bob", "cid"), 2)]
    found = rows["error_consistency.people"]
    assert found.value.estimate == pytest.approx(np.mean(with_people))
    lo, hi = stats.t.interval(0.95, 2, np.mean(with_people), stats.sem(with_people))
    assert (found.value.lo, found.value.hi, found.value.n) == pytest.approx((lo, hi, 3))
    assert found.human.estimate == pytest.approx(np.mean(among))
    assert found.human.n == 3
    assert found.note == f"people among each other {min(among):.3f} to {max(among):.3f} over 3 pairs"
    assert rows["copy_probability.people"].human.estimate == pytest.approx(pairs["copy"][3:].mean())


def test_the_worth_is_that_of_the_scores_of_the_images_that_were_shown(
    config: NamingConfig, correct: dict[str, np.ndarray]
):
    people, own = read_people(config), shown(correct["net"]).sample(frac=1, random_state=0)
    pairs = pairs_table(config, people, own, [NET])
    row = {row.measure.key: row for row in naming_rows(config, people, pairs, NET, own, CATEGORIES)}[
        "worth.naming"
    ]
    code = {name: k for k, name in enumerate(CATEGORIES)} | {"": -1}
    tables = [answers(correct[name], name=name, column="person") for name in ("ann", "bob", "cid")]
    group = np.stack([table["response"].map(code) for table in tables])
    theirs = answers(correct["net"], name="net", column="observer")["response"].map(code)
    order = own.index.to_numpy()
    found = worth(own[list(SCORES)].to_numpy(), group[:, order])
    alone = worth(theirs.to_numpy()[order], group[:, order], n_alternatives=16)
    assert found.worth != alone.worth
    assert (row.value.estimate, row.value.lo, row.value.hi) == (found.worth, found.lo, found.hi)
    assert row.value.n == found.n_images == (group >= 0).any(axis=0).sum()
    assert row.note.startswith(f"bits an answer left open: {found.bits:.2f}; by nobody {found.curve[0]:.2f}")
    assert f"by 2 {found.curve[2]:.2f}. Scores" in row.note
    assert row.note.endswith(f"{alone.worth:.3f} [{alone.lo:.3f}, {alone.hi:.3f}]")


def test_too_few_people_have_a_kappa_and_no_worth(tmp_path: Path, correct: dict[str, np.ndarray]):
    table = answers(correct["ann"], name="ann", column="person")
    table.to_csv(tmp_path / "ann.csv", index=False)
    config = configured(conflicts(tmp_path / "conflicts"), tmp_path / "ann.csv")
    people, own = read_people(config), shown(correct["net"])
    pairs = pairs_table(config, people, own, [NET])
    rows = {row.measure.key: row for row in naming_rows(config, people, pairs, NET, own, CATEGORIES)}
    kappas = rows["error_consistency.people"]
    assert (kappas.value.n, kappas.human.n, kappas.note) == (1, 0, "")
    assert np.isnan(rows["worth.naming"].value.estimate)
    assert "must be 3 or more" in rows["worth.naming"].note


@pytest.mark.slow
def test_the_interval_of_a_mean_over_pairs_counts_persons():
    """Persons differ and pairs add up: 45 pairs of 10 persons tell as much as 10 persons; 300 runs."""
    rng, hit, naive = np.random.default_rng(5), [], []
    for _ in range(300):
        person = rng.normal(size=10)
        pairs = pd.DataFrame(
            [
                (f"{i}", f"{j}", person[i] + person[j] + 0.1 * rng.normal())
                for i, j in combinations(range(10), 2)
            ],
            columns=["first", "second", "kappa"],
        )
        found = over_pairs(pairs, "kappa", confidence=0.95)
        hit.append(found.lo <= 0 <= found.hi)
        half = stats.sem(pairs["kappa"]) * stats.t.ppf(0.975, 44)
        naive.append(abs(found.estimate) <= half)
        assert found.n == 10
    assert 0.905 < np.mean(hit) < 0.985
    assert np.mean(naive) < 0.8
    two = over_pairs(pairs.iloc[:1], "kappa", confidence=0.95)
    assert (two.n, np.isnan(two.lo)) == (2, True)


def test_persons_have_their_own_shape_bias_and_it_stands_beside_the_network_s(
    config: NamingConfig, correct: dict[str, np.ndarray]
):
    people = read_people(config)
    values = {(person, m.key): (value, se, n) for person, m, value, se, n in shape_values(people)}
    even = np.arange(N_IMAGES) % 2 == 0
    for name in ("ann", "bob", "cid"):
        right = correct[name]
        n = right.sum() + (~right & even).sum()
        value, se, count = values[f"person {name}", "shape_bias"]
        assert (value, count) == (pytest.approx(right.sum() / n), n)
        assert se == pytest.approx(np.sqrt(value * (1 - value) / n), rel=0.1)
        assert values[f"person {name}", "shape_accuracy"][0] == pytest.approx(right.mean())
        assert values[f"person {name}", "shape_accuracy"][2] == N_IMAGES
    each = [values[f"person {name}", "shape_bias"][0] for name in ("ann", "bob", "cid")]
    own = trials_of(shown(correct["net"]).assign(observer="tf_efficientnet_lite0"))
    rows = STUDY.summarise(config, own).summary.set_index("measure")
    assert rows.loc["shape_bias", "human"] == pytest.approx(np.mean(each))
    assert rows.loc["shape_bias", "human_n"] == 3
    mean = shape_means(people, confidence=0.95)["shape_accuracy"]
    assert rows.loc["shape_accuracy", "human"] == mean.estimate
    nobody = config.model_copy(update={"humans": ""})
    alone = STUDY.summarise(nobody, own).summary.set_index("measure")
    assert alone.loc["shape_bias", "human"] == HUMAN_SHAPE_BIAS.estimate
    assert not any(key.endswith(".people") for key in alone.index)


def test_only_images_that_both_saw_are_compared_and_how_many_is_said(
    tmp_path: Path, correct: dict[str, np.ndarray]
):
    path = conflicts(tmp_path / "conflicts")
    whole = pd.concat([answers(correct[name], name=name, column="person") for name in ("ann", "bob")])
    number = whole["image"].str.extract(r"(\d+)-")[0].astype(int)
    whole[number < 40].to_csv(tmp_path / "few.csv", index=False)
    config = configured(path, tmp_path / "few.csv")
    people = read_people(config)
    assert remark(people, config).startswith(
        f"naming: {tmp_path / 'few.csv'}, 2 persons; they saw 40 of the 64 images"
    )
    pairs = pairs_table(config, people, shown(correct["net"]), [NET])
    assert (pairs["n_trials"] == 40).all()
    assert pairs["kappa"][0] == pytest.approx(float(kappa(correct["net"][:40], correct["ann"][:40])))
    whole.to_csv(tmp_path / "all.csv", index=False)
    every = configured(path, tmp_path / "all.csv")
    assert "all 64 images" in remark(read_people(every), every)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t.assign(image="x" + t["image"]),
            "must name people who saw images of shown.path; got none",
        ),
        (
            lambda t: t.assign(category=t["texture"]),
            "must have the category of an image's shape; got bear for airplane0-bear0, whose shape is airplane",
        ),
    ],
)
def test_people_of_other_images_or_other_shapes_are_refused(
    tmp_path: Path, correct: dict[str, np.ndarray], change: Callable, sentence: str
):
    table = change(answers(correct["ann"], name="ann", column="person"))
    table.to_csv(tmp_path / "other.csv", index=False)
    config = configured(conflicts(tmp_path / "conflicts"), tmp_path / "other.csv")
    with pytest.raises(DataError, match=f"^humans {re.escape(sentence)}"):
        read_people(config)


def test_people_who_are_not_there_are_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Before the first cell, by the study's own check."""
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))
    path = conflicts(tmp_path / "conflicts")
    for humans, sentence in (
        (
            "cue-conflict",
            "must be fetched first; got .*; run: cogattn data fetch model-vs-human --from FOLDER",
        ),
        ("nowhere.csv", "must be one of colour, .* or a CSV file or folder of trials; got nowhere.csv"),
    ):
        with pytest.raises(DataError, match=f"^humans {sentence}"):
            STUDY.check(configured(path, humans))
        alone = NamingConfig.parse({"observer": {"kind": "human", "table": humans}})
        with pytest.raises(DataError, match=f"^observer.table {sentence}"):
            STUDY.check(alone)


def test_people_are_an_input_of_the_summary_and_of_no_cell(config: NamingConfig):
    without = config.model_copy(update={"humans": ""})
    assert set(STUDY.inputs(config)) == {"humans"}
    assert STUDY.inputs(without) == {}
    for cell in STUDY.cells(without):
        assert STUDY.relevant(config, cell) == STUDY.relevant(without, cell)
        assert STUDY.contents(config, cell) == STUDY.contents(without, cell)
    before = STUDY.inputs(config)["humans"]
    table = Path(config.humans)
    table.write_text(table.read_text(encoding="utf-8").replace("ann", "amy"), encoding="utf-8")
    assert STUDY.inputs(config)["humans"] != before


def test_a_run_with_people_has_their_tables_figures_rows_and_remark(
    networks: Callable[[str], dict[str, object]], config: NamingConfig, play: Callable
):
    played = play(NamingConfig.parse(config.model_dump(mode="json") | {"observer": networks("by_shape")}))
    assert played.row("error_consistency.people")["human_n"] == 3
    assert played.row("shape_bias")["human_n"] == 3
    assert {"naming", "categories", "people_categories"} <= set(played.results.tables)
    assert set(played.results.figures) == {"shape_bias", "naming", "stimuli"}
    for draw in played.results.figures.values():
        assert flaws(draw()) == []
    assert any(said.startswith("naming: ") for said in played.results.remarks)
    people = played.results.people
    assert set(people["measure"]) == {"shape_bias", "shape_accuracy"}
    assert people["person"].nunique() == 3


def test_people_alone_are_observers_beside_the_others(
    config: NamingConfig, correct: dict[str, np.ndarray], play: Callable
):
    """No image is there; each person's value stands beside the mean of the two others."""
    played = play(NamingConfig.parse({"observer": {"kind": "human", "table": config.humans}}))
    pairs = {
        frozenset(two): float(kappa(*(correct[name] for name in two)))
        for two in combinations(("ann", "bob", "cid"), 2)
    }
    for name in ("ann", "bob", "cid"):
        row = played.row("error_consistency.people", f"person {name}")
        others = [name_ for name_ in ("ann", "bob", "cid") if name_ != name]
        assert row["role"] == "person"
        assert row["estimate"] == pytest.approx(np.mean([pairs[frozenset((name, one))] for one in others]))
        assert row["human"] == pytest.approx(pairs[frozenset(others)])
        assert (row["n"], row["human_n"]) == (2, 2)
        bias = played.row("shape_bias", f"person {name}")
        theirs = [played.row("shape_bias", f"person {one}")["estimate"] for one in others]
        assert bias["human"] == pytest.approx(np.mean(theirs))
        assert played.row("shape_accuracy", f"person {name}")["estimate"] == pytest.approx(
            correct[name].mean()
        )
    assert len(played.results.tables["naming"]) == 6
    assert played.results.remarks == (
        f"naming: {config.humans}, 3 persons, 64 images; each is set beside the others",
    )
    assert set(played.results.figures) == {"shape_bias", "naming"}
    for draw in played.results.figures.values():
        assert flaws(draw()) == []


@pytest.mark.parametrize("n", [1, 7])
def test_the_figure_of_any_number_of_networks_can_be_read(n: int):
    rng = np.random.default_rng(n)
    names = {
        f"net {i}": "vit_large_patch14_clip_336.openai_ft_in12k" if i % 3 else f"net {i}" for i in range(n)
    }
    names = {key: f"{name} {key}" for key, name in names.items()}
    rows = [(net, f"person {k}", rng.normal(0.1, 0.04)) for net in names for k in range(10)]
    rows += [(f"person {i}", f"person {j}", rng.normal(0.33, 0.07)) for i, j in combinations(range(10), 2)]
    pairs = pd.DataFrame(rows, columns=["first", "second", "kappa"]).assign(n_trials=1200)
    figure = figures.naming_figure(pairs, names)
    assert flaws(figure) == []
    axes = figure.axes[0]
    assert len(axes.get_yticks()) == n + 1
    grey, first = axes.lines[0], axes.lines[2]
    assert sorted(grey.get_xdata()) == pytest.approx(sorted(pairs["kappa"].tail(45)))
    assert sorted(first.get_xdata()) == pytest.approx(sorted(pairs["kappa"].head(10)))
    ends = [segment[:, 0] for bar in axes.collections for segment in bar.get_segments()]
    expected = mean_interval(pairs["kappa"].head(10))
    assert len(ends) == n + 1
    assert ends[1] == pytest.approx([expected.lo, expected.hi])
    among = over_pairs(pairs.tail(45), "kappa")
    assert ends[0] == pytest.approx([among.lo, among.hi])


def test_the_figure_of_76_networks_has_a_row_each_and_people_behind():
    rng = np.random.default_rng(1)
    names = {f"net {i}": f"vit_large_patch14_clip_336.openai_ft_in12k net {i}" for i in range(76)}
    rows = [(net, f"person {k}", rng.normal(0.1, 0.04)) for net in names for k in range(10)]
    rows += [(f"person {i}", f"person {j}", rng.normal(0.33, 0.07)) for i, j in combinations(range(10), 2)]
    pairs = pd.DataFrame(rows, columns=["first", "second", "kappa"]).assign(n_trials=1200)
    figure = figures.naming_figure(pairs, names)
    assert flaws(figure) == []
    assert len(figure.axes[0].get_yticks()) == 76
    dots = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 76]
    means = pairs.head(760).groupby("first", sort=False)["kappa"].mean()
    assert sorted(dots[0].get_xdata()) == pytest.approx(sorted(means))


@pytest.fixture
def ten_people(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NamingConfig:
    """Cue conflict as published, from the cache."""
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))
    adopt(data_sets()["model-vs-human"], shared_data / "masking" / "model_vs_human", tmp_path / "cache")
    return configured(shared_data / "masking" / "cue_conflict", "cue-conflict")


def test_ten_people_agree_as_published_and_know_shapes(ten_people: NamingConfig):
    """Error consistency .335, .178 to .456 over 45 pairs; shape bias .959 pooled (Geirhos et al. 2019)."""
    people = read_people(ten_people)
    assert people.n_shared == len(people.images) == 1200
    first = next(iter(people.trials.values()))
    pairs = pairs_table(ten_people, people, first.assign(observer="net"), [])
    assert len(pairs) == 45
    assert pairs["kappa"].agg(["mean", "min", "max"]).round(3).tolist() == [0.335, 0.178, 0.456]
    pooled = pd.concat(people.trials.values())
    decided = pooled[(pooled["response"] == pooled["category"]) | (pooled["response"] == pooled["texture"])]
    assert decided["correct"].mean() == pytest.approx(0.959, abs=0.0005)
    assert shape_means(people, confidence=0.95)[measures.SHAPE_BIAS.key].estimate == pytest.approx(
        0.958, abs=5e-4
    )
