"""The numbers of a card as a reader meets them: the same words on the page of HTML and on the dashboard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cogattn.reporting.card.row import TARGET_POWER
from cogattn.reporting.tables import MISSING, interval_text
from cogattn.study import Kind

if TYPE_CHECKING:
    from cogattn.reporting.card.model import Card
    from cogattn.reporting.card.row import CardRow, JointRow

LEAST_P = 0.001
PEOPLES_MEAN = "people's mean"
FACTS = (
    "observer", "n", PEOPLES_MEAN, "persons", "distance (SD of people)", "p", "p by Holm", "conformal rank", "power",
    "detectable (SD of people)", "worth (people)",
)  # fmt: skip
"""What `facts` tells of a row of people, in this order; `fact_names` of any."""
KINDS: Mapping[Kind, str] = {
    "behaves like": "does it behave like people?",
    "explains people": "does it explain what is recorded from people?",
}
"""What a study asks of an observer."""
SELF_CHECK = (
    "Each person is left out and placed among the others by the same test, uncorrected. If the test is right, the "
    "share that comes out outside is the nominal one."
)


def how_to_read() -> str:
    """Return what must be known before the numbers of any card."""
    from cogattn.people.placing import AWAY_SD

    return (
        "People are individuals: each is a dot, and the observer is placed among them as one more; simulated persons "
        "are hollow squares, and nobody is placed among them. Distances are in standard deviations of people. p asks "
        "whether the observer could be one of them, by Holm over all tested rows of its card; the conformal rank asks "
        "the same without supposing that people are normal. Power is the chance to find an observer "
        f"{AWAY_SD:g} SDs away; the detectable distance is found with power "
        f"{TARGET_POWER:g}. Brackets hold 95 % intervals. There is no overall score."
    )


def joint_text(row: JointRow) -> str:
    """Return where the observer lies by several measures at once."""
    return (
        f"jointly by {', '.join(row.measures)}: distance "
        f"{interval_text(row.distance, row.distance_lo, row.distance_hi)} SD of people, p {p_text(row.p)}, conformal "
        f"rank {share_text(row.rank)}, power {share_text(row.power)}, {row.n_people} people; counted in no status"
    )


def facts(row: CardRow) -> tuple[str, ...]:
    """Return a row's numbers as texts, one for each of `FACTS`; a dash where there is none."""
    return (
        interval_text(row.estimate, row.lo, row.hi),
        count_text(row.n),
        interval_text(row.human, row.human_lo, row.human_hi),
        count_text(row.n_people),
        interval_text(row.distance, row.distance_lo, row.distance_hi),
        p_text(row.p),
        p_text(row.p_holm),
        share_text(row.rank),
        share_text(row.power),
        number_text(row.detectable_sd),
        interval_text(row.worth, row.worth_lo, row.worth_hi),
    )


def fact_names(row: CardRow) -> tuple[str, ...]:
    """Return what a row's `facts` are called: nobody measured the mean of simulated persons."""
    return tuple(mean_word(row) if fact == PEOPLES_MEAN else fact for fact in FACTS)


def p_text(p: float) -> str:
    """Return a P value to two digits; ``< 0.001`` below that."""
    if math.isnan(p):
        return MISSING
    return f"<\u00a0{LEAST_P:g}" if p < LEAST_P else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def share_text(share: float) -> str:
    """Return a probability or a rank to two places; above 0.995 it is not said to be 1."""
    if math.isnan(share):
        return MISSING
    return ">\u00a00.99" if 0.995 <= share < 1 else f"{share:.2f}"


def number_text(value: float) -> str:
    """Return a number to three digits."""
    return MISSING if math.isnan(value) else f"{value:.3g}"


def count_text(n: int) -> str:
    """Return how many; a dash for none."""
    return f"{n:,}" if n else MISSING


def unit_text(row: CardRow) -> str:
    """Return the measure's unit in brackets after its label, or the label alone."""
    return f"{row.label} ({row.unit})" if row.unit else row.label


def spoken(row: CardRow, observer: str) -> str:
    """Return in a sentence or two what the row's figure shows, for who cannot see it."""
    unit = f" {row.unit}" if row.unit else ""
    parts = []
    if math.isfinite(row.estimate):
        parts.append(f"{observer}: {interval_text(row.estimate, row.lo, row.hi)}{unit}")
    values = [value for _, value in row.people if math.isfinite(value)]
    if values:
        ends = f"from {min(values):.3g} to {max(values):.3g}{unit}"
        parts.append(
            f"{len(values)} {people_word(row)}, a {'hollow square' if row.simulated else 'dot'} each: {ends}"
        )
    if math.isfinite(row.human):
        whose = "their mean" if row.simulated else PEOPLES_MEAN
        parts.append(f"{whose}: {interval_text(row.human, row.human_lo, row.human_hi)}{unit}")
    scale = "on a logarithmic axis, " if row.scale == "log" else ""
    return f"{row.label}, {scale}" + "; ".join(parts) + "."


def people_word(row: CardRow) -> str:
    """Return what the persons of a row are called."""
    return "simulated persons" if row.simulated else "people"


def mean_word(row: CardRow) -> str:
    """Return what the mean of a row's persons is called."""
    return "mean, simulated" if row.simulated else PEOPLES_MEAN


def counts_text(card: Card) -> str:
    """Return how many of the card's rows have each status."""
    return ", ".join(f"{n} {status}" for status, n in card.counts.items())


def studies_of(rows: Sequence[CardRow]) -> dict[str, list[CardRow]]:
    """Return the rows by study, in their order."""
    found: dict[str, list[CardRow]] = {}
    for row in rows:
        found.setdefault(row.study, []).append(row)
    return found
