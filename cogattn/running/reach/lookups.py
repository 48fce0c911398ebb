"""Code and files of data that are found by text: modules named in strings, programs, tables beside the code.

Whoever puts a name together at run time takes its pieces from somewhere: from the texts of the code that is reached.
"""

from __future__ import annotations

import itertools
import os
import re
import textwrap
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.running.reach.data import DataFiles, file_sha256
from cogattn.running.reach.names import Uses, absolute
from cogattn.running.reach.tree import Syntax, parse

if TYPE_CHECKING:
    from cogattn.running.reach.walk import Walk

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
_TARGET = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)(\(.*\))?", re.DOTALL)
_RELATIVE = re.compile(r"(\.+)([A-Za-z_][\w.]*)")
_START = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*)\.(?:$|\w*[*%{])")
"""Text that begins the name of a module."""
_PROGRAM = {"-m", "__main__"}
"""A text that tells that another one may name a module to be run."""


class Lookups:
    """Follows texts.

    Parameters
    ----------
    walk : Walk
        Gets what they mean.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._data = DataFiles()
        self._texts: set[str] = set()
        self._followed: list[tuple[Uses, Syntax]] = []

    def follow(self, uses: Uses, syntax: Syntax) -> None:
        """Follow the texts in a piece of a module's code."""
        self._followed.append((uses, syntax))
        for text in uses.texts | uses.patterns:
            start = _START.match(text)
            if start and self._is_own_module(start[1]):
                self.walk.reach_package(start[1])
        for text in uses.texts:
            self._follow_text(text, syntax)
        unfilled = {text.replace("*", "__name__") for text in uses.patterns}  # what is filled in is not known
        for text in (uses.texts | unfilled) - self._texts:
            if "import " in text:
                self._follow_code(text)
        for text in uses.texts if uses.texts & _PROGRAM else ():
            if self._is_own_module(text):
                self.walk.reach_script(text)
        self._texts |= uses.texts
        self._follow_files(uses, syntax)

    def turned_up(self) -> bool:
        """Take in what code that looks modules or classes up at run time may find; whether there was any."""
        before = len(self.walk.parts), len(self.walk.packages)
        dynamic = {flag for uses, _ in self._followed for flag in uses.dynamic}
        if "subclasses" in dynamic:
            self._reach_subclasses()
        if "entry points" in dynamic:
            self._reach_entry_points()
        if "by name" in dynamic:
            self._reach_by_name()
        if dynamic & {"by name", "package"}:
            self._reach_callers()
        return (len(self.walk.parts), len(self.walk.packages)) != before

    def note_files(self) -> None:
        """Keep the files whose name stands in one module and whose folder in another."""
        said = Uses()
        for uses, _ in self._followed:
            said.texts |= uses.texts
            said.patterns |= uses.patterns
        for name, folder, _ in set(self._folders_that_are_read()):
            for file in self._data.named(folder, said):
                self.walk.parts.setdefault(f"{name}:{file}", file_sha256(folder / file))

    # ---- modules

    def _follow_text(self, text: str, syntax: Syntax) -> None:
        relative, target = _RELATIVE.fullmatch(text), _TARGET.fullmatch(text)
        if relative:
            self._follow_dotted(absolute(relative[2], len(relative[1]), syntax.package), modules=True)
        elif text in self._texts:
            return
        elif target and self.walk.places.is_ours(target[1]) and self.walk.places.find(target[1]) is not None:
            self.walk.reach_attribute(target[1], tuple(target[2].split(".")))
        elif _DOTTED.fullmatch(text):
            self._follow_dotted(text)

    def _follow_code(self, text: str) -> None:
        """Follow what a text imports that is Python itself (for ``exec``, or ``python -c``)."""
        try:
            syntax = parse(textwrap.dedent(text).encode(errors="surrogatepass"), "")
        except (SyntaxError, ValueError, RecursionError):
            return
        for unit in syntax.units if syntax.imports else ():
            unit.uses.unsure |= {use.origin for use in unit.uses.names if isinstance(use.origin, str)}
            self.walk.follow(unit.uses, syntax)
        self.walk.load_all(syntax.imports)

    def _follow_dotted(self, text: str, *, modules: bool = False) -> None:
        """``package.module`` or, unless it must be one of the `modules`, ``package.module.name``."""
        module, _, name = text.rpartition(".")
        if self._is_own_module(text):
            self.walk.reach_attribute(text, ())
        elif not modules and "." in module and self._is_own_module(module):
            found = self.walk.module(module)
            hidden = found and (found.syntax.stars or "__getattr__" in found.syntax.bindings)
            if hidden or any(True for _ in self.walk.definitions(module, (name,))):
                self.walk.reach_attribute(module, (name,))

    def _is_own_module(self, name: str) -> bool:
        return name.partition(".")[0] in self.walk.places.own and self.walk.places.find(name) is not None

    def _reach_subclasses(self) -> None:
        for syntax in self.walk.loaded():
            for unit in syntax.units:
                if unit.kind == "class":
                    self.walk.reach(unit, syntax)

    def _reach_entry_points(self) -> None:
        found = entry_points()
        for entry in (entry for group in found.groups & self._texts for entry in found.select(group=group)):
            if self.walk.places.is_ours(entry.module):
                self.walk.reach_attribute(entry.module, tuple(entry.attr.split(".")) if entry.attr else ())

    def _reach_by_name(self) -> None:
        """Some module is imported by a name that comes from elsewhere: from any text that has been met."""
        places = self.walk.places
        for text in sorted(self._texts):
            top = text.partition(".")[0]
            if not text.replace(".", "").isidentifier():
                continue
            if any(os.path.exists(os.path.join(folder, f"{top}.py")) for folder in places.folders):
                self.walk.reach_attribute(text, ())
            elif places.is_installed(top):
                self.walk.packages.add(top)
        for text in {text for uses, _ in self._followed if "joined" in uses.dynamic for text in uses.texts}:
            if self._is_own_module(text):
                self.walk.reach_package(text)

    def _reach_callers(self) -> None:
        """A name may be put together from one's own that a module hands on."""
        for uses, syntax in list(self._followed):
            if "own name" in uses.dynamic:
                self.walk.reach_package(syntax.package or syntax.name)

    # ---- files

    def _follow_files(self, uses: Uses, syntax: Syntax) -> None:
        """Take in the files beside a module, and in the packages above it, that its code names."""
        above = itertools.accumulate(syntax.name.split("."), "{}.{}".format)
        homes: dict[Path, tuple[str, str]] = {}
        for name, folder, stem in self._homes([syntax.name, *sorted(uses.resources), *above]):
            homes.setdefault(folder, (name, stem))
        for folder, (name, stem) in homes.items():
            for file in self._data.named(folder, uses, stem=stem, whole=True):
                self.walk.parts[f"{name}:{file}"] = file_sha256(folder / file)
            self._follow_programs(uses, folder, name)

    def _follow_programs(self, uses: Uses, folder: Path, name: str) -> None:
        """Take in Python files that are named as files, to be run or executed."""
        for text in uses.texts:
            file = folder / text.rpartition("/")[2]
            if text.endswith(".py") and file.is_file():
                self.walk.parts[f"{name}:{file.name}"] = file_sha256(file)
                package = self.walk.places.find(name)
                below = name if package and package.is_package else name.rpartition(".")[0]
                module = ".".join(filter(None, (below, file.stem)))
                if self.walk.places.find(module) is not None:
                    self.walk.reach_script(module)

    def _folders_that_are_read(self) -> Iterator[tuple[str, Path, str]]:
        """Yield the homes of modules that look for files beside themselves, or in packages named in some text."""
        dynamic = {flag for uses, _ in self._followed for flag in uses.dynamic}
        for uses, syntax in self._followed:
            if uses.dynamic & {"beside", "own name"}:
                yield from self._homes([syntax.name])
        if "resources" in dynamic:
            yield from self._homes(sorted(text for text in self._texts if self._is_own_module(text)))

    def _homes(self, names: list[str]) -> Iterator[tuple[str, Path, str]]:
        """Yield name, folder and stem of the modules of ours that have a file."""
        for name in names:
            place = self.walk.places.find(name) if self.walk.places.is_ours(name) else None
            if place is not None and place.file is not None:
                yield name, place.file.parent, place.file.stem
