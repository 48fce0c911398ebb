"""Definitions that tell somebody of themselves when their module is imported: registries.

What a registry holds is found without being named, so such a definition counts as reached as soon as its module is.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from typing import Protocol

from cogattn.running.reach.names import Imported, Scope, bound_names, last_name, parameters
from cogattn.running.reach.tree import Definition, Syntax, Unit, calls_at_import

_QUIET = {
    "numba",
    "numpy",
    "pandas",
    "pydantic",
    "pytest",
    "scipy",
    "sklearn",
    "torch",
    "triton",
    "typing_extensions",
}
"""Packages whose decorators and base classes tell nobody; so do Python's own, but for the following."""
_TELLING = ("torch.library", "atexit", "functools.singledispatch", "codecs", "copyreg")
_STORING = {"add", "append", "appendleft", "extend", "insert", "register", "setdefault", "update"}
_SETTING = re.compile(r"(set|enable|disable|use|install|patch|register|seed|manual_seed)(_|$)")
"""Functions of others that are called for what they do, whatever they return."""
_MAKERS = {"__init__", "__new__", "__post_init__", "model_post_init"}


class Classes(Protocol):
    """Looks names up in modules."""

    def definitions(self, module: str, chain: tuple[str, ...]) -> Iterator[tuple[Syntax, Unit]]:
        """Yield the definitions that ``module.a.b`` means."""
        ...

    def hierarchy(self, syntax: Syntax, unit: Unit) -> Iterator[tuple[Syntax, Unit]]:
        """Yield a class and those of our classes that it derives from."""
        ...


def may_register(unit: Unit, syntax: Syntax, classes: Classes) -> bool:
    """Whether a definition may tell somebody of itself."""
    node = unit.node
    if isinstance(node, Definition) and not all(_is_quiet(d, syntax) for d in node.decorator_list):
        return True
    if isinstance(node, ast.ClassDef):
        registers = any(may_register_member(inner, syntax, classes) for inner in unit.body)
        return registers or _base_registers(unit, syntax, classes)
    if unit.kind == "assignment" and unit.calls and _is_for_nobody(node, syntax):
        return True
    return any(_call_registers(call, syntax, classes) for call in unit.calls)


def may_register_member(node: ast.stmt, syntax: Syntax, classes: Classes) -> bool:
    """Whether a statement in the body of a class may tell somebody of what it defines."""
    if isinstance(node, Definition) and not all(_is_quiet(d, syntax) for d in node.decorator_list):
        return True
    return any(_call_registers(call, syntax, classes) for call in calls_at_import(node))


def _is_for_nobody(node: ast.stmt, syntax: Syntax) -> bool:
    """Whether nothing reads the private names that are bound: what is called is called for what it does."""
    names = bound_names(node)
    private = all(name.startswith("_") and not name.endswith("__") for name in names)
    return private and syntax.read.isdisjoint(names)


def _base_registers(unit: Unit, syntax: Syntax, classes: Classes) -> bool:
    """Whether a metaclass, or a base's ``__init_subclass__``, may keep a class."""
    for depth, (where, above) in enumerate(classes.hierarchy(syntax, unit)):
        node = above.node
        if not isinstance(node, ast.ClassDef):
            continue
        if any(k.arg == "metaclass" and not _is_quiet(k.value, where) for k in node.keywords):
            return True
        above_it = [*node.bases, *(keyword.value for keyword in node.keywords)]
        if any(_call_registers(call, where, classes) for one in above_it for call in calls_at_import(one)):
            return True
        if depth and any("__init_subclass__" in bound_names(inner) for inner in node.body):
            return True
        foreign = [base for base in node.bases if not _is_ours(base, where, classes)]
        if any(not _is_quiet(base, where) for base in foreign):
            return True
    return False


def _is_ours(base: ast.expr, syntax: Syntax, classes: Classes) -> bool:
    name = _base_name(base)
    chain = _chain(base)
    return name in syntax.bindings and any(True for _ in classes.definitions(syntax.name, chain))


def _call_registers(call: ast.Call, syntax: Syntax, classes: Classes) -> bool:
    """Whether a call in an assignment may keep what it is given: one of our functions, a method of our objects."""
    bound = syntax.bindings.get(_base_name(call.func), [])
    ours = list(classes.definitions(syntax.name, _chain(call.func))) if bound else []
    if any(unit.kind != "class" for _, unit in ours):
        return True
    if ours:
        return (len(_chain(call.func)) > 1 and _is_method_of(call.func, syntax, classes)) or any(
            _keeps_itself(node) for where, unit in ours for _, above in classes.hierarchy(where, unit)
            for node in above.body if bound_names(node) & _MAKERS and isinstance(node, ast.FunctionDef)
        )  # fmt: skip
    if _SETTING.match(last_name(call.func)):
        return True
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not _is_quiet(call.func, syntax) and any(
        isinstance(value, ast.Lambda) or _names_code(value, syntax, classes) for value in given
    )


def _is_method_of(node: ast.expr, syntax: Syntax, classes: Classes) -> bool:
    """Whether ``a.b`` is an attribute of a class, not a class of a module."""
    return isinstance(node, ast.Attribute) and any(
        unit.kind == "class" for _, unit in classes.definitions(syntax.name, _chain(node.value))
    )


def _names_code(node: ast.expr, syntax: Syntax, classes: Classes) -> bool:
    return _base_name(node) in syntax.bindings and any(
        unit.kind in ("class", "function") for _, unit in classes.definitions(syntax.name, _chain(node))
    )


def _keeps_itself(method: ast.FunctionDef) -> bool:
    """Whether a method that makes an object may put it where others find it."""
    arguments = {argument.arg for argument in parameters(method)}
    local = Scope.of(method.body).bound | arguments
    me = parameters(method)[0].arg if parameters(method) else ""
    for node in ast.walk(method):
        if isinstance(node, ast.Global):
            return True
        stored = isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load)
        if stored and _base_name(node) not in local:
            return True
        if isinstance(node, ast.Call) and _hands_on(node, me, local):
            return True
    return False


def _hands_on(call: ast.Call, me: str, local: set[str]) -> bool:
    name = last_name(call.func)
    if name in _STORING and _base_name(call.func) not in local - {me}:
        return True
    python = isinstance(call.func, ast.Name) and name in (
        "super",
        "isinstance",
        "type",
        "getattr",
        "setattr",
        "id",
        "vars",
    )
    return (
        not python
        and name != "__setattr__"
        and any(isinstance(a, ast.Name) and a.id == me for a in call.args)
    )


def _is_quiet(node: ast.expr, syntax: Syntax) -> bool:
    """Whether a decorator, base or function of somebody else's is known to tell nobody."""
    name, chain = _base_name(node), _chain(node)
    bound = syntax.bindings.get(name, [])
    if not bound:
        return bool(name) and (not syntax.stars or name in dir(builtins))
    for one in bound:
        if not isinstance(one, Imported):
            return False
        full = ".".join(filter(None, (one.module, one.name, *chain[1:])))
        top = one.module.partition(".")[0]
        if (top not in _QUIET and top not in sys.stdlib_module_names) or full.startswith(_TELLING):
            return False
    return True


def _chain(node: ast.expr) -> tuple[str, ...]:
    """``("a", "b")`` of ``a.b``, of ``a.b(...)`` and of ``a.b[...]``."""
    names: list[str] = []
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        if isinstance(node, ast.Attribute):
            names.insert(0, node.attr)
        node = node.func if isinstance(node, ast.Call) else node.value
    return (getattr(node, "id", ""), *names)


def _base_name(node: ast.expr) -> str:
    return _chain(node)[0]
