"""Ten thousand cells in one run whose driver is killed at ten points: nothing lost, nothing grows, the same table."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from test_kills import COIN, cells_of

from cogattn.running.catalogue import verify, verify_deep
from cogattn.running.execute import Execution, open_run, run_study
from cogattn.testing.coin import CoinConfig, FairCoins

pytestmark = pytest.mark.nightly
N_COINS, CELLS_A_COIN, N_KILLS = 10, 1_000, 10
N_CELLS = N_COINS * CELLS_A_COIN
CONFIG = CoinConfig(coins=FairCoins(n=N_COINS), n_cells=CELLS_A_COIN)
WORDS = (COIN, "--coins.n", N_COINS, "--n-cells", CELLS_A_COIN, "--workers", 2)
MOST_GROWN = 30e6  # bytes of a driver, in 7,000 cells


def test_ten_thousand_cells_survive_ten_killed_drivers(start_cli, tmp_path: Path) -> None:
    run = open_run(COIN, CONFIG, tmp_path / "killed")
    shares = np.sort(np.random.default_rng(0).uniform(0.02, 0.98, N_KILLS))
    computed_again = 0
    for share in shares:
        driver = start_cli(*WORDS, "--out", tmp_path / "killed")
        before = cells_of(run)
        while len(cells_of(run)) < share * N_CELLS:
            assert driver.poll() is None, driver.communicate()
            time.sleep(0.3)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        after = cells_of(run)
        computed_again += sum(after[name] != then for name, then in before.items())
    assert computed_again == 0

    last = start_cli(*WORDS, "--out", tmp_path / "killed")
    last.communicate()
    assert last.returncode == 0
    assert len(cells_of(run)) == N_CELLS
    assert verify(run) == []
    assert verify_deep(run, study=COIN) == []

    whole = run_study(COIN, CONFIG, out=tmp_path / "whole", execution=Execution(workers=2))
    for name in ("trials/tosses.parquet", "tables/summary.csv", "figures/heads.png"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_driver_of_ten_thousand_cells_does_not_grow(start_cli, tmp_path: Path) -> None:
    run = open_run(COIN, CONFIG, tmp_path)
    driver, seen = start_cli(*WORDS, "--out", tmp_path), {}
    process = psutil.Process(driver.pid)
    while driver.poll() is None:
        n = len(cells_of(run))
        if 0 < n < N_CELLS:
            seen[n] = process.memory_info().rss, process.num_fds()
        time.sleep(0.3)
    assert driver.returncode == 0
    early, late = (seen[min(seen, key=lambda n: abs(n - share * N_CELLS))] for share in (0.2, 0.9))
    assert late[0] - early[0] < MOST_GROWN
    assert late[1] <= early[1] + 4
