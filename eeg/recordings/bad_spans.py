"""Stretches of a recording that are left out: marked ones, and those whose peak-to-peak amplitude is out of bounds.

A span is (start, stop) in samples, stop excluded. What is left of a trial are pieces: each is filtered by itself,
and all keep the trial's name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.recordings.bad_channels import runs
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray

if TYPE_CHECKING:
    import mne

Span = tuple[int, int]
WINDOW_S = 1.0
"""Peak-to-peak amplitudes are those of such stretches."""


EDIT = re.compile(r"^(edge|boundary)", re.I)
"""Annotations at which EEGLAB took a stretch out, or mne joined two recordings."""


def edits(raw: mne.io.BaseRaw) -> list[int]:
    """Samples, from the first one, before which something was cut out or another recording was joined, rising."""
    offset = raw.first_time if raw.annotations.orig_time is not None else 0.0
    onsets = [mark["onset"] for mark in raw.annotations if EDIT.match(str(mark["description"]))]
    return sorted({math.ceil((onset - offset) * raw.info["sfreq"] - 1e-6) for onset in onsets})


def annotated_spans(raw: mne.io.BaseRaw, channels: Sequence[str] = ()) -> list[Span]:
    """Stretches marked by annotations that begin with "bad", whatever the case, in samples from the first one.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Need not be loaded.
    channels : sequence of str
        Those analysed: an annotation of other channels only does not count; all count where none is given.

    Returns
    -------
    list of (int, int)
        Rising, without overlap, within the recording; every sample that a mark touches.
    """
    sfreq = float(raw.info["sfreq"])
    offset = raw.first_time if raw.annotations.orig_time is not None else 0.0
    spans = []
    for mark in raw.annotations:
        own = mark.get("ch_names")
        concerns = not own or not channels or set(own) & set(channels)
        if not str(mark["description"]).lower().startswith("bad") or not concerns:
            continue
        start_s = float(mark["onset"]) - offset
        start = math.floor(start_s * sfreq + 1e-6)
        stop = max(math.ceil((start_s + float(mark["duration"])) * sfreq - 1e-6), start + 1)
        spans.append((max(start, 0), min(stop, raw.n_times)))
    return union(spans)


def union(spans: Iterable[Span]) -> list[Span]:
    """The same samples, rising and without overlap; empty spans are dropped."""
    joined: list[Span] = []
    for start, stop in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def within(span: Span, bad: Iterable[Span]) -> list[Span]:
    """Bad spans as seen from a trial's own first sample, cut at its ends."""
    first, last = span
    return union((max(start, first) - first, min(stop, last) - first) for start, stop in bad)


def pieces(span: Span, bad: Iterable[Span]) -> list[Span]:
    """What bad spans leave of a span, rising."""
    left, at = [], span[0]
    for start, stop in union(bad):
        left.append((at, min(start, span[1])))
        at = max(at, stop)
    left.append((at, span[1]))
    return [(start, stop) for start, stop in left if start < stop]


def out_of_bounds(
    windows: FloatArray, *, reject_uv: float | None = None, flat_uv: float | None = None
) -> NDArray[np.bool_]:
    """Whether any channel's peak-to-peak amplitude is above `reject_uv` or below `flat_uv`.

    Parameters
    ----------
    windows : array, shape (n_windows, n_times, n_channels)
        Volts: sweeps, or stretches of a second.
    reject_uv, flat_uv : float or None
        Microvolts; None leaves that side open. As mne's ``reject`` and ``flat``.

    Returns
    -------
    array of bool, shape (n_windows,)
    """
    amplitude_uv = 1e6 * np.ptp(windows, axis=1)
    out = np.zeros(windows.shape[0], dtype=bool)
    if reject_uv is not None:
        out |= (amplitude_uv > reject_uv).any(axis=1)
    if flat_uv is not None:
        out |= (amplitude_uv < flat_uv).any(axis=1)
    return out


def rejected_spans(
    eeg: FloatArray, sfreq: float, *, reject_uv: float | None = None, flat_uv: float | None = None
) -> list[Span]:
    """Windows of `WINDOW_S`, one after another from the first sample, that are `out_of_bounds`.

    The last window takes what is left, so that none is too short to be flat by chance.

    Parameters
    ----------
    eeg : array, shape (n_times, n_channels)
        Volts.
    sfreq : float
        Hz.
    """
    n_times, length = eeg.shape[0], max(2, round(WINDOW_S * sfreq))
    n_windows = max(1, n_times // length)
    edges = [*range(0, n_windows * length, length), n_times]
    return union(
        (start, stop)
        for start, stop in pairwise(edges)
        if out_of_bounds(eeg[None, start:stop], reject_uv=reject_uv, flat_uv=flat_uv)[0]
    )


def true_spans(mask: NDArray[np.bool_]) -> list[Span]:
    """Stretches of True as spans."""
    return [(int(start), int(stop)) for start, stop in runs(mask)]


def in_pieces(recording: Recording, bad: Sequence[Sequence[Span]]) -> Recording:
    """Cut bad spans out of the trials; a trial of which nothing is left is gone.

    Parameters
    ----------
    recording : Recording
        Streams run sample by sample with the EEG.
    bad : sequence of sequence of (int, int)
        For each trial, in samples from its first one.
    """
    out: list[Trial] = []
    for trial, spans in zip(recording.trials, bad, strict=True):
        for start, stop in pieces((0, trial.eeg.shape[0]), spans):
            streams = {name: stream[start:stop] for name, stream in trial.streams.items()}
            start_s = trial.start_s + start / recording.sfreq
            out.append(replace(trial, eeg=trial.eeg[start:stop], streams=streams, start_s=start_s))
    return replace(recording, trials=tuple(out))


def clean_pieces(recording: Recording, bad: Sequence[Sequence[Span]] | None) -> list[FloatArray]:
    """Views of the EEG outside BAD spans."""
    spans = [()] * len(recording.trials) if bad is None else bad
    return [
        trial.eeg[start:stop]
        for trial, own in zip(recording.trials, spans, strict=True)
        for start, stop in pieces((0, trial.eeg.shape[0]), own)
    ]


def n_samples(spans: Iterable[Span]) -> int:
    """Samples in spans that do not overlap."""
    return sum(stop - start for start, stop in spans)
