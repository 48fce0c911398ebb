"""Can a figure be read? Texts that lie on each other or leave the page, legends that lie on data, axes without room.

A figure is drawn by Agg as it would be saved, and what was in fact drawn is asked for its place: a tick label beyond
the limits or an annotation that is clipped away cannot be in anybody's way. Rotated texts are compared as rotated
rectangles, because their upright boxes overlap long before they do.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib import cbook
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from cogattn.figures import style

TOLERANCE_PX = 2.0
"""At 100 dots an inch: boxes of text hold some room for the descenders that a word may not have."""
SHOWN = 40


def flaws(figure: Figure) -> list[str]:
    """Return all that `overlapping_text` and `covered_by_legend` find in a figure."""
    return [*overlapping_text(figure), *covered_by_legend(figure)]


def overlapping_text(figure: Figure, *, tolerance_px: float = TOLERANCE_PX) -> list[str]:
    """Return a sentence for each pair of texts that overlap, and for each text or axes that has no room.

    Parameters
    ----------
    figure : Figure
        It is drawn once; its canvas stays what it was.
    tolerance_px : float
        Overlap that nobody sees, in pixels at 100 dots an inch.

    Returns
    -------
    list of str
        Pairs of texts (tick labels, labels, titles, legends, annotations), within and across axes, that overlap;
        texts that leave the figure; axes narrower than a pixel; and what matplotlib warned of while it drew
        (missing glyphs, a layout that found no room).
    """
    drawing = _draw(figure)
    tolerance = tolerance_px * figure.dpi / 100
    places = [_Place.of(text, name, drawing.renderer) for text, name in drawing.texts]
    seen = [place for place in places if place is not None]
    pairs = [
        f"{one.name} and {other.name} overlap by {depth:.0f} px"
        for one, other in itertools.combinations(seen, 2)
        if (depth := _overlap(one, other)) > tolerance
    ]
    page = figure.bbox.padded(tolerance)
    leaving = [f"{place.name} leaves the figure" for place in seen if not _inside(place.bounds, page)]
    return [*drawing.warned, *_collapsed(figure), *leaving, *pairs]


def covered_by_legend(figure: Figure, *, tolerance_px: float = TOLERANCE_PX) -> list[str]:
    """Return a sentence for each legend and each line, cloud of points or bar that runs below it.

    Parameters
    ----------
    figure : Figure
        It is drawn once; its canvas stays what it was.
    tolerance_px : float
        How far data may reach below the legend's rim, in pixels at 100 dots an inch.

    Notes
    -----
    Filled areas (bands of uncertainty) and images do not count: a legend on them can be read.
    """
    drawing = _draw(figure)
    shrink = -tolerance_px * figure.dpi / 100
    return [
        f"legend of {owner} covers {name}"
        for owner, legend in _legends(figure)
        for name, covers in _data(figure)
        if covers(_content(legend, drawing.renderer).padded(shrink))
    ]


# ---- drawing


class _Recorder(RendererAgg):
    """A renderer that keeps the texts it was given to draw."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)
        self.texts: list[Text] = []

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: bool | str = False,
        mtext: Text | None = None,
    ) -> None:
        if mtext is not None:
            self.texts.append(mtext)
        super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)


class _Canvas(FigureCanvasAgg):
    """A canvas that draws with one `_Recorder`."""

    recorder: _Recorder | None = None

    def get_renderer(self) -> _Recorder:
        if self.recorder is None:
            width, height = self.figure.bbox.size
            self.recorder = _Recorder(width, height, self.figure.dpi)
        return self.recorder


@dataclass(frozen=True)
class _Drawing:
    """What was drawn: texts with what to call them, and what matplotlib warned of."""

    renderer: _Recorder
    texts: list[tuple[Text, str]]
    warned: list[str]


