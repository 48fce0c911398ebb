"""Sittings: blocks are made again from their seed, forged results are refused, known truth is recovered."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from cogattn.answers import COLUMNS, MEANINGS, Result, apparatus, marks, read_result, trial_table
from cogattn.errors import ConfigError, DataError, StoreError
from cogattn.observers.observer import Observer
from cogattn.registry import load_study, load_target
from cogattn.running.sessions import SessionFolder, SittingRecord
from cogattn.sittings import Block, Sitting

ID = "0123456789abcdef"
YOU = Observer("you", role="person")
SLOPES = {"present": (25.0, 500.0), "absent": (50.0, 550.0)}
"""Of the simulated person: ms an item, and ms."""


@cache
def search() -> Sitting:
    sitting = load_target(load_study("search").sittings["2v5"])
    assert isinstance(sitting, Sitting)
    return sitting


@cache
def block() -> Block:
    return search().block(5, 2)


def honest(of: Block, *, rt: Callable[[int], float] = lambda number: 600.0) -> dict[str, object]:
    """What the page sends for a person who is always right."""
    answers, at = [], 0.0
    for number, trial in enumerate([*of.practice, *of.trials]):
        at += trial.foreperiod_ms + 20
        own = {"index": number if number < len(of.practice) else number - len(of.practice)}
        own |= {"response": trial.correct, "onset": at, "rt": rt(number), "input": "key"}
        answers.append(own | {"early": 0, "blurred": False, "slow": 0})
        at += rt(number)
    n = len(of.practice)
    frames = {
        "usual_ms": 16.7,
        "n": 900,
        "mean_ms": 16.7,
        "sd_ms": 0.1,
        "longest_ms": 17.0,
        "dropped": 0,
        "slow": [],
    }
    screen = {"width_px": 1280, "height_px": 900, "device_pixel_ratio": 1.0, "picture_px": 690.0}
    return {
        "id": ID, "practice": answers[:n], "trials": answers[n:], "frames": frames, "events": [], "screen": screen,
        "calibration": {"px_per_mm": 3.78, "distance_mm": 570.0}, "resumed": 0,
    }  # fmt: skip


def read(sent: dict[str, object], *, seconds: float = 600) -> Result:
    return read_result(json.dumps(sent), search(), block(), id=ID, seconds=seconds)


def strokes(pixels: np.ndarray) -> dict[str, int]:
    """Read the digits off a picture: the upper upright stroke of a 2 is on the right, that of a 5 on the left."""
    labels, n = ndimage.label(pixels > 127)
    read: dict[str, int] = {}
    for box in ndimage.find_objects(labels)[:n]:
        upper = (pixels[box] > 127)[: pixels[box].shape[0] // 4 + 4]
        left, right = np.array_split(upper[-3:], 2, axis=1)
        digit = "2" if right.sum() > left.sum() else "5"
        read[digit] = read.get(digit, 0) + 1
    return dict(sorted(read.items()))


# -- blocks ------------------------------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_block_and_another_seed_another() -> None:
    again, other = search().block(5, 2), search().block(6, 2)
    assert again == block()
    assert [t.picture for t in other.trials] != [t.picture for t in again.trials]


def test_a_block_has_as_many_trials_of_each_set_size_with_and_without_a_target() -> None:
    counts = pd.DataFrame([trial.what for trial in block().trials]).groupby(["set_size", "target"]).size()
    assert counts.to_dict() == {
        (size, target): 2 for size in (3, 6, 12, 18) for target in ("present", "absent")
    }


def test_the_right_answer_is_what_the_picture_shows() -> None:
    """A digital 2 and a digital 5 are mirror images: with a 2 alone among 5s, the mean of left and right differs."""
    lit = {"present": [], "absent": []}
    for trial in block().trials:
        if trial.what["set_size"] == 3:
            assert trial.correct == trial.what["target"]
            lit[trial.correct].append(strokes(np.asarray(Image.open(io.BytesIO(trial.picture)))))
    assert lit["absent"] == [{"5": 3}] * 2
    assert lit["present"] == [{"2": 1, "5": 2}] * 2


def test_a_length_out_of_bounds_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be from 2 to 100; got 101"):
        search().checked_length(101)


def test_every_study_declares_sittings_that_are_there() -> None:
    found = [
        load_target(target) for name in ("masking", "search") for target in load_study(name).sittings.values()
    ]
    assert len(found) == 3
    for sitting in found:
        assert isinstance(sitting, Sitting)
        assert sitting.length.least <= sitting.length.default <= sitting.length.most


# -- what a browser sends ----------------------------------------------------------------------------------


def test_an_honest_result_becomes_a_table_with_the_columns_of_jspsych() -> None:
    table = trial_table(read(honest(block())), block(), trial_type="search-2v5")
    assert {"rt", "response", "stimulus", "trial_type", "trial_index", "time_elapsed", "correct"} <= set(
        COLUMNS
    )
    assert tuple(table.columns[: len(COLUMNS)]) == COLUMNS
    assert list(table.columns[len(COLUMNS) :]) == list(search().columns)
    assert set(MEANINGS) == set(COLUMNS)
    assert table["correct"].all()
    assert (table["rt"] == 600).all()
    assert table["time_elapsed"].is_monotonic_increasing
    assert (table["time_elapsed"] - table["onset"]).round(6).eq(600).all()


def test_right_and_wrong_come_from_the_block_and_not_from_the_browser() -> None:
    sent = honest(block())
    first = sent["trials"][0]
    first["response"] = "absent" if first["response"] == "present" else "present"
    table = trial_table(read(sent), block(), trial_type="search-2v5")
    wrong = table[~table["correct"]]
    assert wrong["trial_index"].tolist() == [len(block().practice)]


def forged(name: str) -> dict[str, object]:
    sent = honest(block())
    trials = sent["trials"]
    match name:
        case "a trial is missing":
            trials.pop()
        case "a trial twice":
            trials[1] = trials[0]
        case "an unknown answer":
            trials[0]["response"] = "<script>"
        case "no time at all":
            trials[0]["rt"] = 0.0
        case "a negative time":
            trials[0]["rt"] = -5.0
        case "not a number":
            trials[0]["rt"] = float("nan")
        case "a text for a number":
            trials[0]["rt"] = "600"
        case "a field too many":
            trials[0]["correct"] = True
        case "before its foreperiod":
            trials[3]["onset"] = trials[2]["onset"] + trials[2]["rt"] + 10
        case "another sitting":
            sent["id"] = "f" * 16
        case "endless events":
            sent["events"] = [{"at": 1.0, "kind": "blur"}] * 5001
        case "a screen of no size":
            sent["screen"]["width_px"] = 0
        case "a card of no size":
            sent["calibration"]["px_per_mm"] = 0.0
    return sent


FORGERIES = (
    "a trial is missing", "a trial twice", "an unknown answer", "no time at all", "a negative time", "not a number",
    "a text for a number", "a field too many", "before its foreperiod", "another sitting", "endless events",
    "a screen of no size", "a card of no size",
)  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_result_is_refused(name: str) -> None:
    with pytest.raises(DataError) as error:
        read(forged(name))
    assert "script" not in str(error.value)


def test_a_result_longer_than_the_time_since_the_sitting_was_begun_is_refused() -> None:
    sent = honest(block())
    read(sent, seconds=30)
    with pytest.raises(DataError, match="must not be longer than the time"):
        read(honest(block(), rt=lambda number: 5000.0), seconds=30)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", "[" * 100_000, "x" * 4_000_001],
    ids=["none", "list", "open", "null", "deep", "long"],
)
def test_what_is_no_result_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(DataError, match="the result of a sitting must"):
        read_result(text, search(), block(), id=ID, seconds=600)


def test_anticipations_blurs_and_slow_frames_are_kept_and_marked() -> None:
    sent = honest(block(), rt=lambda number: 149.0 if number == 9 else 600.0)
    sent["trials"][3]["early"], sent["trials"][5]["blurred"], sent["trials"][6]["slow"] = 1, True, 2
    sent["calibration"], sent["resumed"] = None, 1
    result = read(sent)
    table = trial_table(result, block(), trial_type="search-2v5")
    assert len(table) == len(block().practice) + len(block().trials)
    assert marks(result, table, short=True) == {
        "blurred": 1, "anticipations": 2, "with slow frames": 1, "resumed": 1, "not calibrated": True, "short": True,
    }  # fmt: skip


def test_a_card_and_a_distance_tell_pixels_per_degree() -> None:
    """At 572.96 mm a degree is 10 mm."""
    calibration = read(honest(block())).calibration
    assert calibration is not None
    assert calibration.model_copy(update={"distance_mm": 572.96}).px_per_deg == pytest.approx(37.8, abs=0.01)
    told = apparatus(read(honest(block()) | {"calibration": {"px_per_mm": 4.0, "distance_mm": 572.96}}))
    assert told["picture_deg"] == pytest.approx(690 / 40, abs=0.01)
    assert apparatus(read(honest(block()) | {"calibration": None}))["picture_deg"] is None


# -- where it is kept --------------------------------------------------------------------------------------


def begun(tmp_path: Path) -> SessionFolder:
    return SessionFolder.begin(
        tmp_path, study="search", word="2v5", seed=5, n=2, consent="1", versions={"cogattn": "0"}
    )


def test_a_sitting_is_kept_whole_and_its_second_result_changes_nothing(tmp_path: Path) -> None:
    session = begun(tmp_path)
    table = trial_table(read(honest(block())), block(), trial_type="search-2v5")
    session.finish(table, marks={}, apparatus={})
    session.finish(table.assign(rt=1.0), marks={"forged": True}, apparatus={})
    again = SessionFolder(tmp_path, session.id)
    pd.testing.assert_frame_equal(again.trials(), table, check_dtype=False)
    record = again.read()
    assert isinstance(record, SittingRecord)
    assert record.marks == {}
    assert record.finished


def test_of_two_results_at_once_one_is_kept_and_the_other_told(tmp_path: Path) -> None:
    """As if the other's trials were written, and its record not yet."""
    session = begun(tmp_path)
    (session.folder / "trials.csv").write_text("rt\n1.0\n")
    table = trial_table(read(honest(block())), block(), trial_type="search-2v5")
    with pytest.raises(StoreError, match="must have one result"):
        session.finish(table, marks={}, apparatus={})


