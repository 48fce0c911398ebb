"""What can be looked at of search: a display of any asymmetry task, and a searcher's fixations on it.

Displays are drawn as those of a run: with the same settings and number they are the same. Searches have a stream of
their own.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from cogattn.exhibits import Control, Exhibit, Picture, Shown
from cogattn.psychophysics.search import plan
from cogattn.psychophysics.search.config import DisplaySettings, RulesSettings, SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS, find_condition
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.observers.observer import Observer
    from cogattn.psychophysics.search.displays.display import Display
    from cogattn.psychophysics.search.searchers.searching import Search

VARIANTS = {
    "ideal": "ideal",
    "chance": "chance",
    "pixels": "pixels",
    "network": "",
    "network, no fovea": "no fovea",
}
"""Of observers, by the name that the control has; the first, at once, the last after some seconds."""
CONDITIONS = {condition.title: condition.name for task in TASKS.values() for condition in task.conditions}
"""Names by the titles that people read."""
MOST_ITEMS = max(max(task.set_sizes) for task in TASKS.values())
SEARCHING = Lock()
"""A searcher keeps what it saw last: one display at a time."""


def search_display(
    *,
    condition: str,
    set_size: int,
    target_present: bool,
    display: int,
    searcher: str,
    temperature: float,
    pixels_per_degree: int,
) -> Shown:
    """Return a display with a search of it: fixations from the middle on, the target in a box.

    Parameters
    ----------
    condition : str
        Title of one side of one of the six tasks.
    set_size : int
        Items; at most the cells of the task's grid are filled.
    target_present : bool
        Whether one of them is the target.
    display : int
        Its number, as in a run.
    searcher : str
        One of `VARIANTS`.
    temperature : float
        Of the choice among places.
    pixels_per_degree : int
        Resolution.
    """
    from cogattn.psychophysics.search.trials import display_of

    config = SearchConfig(
        controls=("no_fovea", "pixels", "ideal", "chance"),
        displays=DisplaySettings(pixels_per_degree=pixels_per_degree),
        rules=RulesSettings(temperature=temperature),
    )
    name = CONDITIONS[condition]
    n_items = min(set_size, find_condition(name)[0].n_columns ** 2)
    drawn = display_of(config, name, n_items, display, target_present=target_present)
    observer = next(one for one in plan.observers_of(config) if one.variant == VARIANTS[searcher])
    found = _searched(config, observer, drawn, display)
    return _shown(drawn, found, observer)


def _searched(config: SearchConfig, observer: Observer, display: Display, number: int) -> Search:
    from cogattn.psychophysics.search.searchers.searching import search
    from cogattn.psychophysics.search.trials import build_searcher, rules_of

    streams = Streams(config.seed).child("exhibit", observer.id, display.condition.name)
    with SEARCHING:
        return search(
            build_searcher(config, observer),
            display,
            rules=rules_of(config.rules, observer),
            rng=streams.generator(display.set_size, number, int(display.target_index is not None)),
        )[0]


def _shown(display: Display, found: Search, observer: Observer) -> Shown:
    points = display.to_pixels(np.concatenate([np.zeros((1, 2)), found.fixations_deg]))
    target = None if display.target_index is None else display.objects[display.target_index].box_px
    boxes = np.empty((0, 4)) if target is None else np.array([target])
    there = "without its target" if target is None else "its target in a box"
    caption = (
        f"{display.task.title}: {display.condition.title}, {display.set_size} items, {there}; fixations of "
        f"{observer.name}, number 1 where it starts."
    )
    return Shown(
        (Picture(np.asarray(display.image, dtype=float), caption, points=points, boxes=boxes),),
        {
            "task": display.task.title,
            "for people": display.condition.role,
            "items": display.set_size,
            "field (degrees)": display.task.field_deg,
            "searcher": observer.name,
            "fixations after the first": found.n_fixations,
            "search ends": {"found": "on the target", "absent": "giving up", "limit": "nowhere left to look"}[
                found.outcome
            ],
        },
    )


SEARCH_DISPLAY = Exhibit(
    title="A search display",
    about="A display of one of six tasks in which people find one kind of target sooner than the other, and where a "
    "searcher looks until it finds it.",
    controls=(
        Control("condition", "Task and side", "tilted among vertical", choices=tuple(CONDITIONS)),
        Control(
            "set_size",
            "Items",
            12,
            1,
            MOST_ITEMS,
            1,
            help="At most as many as the task's grid has cells: 9 (letters, crosses), 16 or 36 (curvature).",
        ),
        Control("target_present", "Target present", True),
        Control("display", "Display (number)", 0, 0, 99, 1),
        Control(
            "searcher",
            "Searcher",
            "ideal",
            choices=tuple(VARIANTS),
            help="The ideal one knows the target up to noise that grows with eccentricity, and answers at once. Pixels "
            "and the network of the study's defaults compare the display with the target, and take seconds at first.",
        ),
        Control(
            "temperature",
            "Temperature of the choice of where to look",
            1.0,
            0.0,
            3.0,
            0.1,
            help="0 takes the best place.",
        ),
        Control("pixels_per_degree", "Resolution (pixels per degree)", 15, 10, 30, 5),
    ),
    make=search_display,
)
