"""Every example in a docstring runs as it is written."""

from __future__ import annotations

import doctest
import importlib
import tomllib
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
SKIPPED = {
    "cogattn.api": "a stored run, and minutes",
    "cogattn.reporting.card.model": "stored runs",
    "cogattn.sweeps.api": "minutes",
}
"""Modules with examples that do not run, and what these would need."""


def modules_with_examples() -> list[str]:
    found = []
    for package, folder in TOOL["package-dir"].items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                below = path.relative_to(ROOT / folder).with_suffix("").parts
                found.append(".".join([package, *(part for part in below if part != "__init__")]))
    return found


MODULES = modules_with_examples()


def examples_of(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    told: list[str] = []
    for test in examples_of(module):
        runner.run(test, out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)


def test_examples_that_do_not_run_are_few_and_known() -> None:
    skipped = {
        module
        for module in MODULES
        for test in examples_of(module)
        if any(doctest.SKIP in example.options for example in test.examples)
    }
    assert skipped == SKIPPED.keys()


def test_examples_are_found() -> None:
    assert len(MODULES) > 15
    assert sum(len(examples_of(module)) for module in MODULES) >= len(MODULES)
