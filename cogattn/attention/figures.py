"""The pictures of ``docs/foveal_attention.md``: the bias over the visual field, and the blocks that a radius skips."""

from __future__ import annotations

from typing import get_args

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from cogattn.figures import SERIES, caption, new_figure, style
from cogattn.kernels import foveal_scores, spatial_order
from cogattn.kernels.foveal_attention.call import Bias
from cogattn.kernels.foveal_attention.lists import kept_blocks

FIELD_DEG = 8.0
ALPHA, E2_DEG = 2.0, 2.0
RADIUS_DEG = 5.0
GAZE_DEG = (-2.0, 1.0)
KINDS: tuple[Bias, ...] = tuple(kind for kind in get_args(Bias) if kind != "table")
"""Those with a shape of their own: a table over offsets has the one that it learns."""
N_KNOTS = 9


def field_figure() -> Figure:
    """Draw what a key weighs, exp(b), over a field of 16 degrees about one gaze, for each of `KINDS`."""
    figure, panels = new_figure(2, 3, height_in=4.6)
    fields, profiles = panels.ravel()[:5], panels[1, 2]
    with style():
        for axes, kind in zip(fields, KINDS, strict=True):
            extent = (-FIELD_DEG, FIELD_DEG, FIELD_DEG, -FIELD_DEG)
            image = axes.imshow(field_weights(kind), vmin=0, vmax=1, extent=extent)
            axes.plot(*GAZE_DEG, "+", color="#D55E00", markersize=8, markeredgewidth=1.5)
            axes.set_title(f"none, radius {RADIUS_DEG:g}°" if kind == "none" else kind)
            axes.set_xticks([-8, 0, 8])
            axes.set_yticks([-8, 0, 8])
        figure.colorbar(image, ax=list(panels.ravel()), shrink=0.5, label="weight of a key")
        _draw_profiles(profiles)
        caption(
            figure,
            f"x and y in degrees of visual angle; cross: gaze; alpha = {ALPHA:g}, e2 = {E2_DEG:g}°; "
            "polar: a table that favours 4° to either side",
        )
    return figure


def field_weights(kind: Bias, *, n: int = 161) -> np.ndarray:
    """Return exp(b) over the field, shape (n, n), as the operator's own scores give it, 1 at most."""
    along = torch.linspace(-FIELD_DEG, FIELD_DEG, n)
    y, x = torch.meshgrid(along, along, indexing="ij")
    place = torch.stack([x, y], -1).reshape(1, -1, 2)
    return _weights(kind, torch.tensor([[GAZE_DEG]]), place).reshape(n, n).numpy()


def blocks_figure(*, side: int = 64, radius_deg: float = 6.0, block: int = 64) -> Figure:
    """Draw which blocks of scores are visited on a square lattice of keys, 1 degree apart, and one tile's reach."""
    lattice = torch.cartesian_prod(torch.arange(float(side)), torch.arange(float(side))).flip(-1)
    ordered = lattice[spatial_order(lattice)]
    figure, panels = new_figure(1, 3, height_in=2.9)
    with style():
        for axes, place, name in zip(panels[0], (lattice, ordered), ("row by row", "in tiles"), strict=False):
            keep = _kept(place, radius_deg, block)
            axes.imshow(keep, cmap="Blues", vmin=0, vmax=1.4, extent=(0, len(place), len(place), 0))
            axes.set_title(f"{name}: {keep.mean():.0%} kept")
            axes.set_xlabel("key")
            axes.set_ylabel("query")
            axes.set_xticks([0, side * side])
            axes.set_yticks([0, side * side])
        _draw_reach(panels[0, 2], ordered, radius_deg, block)
        pairs = (torch.cdist(lattice, lattice) <= radius_deg).float().mean()
        caption(
            figure, f"{side} x {side} keys, blocks of {block}; {pairs:.1%} of pairs within {radius_deg:g}°"
        )
    return figure


def _weights(kind: Bias, gaze: Tensor, place: Tensor) -> Tensor:
    """exp of the scores of empty content, (n_keys,)."""
    scores = foveal_scores(
        torch.zeros(1, 1, 1, 1),
        torch.zeros(1, 1, place.shape[1], 1),
        gaze,
        place,
        bias=kind,
        alpha=ALPHA,
        e2=E2_DEG,
        radius=RADIUS_DEG if kind == "none" else None,
        table=_saccades() if kind == "polar" else None,
    )[0, 0, 0]
    return (scores - scores.max()).exp()


def _saccades() -> Tensor:
    """A table as scanpaths teach it: 4 degrees away rather than here, sideways rather than up."""
    knots = torch.linspace(0, 1, N_KNOTS)
    eccentricity = E2_DEG * torch.expm1(knots * torch.log1p(torch.tensor(20.0 / E2_DEG)))
    table = torch.zeros(1, N_KNOTS, 6)
    table[..., 0] = 1
    table[..., 1] = -2 * torch.log(eccentricity.clamp(min=0.8) / 4).square()
    table[..., 4] = 0.6 * (eccentricity > 0)
    return table


def _draw_profiles(axes: Axes) -> None:
    eccentricity = torch.linspace(0, FIELD_DEG, 200)
    place = torch.stack([eccentricity, torch.zeros(200)], -1)[None]
    for kind, colour in zip(("smooth", "log", "gauss"), SERIES, strict=False):
        axes.plot(eccentricity, _weights(kind, torch.zeros(1, 1, 2), place), label=kind, color=colour)
    axes.set_xlabel("eccentricity, degrees")
    axes.set_ylabel("weight of a key")
    axes.set_ylim(0, 1.02)
    axes.legend(handlelength=1.2)


def _kept(place: Tensor, radius_deg: float, block: int) -> np.ndarray:
    keep = kept_blocks(
        place[None], place[None], torch.tensor([radius_deg]), query_block=block, key_block=block
    )
    return keep[0].float().numpy()


def _draw_reach(axes: Axes, place: Tensor, radius_deg: float, block: int) -> None:
    """One tile of queries, the keys of the blocks that it visits, and those within the radius of any query."""
    tile = 26
    queries = place[tile * block : (tile + 1) * block]
    visited = torch.from_numpy(_kept(place, radius_deg, block)[tile]).bool().repeat_interleave(block)
    within = (torch.cdist(place, queries) <= radius_deg).any(-1)
    layers = (
        (~visited, "#E2E2E2", "skipped"),
        (visited & ~within, "#9CC3DD", "visited"),
        (within, "#0072B2", "in reach"),
    )
    for chosen, colour, label in layers:
        axes.scatter(*place[chosen].T, s=1.5, color=colour, label=label, linewidths=0)
    axes.scatter(*queries.T, s=1.5, color="#D55E00", label="queries", linewidths=0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.set_title("one block of queries")
    axes.set_xlabel("degrees")
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, -0.02), ncols=2, markerscale=4, handletextpad=0.1,
        columnspacing=0.6, frameon=True, framealpha=0.9, edgecolor="none",
    )  # fmt: skip
