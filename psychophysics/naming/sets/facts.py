"""What the 17 published sets vary, and which of them can be made of any photographs; imports nothing that is slow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REACH = ("1", "2", "4", "8", "16", "32", "64", "128")


@dataclass(frozen=True)
class SetFacts:
    """What a published set varies.

    Parameters
    ----------
    axis : str
        What the conditions are values of, with its unit.
    conditions : tuple of str
        As the files call them, from the photograph as it is to the strongest manipulation.
    labels : tuple of str
        The same for a reader.
    control : str
        The condition without manipulation; empty where there is none.
    too_hard : tuple of str
        Conditions in which people were right at most a fifth of the time.
    """

    axis: str
    conditions: tuple[str, ...]
    labels: tuple[str, ...]
    control: str
    too_hard: tuple[str, ...] = ()


def _facts(axis: str, conditions: str, labels: str = "", *, n_too_hard: int = 0) -> SetFacts:
    """The last conditions are the hardest."""
    names = tuple(conditions.split())
    shown = tuple(labels.split()) or names
    hardest = names[len(names) - n_too_hard :]
    return SetFacts(axis, names, shown, names[0] if len(names) > 1 else "", hardest)


def _eidolon(coherence: str, n_too_hard: int) -> SetFacts:
    names = " ".join(f"{reach}-{coherence}-10" for reach in REACH)
    return _facts("reach, pixels", names, " ".join(REACH), n_too_hard=n_too_hard)


FACTS: Mapping[str, SetFacts] = {
    "colour": _facts("colour", "cr bw", "colour grey"),
    "contrast": _facts(
        "contrast, %", "c100 c50 c30 c15 c10 c05 c03 c01", "100 50 30 15 10 5 3 1", n_too_hard=2
    ),
    "eidolonI": _eidolon("10", 2),
    "eidolonII": _eidolon("3", 3),
    "eidolonIII": _eidolon("0", 4),
    "false-colour": _facts("colour", "true false", "true opponent"),
    "high-pass": _facts("SD of the filter, pixels", "inf 3 1.5 1 0.7 0.55 0.45 0.4", n_too_hard=3),
    "low-pass": _facts("SD of the filter, pixels", "0 1 3 5 7 10 15 40", n_too_hard=2),
    "phase-scrambling": _facts("phase noise, degrees", "0 30 60 90 120 150 180", n_too_hard=2),
    "power-equalisation": _facts("power spectrum", "0 pow", "own mean"),
    "rotation": _facts("rotation, degrees", "0 90 180 270"),
    "uniform-noise": _facts(
        "half width of the noise",
        "0.00 0.03 0.05 0.10 0.20 0.35 0.60 0.90",
        "0 .03 .05 .1 .2 .35 .6 .9",
        n_too_hard=2,
    ),
} | {name: _facts("", "0", name) for name in ("cue-conflict", "edge", "silhouette", "sketch", "stylized")}
"""Of each of the sets of `cogattn.psychophysics.naming.people.SETS`."""
