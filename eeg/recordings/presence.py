"""Whether all files and labels that the settings of a source name are there, said before anything is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from cogattn.eeg.recordings.bids_files import bids_folder
from cogattn.eeg.recordings.config import (
    Bids,
    Cnd,
    Files,
    Kul,
    Played,
    SimulatedPath,
    SimulatedSweeps,
    SimulatedTalkers,
    Source,
    Table,
)
from cogattn.eeg.recordings.files import cnd_stimuli, files_of, listeners
from cogattn.eeg.recordings.readers import CONTINUOUS_SUFFIXES
from cogattn.errors import ConfigError, DataError
from cogattn.running.digests import file_digest

SUFFIXES = {
    "continuous": CONTINUOUS_SUFFIXES,
    "epochs": (".fif", ".set"),
    "averages": (".fif", ".npy", ".mat", ".csv"),
}
SOUND_SUFFIXES = (".wav", ".npy", ".mat", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")


def check_presence(source: Source) -> None:
    """Raise ConfigError or DataError for the first thing that is missing, or two listeners of one name."""
    if isinstance(source, SimulatedTalkers):
        _check_speech(source)
    if isinstance(source, Played):
        _check_played(source)
    if isinstance(source, Cnd) and listeners(source):
        _check_file("recordings.path", cnd_stimuli(source), (".mat",))
    if isinstance(source, Kul) and source.audio is not None and not source.audio.is_dir():
        raise DataError(f"recordings.audio must be the folder of the sounds; got {source.audio}")
    names = listeners(source)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice and isinstance(source, Files):
        raise ConfigError(
            f"recordings.files must have different names, which are the listeners'; got {twice[0]} twice"
        )
    if twice:
        raise ConfigError(f"recordings.subjects must be different; got {twice[0].removeprefix('sub-')} twice")
    if not isinstance(
        source, Table | SimulatedPath | SimulatedSweeps | SimulatedTalkers
    ):  # rows of a table may take different parts of one file
        _check_copies(source, names)


def _check_played(source: Played) -> None:
    if isinstance(source, Bids):
        for subject in source.subjects:
            _check_bids(source, subject)
    if isinstance(source, Files):
        for i, path in enumerate(source.files):
            _check_file(f"recordings.files[{i}]", path, SUFFIXES[source.content])
    for name in ("stimuli", "unattended"):
        for i, path in enumerate(getattr(source, name)):
            _check_file(f"recordings.{name}[{i}]", path, SOUND_SUFFIXES)


def _check_copies(source: Source, names: Sequence[str]) -> None:
    """No two listeners' samples are one file under two names; files of different sizes are not opened."""
    largest: dict[int, list[tuple[str, Path]]] = {}
    for name in names:
        members = [path for path in files_of(source, name).get("recording", {}).values() if path.is_file()]
        if members:
            main = max(members, key=lambda path: path.stat().st_size)
            largest.setdefault(main.stat().st_size, []).append((name, main))
    for alike in (group for group in largest.values() if len(group) > 1):
        known: dict[str, tuple[str, Path]] = {}
        for name, path in alike:
            other, first = known.setdefault(file_digest(path), (name, path))
            if other != name:
                raise DataError(
                    f"listeners must be different people; got {other} and {name}, whose files are equal "
                    f"({first.name}, {path.name}); give each recording under one name"
                )


def _check_file(name: str, path: Path, suffixes: Sequence[str]) -> None:
    if not path.exists():
        raise DataError(f"{name} must exist; got {path}")
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{name} must end in one of {', '.join(suffixes)}; got {path}")
    if not path.is_file():
        raise DataError(f"{name} must be a file; got the folder {path}")


def _check_bids(source: Bids, subject: str) -> None:
    """The data set has the subject, session, task and run; the sentence names those that it has."""
    if not source.root.is_dir():
        raise DataError(f"recordings.root must be the folder of a BIDS data set; got {source.root}")
    known = _labels(source.root.glob("sub-*"), "sub")
    _check_label("recordings.subjects", subject, known, f"in {source.root}")
    alone = source.model_copy(update={"subjects": (subject,)})
    folder, where = bids_folder(alone), f"for sub-{subject}"
    sessions = _labels((source.root / f"sub-{subject}").glob("ses-*"), "ses")
    if sessions or source.session is not None:
        _check_label("recordings.session", source.session, sessions, where)
    found = [path for path in folder.glob("*_eeg.*") if path.suffix.lower() in CONTINUOUS_SUFFIXES]
    _check_label("recordings.task", source.task, _labels(found, "task"), where)
    of_task = [path for path in found if f"_task-{source.task}_" in path.name]
    runs = _labels(of_task, "run")
    if runs or source.run is not None:
        _check_label("recordings.run", source.run, runs, f"{where}, task {source.task}")


def _labels(paths: Iterator[Path] | Sequence[Path], entity: str) -> list[str]:
    """Labels of one entity in the names of BIDS files, sorted."""
    words = {word for path in paths for word in path.name.split("_") if word.startswith(f"{entity}-")}
    return sorted(word.partition("-")[2] for word in words)


def _check_label(setting: str, label: str | None, known: Sequence[str], where: str) -> None:
    if label not in known:
        among = f"one of {', '.join(known)}" if known else "one that the data set has, and it has none"
        raise DataError(f"{setting} must be {among} ({where}); got {label or 'none'}")


def _check_speech(source: SimulatedTalkers) -> None:
    from cogattn.eeg.recordings.envelope import audio_header

    needed_s = source.n_trials * source.trial_s
    for path in source.speech or ():
        try:
            n_samples, rate = audio_header(path)
        except DataError as error:
            raise DataError(f"recordings.speech: {error}") from error
        if n_samples / rate < needed_s - 0.5 / rate:
            fitting = int(n_samples / rate // source.trial_s)
            hint = f"; recordings.n_trials = {fitting} would do" if fitting > 1 else ""
            raise ConfigError(
                f"recordings.speech must last {needed_s:g} s (n_trials times trial_s); got "
                f"{n_samples / rate:g} s ({path}){hint}"
            )
