"""Parameters of what packages export have a type in their docstring or annotation, arrays and tensors a shape."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpy.typing import NDArray as Array

ROOT = Path(__file__).resolve().parents[2]
API = re.findall(r"^   (cogattn[\w.]*)$", (ROOT / "docs" / "api.rst").read_text(encoding="utf-8"), re.M)
ARRAY = re.compile(r"\b(ArrayLike|NDArray|FloatArray|Array|Tensor|ndarray|array|arrays|tensor|tensors)\b")
SHAPE = re.compile(r"\bshapes?\b|\blength \w+|\((\w+( or 1)?( \+ 1)?|\.\.\.),( [\w.]+( or 1)?( \+ 1)?,?)*\)")
OF_SOME = {"cogattn.study.Study.run_cell(checkpoint)"}
"""Keywords that only some studies' own functions take."""
AS_THERE = re.compile(r"^As (for|in|of) `")
"""A group of parameters that another function documents."""


def section(docstring: str, title: str = "Parameters") -> dict[str, str]:
    """Type line and description of each name of a numpydoc section."""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", docstring, re.M | re.S)
    entries: dict[str, str] = {}
    names: list[str] = []
    for line in (found[1] if found else "").splitlines():
        if line and not line.startswith(" "):
            heads, _, kind = line.partition(" : ")
            names = [name.strip().lstrip("*") for name in heads.split(",")]
            entries |= dict.fromkeys(names, kind)
        else:
            entries |= {name: f"{entries[name]}\n{line.strip()}" for name in names}
    return entries


def own(value: object) -> bool:
    return getattr(value, "__module__", "").startswith("cogattn")


def exported(module: str) -> Iterator[tuple[str, object]]:
    """Functions and classes of a module of the reference, methods of the classes included."""
    loaded = importlib.import_module(module)
    for name in getattr(loaded, "__all__", None) or vars(loaded):
        value = getattr(loaded, name)
        if name.startswith("_") or not own(value) or not callable(value):
            continue
        if not hasattr(loaded, "__all__") and value.__module__ != module:
            continue
        yield f"{module}.{name}", value
        for method, function in vars(value).items() if inspect.isclass(value) else ():
            function = getattr(function, "__func__", function)
            if inspect.isfunction(function) and not method.startswith("_"):
                yield f"{module}.{name}.{method}", function


def parameters_of(value: object) -> list[inspect.Parameter]:
    """Those that a caller gives: none of a protocol, which nobody calls, or of an error."""
    if inspect.isclass(value) and (getattr(value, "_is_protocol", False) or issubclass(value, BaseException)):
        return []
    parameters = inspect.signature(value).parameters.values()
    if inspect.isclass(value) and [p.name for p in parameters] == ["args", "kwargs"]:
        return []
    return [parameter for parameter in parameters if parameter.name not in ("self", "cls")]


def flaws(name: str, value: object) -> list[str]:
    """What the docstring leaves open of a function's or class's parameters."""
    docstring = inspect.getdoc(value) or ""
    bases = [base for base in value.__mro__[::-1] if own(base)] if inspect.isclass(value) else [value]
    told: dict[str, str] = {}
    for base in bases:
        told |= section(inspect.getdoc(base) or "")
    parameters = parameters_of(value)
    found = []
    for parameter in parameters:
        kind = "" if parameter.annotation is parameter.empty else str(parameter.annotation)
        text = told.get(parameter.name, "")
        if AS_THERE.match(text.strip()):
            continue
        if told and parameter.name not in told and not parameter.name.startswith("_"):
            found.append(f"{name}({parameter.name}) is not documented")
        if not kind and not text.partition("\n")[0]:
            found.append(f"{name}({parameter.name}) has no type")
        arrays = ARRAY.search(kind) or ARRAY.search(text.partition("\n")[0])
        if arrays and not SHAPE.search(text or docstring):
            found.append(f"{name}({parameter.name}) is an array without a shape")
    unknown = set(told) - {p.name for p in parameters} if parameters else set()
    fields = {field.name for field in dataclasses.fields(value)} if dataclasses.is_dataclass(value) else set()
    named = {f"{name}({extra})" for extra in unknown - fields}
    found += [f"{extra} does not exist" for extra in sorted(named - OF_SOME)]
    return found


@pytest.mark.parametrize("module", API)
def test_parameters_have_types_and_arrays_have_shapes(module: str) -> None:
    assert [flaw for name, value in exported(module) for flaw in flaws(name, value)] == []


def test_what_is_left_open_is_found() -> None:
    def scores(images: Array, labels, *, scale: float = 1.0) -> None:
        """Return scores.

        Parameters
        ----------
        images : array
            In [0, 1].
        labels
            True classes.
        gain : float
            Of something else.
        """

    assert flaws("f", scores) == [
        "f(images) is an array without a shape",
        "f(labels) has no type",
        "f(scale) is not documented",
        "f(gain) does not exist",
    ]
