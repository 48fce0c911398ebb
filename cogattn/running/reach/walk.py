"""The walk from definition to definition, through all modules of our own code, until nothing new turns up.

Where a name cannot be followed, all that it may mean is taken in: too much costs a recomputation, too little would
pass a stale number for a fresh one.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cogattn.errors import StoreError
from cogattn.running.atomic import sha256_hex
from cogattn.running.reach.data import file_sha256
from cogattn.running.reach.lazy import lazy_bindings
from cogattn.running.reach.live import live_syntax
from cogattn.running.reach.lookups import Lookups
from cogattn.running.reach.names import IMPORT_MODULE, Imported, Use, Uses, uses_of
from cogattn.running.reach.order import import_order, member_order
from cogattn.running.reach.places import Place, Places
from cogattn.running.reach.registering import Classes, may_register
from cogattn.running.reach.tree import Syntax, Unit

_KNOWN = frozenset(dir(builtins)) | {"__file__", "__name__", "__package__", "__path__", "__spec__", "__doc__"}


@dataclass
class Module:
    """A module of our code, with what its package hands out lazily."""

    place: Place
    syntax: Syntax
    lazy: Mapping[str, Sequence[Unit | Imported]] = field(default_factory=dict)


class Walk(Classes):
    """Follows names from definition to definition.

    Parameters
    ----------
    places : Places
        Finds the modules.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self.parts: dict[str, str] = {}
        self.packages: set[str] = set()
        self.reached: dict[Unit, Syntax] = {}
        self.taken: dict[Unit, tuple[Syntax, set[ast.stmt]]] = {}
        """Classes of which single members are reached."""
        self.by_member: set[Unit] = set()
        """Classes of which single members are reached, whatever decorates them."""
        self._modules: dict[str, Module | None] = {}
        self._lookups = Lookups(self)
        self._todo: list[tuple[Unit, Syntax]] = []
        self._to_load: list[Imported] = []
        self._loaded: set[Imported] = set()
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self._whole: set[str] = set()
        self._said: dict[str, set[str]] = {}

    def branch(self) -> Walk:
        """Return a walk that has reached nothing yet and knows the same modules."""
        walk = Walk(self.places)
        walk._modules = self._modules
        return walk

    def finish(self) -> None:
        """Work until nothing new turns up."""
        while self._todo or self._to_load or self._lookups.turned_up():
            while self._to_load:
                self.load(self._to_load.pop())
            while self._todo:
                unit, syntax = self._todo.pop()
                self.follow(unit.uses, syntax)
        self._lookups.note_files()
        self._note_orders()

    # ---- uses

    def reach(self, unit: Unit, syntax: Syntax) -> None:
        """Take a definition in, as a whole."""
        if unit not in self.reached:
            self.reached[unit] = syntax
            self.parts[f"{syntax.name}:{unit.label}"] = unit.digest
            self.load(Imported(syntax.name))
            self._todo.append((unit, syntax))

    def follow(self, uses: Uses, syntax: Syntax) -> None:
        """Take in what a piece of a module's code refers to."""
        self._to_load += uses.imports
        for use in uses.names:
            if isinstance(use.origin, Imported):
                self.reach_imported(use.origin, use.attributes)
            elif use.origin in syntax.bindings or use.origin not in uses.unsure:
                self.reach_global(syntax, use)
        self._lookups.follow(uses, syntax)
        names = {use.origin for use in uses.names if isinstance(use.origin, str)}
        if "module" in uses.dynamic:
            self.reach_module(syntax.name)
        aliased = any(IMPORT_MODULE in syntax.bindings.get(n, ()) for n in names - {IMPORT_MODULE.name})
        if "package" in uses.dynamic or aliased:
            self.reach_package(syntax.package or syntax.name)

    def reach_global(self, syntax: Syntax, use: Use) -> None:
        """Take in what a global name of a module means."""
        name = str(use.origin)
        if name in syntax.bindings:
            self._reach_bound(syntax, name, use.attributes)
            self._reach_stars(syntax, use.chain)  # one that stands below may bind the name anew
        elif name in syntax.unreadable:
            raise StoreError(
                f"what code uses in a notebook must be a function, a class, a module or a plain value; got {name}, "
                f"{syntax.unreadable[name]}; put it into a file"
            )
        elif syntax.stars:
            self._reach_stars(syntax, use.chain)
        elif name not in syntax.typing and name not in _KNOWN:
            self.reach_module(syntax.name)

    def reach_imported(self, target: Imported, attributes: tuple[str, ...] = ()) -> None:
        """Take in what an import binds."""
        if self._is_ours(target.module):
            self.reach_attribute(target.module, (target.name, *attributes) if target.name else attributes)

    def _reach_bound(self, syntax: Syntax, name: str, attributes: tuple[str, ...]) -> None:
        for bound in syntax.bindings[name]:
            if isinstance(bound, Unit):
                self.reach(bound, syntax)
            else:
                self._note_origin(syntax.name, name, bound)
                self.reach_imported(bound, attributes)

    def _reach_stars(self, syntax: Syntax, chain: tuple[str, ...] = ()) -> None:
        """Take in all that star imports bind, and the submodule that one of them may bind by the first name."""
        for module in syntax.stars:
            self._note_origin(syntax.name, f"*{module}", Imported(module, "*"))
            if self._is_ours(module):
                self.reach_module(module)
                if chain and self.places.find(f"{module}.{chain[0]}") is not None:
                    self.reach_attribute(f"{module}.{chain[0]}", chain[1:])

    def _note_origin(self, module: str, name: str, target: Imported) -> None:
        """Keep what a name is imported from: another origin is another number."""
        self.note(f"{module}:{name}", f"import {target.text}")

    def note(self, key: str, *texts: str) -> None:
        """Keep a part that may be made of several things, in whatever order they are met."""
        said = self._said.setdefault(key, set())
        said.add("\n".join(texts))
        self.parts[key] = sha256_hex("\n".join(sorted(said)).encode(errors="surrogatepass"))

    def loaded(self) -> list[Syntax]:
        """Return the modules that have been read so far."""
        return [module.syntax for module in self._modules.values() if module]

    def _is_ours(self, module: str) -> bool:
        """Whether a module is followed; where not, its package's name is kept."""
        if self.places.is_ours(module):
            return True
        top = module.partition(".")[0]
        if top and top not in sys.stdlib_module_names:
            self.packages.add(top)
        return False

    # ---- modules

    def reach_attribute(self, module: str, chain: tuple[str, ...]) -> None:
        """Take in what ``module.a.b`` means; the module itself if nothing is read from it."""
        if (module, chain) in self._seen:
            return
        self._seen.add((module, chain))
        self.load(Imported(module))
        found = self.module(module)
        if found is None:
            return
        if not chain:
            self._reach_object(found)
        elif chain[0] in found.syntax.bindings:
            self._reach_bound(found.syntax, chain[0], chain[1:])
            self._reach_stars(found.syntax, chain)
            if self._is_rebound(found, chain[0]):
                self.reach_attribute(f"{module}.{chain[0]}", chain[1:])
        elif chain[0] in found.lazy:
            self._reach_lazy(found, chain[0], chain[1:])
        elif self.places.find(f"{module}.{chain[0]}") is not None:
            self.reach_attribute(f"{module}.{chain[0]}", chain[1:])
        elif not is_dunder(chain[0]) or chain[0] == "__dict__":
            self._reach_unknown(found)

    def _is_rebound(self, found: Module, name: str) -> bool:
        """Whether importing a submodule puts it in the place of what its package binds by that name."""
        module = f"{found.place.name}.{name}"
        imports = [one.module for one in found.syntax.bindings[name] if isinstance(one, Imported)]
        return not imports and self.places.find(module) is not None

    def _reach_lazy(self, found: Module, name: str, attributes: tuple[str, ...]) -> None:
        for target in found.lazy[name]:
            if isinstance(target, Imported):
                self._note_origin(found.place.name, name, target)
                self.reach_imported(target, attributes)
            else:
                self.reach_package(found.place.name)

    def _reach_unknown(self, found: Module) -> None:
        """An attribute that nobody can see: one of a star import, of a ``__getattr__``, or anything."""
        if found.syntax.stars:
            self._reach_stars(found.syntax)
        if not found.syntax.stars or "__getattr__" in found.syntax.bindings:
            self._reach_object(found)

    def _reach_object(self, found: Module) -> None:
        """A module that is passed on: any attribute of it may be read."""
        if found.place.is_package:
            self.reach_package(found.place.name)
        else:
            self.reach_module(found.place.name)

    def reach_package(self, package: str) -> None:
        """Take a package in, with all modules below it."""
        self.reach_module(package)
        for module in self.places.submodules(package):
            self.reach_module(module)

    def reach_module(self, name: str) -> None:
        """Take a module in, with all its definitions."""
        if name in self._whole:
            return
        self._whole.add(name)
        self.load(Imported(name))
        found = self.module(name)
        if found is None:
            return
        for unit in found.syntax.units:
            self.reach(unit, found.syntax)
        for bound_name, bindings in found.syntax.bindings.items():
            for bound in bindings:
                if isinstance(bound, Imported):
                    self._note_origin(name, bound_name, bound)
                    self._to_load.append(bound)
        self._reach_stars(found.syntax)

    def reach_script(self, name: str) -> None:
        """Take a module in as it runs by ``python -m``."""
        place = self.places.find(name)
        if place is not None and place.is_package:
            name = f"{name}.__main__"
        found = self.module(name) if self.places.find(name) is not None else None
        if found is not None:
            self.reach_module(name)
            for unit in found.syntax.main:
                self.reach(unit, found.syntax)

    def module(self, name: str) -> Module | None:
        """Return a module of our code; None if it is missing, or no Python source."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        if self._modules[name] is None:
            place = self.places.find(name)
            self.parts[name] = file_sha256(place.file) if place and place.file else "missing"
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        place = self.places.find(name)
        if place is None:
            live = live_syntax(name) if name in sys.modules else None
            return Module(Place(name, None), live) if live else None
        if place.file is None:  # a namespace package
            return Module(place, Syntax(name, name))
        syntax = self.places.syntax(place)
        return Module(place, syntax, lazy_bindings(place, syntax)) if syntax else None

    # ---- imports

    def load_all(self, targets: Iterable[Imported]) -> None:
        """Take in, later on, what happens when things are imported."""
        self._to_load += targets

    def load(self, target: Imported) -> None:
        """Take in what happens when something is imported."""
        if target in self._loaded:
            return
        self._loaded.add(target)
        if not self._is_ours(target.module):
            return
        if target.name:
            self._load_name(target)
            return
        parent = target.module.rpartition(".")[0]
        if parent:
            self.load(Imported(parent))
        found = self.module(target.module)
        if found is None:
            return
        self._to_load += found.syntax.imports
        for unit in found.syntax.units:
            telling = unit.kind == "statement" or may_register(unit, found.syntax, self)
            if telling and unit not in self.by_member:
                self.reach(unit, found.syntax)

    def _load_name(self, target: Imported) -> None:
        self.load(Imported(target.module))
        found = self.module(target.module)
        if found is None or target.name in found.syntax.bindings:
            return
        if target.name in found.lazy:
            self._to_load += [bound for bound in found.lazy[target.name] if isinstance(bound, Imported)]
        elif self.places.find(f"{target.module}.{target.name}") is not None:
            self.load(Imported(f"{target.module}.{target.name}"))

    def _note_orders(self) -> None:
        """Keep in which order the reached definitions of each module run, where it can matter."""
        modules = {id(syntax): syntax for syntax in self.reached.values()}
        for syntax in modules.values():
            order = import_order(syntax, self.reached, self)
            if len(order) > 1:
                self.note(f"{syntax.name}:<order>", *order)
        for unit, (syntax, nodes) in self.taken.items():
            order = member_order(unit, nodes)
            if len(order) > 1:
                self.note(f"{syntax.name}:{unit.label}.<order>", *order)

    # ---- classes

    def definitions(
        self, module: str, chain: tuple[str, ...], depth: int = 0
    ) -> Iterator[tuple[Syntax, Unit]]:
        """Yield the definitions that ``module.a.b`` means, without taking them in."""
        found = self.module(module) if chain and depth < 50 and self.places.is_ours(module) else None
        if found is None:
            return
        bound = found.syntax.bindings.get(chain[0]) or found.lazy.get(chain[0])
        if bound is None and self.places.find(f"{module}.{chain[0]}") is not None:
            yield from self.definitions(f"{module}.{chain[0]}", chain[1:], depth + 1)
        if bound is None or found.syntax.stars:
            for star in found.syntax.stars:
                yield from self.definitions(star, chain, depth + 1)
        for one in bound or ():
            if isinstance(one, Imported):
                names = (one.name,) if one.name else ()
                yield from self.definitions(one.module, (*names, *chain[1:]), depth + 1)
            else:
                yield found.syntax, one

    def hierarchy(self, syntax: Syntax, unit: Unit, depth: int = 0) -> Iterator[tuple[Syntax, Unit]]:
        """Yield a class and those of our classes that it derives from, nearest first."""
        yield syntax, unit
        for base in unit.node.bases if isinstance(unit.node, ast.ClassDef) and depth < 50 else ():
            for use in uses_of([unsubscripted(base)], syntax.package).names:
                for where, above in self.definitions(syntax.name, use.chain):
                    if above.kind == "class":
                        yield from self.hierarchy(where, above, depth + 1)


def is_dunder(name: str) -> bool:
    """Whether it is a name of Python's own, ``__init__``."""
    return name.startswith("__") and name.endswith("__")


def unsubscripted(node: ast.expr) -> ast.expr:
    """Return ``Study`` of ``Study[Config]``."""
    return node.value if isinstance(node, ast.Subscript) else node
