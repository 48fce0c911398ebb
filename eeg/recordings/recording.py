"""EEG of one listener, cut into trials that keep their units, labels and the streams that were played.

Everything downstream works on arrays of shape (n_times, n_channels) in volts. This module filters and
resamples each trial by itself, so that no trial's edge reaches its neighbour, and refuses damaged data by
naming subject, trial and channel. `readers` reads file formats, `alignment` finds when trials began and cuts
them out of continuous recordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from cogattn.eeg.recordings.bad_channels import equal_columns, flat_columns
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

LARGEST_SD_V = 1e-2
"""No scalp EEG varies by more than 10 mV within a trial; microvolts given as volts vary by several volts."""
SMALLEST_SD_V = 1e-9
"""No amplifier is quieter than 1 nV; volts given as microvolts are."""


@dataclass(frozen=True)
class Trial:
    """A stretch of EEG and what was played during it.

    Parameters
    ----------
    eeg : array, shape (n_times, n_channels)
        Volts, unless the recording says otherwise.
    name : str
        Unique within the recording, but for the pieces of one trial (around what was left out), which share it.
    streams : mapping of str to array, shape (n_times, ...)
        What was played, sample by sample with the EEG: ``attended``, ``unattended``, ``stimulus``.
    labels : mapping of str to str
        Facts about the trial: ``story``, ``speaker``, ``side``, ``block``, ``condition``.
    start_s : float
        Where this piece begins, in seconds from the trial's onset.
    onset_s : float
        The trial's onset, in seconds from the recording's start; NaN where unknown.
    """

    eeg: FloatArray
    name: str
    streams: Mapping[str, FloatArray] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    start_s: float = 0.0
    onset_s: float = math.nan


@dataclass(frozen=True)
class Recording:
    """All trials of one subject in one session.

    Parameters
    ----------
    subject : str
        Named in every error.
    sfreq : float
        Sampling rate of EEG and streams in Hz.
    channels : tuple of str
        Names of the EEG channels, in column order.
    trials : tuple of Trial
        At least one sample each; their lengths may differ.
    unit : {"V", "arbitrary"}
        ``arbitrary`` (z-scored or otherwise normalised data) switches off the check of units.
    intake : Intake
        How it came in, and what was lost on the way.
    """

    subject: str
    sfreq: float
    channels: tuple[str, ...]
    trials: tuple[Trial, ...]
    unit: Literal["V", "arbitrary"] = "V"
    intake: Intake = field(default_factory=Intake)

    @property
    def eeg(self) -> list[FloatArray]:
        """The trials' EEG, each (n_times, n_channels)."""
        return [trial.eeg for trial in self.trials]

    def stream(self, name: str) -> list[FloatArray]:
        """The stream `name` of every trial; DataError where a trial lacks it."""
        for trial in self.trials:
            if name not in trial.streams:
                raise DataError(
                    f"every trial must hold the stream {name!r}; got {sorted(trial.streams)} "
                    f"(subject {self.subject}, {trial.name})"
                )
        return [trial.streams[name] for trial in self.trials]

    def checked(self) -> Recording:
        """Return the recording itself, or raise DataError naming subject, trial and channel.

        Faults are: no trial, NaN or infinite samples, a flat channel, two equal channels, a stream that is
        not exactly as long as its EEG, and amplitudes that cannot be volts.
        """
        if not self.trials:
            raise DataError(f"a recording must hold at least one trial; got none (subject {self.subject})")
        for trial in self.trials:
            where = f"subject {self.subject}, {trial.name}"
            check_eeg(trial.eeg, channels=self.channels, where=where)
            if self.unit == "V":
                check_volts(trial.eeg, where=where)
            for name, stream in trial.streams.items():
                check_stream(stream, trial.eeg.shape[0], name=name, where=where)
        return self

    def picked(self, channels: Sequence[str]) -> Recording:
        """Return the recording with these channels only, in this order; DataError for an unknown one."""
        unknown = [name for name in channels if name not in self.channels]
        if unknown:
            raise DataError(
                f"channels must be among the recording's; got {unknown[0]!r} (subject {self.subject} has "
                f"{', '.join(self.channels[:8])}{', ...' if len(self.channels) > 8 else ''})"
            )
        columns = [self.channels.index(name) for name in channels]
        return replace(self._with_eeg(lambda eeg: eeg[:, columns]), channels=tuple(channels))

    def referenced(self, channels: Sequence[str] | Literal["average"] = "average") -> Recording:
        """Return the recording minus the mean of the reference channels, sample by sample."""
        names = self.channels if channels == "average" else tuple(channels)
        reference = self.picked(names)
        trials = tuple(
            replace(trial, eeg=trial.eeg - ref.eeg.mean(axis=1, keepdims=True))
            for trial, ref in zip(self.trials, reference.trials, strict=True)
        )
        return replace(self, trials=trials)

    def filtered(
        self,
        low_hz: float | None,
        high_hz: float | None,
        *,
        causal: bool = False,
        streams: Sequence[str] = (),
    ) -> Recording:
        """Band-pass each trial by itself with mne's FIR filter (zero phase unless `causal`).

        Parameters
        ----------
        low_hz, high_hz : float or None
            Pass band in Hz; None leaves that side open.
        causal : bool
            Minimum-phase filter, for comparison with online use.
        streams : sequence of str
            Streams that get the same filter.

        Raises
        ------
        DataError
            If a trial is shorter than the filter, whose transient would then fill it. Pieces that are (around what
            was left out) are dropped and counted in `intake`.
        """
        kept = self._outlasting(_filter_length(self.sfreq, low_hz, high_hz, causal=causal))

        def apply(data: FloatArray, trial: Trial) -> FloatArray:
            return _bandpass(
                data,
                self.sfreq,
                low_hz,
                high_hz,
                causal=causal,
                where=f"subject {self.subject}, {trial.name}",
            )

        return replace(kept, trials=tuple(_mapped(trial, apply, streams) for trial in kept.trials))

    def _outlasting(self, n_times: int) -> Recording:
        """Without pieces that are shorter than a filter, where pieces were made; all trials otherwise."""
        short = [trial for trial in self.trials if len(trial.eeg) < n_times]
        if not short or not self.intake.lost_s or len(short) == len(self.trials):
            return self
        left = tuple(trial for trial in self.trials if len(trial.eeg) >= n_times)
        gone = {trial.name for trial in short} - {trial.name for trial in left}
        lost_s = sum(len(trial.eeg) for trial in short) / self.sfreq
        intake = replace(
            self.intake,
            lost_s=self.intake.lost_s + lost_s,
            lost_trials=self.intake.lost_trials + len(gone),
        )
        return replace(self, trials=left, intake=intake)

    def resampled(self, sfreq: float) -> Recording:
        """Resample EEG and streams of each trial by itself to `sfreq` Hz, with an anti-alias filter.

        Every array gets ``round(n_times * sfreq / self.sfreq)`` samples; the trial's ends are extended by
        their edge values while filtering.
        """
        if sfreq == self.sfreq:
            return self

        def apply(data: FloatArray, _: Trial) -> FloatArray:
            return resample(data, self.sfreq, sfreq)

        every = sorted({name for trial in self.trials for name in trial.streams})
        return replace(self, sfreq=float(sfreq), trials=tuple(_mapped(t, apply, every) for t in self.trials))

    def _with_eeg(self, change: Callable[[FloatArray], FloatArray]) -> Recording:
        return replace(self, trials=tuple(replace(trial, eeg=change(trial.eeg)) for trial in self.trials))


