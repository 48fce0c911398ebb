"""What eccNET's cells take, and what can be known to be wrong with them. Imports no torch before it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from cogattn.errors import ConfigError
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.study import Cell, Cost

if TYPE_CHECKING:
    from cogattn.psychophysics.search.plan import SearchCell

MARGIN_PX = 64
"""Background about a display that is always seen."""
NARROW, WIDE, FINE = ((3, 1), (5, 3)), ((5, 3), (7, 5)), ((3, 0), (5, 1))
GAUSSIANS: Mapping[str, tuple[tuple[int, float], tuple[int, float]]] = {
    "curvature": NARROW,
    "lighting": FINE,
    "intersection": WIDE,
    "letters": WIDE,
    "orientation": NARROW,
    "orientation_mixed": NARROW,
}
"""What maps are sharpened with: sizes and SDs of two Gaussians, in cells of 16 pixels, as the authors chose them task
by task; an SD of 0 follows from the size."""

SHARE = 0.4
"""Of a whole window's pass that a fixation takes, since what is only background is not run again."""
FIXATIONS = 3
"""Of a search; one that never finds its target has as many as there are cells."""
MACS_PER_PIXEL, MACS_PER_S = 305e3, 22e9
"""Of VGG16, whatever the VGG, and of one core of a busy machine."""
BASE_MB, BYTES_PER_PIXEL = 700.0, 1500


def check(config: SearchConfig) -> None:
    """Refuse networks and settings that eccNET has no use for.

    Raises
    ------
    ConfigError
        If there are displays without a target: eccNET cannot say so.
    ObserverError
        If a network is no VGG.
    """
    if config.displays.target_absent:
        raise ConfigError(
            "displays.target_absent must be off where searcher is eccnet, which cannot say that there is no target; "
            "got on"
        )
    from cogattn.observers.build import build_network
    from cogattn.observers.config import TimmObserver
    from cogattn.observers.skeletons import skeleton_of
    from cogattn.psychophysics.search.eccnet.network import blocks_of
    from cogattn.psychophysics.search.plan import networks_of

    for network in networks_of(config):
        if isinstance(config.observer, TimmObserver):
            blocks_of(skeleton_of(network.id).module, name=network.id)
        else:
            built = build_network(config.observer, network.id, seed=config.seed)
            blocks_of(built.module, name=network.id)


def cost(config: SearchConfig, cell: Cell) -> Cost:
    """Return what a cell needs: one window a fixation, twice as wide as the display and its margin."""
    from cogattn.psychophysics.search.displays.tasks import find_condition

    own = cast("SearchCell", cell)
    task, _ = find_condition(own.condition)
    side = 2 * (task.field_deg * config.displays.pixels_per_degree + MARGIN_PX)
    searches = len(task.set_sizes) * (own.stop - own.start)
    passes = 1 + searches * FIXATIONS * SHARE
    return Cost(
        cpu_s=passes * side**2 * MACS_PER_PIXEL / MACS_PER_S,
        memory_mb=BASE_MB + side**2 * BYTES_PER_PIXEL / 1e6,
    )
