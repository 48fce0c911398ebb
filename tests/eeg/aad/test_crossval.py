"""Ridge decoding equals explicit normal equations and never sees its test trial."""

from __future__ import annotations

import mne
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import Ridge

from cogattn.eeg.aad import RidgeDecoder, cross_validate, leave_one_out
from cogattn.eeg.aad.checks import checked_eeg, checked_streams
from cogattn.eeg.aad.lagged import Lags, Moments, predict
from cogattn.eeg.aad.lagged import lagged as fast_lagged
from cogattn.eeg.aad.leave_out import solve_left_out
from cogattn.eeg.aad.penalties import (
    Problem,
    best_penalties,
    ledoit_wolf_alpha,
    pooled_correlation,
    selection_scores,
)
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.errors import DataError

SFREQ = 64.0


def session(n_trials=6, n_channels=8, duration_s=20.0, snr_db=-20.0, seed=0):
    rng = np.random.default_rng(seed)
    listener = draw_listener(rng, name="S1", n_channels=n_channels, sfreq=SFREQ, snr_db=snr_db)
    made = simulate_recording(rng, listener, n_trials=n_trials, duration_s=duration_s, sfreq=SFREQ)
    return made.eeg, made.stream("attended"), made.stream("unattended")


def lagged(x: np.ndarray, lags: Lags) -> np.ndarray:
    rows = np.zeros((x.shape[0], lags.n, x.shape[1]))
    for t in range(x.shape[0]):
        for i in range(lags.n):
            if 0 <= t + lags.first + i < x.shape[0]:
                rows[t, i] = x[t + lags.first + i]
    return rows.reshape(x.shape[0], -1)


@pytest.mark.parametrize("lags", [Lags(0, 5), Lags(-4, 5), Lags(-2, 6), Lags(2, 3), Lags(-6, 3), Lags(0, 1)])
@pytest.mark.parametrize("n_times", [30, 6, 3])
def test_moments_equal_the_lagged_matrix(lags: Lags, n_times: int) -> None:
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal((n_times + k, 3)) for k in range(2)]
    ys = [rng.standard_normal((n_times + k, 2)) for k in range(2)]
    moments = Moments.total([Moments.of(x, y, lags) for x, y in zip(xs, ys, strict=True)])
    matrix, y = np.concatenate([lagged(x, lags) for x in xs]), np.concatenate(ys)
    weights = rng.standard_normal((lags.n * 3, 4))
    np.testing.assert_allclose(moments.gram(), matrix.T @ matrix, atol=1e-12)
    np.testing.assert_allclose(moments.cross, matrix.T @ y, atol=1e-12)
    np.testing.assert_allclose(moments.gram_times(weights), matrix.T @ matrix @ weights, atol=1e-11)
    np.testing.assert_allclose(moments.trace, np.trace(matrix.T @ matrix))
    np.testing.assert_allclose(predict(xs[0], weights, lags), lagged(xs[0], lags) @ weights, atol=1e-12)
    np.testing.assert_array_equal(fast_lagged(xs[0], lags), lagged(xs[0], lags))


@pytest.mark.parametrize(("n_trials", "n_channels"), [(2, 3), (3, 16), (9, 16)])
def test_leave_one_out_equals_explicit_normal_equations(n_trials: int, n_channels: int) -> None:
    eeg, attended, _ = session(n_trials, n_channels)
    found = leave_one_out(eeg, attended, sfreq=SFREQ)
    lags = Lags.backward(0.0, 0.25, SFREQ)
    xs = [lagged(x, lags) for x in checked_eeg(eeg)]
    ys = [y[:, 0] for y in checked_streams(attended, eeg, name="attended")]
    assert found.r.shape == (n_trials, 10)
    for k in range(n_trials):
        x = np.concatenate(xs[:k] + xs[k + 1 :])
        y = np.concatenate(ys[:k] + ys[k + 1 :])
        for i, alpha in enumerate(found.alphas[k]):
            weights = np.linalg.solve(x.T @ x + alpha * np.eye(x.shape[1]), x.T @ y)
            expected = np.corrcoef(xs[k] @ weights, ys[k])[0, 1]
            assert abs(found.r[k, i] - expected) < 1e-6


def test_a_trial_unlike_all_others_is_still_solved_exactly() -> None:
    eeg, attended, _ = session(9, 16)
    eeg[4] = 1000 * eeg[4]
    lags = Lags.backward(0.0, 0.25, SFREQ)
    problem = Problem.of(checked_eeg(eeg), checked_streams(attended, eeg, name="a"), lags)
    for fold in solve_left_out(problem.parts, [[k] for k in range(9)], lambda _, trace: [1e-6 * trace]):
        train = Moments.total([problem.parts[k] for k in range(9) if k != fold.index])
        weights = np.linalg.solve(train.gram() + fold.penalties[0] * np.eye(272), train.cross)
        r = pooled_correlation(problem.parts[fold.index], weights[:, None])
        np.testing.assert_allclose(pooled_correlation(problem.parts[fold.index], fold.weights), r, atol=1e-6)


