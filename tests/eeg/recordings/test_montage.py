"""Electrodes are found by name, in any case, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.recordings.montage import fills_a_map, front_to_back, head_info, standard_channels


@pytest.mark.parametrize("n", [2, 16, 64, 65, 128, 256])
def test_standard_channels_differ_and_have_places(n: int) -> None:
    names = standard_channels(n)
    assert len(set(names)) == n
    info = head_info(names)
    assert info is not None
    assert info.ch_names == list(names)


def test_places_run_from_front_to_back() -> None:
    places = front_to_back(["Fpz", "Cz", "Oz"])
    assert places[0] == 0
    assert 0.3 < places[1] < 0.7
    assert places[2] == 1


def test_names_are_matched_in_any_case_and_an_unknown_one_gives_no_head() -> None:
    info = head_info(["FZ", "cz", "Pz", "TP9"])
    assert info is not None
    assert info.ch_names == ["Fz", "Cz", "Pz", "TP9"]
    assert head_info(["Fz", "E999x"]) is None
    assert head_info(["Fz", "fz"]) is None
    np.testing.assert_array_equal(front_to_back(["x1", "x2", "x3"]), [0, 0.5, 1])


def test_a_map_is_drawn_between_electrodes_that_lie_on_no_line() -> None:
    for names in (["Fz", "Cz", "Pz", "C3"], ["F3", "F4", "Cz"], standard_channels(64)):
        info = head_info(names)
        assert info is not None
        assert fills_a_map(info), names
    for names in (["Fz", "Cz", "Pz", "Oz"], ["T7", "C3", "Cz", "T8"], ["Fz", "Cz"], ["Cz"]):
        info = head_info(names)
        assert info is not None
        assert not fills_a_map(info), names
