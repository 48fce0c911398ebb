"""What can be known to be wrong before the first cell, said once: the setting, the rule, what was got, what would do.

Rules are those that decoding itself obeys; here they are held against the lengths, rates and labels of all
recordings (`outline`) instead of being met in every cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cogattn.eeg.aad.config import LINEAR, NETWORKS, AadConfig
from cogattn.eeg.aad.decoding import check_components
from cogattn.eeg.aad.people import read_people
from cogattn.eeg.aad.plan import decoders_of
from cogattn.eeg.aad.scorers import RESPONSE_S
from cogattn.eeg.aad.splits import folds, sharing_of
from cogattn.eeg.recordings.bids_events import events_file, events_tell
from cogattn.eeg.recordings.config import AvGc, Bids, Cnd, Dtu, Folder, Kul, Played, Source, Table
from cogattn.eeg.recordings.files import listeners, table_of
from cogattn.eeg.recordings.outline import Outline, check_people, check_triggers, outlines
from cogattn.eeg.recordings.places import ROLES
from cogattn.eeg.recordings.presence import check_presence
from cogattn.eeg.recordings.relevant import own
from cogattn.errors import ConfigError, DataError

LEAST_SAMPLES = 8
"""Fewest samples of a decision window."""


def check(config: AadConfig) -> None:
    """Raise an error for the first setting that does not go together with the others or with the recordings.

    Raises
    ------
    ConfigError, DataError
        With the setting's path; see the top.
    """
    read_people(config)
    _check_settings(config)
    known = _known(config)
    _check_names(config)
    _check_windows(config, known)
    _check_filter(config, known)
    _check_lengths(config, known)
    for outline in known if "cca" in config.decoders else ():
        check_components(config, len(outline.channels), outline.subject)
    _check_validation(config, known)
    _check_intent(config, known)


def _check_settings(config: AadConfig) -> None:
    """What settings alone can tell."""
    sfreq = config.preprocessing.sfreq
    if round(config.windows_s[0] * sfreq) < LEAST_SAMPLES:
        raise ConfigError(
            f"windows_s must hold at least {LEAST_SAMPLES} samples at preprocessing.sfreq; got "
            f"{config.windows_s[0]:g} s at {sfreq:g} Hz; {LEAST_SAMPLES / sfreq:g} s would do"
        )
    looking_back = {"cnn", "attention"} & set(config.decoders)
    if looking_back and config.lags.tmax_s <= 0:
        raise ConfigError(
            f"lags.tmax_s must be positive for {' and '.join(sorted(looking_back))}; got {config.lags.tmax_s:g} s"
        )
    trained = set(NETWORKS) & set(config.decoders)
    if trained and round(config.training.window_s * sfreq) < LEAST_SAMPLES:
        raise ConfigError(
            f"training.window_s must hold at least {LEAST_SAMPLES} samples at preprocessing.sfreq; got "
            f"{config.training.window_s:g} s at {sfreq:g} Hz"
        )


def _check_intent(config: AadConfig, known: Sequence[Outline]) -> None:
    """Mixtures are made of sounds, and what a decoder is worth is learned on two other trials at least."""
    if config.intent is None or not config.intent.enhance:
        return
    source = config.recordings
    if isinstance(source, Dtu | AvGc | Cnd) or (isinstance(source, Kul) and source.audio is None):
        raise ConfigError(
            f"intent.enhance needs the sounds, which recordings of kind {source.kind} do not hold"
            f"{'; name recordings.audio' if isinstance(source, Kul) else ''}; --intent.no-enhance leaves it out"
        )
    for outline in known:
        n_trials = len({fact.trial for fact in outline.facts})
        if n_trials < 3:
            raise DataError(
                f"intent.enhance needs three trials of each listener; got {n_trials} "
                f"(subject {outline.subject})"
            )


def _known(config: AadConfig) -> list[Outline]:
    """What is known of each recording; the first fault, and who else has one."""
    source = config.recordings
    found, faults = [], {}
    try:
        check_presence(source)
        for subject, outline in outlines(source, config.cleaning):
            try:
                found.append(outline())
            except DataError as error:
                faults[subject] = error
    except DataError as error:
        faults = {"": error}
    if faults:
        (_, first), *others = faults.items()
        rest = f"; also damaged: {', '.join(name for name, _ in others)}" if others else ""
        raise DataError(f"{_with_path(str(first), source)}{rest}")
    if isinstance(source, Played) and len(found) == len(listeners(source)):
        check_triggers(source, found)
    check_people(found)
    for outline in found:
        _check_talkers(source, outline)
        _check_different(source, outline)
    return found


def _with_path(sentence: str, source: Source) -> str:
    named = sentence.startswith(("recordings.", "cleaning."))
    return sentence if named or not isinstance(source, Folder) else f"recordings.path: {sentence}"


def _check_talkers(source: Source, outline: Outline) -> None:
    """Two talkers are told, in every trial: whom a listener follows cannot be asked otherwise."""
    missing = [role for role in ROLES if role not in outline.streams]
    if missing:
        setting, where = _telling(source, outline.subject)
        without = [fact.trial for fact in outline.facts if not getattr(fact, missing[0])]
        trial = without[:1] if len(without) < len(outline.facts) else []
        raise ConfigError(
            f"{setting} must tell what both talkers said in every trial; got no {missing[0]} sound "
            f"({', '.join([f'subject {outline.subject}', *trial, *where])})"
        )


def _check_different(source: Source, outline: Outline) -> None:
    """No trial names one sound for both talkers: whoever is followed, every decision would be a tie."""
    for fact in outline.facts:
        if fact.attended and fact.attended == fact.unattended:
            setting, where = _telling(source, outline.subject)
            raise ConfigError(
                f"{setting} must tell of two different sounds in every trial; got {fact.attended} for both "
                f"talkers ({', '.join([f'subject {outline.subject}', fact.trial, *where])})"
            )


def _telling(source: Source, subject: str) -> tuple[str, list[str]]:
    """The setting that tells what was heard, and the file that does so for it."""
    if isinstance(source, Table):
        return "recordings.path", [str(table_of(source))]
    if isinstance(source, Bids) and events_tell(source):
        table = events_file(own(source, subject))
        if table is None:
            raise ConfigError(
                "recordings.root must hold a table of events that names the sounds, unless recordings.stimuli and "
                f"recordings.unattended do; got no events.tsv for {subject} ({source.root})"
            )
        return "recordings.root", [str(table)]
    played = isinstance(source, Played)
    return "recordings.stimuli and recordings.unattended" if played else "recordings", []


def _check_names(config: AadConfig) -> None:
    """Listeners and decoders share a table of observers."""
    taken = {decoder.id for decoder in decoders_of(config)} & set(listeners(config.recordings))
    if taken:
        raise DataError(f"recordings.path must name its listeners unlike decoders; got {sorted(taken)[0]!r}")


def _check_windows(config: AadConfig, known: Sequence[Outline]) -> None:
    """Each window fits into a trial of every listener."""
    sfreq = config.preprocessing.sfreq
    shortest = min(known, key=lambda outline: outline.longest_s)
    longest = max(_resampled(shortest, sfreq))
    fitting = [w for w in config.windows_s if round(w * sfreq) <= longest]
    if len(fitting) < len(config.windows_s):
        does = f"; {_listed(fitting)} s fit" if fitting else ""
        raise ConfigError(
            f"windows_s must fit into a trial; got {config.windows_s[len(fitting)]:g} s where the longest "
            f"lasts {shortest.longest_s:g} s ({shortest.subject}){does}"
        )


def _check_filter(config: AadConfig, known: Sequence[Outline]) -> None:
    """The pass band lies below every recording's Nyquist frequency, and its filter is shorter than every trial."""
    band = config.preprocessing
    for outline in known:
        if band.high_hz >= outline.sfreq / 2:
            raise ConfigError(
                f"preprocessing.high_hz must lie below half the recording's rate; got {band.high_hz:g} Hz at "
                f"{outline.sfreq:g} Hz ({outline.subject})"
            )
        edge_hz = min(band.low_hz, 2.0, outline.sfreq / 2 - band.high_hz)  # of mne's transition bands
        if min(outline.n_times) > 4 / edge_hz * outline.sfreq:
            continue  # mne's filters last 3.3 over that
        from mne.filter import create_filter

        taps = create_filter(None, outline.sfreq, band.low_hz, band.high_hz, verbose="error").size
        if taps > min(outline.n_times):
            raise ConfigError(
                f"preprocessing.low_hz must let the filter be shorter than a trial; got {band.low_hz:g} Hz, "
                f"{taps / outline.sfreq:.3g} s for {min(outline.n_times) / outline.sfreq:.3g} s ({outline.subject})"
            )