def check_eeg(eeg: FloatArray, *, channels: Sequence[str] | None = None, where: str = "eeg") -> None:
    """Raise DataError unless `eeg` is finite, of shape (n_times, n_channels), without flat or equal channels.

    Parameters
    ----------
    eeg : array, shape (n_times, n_channels)
        Any unit.
    channels : sequence of str, optional
        Names for the message; the column number when absent.
    where : str
        Ends the message, such as "subject S3, trial 12".
    """
    if eeg.ndim != 2 or not np.issubdtype(eeg.dtype, np.floating):
        raise DataError(
            "eeg must be real numbers of shape (n_times, n_channels); "
            f"got {eeg.dtype} of shape {eeg.shape} ({where})"
        )
    n_times, n_channels = eeg.shape
    if n_times < 2 or n_channels < 1:
        raise DataError(f"eeg must hold at least 2 samples and 1 channel; got shape {eeg.shape} ({where})")
    if channels is not None and len(channels) != n_channels:
        raise DataError(
            f"channels must name every column; got {len(channels)} names for {n_channels} ({where})"
        )

    def name(column: int) -> str:
        return f"channel {channels[column] if channels is not None else column}"

    check_finite(eeg, channels=channels, where=where)
    if flat := flat_columns(eeg):
        raise DataError(
            f"every channel must vary; got a flat one ({where}, {name(flat[0])}); interpolate or drop it"
        )
    if equal := equal_columns(eeg):
        first, second = equal[0]
        raise DataError(f"channels must differ; got equal ones ({where}, {name(first)} and {name(second)})")


