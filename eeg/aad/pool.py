"""The trials that a decoder may learn from and those that it decodes, prepared; trials may come in pieces.

A trial that is cut around what must be left out (BAD spans) comes as several pieces of one name. Pieces are filtered,
centred and cut into windows by themselves; everything that is counted, left out, swapped or ranked is the trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.checks import check_different, checked_eeg
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.features import first_feature, with_features
from cogattn.eeg.aad.splits import (
    By,
    Sharing,
    Split,
    TrialFacts,
    facts_of,
    folds,
    sharing_of,
    with_sound_names,
)
from cogattn.eeg.recordings.audit import Prints, check_listeners, prints_of
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.sources import listeners, load
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


@dataclass(frozen=True)
class Pool:
    """Pieces of trials to learn from and to decode.

    Parameters
    ----------
    eeg : list of array, each (n_times, n_channels)
        Piece by piece.
    attended, unattended : list of array, each (n_times,) or (n_times, n_features)
        The talkers' envelopes, or several features of each.
    facts : list of TrialFacts
        Of each piece; those of one trial have its subject and name.
    own : range
        Pieces of the tested subject, which follow each other.
    sfreq : float
        Rate in Hz.
    sharing : sequence of collections of int, optional
        For each piece those of other trials that share a sound with it.
    apart : bool
        Whether they stay out of its training.
    """

    eeg: list[FloatArray]
    attended: list[FloatArray]
    unattended: list[FloatArray]
    facts: list[TrialFacts]
    own: range
    sfreq: float
    sharing: Sharing | None = None
    apart: bool = True

    @cached_property
    def trials(self) -> list[list[int]]:
        """Pieces of each trial, of all subjects."""
        found: dict[tuple[str, str], list[int]] = {}
        for k, fact in enumerate(self.facts):
            found.setdefault((fact.subject, fact.trial), []).append(k)
        return list(found.values())

    @cached_property
    def own_trials(self) -> list[list[int]]:
        """Pieces of each of the subject's own trials."""
        return [pieces for pieces in self.trials if pieces[0] in self.own]

    @cached_property
    def centred(self) -> list[FloatArray]:
        """Every piece's EEG, checked, each channel's mean removed."""
        return checked_eeg(self.eeg, subject=self.facts[self.own[0]].subject)

    def swapped(self, swap: NDArray[np.integer]) -> Pool:
        """The same with the talkers of the subject's own trials exchanged where `swap`, (n_trials,), is 1."""
        exchanged = {k for pieces, s in zip(self.own_trials, swap, strict=True) if s for k in pieces}
        pairs = [
            (u, a) if k in exchanged else (a, u)
            for k, (a, u) in enumerate(zip(self.attended, self.unattended, strict=True))
        ]
        return replace(self, attended=[a for a, _ in pairs], unattended=[u for _, u in pairs])

    def trained_on(self, role: str) -> Pool:
        """The same, or with the talkers exchanged in all trials, so that the ignored one is learnt."""
        if role == "attended":
            return self
        return replace(self, attended=self.unattended, unattended=self.attended)

    def splits(self, by: By) -> list[Split]:
        """Pieces to train on and to test in each fold that tests the subject's own trials."""
        every = folds(self.facts, by, self.sharing if self.apart else None)
        return [(train, test) for train, test in every if set(test) <= set(self.own)]

    def leaks(self, by: By) -> bool:
        """Whether a tested trial shares a sound with one that trains its decoder."""
        return self.sharing is not None and any(
            not set(train).isdisjoint(self.sharing[k]) for train, test in self.splits(by) for k in test
        )

    def trial_splits(self, by: By) -> list[Split]:
        """The same as indices into `trials`."""
        of_piece = {k: i for i, pieces in enumerate(self.trials) for k in pieces}
        return [
            (sorted({of_piece[k] for k in train}), sorted({of_piece[k] for k in test}))
            for train, test in self.splits(by)
        ]


def prepared(config: AadConfig, subject: str) -> Recording:
    """Load or draw a subject's recording, with the features of the settings, filtered, at the rate of decoding."""
    raw = load(
        config.recordings, subject, cleaning=config.cleaning, envelope=config.envelope, seed=config.seed
    )
    for name in ("attended", "unattended"):
        raw.stream(name)
    raw = with_features(config, raw)
    step = config.preprocessing
    filtered = raw.filtered(step.low_hz, step.high_hz, streams=("attended", "unattended"))
    return filtered.resampled(step.sfreq)


def pool_of(config: AadConfig, subject: str) -> Pool:
    """A subject's trials, beside all others' (each subject's EEG at unit power) where they are to learn from."""
    return pool_and_recording(config, subject)[0]


def pool_and_recording(config: AadConfig, subject: str) -> tuple[Pool, Recording]:
    """`pool_of`, and the subject's own recording behind it."""
    if config.validation != "subject":
        recording = prepared(config, subject)
        return pooled([recording], subject, apart=config.shared_sounds == "leave_out"), recording
    recordings = [prepared(config, name) for name in listeners(config.recordings)]
    first = recordings[0]
    for other in recordings:
        if other.channels != first.channels:
            raise DataError(
                f"all subjects must have the same channels; got {len(other.channels)} ({other.subject}) and "
                f"{len(first.channels)} ({first.subject}), or other names"
            )
    unit = [
        replace(r, trials=tuple(replace(t, eeg=t.eeg / _power(r)) for t in r.trials), unit="arbitrary")
        for r in recordings
    ]
    pool = pooled(unit, subject, apart=config.shared_sounds == "leave_out")
    return pool, next(r for r in recordings if r.subject == subject)


def pooled(recordings: Sequence[Recording], subject: str, *, apart: bool = True) -> Pool:
    """Put the trials of prepared recordings side by side; the tested subject's are `Pool.own`.

    Where `apart`, trials that share a sound with a tested one, by its samples, do not train its decoder.

    Raises
    ------
    DataError
        If two listeners share EEG, or one sound is both talkers' in a trial.
    """
    prints = _prints(recordings)
    if len(recordings) > 1:
        check_listeners(prints)
    facts = [fact for recording in recordings for fact in facts_of(recording)]
    own = [k for k, fact in enumerate(facts) if fact.subject == subject]
    eeg, attended, unattended = (
        [trial for recording in recordings for trial in part(recording)]
        for part in (lambda r: r.eeg, lambda r: r.stream("attended"), lambda r: r.stream("unattended"))
    )
    talkers = [[first_feature(sound) for sound in role] for role in (attended, unattended)]
    check_different(*talkers, [f"subject {fact.subject}, {fact.trial}" for fact in facts])
    facts = with_sound_names(facts, *talkers)
    sharing, sfreq = sharing_of(facts, prints), recordings[0].sfreq
    return Pool(eeg, attended, unattended, facts, range(own[0], own[-1] + 1), sfreq, sharing, apart)


def _prints(recordings: Sequence[Recording]) -> Prints:
    """What EEG and sounds are known by, as they came in, or as they are where they came in otherwise."""
    return sum((r.intake.prints or prints_of(r) for r in recordings), start=Prints())


def _power(recording: Recording) -> float:
    """Root mean square of all samples."""
    squares, n = sum(float(np.sum(eeg**2)) for eeg in recording.eeg), sum(eeg.size for eeg in recording.eeg)
    return float(np.sqrt(squares / n))