def test_cross_validation_equals_a_decoder_fitted_on_the_other_trials() -> None:
    eeg, attended, unattended = session(6)
    decoding = cross_validate(eeg, attended, unattended, sfreq=SFREQ, alphas=[1e-9])
    for k in range(6):
        others = [i for i in range(6) if i != k]
        decoder = RidgeDecoder(SFREQ, alphas=[1e-9]).fit(
            [eeg[i] for i in others], [attended[i] for i in others]
        )
        np.testing.assert_allclose(decoder.predict(eeg[k]), decoding.reconstruction[k], atol=1e-6)
    assert decoder.coef_.shape == (17, 8)


@pytest.mark.parametrize("alphas", [None, [1e-10, 1e-8, 1e-6], "ledoit-wolf"])
def test_choice_and_decoder_never_see_the_test_trial(alphas) -> None:
    eeg, attended, unattended = session(6)
    before = cross_validate(eeg, attended, unattended, sfreq=SFREQ, alphas=alphas)
    rng = np.random.default_rng(9)
    changed = list(attended)
    changed[2] = rng.random(attended[2].size)
    after = cross_validate(eeg, changed, unattended, sfreq=SFREQ, alphas=alphas)
    np.testing.assert_allclose(after.alphas[2], before.alphas[2])
    np.testing.assert_allclose(after.reconstruction[2], before.reconstruction[2], atol=1e-5)


def test_the_unit_of_the_eeg_changes_nothing() -> None:
    eeg, attended, unattended = session(4)
    volts = cross_validate(eeg, attended, unattended, sfreq=SFREQ)
    microvolts = cross_validate([1e6 * x + 50 for x in eeg], attended, unattended, sfreq=SFREQ)
    np.testing.assert_allclose(volts.r_attended, microvolts.r_attended, atol=1e-9)


def test_scikit_learn_gives_the_same_weights_in_the_interior() -> None:
    eeg, attended, _ = session(1, 4, duration_s=60.0)
    decoder = RidgeDecoder(SFREQ, 0.0, 0.1, alphas=[1e-8]).fit(eeg, attended)
    x = lagged(eeg[0] - eeg[0].mean(axis=0), Lags.backward(0.0, 0.1, SFREQ))
    oracle = Ridge(alpha=1e-8, fit_intercept=False).fit(x, attended[0] - attended[0].mean())
    np.testing.assert_allclose(decoder.coef_.ravel(), oracle.coef_, rtol=1e-5, atol=1e-3)


def test_mne_receptive_field_reconstructs_the_same_envelope() -> None:
    from mne.decoding import ReceptiveField

    eeg, attended, _ = session(1, 4, duration_s=60.0)
    x = 1e5 * (eeg[0] - eeg[0].mean(axis=0))
    y = attended[0] - attended[0].mean()
    oracle = ReceptiveField(-0.25, 0.0, SFREQ, estimator=10.0, fit_intercept=False)
    with mne.use_log_level("error"):
        theirs = oracle.fit(x, y).predict(x)
    ours = RidgeDecoder(SFREQ, alphas=[10.0]).fit([x], [y]).predict(x)
    assert np.corrcoef(ours[32:-32], np.ravel(theirs)[32:-32])[0, 1] > 0.9999


def test_ledoit_wolf_equals_scikit_learn_on_the_lagged_matrix() -> None:
    eeg, attended, _ = session(2, 6)
    lags = Lags.backward(0.0, 0.1, SFREQ)
    x = checked_eeg(eeg)
    problem = Problem.of(x, checked_streams(attended, eeg, name="a"), lags)
    rows = np.concatenate([lagged(trial, lags) for trial in x])
    shrinkage = ledoit_wolf_shrinkage(1e5 * rows, assume_centered=True)
    expected = shrinkage / (1 - shrinkage) * np.sum(rows**2) / rows.shape[1]
    np.testing.assert_allclose(ledoit_wolf_alpha(problem, [0, 1]), expected, rtol=1e-6)


def test_the_decoder_of_the_ignored_talker_does_not_decode_attention() -> None:
    eeg, attended, unattended = session(12, 8, duration_s=30.0, snr_db=-22.0)
    windows_s = [5.0]
    control = cross_validate(eeg, attended, unattended, sfreq=SFREQ, train_on="unattended")
    decoding = cross_validate(eeg, attended, unattended, sfreq=SFREQ)
    assert decoding.accuracy(windows_s)[0] > 0.9
    assert control.accuracy(windows_s)[0] < 0.55


