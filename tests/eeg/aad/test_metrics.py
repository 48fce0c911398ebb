"""Metrics against golden values, closed forms and published decodings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cogattn.eeg.aad import (
    attention_index,
    information_rate,
    mesd,
    window_accuracy,
    window_margins,
)
from cogattn.errors import DataError

WINDOWS_S = [1, 5, 10, 20, 30, 60]
ACCURACIES = [0.53, 0.61, 0.69, 0.76, 0.84, 0.9]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 49.52860783427647),
        ({"n_min": 10}, 74.88432822327886),
        ({"n_min": 10, "p0": 0.85, "c": 0.7}, 106.11963738695611),
    ],
)
def test_mesd_equals_the_toolbox(settings, expected) -> None:
    assert abs(mesd(WINDOWS_S, ACCURACIES, **settings) - expected) < 1e-9


def test_mesd_takes_points_in_any_order_and_drops_those_at_chance() -> None:
    order = [3, 0, 5, 1, 4, 2]
    shuffled = mesd([WINDOWS_S[i] for i in order], [ACCURACIES[i] for i in order])
    assert shuffled == mesd(WINDOWS_S, ACCURACIES)
    assert mesd([0.5, *WINDOWS_S], [0.5, *ACCURACIES]) == shuffled


def test_mesd_of_a_perfect_decoder_is_the_chain_length_times_the_window() -> None:
    # five states, target state ceil(.65 * 4 + 1) = 4: three certain steps of one second
    assert abs(mesd([1.0], [1.0]) - 3.0) < 1e-6
    assert mesd([1, 10], [0.4, 0.5]) == math.inf


@pytest.mark.parametrize(
    ("windows", "values", "word"),
    [
        ([1, 2], [0.6], "equally long"),
        ([0, 2], [0.6, 0.7], "positive"),
        ([1, 2], [0.6, np.nan], "between 0 and 1"),
    ],
)
def test_mesd_refuses_bad_curves(windows, values, word) -> None:
    with pytest.raises(DataError, match=word):
        mesd(windows, values)


@pytest.mark.parametrize(
    "settings",
    [
        {"p0": 0.0},
        {"p0": 1.0},
        {"p0": 1.5},
        {"c": -0.1},
        {"c": 1.0},
        {"c": 1.5},
        {"n_min": 1},
        {"n_points": 0},
    ],
)
def test_mesd_refuses_settings_that_make_no_chain(settings) -> None:
    with pytest.raises(DataError, match="p0 must lie in"):
        mesd([1, 10], [0.6, 0.9], **settings)


def test_mesd_takes_the_smallest_settings_that_make_one() -> None:
    assert mesd([1.0, 10.0], [0.6, 0.9], c=0.01, n_min=2, n_points=1) > 0


def test_window_accuracy_equals_window_by_window_correlation() -> None:
    rng = np.random.default_rng(0)
    lengths = (700, 333)
    trials = [[rng.standard_normal(n) + 100 for n in lengths] for _ in range(3)]
    trials[0][0] += 0.3 * trials[1][0]
    margins = window_margins(*trials, sfreq=10.0, windows_s=[1, 7.3])
    for window, per_length in zip((10, 73), margins, strict=True):
        for k, n in enumerate(lengths):
            expected = [
                np.corrcoef(trials[0][k][i : i + window], trials[1][k][i : i + window])[0, 1]
                - np.corrcoef(trials[0][k][i : i + window], trials[2][k][i : i + window])[0, 1]
                for i in range(0, n - window + 1, window)
            ]
            np.testing.assert_allclose(per_length[k], expected, atol=1e-9)
    accuracy = window_accuracy(*trials, sfreq=10.0, windows_s=[1])
    assert accuracy[0] == np.mean(np.concatenate(margins[0]) > 0)


def test_ties_and_silence_count_half() -> None:
    rng = np.random.default_rng(0)
    decoded, played = rng.standard_normal(100), rng.standard_normal(100)
    np.testing.assert_array_equal(window_accuracy(decoded, played, played, sfreq=10.0, windows_s=[1]), [0.5])
    still = np.concatenate([np.zeros(50), decoded[50:]])
    better = window_accuracy(still, decoded, -decoded, sfreq=10.0, windows_s=[5])
    np.testing.assert_array_equal(better, [0.75])


def test_bad_windows_and_envelopes_are_refused() -> None:
    x = np.random.default_rng(0).standard_normal(100)
    for arguments, window, word in (
        ((x, x[:-1], x), 1, "equally long"),
        ((x, np.where(np.arange(100) == 3, np.nan, x), x), 1, "finite"),
        ((x, x, x), 11, "fit into a trial"),
        ((x, x, x), 0.1, "at least 2 samples"),
        (([x, x], [x], [x]), 1, "same trials"),
    ):
        with pytest.raises(DataError, match=word):
            window_accuracy(*arguments, sfreq=10.0, windows_s=[window])


def test_information_rate_has_its_known_values() -> None:
    np.testing.assert_allclose(information_rate([0.8, 0.726], 10), [1.668, 0.917], atol=5e-4)
    np.testing.assert_allclose(information_rate([1.0, 0.5, 0.3], 60), [1.0, 0.0, 0.0], atol=1e-12)


def test_attention_index_is_d_prime() -> None:
    rng = np.random.default_rng(0)
    d = attention_index(rng.normal(0.2, 0.1, 20000), rng.normal(0.0, 0.1, 20000))
    assert abs(d - 2) < 0.05


@pytest.mark.parametrize(
    ("decoder", "accuracies", "switch_s"),
    [("ridge", (0.551, 0.680, 0.840), 41.957), ("cnn", (0.606, 0.781, 0.935), 12.721)],
)
def test_published_reconstructions_decode_as_published(shared_data, decoder, accuracies, switch_s) -> None:
    folder = shared_data / "aad" / "thornton"
    windows_s = [1, 2, 5, 10, 20, 30, 60]
    curves = []
    for listener in range(17):
        trials = [
            [
                np.load(folder / f"{talker}_predictions_YH{listener:02d}_{decoder}.npy"),
                np.load(folder / f"{talker}_attended_truth.npy"),
                np.load(folder / f"{talker}_unattended_truth.npy"),
            ]
            for talker in ("fW", "fM")
        ]
        curves.append(
            window_accuracy(*map(list, zip(*trials, strict=True)), sfreq=125.0, windows_s=windows_s)
        )
    mean = np.mean(curves, axis=0)
    np.testing.assert_allclose(mean[[0, 3, 6]], accuracies, atol=1e-3)
    assert abs(mesd(windows_s, mean) - switch_s) < 1e-3
