"""The names that a piece of code uses, and what they are bound to where they stand; nothing is executed.

Python's scopes are followed (functions, classes, comprehensions), so that a parameter called like a module is not
taken for it. What stays is a `Use` of a global of the module, or of what an import inside the function binds.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from cogattn.syntax import parse_expression

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Import = ast.Import | ast.ImportFrom
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Dynamic = Literal[
    "module", "package", "subclasses", "entry points", "by name", "joined", "own name", "beside", "resources"
]
"""What cannot be followed by name alone: any name of the module, any module of the package, all subclasses there are,
what entry points name, modules whose names come from elsewhere, are joined with dots or made from the module's own;
files beside the module, files in a package that is named elsewhere."""
_READING = {
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
_FILES = {"files", "get_data", "open_text", "open_binary", "read_text", "read_binary"}
"""Calls that read files of a package."""
_NAMING = {"getLogger", "attach", "attach_stub", "print", "str", "repr"}
"""Calls that take a module's own name and import nothing of its package that is not followed."""
_OWN_NAMES = {"__name__", "__package__", "__spec__", "__path__"}
_PATHS = {"join", "joinpath", "Path", "PurePath"}
_SEARCHING = {"iter_modules", "walk_packages", "run_module", "run_path", "resolve_name"}
_QUOTED = re.compile(r"[\w.\[\], |]+")


class Imported(NamedTuple):
    """What an import statement binds: a module, or a name in it."""

    module: str
    name: str = ""

    @property
    def text(self) -> str:
        """One spelling for all that bind the same."""
        return f"{self.module}:{self.name}" if self.name else self.module


IMPORT_MODULE = Imported("importlib", "import_module")


class Use(NamedTuple):
    """A name that code uses, with the attributes read from it."""

    origin: str | Imported
    """A global of the module, or what an import inside the function binds."""
    attributes: tuple[str, ...] = ()

    @property
    def chain(self) -> tuple[str, ...]:
        """A global with its attributes: what to look up in the module."""
        return (str(self.origin), *self.attributes)


@dataclass
class Uses:
    """All that a piece of code refers to.

    Parameters
    ----------
    names : set of Use
        Globals and locally imported names.
    unsure : set of str
        Those of them that may be no globals: names of a class's body, quoted annotations.
    own : set of tuple of str
        Attributes read from ``self``, ``cls`` or ``super()``; an empty one: the object is used as a whole.
    imports : set of Imported
        Executed when the code runs.
    texts : set of str
        Its string constants.
    ends : set of str
        Texts that no other text follows in a path: any file may (``home / "data" / name``).
    patterns : set of str
        Its f-strings, with ``*`` for what is filled in.
    resources : set of str
        Packages whose files it reads.
    dynamic : set of str
        What cannot be followed.
    """

    names: set[Use] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    own: set[tuple[str, ...]] = field(default_factory=set)
    imports: set[Imported] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)
    ends: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    dynamic: set[Dynamic] = field(default_factory=set)


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


def bound_names(node: ast.AST) -> set[str]:
    """Return the names that a statement binds where it stands."""
    return Scope.of([node]).bound


def imported(node: Import, package: str) -> Iterator[tuple[str, Imported]]:
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


def is_constant(node: ast.AST) -> bool:
    """Whether a statement is a docstring or another constant, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_typing(node: ast.AST) -> bool:
    """Whether a statement is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in (
        getattr(node.test, "id", ""),
        getattr(node.test, "attr", ""),
    )


def last_name(node: ast.AST) -> str:
    """Return ``c`` of ``a.b.c``."""
    return getattr(node, "attr", "") or getattr(node, "id", "")


