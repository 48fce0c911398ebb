"""What a cell takes, roughly: from the pixels that a network sees and the multiply-adds that it spends on each.

Calibrated on EfficientNet-lite0 and VGG16 on one core of a busy machine; an idle one takes about two thirds. All that
a fixation costs beyond reading maps is small, unless the fovea lies inside the network.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from cogattn.errors import CogattnError
from cogattn.observers.build import build_network
from cogattn.observers.config import NetworkObserver, TimmObserver
from cogattn.observers.network import Network
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.display import MARGIN_DEG
from cogattn.psychophysics.search.displays.tasks import Condition, Task, find_condition
from cogattn.psychophysics.search.plan import BLIND, SearchCell, model_name
from cogattn.psychophysics.search.searchers.giving_up import N_PRACTICE
from cogattn.psychophysics.search.searchers.places import n_places
from cogattn.psychophysics.search.searchers.templates import N_SHIFTS
from cogattn.psychophysics.search.skeletons import skeleton_of
from cogattn.study import Cost
from cogattn.vision.fovea import Backbone

MACS_PER_S = 22e9
PASS_S = 0.01
"""Of a pass, however small the image."""
MATCH_S = 2.8e-18
"""Of correlating a display with a template, per squared pixel of both."""
PLACE_S = 4e-8
"""Of one look at one place for one kind of item and level."""
DRAWING_S_PER_PIXEL = 1.5e-8
FIXATIONS = 3
"""Of a search by anyone who sees; the blind need half the grid."""
RERUN = 0.5
"""Share of a pass that a fixation repeats where the fovea lies inside the network."""
BASE_MB, BYTES_PER_PIXEL = 600.0, 800


def cost(config: SearchConfig, cell: SearchCell) -> Cost:
    """Return what the searches of a cell need; NaN seconds where the network cannot be counted."""
    task, condition = find_condition(cell.condition)
    displays = len(task.set_sizes) * (cell.stop - cell.start + N_PRACTICE * _practises(config, task))
    pixels = (_side_deg(task) * config.displays.pixels_per_degree) ** 2
    places = n_places(task, pitch_deg=config.rules.pitch_deg)
    looks = displays * config.n_searches * _fixations(task, cell)
    seeing = 0.0 if cell.variant in BLIND else _seeing_s(config, cell, task, condition, displays, looks)
    looking = looks * places * PLACE_S * _maps(config, cell, condition)
    memory = BASE_MB + (pixels * BYTES_PER_PIXEL + _search_bytes(config, places)) / 1e6
    return Cost(cpu_s=seeing + looking + displays * pixels * DRAWING_S_PER_PIXEL, memory_mb=memory)


def _practises(config: SearchConfig, task: Task) -> bool:
    """Whether a searcher learns when to give up: at worst anew in every cell."""
    return task.absent and config.rules.quit_below is None


def _side_deg(task: Task) -> float:
    return task.field_deg + 2 * MARGIN_DEG


def _fixations(task: Task, cell: SearchCell) -> float:
    return (task.n_columns**2 + 1) / 2 if cell.variant in BLIND else FIXATIONS


def _maps(config: SearchConfig, cell: SearchCell, condition: Condition) -> int:
    """How many maps a look reads: one a kind and level."""
    levels = config.matching.n_levels if model_name(cell.searcher) else 1
    return levels * (_kinds(config, condition) + 1)


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
    passes = displays + len(condition.targets) + 1
    if model_name(cell.searcher) and config.fovea.place == "inline":
        passes += looks * RERUN
    match = MATCH_S * kinds * (box_deg * scale) ** 2 * 1e6
    shifted = N_SHIFTS**2 * kinds
    return passes * (pixels * (per_pixel + match) + PASS_S) + shifted * (alone * per_pixel + PASS_S)


def macs_per_pixel(config: SearchConfig, name: str) -> float:
    """Return how many multiply-adds a network spends on a pixel; 0 without one, NaN where it cannot be counted."""
    if not name:
        return 0.0
    return _counted(config.observer, name, config.matching.n_levels)


@lru_cache(maxsize=1024)
def _counted(observer: NetworkObserver, name: str, n_levels: int) -> float:
    try:
        network = _network(observer, name)
        side = 224
        with FlopCounterMode(display=False) as counter:
            Backbone(network, n_levels=n_levels)(torch.zeros(1, 3, side, side, device=network.device))
    except (CogattnError, RuntimeError, NotImplementedError):
        return math.nan
    return counter.get_total_flops() / 2 / side**2


def _network(observer: NetworkObserver, name: str) -> Network:
    return skeleton_of(name) if isinstance(observer, TimmObserver) else build_network(observer, name, seed=0)


def _search_bytes(config: SearchConfig, places: int) -> float:
    weighed = 24 * places**2 if config.rules.look == "elm" else 0
    return weighed + 80 * config.n_searches * places
