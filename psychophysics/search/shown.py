"""What was shown in a search, and where the searcher looked: the display is drawn, and searched, again.

A table of trials counts fixations and does not list them. The searches of a display have a stream of their own, so that
they come out as they did; on another kind of device a network's last bits differ, and with them perhaps its path. Then
that is said.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.search import plan
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.psychophysics.search.searchers.searching import Search, search
from cogattn.psychophysics.search.trials import RESPONSES, build_searcher, displays_of, learned, rules_of
from cogattn.study import streams_of
from cogattn.vision.scenes.scene import Scene

Value = str | int | float | bool


def stimulus(config: SearchConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
    """Return the display of a search, its target boxed and the searcher's fixations on it.

    Parameters
    ----------
    config : SearchConfig
        The run's.
    task : str
        ``search``, ``multiverse`` (the display alone: its rows are means over searches), or a table of scenes, whose
        picture and target are shown.
    trial : mapping
        A row of that table.

    Returns
    -------
    Shown or None
        None where the run has no such display or scene.
    """
    if task in (plan.TABLE, plan.MULTIVERSE):
        return _of_display(config, task, trial)
    return _of_scene(config, trial) if config.scenes.path is not None and "scene" in trial else None


def _of_display(config: SearchConfig, task: str, trial: Mapping[str, object]) -> Shown | None:
    cell = _cell(config, task, trial)
    if cell is None:
        return None
    own = plan.relevant(config, cell)
    display = _display(own, cell, trial)
    if display is None:
        return None
    facts: dict[str, Value] = {
        "task": display.task.title,
        "condition": display.condition.title,
        "set size": display.set_size,
        "width (degrees)": round(len(display.image) / display.scale, 2),
    }
    if task == plan.MULTIVERSE or plan.by_eccnet(config, cell):
        return Shown(
            [_picture(display, np.empty((0, 2)), "the display; fixations are not made again")], facts
        )
    return _with_fixations(own, cell, display, trial, facts)


def _cell(config: SearchConfig, task: str, trial: Mapping[str, object]) -> SearchCell | None:
    """The cell of the run's plan to which a trial belongs."""
    wanted = (task, trial["observer"], trial["condition"], bool(trial.get("target_present", True)))
    number = int(str(trial["display"]))
    for cell in plan.cells_of(config):
        found = (cell.task, cell.observer, cell.condition, cell.target_present)
        if found == wanted and cell.start <= number < cell.stop:
            return cell
    return None


def _display(config: SearchConfig, cell: SearchCell, trial: Mapping[str, object]) -> Display | None:
    number, set_size = int(str(trial["display"])), int(str(trial["set_size"]))
    drawn = displays_of(config, cell.condition, number, number + 1, target_present=cell.target_present)
    return next((display for _, display in drawn if display.set_size == set_size), None)


def _with_fixations(
    config: SearchConfig,
    cell: SearchCell,
    display: Display,
    trial: Mapping[str, object],
    facts: dict[str, Value],
) -> Shown | None:
    searches = _searched(config, cell, display, int(str(trial["display"])))
    repeat = int(str(trial["repeat"]))
    if not 0 <= repeat < len(searches):
        return None
    found = searches[repeat]
    facts |= {"fixations": found.n_fixations, "response": RESPONSES[found.outcome]}
    told = (int(str(trial["n_fixations"])), str(trial["response"]))
    if told != (facts["fixations"], facts["response"]):
        facts["differs"] = (
            f"here this search came out otherwise than in the run ({told[0]} fixations, {told[1]})"
        )
    points = display.to_pixels(np.concatenate([np.zeros((1, 2)), found.fixations_deg]))
    n = found.n_fixations
    about = f"the display and {n} fixation{'s' if n != 1 else ''} after the first, in the middle; the box is the target"
    return Shown([_picture(display, points, about)], facts)


def _searched(config: SearchConfig, cell: SearchCell, display: Display, number: int) -> list[Search]:
    """All searches of a display, as `cogattn.psychophysics.search.trials.run` makes them."""
    searcher = build_searcher(config, cell.searcher)
    return search(
        searcher,
        display,
        rules=rules_of(config.rules, cell.searcher),
        rng=streams_of(config, cell).generator("search", display.set_size, number),
        n_searches=config.n_searches,
        give_up=learned(config, cell, searcher),
    )


def _picture(scene: Scene, points_px: np.ndarray, about: str) -> Picture:
    target = scene.target
    box = None if target is None or not target.present else target.box_px
    boxes = np.empty((0, 4)) if box is None else np.array([box], dtype=float)
    return Picture(scene.image, about, points=points_px, boxes=boxes)


def _of_scene(config: SearchConfig, trial: Mapping[str, object]) -> Shown | None:
    from cogattn.psychophysics.search.natural.plan import scenes_of

    named = [scene for scene in scenes_of(config).scenes if scene.name == trial["scene"]]
    if not named or named[0].picture is None:
        return None
    scene = named[0]
    about = "the scene, its target in the box; fixations are in the table scene_path"
    return Shown([_picture(scene, np.empty((0, 2)), about)], {"scene": scene.name})
