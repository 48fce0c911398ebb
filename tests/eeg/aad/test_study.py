"""The study end to end: cells, summary, controls, and files from a folder."""

from __future__ import annotations

import math

import mne
import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from cogattn.eeg.aad import cross_validate
from cogattn.eeg.aad.figures import response_figure
from cogattn.eeg.aad.plan import CONTROL, DecodingCell, ResponseCell
from cogattn.eeg.aad.trials import decode, pool_of, prepared
from cogattn.eeg.recordings import sources
from cogattn.eeg.recordings.config import Cleaning
from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.simulate_talkers import speech_envelope
from cogattn.errors import DataError
from cogattn.study import Outcome


def load(config, listener: str):
    how = {"cleaning": config.cleaning, "envelope": config.envelope, "seed": config.seed}
    return sources.load(config.recordings, listener, **how)


IGNORED = CONTROL.id
FEW = {
    "kind": "simulated_talkers",
    "n_listeners": 1,
    "n_trials": 4,
    "trial_s": 30,
    "n_channels": 4,
    "snr_db": -12,
}


@pytest.mark.slow
def test_every_decoder_decodes_better_than_the_control(aad, finished) -> None:
    results = aad.STUDY.summarise(finished.config, finished.trials)
    table = results.tables["accuracy"].set_index(["decoder", "window_s"])["accuracy"]
    for decoder in finished.config.decoders:
        assert table[decoder, 30.0] > 0.8
    assert table[IGNORED, 10.0] < table["ridge", 10.0] - 0.1
    durations = results.tables["listeners"].groupby("decoder")["mesd_s"].median()
    assert durations["ridge"] < durations[IGNORED]


def test_the_response_peaks_after_the_sound(finished) -> None:
    response = finished.trials["response"]
    power = (response["amplitude"] ** 2).groupby(response["lag_s"]).mean()
    assert 0.03 < power.idxmax() < 0.25


def test_windows_have_a_row_each_and_their_decision_follows_the_margin(finished) -> None:
    decoded = finished.trials["window"]
    sign = np.sign(decoded["margin"])
    assert set(decoded["response"]) <= {"attended", "unattended", "tie"}
    np.testing.assert_array_equal(decoded["correct"], 0.5 + 0.5 * sign)
    np.testing.assert_array_equal(decoded["correct"] == 1, decoded["response"] == "attended")
    assert decoded.groupby(["decoder", "listener"]).size().unique().tolist() == [6 * (15 + 3 + 1)]


def test_every_cell_fills_the_declared_columns_with_the_declared_types(aad, finished) -> None:
    for cell, outcome in finished.done.items():
        own = {"window", "trial", "content"} if isinstance(cell, DecodingCell) else {"response"}
        assert set(outcome.trials) == own | {"recording"}
        for name, rows in outcome.trials.items():
            schema = aad.STUDY.tables[name]
            assert list(rows.columns) == list(schema)
            for column, kind in schema.items():
                assert rows[column].dtype == kind or (
                    kind == "str" and pd.api.types.is_string_dtype(rows[column])
                )
            if len(rows):
                assert set(rows[rows.columns[0]]) == {cell.observer}


def test_every_decoder_gets_all_measures_with_their_keys(aad, finished) -> None:
    results = aad.STUDY.summarise(finished.config, finished.trials)
    listeners = results.tables["listeners"].set_index(["decoder", "listener"])
    decoded = listeners.loc[list(finished.config.decoders)]
    assert (decoded["d_prime"] > 0.5).all()
    assert (decoded["foreign_rank"] > 0.7).all()
    assert (decoded["bits_per_minute"] > 0.3).all()
    assert np.isfinite(decoded["mesd_s"]).all()
    assert listeners.loc[IGNORED, "d_prime"].mean() < decoded.loc["ridge", "d_prime"].mean() - 1
    assert set(listeners.loc["ridge", "test"]) == {"refit with Ledoit-Wolf's penalty"}
    assert set(listeners.loc["ledoit-wolf", "test"]) == {"refit"}
    assert set(listeners.loc["cca", "test"]) == {"swap, approximate"}
    keys = results.summary.groupby("observer")["measure"].agg(set)["ridge"]
    accuracies = {"accuracy.2s", "accuracy.30s"}
    assert keys == accuracies | {"mesd", "mesd.median", "d_prime", "bits_per_minute.2s", "foreign_rank"}


