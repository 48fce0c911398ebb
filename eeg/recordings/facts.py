"""What is known about a trial beside its samples: who, which story, which talker, which sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray

SAME_ENVELOPE_R = 0.99
"""Two envelopes that correlate this highly are the same sound."""


@dataclass(frozen=True)
class TrialFacts:
    """What a split must know about a trial; an empty string is unknown."""

    subject: str
    trial: str
    story: str = ""
    speaker: str = ""
    side: str = ""
    block: str = ""
    attended: str = ""
    """Name of the attended sound."""
    unattended: str = ""
    """Name of the ignored sound."""


def facts_of(recording: Recording) -> list[TrialFacts]:
    """Read the labels of a recording's trials."""
    return [fact_of(recording.subject, trial.name, trial.labels) for trial in recording.trials]


def fact_of(subject: str, trial: str, labels: Mapping[str, str]) -> TrialFacts:
    """Read the labels of one trial."""
    named = {name: labels.get(name, "") for name in ("story", "speaker", "side", "block")}
    sounds = {role: labels.get(f"{role}_audio", "") for role in ("attended", "unattended")}
    return TrialFacts(subject, trial, **named, **sounds)


def with_sound_names(
    facts: Sequence[TrialFacts], attended: Sequence[FloatArray], unattended: Sequence[FloatArray]
) -> list[TrialFacts]:
    """Name the sounds of trials that do not name them: envelopes that are equal get one name.

    Equal are envelopes of one length that correlate above `SAME_ENVELOPE_R`.
    """
    known: dict[int, list[tuple[FloatArray, str]]] = {}

    def name(given: str, envelope: FloatArray, fact: TrialFacts, role: str) -> str:
        if given:
            return given
        centred = envelope - envelope.mean()
        unit = centred / max(float(np.linalg.norm(centred)), np.finfo(float).tiny)
        same = known.setdefault(unit.size, [])
        for other, its_name in same:
            if float(unit @ other) > SAME_ENVELOPE_R:
                return its_name
        same.append((unit, f"{role} in {fact.subject}, {fact.trial}"))
        return same[-1][1]

    return [
        replace(
            f, attended=name(f.attended, a, f, "attended"), unattended=name(f.unattended, u, f, "ignored")
        )
        for f, a, u in zip(facts, attended, unattended, strict=True)
    ]
