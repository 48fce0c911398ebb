"""Sources side by side: what joins, what differs, what is left out and said, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cogattn
from cogattn.errors import ConfigError, DataError, StoreError
from cogattn.measures import SUMMARY_COLUMNS, Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.reporting.compare.sources import published
from cogattn.reporting.scores import scores_table
from cogattn.testing.coin import CoinStudy

WIDTH = Measure("width", "octaves", "width", scale="log")
PLACE = Measure("place", "c/image", "place", scale="log")
SHARE = Measure("accuracy", "share", "accuracy", scale="share")


def summary(
    values: dict[str, tuple[float, float]], *, note: str = "", people: float = math.nan
) -> pd.DataFrame:
    """A width and a place for each observer, with intervals of a tenth either way."""
    human = Estimate(people, people / 1.2, people * 1.2, 14) if people == people else None
    return summary_table(
        Row(
            Observer(name),
            measure,
            Estimate(x, x / 1.1, x * 1.1, 100),
            human if measure is WIDTH else None,
            note,
        )
        for name, pair in values.items()
        for measure, x in zip((WIDTH, PLACE), pair, strict=True)
    )


def scores(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[cogattn.Run, cogattn.Run]:
    """Two runs of the same loaded coins, one of them with other chances, seed and number of tosses."""
    out, heads = tmp_path / "runs", np.linspace(0.3, 0.6, 6)
    return (
        cogattn.run(CoinStudy(), out=out, workers=1, progress=False, coins={"kind": "loaded", "heads": list(heads)}),
        cogattn.run(
            CoinStudy(), out=out, workers=1, progress=False, seed=3, tosses=400,
            coins={"kind": "loaded", "heads": list(heads - 0.2)},
        ),
    )  # fmt: skip


# ---- joining


def test_sources_join_on_observer_and_measure_whatever_their_form(tmp_path: Path):
    table = summary({"a": (2, 10), "b": (3, 20), "c": (4, 40)})
    wide = scores(tmp_path / "wide.csv", "net,family,score\nb,f,0.2\nc,g,0.3\nd,g,0.4\n")
    persons = scores(
        tmp_path / "p.csv", "person,measure,estimate,se,n\nann,width,1.5,0.1,90\nbob,width,1.2,0.2,90\n"
    )
    found = cogattn.compare(table, wide, persons)
    values = found.values.set_index(["observer", "measure"])
    assert values.at[("c", "place"), "estimate"] == 40
    assert values.at[("c", "score"), "estimate"] == 0.3
    assert values.at[("c", "score"), "source"] == str(wide)
    assert values.at[("ann", "width"), "unit"] == "octaves"
    assert values.at[("ann", "width"), "role"] == "person"
    lo, hi = values.loc[("ann", "width"), ["lo", "hi"]]
    assert (lo, hi) == pytest.approx((1.5 * math.exp(-0.196), 1.5 * math.exp(0.196)), rel=1e-4)
    assert found.sources["observers"].tolist() == [3, 3, 2]
    assert found.sources["without_partner"].tolist() == [1, 1, 2]


def test_a_runs_own_table_reads_as_the_run(runs, tmp_path: Path):
    run, _ = runs
    copy = tmp_path / "copy.csv"
    copy.write_bytes((run.folder / "tables" / "summary.csv").read_bytes())
    of_run, of_file = (cogattn.compare(given).values.drop(columns="source") for given in (run, copy))
    pd.testing.assert_frame_equal(of_run, of_file, check_dtype=False)
    assert list(run.summary.columns) == list(SUMMARY_COLUMNS)


def test_people_are_an_observer_of_their_own():
    found = cogattn.compare(summary({"a": (2, 10), "b": (3, 20)}, people=1.5), against="people")
    people = found.values[found.values["observer"] == "people"]
    assert people[["measure", "estimate", "n"]].values.tolist() == [["width", 1.5, 14]]
    rows = found.differences
    assert rows[["measure", "first", "second", "kind"]].values.tolist() == [
        ["width", "a", "people", "ratio"],
        ["width", "b", "people", "ratio"],
    ]
    assert rows["estimate"].tolist() == pytest.approx([2 / 1.5, 3 / 1.5])
    half = math.hypot(math.log(1.1), math.log(1.2))
    assert rows["hi"].tolist() == pytest.approx([2 / 1.5 * math.exp(half), 2 * math.exp(half)])


@pytest.mark.parametrize(
    ("notes", "theirs"),
    [
        (["people saw other stimuli", "people saw other stimuli"], "people saw other stimuli"),
        (["at its limit; people saw other stimuli"] * 2, "people saw other stimuli"),
        (["people saw other stimuli", ""], ""),
        (["", ""], ""),
    ],
    ids=["all rows", "among other notes", "not all rows", "none"],
)
def test_what_all_rows_note_of_people_stands_at_people_s_mean_and_below_the_figure(notes, theirs: str):
    table = summary({"a": (2, 10), "b": (3, 20)}, people=1.5)
    table["note"] = table["observer"].map(dict(zip("ab", notes, strict=True)))
    found = cogattn.compare(table)
    assert found.values.loc[found.values["observer"] == "people", "note"].tolist() == [theirs]
    assert found.figures["values"]().get_supxlabel().partition("\n")[2] == theirs


def test_people_of_whom_rows_tell_different_means_are_left_out_and_it_is_said():
    table = summary({"a": (2, 10), "b": (3, 20)}, people=1.5)
    table.loc[table["observer"] == "b", "human"] *= 2
    found = cogattn.compare(table)
    assert "people" not in set(found.values["observer"])
    assert any("people's width differ between rows" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [("scale", "share", "scale of width"), ("unit", "degrees", "unit of width")],
)
def test_a_measure_has_one_scale_and_one_unit(column: str, value: str, told: str):
    other = summary({"z": (0.5, 3)}).assign(**{column: value})
    with pytest.raises(
        DataError, match=rf"{told} must be the same in all sources; got .* \(table 1\) and .* \(table 2\)"
    ):
        cogattn.compare(summary({"a": (2, 10)}), other)


# ---- runs


def test_only_settings_that_differ_are_listed_and_said_before_the_numbers(runs):
    found = cogattn.compare(*runs)
    settings = found.settings.set_index("setting")
    first, second = (f"coin/{run.id}" for run in runs)
    assert set(settings.index) == {"seed", "tosses", "coins.heads"}
    assert settings.loc["tosses", [first, second]].tolist() == ["50", "400"]
    text = found.text()
    assert text.index("runs differ in 3 settings") < text.index("settings that differ") < text.index("0.3")
    assert text.index("People: same side up") < text.index("estimate [95 % interval]")
    assert cogattn.compare(runs[0]).settings.empty


def test_runs_of_the_same_observers_are_compared_pair_by_pair(runs):
    found = cogattn.compare(*runs)
    paired = found.differences[found.differences["method"].str.startswith("paired")].iloc[0]
    assert paired["n"] == 6
    assert paired["lo"] < 0.2 < paired["hi"]
    assert paired["p"] == pytest.approx(2 / 2**6)
    first, second = (run.summary["estimate"].mean() for run in runs)
    assert paired["estimate"] == pytest.approx(first - second)
    same = found.differences[found.differences["first"] == "coin 2"]
    assert same[["first_source", "second", "second_source"]].values.tolist() == [
        [f"coin/{runs[0].id}", "coin 2", f"coin/{runs[1].id}"]
    ]
    assert any("6 observers are too many for all pairs" in remark for remark in found.remarks)


def test_runs_are_found_by_the_start_of_their_id_or_their_folder(runs, tmp_path: Path):
    a, b = runs
    found = cogattn.compare(a.id[:6], str(b.folder), out=tmp_path / "runs")
    assert found.sources["source"].tolist() == [f"coin/{a.id}", f"coin/{b.id}"]
    with pytest.raises(DataError, match="each source must be given once"):
        cogattn.compare(a, a.folder)


def test_notes_of_rows_come_before_the_numbers_with_whom_they_are_about():
    table = summary({"a": (2, 10), "b": (3, 20)}, note="people saw other stimuli", people=1.5)
    found = cogattn.compare(table, summary({"z": (2, 10)}))
    assert "table 1: people saw other stimuli (width, place of a, b)" in found.remarks
    text = " ".join(found.text().split())
    assert text.index("people saw other stimuli") < text.index("[95 % interval]")


# ---- who differs


def test_a_few_observers_are_compared_in_all_pairs_many_with_one():
    few = cogattn.compare(summary({name: (k + 1, 10) for k, name in enumerate("abcd")})).differences
    pairs = few.loc[few["measure"] == "width", ["first", "second"]].agg("".join, axis=1)
    assert set(pairs) == {"ab", "ac", "ad", "bc", "bd", "cd"}
    assert few.iloc[0][["estimate", "kind"]].tolist() == [0.5, "ratio"]
    many = summary({name: (k + 1, 10) for k, name in enumerate("abcdefg")})
    assert cogattn.compare(many).differences.empty
    with_one = cogattn.compare(many, against="c").differences
    assert (with_one["second"] == "c").all()
    assert with_one.loc[with_one["measure"] == "width", "estimate"].tolist() == pytest.approx(
        [(k + 1) / 3 for k in (0, 1, 3, 4, 5, 6)]
    )
    with pytest.raises(DataError, match="did you mean resnet50"):
        cogattn.compare(summary({"resnet50": (2, 10)}), against="resnet5")


# ---- what explains what


def relation_sources(tmp_path: Path, n: int = 40) -> tuple[pd.DataFrame, Path]:
    """A score that is linear in width and in the logarithm of place."""
    rng = np.random.default_rng(0)
    width, octave = 2 + rng.random(n), 4 + rng.random(n)
    table = summary({f"net{k}": (width[k], 2 ** octave[k]) for k in range(n)}, people=1.5)
    lines = [f"net{k},{width[k] - 2 * octave[k]:.12f},{octave[k] + k % 3:.12f}" for k in range(n)]
    return table, scores(tmp_path / "s.csv", "\n".join(["net,score,control", *lines, "other,1,2"]) + "\n")


def row(found: cogattn.Comparison, measure: str, predictor: str = "all") -> pd.Series:
    rows = found.relations
    return rows[(rows["measure"] == measure) & (rows["predictor"] == predictor)].iloc[0]


def test_widths_in_octaves_enter_as_they_are_and_places_as_logarithms(tmp_path: Path):
    found = cogattn.compare(
        *relation_sources(tmp_path), explain="score", by=["width", "place"], control=["control"]
    )
    assert row(found, "variance explained")["estimate"] == pytest.approx(1)
    assert row(found, "variance explained, leave-one-out")["estimate"] == pytest.approx(1)
    assert row(found, "variance explained", "control")["estimate"] < 0.7
    assert set(found.relations["n"]) == {40}
    assert set(found.relations["n_left_out"]) == {1}
    assert found.left_out.values.tolist() == [["other", "no width, no place"]]
    text = " ".join(found.text().split())
    assert "enters: place as base-2 logarithms; width, control, score as they are" in text
    assert "left out, no width, no place: 1 (other)" in text


def test_conditions_leave_observers_out_of_everything_and_name_them(tmp_path: Path):
    table, path = relation_sources(tmp_path)
    found = cogattn.compare(table, path, explain="score", by=["place"], where=["width>=2.5", "place < 30"])
    width = table[table["measure"] == "width"].set_index("observer")["estimate"]
    place = table[table["measure"] == "place"].set_index("observer")["estimate"]
    kept = set(width.index[(width >= 2.5) & (place < 30)])
    assert set(found.values["observer"]) == kept | {"people"}
    assert set(found.relations["n"]) == {len(kept)}
    assert len(found.left_out) == 41 - len(kept)
    reasons = found.left_out.set_index("observer")["reason"]
    assert reasons["other"] == "no width"
    assert reasons[width.idxmin()] == "width is not >= 2.5"


def test_families_come_from_a_table_else_from_the_letters_of_the_names(tmp_path: Path):
    one = summary({f"{'ab'[k % 2]}{k}": (2 + k % 5 / 7, 10 + k) for k in range(12)})
    own = scores(
        tmp_path / "own.csv", "\n".join(["net,score", *(f"{'ab'[k % 2]}{k},{k}" for k in range(12))])
    )
    found = cogattn.compare(one, own, explain="score", by=["width"], leave_out_families=True)
    note = row(found, "variance explained, leave-one-family-out")["note"]
    assert note.endswith("(2)")
    told = scores(
        tmp_path / "told.csv",
        "\n".join(["net,family,score", *(f"{'ab'[k % 2]}{k},f{k % 4},{k}" for k in range(12))]),
    )
    found = cogattn.compare(one, told, explain="score", by=["width"], leave_out_families=True)
    assert row(found, "variance explained, leave-one-family-out")["note"].endswith("(4)")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"explain": "score"}, "--explain needs the measures that explain, --by"),
        ({"by": ["width"]}, "need --explain"),
        ({"explain": "scor", "by": ["width"]}, "did you mean score"),
        ({"explain": "score", "by": ["width", "width"]}, "named once in a relation; got width twice"),
        ({"explain": "score", "by": ["width"], "where": ["width=2"]}, "one of >= <= > <, and a number"),
        ({"where": ["nothing>2"]}, "the measure of --where must be in the sources"),
    ],
)
def test_a_relation_that_cannot_be_is_refused(tmp_path: Path, asked: dict[str, object], told: str):
    with pytest.raises(DataError, match=told):
        cogattn.compare(*relation_sources(tmp_path), **asked)


def test_a_measure_from_two_sources_cannot_enter_a_relation(tmp_path: Path):
    table, path = relation_sources(tmp_path)
    with pytest.raises(DataError, match="width of net0 from table 1 and table 2"):
        cogattn.compare(table, table, path, explain="score", by=["width"])


# ---- reliability


def test_reliability_reads_errors_off_intervals_on_the_measures_scale():
    rng = np.random.default_rng(0)
    true = np.exp(rng.normal(1, 0.4, 60))
    found = cogattn.compare(
        summary_table(
            Row(Observer(f"n{k}"), WIDTH, Estimate(x, x * math.exp(-0.392), x * math.exp(0.392), 500))
            for k, x in enumerate(true)
        )
    ).reliability.iloc[0]
    assert found["reliability"] == pytest.approx(1 - 0.2**2 / np.log(true).var(ddof=1), rel=1e-3)
    assert found["lo"] < found["reliability"] < found["hi"]
    assert (found["n"], found["trials"]) == (60, 500)
    r = found["reliability"]
    assert found["trials_needed"] == math.ceil(500 * 9 * (1 - r) / r)


def test_few_observers_and_open_intervals_have_no_reliability():
    assert cogattn.compare(summary({name: (2, 10) for name in "abcd"})).reliability.empty
    table = summary({f"n{k}": (k + 1, 10 + k) for k in range(6)})
    table.loc[(table["measure"] == "width") & (table["observer"] == "n2"), "lo"] = 0.0
    found = cogattn.compare(table).reliability.set_index("measure")
    assert found.loc["width", ["n", "n_left_out"]].tolist() == [5, 1]
    assert found.loc["place", ["n", "n_left_out"]].tolist() == [6, 0]


# ---- writing


@pytest.mark.slow
def test_everything_is_written_and_the_json_holds_the_same(tmp_path: Path):
    found = cogattn.compare(*relation_sources(tmp_path), explain="score", by=["width", "place"])
    folder = found.write(tmp_path / "deep" / "out")
    tables = ("sources", "settings", "values", "differences", "reliability", "left_out", "relations")
    assert {path.stem for path in folder.glob("*.csv")} == set(tables)
    assert {path.name for path in folder.glob("*.p*")} == {
        "values.png", "values.pdf", "relations.png", "relations.pdf"
    }  # fmt: skip
    told = json.loads(found.json())
    assert set(told) == {"remarks", *tables}
    assert len(told["values"]) == len(pd.read_csv(folder / "values.csv")) == len(found.values)
    assert told["relations"][0]["outcome"] == "score"
    assert (folder / "remarks.txt").read_text().splitlines() == list(found.remarks)
    with pytest.raises(StoreError, match="--to must be a writable folder"):
        found.write(scores(tmp_path / "file", ""))


def test_relations_must_be_asked_for():
    with pytest.raises(DataError, match="a relation must be asked for"):
        _ = cogattn.compare(summary({"a": (2, 10)})).relations


def test_the_relation_figure_has_a_panel_a_predictor_and_one_for_all(tmp_path: Path):
    found = cogattn.compare(*relation_sources(tmp_path), explain="score", by=["width", "place"])
    figure = found.figures["relations"]()
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_xlabel() for axes in drawn] == [
        "width (octaves)", "place (c/image)", "predicted from the others"
    ]  # fmt: skip
    assert drawn[1].get_xscale() == "log"
    assert drawn[0].get_xscale() == "linear"
    dots = drawn[0].lines[0]
    observers = found.explained.observers
    np.testing.assert_allclose(dots.get_xdata(), observers["width"])
    np.testing.assert_allclose(dots.get_ydata(), observers["score"])
    people = [line for line in drawn[0].lines if line.get_color() == "#D55E00"]
    assert [line.get_xdata()[0] for line in people] == [1.5]
    assert drawn[2].get_title(loc="left") == "R² = 1.00 [1.00, 1.00], left out 1.00"


def test_text_is_within_the_width_and_says_how_much_more_there_is(tmp_path: Path):
    table, path = relation_sources(tmp_path)
    text = cogattn.compare(table, path, against="net3").text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "and 118 more; --to FOLDER writes all" in text


# ---- what is refused


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"with a header"),
        ("observer,measure,estimate\n", "at least one row"),
        ("observer,measure,estimate\na,width,x\n", r"a number, or nothing, in column estimate; got 'x' .*, line 2"),
        ("observer,measure,estimate\na,width,1\na,width,2\n", r"once an observer in column measure.*, line 3"),
        ("observer,measure,estimate,lo,hi\na,width,1,3,2\n", r"no more than hi in column lo; got '3' .*, line 2"),
        ("observer,measure,estimate,lo\na,w,.5,.6\n", r"no more than estimate in column lo; got '.6' .*, line 2"),
        ("observer,measure,estimate,hi\na,w,1,1\nb,w,2,1\n", r"no less than estimate in column hi.*, line 3"),
        ("net,s,s_lo,s_hi\na,1,0,2\nb,3,1,2\n", r"no less than s in column s_hi; got '2' .*, line 3"),
        ("observer,measure,estimate,n\na,w,1,5\nb,w,1,-1\n", r"a number from 0, or nothing, in column n.*, line 3"),
        ("observer,measure,estimate,scale\na,w,1,cubic\n", r"one of linear, log.* in column scale; got 'cubic'"),
        ("observer,measure,estimate\n,w,1\n", r"a name of 1 to 200 characters in column observer; got ''"),
        ("net,score\na,1\nb,two\n", r"a number, or nothing, in column score; got 'two' .*, line 3"),
        ("net,score\na,1\na,2\n", r"each observer once in column net; got 'a' .*, line 3"),
        ("x,y\n1,2\n3,4\n", "a column of observers' names and columns of numbers; got x, y"),
        ("net,score,score\na,1,2\n", r"name each column, and once; got 'score' .*, line 1"),
        ("net,score\na\n", r"header, 2; got 1 .*, line 2"),
        ("net,score\na,1,5\n", "as many cells in a row as in the header"),
        ("net,score\na,1\nb,2,3\n", r"line 3"),
        ("person,measure,estimate,se,n\nann,w,1,-1,5\n", r"a number from 0, or nothing in column se.*, line 2"),
    ],
)  # fmt: skip
def test_a_table_that_breaks_a_rule_is_refused_with_its_place(tmp_path: Path, text: str, told: str):
    path = scores(tmp_path / "t.csv", text)
    with pytest.raises(DataError, match=told) as error:
        cogattn.compare(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_s_summary_and_scores_are_read_though_an_estimate_lies_outside_its_interval(tmp_path: Path):
    table = summary({"net": (2, 10)}, note="the estimate lies outside its bootstrap interval")
    table["lo"] = table["estimate"] * 1.01
    table.to_csv(tmp_path / "summary.csv", index=False)
    scores_table(table, {}).to_csv(tmp_path / "model_scores.csv", index=False)
    for name in ("summary", "model_scores"):
        values = cogattn.compare(tmp_path / f"{name}.csv").values
        assert (values["lo"] > values["estimate"]).sum() == 2


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    (tmp_path / "t.csv").write_bytes(b"net,score\na\xff,1\n")
    with pytest.raises(DataError, match=r"UTF-8; got the byte 0xff .*line 2"):
        cogattn.compare(tmp_path / "t.csv")


def test_a_ratio_of_what_is_not_above_zero_is_refused(tmp_path: Path):
    path = scores(tmp_path / "t.csv", "observer,width\na,0\n")
    with pytest.raises(DataError, match=r"width must be above 0, being compared by ratios; got 0 for a"):
        cogattn.compare(summary({"b": (2, 10)}), path)


def test_what_has_no_such_name_is_refused_and_what_there_is_is_told(tmp_path: Path):
    with pytest.raises(
        ConfigError, match=r"a published table \(.*subramanian2023-networks.*\) or a CSV file; got 'abc'"
    ):
        cogattn.compare("abc", out=tmp_path)
    with pytest.raises(DataError, match="no such file"):
        cogattn.compare(tmp_path / "absent.csv")
    with pytest.raises(ConfigError, match="needs 1 to 200 runs"):
        cogattn.compare()
    with pytest.raises(DataError, match="columns observer, measure, estimate; got no estimate"):
        cogattn.compare(pd.DataFrame({"observer": ["a"], "measure": ["b"]}))


def test_columns_of_text_are_said_to_be_unused_and_missing_cells_are_missing(tmp_path: Path):
    path = scores(tmp_path / "t.csv", "net,maker,score\na,x,NA\nb,y,\nc,z,0.5\n")
    found = cogattn.compare(path)
    assert found.remarks == (f"{path}: columns of text are not used: maker",)
    assert found.values["estimate"].isna().tolist() == [True, True, False]
    assert found.values["measure"].unique().tolist() == ["score"]


def test_published_tables_are_those_of_the_registered_studies():
    assert "subramanian2023-networks" in published()


def test_the_figure_of_values_shows_every_interval_and_marks_open_ones():
    table = summary({name: (k + 1, 10) for k, name in enumerate("abc")}, people=0.5)
    table.loc[(table["measure"] == "width") & (table["observer"] == "b"), "lo"] = 0.0
    axes = cogattn.compare(table).figures["values"]().axes[0]
    assert axes.get_title(loc="left") == "width"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c"]
    lo, hi = axes.get_xlim()
    assert lo < 0.5 / 1.2
    assert hi > 3 * 1.1
    opened = [line for line in axes.lines if line.get_marker() == "<"]
    assert [line.get_xydata().tolist() for line in opened] == [[[2, 1]]]
    assert len(axes.get_xticks()) > 2
