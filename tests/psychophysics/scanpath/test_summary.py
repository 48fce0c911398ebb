from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cogattn.measures import Estimate
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.behaviour import metric
from cogattn.psychophysics.scanpath.config import ObjectSettings, ScanpathConfig, TrainingSettings
from cogattn.psychophysics.scanpath.figures.rows import rows_of
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath, PathSet
from cogattn.psychophysics.scanpath.measures import ALL, AUC, GAIN, SACCADE
from cogattn.psychophysics.scanpath.metrics import sequence_score
from cogattn.psychophysics.scanpath.people import saccade_deg
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.remarks import Said
from cogattn.psychophysics.scanpath.summary import summary_of
from cogattn.psychophysics.scanpath.units import within
from cogattn.study import Results
from tests.psychophysics.scanpath.conftest import layout
from tests.psychophysics.scanpath.told import (
    EVERYBODY,
    NETWORK,
    PEOPLE,
    UNIFORM,
    UNTRAINED,
    VIEWERS,
    Telling,
    bits,
    paths_over,
    told,
)

CONFIG = ScanpathConfig(n_bootstrap=150, training=TrainingSettings(max_epochs=3, patience=2))
N_OBJECTS, N_SCENES, PERSONS = 8, 6, "pqrst"


def drawn(**more: object) -> PathSet:
    return paths_over([layout(f"l{k}", n_objects=N_OBJECTS, **more) for k in range(N_SCENES)], PERSONS)


@pytest.fixture(scope="module")
def data() -> PathSet:
    return drawn(target=2)


@pytest.fixture(scope="module")
def results(data: PathSet) -> Results:
    return summary_of(CONFIG, data, EVERYBODY, Telling(data).trials())


def of(results: Results, observer: str) -> pd.DataFrame:
    return results.summary[results.summary["observer"] == observer].set_index("measure")


def test_likelihood_comes_first_and_every_measure_is_known(results: Results) -> None:
    own = of(results, "net")
    assert own.index[0] == "bits_per_fixation"
    assert own.index[1:3].tolist() == ["information_gain.uniform", "information_gain.history"]
    first = [key.split(".")[0] for key in own.index]
    assert first.index("worth_viewers") < first.index("end_bits") < first.index("sequence_score")
    assert {measure.key for measure in ALL} == set(first)
    assert not own.index.duplicated().any()


def test_bits_gains_and_worth_are_those_that_were_put_in(results: Results, data: PathSet) -> None:
    own, n = of(results, "net"), sum(map(len, data.paths))
    estimate = own["estimate"]
    assert estimate["bits_per_fixation"] == pytest.approx(bits("net", N_OBJECTS))
    assert estimate["information_gain.uniform"] == pytest.approx(3 - bits("net", N_OBJECTS))
    assert estimate["information_gain.history"] == pytest.approx(np.log2(0.35 / 0.2))
    assert estimate["information_gain.no_content"] == pytest.approx(np.log2(0.35 / 0.25))
    copies = (np.log2(0.24) + np.log2(0.26)) / 2
    assert estimate["information_gain.untrained"] == pytest.approx(np.log2(0.35) - copies)
    between = np.log2(0.35 / 0.3) / np.log2(0.4 / 0.3)  # one viewer and two
    assert estimate["worth_viewers"] == pytest.approx(2**between)
    assert (own["n"].loc["bits_per_fixation":"auc"] == n).all()
    per_path = [len(path) * -np.log2(0.75) + 2 for path in data.paths]
    assert estimate["end_bits"] == pytest.approx(np.mean(per_path))
    assert own.loc["end_bits", "n"] == len(data.paths)
    assert own.loc["top.1", "estimate"] == own.loc["auc", "estimate"] == 1


def test_saccades_are_those_of_drawn_paths_alone(results: Results, data: PathSet) -> None:
    walked = Telling(data).trials()[columns.PREDICTED]
    walked = walked[(walked["observer"] == "net") & (walked["sample"] >= 0)]
    scale = data.layouts[0].scale
    means = []
    for _, paths in walked.groupby(["scene", "person"]):
        steps = [np.diff(own[["x", "y"]], axis=0) / scale for _, own in paths.groupby("sample")]
        means.append(np.mean([np.hypot(*step.T).mean() for step in steps]))
    assert of(results, "net").loc["saccade_deg", "estimate"] == pytest.approx(np.mean(means))


