"""What can be known to be wrong before the first cell: from settings, names, headers and events, without the EEG.

Recordings are opened but not loaded; the trigger channel alone is read, where triggers are codes. MATLAB layouts
have no header: small files are read, of large ones only the names are checked.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr import inputs
from cogattn.eeg.efr.analysis import MOST_BLOCKS
from cogattn.eeg.efr.config import (
    BidsInput,
    EfrConfig,
    FilesInput,
    Played,
    SimulatedInput,
    SimulatedSweepsInput,
    SteadyStateSettings,
)
from cogattn.eeg.efr.people import read_people
from cogattn.eeg.efr.plan import OWN_ENVELOPES, EfrCell, cells, listeners, own_input
from cogattn.eeg.efr.steady import LEAST_SWEEPS
from cogattn.eeg.efr.surrogates import MIN_SURROGATES
from cogattn.eeg.efr.sweeps import harmonics
from cogattn.eeg.recordings.cutting import (
    NOTHING_HEARD,
    Cuts,
    check_audio_channel,
    cuts_of,
    cuts_of_epochs,
    named_stimuli,
    onsets_of,
    sound_seconds,
)
from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.files import bids_folder
from cogattn.eeg.recordings.headers import check_recording
from cogattn.eeg.recordings.readers import CONTINUOUS_SUFFIXES, open_epochs, open_raw
from cogattn.eeg.recordings.simulate_path import electrode_names
from cogattn.errors import ConfigError, DataError

if TYPE_CHECKING:
    import mne

SUFFIXES = {
    "continuous": CONTINUOUS_SUFFIXES,
    "epochs": (".fif", ".set"),
    "kul": (".mat",),
    "dtu": (".mat",),
    "cnd": (".mat",),
}
SOUNDS = (".wav", ".npy", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au")
SMALL_BYTES = 32_000_000
"""A MATLAB file up to this size is read at once."""
LEAST_BLOCKS = 5
"""Of a bootstrap."""


@dataclass(frozen=True)
class Outline:
    """What a recording holds, as far as settings must fit it.

    Parameters
    ----------
    name : str
        The listener's.
    sfreq : float
        Sampling rate of the analysis in Hz.
    channels : tuple of str
        Those that are analysed.
    lengths : tuple of int
        Samples of each trial at that rate.
    codes : tuple of str
        Trigger of each trial.
    """

    name: str
    sfreq: float
    channels: tuple[str, ...]
    lengths: tuple[int, ...]
    codes: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Of all trials."""
        return sum(self.lengths) / self.sfreq


def check(config: EfrConfig) -> None:
    """Refuse what cannot be analysed; see the module.

    Raises
    ------
    ConfigError, DataError
        One sentence that starts with the setting's path.
    """
    read_people(config)
    _check_names(config)
    source = config.input
    if isinstance(source, Played):
        _check_files(source)
        if config.following and not _is_told(source):
            raise ConfigError(f"{NOTHING_HEARD}; got neither")
    outlines = [outline for cell in _one_each(config) if (outline := outline_of(config, cell)) is not None]
    if isinstance(source, Played) and len(outlines) == len(listeners(config)):
        _check_triggers(source, outlines)
    for outline in outlines:
        if config.following:
            _check_following(config, outline)
        if config.steady_state is not None:
            _check_sweeps(config.steady_state, outline, told=_has_stimulus(config))


