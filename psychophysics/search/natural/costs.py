"""What a cell of scenes takes, roughly: two passes of the network a scene, and looks from where people stood."""

from __future__ import annotations

from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.costs import (
    BASE_MB,
    BYTES_PER_PIXEL,
    MACS_PER_S,
    PASS_S,
    PLACE_S,
    macs_per_pixel,
)
from cogattn.psychophysics.search.natural.plan import SceneCell, scenes_of
from cogattn.psychophysics.search.plan import model_name
from cogattn.psychophysics.search.searchers.places import n_places_over
from cogattn.study import Cost
from cogattn.vision.scenes.scene import Scene

PASSES = 2.3
"""As it is, with targets pasted into it, and a target alone at four places."""
READING_S_PER_PIXEL = 6e-8
"""Of an image, its match maps and its summed areas."""
STEP_S = 2.5e-7
"""Of a place before one saccade of a person that is scored, or of a searcher."""


def cost(config: SearchConfig, cell: SceneCell) -> Cost:
    """Return what the searches of a cell need; NaN seconds where the network cannot be counted."""
    by_name = {scene.name: scene for scene in scenes_of(config)}
    scenes = [by_name[name] for name in cell.names]
    per_pixel = macs_per_pixel(config, model_name(cell.searcher)) / MACS_PER_S
    seconds = sum(_scene_s(config, cell, scene, per_pixel) for scene in scenes)
    largest = max(scene.size_px[0] * scene.size_px[1] for scene in scenes)
    return Cost(cpu_s=seconds, memory_mb=BASE_MB + largest * BYTES_PER_PIXEL / 1e6)


def _scene_s(config: SearchConfig, cell: SceneCell, scene: Scene, per_pixel: float) -> float:
    pixels = scene.size_px[0] * scene.size_px[1]
    places = n_places_over(scene, pitch_deg=config.scenes.pitch_deg)
    fixations = sum(path.n_saccades for path in scene.scanpaths)
    steps = fixations + (config.n_searches + len(scene.scanpaths)) * cell.limit / 4
    looking = steps * places * STEP_S
    if cell.variant == "chance":
        return looking
    levels = 1 if cell.variant == "pixels" else config.matching.n_levels
    looks = min(places, fixations + cell.limit) * places * PLACE_S * levels
    return looking + looks + pixels * (PASSES * per_pixel + READING_S_PER_PIXEL * levels) + 3 * PASS_S
