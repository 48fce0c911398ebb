"""Who stands in which row of a figure, and in what colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cogattn.figures import COLOURS, SERIES
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.likelihood import UNTRAINED


@dataclass(frozen=True)
class Drawn:
    """A row.

    Parameters
    ----------
    name : str
        Beside it.
    observers : list of str
        Ids of those that are in it: one, or all untrained copies of a network.
    colour : str
        Of its marks.
    network : bool
        Whether it is under test.
    """

    name: str
    observers: list[str]
    colour: str
    network: bool


def rows_of(observers: Sequence[Observer]) -> list[Drawn]:
    """Return a row an observer, in their order; copies of one network share the place of the first of them."""
    networks = sorted({one.id for one in observers if one.role == "network"})
    colours = dict(zip(networks, SERIES, strict=False))
    rows: dict[str, Drawn] = {}
    for one in observers:
        copies = [other for other in observers if (other.parent, other.variant) == (one.parent, one.variant)]
        if one.variant == UNTRAINED and len(copies) > 1:
            name = f"{len(copies)} untrained"
            key = f"{one.parent}, {name}"
            rows.setdefault(key, Drawn(name, [other.id for other in copies], COLOURS["reference"], False))
        else:
            network = one.role == "network"
            rows[one.id] = Drawn(one.name, [one.id], colours.get(one.id, COLOURS["reference"]), network)
    return list(rows.values())
