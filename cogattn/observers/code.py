"""Digest of the code behind an observer: what a factory reaches, and the classes that a live network is made of.

Code in a file is told by its syntax trees (`cogattn.running.code`), in which comments and docstrings are nothing.
What was typed into a notebook has no file; it is told by its bytecode, with all that it refers to.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cogattn.errors import ObserverError, StoreError
from cogattn.observers.anatomy import Code, described, is_library
from cogattn.running.atomic import sha256_hex
from cogattn.running.code import code_digest
from cogattn.running.digests import combined
from cogattn.running.environment import version_of

KNOWN_PACKAGES = frozenset({"torch", "torchvision", "timm", "numpy", "scipy", "cogattn"})
"""Whose versions every cell records."""
WEIGHTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
_as_loaded: dict[str, tuple[object, str]] = {}


@dataclass(frozen=True)
class ObserverCode:
    """The code of an observer.

    Parameters
    ----------
    sha256 : str
        64 hex digits.
    packages : tuple of str
        Installed packages that it uses, those aside whose versions every cell records.
    """

    sha256: str
    packages: tuple[str, ...]

    @property
    def contents(self) -> dict[str, str]:
        """The digest, and one for the version of each package."""
        versions = {
            f"version of {name}": sha256_hex(str(version_of(name)).encode()) for name in self.packages
        }
        return {"code": self.sha256, **versions}


def observer_code(codes: Iterable[str | Code]) -> ObserverCode:
    """Return the digest of code, given by target ``module:attribute`` or as the class or function itself.

    Raises
    ------
    ObserverError
        If a target's source cannot be found or read, or was edited after Python had loaded it.
    """
    loose: dict[str, str] = {}
    targets: set[str] = set()
    waiting, seen = list(codes), set()
    while waiting:
        code = waiting.pop()
        if code in seen:
            continue
        seen.add(code)
        target = code if isinstance(code, str) else _target(code)
        if target is not None:
            targets.add(target)
        elif not isinstance(code, str):
            loose[f"{code.__module__}:{code.__qualname__}"] = combined(dict(_bytecode(code, waiting)))
    parts, packages = _source(sorted(targets)) if targets else ({}, set())
    return ObserverCode(combined({**loose, **parts}), tuple(sorted(packages - KNOWN_PACKAGES)))


def has_source(code: Code) -> bool:
    """Tell whether a class or function comes from a module's file, so that another process can import it."""
    return _target(code) is not None and "<locals>" not in code.__qualname__


def _target(code: Code) -> str | None:
    module = sys.modules.get(code.__module__ or "")
    file = getattr(module, "__file__", None)
    if module is None or code.__module__ == "__main__" or not file or not Path(file).is_file():
        return None
    return f"{code.__module__}:{code.__qualname__.partition('.<locals>')[0]}"


def _source(targets: Sequence[str]) -> tuple[dict[str, str], set[str]]:
    """What targets reach, part by part, less files of weights: the tensors that came out of them tell these."""
    try:
        found = code_digest(targets[0], also=targets[1:])
    except StoreError as error:
        raise ObserverError(
            f"observer.target must come from Python source that can be read: {error}"
        ) from error
    parts = {}
    for part, digest in found.parts.items():
        data = _is_data(part)
        if not data and not part.endswith(
            "<order>"
        ):  # which is of what one target reaches, not of the module
            _refuse_edited(part, digest)
        if not (data and part.endswith(WEIGHTS)):
            parts[part] = digest
    return parts, set(found.packages)


def _is_data(part: str) -> bool:
    """Tell whether a part of a digest is a file beside a module that Python has loaded."""
    module, _, name = part.partition(":")
    file = getattr(sys.modules.get(module), "__file__", None)
    return bool(file and name) and (Path(file).parent / name).is_file()


def _refuse_edited(part: str, digest: str) -> None:
    """Refuse code that was edited after Python had loaded it: what runs is not what the file says."""
    spec = getattr(sys.modules.get(part.partition(":")[0]), "__spec__", None)
    known_spec, known = _as_loaded.get(part, (None, digest))
    if spec is not None and known_spec is spec and known != digest:
        raise ObserverError(
            f"observer.target must be the code that Python has loaded; got {part} edited since; restart Python, or "
            "reload its module with importlib.reload"
        )
    _as_loaded[part] = (spec, digest)


def _bytecode(code: Code, waiting: list[str | Code]) -> Iterator[tuple[str, str]]:
    """Digests by name of what a class or function does; whatever else it refers to is put on the list."""
    for name, function in _functions(code):
        yield name, sha256_hex("\n".join(_instructions(function.__code__)).encode())
        for used in sorted(_names(function.__code__)):
            value = function.__globals__.get(used)
            if isinstance(value, type | types.FunctionType):
                if not is_library(value.__module__ or ""):
                    waiting.append(value)
            elif used in function.__globals__ and not isinstance(value, types.ModuleType):
                yield f"{name} uses {used}", sha256_hex(described(value).encode(errors="backslashreplace"))
    if isinstance(code, type):
        plain = {
            key: value
            for key, value in vars(code).items()
            if not key.startswith("__") and not callable(value)
        }
        yield "attributes", sha256_hex(described(plain).encode(errors="backslashreplace"))
        waiting += [base for base in code.__bases__ if not is_library(base.__module__ or "")]


def _functions(code: Code) -> Iterator[tuple[str, types.FunctionType]]:
    if isinstance(code, types.FunctionType):
        yield "", code
        return
    for name, member in sorted(vars(code).items()):
        inner = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        if isinstance(inner, types.FunctionType):
            yield name, inner


def _instructions(code: types.CodeType) -> Iterator[str]:
    """What a function does, without the lines where it says so."""
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags, code.co_argcount))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _instructions(constant)
        else:
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def _names(code: types.CodeType) -> set[str]:
    nested = (_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*nested)
