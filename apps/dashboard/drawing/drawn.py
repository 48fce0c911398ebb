"""What a study shows, drawn: pictures with crisp pixels, fixations and densities over them, lines with units.

Pixels reach the browser as the sRGB code values that they are, enlarged by whole numbers without smoothing. Fixations
and boxes lie over them as a drawing of their own, so that the pixels below stay what they were.
"""

from __future__ import annotations

import base64
import io
import json
from html import escape
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cogattn.apps.dashboard import theme
from cogattn.apps.dashboard.drawing.charts import legend_columns
from cogattn.exhibits import Picture, Series, Shown, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Array = NDArray[np.floating]

WIDTH_PX = 520
"""Pictures are enlarged by the largest whole number that keeps them within this width."""
OPACITY = (0.35, 0.85)
"""Of a density over its picture, where it is nearly 0 and where it is highest; where it is 0 there is none."""
SMALL_PX = 260
"""Width of the pictures that follow a first one."""
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])
"""Lines differ by dashes as well as by colour."""
EDGE = "outline:1px solid color-mix(in srgb,currentColor 25%,transparent)"
FRAME = "position:relative;width:{width}px;max-width:100%;aspect-ratio:{columns}/{rows};" + EDGE
LAYER = "position:absolute;inset:0;width:100%;height:100%;image-rendering:pixelated"


def codes(pixels: Array) -> NDArray[np.uint8]:
    """Return pixels in [0, 1] as 8-bit sRGB code values."""
    return np.round(255 * np.clip(pixels, 0, 1)).astype(np.uint8)


def png(values: NDArray[np.uint8]) -> bytes:
    """Return grey (height, width), RGB or RGBA values as a PNG file that says it is sRGB."""
    about, file = PngInfo(), io.BytesIO()
    about.add(b"sRGB", b"\0")
    Image.fromarray(values).save(file, format="PNG", pnginfo=about)
    return file.getvalue()


