"""Recordings from mne's objects in memory: what `sources.load` does for files, for Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.recordings.config import Cleaning, EnvelopeSettings
from cogattn.eeg.recordings.cutting import Heard, Part, cut
from cogattn.eeg.recordings.places import CONDITION, Place, Places, triggered
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

PerTrial = Sequence[Mapping[str, FloatArray]]


def from_raw(
    raw: mne.io.BaseRaw,
    onsets_s: Sequence[float] | None = None,
    *,
    triggers: Sequence[str | int] = (),
    duration_s: float | None = None,
    subject: str = "listener",
    labels: Sequence[Mapping[str, str]] | None = None,
    sounds: Sequence[Mapping[str, Path | str]] | None = None,
    streams: PerTrial | None = None,
    cleaning: Cleaning | None = None,
    envelope: EnvelopeSettings | None = None,
    envelope_sfreq: float = 512.0,
) -> Recording:
    """Cut trials out of a continuous recording, clean and check them.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Continuous recording in volts, as mne holds it; not changed.
    onsets_s : sequence of float, optional
        Start of each trial in seconds from the first sample; in place of `triggers`.
    triggers : sequence of str or int
        Codes of the trigger channel or texts of annotations at which trials start; each becomes the label
        ``condition``.
    duration_s : float, optional
        Length of every trial; when absent as long as its sounds, else to the next onset.
    subject : str
        Named in errors.
    labels, sounds, streams : sequence of mapping, optional
        For each trial in order of time: facts (``story``, ``speaker``, ``side``, ``block``); files of what was heard
        by stream (``attended``, ``unattended`` or ``stimulus``); or the envelopes themselves, at the recording's rate
        from the onset on.
    cleaning : Cleaning, optional
        What is left out and how it is referenced; BAD annotations and bad channels by default.
    envelope, envelope_sfreq : EnvelopeSettings, float, optional
        How sounds become envelopes, and the rate of files that hold envelopes.

    Returns
    -------
    Recording
        Trials around BAD spans are pieces of one name; `intake` says what was lost.

    Raises
    ------
    DataError
        If a trial reaches beyond the recording or overlaps another, a trigger does not occur, or data are damaged.

    Examples
    --------
    >>> import mne
    >>> info = mne.create_info(["Fz", "Cz", "Pz"], 128.0, "eeg")
    >>> noise = 1e-5 * np.random.default_rng(0).standard_normal((3, 128 * 60))
    >>> raw = mne.io.RawArray(noise, info, verbose="error")
    >>> raw = raw.set_annotations(mne.Annotations([25.0], [5.0], ["BAD_movement"]))
    >>> found = from_raw(raw, [10.0, 40.0], duration_s=20.0)
    >>> [(trial.name, trial.start_s, len(trial.eeg) / 128) for trial in found.trials]
    [('trial 1', 0.0, 15.0), ('trial 2', 0.0, 20.0)]
    """
    if (onsets_s is None) == (not triggers):
        raise DataError("onsets_s or triggers must tell when trials start, and not both")
    sfreq = float(raw.info["sfreq"])
    texts = [str(code) for code in triggers]
    told = [(float(s), "") for s in onsets_s] if onsets_s is not None else triggered(raw, texts, subject)
    order = np.argsort([onset_s for onset_s, _ in told], kind="stable")
    stops = {int(i): told[int(j)][0] for i, j in pairwise(order)}
    for name, given in (("labels", labels), ("sounds", sounds), ("streams", streams)):
        if given is not None and len(given) != len(told):
            raise DataError(
                f"{name} must be one for each trial; got {len(given)} for {len(told)} ({subject})"
            )
    places = []
    for i, (onset_s, code) in enumerate(told):
        files = {} if sounds is None else {role: Path(path) for role, path in sounds[i].items()}
        known = {} if labels is None else dict(labels[i])
        known |= {CONDITION: code} if code else {}
        known |= {f"{role}_audio": str(path) for role, path in files.items()}
        wanted = duration_s
        if wanted is None and streams is not None:
            wanted = min(len(stream) for stream in streams[i].values()) / sfreq
        stop_s = stops.get(i, raw.n_times / sfreq)
        places.append(
            Place(f"trial {i + 1}", onset_s, stop_s, files, known, wanted, exact=wanted is not None)
        )
    how = Heard(envelope or EnvelopeSettings(), envelope_sfreq)
    found = Places("trigger" if triggers else "start", ", ".join(texts), "", tuple(places))
    part = cut(raw, found, how=how, cleaning=cleaning or Cleaning(), unit="V", subject=subject)
    return _tidied(part, streams, cleaning, subject)


def from_epochs(
    epochs: mne.BaseEpochs,
    *,
    subject: str = "listener",
    labels: Sequence[Mapping[str, str]] | None = None,
    streams: PerTrial | None = None,
    cleaning: Cleaning | None = None,
) -> Recording:
    """Take epochs (volts) as trials from time 0 on, labelled with their event's name; clean and check them.

    Parameters
    ----------
    epochs : mne.BaseEpochs
        Not changed.
    subject, labels, streams, cleaning
        As `from_raw`; streams begin at time 0.

    Raises
    ------
    DataError
        If data are damaged, or streams are shorter than their epochs.
    """
    from cogattn.eeg.recordings.epoched import cut_epochs

    loaded = epochs.copy().load_data().crop(tmin=max(0.0, epochs.tmin))
    part = cut_epochs(loaded, None, Heard(EnvelopeSettings()), cleaning or Cleaning(), "V", subject)
    if labels is not None:
        if len(labels) != len(part.recording.trials):
            raise DataError(
                f"labels must be one for each epoch; got {len(labels)} for {len(part.recording.trials)} ({subject})"
            )
        trials = tuple(
            replace(trial, labels={**trial.labels, **own})
            for trial, own in zip(part.recording.trials, labels, strict=True)
        )
        part = replace(part, recording=replace(part.recording, trials=trials))
    return _tidied(part, streams, cleaning, subject)


def _tidied(part: Part, streams: PerTrial | None, cleaning: Cleaning | None, subject: str) -> Recording:
    from cogattn.eeg.recordings.sources import tidied

    if streams is not None:
        recording = part.recording
        if len(streams) != len(recording.trials):
            raise DataError(
                f"streams must be one for each trial; got {len(streams)} for {len(recording.trials)} ({subject})"
            )
        trials = tuple(
            _with_streams(trial, own) for trial, own in zip(recording.trials, streams, strict=True)
        )
        part = replace(part, recording=replace(recording, trials=trials))
    return tidied(part, cleaning or Cleaning(), subject)


def _with_streams(trial: Trial, streams: Mapping[str, FloatArray]) -> Trial:
    played = {name: np.asarray(stream)[: len(trial.eeg)] for name, stream in streams.items()}
    return replace(trial, streams={**trial.streams, **played})