@dataclass
class Scope:
    """Names bound in a function, class or comprehension."""

    is_class: bool = False
    bound: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    """Declared global or nonlocal."""
    global_names: set[str] = field(default_factory=set)
    imports: list[Import] = field(default_factory=list)
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    """What is assigned to a name."""
    found: dict[str, list[Imported]] = field(default_factory=dict)
    """What its imports bind."""

    @classmethod
    def of(cls, body: Iterable[ast.AST], *, is_class: bool = False) -> Scope:
        """Return the scope that statements make."""
        scope = cls(is_class)
        for node in body:
            scope._bind(node, in_comprehension=False)
        scope.bound -= scope.outer
        return scope

    def _bind(self, node: ast.AST, *, in_comprehension: bool) -> None:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self.bound.add(name)
                return
            case ast.Lambda():
                return
            case ast.NamedExpr(target=ast.Name(id=name)):
                self.bound.add(name)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if not in_comprehension:
                self.bound.add(name)
            case ast.Import() | ast.ImportFrom():
                self.imports.append(node)
                self.bound |= {name for name, _ in imported(node, "") if name != "*"}
            case ast.Global(names=names):
                self.outer.update(names)
                self.global_names.update(names)
            case ast.Nonlocal(names=names):
                self.outer.update(names)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                self.bound.add(name)
            case ast.MatchMapping(rest=str(name)):
                self.bound.add(name)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self.values.setdefault(last_name(target), []).append(node.value)
        inside = in_comprehension or isinstance(node, Comprehension)
        for child in ast.iter_child_nodes(node):
            self._bind(child, in_comprehension=inside)


