"""Names that a package hands out when they are first asked for (lazy_loader)."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from cogattn.running.reach.names import Imported, last_name
from cogattn.running.reach.places import Place, source
from cogattn.running.reach.tree import Syntax, Unit


def lazy_bindings(place: Place, syntax: Syntax) -> Mapping[str, Sequence[Unit | Imported]]:
    """Return what a module's ``__getattr__`` hands out, as far as it can be read: a stub, or literals."""
    for maker in syntax.bindings.get("__getattr__", ()):
        call = getattr(maker.node, "value", None) if isinstance(maker, Unit) else None
        if isinstance(call, ast.Call):
            stub = place.file.with_suffix(".pyi") if place.file else None
            if last_name(call.func) == "attach_stub" and stub is not None and stub.is_file():
                return source(stub, place.name, is_package=place.is_package).bindings
            if last_name(call.func) == "attach":
                return _attached(call, place.name)
    return {}


def _attached(call: ast.Call, package: str) -> Mapping[str, Sequence[Imported]]:
    """What ``lazy_loader.attach(__name__, submodules=[...], submod_attrs={...})`` hands out."""
    given = dict(zip(("submodules", "submod_attrs"), call.args[1:], strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    try:
        values = {name: ast.literal_eval(value) for name, value in given.items()}
    except ValueError:
        return {}
    found = {name: [Imported(f"{package}.{name}")] for name in values.get("submodules") or ()}
    for module, names in (values.get("submod_attrs") or {}).items():
        found |= {name: [Imported(f"{package}.{module}", name)] for name in names}
    return found