def test_a_group_is_left_out_whole() -> None:
    eeg, attended, unattended = session(6)
    groups = ["a", "a", "b", "b", "c", "c"]
    grouped = cross_validate(eeg, attended, unattended, sfreq=SFREQ, alphas=[1e-9], groups=groups)
    decoder = RidgeDecoder(SFREQ, alphas=[1e-9]).fit(eeg[2:], attended[2:])
    np.testing.assert_allclose(grouped.reconstruction[1], decoder.predict(eeg[1]), atol=1e-6)
    with pytest.raises(DataError, match="at least two groups"):
        cross_validate(eeg, attended, unattended, sfreq=SFREQ, groups=["a"] * 6)


def broken(what: str):
    eeg, attended, unattended = session(3)
    n_times = attended[1].size
    if what == "nan":
        eeg[1][7, 3] = np.nan
    elif what == "inf":
        eeg[1][7, 3] = np.inf
    elif what == "flat":
        eeg[1][:, 3] = 1e-5
    elif what == "duplicate":
        eeg[1][:, 3] = eeg[1][:, 5]
    elif what == "short":
        attended[1] = attended[1][:-1]
    elif what == "rate":
        unattended[1] = np.repeat(unattended[1], 2)
    elif what == "envelope":
        attended[1] = np.where(np.arange(n_times) == 4, np.nan, attended[1])
    elif what == "channels":
        eeg[1] = eeg[1][:, :5]
    elif what == "one trial":
        eeg, attended, unattended = eeg[:1], attended[:1], unattended[:1]
    elif what == "no trial":
        eeg, attended, unattended = [], [], []
    elif what == "missing":
        attended = attended[:2]
    elif what == "one sound":
        unattended[1] = 2 * attended[1]
    return eeg, attended, unattended


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nan", ["S1", "trial 2", "D", "finite"]),
        ("inf", ["S1", "trial 2", "D", "finite"]),
        ("flat", ["S1", "trial 2", "D", "vary"]),
        ("duplicate", ["S1", "trial 2", "D", "F", "differ"]),
        ("short", ["S1", "trial 2", "1279 for 1280"]),
        ("rate", ["S1", "trial 2", "sampling rates"]),
        ("envelope", ["S1", "trial 2", "finite"]),
        ("channels", ["S1", "trial 2"]),
        ("one trial", ["S1", "at least 2 trials", "got 1"]),
        ("no trial", ["S1", "at least 2 trials", "got 0"]),
        ("missing", ["S1", "2 for 3"]),
        ("one sound", ["S1", "trial 2", "two different sounds"]),
    ],
)
def test_bad_input_is_an_error_with_names_and_never_a_number(what: str, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        cross_validate(*broken(what), sfreq=SFREQ, subject="S1", channels=list("ABCDEFGH"))
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("alphas", [[0.0], [-1.0], [np.nan], [], "best"])
def test_bad_penalties_are_refused(alphas) -> None:
    with pytest.raises(DataError, match="alphas"):
        cross_validate(*session(3), sfreq=SFREQ, alphas=alphas)


def test_bad_lags_are_refused() -> None:
    with pytest.raises(DataError, match="tmin"):
        cross_validate(*session(3), sfreq=SFREQ, tmin=0.3, tmax=0.1)
    with pytest.raises(DataError, match="outlast the lags"):
        cross_validate(*session(3, duration_s=1.0), sfreq=SFREQ, tmax=2.0)
    with pytest.raises(DataError, match="fitted"):
        RidgeDecoder(SFREQ).predict(session(1)[0])


def test_a_fold_gets_the_penalty_that_scores_best_in_its_training_trials() -> None:
    eeg, attended, _ = session(n_trials=6, snr_db=-20.0)
    problem = Problem.checked(eeg, attended, sfreq=SFREQ, tmin=0.0, tmax=0.25)
    trace = Moments.total(problem.parts).trace
    alphas, folds = list(trace * np.array([1e3, 1e-9, 1e-2])), [[0], [1, 2], []]
    scores = selection_scores(problem, alphas, folds)
    assert (scores.argmax(axis=1) == 1).all()  # the strongest blurs all
    chosen = best_penalties(problem, alphas, folds)
    assert [chosen(fold, trace) for fold in range(3)] == [alphas[1]] * 3
    assert best_penalties(problem, alphas[:1], folds)(0, trace) == alphas[0]


def test_ledoit_wolf_refuses_data_that_say_nothing_of_their_covariance() -> None:
    x = np.array(
        [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]
    )  # two channels, white to the last digit
    problem = Problem.of([x], [x[:, :1]], Lags(0, 1))
    with pytest.raises(DataError, match="too little data"):
        ledoit_wolf_alpha(problem, [0])
