"""Settings of ``cogattn aad train`` and ``cogattn aad play``: those of the study that matter to a live decoder."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.eeg.aad.config import AadCleaning, LagSettings
from cogattn.eeg.aad.config import Preprocessing as StudyPreprocessing
from cogattn.eeg.recordings.config import EnvelopeSettings, SimulatedTalkers, Source


class CausalPreprocessing(StudyPreprocessing):
    """As in the study, but causal: a Butterworth band-pass that carries its state."""

    sfreq: float = Field(default=64.0, gt=0)
    """Rate in Hz at which decoding runs; the nearer to twice high_hz, the further the resamplers look ahead."""
    order: int = Field(default=2, ge=1, le=8)
    """Of either edge of the band-pass."""


class DecisionSettings(Settings):
    """What is decided, and how often."""

    window_s: float = Field(default=5.0, gt=0)
    """Length of the window of a decision in seconds."""
    hop_s: float = Field(default=1.0, gt=0)
    """Time between decisions in seconds."""
    switches_per_minute: float = Field(default=1.0, gt=0)
    """How often attention is taken to switch; probabilities are right where that is right."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.hop_s > self.window_s:
            raise ValueError("hop_s must be at most window_s")
        return self


class LiveConfig(StudyConfig):
    """Whose EEG, how it is prepared, and what is decided."""

    recordings: Source = SimulatedTalkers()
    """Whose EEG; the offline default is simulated."""
    cleaning: AadCleaning = AadCleaning()
    """Channels, reference, bad channels and BAD spans."""
    envelope: EnvelopeSettings = EnvelopeSettings()
    """How a sound becomes an envelope."""
    preprocessing: CausalPreprocessing = CausalPreprocessing()
    """Filter and rate."""
    lags: LagSettings = LagSettings()
    """The decoder's window of EEG after each envelope sample."""
    decisions: DecisionSettings = DecisionSettings()
    """What is decided, and how often."""
