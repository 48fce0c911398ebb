"""Settings of the envelope-following study.

The published study's preprocessing, electrodes and exact formulae are not available (only its abstract is),
so no default here is claimed as theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings, StudyConfig


class SimulatedInput(Settings):
    """Listeners whose auditory path is known: the offline default."""

    kind: Literal["simulated"] = "simulated"
    n_listeners: int = Field(default=2, ge=1, le=200)
    """Recordings."""
    n_channels: int = Field(default=16, ge=2, le=64)
    """Electrodes, taken from the 10-20 system from front to back."""
    duration_s: float = Field(default=300.0, ge=20)
    """Length of a recording in seconds."""
    sfreq: float = Field(default=256.0, ge=64)
    """Sampling rate in Hz."""
    stimulus: Literal["speech", "noise"] = "speech"
    """Envelope that is heard: syllables with a voice pitch, or equal power at all frequencies."""
    strength: float = Field(default=1.0, ge=0)
    """Response relative to a plausible one; 0 makes a null."""
    mains_hz: Literal[50, 60] = 50
    """Mains frequency of the simulated pickup."""


class SimulatedSweepsInput(Settings):
    """Listeners who hear one short sound again and again: an ASSR or FFR whose size is known."""

    kind: Literal["simulated_sweeps"] = "simulated_sweeps"
    n_listeners: int = Field(default=1, ge=1, le=200)
    """Recordings."""
    n_channels: int = Field(default=8, ge=1, le=64)
    """Electrodes."""
    sfreq: float = Field(default=512.0, ge=64)
    """Sampling rate in Hz."""
    modulation_hz: float = Field(default=40.0, gt=0)
    """Modulation rate or F0 of the sound; must complete whole cycles in a sweep."""
    glide_hz: float = Field(default=0.0, ge=0)
    """F0 swings by this much about its mean within each sweep, once up and once down."""
    n_sweeps: int = Field(default=200, ge=10)
    """Repetitions; every other one upside down, labelled ``positive`` and ``negative``."""
    sweep_s: float = Field(default=1.0, gt=0)
    """Length of the sound and of a sweep in seconds."""
    envelope_uv: float = Field(default=0.4, ge=0)
    """Amplitude of the response to the envelope in the best channel, in microvolts; 0 makes a null."""
    fine_structure_uv: float = Field(default=0.0, ge=0)
    """Amplitude of the response to the fine structure, at the fourth harmonic."""
    delay_s: float = Field(default=0.007, ge=0)
    """Latency of the response."""


class Played(Settings):
    """What was heard during recordings, and when it began."""

    stimuli: tuple[Path, ...] = ()
    """Sounds (wav) or envelopes (npy, at `envelope_sfreq`): one for all recordings, or one for each of
    `stimuli_by`. For ``cnd`` the dataStim file; for ``kul`` the folder of the sounds, when the files hold no
    envelopes."""
    stimuli_by: Literal["recording", "trigger"] = "recording"
    """What several stimuli belong to, in order: the recordings, or `triggers`, each the start of its own."""
    align: Literal["auto", "start", "trigger", "audio"] = "auto"
    """``start``: sound and recording begin together; ``trigger``: at each of `triggers`; ``audio``: where the
    sound is found in `audio_channel` by cross-correlation of their envelopes. ``auto``: by audio where a channel
    and stimuli are named, at `triggers` where they are, else at the recording's events if they are of one kind,
    and at its start if it has none; of several kinds one must be named."""
    triggers: tuple[str, ...] = ()
    """Trigger codes or annotation texts at which a sound starts. A number is a value of the trigger channel
    or, without such a channel, the number in an annotation (``7`` finds ``Stimulus/S  7``)."""
    audio_channel: str = ""
    """Channel of the recording that holds the sound. Without `stimuli` its own envelope is the stimulus."""
    trial_s: float | None = Field(default=None, gt=0)
    """Analysed from each onset, in seconds; to the sound's end when absent, at most to the next onset."""
    envelope_sfreq: float = Field(default=512.0, gt=0)
    """Sampling rate of npy envelopes, in Hz."""
    unit: Literal["auto", "V", "uV", "arbitrary"] = "auto"
    """Of the EEG. ``auto``: as the file says, and microvolts for MATLAB layouts; ``uV``: microvolts in a file
    that does not say so; ``arbitrary``: not volts, units are not checked."""

    @property
    def told_by(self) -> Literal["start", "trigger", "audio", "events"]:
        """What tells onsets: `align`, ``auto`` decided as far as settings can; ``events``: the recording's."""
        if self.align != "auto":
            return self.align
        if self.triggers:
            return "trigger"
        if self.audio_channel:  # a sound recorded along with the EEG, without another, is aligned as it is
            return "audio" if self.stimuli else "start"
        return "events"

    @model_validator(mode="after")
    def _onsets_are_told(self) -> Self:
        if self.align == "trigger" and not self.triggers:
            raise ValueError("triggers must name a code or text when align is trigger; got none")
        if self.triggers and self.told_by != "trigger":
            got = ", ".join(self.triggers)
            raise ValueError(f"triggers must be left out when align is {self.align}; got {got}")
        if self.align == "audio" and not (self.audio_channel and self.stimuli):
            got = f"{self.audio_channel or 'none'} and {len(self.stimuli)} stimuli"
            raise ValueError(f"audio_channel and stimuli must be named when align is audio; got {got}")
        by_trigger = self.stimuli_by == "trigger"
        if by_trigger and (self.told_by != "trigger" or len(self.stimuli) != len(self.triggers)):
            got = f"{len(self.stimuli)} for {len(self.triggers)} triggers, align {self.align}"
            raise ValueError(f"stimuli must be one for each of triggers, and align trigger; got {got}")
        return self


