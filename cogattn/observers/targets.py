"""Factories by name: ``module:factory``, with literal arguments in brackets where it takes any.

``mylab.models:build(width=2, norm="layer")`` is read as data: each argument must be a Python literal (number,
text, true or false, None, or tuples, lists and dicts of these), and nothing of it is evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cogattn.syntax import parse_expression

MAX_CHARACTERS = 1000
SYNTAX = "must be module:factory, with literal arguments in brackets if any: mylab.models:build(width=2)"


@dataclass(frozen=True)
class Target:
    """A factory and the arguments that it is called with.

    Parameters
    ----------
    module : str
        Dotted name, as in an import statement.
    attribute : str
        Name in the module, dotted where it is a method of a class.
    args : tuple
        Positional arguments.
    kwargs : mapping
        Keyword arguments.
    text : str
        All of it as it is written, white space and the order of keywords aside.
    """

    module: str
    attribute: str
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    text: str = ""


@lru_cache(maxsize=256)
def parse_target(text: str) -> Target:
    """Read a target.

    Raises
    ------
    ValueError
        With the rule that it breaks.

    Examples
    --------
    >>> parse_target("mylab.models:build( depth = 4, width = 2 )").text
    'mylab.models:build(depth=4, width=2)'
    """
    module, _, expression = text.strip().partition(":")
    if not all(part.isidentifier() for part in module.split(".")) or len(text) > MAX_CHARACTERS:
        raise ValueError(SYNTAX)
    try:
        node = parse_expression(expression.strip())
        call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
        attribute = _dotted(call.func)
        args = tuple(ast.literal_eval(argument) for argument in call.args)
        keywords = sorted(call.keywords, key=lambda keyword: keyword.arg or "")
        kwargs = {_name(keyword): ast.literal_eval(keyword.value) for keyword in keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError(SYNTAX) from None
    shown = [ast.unparse(argument) for argument in [*call.args, *keywords]]
    brackets = f"({', '.join(shown)})" if shown else ""
    return Target(module, attribute, args, kwargs, f"{module}:{attribute}{brackets}")


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise ValueError(SYNTAX)


def _name(keyword: ast.keyword) -> str:
    if keyword.arg is None:  # **something
        raise ValueError(SYNTAX)
    return keyword.arg
