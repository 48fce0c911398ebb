"""What was heard: the envelope of a sound file, or one that was computed already; and how long either lasts.

Envelopes in place of sounds are .npy files of one row of numbers, or .mat files with one such variable (or one called
``envelope``) and, if told, its rate in ``fs``, ``sfreq`` or ``rate``.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from cogattn.eeg.recordings.config import EnvelopeSettings
from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.recordings.relevant import NUMBERS
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

RATES = ("fs", "sfreq", "rate", "fsample", "srate")


def holds_envelope(path: Path) -> bool:
    """Whether a file holds an envelope in place of a sound."""
    return path.suffix.lower() in NUMBERS


def envelope_of(
    path: Path, settings: EnvelopeSettings, sfreq: float, envelope_sfreq: float, *, where: str = ""
) -> FloatArray:
    """Envelope at `sfreq` Hz of a sound, or of a file that already holds one at `envelope_sfreq` or a rate of its own.

    Raises
    ------
    DataError
        If the file is missing, damaged, silent or no row of numbers; `where`, such as "subject S3, trial 12", tells
        who heard it.
    """
    if holds_envelope(path):
        envelope, rate = _numbers(path, envelope_sfreq)
        return resample(envelope, rate, sfreq)
    from cogattn.eeg.recordings.envelope import Envelope, read_audio

    sound, rate = read_audio(path)
    try:
        return Envelope(kind=settings.method, sfreq=sfreq, power=settings.power)(sound, rate)
    except DataError as error:
        raise DataError(f"{error} ({where}{', ' if where else ''}{path})") from error


def seconds_of(path: Path, envelope_sfreq: float) -> float:
    """Duration of a sound or of an envelope in seconds, from its header where it has one.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if path.suffix.lower() == ".npy":
        return len(_mapped_npy(path)) / envelope_sfreq
    if holds_envelope(path):
        envelope, rate = _numbers(path, envelope_sfreq)
        return len(envelope) / rate
    from cogattn.eeg.recordings.envelope import audio_header

    n_samples, rate = audio_header(path)
    return n_samples / rate


def sound_of(path: Path, envelope_sfreq: float) -> tuple[FloatArray, float]:
    """A sound and its rate; of an envelope a sound that has it, for search by loudness only."""
    if not holds_envelope(path):
        from cogattn.eeg.recordings.envelope import read_audio

        return read_audio(path)
    envelope, rate = _numbers(path, envelope_sfreq)
    return envelope * np.where(np.arange(len(envelope)) % 2, -1.0, 1.0), rate


def played_together(paths: list[Path], envelope_sfreq: float) -> tuple[FloatArray, float]:
    """The sum of what was played at once, as far as the shortest lasts.

    Raises
    ------
    DataError
        If their rates differ.
    """
    sounds = [sound_of(path, envelope_sfreq) for path in paths]
    rate = sounds[0][1]
    for path, (_, other) in zip(paths, sounds, strict=True):
        if other != rate:
            raise DataError(
                f"both sounds of a trial must have one rate; got {rate:g} and {other:g} Hz ({path.name})"
            )
    length = min(len(sound) for sound, _ in sounds)
    return np.sum([sound[:length] for sound, _ in sounds], axis=0), rate


def _numbers(path: Path, envelope_sfreq: float) -> tuple[FloatArray, float]:
    if path.suffix.lower() == ".npy":
        return np.array(_mapped_npy(path), dtype=np.float64), envelope_sfreq
    state = path.stat() if path.is_file() else None
    envelope, rate = _from_mat(path, (state.st_mtime_ns, state.st_size) if state else ())
    return envelope, envelope_sfreq if rate is None else rate


def _mapped_npy(path: Path) -> FloatArray:
    with reading(path, "an envelope must be a readable npy file"):
        envelope = np.load(path, mmap_mode="r", allow_pickle=False)
    return _checked(envelope, path)


@lru_cache(maxsize=8)
def _from_mat(path: Path, state: tuple[int, ...]) -> tuple[FloatArray, float | None]:
    from cogattn.eeg.recordings.matlab import read_mat

    with reading(path, "an envelope must be a readable mat file"):
        content = {k: v for k, v in read_mat(path).items() if not k.startswith("__")}
    told = [float(np.squeeze(np.asarray(content[name]))) for name in RATES if name in content]
    rows = {
        name: np.squeeze(np.asarray(value))
        for name, value in content.items()
        if name not in RATES and np.asarray(value).dtype.kind in "fiu" and np.asarray(value).size > 1
    }
    name = "envelope" if "envelope" in rows else next(iter(rows), "")
    if not name or (name != "envelope" and len(rows) > 1):
        raise DataError(
            f"an envelope must be the one row of numbers in its mat file, or be called envelope; got "
            f"{', '.join(content) or 'nothing'} ({path})"
        )
    return _checked(np.asarray(rows[name], dtype=np.float64), path), told[0] if told else None


def _checked(envelope: FloatArray, path: Path) -> FloatArray:
    if envelope.ndim != 1 or not envelope.size or envelope.dtype.kind not in "fiu":
        raise DataError(
            f"an envelope must be one row of numbers; got {envelope.dtype} of shape {envelope.shape} ({path})"
        )
    return envelope
