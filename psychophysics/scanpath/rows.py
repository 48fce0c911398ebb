"""Rows of trial tables from scanpaths, in an order that does not depend on how they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


def ordered(data: PathSet, paths: Sequence[ObjectPath], beside: Sequence[T]) -> list[tuple[ObjectPath, T]]:
    """Return paths and what belongs to each, sorted by scene and person."""
    both = list(zip(paths, beside, strict=True))
    return sorted(both, key=lambda one: (data.layout_of(one[0]).name, one[0].person))


def keys(observer: str, number: int, layout: Layout, path: ObjectPath) -> dict[str, ArrayLike]:
    """Return the columns by which all rows of a scanpath are told from others."""
    return {
        "observer": observer,
        "split": number,
        "scene": layout.name,
        "group": layout.group,
        "person": path.person,
    }


def table(name: str, parts: Sequence[Mapping[str, ArrayLike]]) -> pd.DataFrame:
    """Return a trial table with the columns and types of its schema.

    Parameters
    ----------
    name : str
        Of the table.
    parts : sequence of mappings
        Columns of some rows each: arrays of one length, or one value for all of them.
    """
    import pandas as pd

    schema = columns.TABLES[name]
    sizes = [max(np.size(part[column]) for column in schema) for part in parts]
    filled = {
        column: np.concatenate(
            [np.empty(0), *(np.broadcast_to(part[column], n) for part, n in zip(parts, sizes, strict=True))],
            dtype=object if kind == "str" else kind,
            casting="unsafe",
        )
        for column, kind in schema.items()
    }
    return pd.DataFrame(filled)
