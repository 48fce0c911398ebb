"""Rules of the house that the source can be asked about: docstrings, exceptions, asserts, pickles, environment."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("cogattn", "kernels", "psychophysics", "eeg", "apps")
SOURCES = sorted(
    p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
EDGES = (
    "cogattn/cli",
    "apps",
    "cogattn/running/executors.py",
    "cogattn/testing/conformance.py",
    "cogattn/running/environment.py",
    "cogattn/running/digests.py",
)
"""Places that may look at the environment: the command line, the dashboard, what starts or describes processes,
and the index of digests, which lies where the downloads do."""


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def public_names(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The module, its public functions and classes, and the public methods of those classes."""
    yield "module", tree
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, definitions) and not node.name.startswith("_"):
            yield node.name, node
            for inner in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(inner, definitions) and not inner.name.startswith("_"):
                    yield f"{node.name}.{inner.name}", inner


def test_every_public_name_has_a_docstring() -> None:
    missing = [
        f"{where(path, node)} {name}"
        for path, tree in TREES.items()
        for name, node in public_names(tree)
        if not ast.get_docstring(node) and "overload" not in ast.unparse(node).partition("def")[0]
    ]
    assert missing == []


def test_no_exception_is_caught_without_a_name() -> None:
    bare = [
        where(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert bare == []


def test_no_caught_exception_is_dropped_silently() -> None:
    """``except ...: pass`` must say why in a comment on its line."""
    silent = [
        where(path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and len(node.body) == 1
        and isinstance(node.body[0], ast.Pass)
        and "#" not in path.read_text(encoding="utf-8").splitlines()[node.body[0].lineno - 1]
    ]
    assert silent == []


def test_no_assert_stands_between_a_user_and_a_sentence() -> None:
    asserts = [
        where(p, node) for p, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, ast.Assert)
    ]
    assert asserts == []


@functools.cache
def all_calls() -> dict[str, list[tuple[Path, ast.Call]]]:
    found: dict[str, list[tuple[Path, ast.Call]]] = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found.setdefault(ast.unparse(node.func), []).append((path, node))
    return found


def calls(name: str) -> list[tuple[Path, ast.Call]]:
    return all_calls().get(name, [])


def test_nothing_unpickles_or_evaluates() -> None:
    forbidden = ("eval", "exec", "pickle.load", "pickle.loads", "joblib.load", "torch.hub.load", "os.system")
    assert [where(*call) for name in forbidden for call in calls(name)] == []


def test_one_place_unpickles_what_our_own_process_has_signed() -> None:
    """A live network on its way to a worker; SECURITY.md says so."""
    places = {
        path.relative_to(ROOT).as_posix()
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Pickler.loads", "Unpickler"))
    }
    assert places == {"cogattn/observers/live.py"}


def test_torch_loads_weights_only_and_numpy_no_pickles() -> None:
    for path, call in calls("torch.load"):
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        assert options.get("weights_only") == "True", where(path, call)
    for path, call in calls("np.load"):
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        assert options.get("allow_pickle", "False") == "False", where(path, call)


def test_no_random_stream_is_global() -> None:
    """torch's global stream may be seeded where it is put back: inside ``torch.random.fork_rng``."""
    forbidden = ("np.random.seed", "random.seed", "np.random.rand", "np.random.randn", "np.random.normal")
    assert [where(*call) for name in forbidden for call in calls(name)] == []
    forked = {
        where(path, node)
        for path, tree in TREES.items()
        for block in ast.walk(tree)
        if isinstance(block, ast.With) and any("fork_rng" in ast.unparse(item) for item in block.items)
        for node in ast.walk(block)
        if isinstance(node, ast.Call)
    }
    assert [where(*call) for call in calls("torch.manual_seed") if where(*call) not in forked] == []


def test_the_environment_is_read_at_the_edges_only() -> None:
    """Triton's own switch aside, which says that there is no GPU to compile for."""
    readers = [
        where(path, node)
        for path, tree in TREES.items()
        if not path.relative_to(ROOT).as_posix().startswith(EDGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in ("os.environ", "os.getenv")
        and "TRITON_INTERPRET" not in path.read_text(encoding="utf-8").splitlines()[node.lineno - 1]
    ]
    assert readers == []


@pytest.mark.parametrize("name", ["utils.py", "helpers.py", "common.py", "misc.py"])
def test_no_module_is_a_drawer_for_everything(name: str) -> None:
    assert [path for path in SOURCES if path.name == name] == []


def test_every_data_path_in_the_source_is_relative() -> None:
    machine = [
        f"{where(path, node)} {node.value}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(("/home/", "/root/", "/work/", "/Users/", "/tmp/"))
    ]
    assert machine == []
