"""Settings of the envelope-following study.

The published study's preprocessing, electrodes and exact formulae are not available (only its abstract is),
so no default here is claimed as theirs.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.eeg.encoding.config import EncodingSettings, FrontEnds
from cogattn.eeg.recordings.config import (
    Cleaning,
    EnvelopeSettings,
    Files,
    Played,
    SimulatedPath,
    SimulatedSweeps,
    Source,
)


class SpectrumSettings(Settings):
    """The short-time transform that every estimate is made from."""

    estimator: Literal["welch", "multitaper"] = "welch"
    """``welch``: overlapping Hann windows; ``multitaper``: DPSS tapers, smoother over frequency."""
    segment_s: float = Field(default=4.0, gt=0)
    """Length of a segment in seconds; bins are its inverse apart."""
    overlap: float = Field(default=0.5, ge=0, le=0.9)
    """Of Welch's segments."""
    half_bandwidth_hz: float = Field(default=1.0, gt=0)
    """Of the multitaper estimate."""
    low_hz: float = Field(default=2.0, gt=0)
    """Lowest analysed frequency."""
    high_hz: float = Field(default=110.0, gt=0)
    """Highest analysed frequency."""
    ridge: float = Field(default=1e-6, ge=0)
    """Regularisation of the transfer function, in parts of the envelope's mean power density."""
    smooth: bool = True
    """Smooth the transfer function over frequency as far as a response between the two lags below allows
    (Welch's only)."""
    lag_low_s: float = -0.1
    """The response to a click is taken to begin after this lag in seconds, ..."""
    lag_high_s: float = Field(default=0.4, gt=0)
    """... and to be over at this one."""
    stretch_s: float = Field(default=60.0, gt=0)
    """Resolution in time of the time-varying transfer function, in seconds."""

    @model_validator(mode="after")
    def _band_rises(self) -> Self:
        if self.high_hz - self.low_hz < 4 / self.segment_s:
            got = f"{self.low_hz:g} and {self.high_hz:g} Hz with {self.segment_s:g} s"
            raise ValueError(f"high_hz must exceed low_hz by four bins, 4 / segment_s; got {got}")
        width_s = self.lag_high_s - self.lag_low_s
        reach_s = max(self.lag_high_s, -self.lag_low_s) + 0.2 * width_s
        if self.smooths and (width_s <= 0 or reach_s > 0.4 * self.segment_s):
            got = f"{self.lag_low_s:g} and {self.lag_high_s:g} s with {self.segment_s:g} s"
            raise ValueError(f"lag_low_s and lag_high_s must rise and stay well within segment_s; got {got}")
        return self

    @property
    def smooths(self) -> bool:
        """Whether the transfer function is smoothed; multitaper does it by its bandwidth alone."""
        return self.smooth and self.estimator == "welch"


class MainsSettings(Settings):
    """What is kept out of every claim."""

    mains_hz: Literal["auto", 0, 50, 60] = "auto"
    """Mains frequency, masked with its harmonics; of the other frequency what is found is masked too. ``auto``: the
    one that is found, or both; 0: nothing is masked. Steady-state tests beware of both, whatever is set."""
    half_width_hz: float = Field(default=1.0, gt=0)
    """Half of the masked width of a line; notch filters are found and masked with their edges."""
    edge_hz: float = Field(default=1.0, ge=0)
    """Masked beyond each edge of a notch."""