def test_decoders_have_the_rows_and_listeners_are_the_persons(aad, finished) -> None:
    results = aad.STUDY.summarise(finished.config, finished.trials)
    roles = results.summary.groupby("observer")["role"].first().to_dict()
    assert roles == {**dict.fromkeys(finished.config.decoders, "decoder"), IGNORED: "control"}
    observers = aad.STUDY.observers(finished.config)
    assert [o.id for o in observers if o.role == "listener"] == ["listener 1", "listener 2"]
    assert {cell.observer for cell in finished.done} == {"listener 1", "listener 2"}
    people = results.people.set_index(["person", "measure"])
    assert people.index.get_level_values("person").unique().tolist() == ["listener 1", "listener 2"]
    windows = finished.trials["window"].query(
        "decoder == 'ridge' and window_s == 10 and listener == 'listener 2'"
    )
    assert people.loc[("listener 2", "accuracy.10s"), "estimate"] == windows["correct"].mean()
    assert people.loc[("listener 2", "accuracy.10s"), "n"] == len(windows) == 18


def test_listeners_of_another_laboratory_stand_beside_the_decoders(aad, finished, tmp_path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("person,measure,estimate\na,accuracy.30s,0.7\nb,accuracy.30s,0.9\na,mesd,4\nb,mesd,9\n")
    config = finished.config.model_copy(update={"humans": str(path)})
    results = aad.STUDY.summarise(config, finished.trials)
    alone = aad.STUDY.summarise(finished.config, finished.trials)
    rows = results.summary.set_index(["observer", "measure"])
    assert rows.loc[("ridge", "accuracy.30s"), ["human", "human_n"]].tolist() == pytest.approx([0.8, 2])
    assert rows.loc[("ridge", "mesd"), "human"] == pytest.approx(6)
    assert rows.xs("d_prime", level="measure")["human"].isna().all()
    columns = ["observer", "measure", "estimate", "lo", "hi", "n"]
    pd.testing.assert_frame_equal(results.summary[columns], alone.summary[columns])
    assert set(results.people["person"]) == {"a", "b"}
    assert any("2 persons; mean and interval over persons" in remark for remark in results.remarks)
    assert alone.summary["human"].isna().all()


def test_listeners_of_a_table_are_no_part_of_a_cell_and_read_first(aad, finished, tmp_path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("person,measure,estimate\na,accuracy.30s,70\n")
    config = finished.config.model_copy(update={"humans": str(path), "windows_s": (1e-3,)})
    cell = aad.STUDY.cells(finished.config)[0]
    assert aad.STUDY.relevant(config, cell).humans == ""
    assert set(aad.STUDY.inputs(config)) == {"humans"}
    with pytest.raises(DataError, match=r"^humans must have a share from 0 to 1 .* line 2"):
        aad.STUDY.check(config)


def test_a_listener_whose_cells_failed_is_left_out_of_every_number(aad, finished) -> None:
    alone = {cell: outcome for cell, outcome in finished.done.items() if cell.observer == "listener 2"}
    results = aad.summarised(finished.config, alone)
    assert set(results.summary["n"]) == {1}
    over_trials = results.summary["measure"].str.match("accuracy|bits|mesd")
    missing = results.summary[["lo", "hi"]].isna().any(axis=1)
    np.testing.assert_array_equal(missing, ~over_trials)  # one listener says nothing of others
    assert results.summary.loc[over_trials, "note"].str.contains("interval over trials|of the accuracy").all()
    assert set(results.tables["listeners"]["listener"]) == set(results.people["person"]) == {"listener 2"}
    both = aad.STUDY.summarise(finished.config, finished.trials).tables["listeners"]
    own = both[both["listener"] == "listener 2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(results.tables["listeners"], own)
    for draw in results.figures.values():
        draw()
    nobody = aad.summarised(finished.config, {})
    assert nobody.summary.empty
    assert nobody.people is None
    assert not nobody.figures


def test_a_decoder_without_listeners_costs_the_others_nothing(aad, finished) -> None:
    rest = {cell: o for cell, o in finished.done.items() if getattr(cell, "decoder", "") != "cca"}
    results = aad.summarised(finished.config, rest)
    assert "cca" not in set(results.summary["observer"])
    assert set(results.summary["n"]) == {2}


def test_d_prime_and_rank_are_those_of_the_reconstruction(finished) -> None:
    rows = finished.trials["trial"].query("decoder == 'ridge' and listener == 'listener 1'")
    own = prepared(finished.config, "listener 1")
    decoding = cross_validate(
        own.eeg, own.stream("attended"), own.stream("unattended"), sfreq=own.sfreq, subject="listener 1"
    )
    np.testing.assert_allclose(rows["attended"], decoding.r_attended, atol=1e-9)
    np.testing.assert_allclose(rows["unattended"], decoding.r_unattended, atol=1e-9)
    assert ((rows["rank"] * 10) % 0.5 < 1e-9).all()  # five other trials of two sounds each


def test_other_subjects_decoders_decode_and_their_swap_test_is_exact(aad) -> None:
    shared = {**aad.LISTENERS, "n_listeners": 3, "snr_db": -12}
    config = aad.small(recordings=shared, validation="subject", decoders=["ridge"], control=False)
    pool = pool_of(config, "listener 2")
    ((train, test),) = pool.splits("subject")
    assert {pool.facts[k].subject for k in train} == {"listener 1", "listener 3"}
    assert {pool.facts[k].subject for k in test} == {"listener 2"}
    rows = aad.run_cell(config, aad.STUDY.cells(config)[1]).trials["trial"]
    assert set(rows["test"]) == {"swap"}


@pytest.mark.parametrize(("validation", "n_train"), [("trial", 5), ("story", 5), ("speaker", 3)])
def test_the_scheme_of_validation_is_what_is_left_out(aad, validation, n_train) -> None:
    config = aad.small(validation=validation, decoders=["ridge"])
    pool = pool_of(config, "listener 1")
    splits = pool.splits(validation)
    assert {len(train) for train, _ in splits} == {n_train}
    assert sorted(k for _, test in splits for k in test) == list(pool.own)
    assert decode(config, pool, "ridge").keys() == set(pool.own)


@pytest.mark.slow
def test_a_decoder_that_is_not_linear_can_be_refitted_too(aad) -> None:
    significance = {"method": "refit", "n_permutations": 19}
    config = aad.small(recordings=FEW, decoders=["cca"], control=False, significance=significance)
    scores = aad.run_cell(config, aad.STUDY.cells(config)[0]).trials["trial"]
    assert set(scores["test"]) == {"refit"}
    assert 1 / 16 <= scores["p"].iloc[0] <= 0.5
    assert (16 * scores["p"].iloc[0]) % 1 == 0  # all swaps of four trials are made


def test_a_test_that_cannot_succeed_is_announced(aad) -> None:
    config = aad.small(recordings=FEW, decoders=["ridge"], control=False, windows_s=[2, 30])
    remarks = aad.summarised(config, aad.run(config)).remarks
    assert any("with 4 trials no p falls below 0.0625" in remark for remark in remarks)


def test_no_such_remark_where_a_test_can_succeed(aad, finished) -> None:
    assert not any("no p falls" in r for r in aad.STUDY.summarise(finished.config, finished.trials).remarks)


def test_real_speech_is_used(aad, tmp_path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        loudness = np.repeat(speech_envelope(rng, duration_s=62, sfreq=64.0), 125)
        wavfile.write(tmp_path / f"{name}.wav", 8000, 0.1 * loudness * rng.standard_normal(loudness.size))
    files = [str(tmp_path / f"{name}.wav") for name in "ab"]
    config = aad.small(recordings={**FEW, "n_trials": 2, "speech": files})
    recording = load(config, "listener 1")
    sound, rate = read_audio(tmp_path / "b.wav")
    np.testing.assert_array_equal(
        recording.stream("attended")[1], Envelope(sfreq=64.0)(sound, rate)[30 * 64 : 60 * 64]
    )


def test_scalp_maps_are_drawn_where_the_electrodes_are_known(finished) -> None:
    response = finished.trials["response"]
    assert len(response_figure(response).axes) == 4  # courses, two heads, colour bar
    unknown = response.assign(channel="ch" + response["channel"])
    assert [a.get_title(loc="left") for a in response_figure(unknown).axes][1] == "channels by lag"


def test_heads_are_those_of_the_two_largest_peaks_and_marked_at_their_lags(finished) -> None:
    lags_s = np.arange(-0.1, 0.4, 0.01)
    course = sum(
        size * np.exp(-(((lags_s - at) / 0.02) ** 2)) for at, size in ((0.05, 3.0), (0.15, 1.0), (0.25, 2.0))
    )
    channels = list(dict.fromkeys(finished.trials["response"]["channel"]))
    drawn = response_figure(
        pd.DataFrame(
            {"listener": "S", "channel": channel, "lag_s": lags_s, "amplitude": course * weight}
            for channel, weight in zip(channels, np.linspace(-1, 1, len(channels)), strict=True)
        ).explode(["lag_s", "amplitude"], ignore_index=True).astype({"lag_s": float, "amplitude": float})
    )  # fmt: skip
    courses, *heads = drawn.axes[:3]
    assert [axes.get_title(loc="left") for axes in heads] == ["50 ms", "250 ms"]
    marked = [line.get_xdata()[0] for line in courses.lines if line.get_linestyle() == ":"]
    assert marked == pytest.approx([50.0, 250.0])


def test_decoders_that_never_err_or_never_decode_can_be_drawn(aad, finished) -> None:
    def constant(outcome: Outcome, correct: float) -> Outcome:
        if "window" not in outcome.trials:
            return outcome
        return Outcome({**outcome.trials, "window": outcome.trials["window"].assign(correct=correct)})

    for correct in (1.0, 0.0):
        done = {cell: constant(outcome, correct) for cell, outcome in finished.done.items()}
        results = aad.summarised(finished.config, done)
        for draw in results.figures.values():
            draw()
        accuracies = results.summary[results.summary["measure"] == "accuracy.30s"]
        assert set(accuracies["estimate"]) == {correct}
        assert (accuracies["hi"] - accuracies["lo"] > 0.1).all()  # twelve decisions do not make it certain


def test_the_control_is_announced_when_it_decodes(aad, finished) -> None:
    def leaking(cell, outcome: Outcome) -> Outcome:
        if isinstance(cell, ResponseCell) or cell.reader != CONTROL:
            return outcome
        return Outcome({**outcome.trials, "window": outcome.trials["window"].assign(correct=1.0)})

    leaky = {cell: leaking(cell, outcome) for cell, outcome in finished.done.items()}
    assert any(
        "control decodes attention (1.00)" in r for r in aad.summarised(finished.config, leaky).remarks
    )
    clean = aad.STUDY.summarise(finished.config, finished.trials).remarks
    assert not any("control decodes attention" in r for r in clean)


def test_a_folder_of_recordings_is_decoded(aad, tmp_path) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path)
    config = aad.folder_config(tmp_path)
    table = aad.summarised(config, aad.run(config)).tables["accuracy"]
    assert table["accuracy"].iloc[-1] > 0.8
    assert table["n_listeners"].iloc[-1] == 2


PUBLISHED = {  # mean accuracy in per cent at 1, 2, 5, 10, 20, 40 s
    ("SS", "LSQ", "Das"): (58.6, 62.0, 67.5, 72.9, 78.3, 84.6),
    ("SS", "CCA", "Das"): (60.3, 63.9, 69.9, 74.9, 79.8, 82.2),
    ("SS", "NSR", "Das"): (55.5, 59.1, 64.8, 69.5, 75.2, 80.8),
    ("SS", "AADNet", "Das"): (57.9, 62.7, 69.9, 76.6, 83.2, 89.4),
    ("SS", "LSQ", "DTU"): (60.6, 66.6, 74.6, 81.1, 86.9, 92.3),
    ("LOSO", "LSQ", "Das"): (55.6, 57.7, 61.5, 65.6, 69.9, 75.3),
    ("LOSO", "AADNet", "DTU"): (57.5, 62.5, 69.9, 76.2, 83.0, 89.4),
}
MEDIAN_MESD_S = {
    ("SS", "LSQ", "Das"): 18.1,
    ("SS", "CCA", "Das"): 13.0,
    ("SS", "NSR", "Das"): 29.7,
    ("SS", "AADNet", "Das"): 19.4,
    ("SS", "LSQ", "DTU"): 11.8,
}


@pytest.mark.parametrize("key", PUBLISHED, ids="-".join)
def test_published_accuracies_and_switch_durations_are_reproduced(shared_data, key) -> None:
    from cogattn.eeg.aad import mesd

    split, model, data = key
    ending = "SI" if split == "LOSO" else "SS"
    scores = np.load(shared_data / "aad" / "published" / f"{split}_{model}_{data}_final_{ending}_acc.npy")[0]
    scores = scores / (100 if scores.max() > 1 else 1)
    np.testing.assert_allclose(100 * scores.mean(axis=1), PUBLISHED[key], atol=0.06)
    if key in MEDIAN_MESD_S:
        each = [mesd([1, 2, 5, 10, 20, 40], subject) for subject in scores.T]
        assert abs(np.median(each) - MEDIAN_MESD_S[key]) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize(
    "onsets",
    ["onset_s", *(pytest.param(how, marks=pytest.mark.slow) for how in ("trigger", "audio_channel"))],
)
def test_continuous_recordings_and_sounds_in_a_table_are_decoded(aad, tmp_path, onsets) -> None:
    aad.table_folder(tmp_path, onsets=onsets)
    config = aad.table_config(tmp_path)
    aad.STUDY.check(config)
    recording = load(config.model_copy(update={"cleaning": Cleaning()}), "S1")
    assert recording.trials[1].labels["speaker"] == "B"
    assert recording.channels == ("Fz", "Cz", "Pz", "Oz")  # and not the sound itself
    with mne.use_log_level("error"):
        raw = mne.io.read_raw_edf(tmp_path / "S1.edf").get_data(picks=list(recording.channels))
    starts = [128] if onsets != "audio_channel" else [127, 128, 129]  # to the sample where found by sound
    assert any(np.allclose(recording.eeg[0], raw[:, s : s + 1280].T, rtol=1e-6) for s in starts)
    table = aad.summarised(config, aad.run(config)).tables["accuracy"]
    assert table["accuracy"].iloc[-1] > 0.8


def test_the_guards_speak_in_the_remarks(aad, tmp_path) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path, damage="repeated sound")
    config = aad.folder_config(tmp_path)
    allowed = config.model_copy(update={"shared_sounds": "allow"})
    remarks = aad.summarised(allowed, aad.run(allowed)).remarks
    assert any("guard" in r and "in their training data" in r and "trial 1 of S1" in r for r in remarks)
    splits = pool_of(config.model_copy(update={"validation": "envelope"}), "S1").splits("envelope")
    assert [(len(train), test) for train, test in splits] == [(2, [0, 2]), (3, [1]), (3, [3])]


def test_a_listener_of_one_trial_has_no_d_prime_and_stops_nobody(aad, finished) -> None:
    def cut(outcome: Outcome) -> Outcome:
        return Outcome(
            {
                name: rows[rows["trial"] == "trial 1"] if name in ("window", "trial") else rows
                for name, rows in outcome.trials.items()
            }
        )

    done = {
        cell: cut(outcome) if cell.observer == "listener 1" and isinstance(cell, DecodingCell) else outcome
        for cell, outcome in finished.done.items()
    }
    listeners = aad.summarised(finished.config, done).tables["listeners"].set_index(["decoder", "listener"])
    assert math.isnan(listeners.loc[("ridge", "listener 1"), "d_prime"])
    assert listeners.loc[("ridge", "listener 2"), "d_prime"] > 0
