"""One cell that eccNET searches: a network before some displays of one condition, once each, for nothing is drawn."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.observers import build_network
from cogattn.observers.alone import network_seed
from cogattn.observers.network import Network
from cogattn.psychophysics.search.config import EccnetRule, SearchConfig
from cogattn.psychophysics.search.displays.display import Display, cell_of
from cogattn.psychophysics.search.eccnet.network import EccNet, Picture
from cogattn.psychophysics.search.eccnet.plan import GAUSSIANS
from cogattn.psychophysics.search.eccnet.searching import Mask, finds, fixations
from cogattn.psychophysics.search.plan import SearchCell, lacking, model_name
from cogattn.psychophysics.search.slopes import reaction_time_ms
from cogattn.psychophysics.search.trials import displays_of
from cogattn.seeds import Streams
from cogattn.vision.scenes.scene import pixels


def run(config: SearchConfig, cell: SearchCell, rng: Streams) -> pd.DataFrame:
    """Return the trials of one cell, columns as in `plan.TABLES`; `rng` is not used."""
    network = build_network(
        config.observer,
        model_name(cell.searcher),
        seed=network_seed(config.seed, cell.searcher),
        untrained=cell.variant == "untrained",
    )
    without = lacking(config, cell.variant)
    if cell.variant == "no fovea" and "rings" not in without:
        without = (*without, "rings")
    seeing = eccnet_of(network, config.displays.pixels_per_degree, without)
    shown = displays_of(config, cell.condition, cell.start, cell.stop, target_present=cell.target_present)
    rows = [_searched(cell.searcher.name, seeing, display, number, without) for number, display in shown]
    return pd.DataFrame(rows)


@lru_cache(maxsize=1)
def eccnet_of(network: Network, pixels_per_degree: float, without: tuple[EccnetRule, ...]) -> EccNet:
    """Return eccNET of a network, which takes values from 0 to 255 its own way; the last one is kept."""
    return EccNet(
        network.module,
        mean=[255 * value for value in network.mean],
        std=[255 * value for value in network.std],
        pixels_per_degree=pixels_per_degree,
        without=without,
        name=network.name,
    )


def field_of(display: Display) -> tuple[Picture, Mask]:
    """Return a display without its margin, from 0 to 255, and its cells (n_cells, height, width).

    A cell holds the pixels whose middles lie in it.
    """
    size = display.image.shape[0]
    along = (np.arange(size) + 0.5 - size / 2) / display.pixels_per_degree
    (inside,) = np.nonzero(np.abs(along) < display.task.field_deg / 2)
    place = slice(inside[0], inside[-1] + 1)
    x, y = np.meshgrid(along[place], along[place])
    cell = cell_of(display.task, np.stack([x, y], axis=-1))
    cells = cell == np.arange(display.task.n_columns**2)[:, None, None]
    return as_bytes(display.image[place, place]), cells


def as_bytes(image: NDArray[np.float32]) -> Picture:
    """Return luminance from 0 to 1 as whole numbers from 0 to 255."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _searched(
    name: str, seeing: EccNet, display: Display, number: int, without: tuple[EccnetRule, ...]
) -> dict[str, object]:
    """A row of the table: the search of one display for the picture of its own target, found in its cell."""
    image, cells = field_of(display)
    if display.target is None or display.target.picture is None or display.target_cell is None:
        raise DataError(f"eccNET must have a target to search for; got none ({display.name})")
    box = cells[display.target_cell]
    path = fixations(
        seeing,
        seeing.know(as_bytes(pixels(display.target.picture))),
        image,
        cells=cells,
        target_box=box,
        background=round(display.task.background * 255),
        gaussians=GAUSSIANS[display.task.name],
        max_fixations=len(cells) + 1,
        without=without,
    )
    found = finds(path[-1], box, touching="touching" not in without)
    return {
        "observer": name,
        "task": display.task.name,
        "condition": display.condition.name,
        "role": display.condition.role,
        "set_size": display.set_size,
        "display": number,
        "repeat": 0,
        "target_present": True,
        "n_fixations": len(path) - 1,
        "rt_ms": float(reaction_time_ms(len(path) - 1)),
        "response": "present" if found else "none",
        "correct": found,
    }
