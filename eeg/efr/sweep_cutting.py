"""Cutting trials into sweeps, in phase with the sound, and counting every sweep that is lost.

A sweep begins at a whole number of sweeps from its trial's onset, in every piece of the trial. One that lacks a single
sample, because two onsets were rounded towards each other, gets its last sample twice. Sweeps in which a channel moves
too much or too little, peak to peak, are left out one by one, as `mne.Epochs` does by ``reject`` and ``flat``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.efr.config import SteadyStateSettings
from cogattn.eeg.efr.sweeps import polarity_pair
from cogattn.eeg.recordings.bad_spans import out_of_bounds
from cogattn.eeg.recordings.places import CONDITION
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

AS_RECORDED, ENVELOPE, FINE_STRUCTURE = "as recorded", "envelope", "fine structure"
"""Names of responses."""
LEAST_SWEEPS = 10


@dataclass(frozen=True)
class Sweeps:
    """Sweeps of one recording, in order of time.

    Parameters
    ----------
    eeg : array, shape (n_sweeps, n_channels, n_times)
        Those that are used.
    inverted : bool array, shape (n_sweeps,)
        The sound was upside down.
    onsets_s : array, shape (n_sweeps,)
        When each began in the recording; trials whose onset is not known are taken to begin at 0.
    lost : mapping of str to int
        Sweeps there were, by what took them: ``short`` (a trial shorter than a sweep), ``bad`` (around what was
        marked), ``rejected`` (peak to peak), ``unpaired`` (without one of the other polarity).
    fitting_s : float
        Longest whole number of cycles that fits into the trials that are too short; NaN where none is.
    """

    eeg: FloatArray
    inverted: NDArray[np.bool_]
    onsets_s: FloatArray
    lost: Mapping[str, int]
    fitting_s: float = float("nan")


def cut_sweeps(
    recording: Recording,
    settings: SteadyStateSettings,
    *,
    reject_uv: float | None = None,
    flat_uv: float | None = None,
) -> Sweeps:
    """Cut every trial into adjoining sweeps.

    Parameters
    ----------
    recording : Recording
        Volts, where sweeps are to be rejected.
    settings : SteadyStateSettings
        How long sweeps are, and which are inverted.
    reject_uv, flat_uv : float, optional
        Largest and smallest peak-to-peak amplitude of every channel in a sweep, in microvolts.

    Raises
    ------
    DataError
        If a sweep is not whole samples, fewer than `LEAST_SWEEPS` come out, or the order of polarities is broken.
    """
    n_times = sweep_samples(recording, settings)
    if settings.alternating and recording.intake.lost_trials:
        raise DataError(
            "steady_state.alternating must go with recordings that lost no trial, for the order tells polarities; got "
            f"{recording.intake.lost_trials} lost (subject {recording.subject}); tell them by inverted"
        )
    trials: dict[str, list[Trial]] = {}
    for piece in recording.trials:
        trials.setdefault(piece.name, []).append(piece)
    first = round(settings.start_s * recording.sfreq)
    found, short, presented = [], [], 0
    for pieces in trials.values():
        length = max(_offset(piece, recording) + len(piece.eeg) for piece in pieces) - first
        n_held = (length + 1) // n_times
        for piece in pieces:
            found += _sweeps_of(piece, recording, settings, n_times, presented)
        if not n_held:
            short.append(length)
        presented += max(1, n_held)
    stacked = np.stack([sweep.eeg for sweep in found]) if found else np.empty((0, n_times, 1))
    out = np.zeros(len(found), dtype=bool)
    if reject_uv is not None or flat_uv is not None:
        out = out_of_bounds(stacked, reject_uv=reject_uv, flat_uv=flat_uv)
    used = [sweep for sweep, leave in zip(found, out, strict=True) if not leave]
    lost = {"short": len(short), "bad": presented - len(short) - len(found), "rejected": int(out.sum())}
    if len(used) < LEAST_SWEEPS:
        taken = "".join(f"; {n} {why}" for why, n in lost.items() if n)
        raise DataError(
            f"a recording must hold at least {LEAST_SWEEPS} sweeps; got {len(used)} of {settings.sweep_s:g} s "
            f"(subject {recording.subject}{taken})"
        )
    inverted = np.array([sweep.inverted for sweep in used])
    unpaired = abs(len(used) - 2 * int(inverted.sum())) if inverted.any() else 0
    return Sweeps(
        eeg=stacked[~out].swapaxes(1, 2),
        inverted=inverted,
        onsets_s=np.array([sweep.onset_s for sweep in used]),
        lost=lost | {"unpaired": unpaired},
        fitting_s=_fitting_s(short, recording.sfreq, settings),
    )


class _Sweep(NamedTuple):
    eeg: FloatArray  # (n_times, n_channels)
    onset_s: float
    inverted: bool


def _offset(piece: Trial, recording: Recording) -> int:
    """Samples from the trial's onset to where a piece of it begins."""
    return round(piece.start_s * recording.sfreq)


