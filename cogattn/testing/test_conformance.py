"""Every registered study conforms."""

from __future__ import annotations

import pytest

from cogattn.registry import load_study, study_entry_points
from cogattn.study import Study
from cogattn.testing.conformance import CHECKS, Check

COIN = "cogattn.testing.coin:CoinStudy"


@pytest.fixture(scope="module", params=["coin", *study_entry_points()])
def study(request: pytest.FixtureRequest) -> Study:
    """One study after the other; their demo runs once for all checks."""
    return load_study(COIN if request.param == "coin" else request.param)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(study: Study, check: Check) -> None:
    """A study holds what the store, the command line and the dashboard rely on."""
    check(study)
