"""One label for each person, whatever persons are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.eeg.derivatives.labels import labels_of
from cogattn.errors import DataError


def test_letters_and_digits_stay_and_the_prefix_goes() -> None:
    assert labels_of(["sub-01", "listener 2", "AV-GC_3"]) == {
        "sub-01": "01",
        "listener 2": "listener2",
        "AV-GC_3": "AVGC3",
    }


def test_persons_who_would_share_a_label_all_get_a_digest_capitals_or_not() -> None:
    found = labels_of(["S 1", "s-1", "S2"])
    assert found["S2"] == "S2"
    assert re.fullmatch(r"S1x[0-9a-f]{8}", found["S 1"])
    assert re.fullmatch(r"s1x[0-9a-f]{8}", found["s-1"])
    assert labels_of(["S2", "s-1", "S 1"]) == found  # no order counts


def test_a_name_without_letters_has_a_label() -> None:
    (label,) = labels_of(["--"]).values()
    assert re.fullmatch(r"x[0-9a-f]{8}", label)


def test_a_person_who_is_called_like_anothers_label_is_another() -> None:
    taken = labels_of(["a b", "ab"])["a b"]
    found = labels_of(["a b", "ab", taken])
    assert len(set(found.values())) == 3


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(DataError, match="persons must have different names; got 'S1' twice"):
        labels_of(["S1", "S2", "S1"])


@settings(max_examples=50)
@given(st.lists(st.text(alphabet="aAb1- _é", max_size=4), unique=True, max_size=8))
def test_no_two_persons_share_a_label(persons: list[str]) -> None:
    found = labels_of(persons)
    assert list(found) == persons
    assert all(re.fullmatch(r"[A-Za-z0-9]+", label) for label in found.values())
    assert len({label.casefold() for label in found.values()}) == len(persons)
