"""In which order definitions run when their module is imported: ``A = next(ids)`` before ``B = next(ids)`` or after.

Functions may change places, and constants too, unless something runs between them that can tell the difference: a
statement, a call, a name that is bound twice.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection

from cogattn.running.reach.names import bound_names
from cogattn.running.reach.registering import Classes, may_register
from cogattn.running.reach.tree import Syntax, Unit, tree_digest


def import_order(syntax: Syntax, reached: Collection[Unit], classes: Classes) -> list[str]:
    """Return what runs when a module is imported, in order, as far as it is reached and its place can matter."""
    units = [unit for unit in syntax.units if unit in reached]
    times = Counter(name for unit in units for name in bound_names(unit.node))
    strict = (
        any(unit.kind == "statement" or "#" in unit.label for unit in units)
        or max(times.values(), default=0) > 1
    )
    found = []
    for one in syntax.order:
        if isinstance(one, str):
            found += [one] if strict else []
        elif one in reached and ((strict and one.kind != "function") or _runs(one, syntax, classes)):
            found.append(one.label)
    return found


def member_order(unit: Unit, nodes: Collection[ast.stmt]) -> list[str]:
    """Return the reached members of a class, in order, methods aside that are bound once."""
    members = [node for node in unit.body if node in nodes]
    times = Counter(name for node in members for name in bound_names(node))
    return [
        tree_digest(node)
        for node in members
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or any(times[name] > 1 for name in bound_names(node))
    ]


def _runs(unit: Unit, syntax: Syntax, classes: Classes) -> bool:
    """Whether a definition calls something, or may register itself."""
    return bool(unit.calls) or may_register(unit, syntax, classes)
