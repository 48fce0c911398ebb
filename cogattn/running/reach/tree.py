"""A module's syntax tree cut into its top-level definitions; nothing is executed.

A `Unit` is what is followed: a function, a class, an assignment, or a statement that runs when the module is
imported. Its digest is that of the syntax tree: comments, docstrings, formatting and line numbers are no part of it.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from cogattn.running.reach.names import (
    Imported,
    Scope,
    Uses,
    bound_names,
    imported,
    is_constant,
    is_typing,
    uses_of,
)
from cogattn.syntax import parse_source

Kind = Literal["function", "class", "assignment", "statement"]
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_KINDS: dict[type[ast.AST], Kind] = {
    ast.FunctionDef: "function",
    ast.AsyncFunctionDef: "function",
    ast.ClassDef: "class",
}
_UNWRITTEN = {"ctx", "type_comment", "kind", "type_ignores"}


@dataclass(eq=False)
class Unit:
    """A top-level definition or statement of a module."""

    label: str
    kind: Kind
    node: ast.stmt
    package: str
    """What relative imports inside it start from."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its syntax tree."""
        return tree_digest(self.node)

    @cached_property
    def uses(self) -> Uses:
        """What it refers to."""
        return uses_of([self.node], self.package)

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Calls that run when its module is imported, those of its decorators aside."""
        return calls_at_import(self.node)

    @property
    def body(self) -> list[ast.stmt]:
        """Statements of a class, those aside that do nothing; none of anything else."""
        body = self.node.body if isinstance(self.node, ast.ClassDef) else []
        return [node for node in body if not _is_void(node)]


@dataclass(eq=False)
class Syntax:
    """A module: what its top-level names are bound to, and what runs when it is imported."""

    name: str
    package: str
    units: list[Unit] = field(default_factory=list)
    bindings: dict[str, list[Unit | Imported]] = field(default_factory=dict)
    typing: dict[str, list[Unit | Imported]] = field(default_factory=dict)
    """Names bound for type checkers alone."""
    main: list[Unit] = field(default_factory=list)
    """Statements under ``if __name__ == "__main__":``."""
    imports: list[Imported] = field(default_factory=list)
    """Executed when the module is."""
    stars: list[str] = field(default_factory=list)
    order: list[Unit | str] = field(default_factory=list)
    """Units and imports, as they follow each other."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Names of a notebook whose values have no source, with their types."""

    @cached_property
    def read(self) -> set[str]:
        """Names that the module itself reads somewhere."""
        nodes = (node for unit in self.units for node in ast.walk(unit.node))
        return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}

    def add(self, node: ast.stmt) -> None:
        """Add a statement to the end of the module."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._add_import(node)
        elif is_typing(node) and isinstance(node, ast.If):
            hidden = Syntax(self.name, self.package)
            hidden.extend(node.body)
            self.typing |= hidden.bindings
            self.extend(node.orelse)
        elif _is_main(node):
            self.main.append(Unit("<__main__>", "statement", node, self.package))
        elif not is_constant(node):
            self._add_unit(node)

    def extend(self, body: Sequence[ast.stmt]) -> None:
        """Add statements to the end of the module."""
        for node in body:
            self.add(node)

    def _add_unit(self, node: ast.stmt) -> None:
        names = sorted(bound_names(node))
        kind = _KINDS.get(type(node)) or ("assignment" if _is_assignment(node) else "statement")
        label = ",".join(names) if kind != "statement" else f"<{','.join(names) or type(node).__name__}>"
        unit = Unit(label, kind, node, self.package)
        self.units.append(unit)
        self.order.append(unit)
        for name in names:
            self.bindings.setdefault(name, []).append(unit)
        for inner in run_with(node) if kind == "statement" else ():
            if isinstance(inner, ast.Import | ast.ImportFrom):
                self._add_import(inner)

    def add_global_imports(self, tree: ast.AST) -> None:
        """Add what imports inside functions bind for the whole module (``global signal; from scipy import signal``)."""
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                scope = Scope.of(node.body)
                for inner in scope.imports:
                    for name, target in imported(inner, self.package):
                        if name in scope.global_names:
                            self.bindings.setdefault(name, []).append(target)

    def _add_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, target in imported(node, self.package):
            self.order.append(f"{name} = {target.text}")
            if name == "*":
                self.stars.append(target.module)
                self.imports.append(Imported(target.module))
            else:
                self.bindings.setdefault(name, []).append(target)
                self.imports.append(target)
        if isinstance(node, ast.Import):
            self.imports += [Imported(alias.name) for alias in node.names]


@lru_cache(maxsize=4096)
def parse(source: bytes, name: str, *, is_package: bool = False) -> Syntax:
    """Cut source text into units, once for each text.

    Raises
    ------
    SyntaxError, ValueError
        If it is not Python.
    """
    found = Syntax(name, name if is_package else name.rpartition(".")[0])
    tree = parse_source(source)
    found.extend(tree.body)
    if b"global" in source:
        found.add_global_imports(tree)
    times: dict[str, Iterator[int]] = {}
    for unit in found.units:  # a name that is defined twice has two units
        again = next(times.setdefault(unit.label, itertools.count(1)))
        unit.label += f"#{again}" if again > 1 else ""
    return found


def tree_digest(node: ast.AST) -> str:
    """SHA-256 of a syntax tree without docstrings, type comments and positions."""
    pieces: list[str] = []
    _write(node, pieces)
    return hashlib.sha256("".join(pieces).encode(errors="surrogatepass")).hexdigest()


def _write(value: object, pieces: list[str]) -> None:
    """Append a spelling of a tree that is the same in every version of Python: what is empty is left out."""
    if isinstance(value, ast.AST):
        pieces.append(f"{type(value).__name__}(")
        for name in value._fields:
            inner = getattr(value, name, None)
            if name not in _UNWRITTEN and inner is not None and inner != []:
                pieces.append(f"{name}=")
                _write(inner, pieces)
        pieces.append("None)" if isinstance(value, ast.Constant) and value.value is None else ")")
    elif isinstance(value, list):
        pieces.append("[")
        for item in value:
            if not _is_void(item):
                _write(item, pieces)
                pieces.append(",")
        pieces.append("]")
    else:
        pieces.append(f"{type(value).__name__} {value!r}")


def _is_void(node: object) -> bool:
    """Whether it does nothing: a docstring, ``...`` or ``pass``."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and is_constant(node))


