"""What the study measures: the keys that its summary rows and its persons carry, likelihood first."""

from __future__ import annotations

import math
from typing import Literal

from cogattn.measures import Measure
from cogattn.psychophysics.scanpath.columns import MULTIMATCH

Kind = Literal["greedy", "consensus", "sampled"]
KINDS: tuple[Kind, ...] = ("greedy", "consensus", "sampled")

FROM_0 = (0.0, math.inf)
"""Limits of what is a logarithm of chances or a distance."""

BITS = Measure("bits_per_fixation", "bits", "next fixation", limits=FROM_0)
"""-log2 of the chance of the object that was looked at next, given that the path goes on: less is better."""

GAIN = Measure("information_gain", "bits", "gain")
"""What an observer needs less than another one, on the same fixations."""

WORTH = Measure("worth_viewers", "viewers", "worth in viewers")
"""How many other people's fixations in the scene tell as much."""

TOP = Measure("top", "share", "next is likeliest", scale="share")

NSS = Measure("nss", "SD", "NSS")
"""Chance of the next object, standardised over objects (Peters et al., 2005)."""

AUC = Measure("auc", "", "AUC", scale="share")
"""Share of the other objects that were less likely than the next one."""

END_BITS = Measure("end_bits", "bits", "ends of a path", limits=FROM_0)
"""Of all choices between going on and ending."""

# all are with people's paths; ``greedy`` is the likeliest step each time, ``consensus`` the drawn path that is
# most like the others, ``sampled`` the mean over drawn ones
SEQUENCE_SCORE = Measure("sequence_score", "", "Sequence Score", scale="share")
LEVENSHTEIN = Measure("levenshtein", "edits", "Levenshtein", limits=FROM_0)
SCANMATCH = Measure("scanmatch", "", "ScanMatch")
MULTIMATCHES = Measure("multimatch", "", "MultiMatch", scale="share")

BEHAVIOUR_DELTA = Measure("behaviour_delta", "", "behaviour delta", limits=FROM_0)
"""Mean relative error of five mean behaviours (Fang et al., 2024)."""

ON_TARGET = Measure("on_target", "share", "ends on target", scale="share")
LENGTH = Measure("length", "fixations", "length", scale="log")
FIRST_VISITS = Measure("first_visits", "share", "first visits", scale="share")
REFIXATIONS = Measure("refixations", "share", "refixations", scale="share")
REVISITS = Measure("revisits", "share", "revisits", scale="share")
BEHAVIOUR = {one.key: one for one in (ON_TARGET, LENGTH, FIRST_VISITS, REFIXATIONS, REVISITS)}
"""Of an observer's sampled paths, and of people's."""

SACCADE = Measure("saccade_deg", "degrees", "saccade", scale="log")
"""Mean distance between the middles of objects fixated one after the other."""

LIKELIHOOD = {"bits": BITS, "top1": TOP.at(1, label="next is likeliest"),
              "top5": TOP.at(5, label="next is in top five"), "nss": NSS, "auc": AUC}  # fmt: skip
"""By the column of fixations that each is the mean of."""

ALL = (
    BITS, GAIN, WORTH, TOP, NSS, AUC, END_BITS, SEQUENCE_SCORE, LEVENSHTEIN, SCANMATCH, MULTIMATCHES, BEHAVIOUR_DELTA,
    *BEHAVIOUR.values(), SACCADE,
)  # fmt: skip
"""Each as it is or under parameters."""


def gain_over(other: str) -> Measure:
    """Return what is gained over an observer, by its variant or id: ``information_gain.no_content``."""
    return GAIN.at(other, label=f"gain over {other}")


def scores(kind: Kind) -> dict[str, Measure]:
    """Return the measures of one kind of prediction, by the column of paths that each is the mean of."""
    single = {"sequence_score": SEQUENCE_SCORE, "levenshtein": LEVENSHTEIN, "scanmatch": SCANMATCH}
    found = {name: one.at(kind, label=f"{one.label}, {kind}") for name, one in single.items()}
    for part in MULTIMATCH:
        label = f"{MULTIMATCHES.label}, {part}, {kind}"
        found[f"multimatch_{part}"] = MULTIMATCHES.at(part, kind, label=label)
    return found


def delta(kind: Kind) -> Measure:
    """Return the behaviour metric of one kind of prediction."""
    return BEHAVIOUR_DELTA.at(kind, label=f"{BEHAVIOUR_DELTA.label}, {kind}")
