"""The plot vocabulary shared by all studies: one style, fixed colours for fixed roles, reproducible files.

Figures are made through matplotlib's objects, never through pyplot, so that no global state is touched. The
colours are from Okabe and Ito's palette, which the colour-blind tell apart.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib import RcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from cogattn.names import broken as broken
from cogattn.names import shortened as shortened
from cogattn.running.atomic import write_atomically

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Role = Literal["human", "model", "reference"]
Ending = Literal["pdf", "png"]

COLOURS: dict[Role, str] = {"human": "#D55E00", "model": "#0072B2", "reference": "#7F7F7F"}
"""People are vermilion, the observer under test is blue, anything they are held against is grey."""

SERIES = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Several models side by side, in this order; vermilion stays with people."""

LABELS: dict[Role, str] = {"human": "people", "model": "model", "reference": "reference"}

RC = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "regular",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.prop_cycle": cycler(color=SERIES),
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "errorbar.capsize": 0,
    "image.cmap": "cividis",
    "pdf.fonttype": 42,
    "svg.hashsalt": "cogattn",
}
FAMILY = "DejaVu Sans"
FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "Source Han Sans SC",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Hiragino Sans", "PingFang SC", "Heiti TC",
    "Apple SD Gothic Neo", "Yu Gothic", "Microsoft YaHei", "SimHei", "Malgun Gothic", "Arial Unicode MS",
)  # fmt: skip
"""Families with Chinese, Japanese or Korean characters, which `FAMILY` lacks; those that are installed are used."""
COLUMN_IN, WIDE_IN = 3.5, 7.2
MANY = 12
"""More observers than these have low rows and small names."""


def style() -> AbstractContextManager[None]:
    """Return a context in which figures have the house style; matplotlib's settings come back after it."""
    defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    return matplotlib.rc_context(RcParams({**defaults, **RC, "font.family": _families()}))


@cache
def _families() -> list[str]:
    there = set(fontManager.get_font_names())
    return [FAMILY, *(name for name in FALLBACKS if name in there)]  # of one that is missing matplotlib warns


def new_figure(
    n_rows: int = 1, n_columns: int = 1, *, width_in: float | None = None, height_in: float | None = None
) -> tuple[Figure, np.ndarray]:
    """Make an empty figure in the house style.

    Parameters
    ----------
    n_rows, n_columns : int
        Panels.
    width_in, height_in : float, optional
        Size in inches. Default: one journal column (3.5) for one panel, else the page (7.2); 2.6 a row.

    Returns
    -------
    Figure, array of Axes, shape (n_rows, n_columns)
    """
    width_in = width_in or (COLUMN_IN if n_columns == 1 else WIDE_IN)
    with style():
        figure = Figure(figsize=(width_in, height_in or 2.6 * n_rows))
        FigureCanvasAgg(figure)
        return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def draw_estimate(
    axes: Axes,
    x: Sequence[float] | np.ndarray,
    estimate: Sequence[float] | np.ndarray,
    lo: Sequence[float] | np.ndarray,
    hi: Sequence[float] | np.ndarray,
    *,
    role: Role = "model",
    label: str | None = None,
    colour: str | tuple[float, ...] | None = None,
    line: bool = False,
) -> None:
    """Draw estimates as dots with their intervals as bars; an infinite end is drawn as an open triangle.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    x, estimate, lo, hi : array, shape (n,)
        Places, values and interval ends in data units; NaN estimates are left out.
    role : {"human", "model", "reference"}
        Sets the colour and the default label.
    label : str, optional
        For the legend.
    colour : str, optional
        Instead of the role's, for several models.
    line : bool
        Join the dots.
    """
    x, estimate, lo, hi = (np.asarray(values, dtype=float) for values in (x, estimate, lo, hi))
    keep = np.isfinite(estimate)
    x, estimate, lo, hi = x[keep], estimate[keep], lo[keep], hi[keep]
    colour = colour or COLOURS[role]
    ends = np.abs(np.stack([estimate - lo, hi - estimate]))
    bars = np.where(np.isfinite(ends), ends, 0.0)
    with style():
        axes.errorbar(
            x,
            estimate,
            yerr=bars,
            fmt="o-" if line else "o",
            color=colour,
            elinewidth=1.2,
            label=label or LABELS[role],
        )
        for open_ends, marker in ((~np.isfinite(ends[0]), "v"), (~np.isfinite(ends[1]), "^")):
            axes.plot(x[open_ends], estimate[open_ends], marker, color=colour, markersize=9, fillstyle="none")


