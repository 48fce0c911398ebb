"""The sweep, and what each rule has over another one, paired over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from cogattn.figures import WIDE_IN, caption, count_text, new_figure, style
from cogattn.measures import Measure
from cogattn.rehearsal.claims import AXES, along
from cogattn.rehearsal.figures.lines import Line, draw_legend, legend_in
from cogattn.rehearsal.trained import Values

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sweep_figure(values: Values, lines: Mapping[str, Line]) -> Figure:
    """Draw a panel for each thing that is varied, all else as at the base: mean over tasks, intervals over seeds."""
    varied = {axis: sorted(points) for axis in AXES if len(points := along(values.points, axis)) > 1}
    measure = values.measures.average
    figure, panels = new_figure(
        1, len(varied), width_in=max(WIDE_IN / 3 * len(varied), 5.4), height_in=2.6 + legend_in(len(lines))
    )
    with style():
        for axes, (axis, points) in zip(panels[0], varied.items(), strict=True):
            places = np.arange(len(points), dtype=float)
            for number, (observer, line) in enumerate(lines.items()):
                shift = 0.4 * ((number + 0.5) / len(lines) - 0.5)
                each = [values.mean(observer, measure, point) for point in points]
                if not any(one.n for one in each):
                    continue
                mean, lo, hi = (
                    np.array([getattr(one, name) for one in each]) for name in ("estimate", "lo", "hi")
                )
                ends = np.nan_to_num(np.abs(np.stack([mean - lo, hi - mean])))
                form = f"{line.mark}{line.style}"
                axes.errorbar(
                    places + shift, mean, yerr=ends, fmt=form, color=line.colour, label=line.name,
                    markersize=3, linewidth=1, elinewidth=0.9,
                )  # fmt: skip
            axes.set_xticks(places, [f"{getattr(point, axis):g}" for point in points])
            axes.set(title=AXES[axis], xlabel=axis)
        panels[0, 0].set_ylabel(measure.label)
        draw_legend(figure, panels[0, 0])
        n = [values.mean(observer, measure, values.points[0]).n for observer in lines]
        caption(figure, f"n = {count_text([one for one in n if one])} networks; bars: 95 %")
    return figure


def differences_figure(
    values: Values, lines: Sequence[Line], other: Line, shown: Sequence[Measure]
) -> Figure:
    """Draw a panel a measure and a row a rule: what it has over another rule of equal budget, at the base."""
    base = values.points[0]
    rows = [line for line in lines if line.rule.text != other.rule.text and line.rule.equal_budget][::-1]
    figure, panels = new_figure(1, len(shown), width_in=WIDE_IN, height_in=1.3 + 0.24 * len(rows))
    counts = []
    with style():
        for axes, measure in zip(panels[0], shown, strict=True):
            axes.axvline(0, color=other.colour, linewidth=1)
            for place, line in enumerate(rows):
                value = values.difference(line.rule.text, other.rule.text, measure, base)
                counts += [value.n] if value.n else []
                axes.plot(value.estimate, place, line.mark, color=line.colour, markersize=4)
                if np.isfinite([value.lo, value.hi]).all():
                    axes.hlines(place, value.lo, value.hi, color=line.colour, linewidth=1.2)
            axes.set(title=_wrapped(measure.label), ylim=(-0.6, len(rows) - 0.4))
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.set_yticks(range(len(rows)), [""] * len(rows))
        panels[0, 0].set_yticks(range(len(rows)), [line.name for line in rows])
        n = count_text(counts) if counts else "0"
        caption(figure, f"{base}; less {other.name}, n = {n} pairs of networks; bars: 95 %")
    return figure


def _wrapped(label: str) -> str:
    return label.replace(", ", ",\n")
