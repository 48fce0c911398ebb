from __future__ import annotations

import pytest

from cogattn.errors import ConfigError, DataError
from cogattn.measures import PEOPLE_COLUMNS
from cogattn.people import persons


def test_a_study_brings_its_people_along() -> None:
    found = persons("masking")
    assert tuple(found.columns) == PEOPLE_COLUMNS
    assert found["person"].nunique() == 14
    assert {"bandwidth", "centre", "peak_sensitivity"} <= set(found["measure"])


def test_group_means_are_no_people() -> None:
    with pytest.raises(
        DataError, match=r"^cogattn\.testing\.coin:CoinStudy must bring persons along; got group means"
    ):
        persons("cogattn.testing.coin:CoinStudy")


def test_a_study_must_be_there() -> None:
    with pytest.raises(ConfigError, match="did you mean masking"):
        persons("maskin")