def test_withdrawing_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    session, other = begun(tmp_path), begun(tmp_path)
    session.finish(
        trial_table(read(honest(block())), block(), trial_type="search-2v5"), marks={}, apparatus={}
    )
    session.withdraw()
    assert session.read() is None
    assert [path for path in tmp_path.rglob("*") if session.id in path.as_posix()] == []
    assert other.read() is not None
    session.withdraw()  # again: nothing to do


def test_a_result_that_comes_after_withdrawal_is_not_written(tmp_path: Path) -> None:
    session = begun(tmp_path)
    session.withdraw()
    with pytest.raises(StoreError, match="must have been begun"):
        session.finish(pd.DataFrame({"rt": [1.0]}), marks={}, apparatus={})
    assert not session.folder.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0123456789ABCDEF", ID + "0", f"{ID}\n", "jobs"])
def test_no_name_from_outside_leaves_the_folder_of_sittings(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="sitting must be 16 hex digits"):
        SessionFolder(tmp_path, name)


def test_a_sitting_that_is_a_link_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "store" / "sittings").mkdir(parents=True)
    (tmp_path / "store" / "sittings" / ID).symlink_to(outside)
    with pytest.raises(StoreError, match="must not be symbolic links"):
        SessionFolder(tmp_path / "store", ID).withdraw()
    assert outside.is_dir()


