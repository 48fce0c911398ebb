"""What a search of scenes measures: the keys that its summary rows and its persons carry."""

from __future__ import annotations

from cogattn.measures import Measure

FOUND = Measure("scene_found", "share", "targets found", scale="share")
"""By a number of saccades, or within each person's own limit."""

SACCADES = Measure("scene_saccades", "saccades", "saccades to the target", scale="log")
"""Mean up to the horizon, which stands for a target not found by then."""

BITS = Measure("scene_bits", "bits/fixation", "likelihood of people's fixations above the centre bias")
"""Of a searcher, calibrated on other scenes; of a person, told by the other people in the same scene."""

CONTENT_BITS = Measure(
    "scene_content_bits", "bits/fixation", "likelihood of people's fixations above the no-content baseline"
)
"""The same above what centre bias, saccades and history tell."""

RAW_BITS = BITS.at(
    "raw", label="likelihood of people's fixations above the centre bias, as the searcher has it"
)
"""Without calibration; a fixation that is held impossible counts as one of `summary.IMPOSSIBLE_BITS`."""

NSS = Measure("scene_nss", "SD", "density at people's fixations, standardised")

AUC = Measure("scene_auc", "", "share of places less likely than people's fixations", scale="share")

DIFFICULTY = Measure(
    "scene_difficulty", "", "correlation of scenes' saccades with people's", scale="correlation"
)
"""Spearman's, over scenes."""

ALL = (FOUND, SACCADES, BITS, CONTENT_BITS, NSS, AUC, DIFFICULTY)
"""Each as it is or under parameters."""


def found_by(n_saccades: int) -> Measure:
    """Return the share of targets found by so many saccades."""
    return FOUND.at(n_saccades, label=f"targets found by {n_saccades} saccades")


FOUND_WITHIN = FOUND.at("within", label="targets found within each person's own limit")
