"""Where recordings come from, how they are cleaned and how a sound becomes an envelope: settings of both studies.

Each kind of `Source` is read by one function of `cogattn.eeg.recordings.sources`; every real kind takes envelopes that
were computed already (.npy, .mat) in place of sounds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings

Unit = Literal["V", "uV", "arbitrary"]
Told = Literal["start", "trigger", "audio", "events"]
Reference = Literal["none", "average", "channels"]


class SimulatedTalkers(Settings):
    """Listeners to one of two talkers, whose responses are known."""

    kind: Literal["simulated_talkers"] = "simulated_talkers"
    n_listeners: int = Field(default=8, ge=1)
    """Listeners."""
    n_trials: int = Field(default=20, ge=2)
    """Trials of each."""
    trial_s: float = Field(default=60.0, ge=10)
    """Length of a trial in seconds."""
    n_channels: int = Field(default=32, ge=2, le=256)
    """EEG channels."""
    snr_db: float = Field(default=-38.0, ge=-80, le=40)
    """Variance of the response to speech over that of the background EEG, in decibels; -38 gives correlations
    near those of real recordings."""
    unattended_gain: float = Field(default=0.4, ge=0, le=1)
    """Response to the ignored talker relative to the attended one; 1 leaves nothing to decode."""
    speech: tuple[Path, Path] | None = None
    """Sound files of two talkers, at least n_trials times trial_s long, whose envelopes are used; speech-like
    envelopes are drawn when absent."""


class SimulatedPath(Settings):
    """Listeners to one sound, whose auditory path is known."""

    kind: Literal["simulated_path"] = "simulated_path"
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


class SimulatedSweeps(Settings):
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


class Recorded(Settings):
    """What every recording on disk needs said."""

    unit: Literal["auto", "V", "uV", "arbitrary"] = "auto"
    """Of the EEG. ``auto``: as the file says, and microvolts for MATLAB layouts; ``uV``: microvolts in a file
    that does not say so; ``arbitrary``: not volts, units are not checked."""
    envelope_sfreq: float = Field(default=512.0, gt=0)
    """Sampling rate in Hz of envelopes that come in place of sounds (.npy; .mat without a rate of its own)."""


class Played(Recorded):
    """What was heard during recordings, and when it began."""

    stimuli: tuple[Path, ...] = ()
    """Sounds (wav, flac, ...) or envelopes (npy, mat): one for all recordings, or one for each of `stimuli_by`.
    With two talkers, what was attended."""
    unattended: tuple[Path, ...] = ()
    """With two talkers, the sounds or envelopes of the ignored one: as many as `stimuli`."""
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

    @property
    def told_by(self) -> Told:
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
        if self.unattended and len(self.unattended) != len(self.stimuli):
            got = f"{len(self.unattended)} for {len(self.stimuli)}"
            raise ValueError(f"unattended must be as many as stimuli; got {got}")
        return self


class Files(Played):
    """Recordings on disk, each a listener's, with what was played."""

    kind: Literal["files"] = "files"
    files: tuple[Path, ...] = Field(min_length=1)
    """BDF, EDF, BrainVision, EEGLAB, FIF or GDF files (continuous); FIF or EEGLAB files of epochs; averages."""
    content: Literal["continuous", "epochs", "averages"] = "continuous"
    """``continuous``: aligned to `stimuli`; ``epochs``: each begins with its sound at time 0; ``averages``: over
    sweeps, as an evoked FIF or as numbers (npy, mat, csv: a column or row for each channel or polarity) at
    `averages_sfreq`; only a steady-state test can be made of them."""
    averages_sfreq: float = Field(default=10000.0, gt=0)
    """Sampling rate in Hz of averages that do not tell theirs."""

    @model_validator(mode="after")
    def _one_stimulus_each(self) -> Self:
        _check_number(self, len(self.files), "recordings")
        return self


class Bids(Played):
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

    @model_validator(mode="after")
    def _one_stimulus_each(self) -> Self:
        _check_number(self, len(self.subjects), "subjects")
        return self