def _is_assignment(node: ast.stmt) -> bool:
    """Whether it does nothing but bind names; ``_ = register(x)`` is a call."""
    if isinstance(node, ast.Assign):
        flat = [inner for target in node.targets for inner in getattr(target, "elts", [target])]
        return all(
            isinstance(target, ast.Name | ast.Starred) and getattr(target, "id", "") != "_" for target in flat
        )
    return isinstance(node, ast.AnnAssign) or type(node).__name__ == "TypeAlias"


def _is_main(node: ast.stmt) -> bool:
    """Whether it is ``if __name__ == "__main__":``, which does not run when the module is imported."""
    match node:
        case ast.If(test=ast.Compare(left=one, ops=[ast.Eq()], comparators=[other]), orelse=[]):
            sides = {getattr(side, "id", "") or getattr(side, "value", "") for side in (one, other)}
            return sides == {"__name__", "__main__"}
    return False


def run_with(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs together with a statement: all inside it but the bodies of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Definition | ast.Lambda):
            yield child
            yield from run_with(child)


def run_at_import(node: ast.AST | None) -> Iterator[ast.AST]:
    """Yield all that is evaluated when a top-level statement is: all of it but the bodies of functions."""
    if node is None:
        return
    yield node
    children: Iterable[ast.AST | None] = ast.iter_child_nodes(node)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        children = [*decorators, *node.args.defaults, *node.args.kw_defaults]
    for child in children:
        yield from run_at_import(child)


def calls_at_import(node: ast.AST) -> list[ast.Call]:
    """Return the calls that run with a statement, those of its own decorators aside."""
    decorators = {id(decorator) for decorator in getattr(node, "decorator_list", ())}
    return [
        inner for inner in run_at_import(node) if isinstance(inner, ast.Call) and id(inner) not in decorators
    ]
