"""Parsing Python in several threads of one program."""

from __future__ import annotations

import ast
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import cogattn
from cogattn import syntax
from cogattn.syntax import parse_expression, parse_source, source_of

PACKAGES = ("cogattn", "psychophysics", "eeg", "kernels", "apps")
ROOT = Path(cogattn.__file__).parents[1]
SOURCES = [path.read_text() for path in sorted((ROOT / "cogattn" / "running").rglob("*.py"))]


@pytest.fixture
def turns_within_a_parse() -> Iterator[None]:
    """A callback of the garbage collector, as Hypothesis and profilers have one, and threads that change often."""

    def callback(*_: object) -> None:
        pass

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    gc.callbacks.append(callback)
    yield
    gc.callbacks.remove(callback)
    sys.setswitchinterval(interval)


def test_threads_parse_at_once(turns_within_a_parse: None) -> None:
    failures: list[Exception] = []

    def parse_all() -> None:
        try:
            for source in SOURCES:
                parse_source(source)
                parse_expression(repr(list(range(300))))
                source_of(Example)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=parse_all) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


class Example:
    """What has a source."""

    value = 3


def test_it_parses_once_more_where_another_library_was_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, calls = ast.parse, []

    def disturbed(*arguments: object, **options: object) -> ast.AST:
        calls.append(arguments)
        if len(calls) < 3:
            raise SystemError("AST constructor recursion depth mismatch (before=63, after=57)")
        return parse(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(ast, "parse", disturbed)
    assert ast.dump(parse_source("a = 1")) == ast.dump(parse("a = 1"))
    assert len(calls) == 3


def test_it_gives_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> ast.AST:
        raise SystemError("broken")

    monkeypatch.setattr(ast, "parse", broken)
    monkeypatch.setattr(syntax, "_PAUSE", 0)
    with pytest.raises(SystemError, match="broken"):
        parse_source("a = 1")


def test_what_is_not_python_is_said_at_once() -> None:
    with pytest.raises(SyntaxError):
        parse_source("a = (")
    with pytest.raises(SyntaxError):
        parse_expression("a = 1")
    with pytest.raises(TypeError):
        source_of(int)


def test_the_source_is_the_text() -> None:
    assert source_of(Example).startswith("class Example:\n")
    assert ast.unparse(parse_expression("f( 1,2 )")) == "f(1, 2)"


def test_nothing_else_parses() -> None:
    calls = ("ast.parse(", "getsource(", "literal_eval(repr", "literal_eval(text")
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = {path.name for path in paths for call in calls if call in path.read_text()}
    assert found == {"syntax.py"}