def _check_lengths(config: AadConfig, known: Sequence[Outline]) -> None:
    """Every trial outlasts what its decoders look at, and training has windows."""
    sfreq = config.preprocessing.sfreq
    for outline in known:
        shortest = min(_resampled(outline, sfreq))
        for what, seconds in _contexts(config):
            if round(seconds * sfreq) + 1 >= shortest:
                raise ConfigError(
                    f"recordings must hold trials longer than {what}, {seconds:g} s; got "
                    f"{shortest / sfreq:g} s ({outline.subject})"
                )
        trained = set(NETWORKS) & set(config.decoders)
        if trained and round(config.training.window_s * sfreq) > shortest:
            raise ConfigError(
                f"training.window_s must fit into every trial; got {config.training.window_s:g} s in "
                f"{shortest / sfreq:g} s ({outline.subject})"
            )


def _contexts(config: AadConfig) -> Iterator[tuple[str, float]]:
    """Names and lengths in seconds of what decoders look at around a sample."""
    lags = config.lags
    if config.control or set(LINEAR) & set(config.decoders):
        yield "the lags", max(lags.tmax_s - lags.tmin_s, abs(lags.tmin_s), abs(lags.tmax_s))
    if "cca" in config.decoders:
        yield "what cca looks at", max(*config.cca.eeg_contexts_s, *config.cca.stimulus_contexts_s)
    yield "the delays of the response", RESPONSE_S[1] + 0.1