class Folder(Recorded):
    """A folder with a file, or rows of a table, for each listener."""

    path: Path
    """The folder, or one file of it."""
    subjects: tuple[str, ...] = ()
    """Those of its listeners who take part; all when empty."""


class Table(Folder):
    """Continuous recordings (BDF, EDF, BrainVision, EEGLAB, FIF, GDF) and sounds, listed in ``trials.csv``."""

    kind: Literal["table"] = "table"


class Kul(Folder):
    """KU Leuven's MATLAB layout: ``S*.mat``."""

    kind: Literal["kul"] = "kul"
    audio: Path | None = None
    """Folder of the sounds, where the recordings only name them."""


class Dtu(Folder):
    """DTU's preprocessed MATLAB layout: ``S*_data_preproc.mat``."""

    kind: Literal["dtu"] = "dtu"


class AvGc(Folder):
    """KU Leuven's audiovisual, gaze-controlled MATLAB layout: ``2024-AV-GC-AAD-sub*_preprocessed.mat``."""

    kind: Literal["av_gc"] = "av_gc"


class Cnd(Folder):
    """Continuous-event Neural Data: ``dataSub*.mat`` and ``dataStim.mat``."""

    kind: Literal["cnd"] = "cnd"
    attended: str = "attended"
    """Name of the feature that holds the attended envelope, or the only one."""
    unattended: str = "unattended"
    """Name of the feature that holds the ignored envelope; none is read where it is missing."""


Simulated = SimulatedTalkers | SimulatedPath | SimulatedSweeps
Source = Annotated[
    SimulatedTalkers | SimulatedPath | SimulatedSweeps | Files | Bids | Table | Kul | Dtu | AvGc | Cnd,
    Field(discriminator="kind"),
]
"""Every kind of recordings, told by ``kind``."""


class EnvelopeSettings(Settings):
    """How a sound becomes an envelope."""

    method: Literal["gammatone", "hilbert", "rms"] = "gammatone"
    """``gammatone``: compressed, summed gammatone bands; ``hilbert``: magnitude of the analytic signal; ``rms``:
    root mean square within each sample."""
    power: float = Field(default=0.6, gt=0, le=1)
    """Compression; 1 for none."""


class Cleaning(Settings):
    """What is done to a recording before any analysis; all that is lost is counted and said."""

    channels: tuple[str, ...] = ()
    """Channels analysed, in this order; all EEG channels when empty."""
    bads: tuple[str, ...] = ()
    """Channels known to be bad, beside those that the file marks."""
    bad_channels: Literal["drop", "interpolate", "refuse"] = "drop"
    """What is done to bad channels, and to those found flat, equal to another, railed or clipped: leave them out,
    compute them from their neighbours (where the electrodes' places are known), or stop."""
    reference: Reference = "none"
    """Leave as recorded, or subtract the average of all EEG channels or of `reference_channels`."""
    reference_channels: tuple[str, ...] = ()
    """Such as both mastoids; they are left out of the analysis."""
    eog: tuple[str, ...] = ()
    """Channels that see the eyes, regressed out of the EEG and left out of the analysis."""
    reject_annotations: bool = True
    """Leave out what annotations that begin with BAD mark; a trial goes on behind it as another piece."""
    reject_uv: float | None = Field(default=None, gt=0)
    """Leave out stretches in which a channel moves by more than this, peak to peak, in microvolts."""
    flat_uv: float | None = Field(default=None, gt=0)
    """Leave out stretches in which a channel moves by less than this, peak to peak, in microvolts."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels must be different; got {', '.join(self.channels)}")
        if (self.reference == "channels") != bool(self.reference_channels):
            raise ValueError("reference_channels must be named when reference is channels, and only then")
        return self


def _check_number(source: Played, n: int, what: str) -> None:
    if source.stimuli_by == "recording" and len(source.stimuli) not in (0, 1, n):
        raise ValueError(
            f"stimuli must be one for all {what} or one for each; got {len(source.stimuli)} for {n}"
        )
