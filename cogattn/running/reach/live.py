"""Source of what was typed into a notebook or a prompt: a module that has no file."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
from types import FunctionType, ModuleType

from cogattn.running.reach.names import Imported
from cogattn.running.reach.tree import Definition, Syntax
from cogattn.syntax import parse_expression, parse_source, source_of

_PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, type(None))


def live_syntax(name: str) -> Syntax:
    """Return what is in an imported module that has no file: definitions by their source, plain values as they are.

    What has no source is kept by its type, so that code that uses it can be refused.
    """
    module = sys.modules[name]
    found = Syntax(name, getattr(module, "__package__", None) or "")
    for bound, value in list(vars(module).items()):
        if not bound.startswith("__"):
            _add(found, bound, value)
    return found


def _add(found: Syntax, name: str, value: object) -> None:
    if isinstance(value, ModuleType):
        found.bindings[name] = [Imported(value.__name__)]
    elif isinstance(value, _PLAIN):
        _add_plain(found, name, value)
    else:
        _add_definition(found, name, value)


def _add_plain(found: Syntax, name: str, value: object) -> None:
    try:
        is_plain = ast.literal_eval(parse_expression(repr(value))) == value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        is_plain = False
    if is_plain:
        found.add(parse_source(f"{name} = {value!r}").body[0])
    else:
        found.unreadable[name] = type(value).__name__


def _add_definition(found: Syntax, name: str, value: object) -> None:
    target = inspect.unwrap(value) if callable(value) else value
    home, own_name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    if own_name and home and home != found.name:
        found.bindings[name] = [Imported(home, own_name.partition(".")[0])]
        return
    node = _definition(target) if isinstance(target, type | FunctionType) else None
    if node is None:
        found.unreadable[name] = type(value).__name__
        return
    found.add(node)
    found.bindings[name] = found.bindings[node.name]


def _definition(value: type | FunctionType) -> Definition | None:
    """The statement that made a function or class: the last of its name in the cell that it was typed into."""
    for code in _codes(value):
        lines = linecache.getlines(code)
        tree = _parsed("".join(lines))
        for node in reversed(tree.body if tree else []):
            if isinstance(node, Definition) and node.name == value.__qualname__:
                return node
    try:
        tree = _parsed(textwrap.dedent(source_of(value)))
    except (OSError, TypeError):
        return None
    node = tree.body[0] if tree and tree.body else None
    return node if isinstance(node, Definition) else None


def _codes(value: type | FunctionType) -> list[str]:
    """Where the code of a function, or of a class's own functions, was read from."""
    values = [value, *vars(value).values()] if isinstance(value, type) else [value]
    return list(dict.fromkeys(one.__code__.co_filename for one in values if isinstance(one, FunctionType)))


def _parsed(source: str) -> ast.Module | None:
    try:
        return parse_source(source)
    except (SyntaxError, ValueError):
        return None
