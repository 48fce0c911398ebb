"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if not any(Path("/dev").glob("nvidia[0-9]*")):
    os.environ.setdefault("TRITON_INTERPRET", "1")  # before any test imports triton


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the repository; absent on most machines, and then the test says so."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real data in {folder.parent.name}/{folder.name} beside the repository")
    return folder