def draw_band(
    axes: Axes,
    x: np.ndarray,
    middle: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    *,
    role: Role = "model",
    label: str | None = None,
    colour: str | None = None,
) -> None:
    """Draw a curve with its pointwise interval as a pale band; all arrays of shape (n,)."""
    colour = colour or COLOURS[role]
    with style():
        axes.plot(x, middle, color=colour, label=label or LABELS[role])
        axes.fill_between(x, lo, hi, color=colour, alpha=0.18, linewidth=0)


def summary_figure(summary: pd.DataFrame) -> Figure:
    """Draw a summary table: a panel a measure, a row an observer, people as a vertical band behind.

    Parameters
    ----------
    summary : DataFrame
        Columns `cogattn.measures.SUMMARY_COLUMNS`.
    """
    measures = list(dict.fromkeys(summary["measure"]))
    n_observers = summary["observer"].nunique()
    height_in = 1.3 + (0.3 if n_observers <= MANY else 0.13) * n_observers
    figure, panels = new_figure(1, len(measures), height_in=height_in)
    with style():
        for axes, measure in zip(panels[0], measures, strict=True):
            _draw_measure(axes, summary[summary["measure"] == measure])
            axes.set_title(str(summary.loc[summary["measure"] == measure, "label"].iloc[0]))
        caption(figure, f"n = {count_text(summary['n'])}; bars: 95 % intervals")
    return figure


def _draw_measure(axes: Axes, rows: pd.DataFrame) -> None:
    human = rows[["human", "human_lo", "human_hi"]].astype(float).iloc[0]
    if np.isfinite(human["human"]):
        if np.isfinite([human["human_lo"], human["human_hi"]]).all():
            axes.axvspan(
                human["human_lo"], human["human_hi"], color=COLOURS["human"], alpha=0.18, linewidth=0
            )
        axes.axvline(human["human"], color=COLOURS["human"], label=LABELS["human"])
    y = np.arange(len(rows))[::-1]
    values = rows[["estimate", "lo", "hi"]].to_numpy(float)
    ends = np.abs(np.stack([values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]]))
    axes.errorbar(values[:, 0], y, xerr=np.where(np.isfinite(ends), ends, 0), fmt="o", color=COLOURS["model"])
    few = len(rows) <= MANY
    axes.set_yticks(y, [shortened(str(name), 34) for name in rows["observer"]], fontsize=8 if few else 6)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel(str(rows["unit"].iloc[0]))


def count_text(counts: Sequence[float] | pd.Series) -> str:
    """Say how many: ``1,050`` where all are equal, else ``320-1,050``; counts are at least 1."""
    values = sorted({int(n) for n in counts})
    return f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,}-{values[-1]:,}"


def plain_log_ticks(axes: Axes, ticks: Sequence[float], *, axis: Literal["x", "y"] = "x") -> None:
    """Set the ticks of a logarithmic axis, as plain numbers, and no others."""
    own = axes.xaxis if axis == "x" else axes.yaxis
    own.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    own.set_ticks([], minor=True)


def caption(figure: Figure, text: str) -> None:
    """Write a line below the panels: what n is and what the bars are."""
    with style():
        figure.supxlabel(text, fontsize=7, color="#444444", x=0.01, ha="left")


def render(figure: Figure, ending: Ending) -> bytes:
    """Return the figure as a PDF or PNG file: no date, no random ids, so equal figures give equal bytes.

    A character that no installed font has is a box, without a warning: names are what their owners call them.
    """
    metadata = {"CreationDate": None, "ModDate": None} if ending == "pdf" else {"Software": None}
    sink = io.BytesIO()
    with style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        figure.savefig(sink, format=ending, metadata=metadata)
    return sink.getvalue()


def save(figure: Figure, path_stem: Path) -> tuple[Path, Path]:
    """Write ``<path_stem>.pdf`` and ``.png`` and return their paths; raise StoreError where that fails."""
    paths = path_stem.with_name(path_stem.name + ".pdf"), path_stem.with_name(path_stem.name + ".png")
    for path, ending in zip(paths, ("pdf", "png"), strict=True):
        write_atomically(path, render(figure, ending))
    return paths
