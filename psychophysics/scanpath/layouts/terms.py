"""What a choice of the next object may depend on, in units that can be read: distance, direction, visits, size, kind.

The features of a conditional logit (McFadden, 1974): simulated persons choose by them, and the choice model that is
fitted to each person estimates their weights, so that what was put in can be compared with what comes out.

References
----------
McFadden (1974), Conditional logit analysis of qualitative choice behavior, in Frontiers in Econometrics, 105-142.
Clarke, Hunt, Hughes (2022), PLoS Comput. Biol. 18, e1009813: foraging by proximity and direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout

E2_DEG = 1.0
"""Distance at which nearness has fallen by one doubling, in degrees."""
TERMS = ("proximity", "direction", "visited", "area", "category")
"""Columns of `terms`, named like the settings of simulated persons. ``proximity`` is -log2(1 + r / e2) at distance r
from gaze, so that its weight is log odds per doubling of distance; ``direction`` the cosine between the way to the
object and the last saccade, 0 where there was none or it went nowhere; ``visited`` 1 for what was looked at, also for
what is looked at now; ``area`` log2 of square degrees; ``category`` 1 where the object is of the kind looked for."""


def terms(layout: Layout, objects: Ints) -> Array:
    """Return what is known of each object after the fixations so far.

    Parameters
    ----------
    layout : Layout
        The objects.
    objects : array of int, shape (n,)
        Those fixated so far, in order; before the first one gaze is in the image's middle.

    Returns
    -------
    array, shape (n_objects, n_terms)
        Columns as `TERMS`.
    """
    gaze = layout.position_deg[objects[-1]] if len(objects) else np.zeros(2)
    before = layout.position_deg[objects[-2]] if len(objects) > 1 else gaze
    seen = np.zeros(layout.n_objects, dtype=bool)
    seen[objects] = True
    return _terms(layout, gaze[None], (gaze - before)[None], seen[None])[0]


def terms_of_path(layout: Layout, objects: Ints) -> Array:
    """Return `terms` before each fixation of a path and after its last one, shape (n + 1, n_objects, n_terms)."""
    gazes = np.concatenate([np.zeros((1, 2)), layout.position_deg[objects]])
    saccades = np.zeros_like(gazes)
    saccades[2:] = np.diff(gazes[1:], axis=0)  # the way from the middle to the first object is no saccade
    seen = np.zeros((len(objects) + 1, layout.n_objects), dtype=bool)
    seen[np.arange(1, len(objects) + 1), objects] = True
    return _terms(layout, gazes, saccades, np.logical_or.accumulate(seen))


def is_looked_for(layout: Layout) -> NDArray[np.bool_]:
    """Return whether each object's category has every word of the target's, shape (n_objects,).

    A red disc is what somebody looks for who looks for "red"; nothing is where there is no target or no category.
    """
    target = layout.scene.target
    wanted = set() if target is None else set(target.category.lower().split())
    return np.array([bool(wanted) and wanted <= set(text.lower().split()) for text in layout.categories])


def _terms(layout: Layout, gaze: Array, saccade: Array, seen: NDArray[np.bool_]) -> Array:
    """Terms (n, n_objects, n_terms) at gazes (n, 2) after saccades (n, 2), given what was seen (n, n_objects)."""
    way = layout.position_deg - gaze[:, None]  # (n, n_objects, 2)
    distance = np.hypot(way[..., 0], way[..., 1])
    along = np.einsum("tod,td->to", way, saccade)
    lengths = distance * np.hypot(saccade[:, 0], saccade[:, 1])[:, None]
    cosine = np.divide(along, lengths, out=np.zeros_like(along), where=lengths > 0)
    steady = np.broadcast_to(layout.log_area / np.log(2), distance.shape)
    kind = np.broadcast_to(is_looked_for(layout), distance.shape)
    return np.stack([-np.log2(1 + distance / E2_DEG), cosine, seen, steady, kind], axis=-1)
