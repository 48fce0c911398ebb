"""What a card is made of: rows, joint placements, self checks, and where each is from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from cogattn.measures import Scale
from cogattn.study import Kind

Status = Literal["inside", "outside", "underpowered", "not run", "does not apply", "no people"]
STATUSES: tuple[Status, ...] = get_args(Status)
LEVEL = 0.05
"""Of every test on a card, after Holm's correction over its tested rows."""
TARGET_POWER = 0.8
"""Power below which an observer that was not found outside is not said to be inside."""
NaN = math.nan


@dataclass(frozen=True, kw_only=True)
class CardRow:
    """One measure of one study, or a study that has none to show.

    Parameters
    ----------
    study, measure, label, unit, scale, kind : str
        As the study and its summary have them; `measure` is empty where the study was not run or does not apply.
    status : Status
        ``outside``: ``p_holm`` is at most `LEVEL`; ``underpowered``: not outside, and `power` is below `TARGET_POWER`;
        ``inside``: neither; ``no people``: nobody to be placed among; ``not run``; ``does not apply``.
    estimate, lo, hi : float
        The observer's value and its 95 % interval, in the measure's unit; NaN where there is none.
    n : int
        Units behind the estimate.
    people : tuple of (str, float)
        Every person's own value, in the measure's unit.
    simulated : bool
        Whether these persons are simulated: drawn as such, and nobody is placed among them.
    human, human_lo, human_hi : float
        People's mean, or the published one, and its 95 % interval.
    n_people : int
        Persons among whom the observer is placed; 0 where only a mean is known.
    distance, distance_lo, distance_hi : float
        From people's mean in SDs of people, as `cogattn.people.Place` has it.
    p, p_holm : float
        Of the hypothesis that the observer is one of these people, and the same after Holm's correction.
    rank : float
        Conformal rank: the share of people and observer who are at least as far out as the observer.
    power : float
        Probability that `p` is at most `LEVEL` for an observer 3 SDs of people away (`cogattn.people.placing.AWAY_SD`).
    detectable_sd : float
        Distance in SDs of people at which that probability is 0.8.
    worth, worth_lo, worth_hi : float
        How many people the observer is worth as a predictor, where the study tells it.
    run : str
        ``study/id``; empty where there is none.
    note : str
        What a reader must know.
    """

    study: str
    kind: Kind
    status: Status
    measure: str = ""
    label: str = ""
    unit: str = ""
    scale: Scale = "linear"
    estimate: float = NaN
    lo: float = NaN
    hi: float = NaN
    n: int = 0
    people: tuple[tuple[str, float], ...] = ()
    simulated: bool = False
    human: float = NaN
    human_lo: float = NaN
    human_hi: float = NaN
    n_people: int = 0
    distance: float = NaN
    distance_lo: float = NaN
    distance_hi: float = NaN
    p: float = NaN
    p_holm: float = NaN
    rank: float = NaN
    power: float = NaN
    detectable_sd: float = NaN
    worth: float = NaN
    worth_lo: float = NaN
    worth_hi: float = NaN
    run: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class JointRow:
    """Several measures of one study at once; told beside the rows, and counted in no status.

    Parameters
    ----------
    study : str
        Which.
    measures : tuple of str
        Their keys.
    distance, distance_lo, distance_hi, p, rank, power : float
        As in `CardRow`.
    n_people : int
        Persons who have all the measures.
    run, note : str
        As in `CardRow`.
    """

    study: str
    measures: tuple[str, ...]
    distance: float
    distance_lo: float
    distance_hi: float
    p: float
    rank: float
    power: float
    n_people: int
    run: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class SelfCheck:
    """How often a person, left out and placed among the others, comes out outside.

    Parameters
    ----------
    study, measure, label : str
        Whose table, and which measure.
    n : int
        Persons who were left out, each once.
    outside : int
        How many of them came out outside, p at most `nominal` and uncorrected.
    share, lo, hi : float
        `outside` over `n`, with Wilson's 95 % interval.
    nominal : float
        What the share should be.
    """

    study: str
    measure: str
    label: str
    n: int
    outside: int
    share: float
    lo: float
    hi: float
    nominal: float = LEVEL

    @property
    def holds(self) -> bool:
        """Whether the nominal share is inside the interval."""
        return self.lo <= self.nominal <= self.hi


@dataclass(frozen=True, kw_only=True)
class RunProvenance:
    """Where the rows of one study are from, and how to have them again.

    Parameters
    ----------
    study, run : str
        Name, and ``study/id``.
    settings : str
        The run's settings as canonical JSON.
    matches : bool
        False for a run under other settings than the card's own, which was asked for.
    command : str
        What to type for the same run.
    started : str
        ISO 8601 in UTC; empty where it is not recorded.
    version : str
        Of cogattn.
    code : str
        Digest of the code that made it, or of the checkout; empty where it is not recorded.
    remarks : tuple of str
        Of the run.
    """

    study: str
    run: str
    settings: str
    matches: bool
    command: str
    started: str
    version: str
    code: str
    remarks: tuple[str, ...]