def _sweeps_of(
    piece: Trial, recording: Recording, settings: SteadyStateSettings, n_times: int, presented: int
) -> Iterator[_Sweep]:
    """Whole sweeps of one piece; `presented` is how many there were before its trial."""
    first, offset = round(settings.start_s * recording.sfreq), _offset(piece, recording)
    index = max(0, -(-(offset - first) // n_times))
    while (begin := first + index * n_times - offset) + n_times <= len(piece.eeg) + 1:
        sweep = piece.eeg[begin : begin + n_times]
        if len(sweep) < n_times:
            sweep = np.concatenate([sweep, sweep[-1:]])
        odd = (presented + index) % 2 == 1
        inverted = odd if settings.alternating else piece.labels.get(CONDITION, "") in settings.inverted
        onset_s = np.nan_to_num(piece.onset_s) + (offset + begin) / recording.sfreq
        yield _Sweep(sweep, float(onset_s), inverted)
        index += 1


def _fitting_s(short: list[int], sfreq: float, settings: SteadyStateSettings) -> float:
    """Longest sweep of whole cycles and samples that all but the shortest trials hold; NaN where none are short."""
    if not short:
        return float("nan")
    room_s = float(np.quantile(short, 0.02)) / sfreq
    cycles = np.arange(1, int(room_s * settings.modulation_hz) + 1)
    samples = cycles * sfreq / settings.modulation_hz
    whole = cycles[np.abs(samples - np.round(samples)) < 1e-6 * samples]
    return float(whole[-1] / settings.modulation_hz) if len(whole) else float("nan")


def by_polarity(sweeps: NDArray, inverted: NDArray[np.bool_], subject: str) -> dict[str, NDArray]:
    """Sweeps as recorded, or pairs of them parted into envelope and fine structure.

    Raises
    ------
    DataError
        If one polarity has fewer than `LEAST_SWEEPS`.
    """
    if not inverted.any():
        return {AS_RECORDED: sweeps}
    positive, negative = sweeps[~inverted], sweeps[inverted]
    n = min(len(positive), len(negative))
    if n < LEAST_SWEEPS:
        raise DataError(
            f"each polarity must have at least {LEAST_SWEEPS} sweeps; got {len(positive)} and {len(negative)} "
            f"(subject {subject})"
        )
    pair = polarity_pair(positive[:n], negative[:n])
    return {ENVELOPE: pair.envelope, FINE_STRUCTURE: pair.fine_structure}


def sweeps_behind(response: str) -> int:
    """How many sweeps are behind one row of a response of `by_polarity`: a pair has two."""
    return 1 if response == AS_RECORDED else 2


def sweep_samples(recording: Recording, settings: SteadyStateSettings) -> int:
    """Samples in a sweep; DataError unless they are whole."""
    exact = settings.sweep_s * recording.sfreq
    if abs(exact - round(exact)) > 1e-6 * exact:
        raise DataError(
            f"steady_state.sweep_s must be whole samples; got {settings.sweep_s:g} s, {exact:.3f} samples at "
            f"{recording.sfreq:g} Hz"
        )
    return round(exact)
