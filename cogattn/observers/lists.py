"""Names of observers from a list file (``@networks.txt``) or by a pattern (``resnet*``), spelled out.

A list file holds a name a line. Blank lines do not count, nor does what follows a ``#`` that begins a line or stands
after a blank. The file is looked for in the folder in which the command runs. Settings hold the names and not the file,
so that a run is known by its networks, wherever they were listed.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path

MAX_BYTES = 1 << 20
LIST = "@"
"""Begins the name of a list file."""
COMMENT = re.compile(r"(^|\s)#.*")
WILD = frozenset("*?[")


def from_lists(given: object) -> object:
    """Return names in which each ``@file`` is replaced by the names that the file lists; anything else as it is.

    Raises
    ------
    ValueError
        If a file cannot be read, holds no name, or names one twice; with the file and its line.
    """
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        return given
    found: list[str] = []
    for name in names:
        found += _listed(Path(name[len(LIST) :])) if name.startswith(LIST) else [name]
    return tuple(found)


def from_patterns(given: object) -> object:
    """Return names in which each pattern is replaced by timm's networks that it fits; anything else as it is.

    A pattern is one of a shell (``*``, ``?``, ``[]``). With a dot it is held against networks with their tags
    (``resnet50.*``), without one against architectures (``resnet*``), each of which then stands for its default
    weights. Only networks that have pretrained weights fit. A name that two patterns fit, or that also stands by
    itself, counts once.

    Raises
    ------
    ValueError
        If a pattern fits none.
    """
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not any(
        isinstance(name, str) and WILD & set(name) for name in names
    ):
        return given
    found: list[object] = []
    for name in names:
        wild = isinstance(name, str) and bool(WILD & set(name))
        fitting = _fitting(name) if wild else [name]
        found += [fit for fit in fitting if not wild or fit not in [*found, *names]]
    return tuple(found)


def _fitting(pattern: str) -> list[str]:
    """Pretrained networks of timm, in timm's order."""
    import timm

    known = timm.list_pretrained()
    if "." not in pattern:
        known = list(dict.fromkeys(name.partition(".")[0] for name in known))
    fitting = [name for name in known if fnmatch.fnmatchcase(name, pattern)]
    if not fitting:
        raise ValueError(f"must be patterns that fit a pretrained network of timm; {pattern[:80]} fits none")
    return fitting


def _listed(path: Path) -> list[str]:
    lines: dict[str, int] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        name = COMMENT.sub("", line).strip()
        if name.startswith(LIST):
            raise ValueError(
                f"must come from lists of names, not of lists ({path}, line {number}: {name[:80]})"
            )
        if name in lines:
            raise ValueError(
                f"must come from a list that has each name once, not {name[:80]} twice ({path}, lines {lines[name]} "
                f"and {number})"
            )
        if name:
            lines[name] = number
    if not lines:
        raise ValueError(f"must come from a list that holds a name; this one has none ({path})")
    return list(lines)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            reason = "not a file" if path.exists() else "no such file"
            raise ValueError(
                f"must come from a readable list; there is {reason} ({LIST}{path}, {Path.cwd()})"
            )
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"must come from a list of at most a megabyte ({path})")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"must come from a readable list; {error.strerror} ({path})") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"must come from a list that is text in UTF-8; byte {error.start} is none ({path})"
        ) from None
