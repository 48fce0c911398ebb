"""Simulated people, as the benchmark draws them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "people.py"


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """The benchmark, for what it draws."""
    spec = importlib.util.spec_from_file_location("people_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
