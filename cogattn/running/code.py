"""Digest of the code that a function reaches: what makes a stored number fresh or stale.

From a method such as ``MaskingStudy.run_cell`` the walk follows every name, by syntax trees alone, to the top-level
definitions that it means, into all modules of our own and of the plugin's code, and stops at installed packages,
whose names are kept. Comments, docstrings, formatting and imports for type checkers change nothing; a constant used
three calls deep does. Where a name cannot be followed (a star import, an import by a computed name) all that it may
mean is taken in: too much costs a recomputation, too little would pass a stale number for a fresh one.

What a module does when it is imported counts as reached as soon as the module is: statements, definitions under a
decorator that may register them, classes whose base may. What comes in through arguments is reached as well: the
settings and cell classes of a study's method.
"""

from __future__ import annotations

import ast
import builtins
import fnmatch
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from cogattn.errors import StoreError
from cogattn.running.places import Place, Places, source
from cogattn.running.syntax import Imported, Syntax, Unit, Use, Uses, bound_names, tree_digest, uses_of

_BUILTINS = frozenset(dir(builtins)) | {
    "__file__",
    "__name__",
    "__package__",
    "__path__",
    "__spec__",
    "__doc__",
}
_HARMLESS = {"abc", "contextlib", "dataclasses", "enum", "functools", "numba", "pydantic", "triton", "typing"}
_HARMLESS |= {"property", "staticmethod", "classmethod", "typing_extensions", "torch", "pytest", "warnings"}
"""Packages and builtins whose decorators hand a definition back and tell nobody of it."""
_REGISTERING = ("torch.library", "torch.autograd.graph", "functools.singledispatch.register")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
_TARGET = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(\(.*\))?", re.DOTALL)
_RELATIVE = re.compile(r"(\.+)([A-Za-z_][\w.]*)")
_PREFIX = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)\.(?:$|[*%{])")


@dataclass(frozen=True)
class CodeDigest:
    """The code that a target reaches.

    Parameters
    ----------
    sha256 : str
        64 hex digits over all parts.
    parts : mapping of str to str
        Digest of each definition (``module:name``), file of data (``module:data/name``) and import.
    packages : tuple of str
        Installed packages that it reaches or that are imported on the way, by import name; none of Python's own.
    """

    sha256: str
    parts: Mapping[str, str]
    packages: tuple[str, ...]


def code_digest(target: str, *, also: Sequence[str] = ()) -> CodeDigest:
    """Return the digest of the code that a target reaches; nothing of it is imported or executed.

    Parameters
    ----------
    target : str
        ``module:function``, ``module:Class`` (the whole class) or ``module:Class.method`` (the method, and what it
        uses of its class).
    also : sequence of str
        Further targets.

    Raises
    ------
    StoreError
        If a target's source cannot be found, or a file that it reaches is not Python.
    """
    walk = _Walk(Places())
    for one in (target, *also):
        walk.enter(one)
    walk.finish()
    parts = dict(sorted(walk.parts.items()))
    text = json.dumps(parts, separators=(",", ":"))
    return CodeDigest(_sha256(text), parts, tuple(sorted(walk.packages)))


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the parts that are not the same in two digests, new and lost ones included."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


@dataclass
class _Module:
    """A module of our code, with what its package hands out lazily."""

    place: Place
    syntax: Syntax
    lazy: Mapping[str, Sequence[Unit | Imported]] = field(default_factory=dict)
    unknown: bool = False
    """It makes attributes by a ``__getattr__`` that cannot be read."""


class _Walk:
    """Follows names from definition to definition until nothing new turns up."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.parts: dict[str, str] = {}
        self.packages: set[str] = set()
        self.reached: dict[Unit, Syntax] = {}
        self._todo: list[tuple[Unit, Syntax]] = []
        self._to_load: list[Imported] = []
        self._modules: dict[str, _Module | None] = {}
        self._loaded: set[str] = set()
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self._whole: set[str] = set()
        self._texts: set[str] = set()
        self._flags: set[str] = set()
        self._listings: dict[str, list[str]] = {}

    # ---- entries

    def enter(self, target: str) -> None:
        """Start from a target."""
        module, _, path = target.partition(":")
        place = self.places.find(module)
        if place is None or not path:
            raise StoreError(
                f"code must be a module's file, as module:name; got {target} (no file of that module)"
            )
        self.places.own_distribution(place)
        self._load(Imported(module))
        first, *rest = path.partition(".<locals>")[0].split(".")
        for syntax, unit in self.definitions(module, (first,)):
            if unit.kind == "class" and rest:
                _Members(self, syntax, unit).enter(rest[0])
                return
        self._reach_attribute(module, (first, *rest))

    def finish(self) -> None:
        """Work until nothing new turns up."""
        while self._todo or self._to_load or self._dynamic():
            while self._to_load:
                self._load(self._to_load.pop())
            while self._todo:
                unit, syntax = self._todo.pop()
                self.follow(unit.uses, syntax)

    # ---- uses

    def reach(self, unit: Unit, syntax: Syntax) -> None:
        """Take a definition in, as a whole."""
        if unit not in self.reached:
            self.reached[unit] = syntax
            self.parts[f"{syntax.name}:{unit.label}"] = unit.digest
            self._load(Imported(syntax.name))
            self._todo.append((unit, syntax))

    def follow(self, uses: Uses, syntax: Syntax) -> None:
        """Take in what a piece of code of a module refers to."""
        self._to_load += uses.imports
        for use in uses.names:
            if isinstance(use.origin, Imported):
                self.reach_imported(use.origin, use.attributes)
            else:
                self.reach_global(syntax, use.origin, use.attributes)
        self._follow_texts(uses, syntax)
        self._follow_data(uses, syntax)
        self._flags |= uses.dynamic
        if "module" in uses.dynamic:
            self._reach_module(syntax.name)
        if "package" in uses.dynamic:
            self._reach_package(syntax.package or syntax.name)

    def reach_global(self, syntax: Syntax, name: str, attributes: tuple[str, ...]) -> None:
        """Take in what a global name of a module means."""
        if name in syntax.bindings:
            self._reach_bound(syntax, name, attributes)
        elif syntax.stars:
            self._reach_stars(syntax, name)
        elif name not in syntax.typing and name not in _BUILTINS:
            self._reach_module(syntax.name)

    def reach_imported(self, target: Imported, attributes: tuple[str, ...]) -> None:
        """Take in what an import binds."""
        if self._is_ours(target.module):
            self._reach_attribute(target.module, (target.name, *attributes) if target.name else attributes)

    def _reach_bound(self, syntax: Syntax, name: str, attributes: tuple[str, ...]) -> None:
        for bound in syntax.bindings[name]:
            if isinstance(bound, Unit):
                self.reach(bound, syntax)
            else:
                self._note(syntax.name, name, bound)
                self.reach_imported(bound, attributes)

    def _reach_stars(self, syntax: Syntax, name: str) -> None:
        for module in syntax.stars:
            self._note(syntax.name, "*", Imported(module))
            if self._is_ours(module):
                self._reach_module(module)

    def _note(self, module: str, name: str, target: Imported) -> None:
        """Keep what a name is imported from: another origin is another number."""
        key = f"{module}:{name}"
        self.parts[key] = self.parts.get(key) or _sha256(f"import {target.text}")

    def _is_ours(self, module: str) -> bool:
        """Whether a module is followed; where not, its package's name is kept."""
        if self.places.is_ours(module):
            return True
        top = module.partition(".")[0]
        if top and top not in sys.stdlib_module_names:
            self.packages.add(top)
        return False

    # ---- modules

    def _reach_attribute(self, module: str, chain: tuple[str, ...]) -> None:
        """Take in what ``module.a.b`` means; the module itself if nothing is read from it."""
        if (module, chain) in self._seen:
            return
        self._seen.add((module, chain))
        found = self._module(module)
        self._load(Imported(module))
        if found is None:
            return
        if not chain:
            self._reach_object(found)
            return
        name, rest = chain[0], chain[1:]
        if name in found.syntax.bindings:
            self._reach_bound(found.syntax, name, rest)
        elif name in found.lazy:
            for target in found.lazy[name]:
                if isinstance(target, Imported):
                    self._note(module, name, target)
                    self.reach_imported(target, rest)
        elif self.places.find(f"{module}.{name}") is not None:
            self._reach_attribute(f"{module}.{name}", rest)
        elif not (name.startswith("__") and name.endswith("__")) or name == "__dict__":
            self._reach_unknown(found, name)

    def _reach_unknown(self, found: _Module, name: str) -> None:
        """An attribute that nobody can see: one of a star import, or anything."""
        if found.syntax.stars:
            self._reach_stars(found.syntax, name)
        elif found.place.is_package and found.unknown:
            self._reach_package(found.place.name)
        else:
            self._reach_module(found.place.name)

    def _reach_object(self, found: _Module) -> None:
        """A module that is passed on: any attribute of it may be read."""
        if found.place.is_package:
            self._reach_package(found.place.name)
        else:
            self._reach_module(found.place.name)

    def _reach_package(self, package: str) -> None:
        self._reach_module(package)
        for module in self.places.submodules(package):
            self._reach_module(module)

    def _reach_module(self, name: str) -> None:
        if name in self._whole:
            return
        self._whole.add(name)
        found = self._module(name)
        self._load(Imported(name))
        if found is None:
            return
        for unit in found.syntax.units:
            self.reach(unit, found.syntax)
        for bound_name, bindings in found.syntax.bindings.items():
            for bound in bindings:
                if isinstance(bound, Imported):
                    self._note(name, bound_name, bound)
        for star in found.syntax.stars:
            if self._is_ours(star):
                self._reach_module(star)

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> _Module | None:
        place = self.places.find(name)
        if place is None:
            self.parts[name] = "missing"
            return None
        syntax = self.places.syntax(place)
        if syntax is None:
            if place.file is None:  # a namespace package
                return _Module(place, Syntax(name, name))
            self.parts[name] = _file_sha256(place.file)
            return None
        lazy, unknown = _lazy_bindings(place, syntax)
        return _Module(place, syntax, lazy, unknown)

    def _load(self, target: Imported) -> None:
        """Take in what happens when something is imported."""
        if target.text in self._loaded:
            return
        self._loaded.add(target.text)
        if not self._is_ours(target.module):
            return
        if target.name:
            self._load_name(target)
            return
        parent = target.module.rpartition(".")[0]
        if parent:
            self._load(Imported(parent))
        found = self._module(target.module)
        if found is None:
            return
        self._to_load += found.syntax.imports
        for unit in found.syntax.units:
            if unit.kind == "statement" or self._may_register(unit, found.syntax):
                self.reach(unit, found.syntax)

    def _load_name(self, target: Imported) -> None:
        self._load(Imported(target.module))
        found = self._module(target.module)
        if found is None or target.name in found.syntax.bindings:
            return
        if target.name in found.lazy:
            self._to_load += [bound for bound in found.lazy[target.name] if isinstance(bound, Imported)]
        elif self.places.find(f"{target.module}.{target.name}") is not None:
            self._load(Imported(f"{target.module}.{target.name}"))

    def _may_register(self, unit: Unit, syntax: Syntax) -> bool:
        """Whether a definition may tell somebody of itself when its module is imported."""
        if not isinstance(unit.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return False
        if not all(_is_harmless(decorator, syntax) for decorator in unit.node.decorator_list):
            return True
        if not isinstance(unit.node, ast.ClassDef) or not (unit.node.bases or unit.node.keywords):
            return False
        if any(k.arg == "metaclass" and not _is_harmless(k.value, syntax) for k in unit.node.keywords):
            return True
        above = list(self.hierarchy(syntax, unit))[1:]
        return any(
            "__init_subclass__" in bound_names(inner) or k
            for _, base in above
            if isinstance(base.node, ast.ClassDef)
            for inner in base.node.body
            for k in [any(k.arg == "metaclass" and not _is_harmless(k.value, _) for k in base.node.keywords)]
        )

    # ---- what cannot be followed by name

    def _follow_texts(self, uses: Uses, syntax: Syntax) -> None:
        """Follow text that names a module or a target of our code, or begins the name of one."""
        for text in uses.texts:
            if text in self._texts or len(text) > 1000:
                continue
            self._texts.add(text)
            if relative := _RELATIVE.fullmatch(text):
                self._follow_relative(relative, syntax)
            elif target := _TARGET.fullmatch(text):
                if self.places.is_ours(target[1]) and self.places.find(target[1]) is not None:
                    self._reach_attribute(target[1], tuple(target[2].split(".")))
            elif _DOTTED.fullmatch(text) and text.partition(".")[0] in self.places.own:
                self._follow_dotted(text)
        for text in uses.texts | uses.patterns:
            prefix = _PREFIX.match(text)
            if prefix and prefix[1].partition(".")[0] in self.places.own and self.places.find(prefix[1]):
                self._reach_package(prefix[1])

    def _follow_dotted(self, text: str) -> None:
        """``package.module`` or ``package.module.name``."""
        if self.places.find(text) is not None:
            self._reach_attribute(text, ())
            return
        module, _, name = text.rpartition(".")
        if self.places.find(module) is not None and "." in module:
            self._reach_attribute(module, (name,))

    def _follow_relative(self, relative: re.Match[str], syntax: Syntax) -> None:
        parts = (syntax.package or "").split(".")
        package = ".".join(parts[: max(len(parts) - len(relative[1]) + 1, 0)])
        module = f"{package}.{relative[2]}"
        if package and self.places.find(module) is not None:
            self._reach_attribute(module, ())

    def _dynamic(self) -> bool:
        """Take in what code that looks modules or classes up at run time may find; whether there was any."""
        before = len(self.parts)
        if "subclasses" in self._flags:
            for module in list(self._modules.values()):
                for unit in module.syntax.classes() if module else ():
                    self.reach(unit, module.syntax)
        if "entry points" in self._flags:
            for entry in entry_points():
                if entry.group in self._texts and self.places.is_ours(entry.module):
                    self._reach_attribute(entry.module, tuple(entry.attr.split(".")) if entry.attr else ())
        if "by name" in self._flags:
            for text in sorted(self._texts):
                if text.isidentifier() and any(
                    os.path.exists(os.path.join(folder, f"{text}.py")) for folder in self.places.folders
                ):
                    self._reach_attribute(text, ())
        return len(self.parts) > before

    # ---- files of data

    def _follow_data(self, uses: Uses, syntax: Syntax) -> None:
        """Take in the files beside a module, or in a folder ``data`` there, that code names."""
        place = self.places.find(syntax.name)
        if place is None or place.file is None:
            return
        self._data_in(str(place.file.parent), syntax.name, uses)
        for package in uses.resources:
            home = self.places.find(package) if self.places.is_ours(package) else None
            if home is not None and home.file is not None and home.file.parent != place.file.parent:
                self._data_in(str(home.file.parent), package, uses)

    def _data_in(self, folder: str, module: str, uses: Uses) -> None:
        beside, data = self._listing(folder), self._listing(os.path.join(folder, "data"))
        if not beside and not data:
            return
        wanted = {name for name in beside if name in uses.texts}
        named = {name for name in data if name in uses.texts or f"data/{name}" in uses.texts}
        for pattern in uses.patterns:
            if pattern.strip("*"):
                wanted.update(fnmatch.filter(beside, pattern))
                named.update(fnmatch.filter(data, pattern.removeprefix("data/")))
        if not named and uses.texts & {"data", "data/"}:
            named.update(data)
        for name in sorted(wanted | {f"data/{name}" for name in named}):
            self.parts[f"{module}:{name}"] = _file_sha256(Path(folder, name))

    def _listing(self, folder: str) -> list[str]:
        """Files in a folder that are no code, and in its folders, by relative path."""
        if folder not in self._listings:
            self._listings[folder] = sorted(_data_files(folder, deep=os.path.basename(folder) == "data"))
        return self._listings[folder]

    # ---- classes

    def definitions(
        self, module: str, chain: tuple[str, ...], depth: int = 0
    ) -> Iterator[tuple[Syntax, Unit]]:
        """Yield the definitions that ``module.a.b`` means, without taking them in."""
        found = self._module(module) if chain and depth < 50 and self.places.is_ours(module) else None
        if found is None:
            return
        bound = found.syntax.bindings.get(chain[0]) or found.lazy.get(chain[0])
        if bound is None and self.places.find(f"{module}.{chain[0]}") is not None:
            yield from self.definitions(f"{module}.{chain[0]}", chain[1:], depth + 1)
        if bound is None:
            for star in found.syntax.stars:
                yield from self.definitions(star, chain, depth + 1)
        for one in bound or ():
            if isinstance(one, Imported):
                names = (one.name,) if one.name else ()
                yield from self.definitions(one.module, (*names, *chain[1:]), depth + 1)
            elif len(chain) == 1:
                yield found.syntax, one

    def hierarchy(self, syntax: Syntax, unit: Unit, depth: int = 0) -> Iterator[tuple[Syntax, Unit]]:
        """Yield a class and those of our classes that it derives from, nearest first."""
        yield syntax, unit
        if not isinstance(unit.node, ast.ClassDef) or depth > 50:
            return
        for base in unit.node.bases:
            for use in uses_of([_unsubscripted(base)], syntax.package).names:
                yield from self.bases(syntax, use, depth + 1)

    def bases(self, syntax: Syntax, use: Use, depth: int) -> Iterator[tuple[Syntax, Unit]]:
        """Yield the classes that a name used in a module means, with what they derive from."""
        for where, unit in self.definitions(syntax.name, (str(use.origin), *use.attributes)):
            if unit.kind == "class":
                yield from self.hierarchy(where, unit, depth)


class _Members:
    """A class of which single members are reached: those that a method uses through the object or the class."""

    def __init__(self, walk: _Walk, syntax: Syntax, unit: Unit) -> None:
        self.walk, self.syntax, self.unit = walk, syntax, unit
        self.classes = list(dict.fromkeys(walk.hierarchy(syntax, unit)))
        self._done: set[ast.stmt] = set()
        self._wanted: set[str] = set()

    def enter(self, method: str) -> None:
        """Take in a method, what runs when the class is made, and what it is given."""
        for syntax, unit in self.classes:
            self._header(syntax, unit)
            for node in _body(unit):
                if not bound_names(node) or any(_is_dunder(name) for name in bound_names(node)):
                    self._take(syntax, unit, node)
        if not self._want(method):
            raise StoreError(
                f"class {self.unit.label} must have the method {method}; got none of that name ({self.syntax.name})"
            )
        self._arguments(method)

    def _header(self, syntax: Syntax, unit: Unit) -> None:
        node = unit.node
        if not isinstance(node, ast.ClassDef):
            return
        tops = [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]
        self.walk.parts[f"{syntax.name}:{unit.label}()"] = _sha256(" ".join(map(tree_digest, tops)))
        self.walk._load(Imported(syntax.name))
        used = uses_of([*node.decorator_list, *(k.value for k in node.keywords)], syntax.package)
        self.walk.follow(used, syntax)
        for base in node.bases:
            uses = uses_of([base], syntax.package)
            known = isinstance(_unsubscripted(base), ast.Name | ast.Attribute)
            for use in uses.names if not known else ():
                self.walk.reach_global(syntax, str(use.origin), use.attributes)
            for use in uses.names if known else ():
                self._base(syntax, use)

    def _base(self, syntax: Syntax, use: Use) -> None:
        """A base among our classes is reached by its members; one that is no class definition as a whole."""
        if not any(unit.kind == "class" for _, unit in self.walk.definitions(syntax.name, _chain(use))):
            self.walk.reach_global(syntax, str(use.origin), use.attributes)

    def _want(self, name: str) -> bool:
        """Take in a member by name, wherever in the hierarchy; whether there is one."""
        self._wanted.add(name)
        found = [
            (syntax, unit, node)
            for syntax, unit in self.classes
            for node in _body(unit)
            if name in bound_names(node)
        ]
        for syntax, unit, node in found:
            self._take(syntax, unit, node)
        return bool(found)

    def _take(self, syntax: Syntax, unit: Unit, node: ast.stmt) -> None:
        if node in self._done:
            return
        self._done.add(node)
        label = ",".join(sorted(bound_names(node))) or f"<{type(node).__name__}>"
        key = f"{syntax.name}:{unit.label}.{label}"
        self.walk.parts[key] = _sha256(self.walk.parts.get(key, "") + tree_digest(node))
        is_method = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        uses = uses_of([node], syntax.package, own=node if is_method and not _is_static(node) else None)
        names = set(uses.names)
        for use in names:
            if isinstance(use.origin, str) and self._is_own(syntax, use, is_method):
                uses.names.discard(use)
        self.walk.follow(uses, syntax)
        for attributes in uses.own:
            self._use_own(attributes[0] if attributes else "")

    def _is_own(self, syntax: Syntax, use: Use, is_method: bool) -> bool:
        """Follow a name that means this class, or in its body one of its members."""
        name = str(use.origin)
        if use.attributes and any(unit in syntax.bindings.get(name, ()) for _, unit in self.classes):
            self._use_own(use.attributes[0])
            return True
        members = {name for _, unit in self.classes for node in _body(unit) for name in bound_names(node)}
        if name in members and not (is_method and name in syntax.bindings):
            self._want(name)
            return name not in syntax.bindings
        return False

    def _use_own(self, name: str) -> None:
        """Follow ``self.name``; the object as a whole, and a name nobody defines, may mean any member."""
        if name in self._wanted or _is_dunder(name):
            return
        self._wanted.add(name)
        if name and self._want(name):
            return
        setters = [member for member in self._members() if name and _sets(member[2], name)]
        for syntax, unit, node in setters or list(self._members()):
            self._take(syntax, unit, node)

    def _members(self) -> Iterator[tuple[Syntax, Unit, ast.stmt]]:
        return ((syntax, unit, node) for syntax, unit in self.classes for node in _body(unit))

    def _arguments(self, method: str) -> None:
        """Take in the classes of a method's arguments: by annotation, and what a study makes for its methods."""
        for syntax, _, node in self._members():
            if method in bound_names(node) and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for name in _annotated(node):
                    for bound in syntax.typing.get(name[0], ()):
                        if isinstance(bound, Imported):
                            self.walk.reach_imported(bound, name[1:])
        names = {name for *_, node in self._members() for name in bound_names(node)}
        if method == "cells" or not {"cells", "Config"} <= names:
            return
        self._want("Config")
        plan = _Walk(self.walk.places)
        plan._modules = self.walk._modules
        _Members(plan, self.syntax, self.unit)._want("cells")
        plan.finish()
        for unit, syntax in plan.reached.items():
            if unit.kind == "class" and any(
                where.name == "cogattn.study" and base.label == "Cell"
                for where, base in plan.hierarchy(syntax, unit)
            ):
                self.walk.reach(unit, syntax)


def _chain(use: Use) -> tuple[str, ...]:
    return (str(use.origin), *use.attributes)


def _body(unit: Unit) -> list[ast.stmt]:
    """Statements of a class, docstrings aside."""
    body = unit.node.body if isinstance(unit.node, ast.ClassDef) else []
    return [node for node in body if not isinstance(node, ast.Pass) and not _is_constant(node)]


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_static(node: ast.stmt) -> bool:
    return any(getattr(d, "id", "") == "staticmethod" for d in getattr(node, "decorator_list", ()))


def _sets(node: ast.stmt, name: str) -> bool:
    """Whether a method assigns an attribute of that name."""
    return any(
        isinstance(inner, ast.Attribute) and inner.attr == name and not isinstance(inner.ctx, ast.Load)
        for inner in ast.walk(node)
    )


def _annotated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, ...]]:
    """Yield the dotted names in the annotations of a function's parameters."""
    spec = node.args
    for argument in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]:
        annotation = argument.annotation
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except SyntaxError:
                continue
        if annotation is not None:
            yield from (_chain(use) for use in uses_of([annotation], "").names)


