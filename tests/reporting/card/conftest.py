"""Stores with coins among tossers, read as cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cogattn.reporting.card import chosen
from cogattn.running.execute import Execution, run_study
from cogattn.study import Study
from cogattn.testing.coin import CoinConfig, CoinStudy, LoadedCoins
from cogattn.testing.tossers import COINS, CardedCoins, CrowdStudy, DreamtStudy, TossersStudy

STUDIES: tuple[type[CoinStudy], ...] = (CardedCoins, CrowdStudy, DreamtStudy, TossersStudy)


def register(monkeypatch: pytest.MonkeyPatch, studies: Sequence[type[CoinStudy]]) -> None:
    """Let a card know these studies and no other."""
    by_name: dict[str, Study] = {study.name: study() for study in studies}
    monkeypatch.setattr(chosen, "study_entry_points", lambda: dict.fromkeys(by_name))
    monkeypatch.setattr(chosen, "load_study", by_name.__getitem__)


@pytest.fixture
def coins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards of coins."""
    register(monkeypatch, STUDIES)


@pytest.fixture(scope="module")
def tossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both coins through all studies, under the card's settings."""
    store = tmp_path_factory.mktemp("tossed")
    for study in STUDIES:
        for name in COINS:
            config = study().carded(name)
            assert config is not None
            run_study(study(), config, out=store, execution=Execution(workers=1), argv=())
    return store


@pytest.fixture
def others() -> CoinConfig:
    """Settings that are not the card's."""
    return CoinConfig(coins=LoadedCoins(heads=(0.5,)), n_cells=2)