def outline_of(config: EfrConfig, cell: EfrCell) -> Outline | None:
    """Return what a listener's recording holds; None where only reading all of it would tell."""
    source = own_input(config.input, cell)
    if isinstance(source, SimulatedInput):
        names = _picked(config, electrode_names(source.n_channels), cell.observer)
        return _outline(config, cell, source.sfreq, names, (round(source.duration_s * source.sfreq),))
    if isinstance(source, SimulatedSweepsInput):
        names = _picked(config, electrode_names(source.n_channels), cell.observer)
        lengths = (round(source.sweep_s * source.sfreq),) * source.n_sweeps
        codes = ("positive", "negative") * (source.n_sweeps // 2 + 1)
        return _outline(config, cell, source.sfreq, names, lengths, codes[: source.n_sweeps])
    if isinstance(source, FilesInput) and source.layout in OWN_ENVELOPES:
        if source.recordings[0].stat().st_size > SMALL_BYTES:
            return None
        recording, _ = inputs.load(config, cell)
        lengths = tuple(len(eeg) for eeg in recording.eeg)
        return _outline(config, cell, recording.sfreq, recording.channels, lengths)
    cuts = _cuts(config, source, cell.observer)
    names = _picked(config, cuts.channels, cell.observer)
    return _outline(config, cell, cuts.sfreq, names, cuts.lengths, cuts.codes)


def _outline(
    config: EfrConfig,
    cell: EfrCell,
    sfreq: float,
    channels: tuple[str, ...],
    lengths: tuple[int, ...],
    codes: tuple[str, ...] = (),
) -> Outline:
    rate = min(sfreq, config.sfreq)
    resampled = tuple(round(n * rate / sfreq) for n in lengths)
    return Outline(cell.observer, rate, channels, resampled, codes or ("",) * len(lengths))


def _one_each(config: EfrConfig) -> list[EfrCell]:
    """One cell of every listener."""
    return list({cell.observer: cell for cell in cells(config)}.values())


def _is_told(source: Played) -> bool:
    brings = isinstance(source, FilesInput) and source.layout in OWN_ENVELOPES
    return bool(source.stimuli or source.audio_channel or brings)


def _has_stimulus(config: EfrConfig) -> bool:
    return not isinstance(config.input, Played) or _is_told(config.input)


def _check_names(config: EfrConfig) -> None:
    """Two listeners of one name would be one in every table."""
    names = listeners(config)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice and isinstance(config.input, BidsInput):
        raise ConfigError(f"input.subjects must be different; got {twice[0].removeprefix('sub-')} twice")
    if twice:
        raise ConfigError(
            f"input.recordings must have different names, which are the listeners'; got {twice[0]} twice"
        )


def _check_files(source: FilesInput | BidsInput | Played) -> None:
    """Every file and folder that the settings name is there, and of a kind that is read."""
    layout = source.layout if isinstance(source, FilesInput) else "continuous"
    if isinstance(source, BidsInput):
        for subject in source.subjects:
            _check_bids(source, subject)
    if isinstance(source, FilesInput):
        for i, path in enumerate(source.recordings):
            _check_file(f"input.recordings[{i}]", path, SUFFIXES[layout])
    if layout == "cnd" and not source.stimuli:
        raise ConfigError("input.stimuli must name the dataStim file when input.layout is cnd; got none")
    for i, path in enumerate(source.stimuli):
        name = f"input.stimuli[{i}]"
        if layout == "kul" and not path.is_dir():
            raise DataError(f"{name} must be the folder of the sounds when input.layout is kul; got {path}")
        if layout != "kul":
            _check_file(name, path, (".mat",) if layout == "cnd" else SOUNDS)


def _check_file(name: str, path: Path, suffixes: Sequence[str]) -> None:
    if not path.exists():
        raise DataError(f"{name} must exist; got {path}")
    if path.suffix.lower() not in suffixes:
        raise DataError(f"{name} must end in one of {', '.join(suffixes)}; got {path}")
    if not path.is_file():
        raise DataError(f"{name} must be a file; got the folder {path}")


def _check_bids(source: BidsInput, subject: str) -> None:
    """The data set has the subject, session, task and run; the sentence names those that it has."""
    if not source.root.is_dir():
        raise DataError(f"input.root must be the folder of a BIDS data set; got {source.root}")
    _check_label("input.subjects", subject, _labels(source.root.glob("sub-*"), "sub"), f"in {source.root}")
    own = source.model_copy(update={"subjects": (subject,)})
    folder, where = bids_folder(own), f"for sub-{subject}"
    sessions = _labels((source.root / f"sub-{subject}").glob("ses-*"), "ses")
    if sessions or source.session is not None:
        _check_label("input.session", source.session, sessions, where)
    found = [path for path in folder.glob("*_eeg.*") if path.suffix.lower() in CONTINUOUS_SUFFIXES]
    _check_label("input.task", source.task, _labels(found, "task"), where)
    of_task = [path for path in found if f"_task-{source.task}_" in path.name]
    runs = _labels(of_task, "run")
    if runs or source.run is not None:
        _check_label("input.run", source.run, runs, f"{where}, task {source.task}")


def _labels(paths: Iterator[Path] | Sequence[Path], entity: str) -> list[str]:
    """Labels of one entity in the names of BIDS files, sorted."""
    words = {word for path in paths for word in path.name.split("_") if word.startswith(f"{entity}-")}
    return sorted(word.partition("-")[2] for word in words)


def _check_label(setting: str, label: str | None, known: Sequence[str], where: str) -> None:
    if label not in known:
        among = f"one of {', '.join(known)}" if known else "one that the data set has, and it has none"
        raise DataError(f"{setting} must be {among} ({where}); got {label or 'none'}")


def _cuts(config: EfrConfig, source: FilesInput | BidsInput, name: str) -> Cuts:
    """Where the trials of one recording lie, from its header, its events and the lengths of its sounds."""
    with _setting("input.stimuli"):
        seconds = {
            code: (path, sound_seconds(path, source.envelope_sfreq))
            for code, path in named_stimuli(source, source.stimuli)
        }
    for path, duration_s in seconds.values():
        if source.trial_s is not None and source.trial_s > duration_s + 0.5 / config.sfreq:
            raise ConfigError(
                f"input.trial_s must not exceed the sound; got {source.trial_s:g} s for {duration_s:.4g} s ({path})"
            )
    if isinstance(source, FilesInput) and source.layout == "epochs":
        with _setting("input.recordings"):
            epochs = open_epochs(source.recordings[0])
        sfreq = float(epochs.info["sfreq"])
        lengths = {code: round(duration_s * sfreq) for code, (_, duration_s) in seconds.items()}
        return cuts_of_epochs(epochs, config, source, lengths, name)
    raw = _opened(source)
    sfreq = float(raw.info["sfreq"])
    check_audio_channel(raw, source, name)
    onsets, alignment = onsets_of(raw, source, name)
    lengths = {code: round(duration_s * sfreq) for code, (_, duration_s) in seconds.items()}
    if alignment.how == "audio" and lengths[""] > raw.n_times:
        raise DataError(
            f"input.stimuli must be shorter than the recording in which they are sought; got {seconds[''][1]:.4g} s "
            f"for {raw.n_times / sfreq:.4g} s ({name})"
        )
    return cuts_of(raw, config, source, onsets, lengths, name)


def _opened(source: FilesInput | BidsInput) -> mne.io.BaseRaw:
    """Open a recording; its data stay on disk."""
    if isinstance(source, FilesInput):
        with _setting("input.recordings"):
            return open_raw(source.recordings[0])
    try:
        import mne_bids
    except ImportError as error:
        raise DataError("input.kind bids needs mne_bids; install cogattn[eeg]") from error
    where = mne_bids.BIDSPath(
        root=source.root, subject=source.subjects[0], task=source.task, session=source.session, run=source.run,
        datatype="eeg", suffix="eeg",
    )  # fmt: skip
    with reading(source.root, f"input.root must hold readable EEG of sub-{source.subjects[0]}"):
        check_recording(Path(where.fpath))
        return mne_bids.read_raw_bids(where, verbose="error")


@contextmanager
def _setting(path: str) -> Generator[None]:
    """Put the path of a setting before what a reader says of a file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _picked(config: EfrConfig, channels: Sequence[str], name: str) -> tuple[str, ...]:
    """Channels that are analysed: chosen, and no reference."""
    for setting in ("positions", "reference_channels"):
        missing = [channel for channel in getattr(config, setting) if channel not in channels]
        if missing:
            raise DataError(
                f"{setting} must be among the recording's channels; got {missing[0]!r} ({name} has "
                f"{', '.join(channels)})"
            )
    chosen = config.positions or channels
    return tuple(channel for channel in chosen if channel not in config.reference_channels)


def _check_triggers(source: Played, outlines: Sequence[Outline]) -> None:
    """Every trigger occurs somewhere (in each recording one does), and tells every kind of epoch its sound."""
    occurring = {code for outline in outlines for code in outline.codes}
    absent = [trigger for trigger in source.triggers if trigger not in occurring]
    if absent:
        raise DataError(f"input.triggers must occur in the recordings; got {absent[0]!r}, which none has")
    untold = sorted(occurring - set(source.triggers))
    if source.stimuli_by == "trigger" and untold:
        raise DataError(f"input.triggers must name every kind of epoch; got none for {untold[0]!r}")


def _check_following(config: EfrConfig, outline: Outline) -> None:
    """Channels, band and segments fit the recording."""
    spectrum, where, rate = config.spectrum, outline.name, outline.sfreq
    if len(outline.channels) < 2:
        raise DataError(
            f"positions must leave at least two EEG channels; got {', '.join(outline.channels)} ({where})"
        )
    if spectrum.high_hz >= rate / 2:
        raise ConfigError(
            f"spectrum.high_hz must lie below half of the sampling rate, {rate / 2:g} Hz ({where}); got "
            f"{spectrum.high_hz:g} Hz"
        )
    if spectrum.estimator == "multitaper" and spectrum.half_bandwidth_hz * spectrum.segment_s < 1:
        raise ConfigError(
            f"spectrum.half_bandwidth_hz must be at least 1 / segment_s = {1 / spectrum.segment_s:g} Hz; got "
            f"{spectrum.half_bandwidth_hz:g}"
        )
    length = round(spectrum.segment_s * rate)
    if length < 8 or length > max(outline.lengths):
        raise ConfigError(
            f"spectrum.segment_s must span at least 8 samples and fit into a trial; got {spectrum.segment_s:g} s, "
            f"while the longest trial lasts {max(outline.lengths) / rate:.4g} s ({where})"
        )
    _check_blocks(config, outline, length)


def _check_blocks(config: EfrConfig, outline: Outline, length: int) -> None:
    """There are enough blocks for the bootstrap, and enough surrogates; `length` is a segment's, in samples."""
    spectrum, significance, rate = config.spectrum, config.significance, outline.sfreq
    overlap = spectrum.overlap if spectrum.estimator == "welch" else 0.0
    hop = max(1, round(length * (1 - overlap)))
    segments = [max(0, (n - length) // hop + 1) for n in outline.lengths]
    total_s = sum(segments) * hop / rate
    per_block = max(1, round(max(significance.block_s, total_s / MOST_BLOCKS) * rate / hop))
    n_blocks = sum(-(-n // per_block) for n in segments)
    if n_blocks < LEAST_BLOCKS:
        raise ConfigError(
            f"significance.block_s must leave at least {LEAST_BLOCKS} blocks to resample; got {n_blocks} of "
            f"{significance.block_s:g} s ({outline.name} lasts {outline.duration_s:.4g} s)"
        )
    _check_surrogates(config, outline, sum(segments), hop / rate)


def _check_surrogates(config: EfrConfig, outline: Outline, n_segments: int, hop_s: float) -> None:
    """There are as many surrogates as calling anything at alpha takes."""
    significance = config.significance
    least = max(MIN_SURROGATES, int(np.ceil(1 / significance.alpha - 1 - 1e-9)))
    needs = f"at least {least} surrogates, without which nothing reaches alpha = {significance.alpha:g}"
    if significance.surrogates == "phase" and significance.n_shuffles < least:
        raise ConfigError(f"significance.n_shuffles must be {needs}; got {significance.n_shuffles}")
    nearest = max(1, int(np.ceil(significance.min_shift_s / hop_s)))
    n_shifts = max(0, n_segments - 2 * nearest + 1)
    if significance.surrogates == "shift" and n_shifts < least:
        raise ConfigError(
            f"significance.min_shift_s must leave {needs}; got {n_shifts} shifts of {outline.duration_s:.4g} s "
            f"({outline.name}); shorten it or spectrum.segment_s, or record longer"
        )


def _check_sweeps(settings: SteadyStateSettings, outline: Outline, *, told: bool) -> None:
    """The rate can be seen in the sweeps, and there are enough of them."""
    rate, where = outline.sfreq, outline.name
    if settings.modulation_hz >= rate / 2:
        raise ConfigError(
            f"steady_state.modulation_hz must lie below half of the sampling rate, {rate / 2:g} Hz ({where}); got "
            f"{settings.modulation_hz:g} Hz"
        )
    exact = settings.sweep_s * rate
    n_times = round(exact)
    if n_times < 2 or abs(exact - n_times) > 1e-6 * exact:
        raise ConfigError(
            f"steady_state.sweep_s must be whole samples; got {settings.sweep_s:g} s, {exact:.3f} samples at "
            f"{rate:g} Hz ({where})"
        )
    rates = harmonics(settings.modulation_hz, below_hz=rate / 2, most=settings.n_harmonics)
    cycles = rates * n_times / rate
    if (np.abs(cycles - np.round(cycles)) > 0.01).any():
        whole = max(1, round(cycles[0])) / settings.modulation_hz
        raise ConfigError(
            f"steady_state.sweep_s must hold whole cycles of the rate; got {settings.sweep_s:g} s, {cycles[0]:.3f} "
            f"cycles of {settings.modulation_hz:g} Hz; cut sweeps at {whole:.6g} s"
        )
    n_used = _check_counts(settings, outline, n_times)
    _check_neighbours(settings, rates * n_times * n_used / rate, n_times * n_used // 2 + 1)
    if settings.f0_low_hz is not None and settings.f0_high_hz is not None:
        _check_f0(settings, settings.f0_low_hz, settings.f0_high_hz, outline, told=told)


def _check_counts(settings: SteadyStateSettings, outline: Outline, n_times: int) -> int:
    """Sweeps there are, of each polarity where they are parted."""
    first = round(settings.start_s * outline.sfreq)
    counts = [max(0, n - first) // n_times for n in outline.lengths]
    total = sum(counts)
    if total < LEAST_SWEEPS:
        raise ConfigError(
            f"steady_state.sweep_s must leave at least {LEAST_SWEEPS} sweeps; got {total} of {settings.sweep_s:g} s "
            f"({outline.name} lasts {outline.duration_s:.4g} s in {len(counts)} trials)"
        )
    if not settings.alternating and not settings.inverted:
        return total
    down = sum(n for n, code in zip(counts, outline.codes, strict=True) if code in settings.inverted)
    down = total // 2 if settings.alternating else down
    fewer = min(down, total - down)
    if fewer < LEAST_SWEEPS:
        setting = "alternating" if settings.alternating else "inverted"
        raise ConfigError(
            f"steady_state.{setting} must leave at least {LEAST_SWEEPS} sweeps of each polarity; got "
            f"{total - down} and {down} ({outline.name})"
        )
    return fewer


def _check_neighbours(settings: SteadyStateSettings, bins: np.ndarray, n_bins: int) -> None:
    """The spectrum of all sweeps end to end has the neighbours that the F-test takes for noise."""
    reach = settings.n_side + 1  # the bin next to the rate is left out
    nearest = min(round(bins.min()), n_bins - 1 - round(bins.max()))
    if nearest < reach:
        raise ConfigError(
            f"steady_state.n_side must leave {reach} bins on each side of every harmonic; got {settings.n_side} with "
            f"{nearest} bins to the end of the spectrum"
        )


def _check_f0(
    settings: SteadyStateSettings, low_hz: float, high_hz: float, outline: Outline, *, told: bool
) -> None:
    rate, where = outline.sfreq, outline.name
    if not told:
        raise ConfigError(
            "steady_state.f0_low_hz must go with input.stimuli or input.audio_channel; got neither"
        )
    if high_hz >= rate / 2:
        raise ConfigError(
            f"steady_state.f0_high_hz must lie below half of the sampling rate, {rate / 2:g} Hz ({where}); got "
            f"{high_hz:g} Hz"
        )
    window = round(settings.f0_window_s * rate)
    if window < 2 * np.ceil(rate / low_hz) or window > round(settings.sweep_s * rate):
        raise ConfigError(
            f"steady_state.f0_window_s must hold two periods of f0_low_hz and fit into a sweep; got "
            f"{settings.f0_window_s:g} s with {low_hz:g} Hz and sweeps of {settings.sweep_s:g} s"
        )
