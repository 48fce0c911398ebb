"""What the study measures: the keys that its summary rows and its persons carry, likelihood first."""

from __future__ import annotations

from typing import Literal

from cogattn.measures import Measure
from cogattn.psychophysics.scanpath.columns import MULTIMATCH

Kind = Literal["greedy", "sampled"]
KINDS: tuple[Kind, ...] = ("greedy", "sampled")
KIND_LABELS = {"greedy": "likeliest path", "sampled": "sampled paths"}

BITS = Measure("bits_per_fixation", "bits/fixation", "bits of people's next fixations")
"""-log2 of the chance of the object that was looked at next, given that the path goes on: less is better."""

GAIN = Measure("information_gain", "bits/fixation", "bits gained")
"""What an observer needs less than another one, on the same fixations."""

WORTH = Measure("worth_viewers", "viewers", "worth in other viewers")
"""How many other people's fixations in the scene tell as much."""

TOP = Measure("top", "share", "next object among the likeliest", scale="share")

NSS = Measure("nss", "SD", "chance of the next object, standardised over objects")

AUC = Measure("auc", "", "share of objects less likely than the next one", scale="share")

END_BITS = Measure("end_bits", "bits/path", "bits of where a path ends")
"""Of all choices between going on and ending."""

SEQUENCE_SCORE = Measure("sequence_score", "", "sequence score with people", scale="share")
LEVENSHTEIN = Measure("levenshtein", "edits", "Levenshtein distance from people")
SCANMATCH = Measure("scanmatch", "", "ScanMatch with people")
MULTIMATCHES = Measure("multimatch", "", "MultiMatch with people", scale="share")

BEHAVIOUR_DELTA = Measure("behaviour_delta", "", "mean relative error of five mean behaviours")

ON_TARGET = Measure("on_target", "share", "paths that end on the target", scale="share")
LENGTH = Measure("length", "fixations", "fixations a path", scale="log")
FIRST_VISITS = Measure("first_visits", "share", "fixations on an object not seen before", scale="share")
REFIXATIONS = Measure("refixations", "share", "fixations on the same object again", scale="share")
REVISITS = Measure("revisits", "share", "fixations on an object seen earlier", scale="share")
BEHAVIOUR = {one.key: one for one in (ON_TARGET, LENGTH, FIRST_VISITS, REFIXATIONS, REVISITS)}
"""Of an observer's sampled paths, and of people's."""

SACCADE = Measure("saccade_deg", "degrees", "mean distance between fixated objects", scale="log")

LIKELIHOOD = {"bits": BITS, "top1": TOP.at(1, label="next object is the likeliest"),
              "top5": TOP.at(5, label="next object is among the five likeliest"), "nss": NSS, "auc": AUC}  # fmt: skip
"""By the column of fixations that each is the mean of."""

ALL = (
    BITS, GAIN, WORTH, TOP, NSS, AUC, END_BITS, SEQUENCE_SCORE, LEVENSHTEIN, SCANMATCH, MULTIMATCHES, BEHAVIOUR_DELTA,
    *BEHAVIOUR.values(), SACCADE,
)  # fmt: skip
"""Each as it is or under parameters."""


def gain_over(other: str) -> Measure:
    """Return what is gained over an observer, by its variant or id: ``information_gain.no_content``."""
    return GAIN.at(other, label=f"bits gained over {other}")


def scores(kind: Kind) -> dict[str, Measure]:
    """Return the measures of one kind of prediction, by the column of paths that each is the mean of."""
    single = {"sequence_score": SEQUENCE_SCORE, "levenshtein": LEVENSHTEIN, "scanmatch": SCANMATCH}
    found = {name: one.at(kind, label=f"{one.label}, {KIND_LABELS[kind]}") for name, one in single.items()}
    for part in MULTIMATCH:
        label = f"{MULTIMATCHES.label}, {part}, {KIND_LABELS[kind]}"
        found[f"multimatch_{part}"] = MULTIMATCHES.at(part, kind, label=label)
    return found


def delta(kind: Kind) -> Measure:
    """Return the behaviour metric of one kind of prediction."""
    return BEHAVIOUR_DELTA.at(kind, label=f"{BEHAVIOUR_DELTA.label}, {KIND_LABELS[kind]}")
