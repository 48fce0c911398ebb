"""Trial tables of a search of scenes: their columns, and the temperatures at which searchers are weighed.

Imports nothing, so that a plan can be made without pandas.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLE, PATHS, GAZE, DENSITY = "scene_search", "scene_path", "scene_gaze", "scene_density"

TEMPERATURES = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""In nats of the searcher's own evidence; which of them tells where people look is chosen on other scenes."""

LOG2_DENSITIES = tuple(f"{kind}_{number}" for kind in ("log2", "near") for number in range(len(TEMPERATURES)))
"""Columns of ``scene_gaze``: log2 of the fixated place's probability, a column a temperature. First as the searcher has
it; then as if it moved its eyes like people, who make short saccades and come back: no place is held back, and each is
as likely as it is large in primary visual cortex, ``(1 + d / e2)^-2`` at distance d from gaze (``rules.e2_deg``)."""

KEYS: Mapping[str, str] = {"observer": "str", "scene": "str"}

SEARCH: Mapping[str, str] = KEYS | {
    "target": "str",
    "person": "str",
    "trial": "int64",
    "repeat": "int64",
    "target_present": "bool",
    "allowed": "int64",
    "limit": "int64",
    "n_fixations": "int64",
    "outcome": "str",
    "found": "bool",
}
"""One row a search. ``trial`` is the number of the scanpath whose first fixation it starts from, ``person`` whose that
is, ``allowed`` how many saccades that person might have made (0 where nobody told); of searches from the scene's own
start -1, nothing and 0. ``n_fixations`` counts saccades, ``limit`` how many there might have been, ``outcome`` is
``found``, ``absent`` (said so) or ``limit``."""

PATH: Mapping[str, str] = KEYS | {
    "repeat": "int64",
    "fixation": "int64",
    "x_px": "float64",
    "y_px": "float64",
}
"""One row a fixation of a network's first search of a scene; 0 is where it starts."""

GAZES: Mapping[str, str] = (
    KEYS
    | {
        "person": "str",
        "trial": "int64",
        "fixation": "int64",
        "place": "int64",
        "n_open": "int64",
        "log2_raw": "float64",
    }
    | dict.fromkeys(LOG2_DENSITIES, "float64")
    | {"nss": "float64", "auc": "float64"}
)
"""One row a human fixation on the image after the first: ``trial`` is the scanpath's number in the scene, ``fixation``
its number in the scanpath, ``place`` the nearest place of the scene's lattice, ``n_open`` how many places the
searcher's rules left open. ``log2_raw`` is log2 of the place's probability at the searcher's own temperature, of its
posterior where that is 0; minus infinity where it held it impossible. ``nss`` and ``auc`` are of the same density (AUC
of its logarithm, so that it is that of no temperature)."""

DENSITIES: Mapping[str, str] = KEYS | {"x_px": "float64", "y_px": "float64", "worth": "float64"}
"""One row a place of an example scene: what a network's first saccade to it is worth, in nats up to a constant."""
