"""Mixtures enhanced by what was decoded, as cells of the study; expected errors in its summary."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from cogattn.eeg.aad import intent_summary
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.enhancement import known_pieces
from cogattn.eeg.aad.intent_summary import cautious_errors, error_table, listener_gains
from cogattn.eeg.aad.plan import TABLES, EnhancementCell
from cogattn.eeg.aad.pool import Pool
from cogattn.eeg.aad.splits import TrialFacts
from cogattn.eeg.intent.config import IntentSettings
from cogattn.errors import ConfigError, DataError
from cogattn.observers.observer import Observer
from cogattn.study import Outcome

LOUD = {
    "kind": "simulated_talkers", "n_listeners": 2, "n_trials": 4, "trial_s": 20, "n_channels": 6, "snr_db": 0
}  # fmt: skip
INTENT = {"window_s": 10, "on_target": 6.6, "on_other": 90, "on_mixture": 50, "n_components": 6}


@pytest.fixture(scope="module")
def enhanced(aad):
    config = aad.small(
        recordings=LOUD, decoders=["forward", "ridge"], control=False, windows_s=[2, 10], intent=INTENT
    )
    done = aad.run(config)
    return config, done, aad.trials_of(list(done.values()))


@pytest.mark.slow
def test_every_listener_has_a_cell_with_a_row_for_each_trial(enhanced) -> None:
    _, done, trials = enhanced
    cells = [cell for cell in done if isinstance(cell, EnhancementCell)]
    assert [(cell.observer, cell.decoder) for cell in cells] == [
        ("listener 1", "ridge"),
        ("listener 2", "ridge"),
    ]
    table = trials["enhancement"]
    assert list(table.columns) == list(TABLES["enhancement"])
    assert table.groupby("listener").size().tolist() == [4, 4]
    np.testing.assert_allclose(table["duration_s"], 20)
    np.testing.assert_allclose(table["si_sdr_mixture_db"], 0, atol=0.3)  # equal power
    assert (table["r"] > 0.5).all()


def test_a_good_decoder_gains_and_the_summary_says_so(aad, enhanced) -> None:
    config, _, trials = enhanced
    gains = listener_gains(trials["enhancement"])
    assert (gains > 0.5).all()
    results = aad.STUDY.summarise(config, trials)
    rows = results.summary.set_index(["observer", "measure"])
    gain = rows.loc[("ridge", "enhancement_gain")]
    assert gain["estimate"] == pytest.approx(gains.mean())
    assert gain["n"] == 2
    assert ("forward", "enhancement_gain") not in rows.index
    table = results.tables["expected_error"].set_index(["decoder", "window_s"])
    for decoder in ("forward", "ridge"):
        accuracy = rows.loc[(decoder, "accuracy.10s"), "estimate"]
        error = rows.loc[(decoder, "expected_error.10s"), "estimate"]
        assert (
            error
            == pytest.approx(accuracy * 6.6 + (1 - accuracy) * 90)
            == table.loc[(decoder, 10.0), "expected_error"]
        )
        assert rows.loc[(decoder, "expected_error.cautious.10s"), "estimate"] <= 50


@pytest.mark.slow
def test_a_decoder_that_follows_nobody_gains_nothing(aad) -> None:
    config = aad.small(
        recordings={**LOUD, "unattended_gain": 1.0, "snr_db": -60}, decoders=["ridge"], control=False,
        windows_s=[2, 10], intent=INTENT,
    )  # fmt: skip
    cells = [cell for cell in aad.STUDY.cells(config) if isinstance(cell, EnhancementCell)]
    trials = aad.trials_of([aad.run_cell(config, cell) for cell in cells])
    table = trials["enhancement"]
    assert np.abs(table["si_sdr_enhanced_db"] - table["si_sdr_mixture_db"]).max() < 0.5
    said = aad.STUDY.summarise(config, trials).remarks
    assert any("cannot be told from none" in remark for remark in said)


def test_only_what_shapes_a_mixture_is_part_of_its_cell(aad, enhanced) -> None:
    config, done, _ = enhanced
    cell = next(cell for cell in done if isinstance(cell, EnhancementCell))
    before = aad.STUDY.relevant(config, cell)
    assert aad.STUDY.relevant(before, cell) == before
    for same in ({"on_other": 1}, {"window_s": 2}, {"on_mixture": None}):
        changed = config.model_copy(update={"intent": IntentSettings(**{**INTENT, **same})})
        assert aad.STUDY.relevant(changed, cell) == before
    for other in ({"method": "loudness"}, {"n_components": 3}):
        changed = config.model_copy(update={"intent": IntentSettings(**{**INTENT, **other})})
        assert aad.STUDY.relevant(changed, cell) != before
    decoding = next(cell for cell in done if cell.task == "decoding")
    assert aad.STUDY.relevant(config, decoding).intent is None
    no_cells = config.model_copy(update={"intent": IntentSettings(**{**INTENT, "enhance": False})})
    assert not any(isinstance(cell, EnhancementCell) for cell in aad.STUDY.cells(no_cells))


def test_what_a_decoder_is_worth_is_learned_on_other_trials_without_its_sounds() -> None:
    facts = [TrialFacts("S", name) for name in ("a", "a", "b", "c", "d")]  # a comes in two pieces
    sharing = [{3}, set(), set(), {0}, set()]
    pool = Pool([], [], [], facts, range(5), 32.0, sharing)
    assert pool.own_trials[0] == [0, 1]
    assert known_pieces(pool, [0, 1]) == [2, 4]
    assert known_pieces(pool, [4]) == [0, 1, 2, 3]


@pytest.mark.slow
def test_the_sounds_of_a_table_are_mixed(aad, good_table) -> None:
    config = aad.table_config(good_table, intent=INTENT)
    aad.STUDY.check(config)
    (cell,) = (cell for cell in aad.STUDY.cells(config) if isinstance(cell, EnhancementCell))
    table = aad.run_cell(config, cell).trials["enhancement"]
    assert len(table) == 4
    gain = table["si_sdr_enhanced_db"] - table["si_sdr_mixture_db"]
    assert gain.mean() > 0.3


def test_simulated_listeners_to_speech_hear_the_speech(aad, tmp_path) -> None:
    """The mixture is made of the files: each trial's own part, the talkers exchanged from trial to trial."""
    from cogattn.eeg.recordings import sources

    rng = np.random.default_rng(0)
    parts = rng.standard_normal((2, 40 * 1000)) * (1 + np.repeat(rng.random((2, 400)), 100, axis=1))
    files = []
    for name, values in zip("ab", parts, strict=True):
        wavfile.write(tmp_path / f"{name}.wav", 1000, values.astype(np.float32))
        files.append(str(tmp_path / f"{name}.wav"))
    source = aad.small(recordings={**LOUD, "speech": files, "n_trials": 2}).recordings
    config = aad.small()
    how = {"cleaning": config.cleaning, "envelope": config.envelope, "seed": 0}
    recording = sources.load(source, "listener 1", **how)
    for i, trial in enumerate(recording.trials):
        samples, rate = sources.sound(source, recording, trial, "attended", seed=0)
        assert rate == 1000
        np.testing.assert_allclose(samples, parts[i % 2, i * 20_000 : (i + 1) * 20_000], rtol=1e-6)
        other, _ = sources.sound(source, recording, trial, "unattended", seed=0)
        np.testing.assert_allclose(other, parts[1 - i % 2, i * 20_000 : (i + 1) * 20_000], rtol=1e-6)


