"""A module's syntax tree cut into its top-level definitions, each with the names it uses; nothing is executed.

A `Unit` is what `cogattn.running.code` follows: a function, a class, an assignment, or a statement that runs when
the module is imported. Its digest is that of the syntax tree: comments, docstrings, formatting and line numbers
are not part of it.
"""

from __future__ import annotations

import ast
import hashlib
import io
import itertools
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Kind = Literal["function", "class", "assignment", "statement"]
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TRIES = (ast.Try, ast.TryStar)
_PARSERS = {
    "partition",
    "rpartition",
    "split",
    "rsplit",
    "strip",
    "removeprefix",
    "removesuffix",
    "get",
    "str",
}
"""Calls whose result is still a name that somebody wrote down, not one put together here."""
_NO_CODE = {"files", "getLogger", "version", "metadata", "distribution", "get_data", "as_file", "open_text"}
"""Calls that take the name of a module and do not import what is in it."""
_PACKAGE_SEARCH = {"iter_modules", "walk_packages", "run_module", "run_path", "resolve_name"}


class Imported(NamedTuple):
    """What an import statement binds: a module, or a name in it."""

    module: str
    name: str = ""

    @property
    def text(self) -> str:
        """One spelling for all that bind the same."""
        return f"{self.module}:{self.name}" if self.name else self.module


class Use(NamedTuple):
    """A name that code uses, with the attributes read from it."""

    origin: str | Imported
    """A global of the module, or what an import inside the function binds."""
    attributes: tuple[str, ...] = ()


@dataclass
class Uses:
    """All that a piece of code refers to.

    Parameters
    ----------
    names : set of Use
        Globals and locally imported names.
    own : set of tuple of str
        Attributes read from ``self``, ``cls`` or ``super()``; an empty one: the object is used as a whole.
    imports : set of Imported
        Executed when the code runs.
    texts : set of str
        Its string constants.
    patterns : set of str
        Its f-strings, with ``*`` for what is filled in.
    resources : set of str
        Packages whose files it reads.
    dynamic : set of str
        What cannot be followed: ``module``, ``package``, ``subclasses`` or ``entry points``.
    """

    names: set[Use] = field(default_factory=set)
    own: set[tuple[str, ...]] = field(default_factory=set)
    imports: set[Imported] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    dynamic: set[str] = field(default_factory=set)


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


@dataclass(eq=False)
class Syntax:
    """A module: what its top-level names are bound to, and what runs when it is imported."""

    name: str
    package: str
    units: list[Unit] = field(default_factory=list)
    bindings: dict[str, list[Unit | Imported]] = field(default_factory=dict)
    typing: dict[str, list[Unit | Imported]] = field(default_factory=dict)
    """Names bound for type checkers alone."""
    imports: list[Imported] = field(default_factory=list)
    """Executed when the module is."""
    stars: list[str] = field(default_factory=list)

    def classes(self) -> Iterator[Unit]:
        """Yield the units that define a class."""
        return (unit for unit in self.units if unit.kind == "class")


@lru_cache(maxsize=4096)
def read_syntax(path: Path, stamp: tuple[int, int], name: str, is_package: bool) -> Syntax:
    """Parse a file once for each state of it (`stamp`: size and time of the last change).

    Raises
    ------
    OSError
        If it cannot be read.
    SyntaxError, ValueError
        If it is not Python.
    """
    return parse(decoded(path.read_bytes()), name, is_package)