def _draw(figure: Figure) -> _Drawing:
    before = figure.canvas
    canvas = _Canvas(figure)
    try:
        with style(), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            canvas.draw()
    finally:
        figure.set_canvas(before)
    renderer = canvas.get_renderer()
    haloed = [a for a in _visible(figure) if isinstance(a, Text) and a.get_path_effects()]
    names = _names(figure)
    texts = [
        (text, f"{names.get(text, 'text')} {_short(text)}")
        for text in dict.fromkeys([*renderer.texts, *haloed])  # path effects are drawn as paths
        if text.get_text().strip() and text.get_alpha() != 0
    ]
    warned = [
        f"drawing warns: {_line(str(w.message))}" for w in caught if issubclass(w.category, UserWarning)
    ]
    return _Drawing(renderer, texts, list(dict.fromkeys(warned)))


def _visible(artist: Artist) -> Iterator[Artist]:
    if artist.get_visible():
        yield artist
        for child in artist.get_children():
            yield from _visible(child)


def _names(figure: Figure) -> dict[Text, str]:
    """What to call each text of the figure: its axes by number, and what it does there."""
    found: dict[Text, str] = {}
    for index, axes in enumerate(figure.axes):
        titles = {axes.get_title(loc) for loc in ("left", "center", "right")}
        for text in axes.findobj(Text):
            found[text] = f"axes {index} {'title' if text.get_text() in titles else 'text'}"
        for letter in "xyz":
            axis = getattr(axes, f"{letter}axis", None)
            if axis is not None:
                found |= {text: f"axes {index} {letter} tick" for text in axis.findobj(Text)}
                found |= {axis.label: f"axes {index} {letter} label"}
    for owner, legend in _legends(figure):
        found |= {text: f"{owner} legend" for text in legend.findobj(Text)}
    return found


def _short(text: Text) -> str:
    line = _line(text.get_text())
    return f'"{line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."}"'


def _line(text: str) -> str:
    return " ".join(text.split())


# ---- texts


@dataclass(frozen=True)
class _Place:
    """Where a text lies on the page, in pixels."""

    name: str
    bounds: Bbox
    corners: np.ndarray
    """Of the rectangle along its baseline, (4, 2), in order."""

    @classmethod
    def of(cls, text: Text, name: str, renderer: RendererAgg) -> _Place | None:
        """Return where a text lies; None where all of it is clipped away."""
        bounds = text.get_tightbbox(renderer)
        if bounds is None or not np.isfinite(bounds.get_points()).all() or min(bounds.size) <= 0:
            return None
        if text.get_clip_on() or text.get_rotation() % 90 == 0:
            (x0, y0), (x1, y1) = bounds.min, bounds.max
            return cls(name, bounds, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]))
        return cls(name, bounds, _rotated(text, bounds, renderer))


def _rotated(text: Text, bounds: Bbox, renderer: RendererAgg) -> np.ndarray:
    """Corners of the rectangle that was turned: it has the middle of its upright bounds."""
    angle = text.get_rotation()
    text.set_rotation(0)
    try:
        width, height = text.get_window_extent(renderer).size
    finally:
        text.set_rotation(angle)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    level = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    return level @ np.array([[cos, sin], [-sin, cos]]) + bounds.get_points().mean(axis=0)


def _overlap(one: _Place, other: _Place) -> float:
    """How deep two rectangles lie in each other in pixels (separating axes); 0 if they do not touch."""
    if not one.bounds.overlaps(other.bounds):
        return 0.0
    depth = np.inf
    for corners in (one.corners, other.corners):
        for edge in (corners[1] - corners[0], corners[3] - corners[0]):
            normal = edge / np.hypot(*edge)
            first, second = one.corners @ normal, other.corners @ normal
            depth = min(depth, first.max() - second.min(), second.max() - first.min())
    return max(float(depth), 0.0)


def _inside(bounds: Bbox, page: Bbox) -> bool:
    (low, high), (page_low, page_high) = bounds.get_points(), page.get_points()
    return bool((low >= page_low).all() and (high <= page_high).all())


def _collapsed(figure: Figure) -> list[str]:
    return [
        f"axes {index} has no room ({width:.1f} x {height:.1f} px)"
        for index, axes in enumerate(figure.axes)
        for width, height in [axes.get_window_extent().size]
        if axes.get_visible() and min(width, height) < 1
    ]


