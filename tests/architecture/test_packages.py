"""pyproject.toml says what is there: packages, entry points, version."""

from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import cogattn

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TOOL = PROJECT["tool"]["setuptools"]


def packages_in_the_folders() -> set[str]:
    found = set()
    for name, folder in TOOL["package-dir"].items():
        for path in (ROOT / folder).rglob("*.py"):
            below = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join([name, *below]))
    return found


def test_every_folder_with_code_is_a_package_and_is_listed() -> None:
    assert set(TOOL["packages"]) == packages_in_the_folders()


def test_every_package_has_an_init_file() -> None:
    for package in TOOL["packages"]:
        base = max((name for name in TOOL["package-dir"] if package.startswith(name)), key=len)
        below = package.removeprefix(base).strip(".").replace(".", "/")
        assert (ROOT / TOOL["package-dir"][base] / below / "__init__.py").is_file(), package


def test_entry_points_lead_somewhere() -> None:
    targets = dict(PROJECT["project"]["scripts"])
    for group in PROJECT["project"]["entry-points"].values():
        targets |= group
    for name, target in targets.items():
        module, _, attribute = target.partition(":")
        assert hasattr(importlib.import_module(module), attribute), f"{name} = {target}"


def test_the_version_is_told_once_in_each_place() -> None:
    dynamic = "version" in PROJECT["project"].get("dynamic", [])
    assert dynamic or PROJECT["project"]["version"] == cogattn.__version__


def test_package_data_are_there() -> None:
    for package, patterns in TOOL.get("package-data", {}).items():
        if package == "*":
            continue  # stubs and py.typed, wherever they lie
        base = max((name for name in TOOL["package-dir"] if package.startswith(name)), key=len)
        folder = ROOT / TOOL["package-dir"][base] / package.removeprefix(base).strip(".").replace(".", "/")
        for pattern in patterns:
            assert list(folder.glob(pattern)), f"{package}: {pattern}"