def npz(shown: Shown) -> bytes:
    """Return all arrays of what is shown, and its facts as JSON, as an NPZ file."""
    arrays: dict[str, NDArray] = {"facts": np.array(json.dumps(dict(shown.facts), sort_keys=True))}
    for number, part in enumerate(shown.parts, start=1):
        if isinstance(part, Picture):
            arrays |= {
                f"picture_{number}_{name}": getattr(part, name) for name in ("pixels", "points", "boxes")
            }
            if part.weights is not None:
                arrays[f"picture_{number}_weights"] = part.weights
        else:
            arrays[f"series_{number}_x"] = part.x
            arrays |= {f"series_{number}_{name}": line for name, line in part.lines.items()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def pictures(parts: Sequence[Picture], *, n_points: int | None = None, density: bool = True) -> str:
    """Return pictures side by side as HTML, all text of it escaped; those after the first are small.

    Parameters
    ----------
    parts : sequence of Picture
        Their captions are the text alternatives.
    n_points : int, optional
        So many fixations are drawn of each; all when absent.
    density : bool
        Whether densities lie over them.
    """
    figures = [
        _figure(part, WIDTH_PX if number == 0 else SMALL_PX, n_points, density)
        for number, part in enumerate(parts)
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:1rem">{"".join(figures)}</div>'


def _figure(part: Picture, width_px: int, n_points: int | None, density: bool) -> str:
    rows, columns = part.pixels.shape[:2]
    width = columns * (width_px // columns) or width_px
    layers = [_layer(png(codes(part.pixels)), "image/png", alt=_alternative(part))]
    mapped = density and part.weights is not None
    if mapped:
        layers.append(_layer(png(_coloured(part.weights)), "image/png"))
    drawing = _drawing(part, len(part.points) if n_points is None else n_points)
    if drawing:
        layers.append(_layer(drawing.encode(), "image/svg+xml"))
    frame = FRAME.format(width=width, columns=columns, rows=rows)
    legend = _legend(part.weights, width) if mapped else ""
    return (
        f'<figure style="margin:0 0 0.5rem 0;max-width:100%"><div style="{frame}">{"".join(layers)}</div>{legend}'
        f'<figcaption style="font-size:0.9rem;opacity:0.8;max-width:{width}px">{escape(part.caption)}</figcaption>'
        "</figure>"
    )


def table(facts: Mapping[str, Value]) -> str:
    """Return facts as an HTML table, all text escaped."""
    line = "border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent);padding:0.25rem 0.5rem 0.25rem 0"
    rows = (
        f'<tr><th scope="row" style="{line};text-align:left;font-weight:400;opacity:0.8">{escape(name)}</th>'
        f'<td style="{line}">{escape(_said(value))}</td></tr>'
        for name, value in facts.items()
    )
    return f'<table style="width:100%;border-collapse:collapse;font-size:0.9rem">{"".join(rows)}</table>'


def _said(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def chart(part: Series) -> alt.LayerChart | alt.FacetChart:
    """Return lines over one axis, told apart by colour and dashes."""
    table = pd.DataFrame({"x": part.x, **part.lines}).melt("x", var_name="line", value_name="y")
    names = list(part.lines)
    scale = alt.Scale(type=part.x_scale, nice=False, zero=False)
    counts = part.x_scale == "linear" and np.ptp(part.x) > 1 and bool((part.x == np.round(part.x)).all())
    step = 1 if counts else alt.Undefined
    x = alt.X("x:Q", title=part.x_label, scale=scale, axis=alt.Axis(tickMinStep=step))
    legend = alt.Legend(
        title=None,
        orient="top",
        labelLimit=0,
        columns=legend_columns(names),
        symbolSize=400,
        symbolStrokeWidth=2,
    )
    lines = alt.Chart(table, mark=alt.MarkDef(type="line", strokeWidth=1.6)).encode(
        x=x,
        y=alt.Y("y:Q", title=part.y_label, scale=alt.Scale(zero=False)),
        color=alt.Color("line:N", scale=_looks(theme.SERIES, names), legend=legend),
        strokeDash=alt.StrokeDash("line:N", scale=_looks(DASHES, names)),
        tooltip=[alt.Tooltip("line:N", title=""), _tip("x", part.x_label), _tip("y", part.y_label)],
    )
    at = pd.DataFrame({"x": list(part.marks)}, dtype=float)
    marks = alt.Chart(at, mark=alt.MarkDef(type="rule", color=theme.GREY, strokeDash=[4, 3])).encode(x="x:Q")
    layers = (marks, lines) if part.marks else (lines,)
    return alt.layer(*layers).properties(height=270, description=part.caption)


def _tip(column: str, label: str) -> alt.Tooltip:
    return alt.Tooltip(f"{column}:Q", title=label, format=".4g")


def _looks(values: Sequence, names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[values[number % len(values)] for number in range(len(names))])


def _alternative(part: Picture) -> str:
    """The caption, and what lies on the picture."""
    said = [part.caption]
    if len(part.points):
        said.append(f"{len(part.points)} fixations lie on it.")
    if part.weights is not None:
        row, column = np.unravel_index(int(np.argmax(part.weights)), part.weights.shape)
        rows, columns = part.weights.shape
        said.append(
            f"The density is highest {100 * (column + 0.5) / columns:.0f} % from the left and "
            f"{100 * (row + 0.5) / rows:.0f} % from the top."
        )
    return " ".join(said)


def _layer(data: bytes, kind: str, *, alt: str = "") -> str:
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return f'<img alt="{escape(alt)}" src="{source}" style="{LAYER}">'


# ---- densities


def _coloured(weights: Array) -> NDArray[np.uint8]:
    """A density in colours from 0 to its maximum, see-through, (rows, columns, 4)."""
    from matplotlib import colormaps

    share = weights / max(float(weights.max()), np.finfo(float).tiny)
    values = colormaps["cividis"](share, bytes=True)
    opacity = OPACITY[0] + (OPACITY[1] - OPACITY[0]) * share
    values[..., 3] = np.round(255 * np.where(share > 0, opacity, 0))
    return values


def _legend(weights: Array, width: int) -> str:
    """The scale of colours, from 0 to the highest density, in units of an even one."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    stops = ",".join(to_hex(colormaps["cividis"](share)) for share in np.linspace(0, 1, 9))
    most = float(weights.max()) * weights.size / max(float(weights.sum()), np.finfo(float).tiny)
    return (
        f'<div style="max-width:{width}px;margin:0.3rem 0;font-size:0.85rem"><div style="height:0.7rem;'
        f'background:linear-gradient(to right,{stops})"></div><div style="display:flex;'
        f'justify-content:space-between;gap:1rem"><span>chance to be looked at: 0</span>'
        f"<span>{most:.3g} times an even spread</span></div></div>"
    )


# ---- fixations and boxes


def _drawing(part: Picture, n_points: int) -> str:
    """Boxes, and the first fixations with the lines between them, as SVG in the picture's own pixels."""
    rows, columns = part.pixels.shape[:2]
    points, unit = part.points[:n_points], columns / 100
    shapes = [_box(box, unit) for box in part.boxes] + _path(points, unit)
    shapes += [
        _dot(x, y, number, unit, last=number == len(points)) for number, (x, y) in enumerate(points, start=1)
    ]
    if not shapes:
        return ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns} {rows}" font-family="sans-serif">'
        f"{''.join(shapes)}</svg>"
    )


def _box(box: Array, unit: float) -> str:
    left, top, right, bottom = box
    place = f'x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}" fill="none"'
    return (
        f'<rect {place} stroke="black" stroke-width="{0.9 * unit:.2f}"/>'
        f'<rect {place} stroke="{theme.ORANGE}" stroke-width="{0.5 * unit:.2f}"/>'
    )


def _path(points: Array, unit: float) -> list[str]:
    if len(points) < 2:
        return []
    way = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return [
        f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="{width * unit:.2f}"/>'
        for colour, width in (("white", 0.9), (theme.BLUE, 0.45))
    ]


def _dot(x: float, y: float, number: int, unit: float, *, last: bool) -> str:
    fill, ink = (theme.ORANGE, "black") if last else (theme.BLUE, "white")
    return (
        f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{2.1 * unit:.2f}" fill="{fill}" stroke="white" '
        f'stroke-width="{0.35 * unit:.2f}"/><text x="{x:.2f}" y="{y:.2f}" dy="0.36em" text-anchor="middle" '
        f'font-size="{2.6 * unit:.2f}" fill="{ink}">{number}</text>'
    )
