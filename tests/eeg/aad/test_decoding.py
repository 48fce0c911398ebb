"""The command decodes all folds at once exactly as one decoder a fold would; trials in pieces are one trial."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.aad import RidgeDecoder
from cogattn.eeg.aad import trials as study_trials
from cogattn.eeg.aad.cca import CcaDecoder, Constants, Task, combinations
from cogattn.eeg.aad.decoding import backward_problem, decode, reconstructions
from cogattn.eeg.aad.forward import ForwardModel
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.pool import Pool, pool_of, pooled, prepared
from cogattn.eeg.aad.significance import (
    least_p,
    permuted_p,
    refit_p,
    sound_kernel,
    swapped_margins,
    trial_score,
)
from cogattn.eeg.aad.trials import _trial_rows, _window_rows
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.errors import ConfigError


@pytest.fixture(scope="module")
def setting(aad):
    """Settings and prepared trials of one listener: enough channels for the all-folds iteration."""
    config = aad.small(recordings={**aad.LISTENERS, "n_trials": 7, "n_channels": 16})
    return config, pool_of(config, "listener 1")


def taken(pool: Pool, train: list[int]):
    return [pool.eeg[k] for k in train], [pool.attended[k] for k in train]


@pytest.mark.parametrize("decoder", ["ridge", "ledoit-wolf"])
@pytest.mark.parametrize("validation", ["trial", "speaker"])
def test_all_folds_at_once_equal_a_decoder_fitted_in_each(setting, decoder, validation) -> None:
    config, pool = setting
    config = config.model_copy(update={"validation": validation})
    found = reconstructions(config, pool, decoder)
    alphas = "ledoit-wolf" if decoder == "ledoit-wolf" else None
    for train, test in pool.splits(validation):
        fitted = RidgeDecoder(pool.sfreq, alphas=alphas).fit(*taken(pool, train))
        for k in test:
            expected = fitted.predict(pool.eeg[k])
            np.testing.assert_allclose(found[k], expected, atol=1e-8 * expected.std())


def test_folds_may_leave_out_more_than_they_test(setting, monkeypatch) -> None:
    config, pool = setting
    splits = [([1, 2, 4], [0, 6]), ([0, 2, 3, 5], [1, 4]), ([0, 6], [2, 3, 5])]
    monkeypatch.setattr(Pool, "splits", lambda self, by: splits)
    found = reconstructions(config, pool, "ridge")
    for train, test in splits:
        fitted = RidgeDecoder(pool.sfreq).fit(*taken(pool, train))
        for k in test:
            expected = fitted.predict(pool.eeg[k])
            np.testing.assert_allclose(found[k], expected, atol=1e-8 * expected.std())


def test_the_forward_decoder_equals_a_model_fitted_in_each_fold(setting) -> None:
    config, pool = setting
    scorers = decode(config, pool, "forward")
    for train, (k,) in pool.splits("trial"):
        model = ForwardModel(pool.sfreq, 0.0, 0.4).fit(*taken(pool, train)[::-1])
        expected = [
            correlation(predicted, pool.eeg[k]).mean()
            for predicted in model.predict([pool.attended[k], pool.unattended[k]])
        ]
        scores = scorers[k]([pool.attended[k], pool.unattended[k]], len(pool.eeg[k]) / pool.sfreq)
        np.testing.assert_allclose(scores[:, 0], expected, atol=1e-8)


def test_canonical_correlation_equals_a_decoder_fitted_in_each_fold(aad, setting) -> None:
    config, pool = setting
    one = {"eeg_contexts_s": [0.25], "stimulus_contexts_s": [0.4], "n_components": [3], "shrinkages": [0.1]}
    config = aad.small(recordings=config.recordings.model_dump(), cca=one)
    scorers = decode(config, pool, "cca")
    for train, (k,) in pool.splits("trial"):
        chosen = ([part[j] for j in train] for part in (pool.eeg, pool.attended, pool.unattended))
        expected = CcaDecoder(pool.sfreq, 0.25, 0.4, 3, 0.1).fit(*chosen)
        pair = [pool.attended[k], pool.unattended[k]]
        np.testing.assert_allclose(
            scorers[k](pair, 5.0), expected.scores(pool.eeg[k], pair, window_s=5.0), rtol=1e-8
        )


def test_shorter_contexts_are_corners_of_the_longest(setting) -> None:
    _, pool = setting
    given = pool.eeg, pool.attended, pool.unattended
    long = Task.checked(*given, sfreq=pool.sfreq, longest=(0.4, 1.2), window_s=5.0)
    for eeg_s, sound_s in ((0.25, 0.4), (0.4, 0.4), (0.25, 1.2)):
        short = Task.checked(*given, sfreq=pool.sfreq, longest=(eeg_s, sound_s), window_s=5.0)
        constants = Constants(eeg_s, sound_s, 2, 0.1)
        ours, theirs = (task.fit([0, 2, 3, 5], constants) for task in (long, short))
        scores = [d.scores(pool.eeg[1], [pool.attended[1]], window_s=5.0) for d in (ours, theirs)]
        np.testing.assert_allclose(*scores, rtol=1e-8)


def test_constants_are_chosen_by_what_decodes_held_out_trials_and_never_by_the_tested_one(setting) -> None:
    _, pool = setting
    rng = np.random.default_rng(0)
    candidates = combinations((0.25,), (0.4,), (1, 3, 8), (0.1, 1e3))
    assert candidates[0] == Constants(0.25, 0.4, 3, 1e3)  # the middle, where nothing can be chosen

    def chosen(pool: Pool, trials: list[int]) -> Constants:
        task = Task.checked(
            pool.eeg, pool.attended, pool.unattended, sfreq=pool.sfreq, longest=(0.25, 0.4), window_s=5.0
        )
        return task.choose(trials, candidates)

    damaged = replace(
        pool, attended=[rng.standard_normal(s.size) if k == 6 else s for k, s in enumerate(pool.attended)]
    )
    assert chosen(pool, [0, 1, 2, 3, 4, 5]) == chosen(damaged, [0, 1, 2, 3, 4, 5])
    assert chosen(pool, [0]) == candidates[0]
    # held-out d' by a decoder of the other blocks, written out
    blocks = [[0, 1], [2, 3], [4, 5]]
    d_primes = []
    for c in candidates:
        margins = []
        for block in blocks:
            train = [k for k in range(6) if k not in block]
            parts = ([part[k] for k in train] for part in (pool.eeg, pool.attended, pool.unattended))
            fitted = CcaDecoder(pool.sfreq, *vars(c).values()).fit(*parts)
            margins += [
                fitted.margins(pool.eeg[k], pool.attended[k], pool.unattended[k], window_s=5.0) for k in block
            ]
        joined = np.concatenate(margins)
        d_primes.append(joined.mean() / joined.std())
    assert chosen(pool, [0, 1, 2, 3, 4, 5]) == candidates[int(np.argmax(d_primes))]


def test_only_reconstructing_decoders_reconstruct(setting) -> None:
    config, pool = setting
    with pytest.raises(ConfigError, match="must reconstruct"):
        reconstructions(config, pool, "cca")


def in_pieces(recording: Recording, cut: tuple[int, int], at: int) -> Recording:
    """The recording without samples `cut` of trial `at`, which comes in two pieces."""
    trials = []
    for k, trial in enumerate(recording.trials):
        parts = [slice(None, cut[0]), slice(cut[1], None)] if k == at else [slice(None)]
        trials += [
            Trial(trial.eeg[p], trial.name, {n: s[p] for n, s in trial.streams.items()}, trial.labels)
            for p in parts
        ]
    return replace(recording, trials=tuple(trials))


@pytest.fixture(scope="module")
def cut_pool(setting) -> tuple[Pool, Pool]:
    """Trials of which the third lacks a third, and the same with something else in those samples before the cut."""
    config, _ = setting
    whole = prepared(config, "listener 1")
    rng, pools = np.random.default_rng(0), []
    for noise in (0.0, 1.0):
        eeg = whole.trials[2].eeg.copy()
        eeg[320:640] += noise * eeg.std() * rng.standard_normal(eeg[320:640].shape)
        changed = replace(
            whole, trials=(*whole.trials[:2], replace(whole.trials[2], eeg=eeg), *whole.trials[3:])
        )
        pools.append(pooled([in_pieces(changed, (320, 640), 2)], "listener 1"))
    return pools[0], pools[1]


@pytest.mark.parametrize("decoder", ["ridge", "ledoit-wolf", "forward", "cca"])
def test_what_was_left_out_changes_nothing_and_pieces_are_one_trial(setting, cut_pool, decoder) -> None:
    config, _ = setting
    tables = []
    for pool in cut_pool:
        scorers = decode(config, pool, decoder)
        tables.append((_window_rows(config, pool, scorers, fisher=False), _trial_rows(pool, scorers)))
    (windows, rows), (again, rows_again) = tables
    pd.testing.assert_frame_equal(windows, again)
    pd.testing.assert_frame_equal(rows, rows_again)
    assert len(rows) == len(cut_pool[0].trials) == 7
    third = windows[windows["trial"] == rows["trial"][2]]
    assert third.groupby("window_s").size().to_dict() == {
        2.0: 10,
        10.0: 2,
    }  # two pieces of 10 s; none of 30 s
    assert third.loc[third["window_s"] == 2, "window"].tolist() == list(range(10))


def test_a_trial_in_pieces_scores_the_mean_of_its_pieces_by_length(setting, cut_pool) -> None:
    config, _ = setting
    pool = cut_pool[0]
    scorers = decode(config, pool, "ridge")
    pieces = pool.trials[2]
    assert [len(pool.eeg[k]) for k in pieces] == [320, 320]
    found = reconstructions(config, pool, "ridge")
    each = [float(correlation(found[k], pool.attended[k])) for k in pieces]
    assert _trial_rows(pool, scorers)["attended"][2] == pytest.approx(np.mean(each))


def test_pieces_are_left_out_swapped_and_permuted_together(setting, cut_pool) -> None:
    config, _ = setting
    pool = cut_pool[0]
    assert all(len({pool.facts[k].trial for k in test}) == 1 for _, test in pool.splits("trial"))
    assert [test for _, test in pool.trial_splits("trial")] == [[k] for k in range(7)]
    swapped = pool.swapped(np.eye(7, dtype=int)[2])
    for k in range(len(pool.eeg)):
        expected = pool.unattended if k in pool.trials[2] else pool.attended
        np.testing.assert_array_equal(swapped.attended[k], expected[k])
    problem = backward_problem(config, pool)
    kernel = sound_kernel(problem, pool.attended, pool.unattended, pool.trial_splits("trial"))
    assert kernel.shape == (7, 2, 7, 2)
    # swapping in the kernel is swapping the sounds and solving again
    swap = np.array([0, 1, 1, 0, 0, 1, 0])
    other = pool.swapped(swap)
    again = sound_kernel(problem, other.attended, other.unattended, pool.trial_splits("trial"))
    np.testing.assert_allclose(swapped_margins(kernel, swap), swapped_margins(again, 0 * swap), atol=1e-9)
    p = refit_p(
        problem,
        pool.attended,
        pool.unattended,
        pool.trial_splits("trial"),
        np.random.default_rng(0),
        n_permutations=99,
    )
    assert 0.01 <= p <= 1
    assert trial_score(swapped_margins(kernel, 0 * swap)) > 3


def test_permutation_swaps_trials_not_pieces(aad, cut_pool, setting, monkeypatch) -> None:
    config, _ = setting
    pool = cut_pool[0]
    seen = []
    monkeypatch.setattr(study_trials, "permuted_p", lambda score, n, rng, m: seen.append(n) or 0.5)
    monkeypatch.setattr(study_trials, "pool_and_recording", lambda config, who: (pool, prepared(config, who)))
    refit = config.model_copy(
        update={"significance": config.significance.model_copy(update={"method": "refit"})}
    )
    cell = next(c for c in aad.STUDY.cells(refit) if getattr(c, "decoder", "") == "cca")
    rows = aad.run_cell(refit, cell).trials["trial"]
    assert seen == [7]
    assert len(rows) == 7


@pytest.mark.parametrize(("n", "least"), [(5, 1 / 32), (9, 1 / 512), (10, 1e-3), (30, 1e-3)])
def test_the_least_p_of_a_test_is_known_beforehand(n: int, least: float) -> None:
    """It is reached where each swap takes something away, and never passed."""
    assert least_p(n, 999) == least
    rng = np.random.default_rng(0)
    found = [permuted_p(lambda swap: -float(swap @ rng.random(n)), n, rng, 999) for _ in range(5)]
    assert min(found) == pytest.approx(least, rel=0 if n < 10 else 0.5)
    assert min(found) >= least
