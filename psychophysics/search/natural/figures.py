"""Figures of a run on scenes: targets found by saccade, bits per fixation, and scenes with people and a searcher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from cogattn.figures import COLOURS, SERIES, caption, count_text, draw_band, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.natural.curves import PEOPLE
from cogattn.psychophysics.search.natural.gaze import on_image
from cogattn.psychophysics.search.natural.weighing import CENTRE, NO_CONTENT, OTHERS, OTHERS_MIXED
from cogattn.vision.scenes.scene import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_EXAMPLES = 6
CONTROL_LINES = {"no fovea": "--", "chance": ":", "pixels": "-.", "ideal": (0, (1, 3))}
PANELS = {"bits": "above the centre bias", "content_bits": "above no content"}
NAMED = {
    CENTRE: "centre bias",
    NO_CONTENT: "saccades, history",
    OTHERS: "other people",
    OTHERS_MIXED: "other people, mixed",
}


def found_figure(found: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw the share of targets found by each number of saccades: people, networks, and controls in grey.

    Parameters
    ----------
    found : DataFrame
        As `curves.Curves.table`.
    observers : sequence of Observer
        Those that are in it.
    """
    figure, panels = new_figure(1, 1, width_in=5.0, height_in=3.6)
    axes = panels[0, 0]
    with style():
        _draw_untrained(axes, found, observers)
        for control in (one for one in observers if one.variant in CONTROL_LINES):
            own = found[found["observer"] == control.id]
            line = CONTROL_LINES[control.variant]
            axes.plot(
                own["n_saccades"],
                own["found"],
                linestyle=line,
                color="#777777",
                linewidth=1,
                label=control.name,
            )
        for network, colour in zip(_networks(observers), SERIES, strict=False):
            _draw_curve(axes, found[found["observer"] == network.id], network.name, colour)
        if PEOPLE in set(found["observer"]):
            _draw_curve(axes, found[found["observer"] == PEOPLE], "people", COLOURS["human"])
        axes.set(
            xlabel="saccades",
            ylabel="targets found",
            ylim=(0, 1),
            xlim=(1, max(found["n_saccades"].max(), 2)),
        )
        figure.legend(loc="outside right upper")
        caption(figure, f"n = {count_text(found['n_scenes'])} scenes; bands: 95 %, over scenes and people")
    return figure


def _draw_curve(axes: Axes, own: pd.DataFrame, name: str, colour: str) -> None:
    columns = (own[column].to_numpy(float) for column in ("n_saccades", "found", "lo", "hi"))
    draw_band(axes, *columns, label=name, colour=colour)


def _draw_untrained(axes: Axes, found: pd.DataFrame, observers: Sequence[Observer]) -> None:
    copies = [one.id for one in observers if one.variant == "untrained"]
    if copies:
        range_of = found[found["observer"].isin(copies)].groupby("n_saccades")["found"].agg(["min", "max"])
        axes.fill_between(
            range_of.index, range_of["min"], range_of["max"], color="#BBBBBB", alpha=0.6, linewidth=0,
            label=f"{len(copies)} untrained",
        )  # fmt: skip


