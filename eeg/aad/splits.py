"""Validation splits that hold, and an audit of any split against the known traps.

A decoder can reach high accuracy without following attention: from windows of one trial on both sides of the
split (trial fingerprints), from an envelope heard in training, from a talker, a side or a gaze direction that
is always the attended one. `folds` builds splits that exclude what they claim to and, beside it, the trials that
share a sound with a tested one; `audit_splits` says what is wrong with splits, `audit_labels` with a design. What is
shared is told by the samples themselves (`cogattn.eeg.recordings.audit`), not by labels.

References
----------
Vandecappelle et al. (2021), eLife 10, e56481; Rotaru et al. (2024), J. Neural Eng. 21, 016017.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from cogattn.eeg.recordings.audit import Prints, shared
from cogattn.eeg.recordings.facts import SAME_ENVELOPE_R as SAME_ENVELOPE_R
from cogattn.eeg.recordings.facts import TrialFacts as TrialFacts
from cogattn.eeg.recordings.facts import fact_of as fact_of
from cogattn.eeg.recordings.facts import facts_of as facts_of
from cogattn.eeg.recordings.facts import with_sound_names as with_sound_names
from cogattn.errors import DataError

By = Literal["trial", "story", "speaker", "subject", "envelope"]
Split = tuple[Sequence[int], Sequence[int]]
"""Trials, or windows or pieces of them, to train on and to test."""
Sharing = Sequence[Collection[int]]
"""For each trial the others that share a sound with it, in whatever role and at whatever lag."""

UNTOLD = {
    "side": "gaze and location cannot be ruled out",
    "speaker": "a voice that is always attended would not be noticed",
    "story": "a story on both sides of a split is noticed by its sound only",
}
"""What a label that is missing leaves open."""


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a split or a design."""

    severity: Literal["refuse", "warn"]
    reason: str


def leave_one_out_folds(facts: Sequence[TrialFacts], by: By) -> list[Split]:
    """(train, test) index lists, one pair per trial, story, speaker, subject or pair of envelopes.

    ``envelope`` tests one trial at a time and trains on trials that contain neither of its two sounds,
    attended or ignored, of whichever subject, by their names.

    Raises
    ------
    DataError
        If a trial lacks the label, or a fold has nothing to train on.
    """
    pairs: list[Split]
    if by == "envelope":
        sounds = [{f.attended, f.unattended} for f in facts]
        if any("" in pair for pair in sounds):
            raise DataError("every trial must name its attended and unattended sound for by='envelope'")
        pairs = [
            ([j for j, other in enumerate(sounds) if not other & own], [i]) for i, own in enumerate(sounds)
        ]
    else:
        keys = [(f.subject, f.trial) if by == "trial" else getattr(f, by) for f in facts]
        if any(key == "" for key in keys):
            without = facts[keys.index("")].trial
            raise DataError(f"every trial must have a {by} for by={by!r}; got {without} without one")
        pairs = [
            ([i for i, k in enumerate(keys) if k != key], [i for i, k in enumerate(keys) if k == key])
            for key in dict.fromkeys(keys)
        ]
    for train, test in pairs:
        if not train:
            name = facts[test[0]].trial
            raise DataError(f"each fold must keep trials to train on; got none for {name} by {by}")
    return pairs


def folds(facts: Sequence[TrialFacts], by: By, sharing: Sharing | None = None) -> list[Split]:
    """As `leave_one_out_folds`, without the training trials that share a sound with the tested ones.

    Parameters
    ----------
    facts : sequence of TrialFacts
        Of each trial, or of each piece of one; pieces of one trial stay together.
    by : {"trial", "story", "speaker", "subject", "envelope"}
        What is left out together.
    sharing : sequence of collections of int, optional
        As `sharing_of` gives it; nothing more is left out when absent.

    Returns
    -------
    list of (train, test)
        Tested trials whose training sets are equal are tested together.

    Raises
    ------
    DataError
        If a trial lacks the label, or nothing is left to train on.
    """
    whole = leave_one_out_folds(facts, by)
    if sharing is None:
        return whole
    found: dict[tuple[int, ...], list[int]] = {}
    for train, test in whole:
        for pieces in _by_trial(facts, test):
            banned = {j for k in pieces for j in sharing[k]}
            kept = tuple(j for j in train if j not in banned)
            if not kept:
                first = facts[pieces[0]]
                raise DataError(
                    f"shared_sounds = leave_out must leave trials to learn from; got none for {first.trial} "
                    f"({first.subject}): every trial that validation = {by} would train on shares a sound with it"
                )
            found.setdefault(kept, []).extend(pieces)
    return [(list(train), test) for train, test in found.items()]


