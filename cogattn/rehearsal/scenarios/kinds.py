"""Scenarios by name: permuted and split pictures, and what other packages announce as ``cogattn.scenarios``."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from cogattn.errors import ConfigError
from cogattn.rehearsal.scenarios.permuted import PERMUTED
from cogattn.rehearsal.scenarios.split import SPLIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cogattn.rehearsal.scenario import Kind

PACKAGE = "cogattn"
BUILT_IN: Mapping[str, Kind] = {kind.name: kind for kind in (PERMUTED, SPLIT)}
"""Whose networks are multilayer perceptrons of ours, on pictures that stay in memory."""
BESIDE_PEOPLE = ("trees", "transfer")
"""Scenarios that have rooms of their own, and are no kinds."""


def kinds() -> dict[str, Kind]:
    """Return all scenarios that are announced, by name."""
    return {name: kind_of(name) for name in (*BUILT_IN, *_announced())}


def kind_of(name: str) -> Kind:
    """Return the scenario of a name, or at a target ``module:attribute``.

    Raises
    ------
    ConfigError
        If there is none, or its package does not import.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    target = target_of(name)
    try:
        return EntryPoint(name, target, "").load()
    except Exception as error:  # a plugin may raise anything while it is imported
        told = (str(error).splitlines() or [""])[0]
        raise ConfigError(
            f"scenario {name} must be importable; got {type(error).__name__}: {told} ({target})"
        ) from error


def target_of(name: str) -> str:
    """Return where another package's scenario is, ``module:attribute``; raise ConfigError where there is none."""
    if ":" in name:
        return name
    found = _announced()
    if name not in found:
        known = (*BUILT_IN, *BESIDE_PEOPLE, *found)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
        raise ConfigError(f"scenario must be one that is known; got {name}{hint}")
    return found[name]


def _announced() -> dict[str, str]:
    """Targets of other packages' scenarios by name.

    The group's name is put together, so that the code behind a cell is that of its own scenario
    (`cogattn.rehearsal.plan.contents`) and not that of all that are announced.
    """
    group = f"{PACKAGE}.scenarios"
    found = {entry.name: entry.value for entry in sorted(entry_points(group=group), key=lambda e: e.value)}
    return {name: target for name, target in sorted(found.items()) if name not in BUILT_IN}
