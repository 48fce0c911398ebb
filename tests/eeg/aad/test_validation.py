"""Chance is chance, and splits that leak are caught."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from cogattn.eeg.aad import cross_validate
from cogattn.eeg.aad.checks import checked_eeg, checked_streams
from cogattn.eeg.aad.lagged import Lags
from cogattn.eeg.aad.penalties import Problem, ledoit_wolf_alpha
from cogattn.eeg.aad.significance import (
    LEAVE_ONE_OUT_DISPERSION,
    binomial_interval,
    binomial_threshold,
    chance_interval,
    chance_threshold,
    permutation_p,
    refit_permutation_p,
    sound_kernel,
    swapped_margins,
    trial_score,
)
from cogattn.eeg.recordings.simulate_talkers import (
    coloured_noise,
    convolve,
    draw_listener,
    simulate_recording,
    speech_envelope,
)
from cogattn.errors import DataError

SFREQ = 32.0
N_LISTENERS = 80
"""Simulated in pure chance."""
COVERED = binom.ppf(0.01, N_LISTENERS, 0.95)
"""So many inside a 95 % interval, or more, in 99 of 100 tests of one that holds."""


@pytest.mark.parametrize(
    ("n", "threshold"),
    [(20, 0.75), (30, 0.667), (60, 0.617), (72, 0.611), (120, 0.583), (300, 0.55), (4320, 0.513)],
)
def test_binomial_thresholds_are_the_known_ones(n: int, threshold: float) -> None:
    found = binomial_threshold(n)
    assert abs(found - threshold) < 6e-4
    assert binom.sf(round(found * n) - 1, n, 0.5) <= 0.05 < binom.sf(round(found * n) - 2, n, 0.5)


def subject(seed: int, *, response: float, n_trials: int = 20):
    """EEG in noise that answers both talkers alike: which one was attended is a label without meaning."""
    rng = np.random.default_rng(seed)
    sounds = [[speech_envelope(rng, duration_s=10, sfreq=SFREQ) for _ in range(n_trials)] for _ in range(2)]
    kernel = np.outer([0.2, 1.0, 0.5], rng.standard_normal(4))
    eeg = []
    for a, u in zip(*sounds, strict=True):
        noise = coloured_noise(rng, (320, 4), sfreq=SFREQ) + rng.standard_normal((320, 4))
        eeg.append(noise + response * convolve(a + u, kernel))
    return eeg, *sounds


def leave_one_out_shares(n_subjects: int, *, response: float) -> np.ndarray:
    shares = []
    for seed in range(n_subjects):
        decoding = cross_validate(*subject(seed, response=response), sfreq=SFREQ)
        shares.append(np.mean(decoding.r_attended > decoding.r_unattended))
    return np.array(shares)


@pytest.mark.slow
def test_false_positives_stay_inside_the_binomial_interval_where_only_the_label_is_arbitrary() -> None:
    low, high = binomial_interval(20)
    shares = leave_one_out_shares(N_LISTENERS, response=1.0)
    assert np.sum((shares >= low) & (shares <= high)) >= COVERED


@pytest.mark.slow
def test_pure_noise_stays_inside_the_interval_of_leave_one_out() -> None:
    shares = leave_one_out_shares(N_LISTENERS, response=0.0)
    low, high = chance_interval(20)
    assert np.sum((shares >= low) & (shares <= high)) >= COVERED
    assert np.sum(shares >= chance_threshold(20)) <= binom.isf(0.01, N_LISTENERS, 0.05)


def test_leave_one_out_in_noise_scatters_as_predicted_because_trials_teach_each_other() -> None:
    # margins of a linear decoder with random kernels: of pairs of trials, or of a second session's trials
    rng = np.random.default_rng(0)
    n_trials, n_features, n_sessions = 20, 400, 4000
    ratio = {}
    for case in ("each other", "second session"):
        right = np.empty(n_sessions)
        for i in range(n_sessions):
            asks, taught = rng.standard_normal((2, n_trials, n_features))  # attended minus, plus unattended
            labels = (asks + taught) / 2
            kernel = asks @ labels.T
            if case == "each other":
                margins = kernel.sum(axis=1) - np.diagonal(kernel)
            else:
                margins = asks @ rng.standard_normal(n_features)
            right[i] = np.sum(margins > 0)
        ratio[case] = right.var() / (n_trials / 4)
    assert abs(ratio["each other"] - LEAVE_ONE_OUT_DISPERSION) < 0.08
    assert abs(ratio["second session"] - 1) < 0.08


@pytest.mark.parametrize("n", [1, 2, 20, 60, 4320])
def test_chance_intervals_have_their_spread(n: int) -> None:
    low, high = chance_interval(n)
    plain = binomial_interval(n)
    assert low <= plain[0] < plain[1] <= high
    assert chance_interval(n, dispersion=1.0) == plain
    assert chance_threshold(n, dispersion=1.0) == pytest.approx(binomial_threshold(n))
    if n > 1000:
        assert (high - 0.5) / (plain[1] - 0.5) == pytest.approx(LEAVE_ONE_OUT_DISPERSION**0.5, rel=0.02)
    with pytest.raises(DataError, match="dispersion"):
        chance_interval(n, dispersion=0.5)


@pytest.mark.slow
def test_refitted_permutations_are_exact_in_pure_noise_and_find_an_effect() -> None:
    p = [
        refit_permutation_p(
            *subject(seed, response=0.0, n_trials=10),
            np.random.default_rng(seed),
            sfreq=SFREQ,
            n_permutations=99,
        )
        for seed in range(N_LISTENERS)
    ]
    assert np.sum(np.array(p) <= 0.05) <= binom.isf(0.01, N_LISTENERS, 0.05)
    assert abs(np.mean(p) - 0.5) < 0.09
    rng = np.random.default_rng(0)
    listener = draw_listener(rng, name="S", n_channels=4, sfreq=SFREQ, snr_db=-15)
    made = simulate_recording(rng, listener, n_trials=10, duration_s=20, sfreq=SFREQ)
    streams = made.stream("attended"), made.stream("unattended")
    assert refit_permutation_p(made.eeg, *streams, rng, sfreq=SFREQ, n_permutations=199) <= 0.02
    halves = [(list(range(5)), list(range(5, 10))), (list(range(5, 10)), list(range(5)))]
    assert refit_permutation_p(made.eeg, *streams, rng, sfreq=SFREQ, folds=halves, n_permutations=199) <= 0.02


def test_the_decoder_of_the_ignored_talker_is_not_significant() -> None:
    rng = np.random.default_rng(0)
    listener = draw_listener(rng, name="S", n_channels=8, sfreq=SFREQ, snr_db=-22)
    made = simulate_recording(rng, listener, n_trials=12, duration_s=30, sfreq=SFREQ)
    streams = made.stream("attended"), made.stream("unattended")
    p = {
        train_on: refit_permutation_p(
            made.eeg, *streams, rng, sfreq=SFREQ, train_on=train_on, n_permutations=199
        )
        for train_on in ("attended", "unattended")
    }
    assert p["attended"] <= 0.02
    assert p["unattended"] > 0.1


def test_refitted_permutation_agrees_with_cross_validation_on_the_truth() -> None:
    eeg, attended, unattended = subject(3, response=0.5, n_trials=6)
    x = checked_eeg(eeg)
    first, second = (checked_streams(s, x, name="s") for s in (attended, unattended))
    sounds = [
        np.hstack([a / np.linalg.norm(a), u / np.linalg.norm(u)]) for a, u in zip(first, second, strict=True)
    ]
    problem = Problem.of(x, sounds, Lags.backward(0.0, 0.25, SFREQ))
    kernel = sound_kernel(
        problem, attended, unattended, [([j for j in range(6) if j != k], [k]) for k in range(6)]
    )
    score = trial_score(swapped_margins(kernel, np.zeros(6, dtype=int)))
    penalty = ledoit_wolf_alpha(problem, range(6)) * 5 / 6
    scaled = [a[:, 0] for a in sounds], [u[:, 1] for u in sounds]
    decoding = cross_validate(eeg, *scaled, sfreq=SFREQ, alphas=[penalty])
    assert round(score) == np.sum(decoding.r_attended > decoding.r_unattended)


def test_permutation_p_is_uniform_under_chance_and_small_under_effect() -> None:
    rng = np.random.default_rng(0)
    chance = [permutation_p([rng.standard_normal(12) for _ in range(9)], rng) for _ in range(400)]
    assert abs(np.mean(np.array(chance) <= 0.05) - 0.05) < 0.035
    effect = [rng.standard_normal(12) + 1 for _ in range(9)]
    assert permutation_p(effect, rng) <= 2**-9 + 1e-12
    assert permutation_p([rng.standard_normal(12) + 1 for _ in range(30)], rng, n_permutations=999) <= 0.002


def test_permutation_swaps_whole_trials_not_windows() -> None:
    # one trial, however many windows agree, can never be significant
    assert permutation_p([np.ones(500)], np.random.default_rng(0)) == 0.5
