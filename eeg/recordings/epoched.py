"""Recordings that come cut already: epochs (FIF, EEGLAB), and averages over sweeps (evoked FIF, npy, mat, csv)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from cogattn.eeg.recordings.clock import Clock, heard
from cogattn.eeg.recordings.config import Cleaning, Files
from cogattn.eeg.recordings.cutting import Heard, Part, check_some_eeg, read_channels
from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.headers import check_recording
from cogattn.eeg.recordings.heard import envelope_of, seconds_of
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.recordings.places import CONDITION, sounds_at
from cogattn.eeg.recordings.readers import Unit, open_epochs
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

POLARITIES = ("positive", "negative")
RATES = ("fs", "sfreq", "rate", "fsample", "srate")
TIMES = ("time", "times", "time_s", "t")


def epochs_part(path: Path, source: Files, how: Heard, cleaning: Cleaning, unit: Unit) -> Part:
    """Read a file of epochs as trials from time 0 on, labelled with their event's name.

    Raises
    ------
    DataError
        If the file cannot be read, holds no EEG, or a sound does not fit.
    """
    epochs = open_epochs(path)
    with reading(path, "recordings.files must be readable files of epochs"):
        epochs = epochs.load_data().crop(tmin=max(0.0, epochs.tmin))
    return cut_epochs(epochs, source, how, cleaning, unit, path.stem)


def cut_epochs(
    epochs: mne.BaseEpochs, source: Files | None, how: Heard, cleaning: Cleaning, unit: Unit, subject: str
) -> Part:
    """As `epochs_part`, for loaded epochs that begin at time 0; without sounds where there is no source."""
    channels = read_channels(epochs, (), cleaning, subject)
    if source is not None:
        channels = [name for name in channels if name != source.audio_channel]
    check_some_eeg(channels, subject)
    sfreq = float(epochs.info["sfreq"])
    data = epochs.get_data(picks=np.array(channels), copy=True)
    data = data * (1e-6 if unit == "uV" else 1.0)
    trials = []
    envelopes: dict[Path, FloatArray] = {}
    for i, (code, n_times) in enumerate(epoch_lengths(epochs, source, how.envelope_sfreq, subject)):
        sounds = {} if source is None else sounds_at(source, code)
        streams = {}
        for role, sound in sounds.items():
            if sound not in envelopes:
                where = f"subject {subject}, trial {i + 1}"
                envelopes[sound] = envelope_of(sound, how.envelope, sfreq, how.envelope_sfreq, where=where)
            streams[role] = heard(envelopes[sound], sfreq, Clock(0.0), 0, n_times)
        labels = {CONDITION: code, **{f"{role}_audio": str(sound) for role, sound in sounds.items()}}
        onset_s = float(epochs.events[i, 0]) / sfreq
        trials.append(Trial(data[i, :, :n_times].T, f"trial {i + 1}", streams, labels, onset_s=onset_s))
    events = ", ".join(dict.fromkeys(trial.labels[CONDITION] for trial in trials))
    dropped = sum(bool(log) and log != ("IGNORED",) for log in epochs.drop_log)
    said = (f"{dropped} epochs were dropped before they came here",) if dropped else ()
    duration_s = sum(len(trial.eeg) for trial in trials) / sfreq
    intake = Intake("epochs", events, "", n_trials=len(trials), duration_s=duration_s, remarks=said)
    volts: Literal["V", "arbitrary"] = "arbitrary" if unit == "arbitrary" else "V"
    recording = Recording(subject, sfreq, tuple(channels), tuple(trials), volts, intake)
    return Part(recording, [[] for _ in trials], tuple(epochs.info["bads"]), epochs.info)


def epoch_lengths(
    epochs: mne.BaseEpochs, source: Files | None, envelope_sfreq: float, subject: str
) -> list[tuple[str, int]]:
    """Event's name and samples from time 0 on of each epoch: as long as its sound, within the room there is.

    Raises
    ------
    DataError
        If a sound is much longer than its epoch.
    """
    sfreq = float(epochs.info["sfreq"])
    room = len(epochs.times) - int(np.searchsorted(epochs.times, -0.5 / sfreq))
    names = {code: name for name, code in epochs.event_id.items()}
    out = []
    for i, code in enumerate(epochs.events[:, 2]):
        name = names[code]
        sounds = {} if source is None else sounds_at(source, name)
        lasting = [round(seconds_of(path, envelope_sfreq) * sfreq) for path in sounds.values()]
        if source is not None and source.trial_s is not None:
            lasting.append(round(source.trial_s * sfreq))
        wanted = min(lasting, default=room)
        if room < max(2, 0.5 * wanted):
            raise DataError(
                f"recordings.stimuli must have room in their epochs; got {room / sfreq:.3g} s for "
                f"{wanted / sfreq:.3g} s ({subject}, trial {i + 1}); set recordings.trial_s"
            )
        out.append((name, min(wanted, room)))
    return out


def averages_part(path: Path, sfreq: float, unit: Unit) -> Part:
    """Read averages over sweeps: a trial for each, labelled ``positive`` or ``negative`` where its name says so.

    An evoked FIF file tells everything. In npy, mat and csv files a row (or column) of numbers is the average of one
    channel; csv columns and mat variables that are called after polarities (``pos...``, ``neg...``) are averages to
    sound and inverted sound of one channel. A column or variable ``time`` (s), or ``fs``, tells the rate.

    Raises
    ------
    DataError
        If the file holds no such numbers.
    """
    check_recording(path)
    with reading(path, "recordings.files must be readable averages"):
        if path.suffix.lower() == ".fif":
            return _of_evoked(path)
        named, told = _numbers(path)
    rate = told or sfreq
    scale = 1e-6 if unit == "uV" else 1.0
    conditions = {name: _polarity(name) for name in named}
    if any(conditions.values()):
        trials = tuple(
            _average(scale * np.atleast_2d(rows).T, conditions[name] or name, i)
            for i, (name, rows) in enumerate(named.items())
            if conditions[name]
        )
        n_channels = trials[0].eeg.shape[1]
        channels = tuple(f"ch{i + 1}" for i in range(n_channels))
    else:
        names = [
            name if np.ndim(rows) == 1 else f"{name} {i + 1}"
            for name, rows in named.items()
            for i in range(len(np.atleast_2d(rows)))
        ]
        channels = tuple(names)
        trials = (_average(scale * np.vstack([np.atleast_2d(rows) for rows in named.values()]).T, "", 0),)
    if len({trial.eeg.shape for trial in trials}) > 1:
        got = " and ".join(str(trial.eeg.shape) for trial in trials)
        raise DataError(f"averages of one recording must be equally long; got {got} ({path})")
    volts: Literal["V", "arbitrary"] = "arbitrary" if unit == "arbitrary" else "V"
    return _of_averages(path.stem, rate, channels, trials, volts)


def _of_evoked(path: Path) -> Part:
    import mne

    evoked = cast("list[mne.Evoked]", mne.read_evokeds(path, verbose="error"))
    picks = mne.pick_types(evoked[0].info, eeg=True, exclude=())
    channels = tuple(evoked[0].ch_names[i] for i in picks)
    trials = tuple(
        replace(
            _average(one.data[picks][:, one.times >= -0.5 / one.info["sfreq"]].T, _polarity(one.comment), i),
            name=one.comment or f"average {i + 1}",
        )
        for i, one in enumerate(evoked)
    )
    n_sweeps = ", ".join(f"{one.nave} sweeps ({one.comment})" for one in evoked)
    part = _of_averages(path.stem, float(evoked[0].info["sfreq"]), channels, trials, "V")
    intake = replace(part.recording.intake, events=n_sweeps)
    marked = tuple(evoked[0].info["bads"])
    return replace(part, recording=replace(part.recording, intake=intake), marked=marked, info=evoked[0].info)


def _of_averages(
    subject: str,
    sfreq: float,
    channels: Sequence[str],
    trials: tuple[Trial, ...],
    unit: Literal["V", "arbitrary"],
) -> Part:
    said = "these are averages: what sweeps would tell (T2circ, coherence, growth) cannot be tested"
    duration_s = sum(len(trial.eeg) for trial in trials) / sfreq
    intake = Intake("averages", n_trials=len(trials), duration_s=duration_s, remarks=(said,))
    return Part(Recording(subject, sfreq, tuple(channels), trials, unit, intake), [[] for _ in trials])


def _average(eeg: FloatArray, condition: str, index: int) -> Trial:
    labels = {CONDITION: condition} if condition else {}
    return Trial(np.ascontiguousarray(eeg, dtype=np.float64), f"average {index + 1}", labels=labels)


def _polarity(name: str) -> str:
    lowered = name.lower()
    return next((polarity for polarity in POLARITIES if polarity[:3] in lowered), "")


def _numbers(path: Path) -> tuple[dict[str, FloatArray], float | None]:
    """Rows of numbers by name, each (n_times,) or (n_rows, n_times), and the rate where the file tells it."""
    if path.suffix.lower() == ".npy":
        rows = np.atleast_2d(np.load(path, allow_pickle=False))
        rows = rows if rows.shape[0] < rows.shape[1] else rows.T
        return {f"ch{i + 1}": row for i, row in enumerate(_finite(rows, path))}, None
    if path.suffix.lower() == ".csv":
        import pandas as pd

        table = pd.read_csv(path)
        content: dict[str, object] = {str(name): table[name].to_numpy() for name in table}
    else:
        from cogattn.eeg.recordings.matlab import read_mat

        content = {k: v for k, v in read_mat(path).items() if not k.startswith("__")}
    told, rows_of = None, {}
    for name, value in content.items():
        array = np.squeeze(np.asarray(value))
        if array.dtype.kind not in "fiu":
            continue
        if name.lower() in RATES:
            told = float(array)
        elif name.lower() in TIMES and array.ndim == 1 and array.size > 1:
            told = told or round(float(1 / np.median(np.diff(array))), 6)
        elif array.ndim in (1, 2) and max(array.shape, default=0) > 1:
            rows = array if array.ndim == 1 or array.shape[0] < array.shape[1] else array.T
            rows_of[name] = _finite(rows, path)
    if not rows_of:
        raise DataError(f"averages must be rows of numbers; got {', '.join(content) or 'nothing'} ({path})")
    return rows_of, told


def _finite(rows: FloatArray, path: Path) -> FloatArray:
    if rows.ndim not in (1, 2) or not np.isfinite(rows).all():
        raise DataError(f"averages must be finite rows of numbers; got shape {rows.shape} ({path})")
    return rows
