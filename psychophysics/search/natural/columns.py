"""Trial tables of a search of scenes: their columns, and the temperatures at which searchers are weighed.

Imports nothing, so that a plan can be made without pandas.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLE, PATHS, GAZE, DENSITY = "scene_search", "scene_path", "scene_gaze", "scene_density"

TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""In nats of the searcher's own evidence; which of them tells where people look is chosen on other scenes."""

LOG2_DENSITIES = tuple(f"{kind}_{number}" for kind in ("log2", "near") for number in range(len(TEMPERATURES)))
"""Columns of ``scene_gaze``: log2 of the fixated place's probability, a column a temperature; first as the searcher has
it, then times ``(1 + d / e2)^-2`` at distance d from gaze, as if a place were as likely as it is large in primary
visual cortex (``rules.e2_deg``), for people make short saccades and searchers do not know it."""

KEYS: Mapping[str, str] = {"observer": "str", "scene": "str"}

SEARCH: Mapping[str, str] = KEYS | {
    "target": "str",
    "repeat": "int64",
    "n_fixations": "int64",
    "found": "bool",
    "limit": "int64",
}
"""One row a search: ``n_fixations`` counts saccades, ``limit`` how many there might have been."""

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
searcher's rules left open, ``log2_raw`` log2 of the place's probability at the searcher's own temperature (minus
infinity where it held it impossible), ``nss`` and ``auc`` of the same density (AUC of its logarithm, so that it is
that of no temperature)."""

DENSITIES: Mapping[str, str] = KEYS | {"x_px": "float64", "y_px": "float64", "worth": "float64"}
"""One row a place of an example scene: what a network's first saccade to it is worth, in nats up to a constant."""
