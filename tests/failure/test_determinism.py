"""Same content, same bytes: whatever the workers, order, hash seed or interruptions."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from cogattn.running.execute import Execution, open_run, run_study
from cogattn.running.records import CellList
from cogattn.running.store import RunFolder
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy

COIN = "cogattn.testing.coin:CoinStudy"
CONFIG = CoinConfig(n_cells=3, coins={"kind": "loaded", "heads": (0.1, 0.5)})


class ShuffledCoins(CoinStudy):
    """Plans the same cells in another order."""

    version: ClassVar[int] = 1

    def cells(self, config: CoinConfig) -> Sequence[CoinCell]:
        cells = list(super().cells(config))
        random.Random(3).shuffle(cells)
        return cells


def results_of(run: RunFolder) -> dict[str, bytes]:
    """All files but those that tell when and how the run was made, and its cells."""
    files = {
        path.relative_to(run.folder).as_posix(): path.read_bytes()
        for path in sorted(run.folder.rglob("*"))
        if path.is_file() and path.name not in ("provenance.json", "ro-crate-metadata.json", ".lock")
    }
    return files | cells_of(run)


def cells_of(run: RunFolder) -> dict[str, bytes]:
    return {cell.name: run.cells.path(cell.name).read_bytes() for cell in run.read(CellList).cells}


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return results_of(run_study(COIN, CONFIG, out=tmp_path_factory.mktemp("serial")))


@pytest.mark.slow
def test_two_workers_write_the_same_bytes_as_one_process(tmp_path: Path, serial: dict[str, bytes]) -> None:
    assert results_of(run_study(COIN, CONFIG, out=tmp_path, execution=Execution(workers=2))) == serial


def test_any_executor_writes_the_same_bytes(tmp_path: Path, serial: dict[str, bytes]) -> None:
    execution = Execution(workers=3, make_executor=ThreadPoolExecutor)
    assert results_of(run_study(COIN, CONFIG, out=tmp_path, execution=execution)) == serial


def test_another_order_of_cells_gives_the_same_trials(tmp_path: Path) -> None:
    target = f"{__name__}:ShuffledCoins"
    straight = run_study(COIN, CONFIG, out=tmp_path / "straight")
    shuffled = run_study(target, CONFIG, out=tmp_path / "shuffled")
    ours, theirs = ({c.label: c.name for c in run.read(CellList).cells} for run in (straight, shuffled))
    assert list(ours) != list(theirs)
    for label, name in ours.items():
        a, b = straight.cells.read(name)[1], shuffled.cells.read(theirs[label])[1]
        assert a.trials["tosses"].equals(b.trials["tosses"])


def test_a_resumed_run_is_the_same_as_a_fresh_one(tmp_path: Path, serial: dict[str, bytes]) -> None:
    run = run_study(COIN, CONFIG, out=tmp_path)
    for cell in run.read(CellList).cells[::2]:
        run.cells.path(cell.name).unlink()
    (run.folder / "trials" / "tosses.parquet").unlink()
    run_study(COIN, CONFIG, out=tmp_path)
    assert results_of(run) == serial


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(
    tmp_path: Path, serial: dict[str, bytes], hash_seed: str
) -> None:
    words = ["--n-cells", "3", "--coins.heads", "0.1", "0.5", "--coins.kind", "loaded", "--workers", "1"]
    command = [sys.executable, "-m", "cogattn.cli", COIN, *words, "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": hash_seed, "PATH": ""})
    assert results_of(open_run(COIN, CONFIG, tmp_path)) == serial