def gaze_figure(gaze: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw bits per fixation above each baseline: networks, controls, what no content tells, and what people tell.

    Parameters
    ----------
    gaze : DataFrame
        As `weighing.Weighing.table`.
    observers : sequence of Observer
        Those that are in it.
    """
    rows = _gaze_rows(observers, gaze)
    figure, panels = new_figure(1, 2, height_in=1.5 + 0.28 * len(rows))
    with style():
        for axes, (measure, title) in zip(panels[0], PANELS.items(), strict=True):
            values = gaze[gaze["measure"] == measure].set_index("observer")
            _draw_bits(axes, values, rows)
            axes.set(title=title, xlabel="bits per fixation", ylim=(-0.6, len(rows) - 0.4))
        panels[0, 0].set_yticks(range(len(rows)), [name for name, _, _ in rows])
        panels[0, 1].set_yticks(range(len(rows)), [""] * len(rows))
        n = gaze.loc[gaze["measure"] == "bits", "n"]
        caption(
            figure,
            f"n = {count_text(n)} fixations; bars: 95 %, over scenes and people; all calibrated elsewhere",
        )
    return figure


def _gaze_rows(observers: Sequence[Observer], gaze: pd.DataFrame) -> list[tuple[str, list[str], str]]:
    """What stands in each row, from below: its name, who is in it, its colour."""
    known = set(gaze["observer"])
    rows: list[tuple[str, list[str], str]] = [(NAMED[CENTRE], [CENTRE], COLOURS["reference"])]
    alone = [one for one in observers if one.role != "network" and one.variant != "untrained"]
    rows += [(one.name, [one.id], COLOURS["reference"]) for one in alone if one.id in known]
    copies = [one.id for one in observers if one.variant == "untrained" and one.id in known]
    if copies:
        rows.append((f"{len(copies)} untrained", copies, COLOURS["reference"]))
    networks = [one for one in _networks(observers) if one.id in known]
    rows += [(one.name, [one.id], colour) for one, colour in zip(networks, SERIES, strict=False)]
    rows.append((NAMED[NO_CONTENT], [NO_CONTENT], COLOURS["reference"]))
    return rows + [(NAMED[name], [name], COLOURS["human"]) for name in (OTHERS_MIXED, OTHERS)]


def _draw_bits(axes: Axes, values: pd.DataFrame, rows: Sequence[tuple[str, list[str], str]]) -> None:
    axes.axvline(0, color="#999999", linewidth=0.8)
    for place, (_, names, colour) in enumerate(rows):
        own = values.reindex(names).dropna(subset="estimate")
        for row in own.to_dict("records"):
            axes.plot(row["estimate"], place, "o", color=colour, markersize=3 if len(names) > 1 else 5)
            if len(names) == 1 and np.isfinite(row["lo"]):
                axes.hlines(place, row["lo"], row["hi"], color=colour, linewidth=1.2)


def examples_figure(
    scenes: Sequence[Scene], density: pd.DataFrame, paths: pd.DataFrame, network: Observer
) -> Figure:
    """Draw scenes with what a first saccade is worth to a network, its path, and where people looked.

    Parameters
    ----------
    scenes : sequence of Scene
        The set.
    density, paths : DataFrame
        Tables ``scene_density`` and ``scene_path``.
    network : Observer
        Whose.
    """
    own = density[density["observer"] == network.id]
    names = list(dict.fromkeys(own["scene"]))
    chosen = [names[at] for at in np.unique(np.linspace(0, len(names) - 1, N_EXAMPLES).round().astype(int))]
    by_name = {scene.name: scene for scene in scenes}
    n_rows = -(-len(chosen) // 3)
    figure, panels = new_figure(n_rows, 3, height_in=2.1 * n_rows + 0.5)
    with style():
        for axes in panels.flat:
            axes.set_axis_off()
        for axes, name in zip(panels.flat, chosen, strict=False):
            path = paths[(paths["observer"] == network.id) & (paths["scene"] == name)]
            _draw_example(axes, by_name[name], own[own["scene"] == name], path)
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
        caption(
            figure, f"{network.name}; pale: what is worth most for the first saccade; people's fixations: all"
        )
    return figure


def _draw_example(axes: Axes, scene: Scene, density: pd.DataFrame, path: pd.DataFrame) -> None:
    height, width = scene.size_px
    image = scene.image
    axes.imshow(
        image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2), extent=(0, width, height, 0)
    )
    grid = density.pivot(index="y_px", columns="x_px", values="worth")
    share = _ranked(grid.to_numpy())
    axes.imshow(share**4, extent=(0, width, height, 0), alpha=0.45 * share**4, cmap="viridis", vmin=0, vmax=1)
    looks = [one.fixations_px[1:] for one in scene.scanpaths if one.n_saccades > 0]
    if looks:
        points = np.concatenate(looks)
        points = points[on_image(scene, points)]
        axes.plot(*points.T, ".", color=COLOURS["human"], markersize=1.5, alpha=0.6, label="people")
    axes.plot(
        path["x_px"],
        path["y_px"],
        "o-",
        color=COLOURS["model"],
        markersize=3,
        linewidth=1,
        label="its search",
    )
    if scene.target is not None and scene.target.box_px is not None:
        left, top, right, bottom = scene.target.box_px
        box = Rectangle(
            (left, top),
            right - left,
            bottom - top,
            fill=False,
            color="#F0E442",
            linewidth=1.2,
            label="target",
        )
        axes.add_patch(box)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_title(scene.name, fontsize=6)


def _ranked(grid: np.ndarray) -> np.ndarray:
    """Share of places that are worth less than each, same shape."""
    order = grid.ravel().argsort().argsort()
    return (order / max(order.max(), 1)).reshape(grid.shape)


def _networks(observers: Sequence[Observer]) -> list[Observer]:
    """Those that there are colours for."""
    return [one for one in observers if one.role == "network"][: len(SERIES)]
