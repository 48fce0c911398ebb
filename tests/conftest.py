"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(
        name, "1"
    )  # parallel workers share the cores; read when numpy and torch are imported
sys.path.append(
    str(Path(__file__).resolve().parents[1])
)  # spawned processes import test modules by their names
if not any(Path("/dev").glob("nvidia[0-9]*")):
    os.environ.setdefault("TRITON_INTERPRET", "1")  # before any test imports triton

settings.register_profile("unhurried", settings(), deadline=None)  # a busy machine is not a failure
settings.load_profile("unhurried")
gc.set_threshold(50_000, 20, 50)  # tests and libraries are millions of objects: a tenth of the time


def pytest_collection_finish() -> None:
    """Let the collector of garbage look at what tests make, and never again at the tests themselves."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_numbers_each_time() -> None:
    """What a test draws from torch's own stream it draws again in the next run."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the repository; absent on most machines, and then the test says so."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real data in {folder.parent.name}/{folder.name} beside the repository")
    return folder