def _unsubscripted(node: ast.expr) -> ast.expr:
    """``Study`` of ``Study[Config]``."""
    return node.value if isinstance(node, ast.Subscript) else node


def _is_harmless(decorator: ast.expr, syntax: Syntax) -> bool:
    """Whether a decorator is known to hand a definition back and to tell nobody of it."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    bound = syntax.bindings.get(node.id, [])
    if not bound:
        return node.id in _HARMLESS
    return all(
        isinstance(one, Imported)
        and one.module.partition(".")[0] in _HARMLESS
        and not ".".join(filter(None, [one.module, one.name, *names])).startswith(_REGISTERING)
        for one in bound
    )


def _lazy_bindings(place: Place, syntax: Syntax) -> tuple[Mapping[str, Sequence[Unit | Imported]], bool]:
    """Names that a module's ``__getattr__`` hands out (lazy_loader), and whether there may be others."""
    makers = [unit for unit in syntax.bindings.get("__getattr__", ()) if isinstance(unit, Unit)]
    if not makers:
        return {}, False
    call = getattr(makers[0].node, "value", None)
    called = getattr(call, "func", None)
    name = getattr(called, "attr", "") or getattr(called, "id", "")
    stub = place.file.with_suffix(".pyi") if place.file else None
    if name == "attach_stub" and stub is not None and stub.is_file():
        return source(stub, place.name, is_package=place.is_package).bindings, False
    if name == "attach" and isinstance(call, ast.Call):
        return _attached(call, place.name)
    return {}, True


def _attached(call: ast.Call, package: str) -> tuple[Mapping[str, Sequence[Imported]], bool]:
    """What ``lazy_loader.attach(__name__, submodules=[...], submod_attrs={...})`` hands out."""
    given = dict(zip(("submodules", "submod_attrs"), call.args[1:], strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    try:
        values = {name: ast.literal_eval(value) for name, value in given.items()}
    except ValueError:
        return {}, True
    found = {name: [Imported(f"{package}.{name}")] for name in values.get("submodules") or ()}
    for module, names in (values.get("submod_attrs") or {}).items():
        found |= {name: [Imported(f"{package}.{module}", name)] for name in names}
    return found, False


def _data_files(folder: str, *, deep: bool) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_file() and not entry.name.endswith((".py", ".pyc", ".pyi", ".so", ".pyd")):
            yield entry.name
        elif deep and entry.is_dir():
            yield from (f"{entry.name}/{name}" for name in _data_files(entry.path, deep=True))


def _file_sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path} must be readable, it is part of the code; got {error.strerror}") from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
