"""An audit of what trials hold, EEG and sound, whatever their labels say: stretches that occur in two of them.

EEG that lies on both sides of a split certifies noise: a decoder knows the stretch again. Overlapping windows of one
recording, a trial stored twice, a file copied under another name all share EEG, so that `check_apart` refuses them
within a recording and `check_listeners` between listeners. Sounds may recur (a story heard twice, a talker attended
here and ignored there); `shared` names such pairs, for splits that keep them apart.

What was measured (`tests/eeg/recordings/test_audit.py` holds a part of it; fixed seeds, 40-s trials):

- False alarms: none in 96,000 pairs of trials of independent 1/f noise in 1, 2, 4 and 64 channels, alone or with a
  mains line, an alpha rhythm of eight times the rest, a 4-Hz line, blinks of one form in some or in all channels; none
  in 5 times 3,160 pairs of simulated speech envelopes, nor between 30-s pieces of four real audiobooks.
- Power: a stretch of a second that is equal bit for bit is found always, at any lag (two and a half seconds of fewer
  than four channels). One that was rescaled, requantised at a twentieth of its standard deviation, re-referenced,
  normalised by itself, resampled, filtered by itself, or to which 1 % of noise was added, is found in 0-30 % of cases
  at 4 s, 60-100 % at 6 s, 80-100 % at 8 s and all at 20 s; of one to three channels, from 8 to 20 s on.
- Time: 37 trials of 40 s with 64 channels at 64 Hz in about 0.4 s.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cogattn.eeg.recordings.matching import matches
from cogattn.eeg.recordings.prints import Print, print_of
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

SOUNDS = ("attended", "unattended", "stimulus")
"""Streams that are sounds."""
AVERAGED, SIMULATED = "averages", "simulation"
"""Ways in (`Intake.how`): averages of like sweeps are alike, and simulated trials are drawn afresh."""

Kind = Literal["eeg", "sound"]
Where = tuple[str, str]


@dataclass(frozen=True)
class Prints:
    """What the trials of some recordings are known by: small, made before any filter.

    Parameters
    ----------
    kinds : tuple of {"eeg", "sound"}
        What each print is of.
    where : tuple of (str, str)
        Subject and trial of each.
    prints : tuple of Print
        The prints.
    """

    kinds: tuple[Kind, ...] = ()
    where: tuple[Where, ...] = ()
    prints: tuple[Print, ...] = ()

    def __add__(self, other: Prints) -> Prints:
        """Those of both."""
        return Prints((*self.kinds, *other.kinds), (*self.where, *other.where), (*self.prints, *other.prints))

    def of(self, kind: Kind) -> Prints:
        """Those of EEG, or of sounds."""
        chosen = [i for i, own in enumerate(self.kinds) if own == kind]
        return Prints(
            (kind,) * len(chosen),
            tuple(self.where[i] for i in chosen),
            tuple(self.prints[i] for i in chosen),
        )


@dataclass(frozen=True)
class Shared:
    """A stretch that two trials share.

    Parameters
    ----------
    kind : {"eeg", "sound"}
        Of what.
    first, second : (str, str)
        Subject and trial.
    lag_s : float
        Its time in the second trial minus that in the first.
    overlap_s : float
        Its length, as far as it was seen.
    exact : bool
        Whether it is equal bit for bit.
    """

    kind: Kind
    first: Where
    second: Where
    lag_s: float
    overlap_s: float
    exact: bool

    def __str__(self) -> str:
        """Say it in words."""
        how = "equal bit for bit" if self.exact else "alike"
        moved_s = round(abs(self.lag_s), 2)
        when = f", {moved_s:g} s {'later' if self.lag_s > 0 else 'earlier'}" if moved_s else ""
        return f"{self.overlap_s:.3g} s of {_named(self.first)} also in {_named(self.second)} ({how}{when})"


def prints_of(recording: Recording, *, kinds: Sequence[Kind] = ("eeg", "sound")) -> Prints:
    """Make the prints of all trials of a recording, which must not have been filtered.

    Of averages, which may be alike without being the same, only what is equal bit for bit is known again.
    """
    alike = recording.intake.how != AVERAGED
    found: list[tuple[Kind, Where, Print]] = []
    for trial in recording.trials:
        where = (recording.subject, trial.name)
        if "eeg" in kinds:
            found.append(("eeg", where, print_of(trial.eeg, recording.sfreq, alike=alike)))
        if "sound" in kinds:
            found += [("sound", where, print_of(_sound(s), recording.sfreq)) for s in _sounds(trial)]
    return Prints(
        tuple(kind for kind, _, _ in found),
        tuple(where for _, where, _ in found),
        tuple(own for _, _, own in found),
    )


def shared(prints: Prints) -> list[Shared]:
    """Find all pairs of different trials that share EEG or a sound, in whatever role it was heard."""
    found: dict[tuple[Kind, Where, Where], Shared] = {}
    kinds: tuple[Kind, ...] = ("eeg", "sound")
    for kind in kinds:
        own = prints.of(kind)
        for m in matches(own.prints, own.where):
            one = Shared(kind, own.where[m.first], own.where[m.second], m.lag_s, m.overlap_s, m.exact)
            known = found.setdefault((kind, one.first, one.second), one)
            if one.overlap_s > known.overlap_s:
                found[kind, one.first, one.second] = one
    return list(found.values())


def audited(recording: Recording) -> Prints:
    """Make the prints of a recording, which go into `Intake.prints`; DataError where two trials share EEG.

    Simulated trials are drawn afresh: their sounds alone are looked at.
    """
    kinds: tuple[Kind, ...] = ("sound",) if recording.intake.how == SIMULATED else ("eeg", "sound")
    prints = prints_of(recording, kinds=kinds)
    _refuse_shared(prints)
    return prints


def check_apart(recording: Recording) -> None:
    """Raise DataError where two trials of a recording share EEG, at whatever lag."""
    if recording.intake.how != SIMULATED:
        _refuse_shared(prints_of(recording, kinds=("eeg",)))


def check_trials(
    eeg: Sequence[FloatArray],
    *,
    sfreq: float,
    subject: str = "",
    groups: Sequence[Hashable] | None = None,
) -> None:
    """As `check_apart`, for a list of trials (n_times, n_channels); those of one group are not compared."""
    names = [f"trial {i + 1}" for i in range(len(eeg))]
    trials = tuple(Trial(x, name) for x, name in zip(eeg, names, strict=True))
    prints = prints_of(Recording(subject, sfreq, (), trials), kinds=("eeg",))
    _refuse_shared(prints, None if groups is None else dict(zip(names, groups, strict=True)))


def check_listeners(prints: Prints) -> None:
    """Raise DataError where two listeners share EEG: one recording under two names."""
    found = [s for s in shared(prints.of("eeg")) if s.first[0] != s.second[0]]
    if found:
        pairs = dict.fromkeys((s.first[0], s.second[0]) for s in found)
        names = "; ".join(f"{a} and {b}" for a, b in list(pairs)[:3])
        raise DataError(
            f"listeners must be different people; got {names}, who share EEG: {_listed(found)}; give each recording "
            "under one name"
        )


def _refuse_shared(prints: Prints, groups: Mapping[str, Hashable] | None = None) -> None:
    found = shared(prints.of("eeg"))
    if groups is not None:
        found = [s for s in found if groups[s.first[1]] != groups[s.second[1]]]
    if found:
        raise DataError(
            f"trials must not share EEG; got {_listed(found)}; a decoder would know it again and certify noise: cut "
            "trials that do not overlap, and give each once"
        )


def _sounds(trial: Trial) -> list[FloatArray]:
    return [trial.streams[name] for name in SOUNDS if name in trial.streams]


def _sound(stream: FloatArray) -> FloatArray:
    """One envelope; bands are added up."""
    return stream if stream.ndim == 1 else stream.reshape(len(stream), -1).sum(axis=1)


def _named(where: Where) -> str:
    subject, trial = where
    return f"{trial} of {subject}" if subject else trial


def _listed(found: Sequence[Shared]) -> str:
    """The longest two, and how many more there are."""
    first = sorted(found, key=lambda s: -s.overlap_s)[:2]
    more = len(found) - len(first)
    return "; ".join(str(s) for s in first) + (f"; and {more} more pairs" if more else "")