def _check_validation(config: AadConfig, known: Sequence[Outline]) -> None:
    """What is left out together leaves something to learn from."""
    if config.validation == "subject":
        if len(listeners(config.recordings)) < 2:
            raise ConfigError("validation = subject must have at least two listeners; got one")
        first = known[0]
        for other in known[1:]:
            if other.channels != first.channels:
                raise ConfigError(
                    f"validation = subject must have the same channels in all recordings; got "
                    f"{len(other.channels)} ({other.subject}) and {len(first.channels)} ({first.subject}), "
                    "or other names; cleaning.bad_channels = interpolate keeps bad ones where places are known, "
                    "recordings.subjects leaves listeners out"
                )
        return
    for outline in known:
        read = outline.prints is not None and config.shared_sounds == "leave_out"
        sharing = sharing_of(outline.facts, outline.prints) if read else None
        try:
            splits = folds(outline.facts, config.validation, sharing)
        except DataError as error:
            raise ConfigError(
                f"validation = {config.validation} is impossible: {error} ({outline.subject})"
            ) from error
        if "cca" in config.decoders:
            _check_cca(config, outline, [train for train, _ in splits])


def _check_cca(config: AadConfig, outline: Outline, training: Sequence[Sequence[int]]) -> None:
    """The discriminant of canonical correlation needs two windows of training data."""
    length = round(config.cca.window_s * config.preprocessing.sfreq)
    n_times = _resampled(outline, config.preprocessing.sfreq)
    fewest = min(sum(n_times[k] // length for k in train) for train in training)
    if fewest < 2:
        raise ConfigError(
            f"decoders = cca must have two windows of {config.cca.window_s:g} s to learn from; got {fewest} "
            f"({outline.subject})"
        )


def _resampled(outline: Outline, sfreq: float) -> list[int]:
    """Samples of each trial at the rate of decoding."""
    return [round(n * sfreq / outline.sfreq) for n in outline.n_times]


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
