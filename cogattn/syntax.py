"""Python source as a syntax tree, in a program with threads.

CPython before 3.13 counts the depth of the tree that it builds in one place for all threads: where another thread's
turn comes in the middle, for which a callback of the garbage collector is enough, both report a `SystemError` about a
"recursion depth mismatch" (python/cpython issue 106905). Whoever parses in cogattn does so here: one at a time, and
again where a library in another thread was in the way.
"""

from __future__ import annotations

import ast
import inspect
import threading
import time
from collections.abc import Callable
from types import FunctionType
from typing import TypeVar

_ATTEMPTS = 20
_PAUSE = 0.01
"""Seconds between attempts."""
_PARSING = threading.RLock()
_Found = TypeVar("_Found")


def parse_source(source: str | bytes) -> ast.Module:
    """Return the syntax tree of a module.

    Raises
    ------
    SyntaxError, ValueError
        If it is not Python.
    """
    return _alone(lambda: ast.parse(source))


def parse_expression(text: str) -> ast.expr:
    """Return the syntax tree of one expression.

    Raises
    ------
    SyntaxError, ValueError
        If it is not one.
    """
    return _alone(lambda: ast.parse(text, mode="eval")).body


def source_of(value: type | FunctionType) -> str:
    """Return the source of a function or class; Python 3.11 and 3.12 parse its file to find a class.

    Raises
    ------
    OSError, TypeError
        If it has none.
    """
    return _alone(lambda: inspect.getsource(value))


def _alone(parse: Callable[[], _Found]) -> _Found:
    with _PARSING:
        for _ in range(_ATTEMPTS - 1):
            try:
                return parse()
            except SystemError:
                time.sleep(_PAUSE)
        return parse()