def test_controls_have_their_bits_and_what_the_rest_is_worth_is_in_the_tables(results: Results) -> None:
    assert of(results, "uniform").index.tolist() == [
        "bits_per_fixation", "information_gain.history", "sequence_score.sampled",
    ]  # fmt: skip
    table = results.tables["likelihood"]
    uniform = table[(table["observer"] == "uniform") & (table["measure"] == "top.5")]
    assert uniform["estimate"].item() == pytest.approx(5 / N_OBJECTS)
    worth = results.tables["worth"].set_index("observer")["viewers"]
    assert worth["uniform"] == 0
    assert 0 < worth["no content"] < 1
    assert not {"history", "1 viewer"} & set(worth.index)


def test_the_curve_of_viewers_begins_with_nobody_and_tells_what_each_gains(results: Results) -> None:
    table = results.tables["viewers"]
    assert table["n_viewers"].tolist() == [0, 1, 2, 4]
    assert table["bits"].tolist() == pytest.approx([-np.log2(p) for p in (0.2, 0.3, 0.4, 0.5)])
    assert table["gain"].tolist() == pytest.approx([0, *(np.log2(p / 0.2) for p in (0.3, 0.4, 0.5))])


def test_people_stand_beside_every_score_that_they_have(results: Results, data: PathSet) -> None:
    own = of(results, "net")
    assert (
        own.loc[["bits_per_fixation", "nss", "length", "refixations", "saccade_deg"], "human_n"] == 5
    ).all()
    scores = [key for key in own.index if key.endswith((".sampled", ".consensus"))]
    assert np.isfinite(own.loc[scores, "human"].drop(index=[k for k in scores if "duration" in k])).all()
    person = {
        name: np.mean(
            [
                sequence_score(a.objects, b.objects)
                for a in data.paths
                for b in data.paths
                if a.person == name and b.person != name and a.layout == b.layout
            ]
        )
        for name in PERSONS
    }
    assert own.loc["sequence_score.sampled", "human"] == pytest.approx(np.mean(list(person.values())))
    assert own.loc["sequence_score.consensus", "human"] == own.loc["sequence_score.sampled", "human"]
    assert own.loc["bits_per_fixation", "human"] == pytest.approx(1)  # told of the four others
    people = results.people.set_index(["person", "measure"])
    assert people.loc[("p", "sequence_score.sampled"), "estimate"] == pytest.approx(person["p"])
    assert people.loc[("q", "bits_per_fixation"), "estimate"] == pytest.approx(1)
    lengths = [len(path) for path in data.paths if path.person == "r"]
    row = people.loc[("r", "length")]
    assert row["estimate"] == pytest.approx(np.mean(lengths))
    assert row["se"] == pytest.approx(np.std(lengths, ddof=1) / np.sqrt(6) / np.mean(lengths))
    assert row["n"] == 6
    walked = [saccade_deg(data, path) for path in data.paths if path.person == "s"]
    assert people.loc[("s", "saccade_deg"), "estimate"] == pytest.approx(np.mean(walked))


def test_scores_stand_beside_shuffled_uniform_and_people(results: Results, data: PathSet) -> None:
    table = results.tables["scores"].set_index(["observer", "kind", "measure"])
    own, people = (
        table.loc[("net", "sampled", "sequence_score")],
        table.loc[("people", "people", "sequence_score")],
    )
    assert own["people"] == people["estimate"] == people["people"]
    assert own["uniform"] == table.loc[("uniform", "sampled", "sequence_score"), "estimate"]
    assert own["less_people"] == pytest.approx(own["estimate"] - people["estimate"])
    assert own["less_people_lo"] < own["less_people"] < own["less_people_hi"]
    assert 0 < own["shuffled"] < own["estimate"]
    assert own["n"] == len(data.paths)
    assert np.isnan(people["less_people"])
    assert np.isnan(table.loc[("net", "sampled", "scanmatch"), "shuffled"])
    assert {"greedy", "consensus", "sampled"} <= set(table.loc["net"].index.get_level_values("kind"))


