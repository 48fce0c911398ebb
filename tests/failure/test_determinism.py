"""Same settings and version, same bytes: whatever the workers, order, hash seed or interruptions."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from cogattn.registry import load_study
from cogattn.running.execute import open_run, plan, run_study
from cogattn.running.store import Run
from cogattn.study import Cell
from cogattn.testing.coin import CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
CONFIG = CoinConfig(n_cells=3, coins={"kind": "loaded", "heads": (0.1, 0.5)})


class ShuffledCoins(CoinStudy):
    """Plans the same cells in another order."""

    name: ClassVar[str] = "shuffled"

    def cells(self, config: CoinConfig) -> Sequence[Cell]:
        cells = list(super().cells(config))
        random.Random(3).shuffle(cells)
        return cells


def results_of(run: Run) -> dict[str, bytes]:
    """All files but those that tell when and how the run was made."""
    return {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in sorted(run.folder.rglob("*"))
        if path.is_file() and path.name not in ("provenance.json", "MANIFEST.json", ".lock")
    }


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    run, _ = run_study(COIN, CONFIG, out=tmp_path_factory.mktemp("serial"), workers=1)
    return results_of(run)


def test_two_workers_write_the_same_bytes_as_one_process(tmp_path: Path, serial: dict[str, bytes]) -> None:
    run, _ = run_study(COIN, CONFIG, out=tmp_path, workers=2)
    assert results_of(run) == serial


def test_any_executor_writes_the_same_bytes(tmp_path: Path, serial: dict[str, bytes]) -> None:
    run, _ = run_study(COIN, CONFIG, out=tmp_path, workers=3, make_executor=ThreadPoolExecutor)
    assert results_of(run) == serial


def test_another_order_of_cells_gives_the_same_cells(tmp_path: Path, serial: dict[str, bytes]) -> None:
    run, _ = run_study(f"{__name__}:ShuffledCoins", CONFIG, out=tmp_path)
    cells = {name: data for name, data in results_of(run).items() if name.startswith("cells/")}
    assert cells == {name: data for name, data in serial.items() if name.startswith("cells/")}


def test_a_resumed_run_is_the_same_as_a_fresh_one(tmp_path: Path, serial: dict[str, bytes]) -> None:
    run, _ = run_study(COIN, CONFIG, out=tmp_path)
    for cell in plan(load_study(COIN), CONFIG)[::2]:
        next((run.folder / "cells").glob(f"{cell.key}-*")).unlink()
    (run.folder / "trials.parquet").unlink()
    run_study(COIN, CONFIG, out=tmp_path)
    assert results_of(run) == serial


@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(
    tmp_path: Path, serial: dict[str, bytes], hash_seed: str
) -> None:
    words = ["--n-cells", "3", "--coins.heads", "0.1", "0.5", "--coins.kind", "loaded", "--workers", "1"]
    command = [sys.executable, "-m", "cogattn.cli", COIN, *words, "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": hash_seed, "PATH": ""})
    assert results_of(open_run(COIN, CONFIG, tmp_path)) == serial
