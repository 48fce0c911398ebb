"""Digest of the code that a function reaches: what makes a stored number fresh or stale.

From a method such as ``MaskingStudy.run_cell`` every name is followed, by syntax trees alone, to the top-level
definition that it means, into all modules of our own and of the plugin's code; installed packages are the border,
and their names are kept. Comments, docstrings, formatting and imports for type checkers change nothing; a constant
that is used three calls deep does.

What a module does when it is imported is reached as soon as the module is: its statements, and definitions that may
register themselves. So are the classes of the arguments: a study's settings and cells. Where a name cannot be
followed (a star import, a module found by a computed name), all that it may mean is reached.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cogattn.errors import StoreError
from cogattn.running.atomic import sha256_hex
from cogattn.running.reach.members import Members
from cogattn.running.reach.places import Places
from cogattn.running.reach.walk import Walk


@dataclass(frozen=True)
class CodeDigest:
    """The code that a target reaches.

    Parameters
    ----------
    sha256 : str
        64 hex digits over all parts.
    parts : mapping of str to str
        Digest of each definition (``module:name``, ``module:Class.method``), each origin of an imported name and
        each file of data (``module:data/name``).
    packages : tuple of str
        Installed packages that are used or imported on the way, by import name and in order; none of Python's own.
    """

    sha256: str
    parts: Mapping[str, str]
    packages: tuple[str, ...]


def code_digest(target: str, *, also: Sequence[str] = ()) -> CodeDigest:
    """Return the digest of the code that a target reaches; nothing of it is imported or executed.

    Parameters
    ----------
    target : str
        ``module:function``, ``module:Class`` (all of it) or ``module:Class.method`` (the method, and what it uses of
        its class).
    also : sequence of str
        Further targets.

    Raises
    ------
    StoreError
        If the source of a target cannot be found, or a file that it reaches is not Python.
    """
    walk = Walk(Places())
    try:
        for one in (target, *also):
            _enter(walk, one)
        walk.finish()
    except RecursionError as error:
        raise StoreError(f"code must be nested less deeply to be read; got {target}") from error
    parts = dict(sorted(walk.parts.items()))
    text = json.dumps(parts, separators=(",", ":"))
    return CodeDigest(sha256_hex(text.encode()), parts, tuple(sorted(walk.packages)))


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of the parts that differ between two digests, new and lost ones included."""
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _enter(walk: Walk, target: str) -> None:
    module, _, path = target.partition(":")
    module = _run_as(module)
    walk.places.own_top(module)
    found = walk.module(module) if module and path else None
    if found is None:
        raise StoreError(
            f"the source of code must be found, to tell stored numbers from stale ones; got {target}"
        )
    first, *rest = path.partition(".<locals>")[0].split(".")
    for syntax, unit in walk.definitions(module, (first,)):
        if unit.kind == "class" and rest:
            Members(walk, syntax, unit).enter(rest[0])
            return
    if first in found.syntax.unreadable:
        raise StoreError(f"the source of {target} must be found; got none, put it into a file")
    walk.reach_attribute(module, (first, *rest))


def _run_as(module: str) -> str:
    """Name of a module that was started with ``python -m``."""
    spec = getattr(sys.modules.get(module), "__spec__", None) if module == "__main__" else None
    return spec.name if spec is not None else module
