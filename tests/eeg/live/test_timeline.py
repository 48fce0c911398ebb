"""Clocks are followed, jitter is averaged, gaps and samples that are not numbers end a stretch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.eeg.live.timeline import Timeline
from cogattn.errors import DataError


def test_nominal_stamps_are_kept() -> None:
    stamps = 3e4 + np.arange(6400) / 64
    line = Timeline(64.0, "EEG")
    got = np.concatenate([s.times_s for s in line.push(np.zeros((6400, 1)), stamps)])
    np.testing.assert_allclose(got, stamps, rtol=0, atol=1e-9)
    assert abs(line.drift_ppm) < 1e-3


@pytest.mark.parametrize("ppm", [-200, 50])
def test_a_drifting_and_jittering_clock_is_followed(ppm: int) -> None:
    rng = np.random.default_rng(0)
    true = 100 + np.arange(64 * 400) / 64 * (1 - ppm * 1e-6)
    stamps = true + 0.005 * rng.exponential(size=true.size)  # they come late
    line = Timeline(64.0, "EEG")
    stretches = line.push(np.zeros((len(true), 1)), stamps)
    assert [s.fresh for s in stretches].count(True) == 1
    times = np.concatenate([s.times_s for s in stretches])
    error = (times - true)[64 * 100 :]
    assert error.std() < 0.0005
    assert abs(error.mean() - 0.005 * np.log(2)) < 0.0005  # the median of the lateness
    assert abs(line.drift_ppm - ppm) < 40
    assert np.all(np.diff(times) > 0)


def broken() -> tuple[np.ndarray, np.ndarray]:
    rows, stamps = np.arange(640.0)[:, None].copy(), np.arange(640) / 64
    rows[100:103] = np.nan
    stamps[300:] += 0.7
    stamps[500:] -= 5.0
    return rows, stamps


@given(st.lists(st.integers(0, 640), max_size=10))
@settings(max_examples=30)
def test_breaks_do_not_depend_on_chunks(cuts) -> None:
    rows, stamps = broken()

    def run(parts):
        line = Timeline(64.0, "EEG")
        found = [s for part in parts for s in line.push(rows[part], stamps[part])]
        fresh = [(float(s.rows[0, 0]), s.reason) for s in found if s.fresh]
        return fresh, np.concatenate([s.rows for s in found]), np.concatenate([s.times_s for s in found])

    whole = run([np.arange(640)])
    chunked = run(np.split(np.arange(640), sorted(cuts)))
    assert chunked[0] == whole[0] == [
        (0.0, ""),
        (103.0, "3 samples of the EEG were not finite"),
        (300.0, "the EEG lost 0.7 s"),
        (500.0, "the EEG's clock went back 5 s"),
    ]  # fmt: skip
    np.testing.assert_array_equal(chunked[1], whole[1])
    np.testing.assert_allclose(chunked[2], whole[2], rtol=0, atol=1e-9)


def test_chunks_of_another_shape_are_refused() -> None:
    line = Timeline(64.0, "EEG")
    line.push(np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"\(n_times, 2\)"):
        line.push(np.zeros((3, 3)))
    with pytest.raises(DataError, match="a stamp a sample"):
        line.push(np.zeros((3, 2)), np.zeros(2))
