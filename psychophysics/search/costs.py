"""What a cell takes, roughly: from the pixels that a network sees and the multiply-adds that it spends on each.

Calibrated on the twelve conditions at 30 pixels a degree, EfficientNet-lite0 and an untrained copy of it, on one core
of a busy machine (5 % of a cell's time about the fit, r.m.s.); an idle one takes about two thirds.
"""

from __future__ import annotations

from cogattn.psychophysics.search.config import SINGLE, Knowledge, SearchConfig
from cogattn.psychophysics.search.displays.display import MARGIN_DEG
from cogattn.psychophysics.search.displays.tasks import Condition, Task, find_condition
from cogattn.psychophysics.search.plan import BLIND, MULTIVERSE, SearchCell, model_name
from cogattn.psychophysics.search.searchers.giving_up import N_PRACTICE
from cogattn.psychophysics.search.searchers.places import n_places
from cogattn.psychophysics.search.searchers.sights import N_DISORDERED
from cogattn.psychophysics.search.searchers.templates import N_SHIFTS
from cogattn.study import Cost
from cogattn.vision import counting

MACS_PER_S = 31e9
PASS_S = 0.014
"""Of a pass, however small the image."""
MATCH_S = 1.3e-18
"""Of correlating a display with a template, per squared pixel of both."""
PLACE_S = 9.6e-8
"""Of one look at one place for one kind of item and level."""
STEP_S = 1.5e-3
"""Of choosing where to look next, for all searches of a display at once."""
DRAWING_S_PER_PIXEL = 1.5e-8
FIXATIONS = 2
"""Of a search by a network; the blind need half the grid."""
UNTRAINED, CHOSEN = 0.3, 0.12
"""Share of the grid that untrained copies look at, and networks under choices that none would make."""
RERUN = 0.5
"""Share of a pass that a fixation repeats where the fovea lies inside the network."""
BASE_MB, BYTES_PER_PIXEL = 600.0, 800


def cost(config: SearchConfig, cell: SearchCell) -> Cost:
    """Return what the searches of a cell need; NaN seconds where the network cannot be counted."""
    task, condition = find_condition(cell.condition)
    displays = len(task.set_sizes) * (cell.stop - cell.start + N_PRACTICE * _practises(config, task))
    pixels = (_side_deg(task) * config.displays.pixels_per_degree) ** 2
    places = n_places(task, pitch_deg=config.rules.pitch_deg)
    fixations = displays * _fixations(task, cell)
    seeing = 0.0
    if cell.variant not in BLIND:
        seeing = _seeing_s(config, cell, task, condition, displays, fixations * config.n_searches)
    looking = fixations * (
        places * PLACE_S * _maps(config, cell, condition) + STEP_S * _n_choices(config, cell)
    )
    memory = BASE_MB + (pixels * BYTES_PER_PIXEL + _search_bytes(config, places)) / 1e6
    return Cost(cpu_s=seeing + looking + displays * pixels * DRAWING_S_PER_PIXEL, memory_mb=memory)


def _practises(config: SearchConfig, task: Task) -> bool:
    """Whether a searcher learns when to give up: at worst anew in every cell."""
    return task.absent and config.rules.quit_below is None


def _side_deg(task: Task) -> float:
    return task.field_deg + 2 * MARGIN_DEG


def _fixations(task: Task, cell: SearchCell) -> float:
    """Saccades of a search."""
    n_cells = task.n_columns**2
    if cell.variant in BLIND:
        return (n_cells + 1) / 2
    if cell.variant == "untrained":
        return max(FIXATIONS, UNTRAINED * n_cells)
    return max(FIXATIONS, CHOSEN * n_cells) if cell.task == MULTIVERSE else FIXATIONS


def _maps(config: SearchConfig, cell: SearchCell, condition: Condition) -> int:
    """How many maps are read of a display from each of its gazes: one a search, kind and level, and each's energy."""
    if cell.variant in BLIND:
        return config.n_searches  # of nothing
    levels = config.matching.n_levels if model_name(cell.searcher) else 1
    if cell.task != MULTIVERSE:
        targets = config.matching.targets
        return config.n_searches * levels * (_n_looked_for(config, condition, targets) + 1)
    chosen = config.multiverse
    searches = sum(config.n_searches if temperature > 0 else 1 for temperature in chosen.temperatures)
    read = sum(1 if rule in SINGLE else levels for rule in chosen.levels)
    kinds = sum(_n_looked_for(config, condition, targets) + 1 for targets in chosen.targets)
    return len(chosen.foveas) * searches * read * kinds


def _n_choices(config: SearchConfig, cell: SearchCell) -> int:
    """Combinations under which a display is searched."""
    if cell.task != MULTIVERSE:
        return 1
    chosen = config.multiverse
    return len(chosen.foveas) * len(chosen.levels) * len(chosen.targets) * len(chosen.temperatures)


def _n_looked_for(config: SearchConfig, condition: Condition, targets: Knowledge) -> int:
    """Kinds of the target that are looked for, and of known distractors."""
    one = targets == "one"
    return _kinds(config, condition) - one * (len(condition.targets) - 1)


def _kinds(config: SearchConfig, condition: Condition) -> int:
    return len(condition.targets) + config.matching.knows_distractors * len(condition.distractors)


def _seeing_s(
    config: SearchConfig, cell: SearchCell, task: Task, condition: Condition, displays: int, looks: float
) -> float:
    """Passes of all displays and of what is learned of a condition; inside the network, of every look, too."""
    scale, kinds = config.displays.pixels_per_degree, _kinds(config, condition)
    box_deg = max(item.box_deg for item in condition.targets)
    pixels, alone = (_side_deg(task) * scale) ** 2, ((box_deg + 2 * MARGIN_DEG) * scale) ** 2
    per_pixel = macs_per_pixel(config, model_name(cell.searcher)) / MACS_PER_S
    passes = displays + len(condition.targets) + 1 + _n_others(config, cell)
    if model_name(cell.searcher) and config.fovea.place == "inline":
        passes += looks * RERUN
    match = MATCH_S * kinds * (box_deg * scale) ** 2 * 1e6
    shifted = N_SHIFTS**2 * kinds
    return passes * (pixels * (per_pixel + match) + PASS_S) + shifted * (alone * per_pixel + PASS_S)


def _n_others(config: SearchConfig, cell: SearchCell) -> int:
    """Pictures of what the target is not, from which the reliability of levels is learned."""
    rules = config.multiverse.levels if cell.task == MULTIVERSE else (config.matching.levels,)
    return N_DISORDERED * ("reliability" in rules)


def macs_per_pixel(config: SearchConfig, name: str) -> float:
    """Return how many multiply-adds a network spends on a pixel; 0 without one, NaN where it cannot be counted."""
    if not name:
        return 0.0
    return counting.macs_per_pixel(config.observer, name, config.matching.n_levels)


def _search_bytes(config: SearchConfig, places: int) -> float:
    weighed = 24 * places**2 if config.rules.look == "elm" else 0
    return weighed + 80 * config.n_searches * places
