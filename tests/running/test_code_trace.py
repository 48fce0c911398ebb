"""What runs while a cell is computed is among the parts of its study's code: the interpreter is asked, not the source.

Functions that are called while a module is imported are left out: they make the module's own definitions, and only
those that a cell uses are parts.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

import cogattn
from cogattn.registry import load_study, study_entry_points
from cogattn.running.identity import cell_code, target_of
from cogattn.study import Cell, Study, streams_of

COIN = "cogattn.testing.coin:CoinStudy"


class Tracer:
    """Notes the code of every Python function that is called, unless a module is being imported above it."""

    def __init__(self) -> None:
        self.called: set[CodeType] = set()
        self.importing = threading.local()

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        depth = getattr(self.importing, "depth", 0)
        code = frame.f_code
        if code.co_name == "<module>":
            self.importing.depth = depth + {"call": 1, "return": -1}.get(event, 0)
        elif event == "call" and not depth:
            self.called.add(code)


@contextmanager
def traced() -> Iterator[set[CodeType]]:
    tracer = Tracer()
    threading.setprofile(tracer)
    sys.setprofile(tracer)
    try:
        yield tracer.called
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def definitions(called: set[CodeType]) -> set[tuple[str, str]]:
    """Module and qualified name, up to its first local scope, of the called functions that are ours."""
    folder = Path(cogattn.__file__).parent
    names = {
        module.__file__: name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == folder.name and getattr(module, "__file__", None)
    }
    found = {
        (names[c.co_filename], c.co_qualname.split(".<locals>")[0]) for c in called if c.co_filename in names
    }
    return {(module, name) for module, name in found if not name.startswith("<")}  # a lambda has no name


def covered(parts: set[str], module: str, name: str) -> bool:
    """Whether a function is a part: by itself, with its class, or with the statement that defines it."""
    top, _, member = name.partition(".")
    labels = {part.partition(":")[2].partition("#")[0] for part in parts if part.partition(":")[0] == module}
    whole = {one for label in labels for one in label.strip("<>").split(",")}
    members = {
        one
        for label in labels
        if label.startswith(f"{top}.")
        for one in label.removeprefix(f"{top}.").strip("<>").split(",")
    }
    return top in whole or member.partition(".")[0] in members


def one_of_each_kind(study: Study, cells: list[Cell]) -> list[Cell]:
    """The first cell of each class, table and kind of observer."""
    found: dict[tuple[type, str, str], Cell] = {}
    roles = {observer.id: observer.role for observer in study.observers(study.demo())}
    for cell in cells:
        found.setdefault((type(cell), cell.task, roles.get(cell.observer, "")), cell)
    return list(found.values())


def run(study: Study) -> set[CodeType]:
    config = study.demo()
    cells = one_of_each_kind(study, list(study.cells(config)))
    relevant = [study.relevant(config, cell) for cell in cells]
    with traced() as called:
        for cell, own in zip(cells, relevant, strict=True):
            study.run_cell(own, cell, streams_of(own, cell))
    return called


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        COIN,
        *(
            pytest.param(name, marks=pytest.mark.nightly) if name == "naming" else name
            for name in study_entry_points()
        ),
    ],
)
def test_every_function_that_a_cell_calls_is_a_part_of_its_code(name: str) -> None:
    study = load_study(name)
    parts = set(cell_code(target_of(study)).parts)
    ran = definitions(run(study))
    assert ran, "something of ours must have run"
    assert sorted(one for one in ran if not covered(parts, *one)) == []
