"""The disk is full: a named error, no partial file, and the run goes on when there is room."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import StoreError
from cogattn.running.atomic import write_atomically
from cogattn.running.catalogue import verify
from cogattn.running.cells import CellStore
from cogattn.running.execute import open_run, run_study
from cogattn.running.records import CellRecord
from cogattn.study import Outcome
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond `n_bytes`; the kernel then refuses writes as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_cell_that_does_not_fit_leaves_no_part_of_it(tmp_path: Path) -> None:
    store, tables = CellStore(tmp_path, "coin"), {"x": {"x": "float64"}}
    record = CellRecord(
        study="coin", cell={}, settings={}, contents={}, code="", libraries={}, device="", cpu=""
    )
    trials = pd.DataFrame({"x": np.random.default_rng(0).random(100_000)})
    with (
        largest_file(64 * 1024),
        pytest.raises(StoreError, match=f"{record.name}.zip must be writable; got File too large"),
    ):
        store.write(record, Outcome({"x": trials}), tables)
    assert files_below(tmp_path) == set()
    store.write(record, Outcome({"x": trials}), tables)
    assert store.read(record.name)[1].trials["x"].equals(trials)


def test_an_older_file_survives_a_failed_replacement(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_atomically(path, b"old")
    with largest_file(1024), pytest.raises(StoreError, match=r"table.csv must be writable"):
        write_atomically(path, b"n" * 2048)
    assert path.read_bytes() == b"old"
    assert files_below(tmp_path) == {"table.csv"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_on_a_full_disk_is_one_sentence_and_resumes_with_room(tmp_path: Path, workers: int) -> None:
    words = (COIN, "--tosses", "20000", "--n-cells", "2", "--out", str(tmp_path), "--workers", str(workers))
    script = (
        "import resource, sys\n"
        "from cogattn.cli import main\n"
        "if __name__ == '__main__':\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))\n"
        f"    sys.exit(main({list(words)!r}))\n"
    )
    (tmp_path / "limited.py").write_text(script)
    done = subprocess.run(
        [sys.executable, tmp_path / "limited.py"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "must be writable; got File too large" in done.stderr
    run = open_run(COIN, CoinConfig(tosses=20000, n_cells=2), tmp_path)
    assert not list((tmp_path / "cells").rglob("*.zip"))
    assert not list(tmp_path.rglob("*.tmp"))
    run_study(COIN, CoinConfig(tosses=20000, n_cells=2), out=tmp_path)
    assert verify(run) == []