class _Reader:
    """Walks a tree with the scopes that it is in."""

    def __init__(self, package: str, own: ast.AST | None) -> None:
        self.package, self.own, self.uses = package, own, Uses()
        self.scopes: list[Scope] = []
        self.me: tuple[Scope, str] | None = None
        self.import_call: ast.expr | None = None
        self.followed: set[ast.expr] = set()

    def read(self, node: ast.AST) -> None:
        """Note what a tree refers to."""
        match node:
            case ast.Attribute() | ast.Name():
                self._name(node)
            case ast.Constant(value=str(text)):
                self.uses.texts.add(text)
                if node not in self.followed:
                    self.uses.ends.add(text)
            case ast.BinOp(left=ast.BinOp(op=ast.Div(), right=folder), op=ast.Div(), right=ast.Constant()):
                self.followed.add(folder)
                self._all([node.left, node.right])
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.JoinedStr():
                self._f_string(node)
            case ast.Call():
                self._call(node)
            case ast.AnnAssign():
                self._annotation(node.annotation)
                self._all([node.target, node.value])
            case ast.If() if is_typing(node):
                self._all(node.orelse)
            case _ if not is_constant(node):
                self._all(ast.iter_child_nodes(node))

    def _all(self, nodes: Iterable[ast.AST | None]) -> None:
        for node in nodes:
            if node is not None:
                self.read(node)

    # ---- scopes

    def _inside(self, scope: Scope, nodes: Iterable[ast.AST | None]) -> None:
        for node in scope.imports:
            for name, target in imported(node, self.package):
                scope.found.setdefault(name, []).append(target)
        self.scopes.append(scope)
        self._all(nodes)
        self.scopes.pop()

    def _function(self, node: Function) -> None:
        arguments = parameters(node)
        self._all([*node.args.defaults, *node.args.kw_defaults])
        body = [node.body] if isinstance(node, ast.Lambda) else node.body
        scope, variables = Scope.of(body), _type_variables(node)
        scope.bound |= {argument.arg for argument in arguments}
        if not isinstance(node, ast.Lambda):
            self._all(node.decorator_list)
            self.scopes.append(variables)
            self._all(getattr(node, "type_params", []))
            for annotation in [*(argument.annotation for argument in arguments), node.returns]:
                self._annotation(annotation)
            self.scopes.pop()
        if node is self.own and arguments:
            self.me = (scope, arguments[0].arg)
        self.scopes.append(variables)
        self._inside(scope, body)
        self.scopes.pop()

    def _class(self, node: ast.ClassDef) -> None:
        self._all(node.decorator_list)
        self.scopes.append(_type_variables(node))
        self._all([*getattr(node, "type_params", []), *node.bases, *(k.value for k in node.keywords)])
        self._inside(Scope.of(node.body, is_class=True), node.body)
        self.scopes.pop()

    def _comprehension(self, node: Comprehension) -> None:
        self.read(node.generators[0].iter)
        scope = Scope.of([generator.target for generator in node.generators])
        result = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        iterated = [generator.iter for generator in node.generators[1:]]
        tests = [test for generator in node.generators for test in generator.ifs]
        self._inside(scope, [*(g.target for g in node.generators), *iterated, *tests, *result])

    def _import(self, node: Import) -> None:
        for name, target in imported(node, self.package):
            self.uses.imports.add(Imported(target.module) if name == "*" else target)
            if target == IMPORT_MODULE and name != target.name:
                self.uses.dynamic.add("package")
            if self.scopes and self.scopes[-1].is_class:  # an attribute of the class from here on
                self.uses.names.add(Use(target))
        if isinstance(node, ast.Import):
            self.uses.imports |= {Imported(alias.name) for alias in node.names}

    def _scope_of(self, name: str) -> Scope | None:
        """Innermost function or comprehension that binds a name, as Python looks it up; None: a global."""
        for scope in reversed(self.scopes):
            if name in scope.global_names:
                return None
            if not scope.is_class and name in scope.bound:
                return scope
        return None

    # ---- names

    def _name(self, node: ast.Attribute | ast.Name) -> None:
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if last_name(node) in ("import_module", "__import__") and node is not self.import_call:
            self.uses.dynamic.add("package")  # handed on: nobody knows what it will be called with
        if "__subclasses__" in attributes:
            self.uses.dynamic.add("subclasses")
        if isinstance(base, ast.Name):
            if isinstance(base.ctx, ast.Load):
                self._use(base.id, tuple(attributes))
        elif attributes and self._is_own_class(base):
            self.uses.own.add(tuple(attributes))
        else:
            self.read(base)

    def _is_own_class(self, node: ast.expr) -> bool:
        """Whether it is ``super()`` or ``type(self)`` in a method that is followed by itself."""
        match node:
            case ast.Call(func=ast.Name(id="super"), args=[]):
                return self.me is not None
            case ast.Call(func=ast.Name(id="type"), args=[ast.Name(id=name)]):
                return self._is_me(name)
        return False

    def _is_me(self, name: str) -> bool:
        return self.me is not None and name == self.me[1] and self._scope_of(name) is self.me[0]

    def _use(self, name: str, attributes: tuple[str, ...]) -> None:
        if self._is_me(name):
            while attributes[:1] == ("__class__",):
                attributes = attributes[1:]
            self.uses.own.add(attributes)
            return
        scope = self._scope_of(name)
        inner = self.scopes[-1] if self.scopes else None
        if inner and inner.is_class and name in inner.bound:  # or, before it is bound there, the outer one
            self.uses.unsure.add(name)
            self._local(inner, name, attributes)
        if scope is not None:
            self._local(scope, name, attributes)
            return
        self.uses.names.add(Use(name, attributes))
        if name == "__file__":
            self.uses.dynamic.add("beside")
        if name in ("globals", "eval", "exec", "__builtins__") or (name, *attributes[:1]) == (
            "sys",
            "modules",
        ):
            self.uses.dynamic.add("module")

    def _local(self, scope: Scope, name: str, attributes: tuple[str, ...]) -> None:
        for target in scope.found.get(name, ()):
            self.uses.names.add(Use(target, attributes))

    def _annotation(self, node: ast.expr | None) -> None:
        """Read an annotation, those in quotes too (as far as their names are bound)."""
        for inner in ast.walk(node) if node else ():
            if (
                isinstance(inner, ast.Constant)
                and isinstance(inner.value, str)
                and _QUOTED.fullmatch(inner.value)
            ):
                for name in _names_in(inner.value):
                    self.uses.unsure.add(name)
                    self.uses.names.add(Use(name))
        self._all([node])

    # ---- text and calls

    def _f_string(self, node: ast.JoinedStr) -> None:
        pieces = [
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "*"
            for part in node.values
        ]
        self.uses.patterns.add("".join(pieces))
        self._all(part for part in node.values if not isinstance(part, ast.Constant))

    def _call(self, node: ast.Call) -> None:
        called = last_name(node.func)
        for folder, inside in itertools.pairwise(node.args if called in _PATHS else ()):
            if isinstance(inside, ast.Constant):
                self.followed.add(folder)
        if called in ("import_module", "__import__"):
            self.import_call = node.func
            self._import_by_name(node)
        elif called in _SEARCHING:
            self.uses.dynamic.add("package")
        elif called in _FILES:
            self.uses.dynamic.add("resources")
        elif called == "join" and _is_dot(node.func):
            self.uses.dynamic.add("joined")
        elif called == "vars" and not node.args:
            self.uses.dynamic.add("module")
        elif called == "entry_points":
            self.uses.dynamic.add("entry points")
        if self._is_own_class(node) and called == "super":
            self.uses.own.add(())
        self.read(node.func)
        for keyword, value in [*(("", a) for a in node.args), *((k.arg, k.value) for k in node.keywords)]:
            if isinstance(value, ast.Constant) and (keyword == "package" or called in _NO_CODE):
                self.uses.resources.add(str(value.value))
            else:
                if _base_name(value) in _OWN_NAMES and called not in _NAMING:
                    self.uses.dynamic.add("own name")
                self.read(value)

    def _import_by_name(self, call: ast.Call) -> None:
        """Follow what an import by name can mean; a name that is put together may be any of the package."""
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        name = call.args[0] if call.args else keywords.get("name")
        package = keywords.get("package", call.args[1] if len(call.args) > 1 else None)
        for text in self._values(name, {""}) if name else [None]:
            if text is None or (not text and package is not None and last_name(call.func) == "import_module"):
                self.uses.dynamic.add("package")
            elif not text:
                self.uses.dynamic.add("by name")
            else:
                start = package.value if isinstance(package, ast.Constant) else self.package
                level = len(text) - len(text.lstrip("."))
                target = Imported(absolute(text.lstrip("."), level, str(start)))
                self.uses.imports.add(target)
                self.uses.names.add(Use(target))

    def _values(self, node: ast.expr, seen: set[str]) -> Iterator[str | None]:
        """Yield the texts that an expression can be; "" if it comes from elsewhere, None if it is put together."""
        match node:
            case ast.Constant(value=str(text)) if text:
                yield text
            case ast.IfExp(body=body, orelse=other):
                yield from self._values(body, seen)
                yield from self._values(other, seen)
            case ast.Name(id=name):
                scope = self._scope_of(name)
                values = scope.values.get(name, ()) if scope and name not in seen else ()
                for value in values:
                    yield from self._values(value, seen | {name})
                yield ""
            case ast.Attribute() | ast.Subscript():
                yield ""
            case ast.Call(func=func) if last_name(func) in _READING:
                yield ""
            case _:
                yield None


def parameters(node: Function) -> list[ast.arg]:
    """Return all parameters of a function, in order."""
    spec = node.args
    rest = [argument for argument in (spec.vararg, spec.kwarg) if argument]
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *rest]


def _type_variables(node: ast.AST) -> Scope:
    return Scope(bound={variable.name for variable in getattr(node, "type_params", [])})


def _base_name(node: ast.AST) -> str:
    """Return ``a`` of ``a.b.c`` and of ``a[b]``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return getattr(node, "id", "")


def _is_dot(node: ast.expr) -> bool:
    """Whether it is an attribute of the text ``"."``."""
    return (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Constant) and node.value.value == "."
    )


def _names_in(text: str) -> list[str]:
    try:
        tree = parse_expression(text.strip())
    except SyntaxError:
        return []
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
