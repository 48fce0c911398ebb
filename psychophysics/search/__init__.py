"""Visual-search asymmetry: is finding A among B harder than B among A, for a model as for people?

Importing this package imports neither torch nor pandas; the names below load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogattn.psychophysics.search.diet import DIETS as DIETS
    from cogattn.psychophysics.search.displays import Display as Display
    from cogattn.psychophysics.search.displays import make_display as make_display
    from cogattn.psychophysics.search.gaze import densities_along as densities_along
    from cogattn.psychophysics.search.gaze import score_fixations as score_fixations
    from cogattn.psychophysics.search.human import human_slopes as human_slopes
    from cogattn.psychophysics.search.human import human_times as human_times
    from cogattn.psychophysics.search.human import published_models as published_models
    from cogattn.psychophysics.search.measures import agreement as agreement
    from cogattn.psychophysics.search.measures import asymmetries as asymmetries
    from cogattn.psychophysics.search.measures import asymmetry_index as asymmetry_index
    from cogattn.psychophysics.search.measures import reaction_time_ms as reaction_time_ms
    from cogattn.psychophysics.search.measures import search_slopes as search_slopes
    from cogattn.psychophysics.search.tasks import TASKS as TASKS

_HOMES = {
    "DIETS": "diet",
    "Display": "displays",
    "TASKS": "tasks",
    "agreement": "measures",
    "asymmetries": "measures",
    "asymmetry_index": "measures",
    "densities_along": "gaze",
    "human_slopes": "human",
    "human_times": "human",
    "make_display": "displays",
    "published_models": "human",
    "reaction_time_ms": "measures",
    "score_fixations": "gaze",
    "search_slopes": "measures",
}
__all__ = [
    "DIETS",
    "TASKS",
    "Display",
    "agreement",
    "asymmetries",
    "asymmetry_index",
    "densities_along",
    "human_slopes",
    "human_times",
    "make_display",
    "published_models",
    "reaction_time_ms",
    "score_fixations",
    "search_slopes",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