def decoded(source: bytes) -> str:
    """Return source text by the rule of PEP 263."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return source.decode(encoding)


def parse(source: str, name: str, is_package: bool = False) -> Syntax:
    """Cut source text into units."""
    found = Syntax(name, name if is_package else name.rpartition(".")[0])
    _read_body(ast.parse(source).body, found)
    seen: dict[str, Iterator[int]] = {}
    for unit in found.units:  # a name that is defined twice has two units
        again = next(seen.setdefault(unit.label, itertools.count(1)))
        unit.label += f"#{again}" if again > 1 else ""
    return found


def _read_body(body: Sequence[ast.stmt], found: Syntax) -> None:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _read_import(node, found)
        elif isinstance(node, ast.If) and _is_typing(node.test):
            hidden = Syntax(found.name, found.package)
            _read_body(node.body, hidden)
            found.typing |= hidden.bindings
            _read_body(node.orelse, found)
        elif not (isinstance(node, ast.If) and _is_main(node.test)) and not _is_docstring(node):
            _read_unit(node, found)


def _read_unit(node: ast.stmt, found: Syntax) -> None:
    names = sorted(_Scope.of([node]).bound)
    kind: Kind = "statement"
    if isinstance(node, ast.ClassDef):
        kind = "class"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        kind = "function"
    elif _is_assignment(node):
        kind = "assignment"
    label = ",".join(names) if kind != "statement" else f"<{','.join(names) or type(node).__name__}>"
    unit = Unit(label, kind, node, found.package)
    found.units.append(unit)
    for name in names:
        found.bindings.setdefault(name, []).append(unit)
    if kind == "statement":
        for inner in _statements_inside(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                _read_import(inner, found)


def _read_import(node: ast.Import | ast.ImportFrom, found: Syntax) -> None:
    for name, target in imported(node, found.package):
        if name == "*":
            found.stars.append(target.module)
            found.imports.append(Imported(target.module))
            continue
        found.bindings.setdefault(name, []).append(target)
        found.imports.append(target)
    if isinstance(node, ast.Import):
        found.imports += [Imported(alias.name) for alias in node.names]


def imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Imported]]:
    """Yield the names that an import statement binds, and to what."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, Imported(alias.name)) if alias.asname else (top, Imported(top))
        return
    module = absolute(node.module or "", node.level, package)
    for alias in node.names:
        yield alias.asname or alias.name, Imported(module, alias.name)


def absolute(module: str, level: int, package: str) -> str:
    """Return the full name of a module that is named from inside `package` with `level` leading dots."""
    if not level:
        return module
    parts = package.split(".")
    return ".".join([*parts[: max(len(parts) - level + 1, 0)], *([module] if module else [])])


