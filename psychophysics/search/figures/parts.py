"""What the figures of the search study share: who is drawn, what markers mean, legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from cogattn.figures import SERIES
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.displays.tasks import TASKS

Array = NDArray[np.float64]

MARKERS = {"easy": "o", "hard": "s"}
LINES: dict[str, Literal["-", "--"]] = {"easy": "-", "hard": "--"}
GREY = "#999999"


def drawn(observers: Sequence[Observer]) -> list[Observer]:
    """Return the networks that there are colours for."""
    return [one for one in observers if one.role == "network"][: len(SERIES)]


def left_out(observers: Sequence[Observer]) -> str:
    """Say that some networks are not drawn; nothing where all are."""
    n = sum(one.role == "network" for one in observers)
    return f"the first {len(SERIES)} of {n} networks; " if n > len(SERIES) else ""


def fill(role: str, colour: str) -> str:
    """Return what a marker is filled with: the condition that is hard for people has open ones."""
    return colour if role == "easy" else "white"


def task_colours(tasks: Sequence[str]) -> dict[str, str]:
    """Return the colour of each of the tasks that were run, the same in every run."""
    return {task: colour for task, colour in zip(TASKS, SERIES, strict=False) if task in set(tasks)}


def task_handles(tasks: Mapping[str, str]) -> list[Line2D]:
    """Return what colours of tasks mean, for a legend."""
    return [Line2D([], [], color=colour, label=TASKS[task].title) for task, colour in tasks.items()]


def role_handles(line: Literal["-", "--", "", "none"] | None = None) -> list[Line2D]:
    """Return what markers mean, with the lines that join them unless another style is asked for."""
    return [
        Line2D(
            [], [], color="#444444", marker=marker, mfc=fill(role, "#444444"), label=f"{role} for people",
            linestyle=LINES[role] if line is None else line,
        )
        for role, marker in MARKERS.items()
    ]  # fmt: skip


def spread(n: int) -> Array:
    """Return where `n` networks stand about the place of a task."""
    return np.linspace(-0.06, 0.18, n) if n > 1 else np.zeros(1)