class SignificanceSettings(Settings):
    """Chance levels and intervals."""

    surrogates: Literal["shift", "phase"] = "shift"
    """``shift``: every circular shift of the envelope; ``phase``: phase-shuffled envelopes."""
    n_shuffles: int = Field(default=100, ge=19)
    """Number of phase-shuffled envelopes."""
    min_shift_s: float = Field(default=5.0, gt=0)
    """Smallest circular shift, in seconds."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """False-discovery rate over channels and frequencies, and false-band rate."""
    dependent: bool = False
    """Hold the false-discovery rate under any dependence (Benjamini-Yekutieli)."""
    n_bootstrap: int = Field(default=200, ge=50)
    """Bootstrap samples behind every 95 % interval."""
    block_s: float = Field(default=10.0, gt=0)
    """Trials are resampled in blocks of this length, in longer ones where there would be over 60."""


class SteadyStateSettings(Settings):
    """A rate to test in sweeps cut from the recording: ASSR, EFR to tones, FFR at F0."""

    modulation_hz: float = Field(gt=0)
    """Modulation rate or F0 in Hz."""
    n_harmonics: int = Field(default=3, ge=1, le=40)
    """Harmonics tested, the rate itself included."""
    sweep_s: float = Field(default=1.0, gt=0)
    """Length of a sweep: whole cycles of the rate, whole samples."""
    start_s: float = Field(default=0.0, ge=0)
    """Left out at the start of every trial (the onset response), in seconds."""
    n_side: int = Field(default=10, ge=2)
    """Neighbouring bins on each side for F-test and signal-to-noise ratio of the average."""
    alternating: bool = False
    """Every other sweep heard the sound upside down: test envelope and fine structure apart."""
    inverted: tuple[str, ...] = ()
    """Those of the input's triggers at which the sound was upside down: the same, told by the triggers."""
    f0_low_hz: float | None = Field(default=None, gt=0)
    """Track F0 of stimulus and average response from this frequency on; needs the stimulus."""
    f0_high_hz: float | None = Field(default=None, gt=0)
    """Highest F0 that is searched."""
    f0_window_s: float = Field(default=0.04, gt=0)
    """Window of the tracking: two periods of the lowest F0 or more."""
    delay_s: float = Field(default=0.007, ge=0)
    """Latency that tracking allows the response."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.alternating and self.inverted:
            got = ", ".join(self.inverted)
            raise ValueError(f"alternating and inverted must not both be given; got inverted {got}")
        low, high = self.f0_low_hz, self.f0_high_hz
        if (low is None) != (high is None) or (low is not None and high is not None and low >= high):
            raise ValueError(f"f0_low_hz and f0_high_hz must both be given and rise; got {low} and {high}")
        if low is not None and self.f0_window_s * low < 2:
            got = f"{self.f0_window_s:g} s with {low:g} Hz"
            raise ValueError(f"f0_window_s must hold two periods of f0_low_hz; got {got}")
        return self


class EfrConfig(StudyConfig):
    """All settings of the study."""

    recordings: Source = SimulatedPath()
    """What was recorded while what was heard."""
    talker: Literal["attended", "unattended"] = "attended"
    """Of recordings of two talkers, whose sound is the stimulus."""
    cleaning: Cleaning = Cleaning()
    """Channels (the published study has four, unnamed), reference, what is left out."""
    envelope: EnvelopeSettings = EnvelopeSettings()
    """Sound to envelope."""
    following: bool = True
    """Analyse spectra, transfer function, coherence and coupling; off for short repeated sounds, which only
    `steady_state` tests."""
    sfreq: float = Field(default=512.0, ge=64)
    """Recordings at a higher rate are resampled to this one, in Hz."""
    spectrum: SpectrumSettings = SpectrumSettings()
    """Transform and transfer function."""
    mains: MainsSettings = MainsSettings()
    """Mains and notch filters."""
    significance: SignificanceSettings = SignificanceSettings()
    """Surrogates, intervals, false discoveries."""
    steady_state: SteadyStateSettings | None = None
    """Also test a modulation rate or F0, sweep by sweep."""
    models: FrontEnds = ()
    """Audio front ends whose layers' modulation transfer is set beside the listeners': ``gammatone``, ``spectrogram``,
    names of timm's networks, ``module:factory`` of your own."""
    encoding: EncodingSettings = EncodingSettings()
    """How front ends hear."""
    humans: str = ""
    """Listeners whom these are set beside, such as another laboratory's: a CSV file of persons (columns in
    docs/efr.md); nobody when empty, as no single listeners have been published with the study."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.following and len(self.cleaning.channels) == 1:
            raise ValueError(
                "cleaning.channels must be empty or name at least two channels, unless following is off"
            )
        if not self.following and self.steady_state is None:
            raise ValueError("steady_state must be given when following is off")
        source = self.recordings
        simulated = isinstance(source, SimulatedPath | SimulatedSweeps)
        rate = min(self.sfreq, source.sfreq) if simulated else self.sfreq
        if self.following and self.spectrum.high_hz >= rate / 2:
            got = f"{self.spectrum.high_hz:g} Hz"
            raise ValueError(
                f"spectrum.high_hz must lie below half of the sampling rate, {rate / 2:g} Hz; got {got}"
            )
        inverted = self.steady_state.inverted if self.steady_state else ()
        averages = isinstance(source, Files) and source.content == "averages"
        if isinstance(source, Played) and not averages and not set(inverted) <= set(source.triggers):
            raise ValueError(
                f"steady_state.inverted must be among recordings.triggers; got {', '.join(inverted)}"
            )
        return self