def _is_assignment(node: ast.stmt) -> bool:
    """Whether it does nothing but bind names (``_ = register(x)`` is a call, not a binding)."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) and type(node).__name__ != "TypeAlias":
        return False
    targets = node.targets if isinstance(node, ast.Assign) else []
    flat = [inner for target in targets for inner in getattr(target, "elts", [target])]
    return all(
        isinstance(target, ast.Name | ast.Starred) and getattr(target, "id", "") != "_" for target in flat
    )


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_void(node: ast.stmt) -> bool:
    """Whether it does nothing: a docstring, ``...`` or ``pass``."""
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Pass) or constant


def _is_typing(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", ""), getattr(test, "attr", ""))


def _is_main(test: ast.expr) -> bool:
    """Whether it is ``__name__ == "__main__"``."""
    if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq)):
        return False
    sides = [test.left, *test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    values = {side.value for side in sides if isinstance(side, ast.Constant)}
    return "__name__" in names and "__main__" in values


def _statements_inside(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs together with a statement: all inside it but the bodies of functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*_DEFINITIONS, ast.Lambda)):
            yield child
            yield from _statements_inside(child)


def tree_digest(node: ast.AST) -> str:
    """SHA-256 of a syntax tree without docstrings, type comments and positions."""
    pieces: list[str] = []
    _write(node, pieces)
    return hashlib.sha256("".join(pieces).encode(errors="surrogatepass")).hexdigest()


_SKIPPED = {"ctx", "type_comment", "kind", "type_ignores"}


def _write(value: object, pieces: list[str]) -> None:
    """Append a spelling of a tree that is the same in every version of Python: what is empty is left out."""
    if isinstance(value, ast.AST):
        pieces.append(f"{type(value).__name__}(")
        for name in value._fields:
            inner = getattr(value, name, None)
            if name not in _SKIPPED and inner is not None and inner != []:
                pieces.append(f"{name}=")
                _write(inner, pieces)
        if isinstance(value, ast.Constant) and value.value is None:
            pieces.append("None")
        pieces.append(")")
    elif isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, ast.stmt) and _is_void(item))]
        pieces.append("[")
        for item in kept:
            _write(item, pieces)
            pieces.append(",")
        pieces.append("]")
    else:
        pieces.append(f"{type(value).__name__} {value!r}")


@dataclass
class _Scope:
    """Names bound in a function, class or comprehension."""

    is_class: bool = False
    bound: set[str] = field(default_factory=set)
    imports: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    nodes: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    outer: set[str] = field(default_factory=set)
    """Declared global or nonlocal."""
    global_names: set[str] = field(default_factory=set)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    found: dict[str, list[Imported]] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Iterable[ast.AST], *, is_class: bool = False) -> _Scope:
        scope = cls(is_class)
        for node in body:
            scope._bind(node, in_comprehension=False)
        scope.bound -= scope.outer
        return scope

    def _bind(self, node: ast.AST, *, in_comprehension: bool) -> None:
        if isinstance(node, _DEFINITIONS):
            self.bound.add(node.name)
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.NamedExpr):
            self.bound.add(node.target.id)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and not in_comprehension:
            self.bound.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.nodes.append(node)
            self.bound |= {a.asname or (a.name.partition(".")[0] if isinstance(node, ast.Import) else a.name)
                           for a in node.names if a.name != "*"}  # fmt: skip
        elif isinstance(node, ast.Global | ast.Nonlocal):
            self.outer |= set(node.names)
            self.global_names |= set(node.names) if isinstance(node, ast.Global) else set()
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            self.bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            self.bound.add(node.rest)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.values.setdefault(target.id, []).append(node.value)
        inside = in_comprehension or isinstance(node, _COMPREHENSIONS)
        for child in ast.iter_child_nodes(node):
            self._bind(child, in_comprehension=inside)


def uses_of(nodes: Iterable[ast.AST], package: str, *, own: ast.AST | None = None) -> Uses:
    """Return what code refers to.

    Parameters
    ----------
    nodes : iterable of ast.AST
        The code, as it stands at the top level of a module.
    package : str
        What relative imports start from.
    own : ast.AST, optional
        A method whose first parameter is the object (or class) itself.
    """
    reader = _Reader(package, own)
    for node in nodes:
        reader.read(node)
    return reader.uses


class _Reader:
    """Walks a tree with the scopes that it is in."""

    def __init__(self, package: str, own: ast.AST | None) -> None:
        self.package, self.own, self.uses = package, own, Uses()
        self.scopes: list[_Scope] = []
        self.me: tuple[_Scope, str] | None = None

    def read(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute | ast.Name):
            self._name(node)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                self.uses.texts.add(node.value)
        elif isinstance(node, ast.Expr) and _is_docstring(node):
            return
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, _COMPREHENSIONS):
            self._comprehension(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node)
        elif isinstance(node, ast.If) and _is_typing(node.test):
            self._all(node.orelse)
        elif isinstance(node, ast.JoinedStr):
            self._f_string(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        else:
            self._all(ast.iter_child_nodes(node))

    def _all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.read(node)

    def _inside(self, scope: _Scope, nodes: Iterable[ast.AST | None]) -> None:
        for node in scope.nodes:
            for name, target in imported(node, self.package):
                scope.found.setdefault(name, []).append(target)
        self.scopes.append(scope)
        self._all(nodes)
        self.scopes.pop()

    def _function(self, node: Function) -> None:
        spec = node.args
        arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
        arguments += [a for a in (spec.vararg, spec.kwarg) if a]
        self._all([*spec.defaults, *spec.kw_defaults])
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        scope = _Scope.of(body)
        scope.bound |= {argument.arg for argument in arguments}
        outer = _Scope(bound={p.name for p in getattr(node, "type_params", [])})
        if not isinstance(node, ast.Lambda):
            self._all(node.decorator_list)
            self._inside(
                outer, [*(a.annotation for a in arguments), node.returns, *getattr(node, "type_params", [])]
            )
        if node is self.own and arguments:
            self.me = (scope, arguments[0].arg)
        scope.bound |= outer.bound
        self._inside(scope, body)

    def _class(self, node: ast.ClassDef) -> None:
        self._all(node.decorator_list)
        outer = _Scope(bound={p.name for p in getattr(node, "type_params", [])})
        self._inside(outer, [*node.bases, *(k.value for k in node.keywords)])
        self.scopes.append(outer)
        self._inside(_Scope.of(node.body, is_class=True), node.body)
        self.scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.read(node.generators[0].iter)
        scope = _Scope.of([generator.target for generator in node.generators])
        result = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        rest = [generator.iter for generator in node.generators[1:]]
        tests = [test for generator in node.generators for test in generator.ifs]
        self._inside(scope, [*(g.target for g in node.generators), *rest, *tests, *result])

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, target in imported(node, self.package):
            self.uses.imports.add(Imported(target.module) if name == "*" else target)
        if isinstance(node, ast.Import):
            self.uses.imports |= {Imported(alias.name) for alias in node.names}

    def _f_string(self, node: ast.JoinedStr) -> None:
        pieces = [
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "*"
            for part in node.values
        ]
        self.uses.patterns.add("".join(pieces))
        self._all(part for part in node.values if not isinstance(part, ast.Constant))

    def _name(self, node: ast.Attribute | ast.Name) -> None:
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if "__subclasses__" in attributes:
            self.uses.dynamic.add("subclasses")
        if isinstance(base, ast.Name):
            self._use(base.id, tuple(attributes))
        elif attributes and self._is_own_class(base):
            self.uses.own.add(tuple(attributes))
        else:
            self.read(base)

    def _is_own_class(self, node: ast.expr) -> bool:
        """Whether it is ``super()`` or ``type(self)`` in a method that is followed by itself."""
        if self.me is None or not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            return False
        if node.func.id == "super" and not node.args:
            return True
        first = node.args[0] if node.args else None
        return node.func.id == "type" and isinstance(first, ast.Name) and self._is_me(first.id)

    def _is_me(self, name: str) -> bool:
        return self.me is not None and name == self.me[1] and self._scope_of(name) is self.me[0]

    def _scope_of(self, name: str) -> _Scope | None:
        """Innermost function or comprehension that binds a name, as Python looks it up."""
        for scope in reversed(self.scopes):
            if name in scope.global_names:
                return None
            if not scope.is_class and name in scope.bound:
                return scope
        return None

    def _use(self, name: str, attributes: tuple[str, ...]) -> None:
        if self._is_me(name):
            while attributes[:1] == ("__class__",):
                attributes = attributes[1:]
            self.uses.own.add(attributes)
            return
        for scope in self.scopes[-1:]:
            if scope.is_class:  # a class body sees its own names, and before they are bound the outer ones
                self._imported(scope, name, attributes)
        scope = self._scope_of(name)
        if scope is None:
            self._global(name, attributes)
        else:
            self._imported(scope, name, attributes)

    def _imported(self, scope: _Scope, name: str, attributes: tuple[str, ...]) -> None:
        for target in scope.found.get(name, ()):
            self.uses.names.add(Use(target, attributes))

    def _global(self, name: str, attributes: tuple[str, ...]) -> None:
        self.uses.names.add(Use(name, attributes))
        if name in ("globals", "eval", "exec", "__builtins__") or (name, *attributes[:1]) == (
            "sys",
            "modules",
        ):
            self.uses.dynamic.add("module")

    def _call(self, node: ast.Call) -> None:
        called = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        if called in ("import_module", "__import__") and node.args:
            self._dynamic_import(node.args[0], node)
        elif called in _PACKAGE_SEARCH:
            self.uses.dynamic.add("package")
        elif called == "vars" and not node.args:
            self.uses.dynamic.add("module")
        elif called == "entry_points":
            self.uses.dynamic.add("entry points")
        if called == "super" and self.me is not None and not node.args:
            self.uses.own.add(())
        self.read(node.func)
        for argument in [*node.args, *node.keywords]:
            value = argument.value if isinstance(argument, ast.keyword) else argument
            names_package = isinstance(argument, ast.keyword) and argument.arg == "package"
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and (
                names_package or called in _NO_CODE
            ):  # fmt: skip
                self.uses.resources.add(value.value)
            else:
                self.read(value)

    def _dynamic_import(self, name: ast.expr, call: ast.Call) -> None:
        """Follow what an import by name can mean; a name that is put together here may be any of the package."""
        if isinstance(name, ast.Constant):
            text = str(name.value)
            level = len(text) - len(text.lstrip("."))
            package = _constant(call.args[1]) if len(call.args) > 1 else ""
            package = package or next((_constant(k.value) for k in call.keywords if k.arg == "package"), "")
            target = Imported(absolute(text.lstrip("."), level, package or self.package))
            self.uses.imports.add(target)
            self.uses.names.add(Use(target))
        elif isinstance(name, ast.IfExp):
            self._dynamic_import(name.body, call)
            self._dynamic_import(name.orelse, call)
        elif isinstance(name, ast.Name):
            scope = self._scope_of(name.id)
            for value in scope.values.get(name.id, ()) if scope else ():
                if not (isinstance(value, ast.Name) and value.id == name.id):
                    self._dynamic_import(value, call)
        elif isinstance(name, ast.Call):
            called = getattr(name.func, "id", "") or getattr(name.func, "attr", "")
            if called not in _PARSERS:
                self.uses.dynamic.add("package")
        elif not isinstance(name, ast.Attribute | ast.Subscript):
            self.uses.dynamic.add("package")


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def bound_names(node: ast.stmt) -> set[str]:
    """Return the names that a statement binds where it stands."""
    return _Scope.of([node]).bound
