"""Settings of the envelope-following study.

The published study's preprocessing, electrodes and exact formulae are not available (only its abstract is),
so no default here is claimed as theirs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

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


class FilesInput(Settings):
    """Recordings on disk, each with what was played."""

    kind: Literal["files"] = "files"
    recordings: tuple[Path, ...] = Field(min_length=1)
    """BDF, EDF, BrainVision, EEGLAB, FIF or GDF files (continuous); MATLAB files of the layouts below."""
    layout: Literal["continuous", "kul", "dtu", "cnd"] = "continuous"
    """``continuous``: align to `stimuli`; the others bring their own envelopes (`stream` picks one)."""
    stimuli: tuple[Path, ...] = ()
    """One sound (wav) or envelope (npy, at `envelope_sfreq`) for each recording, or one for all; for ``cnd``
    the dataStim file; for ``kul`` the folder of the sounds, when the files hold no envelopes."""
    align: Literal["start", "trigger", "audio"] = "start"
    """``start``: sound and recording begin together; ``trigger``: at each of `triggers`; ``audio``: where the
    sound is found in `audio_channel`."""
    triggers: tuple[str, ...] = ()
    """Trigger codes or annotation texts at which the sound starts."""
    audio_channel: str = ""
    """Channel of the recording that holds the sound. Without `stimuli` its own envelope is the stimulus."""
    stream: str = "attended"
    """Stream of a layout that holds several."""
    envelope_sfreq: float = Field(default=512.0, gt=0)
    """Sampling rate of npy envelopes, in Hz."""
    unit: Literal["V", "uV", "arbitrary"] = "V"
    """``uV`` for files that hold microvolts without saying so."""


class BidsInput(Settings):
    """Recordings of a BIDS data set; needs the extra ``eeg``."""

    kind: Literal["bids"] = "bids"
    root: Path
    """Folder of the data set."""
    subjects: tuple[str, ...] = Field(min_length=1)
    """Labels, without ``sub-``."""
    task: str
    """Task label."""
    stimulus: Path
    """Sound (wav) or envelope (npy) that every subject heard."""
    triggers: tuple[str, ...] = ()
    """Event texts at which it starts; the recording's start when there is none."""
    envelope_sfreq: float = Field(default=512.0, gt=0)
    """Sampling rate of an npy envelope, in Hz."""


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
    stretch_s: float = Field(default=60.0, gt=0)
    """Resolution in time of the time-varying transfer function, in seconds."""

    @model_validator(mode="after")
    def _band_rises(self) -> Self:
        if self.high_hz - self.low_hz < 4 / self.segment_s:
            raise ValueError("spectrum.high_hz must exceed spectrum.low_hz by several bins (1 / segment_s)")
        return self


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
    """A modulation rate to test in sweeps cut from the recording (ASSR, EFR to tones)."""

    modulation_hz: float = Field(gt=0)
    """Modulation rate in Hz."""
    n_harmonics: int = Field(default=3, ge=1, le=20)
    """Harmonics tested, the rate itself included."""
    sweep_s: float = Field(default=1.0, gt=0)
    """Length of a sweep: whole cycles of the modulation rate, whole samples."""
    n_side: int = Field(default=10, ge=2)
    """Neighbouring bins on each side for F-test and signal-to-noise ratio of the average."""


class EfrConfig(StudyConfig):
    """All settings of the study."""

    input: Annotated[SimulatedInput | FilesInput | BidsInput, Field(discriminator="kind")] = SimulatedInput()
    """What was recorded while what was heard."""
    positions: tuple[str, ...] = ()
    """Channels analysed (the published study has four, unnamed); all when empty."""
    sfreq: float = Field(default=512.0, ge=64)
    """Recordings at a higher rate are resampled to this one, in Hz."""
    reference: Literal["none", "average"] = "none"
    """Re-reference to the average of the channels, or leave as recorded."""
    envelope: EnvelopeSettings = EnvelopeSettings()
    """Sound to envelope."""
    spectrum: SpectrumSettings = SpectrumSettings()
    """Transform and transfer function."""
    mains: MainsSettings = MainsSettings()
    """Mains and notch filters."""
    significance: SignificanceSettings = SignificanceSettings()
    """Surrogates, intervals, false discoveries."""
    steady_state: SteadyStateSettings | None = None
    """Also test a modulation rate, sweep by sweep."""

    @field_validator("positions")
    @classmethod
    def _two_or_more(cls, positions: tuple[str, ...]) -> tuple[str, ...]:
        if len(positions) == 1 or len(set(positions)) != len(positions):
            raise ValueError("must be empty or name at least two different channels")
        return positions

    @model_validator(mode="after")
    def _rates_hold(self) -> Self:
        rate = min(self.sfreq, self.input.sfreq) if self.input.kind == "simulated" else self.sfreq
        if self.spectrum.high_hz >= rate / 2:
            raise ValueError(f"spectrum.high_hz must lie below half of the sampling rate, {rate / 2:g} Hz")
        if self.input.kind == "files" and len(self.input.stimuli) not in (0, 1, len(self.input.recordings)):
            raise ValueError("input.stimuli must be one for all recordings or one for each")
        return self