def test_trials_that_were_changed_on_the_disk_are_refused(tmp_path: Path) -> None:
    session = begun(tmp_path)
    session.finish(
        trial_table(read(honest(block())), block(), trial_type="search-2v5"), marks={}, apparatus={}
    )
    path = session.folder / "trials.csv"
    path.write_bytes(path.read_bytes().replace(b"600.0", b"500.0", 1))
    with pytest.raises(StoreError, match="SHA-256"):
        session.trials()


def test_deleting_and_listing_runs_leaves_sittings_alone(tmp_path: Path) -> None:
    from cogattn.running.catalogue import list_runs
    from cogattn.running.store import RunFolder

    begun(tmp_path)
    assert list_runs(tmp_path) == []
    with pytest.raises(ConfigError):
        RunFolder(tmp_path, "sittings", "0" * 12)


# -- known truth -------------------------------------------------------------------------------------------


def simulated(rng: np.random.Generator, n: int, *, sd: float, error_rate: float = 0.0) -> pd.DataFrame:
    """Trials of a person whose times lie about two known lines."""
    rows = []
    for target, (slope, intercept) in SLOPES.items():
        for size in (3, 6, 12, 18):
            for display in range(n):
                rt = intercept + slope * size + sd * rng.standard_normal()
                right = rng.random() >= error_rate
                rows.append((size, target, display, rt, right, False, False))
    columns = ["set_size", "target", "display", "rt", "correct", "anticipation", "blurred"]
    return pd.DataFrame(rows, columns=columns)


