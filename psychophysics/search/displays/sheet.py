"""A sheet of displays to look at: every task, both of its sides, with the target marked."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from matplotlib.patches import Circle

from cogattn.figures import caption, new_figure, style
from cogattn.psychophysics.search.displays.display import Display, make_display
from cogattn.psychophysics.search.displays.tasks import TASKS, Condition, Task
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RING = "#D55E00"


def stimulus_sheet(
    tasks: Sequence[Task] = tuple(TASKS.values()), *, rng: Streams, pixels_per_degree: float = 30.0
) -> Figure:
    """Draw one display of each condition at a middle set size, easy above hard, or with above without a target.

    Parameters
    ----------
    tasks : sequence of Task
        One column each.
    rng : Streams
        Names of conditions draw their displays from it.
    pixels_per_degree : float
        Resolution.
    """
    figure, panels = new_figure(2, len(tasks), width_in=max(1.7 * len(tasks), 3.4), height_in=4.0)
    with style():
        for column, task in enumerate(tasks):
            for row, (condition, present) in enumerate(_shown(task)):
                size = task.set_sizes[(len(task.set_sizes) - 1) // 2 + (len(task.set_sizes) > 3)]
                display = make_display(
                    task,
                    condition,
                    size,
                    rng=rng.generator("sheet", condition.name, *(() if present else ("absent",))),
                    pixels_per_degree=pixels_per_degree,
                    target_present=present,
                )
                show(panels[row, column], display)
                words = condition.title if present else "no target"
                panels[row, column].set_xlabel("\n".join(wrap(words, 28)), fontsize=7)
            panels[0, column].set_title(f"{task.title}, {task.field_deg:g}°", fontsize=8)
        if not any(task.absent for task in tasks):
            panels[0, 0].set_ylabel("easy for people")
            panels[1, 0].set_ylabel("hard for people")
        caption(figure, "one display of each condition; the ring marks the target's box")
    return figure


def _shown(task: Task) -> list[tuple[Condition, bool]]:
    """What stands above, what below: a condition, and whether its target is there."""
    if len(task.conditions) == 1:
        return [(task.conditions[0], True), (task.conditions[0], False)]
    return [(condition, True) for condition in task.conditions]


def show(axes: Axes, display: Display, *, mark: bool = True) -> None:
    """Draw a display in degrees, with a ring about the target."""
    half = len(display.image) / display.scale / 2
    axes.imshow(
        display.image,
        cmap="gray",
        vmin=0,
        vmax=1,
        extent=(-half, half, half, -half),
        interpolation="antialiased",
    )
    if mark and display.target_index is not None:
        radius = 0.62 * display.items[display.target_index].box_deg
        center = tuple(display.centers_deg[display.target_index])
        axes.add_patch(Circle(center, radius, fill=False, color=RING, linewidth=1.2))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#999999", linewidth=0.5)
