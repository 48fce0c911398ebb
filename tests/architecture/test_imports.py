"""Dependencies run one way: kernels <- cogattn <- {psychophysics, eeg} <- apps; read from the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "cogattn": "cogattn",
    "cogattn.kernels": "kernels",
    "cogattn.psychophysics": "psychophysics",
    "cogattn.eeg": "eeg",
    "cogattn.apps": "apps",
}
MAY_IMPORT = {
    "kernels": {"kernels"},
    "cogattn": {"cogattn", "kernels"},
    "psychophysics": {"psychophysics", "cogattn", "kernels"},
    "eeg": {"eeg", "cogattn", "kernels"},
    "apps": {"apps", "cogattn"},
}
STUDY_FOLDERS = {"psychophysics", "eeg"}
NO_TORCH = {"torch", "torchvision", "timm", "triton"}


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def module_name(path: Path) -> str:
    """``psychophysics/masking/study.py`` installs as ``cogattn.psychophysics.masking.study``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "cogattn" else ("cogattn", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str | None:
    """The folder that an imported module lives in; None for other distributions."""
    if module.partition(".")[0] != "cogattn":
        return None
    second = ".".join(module.split(".")[:2])
    return FOLDERS.get(second, "cogattn")


def imports(path: Path, *, only_at_import: bool = False) -> Iterator[str]:
    """Absolute names of what a module imports; at its own import only, if asked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _outside_functions(tree) if only_at_import else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module_name(path).split(".")
                package = package if path.name == "__init__.py" else package[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _outside_functions(child)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_no_module_imports_upwards_or_sideways(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(folder)
        for module in imports(path)
        if (layer := layer_of(module)) is not None and layer not in MAY_IMPORT[folder]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_no_module_imports_a_folder_by_its_bare_name(folder: str) -> None:
    bare = set(FOLDERS.values()) - {"cogattn"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(folder)
        for module in imports(path)
        if module.partition(".")[0] in bare
    ]
    assert wrong == []


def test_the_command_line_and_the_dashboard_reach_studies_through_the_registry_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in [*sources("cogattn"), *sources("apps")]
        for module in imports(path)
        if layer_of(module) in STUDY_FOLDERS
    ]
    assert wrong == []


def test_no_name_of_a_study_stands_in_the_core() -> None:
    """A core that names a study in a string would know it all the same."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in [*sources("cogattn"), *sources("apps")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "\n" not in node.value
        and " " not in node.value
        and any(f"cogattn.{name}." in node.value for name in STUDY_FOLDERS)
    ]
    assert wrong == []


def must_not_load_torch() -> list[str]:
    """Modules on the way to ``--help``: the command line, all that it imports, and studies with their settings."""
    names = [
        "cogattn",
        "cogattn.registry",
        "cogattn.running.store",
        "cogattn.running.execute",
        "cogattn.running.executors",
        "cogattn.fetch",
    ]
    names += [module_name(path) for path in sources("cogattn/cli") if path.name != "__main__.py"]
    for folder in ("cogattn", "psychophysics", "eeg"):
        names += [
            module_name(p) for p in sources(folder) if p.name in ("config.py", "study.py", "datasets.py")
        ]
    return sorted(set(names))


def test_configs_studies_and_the_command_line_load_without_torch() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {must_not_load_torch()!r}:\n"
        "    importlib.import_module(name)\n"
        f"    loaded = {NO_TORCH!r} & set(sys.modules)\n"
        "    assert not loaded, f'{name} loads {sorted(loaded)}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("folder", ["kernels", "eeg", "psychophysics", "apps"])
def test_a_folder_refuses_its_bare_name(folder: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {folder}"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1
    assert f"this folder installs as cogattn.{folder}" in done.stderr
