"""How scanpaths behave on the whole, whatever their objects: do they end on the target, how long are they, do they come
back? The behaviour metric of OAT compares means of such numbers between a model and people.

It says little of where a model looks: a sampler that knows distances alone comes within a third of people, so read it
beside bits.

References
----------
Fang, Yu, Zhang, van der Lans, Shi (2024), OAT, ECCV: the five numbers and their deviation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cogattn.psychophysics.scanpath.columns import BEHAVIOURS
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints

if TYPE_CHECKING:
    import pandas as pd


def behaviour_of(objects: Ints, target: int | None) -> dict[str, float]:
    """Return the five numbers of one scanpath.

    Parameters
    ----------
    objects : array of int, shape (n,)
        Objects of its fixations, at least one.
    target : int, optional
        What is looked for.

    Returns
    -------
    dict
        By the names of `BEHAVIOURS`: ``on_target`` 1 where the last fixation is on the target, else 0, NaN where there
        is no target; ``length`` in fixations; the shares of ``first_visits``, ``refixations`` (on the object of the
        fixation before) and ``revisits`` (on one seen earlier), which add up to 1.
    """
    n = len(objects)
    first = len(set(objects.tolist()))
    again = int(np.count_nonzero(objects[1:] == objects[:-1]))
    ends = np.nan if target is None else float(objects[-1] == target)
    return dict(zip(BEHAVIOURS, (ends, float(n), first / n, again / n, (n - first - again) / n), strict=True))


def deviation(own: Array, person: Array) -> Array:
    """Return the behaviour metric of means: how far a model's are from people's, relative to people's.

    Parameters
    ----------
    own, person : array, shape (..., n_behaviours)
        Means over scanpaths, columns as `BEHAVIOURS`; NaN where not known.

    Returns
    -------
    array, shape (...)
        Mean of ``|own - person| / person`` over the columns that are known and that people show at all; 0 is perfect,
        NaN where there are none.
    """
    own, person = np.broadcast_arrays(np.asarray(own, dtype=float), np.asarray(person, dtype=float))
    counted = (person > 0) & np.isfinite(own)
    apart = np.abs(own - person) / np.where(counted, person, 1.0)
    n = counted.sum(axis=-1)
    return np.where(n > 0, np.where(counted, apart, 0.0).sum(axis=-1) / np.maximum(n, 1), np.nan)


def metric(rows: pd.DataFrame) -> float:
    """Return the behaviour metric of one observer and kind from its rows of ``scanpath_paths``.

    Scanpaths without a target count in all columns but ``on_target``.
    """
    own, person = (
        rows[[f"{whose}_{name}" for name in BEHAVIOURS]].mean().to_numpy(float) for whose in ("own", "person")
    )
    return float(deviation(own, person))
