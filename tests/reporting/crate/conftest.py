"""A finished run that tests may damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cogattn.running.execute import run_study
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
CONFIG = CoinConfig(n_cells=1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_study(
        COIN, CONFIG, out=tmp_path_factory.mktemp("store"), argv=["cogattn", COIN, "--n-cells", "1"]
    )


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.root, tmp_path / "store")
    return RunFolder(tmp_path / "store", finished.study, finished.id)
