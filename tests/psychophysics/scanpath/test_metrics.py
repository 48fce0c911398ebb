"""Metrics of scanpaths: against recursion, against multimatch-gaze, and where others' code gives NaN or phantoms."""

from __future__ import annotations

from functools import cache

import multimatch_gaze
import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.metrics import levenshtein, multimatch, scanmatch, sequence_score

SCREEN = (1280, 960)


def paths(n: int, *, least: int = 1, most: int = 14, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(least, most + 1, n)
    return [np.column_stack([rng.random((k, 2)) * SCREEN, rng.integers(80, 600, k)]) for k in lengths]


def objects(n: int, *, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 6, rng.integers(0, 12)) for _ in range(n)]


def common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    @cache
    def longest(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + longest(i + 1, j + 1)
        return max(longest(i + 1, j), longest(i, j + 1))

    return longest(0, 0)


def edits(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    @cache
    def fewest(i: int, j: int) -> int:
        if i == len(a) or j == len(b):
            return len(a) - i + len(b) - j
        return min(fewest(i + 1, j) + 1, fewest(i, j + 1) + 1, fewest(i + 1, j + 1) + (a[i] != b[j]))

    return fewest(0, 0)


def test_sequence_score_is_the_longest_common_subsequence_over_the_longer_length() -> None:
    first, second = objects(300), objects(300, seed=1)
    expected = [
        common(tuple(a), tuple(b)) / max(len(a), len(b)) if len(a) or len(b) else 1.0
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(sequence_score(first, second), expected, atol=1e-15)


def test_levenshtein_counts_edits() -> None:
    first, second = objects(300), objects(300, seed=1)
    expected = [edits(tuple(a), tuple(b)) for a, b in zip(first, second, strict=True)]
    assert levenshtein(first, second).tolist() == expected


def test_one_pair_is_a_number_and_equals_its_place_in_a_batch() -> None:
    first, second = paths(40), paths(40, seed=1)
    geometric = multimatch(first, second, SCREEN)
    strings = scanmatch(first, second, screen_size=SCREEN, bin_ms=50)
    for number, (a, b) in enumerate(zip(first, second, strict=True)):
        np.testing.assert_allclose(multimatch(a, b, SCREEN), geometric[number], atol=1e-12)
        assert scanmatch(a, b, screen_size=SCREEN, bin_ms=50) == pytest.approx(strings[number])
    assert sequence_score([1, 2, 3], [1, 3]) == pytest.approx(2 / 3)
    assert levenshtein([1, 2, 3], [1, 3]) == 1


@pytest.mark.slow
def test_many_objects_and_long_paths_do_not_overflow() -> None:
    long = np.arange(700)
    assert sequence_score(long, long) == 1
    assert sequence_score(long, long[::-1]) == pytest.approx(1 / 700)
    assert levenshtein(long, long + 10**9) == 700
    assert levenshtein(long, long[:0]) == 700


def record(path: np.ndarray) -> np.ndarray:
    kinds = [("start_x", float), ("start_y", float), ("duration", float)]
    return np.array([tuple(row) for row in path], dtype=kinds)


def test_multimatch_is_that_of_multimatch_gaze() -> None:
    first, second = paths(120, least=3), paths(120, least=3, seed=1)
    theirs = [
        multimatch_gaze.docomparison(record(a), record(b), list(SCREEN))
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(multimatch(first, second, SCREEN), theirs, atol=1e-12)


def test_equal_paths_are_alike_in_everything() -> None:
    every = paths(30)
    np.testing.assert_allclose(multimatch(every, every, SCREEN), 1)
    np.testing.assert_allclose(scanmatch(every, every, screen_size=SCREEN), 1)


def test_metrics_are_symmetric() -> None:
    first, second = paths(60), paths(60, seed=1)
    np.testing.assert_allclose(
        multimatch(first, second, SCREEN), multimatch(second, first, SCREEN), atol=1e-12
    )
    np.testing.assert_allclose(
        scanmatch(first, second, screen_size=SCREEN, gap=-0.3),
        scanmatch(second, first, screen_size=SCREEN, gap=-0.3),
        atol=1e-12,
    )


def test_collinear_short_and_still_paths_have_values() -> None:
    line = np.column_stack([np.arange(5) * 100.0, np.full(5, 50.0), np.full(5, 200.0)])
    still = np.repeat(line[:1], 4, axis=0)
    for a in (line, line[:2], line[:1], still):
        for b in (line, line[::-1], line[:1], still):
            assert np.isfinite(multimatch(a, b, SCREEN)).all()
    shape, direction, length, position, duration = multimatch(line[:1], line, SCREEN)
    assert direction == 0.5  # a saccade of no length has no direction: as good as chance
    assert length == pytest.approx(1 - 100 / np.hypot(*SCREEN))
    assert (shape, duration) == (pytest.approx(1 - 50 / np.hypot(*SCREEN)), 1)
    assert position < 1


def test_opposite_directions_and_lengths_by_hand() -> None:
    there = np.array([[0.0, 0.0, 100.0], [300.0, 400.0, 100.0]])
    back = np.array([[300.0, 400.0, 50.0], [0.0, 0.0, 50.0]])
    diagonal = np.hypot(*SCREEN)
    expected = [1 - 1000 / (2 * diagonal), 0, 1, 1 - 500 / diagonal, 0.5]
    np.testing.assert_allclose(multimatch(there, back, SCREEN), expected, atol=1e-12)


def test_without_durations_only_duration_is_missing() -> None:
    first, second = ([path[:, :2] for path in paths(20, seed=seed)] for seed in (0, 1))
    found = multimatch(first, second, SCREEN)
    assert np.isnan(found[:, 4]).all()
    timed = multimatch(paths(20), paths(20, seed=1), SCREEN)
    np.testing.assert_allclose(found[:, :4], timed[:, :4], atol=1e-12)


def aligned(a: list[int], b: list[int], alike: np.ndarray, gap: float) -> float:
    @cache
    def best(i: int, j: int) -> float:
        if i == len(a) or j == len(b):
            return gap * (len(a) - i + len(b) - j)
        return max(best(i + 1, j) + gap, best(i, j + 1) + gap, best(i + 1, j + 1) + alike[a[i], b[j]])

    return best(0, 0)


@pytest.mark.parametrize("gap", [0.0, -0.5])
def test_scanmatch_is_the_best_alignment(gap: float) -> None:
    first, second = paths(40, most=8), paths(40, most=8, seed=1)
    column, row = np.arange(24) % 6, np.arange(24) // 6
    distance = np.hypot(column[:, None] - column, row[:, None] - row)
    expected = []
    for a, b in zip(first, second, strict=True):
        cells = [
            np.repeat(
                (p[:, 1] // 240).astype(int) * 6 + (p[:, 0] // (1280 / 6)).astype(int),
                np.maximum(np.rint(p[:, 2] / 100), 1).astype(int),
            ).tolist()
            for p in (a, b)
        ]
        expected.append(aligned(*cells, 1 - distance / 2, gap) / max(map(len, cells)))
    found = scanmatch(first, second, screen_size=SCREEN, bins=(6, 4), threshold=2, gap=gap, bin_ms=100)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: sequence_score([[1, 2]], [[1, 2], [3]]), "as many scanpaths"),
        (lambda: sequence_score([], []), "at least one pair"),
        (lambda: multimatch(np.zeros((3, 4)), np.zeros((3, 2)), SCREEN), "shape"),
        (lambda: multimatch(np.full((3, 2), np.nan), np.zeros((3, 2)), SCREEN), "finite"),
        (lambda: scanmatch([[2000.0, 5.0]], [[1.0, 1.0]], screen_size=SCREEN), "on the screen"),
        (lambda: scanmatch([[20.0, 5.0]], [[1.0, 1.0]], screen_size=SCREEN, gap=1), "at most 0"),
        (lambda: scanmatch([[20.0, 5.0]], [[1.0, 1.0]], screen_size=SCREEN, bin_ms=50), "durations"),
    ],
)
def test_what_cannot_be_compared_is_refused(wrong, says: str) -> None:
    with pytest.raises(DataError, match=says):
        wrong()