def check_finite(eeg: FloatArray, *, channels: Sequence[str] | None = None, where: str = "eeg") -> None:
    """Raise DataError for NaN or infinity in `eeg` (n_times, n_channels), naming sample and channel."""
    finite = np.isfinite(eeg)
    if not finite.all():
        sample, column = np.argwhere(~finite)[0]
        name = f"channel {column if channels is None else channels[column]}"
        raise DataError(f"eeg must be finite; got {eeg[sample, column]} at sample {sample} ({where}, {name})")


def check_volts(eeg: FloatArray, *, where: str = "eeg") -> None:
    """Raise DataError where the median channel's variation cannot be volts (usually they are microvolts)."""
    sd = float(np.median(eeg.std(axis=0)))
    if sd > LARGEST_SD_V:
        raise DataError(
            f"eeg must be in volts; got a median standard deviation of {sd:.3g} V ({where}); these look like "
            "microvolts: multiply by 1e-6 or give unit='uV'"
        )
    if sd < SMALLEST_SD_V:
        raise DataError(
            f"eeg must be in volts; got a median standard deviation of {sd:.3g} V ({where}); "
            "was it scaled twice?"
        )


def check_stream(stream: FloatArray, n_times: int, *, name: str, where: str) -> None:
    """Raise DataError unless `stream` is finite, varies, and has exactly `n_times` samples."""
    if stream.ndim < 1 or stream.shape[0] != n_times:
        length = stream.shape[0] if stream.ndim else 0
        hint = "; are their sampling rates equal?" if abs(length - n_times) > 0.02 * n_times else ""
        raise DataError(
            f"{name} must have as many samples as its EEG; got {length} for {n_times} ({where}){hint}"
        )
    if not np.isfinite(stream).all():
        raise DataError(f"{name} must be finite; got NaN or infinity ({where})")
    if not np.ptp(stream, axis=0).all():
        raise DataError(f"{name} must vary; got a constant ({where})")


def resample(data: FloatArray, sfreq: float, new_sfreq: float) -> FloatArray:
    """Resample the first axis from `sfreq` to `new_sfreq` Hz: ``round(n * new_sfreq / sfreq)`` samples.

    Rational ratios use scipy's polyphase filter with the ends held at their edge values; a ratio with a term
    above 4096 uses mne's Fourier method.
    """
    from fractions import Fraction

    ratio = Fraction(float(new_sfreq)).limit_denominator(10**6) / Fraction(float(sfreq)).limit_denominator(
        10**6
    )
    n_out = round(data.shape[0] * ratio)
    if max(ratio.numerator, ratio.denominator) <= 4096:
        from scipy.signal import resample_poly

        out = resample_poly(data, ratio.numerator, ratio.denominator, axis=0, padtype="edge")
    else:
        from mne.filter import resample as mne_resample

        out = mne_resample(
            np.asarray(data, dtype=np.float64), up=float(ratio), axis=0, pad="edge", verbose="error"
        )
    short = n_out - out.shape[0]
    return out[:n_out] if short <= 0 else np.concatenate([out, np.repeat(out[-1:], short, axis=0)])


def _mapped(trial: Trial, change: Callable[[FloatArray, Trial], FloatArray], streams: Sequence[str]) -> Trial:
    """Apply `change` to a trial's EEG and to these of its streams."""
    changed = {name: change(data, trial) if name in streams else data for name, data in trial.streams.items()}
    return replace(trial, eeg=change(trial.eeg, trial), streams=changed)


def _filter_length(sfreq: float, low_hz: float | None, high_hz: float | None, *, causal: bool) -> int:
    """Taps of mne's FIR filter."""
    from mne.filter import create_filter

    phase: Literal["zero", "minimum"] = "minimum" if causal else "zero"
    return create_filter(None, sfreq, low_hz, high_hz, phase=phase, verbose="error").size


def _bandpass(
    data: FloatArray,
    sfreq: float,
    low_hz: float | None,
    high_hz: float | None,
    *,
    causal: bool,
    where: str,
) -> FloatArray:
    """mne's FIR filter along the first axis, edges reflected; refuses a filter that outlasts the data."""
    from mne.filter import filter_data

    phase: Literal["zero", "minimum"] = "minimum" if causal else "zero"
    taps = _filter_length(sfreq, low_hz, high_hz, causal=causal)
    if taps > data.shape[0]:
        raise DataError(
            f"a trial must outlast the filter's {taps / sfreq:.3g} s; got {data.shape[0] / sfreq:.3g} s "
            f"({where}); filter before cutting, or raise low_hz"
        )
    columns = np.ascontiguousarray(data.reshape(data.shape[0], -1).T, dtype=np.float64)
    out = filter_data(columns, sfreq, low_hz, high_hz, phase=phase, copy=False, verbose="error")
    return np.ascontiguousarray(out.T).reshape(data.shape)
