"""The house can be guessed: the rooms of every study have the same names, and no import goes in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("cogattn", "kernels", "psychophysics", "eeg", "apps")
ROOMS = ("config", "study", "trials", "measures", "summary", "figures", "people")
STUDIES = (
    "psychophysics/masking", "psychophysics/naming", "psychophysics/search", "psychophysics/scanpath",
    "eeg/aad", "eeg/efr", "cogattn/rehearsal",
)  # fmt: skip


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "cogattn" else ("cogattn", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    name_of(path): path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "__pycache__" not in path.parts and path.name != "__main__.py" and not path.name.startswith("test_")
}


def imported(tree: ast.AST) -> Iterator[str]:
    """Our modules that a source imports anywhere, inside functions too; those for type checkers alone aside."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        yield from imported(node)


GRAPH = {
    name: {found for found in imported(ast.parse(path.read_text(encoding="utf-8"))) if found in MODULES}
    - {name}
    for name, path in MODULES.items()
}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while (member := stack.pop()) != node:
                component.append(member)
            if component:
                found.append(sorted([node, *component]))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_no_import_goes_in_a_circle_not_even_inside_a_function() -> None:
    assert circles(GRAPH) == []


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_has_the_same_rooms(study: str) -> None:
    def is_there(room: str) -> bool:
        return any((ROOT / study / file).is_file() for file in (f"{room}.py", f"{room}/__init__.py"))

    missing = [room for room in ROOMS if not is_there(room)]
    assert missing == []


def test_all_studies_are_looked_at() -> None:
    with_a_study = {
        path.parent.relative_to(ROOT).as_posix()
        for folder in ("psychophysics", "eeg", "cogattn")
        for path in (ROOT / folder).rglob("study.py")
    }
    assert with_a_study - {"cogattn"} == set(STUDIES)