def test_the_behaviour_metric_is_that_of_the_rows(results: Results, data: PathSet) -> None:
    trials = Telling(data).trials()[columns.PATHS]
    rows = trials[(trials["observer"] == "net") & (trials["kind"] == "sampled")]
    assert of(results, "net").loc["behaviour_delta.sampled", "estimate"] == pytest.approx(metric(rows))
    theirs = trials[trials["observer"] == "people"]
    each = [metric(_turned(own)) for _, own in theirs.groupby("person")]
    own = of(results, "net").loc["behaviour_delta.sampled"]
    assert own["human"] == pytest.approx(np.mean(each))
    table = results.tables["scores"]
    assert table.loc[table["measure"] == "behaviour_delta", "people"].to_numpy() == pytest.approx(
        np.mean(each)
    )


def _turned(rows: pd.DataFrame) -> pd.DataFrame:
    """A person's behaviour as the model's, that of the others as people's."""
    names = {f"own_{name}": f"person_{name}" for name in columns.BEHAVIOURS}
    return rows.rename(columns=names | {own: others for others, own in names.items()})


def test_paths_in_two_splits_count_once_and_splits_are_told_apart(data: PathSet) -> None:
    half = list(range(len(data.paths) // 2))
    twice = summary_of(CONFIG, data, EVERYBODY, Telling(data, splits=[half, half]).trials())
    assert of(twice, "net").loc["bits_per_fixation", "n"] == sum(len(data.paths[k]) for k in half)
    splits = twice.tables["splits"]
    own = splits[splits["observer"] == "net"]
    assert own["split"].tolist() == [0, 1]
    assert own["n_paths"].tolist() == [len(half)] * 2
    assert own["bits"].tolist() == pytest.approx([bits("net", N_OBJECTS)] * 2)
    assert own["ended"].tolist() == ["max_epochs"] * 2
    assert (splits.loc[splits["observer"] == "uniform", "ended"] == "").all()


@pytest.mark.slow
def test_what_a_reader_must_hear_is_said_first(data: PathSet) -> None:
    leaky = Said(
        leaks=("split 0: 3 of 30 scanpaths of the test are in training or validation as well (p in l0 = q)",)
    )
    noted = replace(data, remarks=("objects are patches",), left_out=("1 fixation was left out",))
    found = summary_of(CONFIG, noted, EVERYBODY, Telling(data).trials(), leaky).remarks
    assert found[0].startswith("Not a result: split 0: 3 of 30")
    said = " ".join(found)
    for what in (
        "Objects are patches.",
        "1 fixation was left out.",
        "paths to a known place",
        "6 groups of layouts and 5 persons are few",
        "net still got better when training ended in 1 of 1 splits",
        "is left with the order of fixations shuffled",
        "MultiMatch has its range",
        "net needs 1.51",
        "worth 1.4",
    ):
        assert what in said
    assert said.index("is left with the order of fixations shuffled") < said.index("net needs")
    unknown = CONFIG.model_copy(update={"objects": ObjectSettings(target_position="unknown")})
    assert "not told which object" in " ".join(
        summary_of(unknown, data, EVERYBODY, Telling(data).trials()).remarks
    )


def test_free_viewing_has_no_target_to_end_on() -> None:
    free = drawn()
    found = summary_of(CONFIG, free, EVERYBODY, Telling(free).trials())
    assert "on_target" not in of(found, "net").index
    assert "free viewing" in " ".join(found.remarks)
    assert np.isfinite(of(found, "net").loc["behaviour_delta.sampled", "estimate"])


def test_an_impossible_fixation_is_counted_and_said(data: PathSet) -> None:
    def surprised(data: PathSet, path, observer: str) -> Prediction:
        found = told(data, path, observer)
        if observer != "net" or path is not data.paths[0]:
            return found
        log_p = found.log_p.copy()
        log_p[0] = np.log(1 / (N_OBJECTS - 1))
        log_p[0, path.objects[0]] = -np.inf
        return replace(found, log_p=log_p)

    found = summary_of(CONFIG, data, EVERYBODY, Telling(data, predict=surprised).trials())
    assert of(found, "net").loc["bits_per_fixation", "estimate"] == np.inf
    assert of(found, "net").loc["worth_viewers", "estimate"] == 0
    assert any("net holds 1 fixations impossible" in said for said in found.remarks)
    found.figures["bits"]().canvas.draw()


@pytest.mark.slow
def test_figures_are_drawn_with_images_and_without(results: Results) -> None:
    seen = drawn(target=1, picture=np.full((240, 320, 3), 128, dtype=np.uint8))
    found = summary_of(CONFIG, seen, EVERYBODY, Telling(seen).trials())
    assert set(found.figures) == set(results.figures) == {"bits", "scores", "paths", "training", "weights"}
    for draw in (*found.figures.values(), results.figures["paths"]):
        draw().canvas.draw()


def test_a_run_without_viewers_people_or_baselines_still_says_what_it_has(data: PathSet) -> None:
    alone = summary_of(CONFIG, data, (NETWORK,), Telling(data, observers=(NETWORK,)).trials())
    assert "worth" not in alone.tables
    assert not len(alone.tables["viewers"])
    assert of(alone, "net").loc["bits_per_fixation", "human_n"] == 0
    people = summary_of(CONFIG, data, (PEOPLE,), Telling(data, observers=(PEOPLE,)).trials())
    assert not len(people.summary)
    assert set(people.tables["scores"]["observer"]) == {"people"}
    for draw in (*alone.figures.values(), *people.figures.values()):
        draw().canvas.draw()


def test_observers_that_failed_are_left_out(data: PathSet) -> None:
    some = (NETWORK, UNIFORM, PEOPLE)
    found = summary_of(CONFIG, data, EVERYBODY, Telling(data, observers=some).trials())
    assert set(found.summary["observer"]) == {"net", "uniform"}
    assert "information_gain.history" not in of(found, "net").index


def test_without_baselines_there_is_nothing_to_gain_over_and_no_scale_of_viewers(data: PathSet) -> None:
    trials = Telling(data, observers=(NETWORK, *VIEWERS)).trials()
    found = summary_of(CONFIG, data, (NETWORK, *VIEWERS), trials)
    assert "information_gain.no_content" not in of(found, "net").index
    assert "worth_viewers" not in of(found, "net").index  # nothing to begin the curve with


def test_copies_of_one_network_share_a_row_of_figures() -> None:
    rows = rows_of(EVERYBODY)
    assert [row.name for row in rows][:4] == ["net", "no content", "2 untrained", "uniform"]
    assert [row.network for row in rows].count(True) == 1
    assert rows[2].observers == [copy.id for copy in UNTRAINED]


def test_intervals_stay_within_what_a_measure_can_be() -> None:
    assert within(Estimate(0.9, 0.7, 1.1, 5), AUC).hi == 1
    assert within(Estimate(0.1, -0.1, 0.3, 5), SACCADE).lo == 0
    assert np.isnan(within(Estimate.bare(0.5, 1), AUC).lo)
    assert within(Estimate(0.1, -0.1, 0.3, 5), GAIN).lo == -0.1


def test_viewers_who_tell_nothing_are_no_scale(data: PathSet) -> None:
    def deaf(data: PathSet, path: ObjectPath, observer: str) -> Prediction:
        return told(data, path, "history" if "viewer" in observer else observer)

    found = summary_of(CONFIG, data, EVERYBODY, Telling(data, predict=deaf).trials())
    assert any("worth in viewers says nothing here" in said for said in found.remarks)


def test_each_network_has_its_own_controls_and_stands_beside_the_first(data: PathSet) -> None:
    other, area = Observer("other"), NETWORK.control("without area")
    sure = {"other": "history", area.id: "1 viewer"}

    def known(data: PathSet, path: ObjectPath, observer: str) -> Prediction:
        return told(data, path, sure.get(observer, observer))

    everybody = (NETWORK, other, area)
    found = summary_of(CONFIG, data, everybody, Telling(data, observers=everybody, predict=known).trials())
    first, second = of(found, "net")["estimate"], of(found, "other")["estimate"]
    assert first["information_gain.without_area"] == pytest.approx(np.log2(0.35 / 0.3))
    assert second["information_gain.net"] == pytest.approx(np.log2(0.2 / 0.35))
    assert "information_gain.without_area" not in second.index
    assert "information_gain.other" not in first.index
