"""Cleaning a recording before any analysis: bad channels, EOG, reference, stretches that are left out.

The order is: bad channels are found outside BAD spans and dropped or interpolated; what the EOG channels tell is
regressed out; the reference is subtracted; the analysed channels are picked; windows whose peak-to-peak amplitude is
out of bounds are added to the BAD spans; trials are cut into the pieces that remain. Nothing here looks at what was
played or attended, so that nothing can leak from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cogattn.eeg.recordings.bad_channels import bad_channels, held_together
from cogattn.eeg.recordings.bad_spans import (
    Span,
    clean_pieces,
    in_pieces,
    n_samples,
    rejected_spans,
    true_spans,
    union,
)
from cogattn.eeg.recordings.config import Cleaning
from cogattn.eeg.recordings.eog import without_eog
from cogattn.eeg.recordings.interpolation import interpolated
from cogattn.eeg.recordings.recording import Recording
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

MARKED, NAMED = "marked bad", "named in cleaning.bads"


def needed_channels(
    names: Sequence[str], scalp: Sequence[str], cleaning: Cleaning, *, subject: str
) -> list[str]:
    """Channels that must be read: the analysed ones, and all that cleaning needs.

    Parameters
    ----------
    names : sequence of str
        All of the recording's.
    scalp : sequence of str
        Its EEG channels, bad ones too.
    cleaning : Cleaning
        Settings.
    subject : str
        Named in errors.

    Raises
    ------
    DataError
        If the recording lacks a named one.
    """
    _check_names(names, cleaning, subject, ("channels", "bads", "reference_channels", "eog"))
    beside = [*cleaning.reference_channels, *cleaning.eog]
    others = cleaning.reference == "average" or cleaning.bad_channels == "interpolate"
    asked = cleaning.channels if cleaning.channels and not others else (*scalp, *cleaning.channels)
    return list(dict.fromkeys([*(name for name in asked if name not in beside), *beside]))


def check_average(channels: Sequence[str], cleaning: Cleaning, *, subject: str) -> None:
    """Raise DataError where these EEG channels, whose average is to be subtracted from each, are a single one."""
    if cleaning.reference == "average" and len(channels) == 1:
        raise DataError(
            f"cleaning.reference must be none or channels where one EEG channel is left; got the average of "
            f"{channels[0]} alone (subject {subject})"
        )


def cleaned(
    recording: Recording,
    cleaning: Cleaning,
    *,
    marked: Sequence[str] = (),
    bad: Sequence[Sequence[Span]] | None = None,
    info: mne.Info | None = None,
) -> Recording:
    """Clean a recording as the settings say, and count in its `intake` what is lost.

    Parameters
    ----------
    recording : Recording
        As it was recorded, not checked yet: trials, or one that is the whole recording; with the channels of
        `needed_channels`.
    cleaning : Cleaning
        Settings.
    marked : sequence of str
        Channels that the file marks as bad.
    bad : sequence of sequence of (int, int), optional
        BAD spans of each trial, in samples from its first one.
    info : mne.Info, optional
        Where the electrodes are, for interpolation; a standard montage that knows their names by default.

    Raises
    ------
    DataError
        If a named channel is missing, bad channels are to be refused or cannot be interpolated, more than half of
        the channels hold no EEG, a reference or EOG channel is bad, or nothing remains.
    """
    spans = [union(own) for own in bad] if bad is not None else [[] for _ in recording.trials]
    dropouts = held_together(recording.eeg, recording.sfreq)
    held_s = sum(int(held.sum()) for held in dropouts) / recording.sfreq
    spans = [union([*own, *true_spans(held)]) for own, held in zip(spans, dropouts, strict=True)]
    if held_s:
        remark = f"most channels hold their values for {held_s:.3g} s in all, which are left out"
        intake = replace(recording.intake, remarks=(*recording.intake.remarks, remark))
        recording = replace(recording, intake=intake)
    out = cleaned_channels(recording, cleaning, marked=marked, bad=spans, info=info)
    if cleaning.reject_uv is not None or cleaning.flat_uv is not None:
        spans = [union([*own, *more]) for own, more in zip(spans, rejected(out, cleaning), strict=True)]
    return without_spans(out, spans)


def cleaned_channels(
    recording: Recording,
    cleaning: Cleaning,
    *,
    marked: Sequence[str] = (),
    bad: Sequence[Sequence[Span]] | None = None,
    info: mne.Info | None = None,
) -> Recording:
    """As `cleaned`, without leaving any sample out: bad channels, EOG, reference, choice of channels."""
    _check_names(recording.channels, cleaning, recording.subject, ("channels", "reference_channels", "eog"))
    spans = [[] for _ in recording.trials] if bad is None else bad
    scalp = _scalp(recording.channels, cleaning)
    found = found_bad(recording, cleaning, marked=marked, bad=spans)
    _check_found(found, scalp, cleaning, recording)
    bads = [name for name in scalp if name in found]
    good = [name for name in scalp if name not in found]
    if bads and cleaning.bad_channels == "interpolate":
        recording = interpolated(recording, bads, good, info=info)
    elif bads:
        recording = recording.picked([name for name in recording.channels if name not in bads])
    if cleaning.eog:
        recording = without_eog(recording, cleaning.eog, bad=spans)
    recording = recording.picked(
        [n for n in recording.channels if n in (*scalp, *cleaning.reference_channels)]
    )
    recording = _referenced(recording, cleaning)
    kept = [name for name in cleaning.channels or scalp if name in recording.channels]
    recording = recording if tuple(kept) == recording.channels else recording.picked(kept)
    return _with_bads(recording, found, len(scalp), cleaning)


def known_bad(channels: Sequence[str], cleaning: Cleaning, marked: Sequence[str] = ()) -> dict[str, str]:
    """Channels that are bad whatever they hold, and why: marked by the file, or named in the settings."""
    known = {name: MARKED for name in channels if name in marked}
    return known | {name: NAMED for name in channels if name in cleaning.bads}


def found_bad(
    recording: Recording,
    cleaning: Cleaning,
    *,
    marked: Sequence[str] = (),
    bad: Sequence[Sequence[Span]] | None = None,
) -> dict[str, str]:
    """Bad channels and why: marked by the file, named in the settings, or found by `bad_channels`.

    Channels that are marked or named are left out before others are sought.
    """
    known = known_bad(recording.channels, cleaning, marked)
    columns = [i for i, name in enumerate(recording.channels) if name not in known]
    names = [recording.channels[i] for i in columns]
    clean = clean_pieces(recording, bad)
    if not columns or not clean:
        return known
    # NaN is not for this search: a channel that is not known to be bad is refused for any before
    found = bad_channels(
        [piece[:, columns] for piece in clean], sfreq=recording.sfreq, channels=names, unit=recording.unit
    )
    both = known | found
    return {name: both[name] for name in recording.channels if name in both}


def rejected(recording: Recording, cleaning: Cleaning) -> list[list[Span]]:
    """Windows of each trial whose peak-to-peak amplitude is out of the settings' bounds.

    Raises
    ------
    DataError
        If the recording is not in volts.
    """
    if recording.unit != "V":
        setting = "reject_uv" if cleaning.reject_uv is not None else "flat_uv"
        raise DataError(
            f"cleaning.{setting} must be left out for EEG that is not in volts; got {recording.unit} "
            f"(subject {recording.subject})"
        )
    bounds = {"reject_uv": cleaning.reject_uv, "flat_uv": cleaning.flat_uv}
    return [rejected_spans(trial.eeg, recording.sfreq, **bounds) for trial in recording.trials]


def without_spans(recording: Recording, bad: Sequence[Sequence[Span]]) -> Recording:
    """Cut trials into the pieces that BAD spans leave, and count what is lost in the recording's `intake`.

    Raises
    ------
    DataError
        If nothing remains.
    """
    out = in_pieces(recording, bad)
    if recording.trials and not out.trials:
        raise DataError(
            f"some EEG must be left between BAD spans; got none (subject {recording.subject}, "
            f"{len(recording.trials)} trials)"
        )
    lost_s = sum(map(n_samples, bad)) / recording.sfreq
    gone = {trial.name for trial in recording.trials} - {trial.name for trial in out.trials}
    intake = out.intake
    intake = replace(intake, lost_s=intake.lost_s + lost_s, lost_trials=intake.lost_trials + len(gone))
    return replace(out, intake=intake)


def _scalp(channels: Sequence[str], cleaning: Cleaning) -> list[str]:
    """Channels that are EEG by their names or because they are asked for; all where no name says so."""
    from cogattn.eeg.recordings.readers import NOT_EEG

    others = [name for name in channels if name not in (*cleaning.reference_channels, *cleaning.eog)]
    return [name for name in others if name in cleaning.channels or not NOT_EEG.match(name)] or others


def _check_names(names: Sequence[str], cleaning: Cleaning, subject: str, settings: Sequence[str]) -> None:
    for setting in settings:
        missing = [name for name in getattr(cleaning, setting) if name not in names]
        if missing:
            raise DataError(
                f"cleaning.{setting} must be among the recording's channels; got {missing[0]!r} "
                f"(subject {subject} has {', '.join(names)})"
            )


def _check_found(
    found: Mapping[str, str], scalp: Sequence[str], cleaning: Cleaning, recording: Recording
) -> None:
    """Raise DataError where bad channels may not be, or are too many."""
    where = f"subject {recording.subject}"
    for setting in ("reference_channels", "eog"):
        for name in getattr(cleaning, setting):
            if name in found and not (setting == "eog" and found[name].startswith("clipped")):
                raise DataError(f"cleaning.{setting} must not be bad; got {name}: {found[name]} ({where})")
    bads = [name for name in scalp if name in found]
    said = _said(found, bads)
    if bads and cleaning.bad_channels == "refuse":
        raise DataError(
            f"no channel may be bad; got {said} ({where}); set cleaning.bad_channels to drop or interpolate"
        )
    asked = cleaning.channels or scalp
    if bads and all(name in found for name in asked):
        raise DataError(f"a channel to analyse must be good; got {said} ({where})")
    sought = [name for name in bads if found[name] not in (MARKED, NAMED)]
    if len(sought) > len(scalp) / 2:
        raise DataError(
            f"more than half of the channels must hold EEG; got {len(sought)} of {len(scalp)} that do not: "
            f"{said} ({where})"
        )


def _referenced(recording: Recording, cleaning: Cleaning) -> Recording:
    """Subtract the reference; channels that make it are left out."""
    check_average(recording.channels, cleaning, subject=recording.subject)
    if cleaning.reference == "average":
        return recording.referenced("average")
    if cleaning.reference == "channels":
        recording = recording.referenced(cleaning.reference_channels)
        return recording.picked([n for n in recording.channels if n not in cleaning.reference_channels])
    return recording


def _with_bads(recording: Recording, found: Mapping[str, str], n: int, cleaning: Cleaning) -> Recording:
    """Say in the recording's intake which channels were bad, why, and what became of them."""
    if not found:
        return recording
    done = "interpolated" if cleaning.bad_channels == "interpolate" else "left out"
    remark = (
        f"{len(found)} of {n} channels {'is' if len(found) == 1 else 'are'} {done}: {_said(found, found)}"
    )
    intake = recording.intake
    intake = replace(intake, bads=(*intake.bads, *found), remarks=(*intake.remarks, remark))
    return replace(recording, intake=intake)


def _said(found: Mapping[str, str], names: Sequence[str] | Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({found[name]})" for name in names)
