"""What functions on plain lists of trials check before they split them: samples, for there are no labels.

Nothing of the EEG may be in two trials, and trials that share a sound do not train each other's decoders
(`cogattn.eeg.recordings.audit`). Callers say ``overlap="allow"`` where there is a reason: what is fitted decides
nothing (overlapping windows to train on), or the recording was looked through on its way in.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np

from cogattn.eeg.aad.splits import Split, TrialFacts, folds, sharing_of
from cogattn.eeg.recordings.audit import check_trials, prints_of
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray

Overlap = Literal["refuse", "allow"]
SharedSounds = Literal["leave_out", "allow"]


def check_overlap(
    eeg: Sequence[FloatArray],
    overlap: Overlap,
    *,
    sfreq: float,
    subject: str | None = None,
    groups: Sequence[Hashable] | None = None,
) -> None:
    """Raise DataError where two trials (n_times, n_channels) of different groups share EEG, unless it is allowed."""
    if overlap == "refuse" and not (isinstance(eeg, np.ndarray) and eeg.ndim == 2):  # a trial alone
        check_trials([np.asarray(x) for x in eeg], sfreq=sfreq, subject=subject or "", groups=groups)


def apart(
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    *,
    sfreq: float,
    groups: Sequence[Hashable] | None = None,
    subject: str | None = None,
    shared_sounds: SharedSounds = "leave_out",
) -> list[Split]:
    """Splits that leave out one group at a time, and what shares a sound with the tested trials.

    Parameters
    ----------
    attended, unattended : list of array, each (n_times,)
        Envelopes.
    sfreq : float
        Their rate in Hz.
    groups : sequence, optional
        One label per trial; each is its own group when absent.
    subject : str, optional
        Named in errors.
    shared_sounds : {"leave_out", "allow"}
        Whether trials that share a sound with the tested one may train its decoder.

    Raises
    ------
    DataError
        If nothing is left to train on.
    """
    n = len(attended)
    labels = {
        label: str(i) for i, label in enumerate(dict.fromkeys(groups if groups is not None else range(n)))
    }
    of_trial = [labels[label] for label in (groups if groups is not None else range(n))]
    who = subject or "the subject"
    facts = [TrialFacts(who, f"trial {k + 1}", story=label) for k, label in enumerate(of_trial)]
    if shared_sounds == "allow":
        return folds(facts, "story")
    trials = tuple(
        Trial(np.empty((0, 0)), fact.trial, {"attended": np.asarray(a), "unattended": np.asarray(u)})
        for fact, a, u in zip(facts, attended, unattended, strict=True)
    )
    prints = prints_of(Recording(who, sfreq, (), trials), kinds=("sound",))
    return folds(facts, "story", sharing_of(facts, prints))
