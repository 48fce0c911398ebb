"""Every registered study conforms."""

from __future__ import annotations

import pytest

from cogattn.registry import load_study, study_entry_points
from cogattn.study import Study
from cogattn.testing.coin import CoinStudy
from cogattn.testing.conformance import CHECKS, Check


@pytest.fixture(scope="module", params=["coin", *study_entry_points()])
def study(request: pytest.FixtureRequest) -> Study:
    """One study after the other; their demo runs once for all checks."""
    return CoinStudy() if request.param == "coin" else load_study(request.param)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(study: Study, check: Check) -> None:
    """A study holds what the store, the command line and the dashboard rely on."""
    check(study)