class FilesInput(Played):
    """Recordings on disk, each with what was played."""

    kind: Literal["files"] = "files"
    recordings: tuple[Path, ...] = Field(min_length=1)
    """BDF, EDF, BrainVision, EEGLAB, FIF or GDF files (continuous); FIF or EEGLAB files of epochs; MATLAB files
    of the layouts below."""
    layout: Literal["continuous", "epochs", "kul", "dtu", "cnd"] = "continuous"
    """``continuous``: align to `stimuli`; ``epochs``: each begins with its sound at time 0; the others bring their
    own envelopes (`stream` picks one)."""
    stream: str = "attended"
    """Stream of a layout that holds several (for ``cnd`` the name of a feature)."""


class BidsInput(Played):
    """Recordings of a BIDS data set; needs the extra ``eeg``."""

    kind: Literal["bids"] = "bids"
    root: Path
    """Folder of the data set."""
    subjects: tuple[str, ...] = Field(min_length=1)
    """Labels, without ``sub-``."""
    task: str
    """Task label."""
    session: str | None = None
    """Session label, without ``ses-``."""
    run: str | None = None
    """Run label, without ``run-``."""


class EnvelopeSettings(Settings):
    """How a sound becomes an envelope."""

    method: Literal["gammatone", "hilbert", "rms"] = "gammatone"
    """Compressed gammatone bands, broad-band Hilbert magnitude, or root mean square."""
    power: float = Field(default=0.6, gt=0, le=1)
    """Compression."""


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

    mains_hz: Literal[0, 50, 60] = 50
    """Mains frequency; 0 masks nothing."""
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

    input: Annotated[
        SimulatedInput | SimulatedSweepsInput | FilesInput | BidsInput, Field(discriminator="kind")
    ] = SimulatedInput()
    """What was recorded while what was heard."""
    following: bool = True
    """Analyse spectra, transfer function, coherence and coupling; off for short repeated sounds, which only
    `steady_state` tests."""
    positions: tuple[str, ...] = ()
    """Channels analysed (the published study has four, unnamed); all when empty."""
    sfreq: float = Field(default=512.0, ge=64)
    """Recordings at a higher rate are resampled to this one, in Hz."""
    reference: Literal["none", "average", "channels"] = "none"
    """Leave as recorded, or subtract the average of all EEG channels or of `reference_channels`."""
    reference_channels: tuple[str, ...] = ()
    """Such as both mastoids; they are left out of the analysis."""
    envelope: EnvelopeSettings = EnvelopeSettings()
    """Sound to envelope."""
    spectrum: SpectrumSettings = SpectrumSettings()
    """Transform and transfer function."""
    mains: MainsSettings = MainsSettings()
    """Mains and notch filters."""
    significance: SignificanceSettings = SignificanceSettings()
    """Surrogates, intervals, false discoveries."""
    steady_state: SteadyStateSettings | None = None
    """Also test a modulation rate or F0, sweep by sweep."""
    humans: str = ""
    """Listeners whom these are set beside, such as another laboratory's: a CSV file of persons (columns in
    docs/efr.md); nobody when empty, as no single listeners have been published with the study."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.positions)) != len(self.positions):
            raise ValueError(f"positions must be different channels; got {', '.join(self.positions)}")
        if self.following and len(self.positions) == 1:
            raise ValueError("positions must be empty or name at least two channels, unless following is off")
        if (self.reference == "channels") != bool(self.reference_channels):
            raise ValueError("reference_channels must be named when reference is channels, and only then")
        if not self.following and self.steady_state is None:
            raise ValueError("steady_state must be given when following is off")
        source = self.input
        simulated = isinstance(source, SimulatedInput | SimulatedSweepsInput)
        rate = min(self.sfreq, source.sfreq) if simulated else self.sfreq
        if self.following and self.spectrum.high_hz >= rate / 2:
            got = f"{self.spectrum.high_hz:g} Hz"
            raise ValueError(
                f"spectrum.high_hz must lie below half of the sampling rate, {rate / 2:g} Hz; got {got}"
            )
        self._check_sounds()
        return self

    def _check_sounds(self) -> None:
        """Stimuli fit recordings, and inverted sweeps fit triggers."""
        source = self.input
        if isinstance(source, FilesInput | BidsInput):
            n = len(source.recordings) if isinstance(source, FilesInput) else len(source.subjects)
            if source.stimuli_by == "recording" and len(source.stimuli) not in (0, 1, n):
                got = f"{len(source.stimuli)} for {n} recordings"
                raise ValueError(f"input.stimuli must be one for all recordings or one for each; got {got}")
            inverted = self.steady_state.inverted if self.steady_state else ()
            if not set(inverted) <= set(source.triggers):
                raise ValueError(
                    f"steady_state.inverted must be among input.triggers; got {', '.join(inverted)}"
                )
