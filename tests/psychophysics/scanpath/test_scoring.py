"""Rows of fixations and paths: by hand, by simulation, and where others count padding, themselves or NaN."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import ObserverError
from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.metrics import levenshtein, multimatch, scanmatch, sequence_score
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.scoring import (
    fixation_rows,
    middles_px,
    path_rows,
    people_rows,
    predicted_rows,
)

MEANS = [name for name in columns.SCORES if name != "multimatch_duration"]


def ints(*objects: int) -> np.ndarray:
    return np.array(objects, dtype=np.int64)


def certain(path, n_objects: int, p: float = 0.5) -> Prediction:
    """Chance p of the true object, the others alike; one of ending of a quarter at the end, less before."""
    n = len(path) - path.n_given
    chances = np.full((n, n_objects), (1 - p) / (n_objects - 1))
    chances[np.arange(n), path.objects[path.n_given :]] = p
    return Prediction(np.log(chances), np.log(np.append(np.full(n, 0.125), 0.25)))


# ---- fixations


def test_bits_rank_nss_and_auc_by_hand(path_set) -> None:
    data = path_set(("a", "p", [1, 0, 5]))
    p = np.array(
        [
            [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125],  # second of six
            [0.2, 0.2, 0.2, 0.2, 0.1, 0.1],  # shares the places 1 to 4
            [0.25, 0.25, 0.25, 0.25, 0.0, 0.0],  # held impossible
        ]
    )
    with np.errstate(divide="ignore"):
        prediction = Prediction(np.log(p), np.log([1e-9, 0.5, 0.75, 0.125]))
    rows = fixation_rows("m", 2, data, data.paths, [prediction])
    assert list(rows.columns) == list(columns.TABLES[columns.FIXATIONS])
    assert rows[["observer", "scene", "group", "person"]].drop_duplicates().values.tolist() == [
        ["m", "a", "a", "p"]
    ]
    assert rows["split"].tolist() == [2, 2, 2]
    assert rows["fixation"].tolist() == [0, 1, 2]
    assert rows["object"].tolist() == [1, 0, 5]
    assert rows["n_objects"].tolist() == [6, 6, 6]
    np.testing.assert_allclose(rows["bits"], [2, np.log2(5), np.inf])
    assert rows["rank"].tolist() == [2, 2.5, 5.5]
    np.testing.assert_allclose(rows["auc"], [4 / 5, (2 + 1.5) / 5, 0.5 / 5])
    sd = [row.std() for row in p]
    np.testing.assert_allclose(
        rows["nss"], [(0.25 - 1 / 6) / sd[0], (0.2 - 1 / 6) / sd[1], (0 - 1 / 6) / sd[2]]
    )
    np.testing.assert_allclose(rows["goes_on_bits"], [0, 1, 2], atol=1e-8)


@pytest.mark.parametrize("n_objects", [2, 3, 7, 24, 84])
def test_uniform_chances_are_worth_log2_n_and_tell_nothing(path_set, make_layout, n_objects: int) -> None:
    data = path_set(("a", "p", [0, 1, 1]), layouts={"a": make_layout("a", n_objects=n_objects)})
    p = np.full((3, n_objects), 1 / n_objects)
    p /= p.sum(axis=1, keepdims=True)
    rows = fixation_rows("m", 0, data, data.paths, [Prediction(np.log(p))])
    np.testing.assert_allclose(rows["bits"], np.log2(n_objects))
    assert rows["rank"].tolist() == [(n_objects + 1) / 2] * 3
    assert rows["auc"].tolist() == [0.5] * 3
    assert rows["nss"].tolist() == [0.0] * 3
    assert rows["goes_on_bits"].isna().all()


def test_auc_is_the_mean_over_pairs_of_objects(path_set, make_layout) -> None:
    rng = np.random.default_rng(0)
    objects = rng.integers(0, 9, 40)
    data = path_set(("a", "p", objects), layouts={"a": make_layout("a", n_objects=9)})
    p = rng.integers(1, 4, (40, 9)).astype(float)  # many ties
    log_p = np.log(p / p.sum(axis=1, keepdims=True))
    rows = fixation_rows("m", 0, data, data.paths, [Prediction(log_p)])
    for own, chances, found in zip(objects, log_p, rows["auc"], strict=True):
        others = np.delete(chances, own)
        assert found == pytest.approx(np.mean((others < chances[own]) + 0.5 * (others == chances[own])))


def test_given_fixations_are_not_scored(path_set) -> None:
    data = path_set(("a", "p", [1, 0, 5], {"n_given": 1}))
    rows = fixation_rows("m", 0, data, data.paths, [certain(data.paths[0], 6)])
    assert rows["fixation"].tolist() == [1, 2]
    assert rows["object"].tolist() == [0, 5]
    assert rows["bits"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("log_p", "log_end", "says"),
    [
        (np.zeros((3, 6)), None, r"must sum to 1; got 6 \(p, a\)"),
        (np.log([[1 / 6] * 6, [0.25] * 6, [1 / 6] * 6]), None, "must sum to 1; got 1.5"),
        (np.log([[1 / 6] * 6, [0.2 / 6] * 6, [0.25] * 6]), None, "must sum to 1; got 0.2"),
        (np.log([[1 / 6] * 6, [np.nan] * 6, [0.25] * 6]), None, "must sum to 1; got nan"),
        (np.full((2, 6), -np.log(6)), None, r"each of 6 objects at 3 fixations; got shape \(2, 6\)"),
        (np.full((3, 6), -np.log(6)), np.zeros(3), r"before each of 3 fixations and after; got shape \(3,\)"),
        (np.full((3, 6), -np.log(6)), np.full(4, 0.5), "with 0.5 at most"),
        (np.full((3, 6), -np.log(6)), np.array([0, np.nan, 0, 0]), "with nan at most"),
    ],
)
def test_predictions_that_are_none_are_refused(path_set, log_p, log_end, says: str) -> None:
    data = path_set(("a", "p", [1, 0, 5]))
    with pytest.raises(ObserverError, match=says):
        fixation_rows("m", 0, data, data.paths, [Prediction(log_p, log_end)])


# ---- paths


def test_scores_are_means_over_samples_of_the_metrics(path_set, make_layout) -> None:
    data = path_set(("a", "p", [1, 0, 5, 9]), layouts={"a": make_layout("a", n_objects=12, target=9)})
    samples = [ints(1, 5), ints(9), ints(0, 1, 2, 3, 9, 9)]
    rows = path_rows("m", 1, data, data.paths, [samples], "sampled", [certain(data.paths[0], 12)])
    assert list(rows.columns) == list(columns.TABLES[columns.PATHS])
    row, true = rows.iloc[0], [data.paths[0].objects] * 3
    assert (row["kind"], row["n_compared"], row["split"]) == ("sampled", 3, 1)
    assert row["end_bits"] == 2
    assert row["sequence_score"] == pytest.approx((2 / 4 + 1 / 4 + 2 / 6) / 3)
    assert row["sequence_score"] == pytest.approx(np.mean(sequence_score(true, samples)))
    assert row["levenshtein"] == pytest.approx(np.mean(levenshtein(true, samples)))
    middles = middles_px(data.layouts[0])
    np.testing.assert_allclose(middles[[0, 9]], [[20, 20], [60, 60]])
    places = [[middles[path] for path in side] for side in (true, samples)]
    expected = scanmatch(*places, screen_size=(320, 240), bins=(12, 8))
    assert row["scanmatch"] == pytest.approx(expected.mean())
    parts = multimatch(*places, (320, 240)).mean(axis=0)
    np.testing.assert_allclose([row[f"multimatch_{name}"] for name in columns.MULTIMATCH[:4]], parts[:4])
    assert np.isnan(row["multimatch_duration"])
    assert [row[f"own_{name}"] for name in columns.BEHAVIOURS] == pytest.approx(
        [2 / 3, 3, (1 + 1 + 5 / 6) / 3, 1 / 18, 0]
    )
    assert [row[f"person_{name}"] for name in columns.BEHAVIOURS] == [1, 4, 1, 0, 0]


def test_a_portrait_has_its_bins_upright(path_set, make_layout) -> None:
    upright = make_layout("a", n_objects=24, size_px=(480, 320))
    data = path_set(("a", "p", [0, 3, 20]), layouts={"a": upright})
    sample = ints(1, 4, 12)
    rows = path_rows("m", 0, data, data.paths, [[sample]], "greedy")
    places = [middles_px(upright)[path] for path in (data.paths[0].objects, sample)]
    assert rows["scanmatch"].item() == pytest.approx(scanmatch(*places, screen_size=(320, 480), bins=(8, 12)))
    assert rows["end_bits"].isna().all()


def test_the_true_path_scores_as_well_as_can_be(path_set) -> None:
    data = path_set(("a", "p", [1, 0, 5, 4, 4, 2]), ("b", "p", [3]))
    rows = path_rows("m", 0, data, data.paths, [[path.objects] for path in data.paths], "greedy")
    for name in MEANS:
        if name not in ("levenshtein", "shuffled"):
            np.testing.assert_allclose(rows[name], 1, atol=1e-12)
    assert rows["levenshtein"].tolist() == [0, 0]


def test_what_was_given_earns_nothing_but_a_saccade_may_begin_there(path_set) -> None:
    told, free = (
        path_set(("a", "p", objects, {"n_given": n})) for objects, n in (([4, 1, 0, 5], 1), ([1, 0, 5], 0))
    )
    wrong = ints(4, 2, 2, 2), ints(2, 2, 2)
    rows = [
        path_rows("m", 0, data, data.paths, [[sample]], "greedy").iloc[0]
        for data, sample in zip((told, free), wrong, strict=True)
    ]
    assert rows[0]["sequence_score"] == rows[0]["shuffled"] == 0
    for name in ("sequence_score", "levenshtein", "scanmatch"):
        assert rows[0][name] == rows[1][name]
    middles = middles_px(told.layouts[0])
    expected = multimatch(middles[[4, 1, 0, 5]], middles[[4, 2, 2, 2]], (320, 240))
    assert rows[0]["multimatch_shape"] == pytest.approx(expected[0])
    assert (rows[0]["own_length"], rows[1]["own_length"]) == (4, 3)


def test_paths_of_one_and_two_fixations_and_on_a_line_have_values(path_set) -> None:
    data = path_set(("a", "p", [1]), ("a", "q", [0, 1]), ("a", "r", [0, 1, 2, 3, 4]), ("a", "s", [2, 2, 2]))
    samples = [ints(1), ints(0, 5), ints(3, 3, 3, 3), ints(0, 1, 2, 3, 4, 5)]
    rows = path_rows("m", 0, data, data.paths, [samples] * 4, "sampled")
    assert np.isfinite(rows[MEANS]).all(axis=None)
    assert np.isfinite(people_rows(0, data, data.paths)[MEANS]).all(axis=None)


def test_shuffling_keeps_the_objects_and_loses_the_order(path_set) -> None:
    rng = np.random.default_rng(1)
    long = rng.permutation(30) % 6
    data = path_set(*[(f"s{k}", "p", long) for k in range(60)])
    rows = path_rows("m", 0, data, data.paths, [[long]] * 60, "greedy")
    mixed = sequence_score([long] * 2000, [rng.permutation(long) for _ in range(2000)])
    assert rows["shuffled"].nunique() > 5  # each path has its own shuffle
    assert abs(rows["shuffled"].mean() - np.mean(mixed)) < 4 * np.std(mixed) / np.sqrt(60)


def test_rows_do_not_depend_on_the_order_of_the_input(path_set) -> None:
    rng = np.random.default_rng(2)
    given = [
        (f"s{k}", person, rng.integers(0, 6, rng.integers(1, 9)), {"durations_ms": None})
        for k in range(4)
        for person in "pqr"
    ]
    data = path_set(*given)
    samples = [[rng.integers(0, 6, rng.integers(1, 9)) for _ in range(3)] for _ in data.paths]
    predictions = [certain(path, 6) for path in data.paths]
    turn = rng.permutation(len(data.paths))

    def tables(order) -> list[pd.DataFrame]:
        paths, drawn, told = ([side[k] for k in order] for side in (data.paths, samples, predictions))
        return [
            fixation_rows("m", 0, data, paths, told),
            path_rows("m", 0, data, paths, drawn, "sampled", told),
            people_rows(0, data, paths),
            predicted_rows("m", 0, data, paths, drawn, "sampled"),
        ]

    for straight, turned in zip(tables(range(len(data.paths))), tables(turn), strict=True):
        pd.testing.assert_frame_equal(straight, turned)
    # nor on what else there is
    few = path_rows("m", 0, data, data.paths[3:5], samples[3:5], "sampled", predictions[3:5])
    whole = tables(range(len(data.paths)))[1].iloc[3:5].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, whole)


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ([], "must predict at least one scanpath"),
        ([ints(4)], "must go on from the 1 fixations given"),
        ([ints(3, 2)], "must go on from the 1 fixations given"),
        ([ints(4, 6)], "must be of objects 0 to 5; got 4 to 6"),
        ([ints(4, -1)], "must be of objects 0 to 5; got -1 to 4"),
    ],
)
def test_predicted_paths_that_are_none_are_refused(path_set, sample, says: str) -> None:
    data = path_set(("a", "p", [4, 1], {"n_given": 1}))
    with pytest.raises(ObserverError, match=says):
        path_rows("m", 0, data, data.paths, [sample], "sampled")


# ---- people


def test_nobody_is_compared_with_itself(path_set) -> None:
    alone, twins = [0, 1, 2, 3], [5, 4, 5, 4]
    data = path_set(
        ("a", "p", alone),
        ("a", "q", twins),
        ("a", "r", twins),
        ("b", "p", alone),
        ("b", "q", alone),
        ("c", "p", alone),
    )
    rows = people_rows(3, data, data.paths).set_index(["scene", "person"])
    assert ("c", "p") not in rows.index  # nobody else was there
    assert set(rows["kind"]) == set(rows["observer"]) == {"people"}
    assert rows["split"].unique().tolist() == [3]
    assert rows["sequence_score"].to_dict() == {
        ("a", "p"): 0.0,  # 1/3 with itself
        ("a", "q"): 0.5,
        ("a", "r"): 0.5,
        ("b", "p"): 1.0,
        ("b", "q"): 1.0,
    }
    assert rows["n_compared"].tolist() == [2, 2, 2, 1, 1]


def test_people_outside_the_test_count_as_others(path_set) -> None:
    data = path_set(("a", "p", [0, 1]), ("a", "q", [0, 1, 2, 3]), ("a", "r", [5]))
    rows = people_rows(0, data, data.paths[:1])
    assert rows["n_compared"].tolist() == [2]
    assert rows["sequence_score"].item() == pytest.approx((0.5 + 0) / 2)
    assert rows["own_length"].item() == 2.5
    assert rows["person_length"].item() == 2


def test_each_is_compared_from_its_own_start(path_set) -> None:
    told, free = {"n_given": 1}, {"n_given": 0}
    data = path_set(("a", "p", [5, 0, 1], told), ("a", "q", [0, 1], free))
    rows = people_rows(0, data, data.paths)
    for name in ("sequence_score", "scanmatch"):
        np.testing.assert_allclose(rows[name], 1)
    assert rows["levenshtein"].tolist() == [0, 0]
    assert (rows["multimatch_shape"] < 1).all()  # the saccade from the start has no fellow


def test_paths_are_not_cut_at_the_target(path_set, make_layout) -> None:
    data = path_set(("a", "p", [0, 2, 1, 3]), ("a", "q", [0, 2]), layouts={"a": make_layout("a", target=2)})
    rows = people_rows(0, data, data.paths).set_index("person")
    assert rows["sequence_score"].tolist() == [0.5, 0.5]
    assert rows["levenshtein"].tolist() == [2, 2]
    assert rows["person_on_target"].tolist() == [0, 1]


def test_durations_are_compared_where_both_have_some(path_set) -> None:
    timed = {"durations_ms": np.array([100.0, 100.0, 100.0])}
    twice = {"durations_ms": np.array([200.0, 200.0, 200.0])}
    data = path_set(("a", "p", [0, 1, 2], timed), ("a", "q", [0, 1, 2], twice))
    rows = people_rows(0, data, data.paths)
    assert rows["multimatch_duration"].tolist() == [0.5, 0.5]
    assert rows["scanmatch"].tolist() == [1, 1]
    gone = {"durations_ms": np.array([100.0, np.nan, 100.0])}
    for other in ({}, gone):
        data = path_set(("a", "p", [0, 1, 2], timed), ("a", "q", [0, 1, 2], other))
        rows = people_rows(0, data, data.paths)
        assert rows["multimatch_duration"].isna().all()
        assert rows["multimatch_shape"].tolist() == [1, 1]


def test_images_of_several_sizes_are_each_their_own_screen(path_set, make_layout) -> None:
    layouts = {"a": make_layout("a"), "b": make_layout("b", size_px=(480, 640)), "c": make_layout("c")}
    given = [
        (name, person, objects) for name in "abc" for person, objects in (("p", [0, 1, 5]), ("q", [3, 1]))
    ]
    data = path_set(*given, layouts=layouts)
    rows = people_rows(0, data, data.paths).set_index(["scene", "person"])
    for name, own in layouts.items():
        places = [middles_px(own)[np.array(objects)] for objects in ([0, 1, 5], [3, 1])]
        size = own.scene.size_px[::-1]
        assert rows.loc[(name, "p"), "multimatch_shape"] == pytest.approx(multimatch(*places, size)[0])
        assert rows.loc[(name, "p"), "scanmatch"] == pytest.approx(scanmatch(*places, screen_size=size))
    assert rows.loc[("a", "p"), "multimatch_shape"] < rows.loc[("b", "p"), "multimatch_shape"]


def test_the_target_counts_for_behaviour_where_models_must_not_know_it(path_set, make_layout) -> None:
    from dataclasses import replace

    hidden = replace(make_layout("a", target=2), target=None)
    data = path_set(("a", "p", [0, 2]), layouts={"a": hidden})
    rows = path_rows("m", 0, data, data.paths, [[ints(1, 0)]], "greedy")
    assert (rows["person_on_target"].item(), rows["own_on_target"].item()) == (1, 0)
    free = path_set(("a", "p", [0, 2]))
    rows = path_rows("m", 0, free, free.paths, [[ints(1, 0)]], "greedy")
    assert rows[["person_on_target", "own_on_target"]].isna().all(axis=None)


# ---- predicted paths


def test_predicted_paths_are_listed_fixation_by_fixation(path_set) -> None:
    data = path_set(("a", "q", [0]), ("b", "p", [1]))
    samples = [[ints(0, 5), ints(3)], [ints(2)]]
    rows = predicted_rows("m", 1, data, data.paths, samples, "sampled")
    assert rows[["scene", "person", "sample", "fixation", "object", "x", "y"]].values.tolist() == [
        ["a", "q", 0, 0, 0, 20, 20],
        ["a", "q", 0, 1, 5, 220, 20],
        ["a", "q", 1, 0, 3, 140, 20],
        ["b", "p", 0, 0, 2, 100, 20],
    ]
    greedy = predicted_rows("m", 1, data, data.paths, [[ints(0)], [ints(2)]], "greedy")
    assert greedy["sample"].tolist() == [-1, -1]


def test_no_paths_make_empty_tables_of_the_right_types(path_set) -> None:
    data = path_set(("a", "q", [0, 1]))
    tables = {
        columns.FIXATIONS: fixation_rows("m", 0, data, [], []),
        columns.PATHS: people_rows(0, data, data.paths),
        columns.PREDICTED: predicted_rows("m", 0, data, [], [], "greedy"),
    }
    for name, found in tables.items():
        assert len(found) == 0
        kinds = {column: "object" if kind == "str" else kind for column, kind in columns.TABLES[name].items()}
        assert found.dtypes.astype(str).to_dict() == kinds
