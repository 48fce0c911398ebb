"""People's scanpaths over their layout, beside a model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from cogattn.figures import COLOURS, WIDE_IN, caption, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.layouts.items import Layout, PathSet
from cogattn.psychophysics.scanpath.layouts.reading import target_in
from cogattn.vision.scenes.scene import SceneObject

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_EXAMPLES = 3
MOST_NUMBERS = 3
"""That stand at one object."""
OUTLINED = [withStroke(linewidth=1.6, foreground="white")]
TARGET = "#E69F00"
KINDS = {"most typical path": -2, "a sampled path": 0}


def paths_figure(data: PathSet, predicted: pd.DataFrame, network: Observer) -> Figure:
    """Draw a few layouts in rows: one person's path, the model's most typical one and one of its samples.

    Parameters
    ----------
    data : PathSet
        Layouts and scanpaths.
    predicted : DataFrame
        Table ``scanpath_predicted``.
    network : Observer
        Whose paths stand beside people's.
    """
    own = predicted[predicted["observer"] == network.id]
    chosen = _examples(own)
    layouts = {layout.name: layout for layout in data.layouts}
    figure, panels = new_figure(
        len(chosen), 3, width_in=WIDE_IN, height_in=0.5 + sum(_height(layouts[scene]) for scene, _ in chosen)
    )
    with style():
        for row, (scene, person) in zip(panels, chosen, strict=True):
            layout = layouts[scene]
            path = next(
                path for path in data.paths if data.layout_of(path) is layout and path.person == person
            )
            middles = layout.position_deg * layout.scale + layout.scene.middle_px
            _draw(row[0], layout, middles[path.objects], COLOURS["human"], f"{person}, {scene}")
            paths = own[(own["scene"] == scene) & (own["person"] == person)]
            paths = paths[paths["split"] == paths["split"].min()]
            for axes, (title, sample) in zip(row[1:], KINDS.items(), strict=True):
                points = paths[paths["sample"] == sample].sort_values("fixation")[["x", "y"]].to_numpy(float)
                _draw(axes, layout, points, COLOURS["model"], f"{network.name}: {title}")
        caption(figure, "fixations on objects, numbered; boxes: objects, the target's drawn bold")
    return figure


def _examples(own: pd.DataFrame) -> list[tuple[str, str]]:
    """Scenes evenly from first to last, each with one of its persons in turn."""
    pairs = own[["scene", "person"]].drop_duplicates().sort_values(["scene", "person"])
    scenes = list(dict.fromkeys(pairs["scene"]))
    places = np.unique(np.linspace(0, len(scenes) - 1, min(N_EXAMPLES, len(scenes))).round().astype(int))
    chosen = []
    for number, place in enumerate(places):
        people = pairs.loc[pairs["scene"] == scenes[place], "person"].tolist()
        chosen.append((scenes[place], people[number % len(people)]))
    return chosen


def _height(layout: Layout) -> float:
    """Inches of a panel, as the image is."""
    height, width = layout.scene.size_px
    return 0.3 + min(max(WIDE_IN / 3 * height / width, 1.0), 3.5)


def _draw(axes: Axes, layout: Layout, points: NDArray[np.float64], colour: str, title: str) -> None:
    scene, (height, width) = layout.scene, layout.scene.size_px
    if scene.picture is not None:
        image = scene.image
        shown = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        axes.imshow(0.5 + 0.5 * np.clip(shown, 0, 1), extent=(0, width, height, 0))  # pale
    target = target_in(layout)
    for number, thing in enumerate(scene.objects):
        patch = axes.add_patch(_outline(thing))
        patch.set(fill=False, edgecolor="#888888", linewidth=0.4)
        if number == target:
            patch.set(edgecolor=TARGET, linewidth=1.6)
    if len(points):
        axes.plot(*points.T, "-", color=colour, linewidth=0.9, alpha=0.8)
        axes.plot(*points.T, "o", color=colour, markersize=4, markeredgewidth=0)
    for (x, y), numbers in _numbered(points).items():
        axes.text(x, y, numbers, color="black", fontsize=5.5, ha="left", va="bottom", path_effects=OUTLINED)
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axes.set_axis_off()
    axes.set_title(title, fontsize=7)


def _outline(thing: SceneObject) -> Patch:
    if thing.polygon_px is not None:
        return Polygon(thing.polygon_px, closed=True)
    left, top, right, bottom = thing.box_px
    return Rectangle((left, top), right - left, bottom - top)


def _numbered(points: NDArray[np.float64]) -> dict[tuple[float, float], str]:
    """The numbers of the fixations at each place, the first few of them."""
    at: dict[tuple[float, float], list[int]] = {}
    for number, (x, y) in enumerate(points.tolist(), start=1):
        at.setdefault((x, y), []).append(number)
    return {
        place: ", ".join(map(str, numbers[:MOST_NUMBERS])) + (" ..." if len(numbers) > MOST_NUMBERS else "")
        for place, numbers in at.items()
    }
