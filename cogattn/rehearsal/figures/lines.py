"""How each rule is drawn: a colour a family (power laws blue, no rehearsal grey), and line and mark within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cogattn.figures import COLOURS, SERIES
from cogattn.rehearsal.claims import POWER_LAWS
from cogattn.rehearsal.needs import Cumulative, Exponential, NoRehearsal, Uniform
from cogattn.rehearsal.rules import Rule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_COLUMNS = 3
"""Of a legend."""
STYLES, MARKS = ("-", "--", ":", "-."), "osD^v"
SHAPES, PENALTY = "other", "penalty"
FAMILIES = {
    NoRehearsal: ("none", COLOURS["reference"]),
    Uniform: ("uniform", SERIES[1]),
    Exponential: ("exponential", SERIES[2]),
    Cumulative: ("cumulative", SERIES[5]),
}
POWER, OTHERS, PENALTIES = ("power law", SERIES[0]), (SHAPES, SERIES[4]), (PENALTY, SERIES[3])


@dataclass(frozen=True)
class Line:
    """How a rule is drawn.

    Parameters
    ----------
    rule : Rule
        Which.
    family : str
        Of those that share a colour.
    colour, style, mark : str
        Of the line and its points.
    """

    rule: Rule
    family: str
    colour: str
    style: str
    mark: str

    @property
    def name(self) -> str:
        """What the legend calls it."""
        return self.rule.observer.name


def lines_of(rules: Sequence[Rule]) -> dict[str, Line]:
    """Return how each rule is drawn, by its text, in their order."""
    found: dict[str, Line] = {}
    for rule in rules:
        family, colour = _family(rule)
        number = sum(line.family == family for line in found.values())
        found[rule.text] = Line(
            rule, family, colour, STYLES[number % len(STYLES)], MARKS[number % len(MARKS)]
        )
    return found


def chosen(lines: dict[str, Line]) -> list[Line]:
    """Return one of each family, its first, in their order."""
    first: dict[str, Line] = {}
    for line in lines.values():
        first.setdefault(line.family, line)
    return list(first.values())


def legend_in(n_lines: int) -> float:
    """Return the height in inches of the legend of so many lines."""
    return 0.2 + 0.17 * -(-n_lines // N_COLUMNS)


def draw_legend(figure: Figure, axes: Axes) -> None:
    """Name the lines of a panel above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=N_COLUMNS)


def _family(rule: Rule) -> tuple[str, str]:
    if rule.penalty:
        return PENALTIES
    if isinstance(rule.need, POWER_LAWS):
        return POWER
    return next((own for kind, own in FAMILIES.items() if isinstance(rule.need, kind)), OTHERS)
