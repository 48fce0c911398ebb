"""Persons beside schedules: every learner as a dot, curriculum by curriculum, and what blocks are good for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cogattn.figures import COLOURS, WIDE_IN, Role, new_figure, style
from cogattn.measures import Estimate, Measure
from cogattn.rehearsal.trees.design import GROUPS
from cogattn.rehearsal.trees.learners import Learners
from cogattn.rehearsal.trees.measures import BENEFIT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE_IN, ROOM_IN = 0.32, 1.0
"""Height of a line of dots, and of what stands around them."""
SPREAD = 0.3
"""Half the height over which a line's dots are spread."""
PEOPLE = "people"
TITLES = {"b200": "blocks of 200", "b20": "blocks of 20", "b2": "blocks of 2", "interleaved": "interleaved"}


def schedules_figure(
    networks: Mapping[str, Learners], people: Learners | None, measure: Measure, benefit: Measure
) -> Figure:
    """Draw a measure of every learner and its mean in each group, and the benefit of blocking with its interval.

    Parameters
    ----------
    networks : mapping of str to Learners
        By the schedules' readable names, from above.
    people : Learners or None
        Drawn above them; the band is their interval.
    measure, benefit : Measure
        Of a learner; of the groups.
    """
    lines = {PEOPLE: people, **networks} if people is not None else dict(networks)
    height = ROOM_IN + LINE_IN * len(lines)
    figure, axes = new_figure(1, len(GROUPS) + 1, width_in=1.35 * WIDE_IN, height_in=height)
    for place, group in zip(axes[0], GROUPS, strict=False):
        _strip(place, lines, measure, group)
        place.set_title(TITLES[group])
        place.set_xlabel(measure.label)
    _benefits(axes[0, -1], lines, benefit)
    for place in axes[0]:
        place.set_ylim(len(lines) - 0.5, -0.5)
        place.set_yticks(range(len(lines)), list(lines) if place is axes[0, 0] else [""] * len(lines))
    _share_range(list(axes[0, :-1]))
    return figure


def _strip(axes: Axes, lines: Mapping[str, Learners], measure: Measure, group: str) -> None:
    """Dots of learners, spread by their number, and the mean with its interval."""
    for height, (name, own) in enumerate(lines.items()):
        values, colour = own.values(measure, group), COLOURS[_role(name)]
        spread = np.linspace(-SPREAD, SPREAD, len(values)) if len(values) > 1 else np.zeros(len(values))
        with style():
            axes.plot(values, height + spread, ".", color=colour, alpha=0.45, markersize=4, markeredgewidth=0)
        _estimate(axes, own.mean(measure, group), height, name)


def _benefits(axes: Axes, lines: Mapping[str, Learners], benefit: Measure) -> None:
    for height, (name, own) in enumerate(lines.items()):
        value = dict(own.benefits())[benefit]
        if name == PEOPLE:
            axes.axvspan(value.lo, value.hi, color=COLOURS["human"], alpha=0.15, linewidth=0)
        _estimate(axes, value, height, name)
    axes.axvline(0, color=COLOURS["reference"], linewidth=0.8, zorder=0)
    what = "200 less interleaved" if benefit.key == BENEFIT.key else "interleaved less 200"
    axes.set_xlabel(f"{BENEFIT.label}\n({what})")


def _estimate(axes: Axes, value: Estimate, height: float, name: str) -> None:
    """A mean with its interval, lying."""
    ends = np.nan_to_num([[value.estimate - value.lo], [value.hi - value.estimate]])
    with style():
        axes.errorbar(
            [value.estimate],
            [height],
            xerr=ends,
            fmt="o",
            color=COLOURS[_role(name)],
            markersize=4,
            elinewidth=1.4,
        )


def _role(name: str) -> Role:
    return "human" if name == PEOPLE else "model"


def _share_range(panels: list[Axes]) -> None:
    """One range of values for all groups."""
    ends = np.array([axes.get_xlim() for axes in panels])
    for axes in panels:
        axes.set_xlim(ends[:, 0].min(), ends[:, 1].max())
