"""Training, validation and test: parts that share no layout, no target or no person."""

from __future__ import annotations

from dataclasses import dataclass

from cogattn.psychophysics.scanpath.layouts.items import Ints


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of the paths of each part in their `PathSet`.

    Parameters
    ----------
    train, validation, test : array of int
        Sorted, disjoint.
    """

    train: Ints
    validation: Ints
    test: Ints