# ---- legends


def _legends(figure: Figure) -> Iterator[tuple[str, Legend]]:
    """Yield each visible legend with what to call its owner."""
    of_axes = {artist: index for index, axes in enumerate(figure.axes) for artist in axes.get_children()}
    for artist in _visible(figure):
        if isinstance(artist, Legend):
            index = of_axes.get(artist)
            yield "the figure" if index is None else f"axes {index}", artist


def _content(legend: Legend, renderer: RendererAgg) -> Bbox:
    """Box around the handles and words of a legend, without the room around them."""
    parts = [*legend.get_texts(), legend.get_title(), *legend.legend_handles]
    boxes = [
        box
        for part in parts
        if part is not None and part.get_visible() and getattr(part, "get_text", lambda: "x")() != ""
        for box in [part.get_window_extent(renderer)]
        if np.isfinite(box.get_points()).all()
    ]
    return Bbox.union(boxes) if boxes else legend.get_window_extent(renderer)


def _data(figure: Figure) -> Iterator[tuple[str, _Covered]]:
    """Yield the lines, points and bars of all axes with what to call them."""
    for index, axes in enumerate(figure.axes):
        if not axes.get_visible():
            continue
        artists: list[Artist] = [*axes.lines, *axes.collections]
        artists += [bar for bars in axes.containers if isinstance(bars, BarContainer) for bar in bars.patches]
        for artist in artists:
            if artist.get_visible():
                label = str(artist.get_label())
                called = f' "{label}"' if label and not label.startswith("_") else ""
                yield f"{type(artist).__name__}{called} of axes {index}", _Covered(axes, artist)


@dataclass(frozen=True)
class _Covered:
    """Tells whether what an artist draws reaches into a box."""

    axes: Axes
    artist: Artist

    def __call__(self, box: Bbox) -> bool:
        inside = Bbox.intersection(box, self.axes.bbox) if self.artist.get_clip_on() else box
        if inside is None or min(inside.size) <= 0:
            return False
        if isinstance(self.artist, Line2D):
            return _line_reaches(self.artist, inside)
        if isinstance(self.artist, PathCollection):
            radius = np.sqrt(max(self.artist.get_sizes(), default=0)) / 2 * self._pixels_per_point
            offsets = self.artist.get_offset_transform().transform(self.artist.get_offsets())
            return _any_point(np.ma.filled(offsets, np.nan), inside.padded(radius))
        if isinstance(self.artist, LineCollection):
            to_page = self.artist.get_transform()
            return any(
                to_page.transform_path(path).intersects_bbox(inside, filled=False)
                for path in self.artist.get_paths()
            )
        return isinstance(self.artist.axes, Axes) and _bar_reaches(self.artist, inside)

    @property
    def _pixels_per_point(self) -> float:
        return self.axes.figure.dpi / 72


def _line_reaches(line: Line2D, box: Bbox) -> bool:
    xy = np.column_stack(
        [np.ma.filled(np.ma.asarray(part, float), np.nan) for part in line.get_data(orig=False)]
    )
    if not len(xy):
        return False
    if line.get_linestyle() not in ("None", " ", ""):
        x, y = cbook.STEP_LOOKUP_MAP[line.get_drawstyle()](*xy.T)
        drawn = line.get_transform().transform_path(Path(np.column_stack([x, y])))
        if drawn.intersects_bbox(box, filled=False):
            return True
    if line.get_marker() in ("None", " ", "", None):
        return False
    radius = line.get_markersize() / 2 * line.axes.figure.dpi / 72 if line.axes is not None else 0.0
    return _any_point(line.get_transform().transform(xy), box.padded(radius))


def _any_point(points: np.ndarray, box: Bbox) -> bool:
    return bool(((points > box.min) & (points < box.max)).all(axis=1).any())


def _bar_reaches(artist: Artist, box: Bbox) -> bool:
    bounds = artist.get_window_extent() if hasattr(artist, "get_width") else None
    return bounds is not None and min(bounds.size) > 0 and bounds.overlaps(box)