def test_the_slope_of_a_person_who_never_varies_is_recovered_exactly() -> None:
    measures = (
        search().score(simulated(np.random.default_rng(0), 5, sd=0.0), YOU).measures.set_index("measure")
    )
    for target, (slope, _) in SLOPES.items():
        assert measures.loc[f"slope.2v5.{target}", "estimate"] == pytest.approx(slope, abs=1e-6)
        assert measures.loc[f"errors.2v5.{target}", "estimate"] == 0
    assert measures.loc["slope_ratio.2v5", "estimate"] == pytest.approx(2, abs=1e-6)


@pytest.mark.slow
def test_intervals_of_slopes_hold_the_truth_as_often_as_they_say_and_scatter_as_announced() -> None:
    """40 trials a set size and kind, times that scatter by 466 ms: a standard error of 6.4 ms an item."""
    held, estimates = 0, []
    n_simulations = 50
    for seed in range(n_simulations):
        rng = np.random.default_rng(seed)
        measures = search().score(simulated(rng, 40, sd=120.0), YOU).measures.set_index("measure")
        for target, (slope, _) in SLOPES.items():
            row = measures.loc[f"slope.2v5.{target}"]
            held += row["lo"] <= slope <= row["hi"]
            estimates.append(row["estimate"] - slope)
    share = held / (2 * n_simulations)
    assert share >= 0.88  # .95 of 100: within three standard errors
    announced = 6.4 * 120 / 466
    assert np.std(estimates) == pytest.approx(announced, rel=0.2)
    assert abs(np.mean(estimates)) < 3 * announced / np.sqrt(2 * n_simulations)


def test_anticipations_do_not_reach_the_slope() -> None:
    trials = simulated(np.random.default_rng(0), 5, sd=0.0)
    first = trials.index[(trials["set_size"] == 18) & (trials["target"] == "present")][0]
    trials.loc[first, ["rt", "anticipation"]] = [20.0, True]
    scored = search().score(trials, YOU)
    assert scored.measures.set_index("measure").loc["slope.2v5.present", "estimate"] == pytest.approx(25)
    assert any("1 anticipation" in remark for remark in scored.remarks)


def test_too_few_right_answers_give_no_slope_and_say_so() -> None:
    trials = simulated(np.random.default_rng(0), 2, sd=0.0)
    trials.loc[trials["set_size"] == 3, "correct"] = False
    scored = search().score(trials, YOU)
    assert not scored.measures["measure"].str.startswith("slope").any()
    assert any("No slope" in remark for remark in scored.remarks)