def sharing_of(facts: Sequence[TrialFacts], prints: Prints) -> list[frozenset[int]]:
    """For each trial (or piece) the indices of those of other trials that share a sound with it, by content."""
    at: dict[tuple[str, str], list[int]] = {}
    for k, fact in enumerate(facts):
        at.setdefault((fact.subject, fact.trial), []).append(k)
    found: list[set[int]] = [set() for _ in facts]
    for pair in shared(prints.of("sound")):
        for here, there in ((pair.first, pair.second), (pair.second, pair.first)):
            for k in at.get(here, ()):
                found[k].update(at.get(there, ()))
    return [frozenset(others) for others in found]


def audit_splits(
    facts: Sequence[TrialFacts], splits: Sequence[Split], sharing: Sharing | None = None
) -> list[Finding]:
    """List what splits leak; without `sharing`, sounds of one name count as shared.

    Refused is a trial on both sides. Of sounds, stories and blocks it is said in how many of the tested trials they
    are in the training data.
    """
    findings = []
    tested = {_who(facts[k]) for _, test in splits for k in test}
    leaks: dict[str, dict[tuple[str, str], str]] = {"sound": {}, "story": {}, "block": {}}
    for train, test in splits:
        trained = {_who(facts[k]) for k in train}
        known = {name: {getattr(facts[k], name) for k in train} - {""} for name in ("story", "block")}
        sounds = {s for k in train for s in (facts[k].attended, facts[k].unattended)} - {""}
        for k in test:
            if _who(facts[k]) in trained:
                subject, trial = _who(facts[k])
                reason = f"windows of one trial are in training and test (subject {subject}, {trial})"
                findings.append(Finding("refuse", reason + "; split whole trials"))
            for name, values in known.items():
                if getattr(facts[k], name) in values:
                    leaks[name][_who(facts[k])] = getattr(facts[k], name)
            if heard := _heard(facts, k, set(train), sounds, sharing):
                leaks["sound"][_who(facts[k])] = heard
    ways = {"sound": "shared_sounds = leave_out", "story": "validation = story", "block": "groups by block"}
    for name, leaked in leaks.items():
        if leaked:
            example = next(iter(leaked.values()))
            findings.append(
                Finding(
                    "warn",
                    f"a {name} of {len(leaked)} of {len(tested)} tested trials is also in their training data "
                    f"({example}); {ways[name]} would keep them apart",
                )
            )
    return list(dict.fromkeys(findings))


def audit_split(facts: Sequence[TrialFacts], train: Sequence[int], test: Sequence[int]) -> list[Finding]:
    """List what one split of windows or trials leaks; `facts` holds one entry per window or trial."""
    return audit_splits(facts, [(list(train), list(test))])


def audit_labels(facts: Sequence[TrialFacts], *, told: bool = False) -> list[Finding]:
    """List confounds of a design: a side or talker that is always attended, and labels that nobody has told.

    Where `told`, all labels that there are have been told.
    """
    findings = []
    for name, risk in () if told else UNTOLD.items():
        untold = sum(getattr(f, name) == "" for f in facts)
        if untold == len(facts):
            findings.append(Finding("warn", f"no {name} is told: {risk}"))
        elif untold:
            findings.append(Finding("warn", f"no {name} is told of {untold} of {len(facts)} trials: {risk}"))
    for subject in dict.fromkeys(f.subject for f in facts):
        own = [f for f in facts if f.subject == subject]
        for name, risk in (("side", "gaze or location"), ("speaker", "the voice")):
            values = {getattr(f, name) for f in own} - {""}
            if len(values) == 1 and len(own) > 1:
                reason = f"the attended {name} is always {values.pop()} (subject {subject})"
                findings.append(
                    Finding("warn", f"{reason}; a decoder could follow {risk} instead of attention")
                )
    return findings


def enforce(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Raise DataError for the first finding that refuses; return the reasons of the others."""
    for finding in findings:
        if finding.severity == "refuse":
            raise DataError(f"training and test data must be apart; got a split in which {finding.reason}")
    return tuple(dict.fromkeys(finding.reason for finding in findings))


def _who(fact: TrialFacts) -> tuple[str, str]:
    return fact.subject, fact.trial


def _by_trial(facts: Sequence[TrialFacts], indices: Sequence[int]) -> list[list[int]]:
    """Pieces of each trial among these."""
    found: dict[tuple[str, str], list[int]] = {}
    for k in indices:
        found.setdefault(_who(facts[k]), []).append(k)
    return list(found.values())


def _heard(
    facts: Sequence[TrialFacts], k: int, train: set[int], sounds: set[str], sharing: Sharing | None
) -> str:
    """A training trial that shares a sound with trial `k`, or the name of the sound; empty where none does."""
    if sharing is None:
        return next((s for s in (facts[k].attended, facts[k].unattended) if s in sounds), "")
    other = min(train & set(sharing[k]), default=None)
    if other is None:
        return ""
    return f"{facts[k].trial} of {facts[k].subject} shares one with {facts[other].trial} of {facts[other].subject}"
