"""Validation splits that hold, and an audit of any split against the known traps.

A decoder can reach high accuracy without following attention: from windows of one trial on both sides of the
split (trial fingerprints), from an envelope heard in training, from a talker, a side or a gaze direction that
is always the attended one. `leave_one_out_folds` builds splits that exclude what they claim to; `audit_split`
says what is wrong with a split from elsewhere, and `audit_labels` with a design.

References
----------
Vandecappelle et al. (2021), eLife 10, e56481; Rotaru et al. (2024), J. Neural Eng. 21, 016017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.recordings.facts import SAME_ENVELOPE_R as SAME_ENVELOPE_R
from cogattn.eeg.recordings.facts import TrialFacts as TrialFacts
from cogattn.eeg.recordings.facts import fact_of as fact_of
from cogattn.eeg.recordings.facts import facts_of as facts_of
from cogattn.eeg.recordings.facts import with_sound_names as with_sound_names
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

By = Literal["trial", "story", "speaker", "subject", "envelope"]

@dataclass(frozen=True)
class Finding:
    """One thing wrong with a split or a design."""

    severity: Literal["refuse", "warn"]
    reason: str


def leave_one_out_folds(facts: Sequence[TrialFacts], by: By) -> list[tuple[list[int], list[int]]]:
    """(train, test) index lists, one pair per trial, story, speaker, subject or pair of envelopes.

    ``envelope`` tests one trial at a time and trains on trials that contain neither of its two sounds,
    attended or ignored, of whichever subject.

    Raises
    ------
    DataError
        If a trial lacks the label, or a fold has nothing to train on.
    """
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


def audit_split(facts: Sequence[TrialFacts], train: Sequence[int], test: Sequence[int]) -> list[Finding]:
    """List what a split of windows or trials leaks; `facts` holds one entry per window or trial."""
    findings = []
    sides = ([facts[i] for i in train], [facts[i] for i in test])
    trials = [{(f.subject, f.trial) for f in side} for side in sides]
    for subject, trial in sorted(trials[0] & trials[1]):
        reason = f"windows of one trial are in training and test (subject {subject}, {trial})"
        findings.append(Finding("refuse", reason + "; split whole trials"))
    sounds = [{s for f in side for s in (f.attended, f.unattended) if s} for side in sides]
    for sound in sorted(sounds[0] & sounds[1]):
        reason = f"the sound {sound} is in training and test"
        findings.append(Finding("warn", reason + "; use leave_one_out_folds(by='envelope')"))
    for name in ("story", "block"):
        shared = {getattr(f, name) for f in sides[0]} & {getattr(f, name) for f in sides[1]} - {""}
        if shared:
            findings.append(Finding("warn", f"{name} {sorted(shared)[0]} is in training and test"))
    return findings


def audit_labels(facts: Sequence[TrialFacts]) -> list[Finding]:
    """List confounds of a design: a side or talker that is always attended, within a subject or a block."""
    findings = []
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


def audit_windows(train: Sequence[FloatArray], test: Sequence[FloatArray]) -> list[Finding]:
    """Find EEG samples that are in training and in test data, whatever the labels say.

    Each array is a trial or window of shape (n_times, n_channels) with at least two channels; a sample counts
    as shared when all channels are bit-equal.
    """
    seen = [{row.tobytes() for x in side for row in np.ascontiguousarray(x)} for side in (train, test)]
    shared = len(seen[0] & seen[1])
    if not shared:
        return []
    reason = f"{shared} EEG samples are in training and in test data"
    return [Finding("refuse", reason + "; windows overlap or are repeated")]


def shared_envelopes(train: Sequence[FloatArray], test: Sequence[FloatArray]) -> list[Finding]:
    """Find test envelopes that also occur, aligned and whole, in training."""
    findings = []
    for i, own in enumerate(test):
        for j, other in enumerate(train):
            if own.shape == other.shape and float(correlation(own, other)) > SAME_ENVELOPE_R:
                findings.append(Finding("warn", f"test envelope {i + 1} is training envelope {j + 1}"))
    return findings


def enforce(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Raise DataError for the first finding that refuses; return the reasons of the others."""
    for finding in findings:
        if finding.severity == "refuse":
            raise DataError(f"training and test data must be apart; got a split in which {finding.reason}")
    return tuple(dict.fromkeys(finding.reason for finding in findings))
