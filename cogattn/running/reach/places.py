"""Where the source of a module lies, and whose it is; no module is imported to learn it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path

from cogattn.errors import StoreError
from cogattn.running.reach.tree import Syntax, parse

HOUSE = "cogattn"
_INSTALLED = {"site-packages", "dist-packages"}
_BINARY = tuple(importlib.machinery.EXTENSION_SUFFIXES)


@dataclass(frozen=True)
class Place:
    """A module's file, and where its submodules are looked for.

    Parameters
    ----------
    name : str
        Full dotted name.
    file : Path or None
        Source or extension module; None: a namespace package.
    folders : tuple of str
        Of a package: where its submodules lie.
    """

    name: str
    file: Path | None
    folders: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        """Whether it can have submodules."""
        return bool(self.folders)


@dataclass
class Places:
    """Finds modules for one question; each answer is kept."""

    own: set[str] = field(default_factory=lambda: {HOUSE})
    """Top-level names whose code is followed in any case."""
    folders: list[str] = field(default_factory=list)
    """Where top-level modules are also looked for: the folder of the file that was asked for."""
    _found: dict[str, Place | None] = field(default_factory=dict)
    _ours: dict[str, bool] = field(default_factory=dict)

    def find(self, name: str) -> Place | None:
        """Return where a module of our code lies; None if there is none of that name."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def is_ours(self, name: str) -> bool:
        """Whether a module's code is followed: it belongs to the asked-for code, or to no installed package."""
        top = name.partition(".")[0]
        if top not in self._ours:
            self._ours[top] = self._is_ours(top)
        return self._ours[top]

    def is_installed(self, top: str) -> bool:
        """Whether there is a package of that name that is not ours and not Python's own."""
        return top not in sys.stdlib_module_names and self.find(top) is not None and not self.is_ours(top)

    def submodules(self, package: str) -> Iterator[str]:
        """Yield the names of all modules below a package, however deep."""
        place = self.find(package)
        for folder in map(Path, place.folders if place else ()):
            own = place is None or place.file is None or folder == place.file.parent
            for child in modules_in(folder):
                init = folder / child / "__init__.py"
                if not own and (place is None or init == place.file or not init.is_file()):
                    continue  # in a checkout lie tests and tables beside the package and its other folders
                name = f"{package}.{child}"
                if self.find(name) is not None:
                    yield name
                    yield from self.submodules(name)

    def syntax(self, place: Place) -> Syntax | None:
        """Return a module's syntax; None where it is no Python source.

        Raises
        ------
        StoreError
            If the file cannot be read as Python.
        """
        if place.file is None or place.file.suffix not in (".py", ".pyi", ".pyw"):
            return None
        return source(place.file, place.name, is_package=place.is_package)

    def own_top(self, module: str) -> None:
        """Count as our code all that was installed, or lies, with a module."""
        top = module.partition(".")[0]
        self.own.add(top)
        root = self.find(top)
        if root is None or root.file is None:
            return
        folder = root.file.parent.parent if root.is_package else root.file.parent
        if _is_installed(folder):
            self.own |= _installed_with(top, folder)
        elif str(folder) not in self.folders:
            self.folders.append(str(folder))

    def _is_ours(self, top: str) -> bool:
        if top in self.own:
            return True
        if top in sys.stdlib_module_names or top == "__future__":
            return False
        place = self.find(top)
        where = place.folders[:1] or [str(place.file)] if place else []
        return any(not _is_installed(Path(part)) for part in where)

    def _find(self, name: str) -> Place | None:
        loaded = _loaded(name)
        if loaded is not None:
            return loaded
        parent = name.rpartition(".")[0]
        if not parent:
            return self._find_top(name)
        above = self.find(parent)
        if above is None or not above.folders:
            return None
        return _in_folders(name, above.folders) or _by_finders(name, above.folders)

    def _find_top(self, name: str) -> Place | None:
        try:
            spec = importlib.util.find_spec(name)  # of a top-level name: imports nothing
        except (ImportError, ValueError, AttributeError):
            spec = None
        return _place(spec) or _in_folders(name, self.folders) or _in_folders(name, [os.getcwd()])


def source(file: Path, name: str, *, is_package: bool = False) -> Syntax:
    """Return the syntax of a source file.

    Raises
    ------
    StoreError
        If it cannot be read as Python.
    """
    try:
        return parse(file.read_bytes(), name, is_package=is_package)
    except (OSError, SyntaxError, ValueError) as error:
        raise StoreError(f"the source of {name} must be readable Python; got {error} ({file})") from error


def _loaded(name: str) -> Place | None:
    """Where a module lies that is imported already."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if module is None or not file or not file.endswith((".py", ".pyw", *_BINARY)):
        return None
    return Place(name, Path(file).absolute(), tuple(getattr(module, "__path__", ())))


def _in_folders(name: str, folders: Sequence[str]) -> Place | None:
    """Look for a submodule where nearly all lie: a file or a package in the parent's folder."""
    leaf = name.rpartition(".")[2]
    for folder in folders:
        init = os.path.join(folder, leaf, "__init__.py")
        if os.path.isfile(init):
            return Place(name, Path(init), (os.path.dirname(init),))
        file = os.path.join(folder, f"{leaf}.py")
        if os.path.isfile(file):
            return Place(name, Path(file))
    spaces = [path for path in (os.path.join(folder, leaf) for folder in folders) if modules_in(Path(path))]
    return Place(name, None, tuple(spaces)) if spaces else None  # a namespace package


def _by_finders(name: str, folders: Sequence[str]) -> Place | None:
    """Ask the import system: extension modules, namespace packages, editable installs."""
    for finder in sys.meta_path:
        try:
            place = _place(finder.find_spec(name, list(folders), None))
        except (ImportError, AttributeError, TypeError, KeyError):
            continue
        if place is not None:
            return place
    return None


def _place(spec: importlib.machinery.ModuleSpec | None) -> Place | None:
    if spec is None:
        return None
    folders = tuple(spec.submodule_search_locations or ())
    file = Path(spec.origin) if spec.has_location and spec.origin else None
    return Place(spec.name, file, folders) if file or folders else None


def modules_in(folder: Path) -> list[str]:
    """Names of the modules in a folder."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return []
    names = [entry.name.split(".")[0] for entry in entries if _holds_code(entry)]
    return [name for name in dict.fromkeys(names) if name.isidentifier() and name != "__init__"]


def _holds_code(entry: os.DirEntry[str]) -> bool:
    if entry.is_dir() and not entry.name.startswith((".", "__")):
        return any(name.endswith(".py") for name in os.listdir(entry.path))
    return entry.name.endswith((".py", *_BINARY))


def _is_installed(path: Path) -> bool:
    return bool(_INSTALLED.intersection(path.parts))


def _installed_with(top: str, folder: Path) -> set[str]:
    """Top-level names of the distribution in `folder` that brought `top`."""
    for distribution in distributions(path=[str(folder)]):
        tops = set((distribution.read_text("top_level.txt") or "").split())
        tops = tops or {file.parts[0].removesuffix(".py") for file in distribution.files or ()}
        if top in tops:
            return {name for name in tops if name.isidentifier()}
    return set()
