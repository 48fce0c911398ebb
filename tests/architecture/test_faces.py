"""What is exported is public: every package's stub says what there is, and completion shows it and nothing else."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUBS = sorted(
    path
    for folder in ("cogattn", "kernels", "psychophysics", "eeg", "apps")
    for path in (ROOT / folder).rglob("__init__.pyi")
)


def package_of(stub: Path) -> str:
    parts = stub.parent.relative_to(ROOT).parts
    return ".".join(parts if parts[0] == "cogattn" else ("cogattn", *parts))


def exported(stub: Path) -> list[str]:
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise AssertionError(f"{stub} must have __all__")


def test_every_face_has_a_stub() -> None:
    assert {package_of(stub) for stub in STUBS} >= {
        "cogattn", "cogattn.observers", "cogattn.attention", "cogattn.psychophysics.masking",
        "cogattn.psychophysics.naming", "cogattn.psychophysics.scanpath", "cogattn.psychophysics.search",
        "cogattn.eeg.aad", "cogattn.eeg.efr", "cogattn.rehearsal",
    }  # fmt: skip


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_every_exported_name_is_there_documented_and_shown(stub: Path) -> None:
    module = importlib.import_module(package_of(stub))
    names = exported(stub)
    assert len(set(names)) == len(names)
    assert sorted(dir(module)) == sorted(names)
    for name in names:
        value = getattr(module, name)
        assert not name.startswith("_")
        if callable(value):
            assert value.__doc__, f"{package_of(stub)}.{name}"


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_a_stub_imports_what_it_exports_and_nothing_else(stub: Path) -> None:
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    imported = [
        alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert sorted(filter(None, imported)) == sorted(exported(stub))


@pytest.mark.parametrize("study", ["masking", "naming", "search", "scanpath", "aad", "efr", "rehearsal"])
def test_every_study_exports_its_class_and_its_settings(study: str) -> None:
    folders = {"aad": "eeg.", "efr": "eeg.", "rehearsal": ""}
    module = importlib.import_module(f"cogattn.{folders.get(study, 'psychophysics.')}{study}")
    assert {f"{study.capitalize()}Study", f"{study.capitalize()}Config"} <= set(dir(module))