def test_layouts_without_sounds_and_too_few_trials_are_refused_before_the_first_cell(aad, tmp_path) -> None:
    aad.dtu_folder(tmp_path)
    with pytest.raises(ConfigError, match=r"intent\.enhance needs the sounds"):
        aad.STUDY.check(aad.folder_config(tmp_path, intent=INTENT))
    aad.STUDY.check(aad.folder_config(tmp_path, intent={**INTENT, "enhance": False}))
    with pytest.raises(DataError, match="three trials"):
        aad.STUDY.check(aad.small(recordings={**LOUD, "n_trials": 2}, windows_s=[2, 10], intent=INTENT))


def test_settings_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"intent\.window_s must be one of windows_s"):
        AadConfig.parse({"windows_s": [1, 10], "intent": {"window_s": 5}})
    with pytest.raises(ConfigError, match=r"intent\.enhance needs one of ridge"):
        AadConfig.parse({"decoders": ["cca"], "intent": {}})
    AadConfig.parse({"decoders": ["cca"], "intent": {"enhance": False}})


def windows(margins: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        ("L", "ridge", trial, 10.0, i, margin, "", 1.0)
        for trial, values in margins.items()
        for i, margin in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=list(TABLES["window"]))


def test_a_cautious_model_learns_its_caution_on_other_trials(aad) -> None:
    """A trial of huge margins cannot make itself sure where all others say that margins tell nothing."""
    settings = IntentSettings(window_s=10, on_target=0, on_other=1, on_mixture=0.3)
    empty = [0.1, -0.1] * 20
    trials = aad.trials_of([Outcome({"window": windows({"a": empty, "b": empty, "c": [3.0] * 10})})])
    assert list(trials.parts("window"))
    (error,) = cautious_errors(settings, trials, Observer("ridge", role="decoder"))
    assert error > 0.25
    telling = {name: [0.2, 0.3, 0.25, 0.4] * 10 for name in "abc"}
    trials = aad.trials_of([Outcome({"window": windows(telling)})])
    (error,) = cautious_errors(settings, trials, Observer("ridge", role="decoder"))
    assert error < 0.05


def test_the_interval_of_a_cautious_model_s_error_stays_between_its_costs(
    aad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intent_summary, "cautious_errors", lambda *_: np.array([8.0, 80.0]))
    config = aad.small(
        recordings=LOUD, intent={"window_s": 10, "on_target": 7, "on_other": 90, "on_mixture": 50}
    )
    curve = pd.DataFrame({"window_s": []})
    trials = {"enhancement": pd.DataFrame({"decoder": []})}
    (row,) = intent_summary.intent_rows(config, Observer("ridge", role="decoder"), curve, trials)
    assert (row.value.lo, row.value.estimate, row.value.hi) == (7, 44, 90)


def test_the_table_of_errors_has_a_row_for_each_window_and_decoder() -> None:
    curves = pd.DataFrame(
        {"decoder": ["ridge"] * 2, "window_s": [1.0, 5.0], "accuracy": [0.6, 0.9], "lo": [0.5, 0.8], "hi": [0.7, 1.0],
         "n_listeners": [8, 8]}
    )  # fmt: skip
    found = error_table(IntentSettings(on_target=10, on_other=90), curves)
    np.testing.assert_allclose(found["expected_error"], [42, 18])
    np.testing.assert_allclose(found[["lo", "hi"]], [[34, 50], [10, 26]])
