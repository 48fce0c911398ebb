"""Settings of the attended-speaker study: the field's usual values, or an offline default that says so."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings, StudyConfig
from cogattn.eeg.encoding.config import EncodingSettings, FrontEnds
from cogattn.eeg.intent.config import IntentSettings
from cogattn.eeg.recordings.config import Cleaning, EnvelopeSettings, Reference, SimulatedTalkers, Source

DecoderName = Literal["ridge", "ledoit-wolf", "forward", "cca", "cnn", "attention", "classifier"]
FeatureName = Literal["envelope", "onsets", "bands"]
LINEAR: tuple[DecoderName, ...] = ("ridge", "ledoit-wolf")
"""Linear in the training envelopes: refitted to every swap of the talkers at once."""
NETWORKS: tuple[DecoderName, ...] = ("cnn", "attention", "classifier")
"""Trained by gradient descent."""
CORRELATING: tuple[DecoderName, ...] = ("ridge", "ledoit-wolf", "forward", "cnn", "attention")
"""Scores are correlations."""
RECONSTRUCTING: tuple[DecoderName, ...] = ("ridge", "ledoit-wolf", "cnn", "attention")
"""Decode the envelope itself."""


class AadCleaning(Cleaning):
    """As `Cleaning`, but referenced to the average by default."""

    reference: Reference = "average"
    """Leave as recorded, or subtract the average of all EEG channels or of `reference_channels`."""


class Preprocessing(Settings):
    """What is done to EEG and envelopes of each trial, by itself."""

    low_hz: float = Field(default=1.0, gt=0)
    """Lower edge of the pass band (KU Leuven: 1)."""
    high_hz: float = Field(default=9.0, gt=0)
    """Upper edge of the pass band (KU Leuven: 9)."""
    sfreq: float = Field(default=32.0, gt=0)
    """Rate in Hz at which decoding runs."""

    @model_validator(mode="after")
    def _band_fits(self) -> Self:
        if not self.low_hz < self.high_hz < self.sfreq / 2:
            raise ValueError("low_hz < high_hz < sfreq / 2 must hold")
        return self


class LagSettings(Settings):
    """The decoder's window of EEG after each envelope sample."""

    tmin_s: float = 0.0
    """First lag in seconds."""
    tmax_s: float = 0.25
    """Last lag in seconds (KU Leuven: 0.25)."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.tmin_s > self.tmax_s:
            raise ValueError("tmin_s must be at most tmax_s")
        return self


class CcaSettings(Settings):
    """Canonical correlation; of several values those are used that decode held-out training trials best."""

    eeg_contexts_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.25, 0.4), min_length=1)
    """The EEG is taken from 0 to this many seconds after a sample of the sound."""
    stimulus_contexts_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.4, 1.2), min_length=1)
    """The sound is taken from this many seconds before."""
    n_components: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(1, 2, 3, 5, 8), min_length=1)
    """Components kept."""
    shrinkages: tuple[Annotated[float, Field(gt=0)], ...] = Field(default=(0.01, 0.1, 1.0), min_length=1)
    """Ridge of both covariances, in units of their mean eigenvalue."""
    window_s: float = Field(default=5.0, gt=0)
    """Windows in seconds on which the discriminant is trained and constants are judged."""


class SwitchSettings(Settings):
    """The minimal expected switch duration."""

    p0: float = Field(default=0.8, gt=0, lt=1)
    """Probability of the comfort interval (paper: 0.8)."""
    c: float = Field(default=0.65, gt=0, lt=1)
    """Lower edge of the comfort interval (paper: 0.65)."""
    n_min: int = Field(default=5, ge=2)
    """Fewest gain states (paper: 5)."""


class TrainingSettings(Settings):
    """How the networks are trained; every fifth training trial is held out to tune."""

    window_s: float = Field(default=5.0, gt=0)
    """Length of a training window in seconds."""
    n_epochs: int = Field(default=20, ge=1)
    """Passes over the windows at most; the one with the lowest held-out loss is kept."""
    batch_size: int = Field(default=32, ge=1)
    """Windows at a time."""
    learning_rates: tuple[float, ...] = Field(default=(3e-3,), min_length=1)
    """Of several, the one with the lowest held-out loss is kept."""
    weight_decays: tuple[float, ...] = Field(default=(1e-3,), min_length=1)
    """Of several, the one with the lowest held-out loss is kept."""


class SignificanceSettings(Settings):
    """Each subject's test: the talkers are swapped in random whole trials."""

    method: Literal["auto", "refit", "swap"] = "auto"
    """refit: swap in training and test and fit every decoder again, which is exact; fast for ridge, whose penalty
    is then Ledoit-Wolf's, slow for the others. swap: only in the test of the finished decoders; too liberal where
    trials train each other's decoders. auto: refit for ridge, swap for the others."""
    n_permutations: int = Field(default=999, ge=19)
    """Random swaps; where there are no more, all are made."""


class AadConfig(StudyConfig):
    """All settings of the study."""

    recordings: Source = SimulatedTalkers()
    """Whose EEG while what was heard; the offline default is simulated."""
    cleaning: AadCleaning = AadCleaning()
    """Channels, reference, what is left out."""
    envelope: EnvelopeSettings = EnvelopeSettings()
    """Sound to envelope."""
    preprocessing: Preprocessing = Preprocessing()
    """Filter and rate."""
    features: tuple[FeatureName, ...] = Field(default=("envelope",), min_length=1)
    """What of the sound is decoded or answered: its envelope, onsets (the envelope's rate of rise), envelopes of eight
    frequency bands, which need the sound itself. Of several, the forward model's gain by each is reported; networks
    use the first."""
    banded: bool = True
    """Of several features, give each a penalty of its own in the forward model, chosen on the training trials."""
    decoders: tuple[DecoderName, ...] = Field(default=("ridge", "ledoit-wolf", "cca"), min_length=1)
    """Which decoders are compared: ridge with a chosen penalty, ridge with Ledoit-Wolf's, the forward model,
    canonical correlation, and the trainable networks cnn, attention, classifier."""
    lags: LagSettings = LagSettings()
    """Of ridge and the networks."""
    windows_s: tuple[float, ...] = Field(default=(1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0), min_length=1)
    """Decision windows in seconds."""
    validation: Literal["trial", "story", "speaker", "subject", "envelope"] = "trial"
    """What is left out together: one trial, a story, a speaker, a whole subject (decoders then come from the
    other subjects), or all trials that share a sound with the tested one."""
    shared_sounds: Literal["leave_out", "allow"] = "leave_out"
    """Trials that share a sound with the tested one, by their samples, in whatever role and at whatever lag: left out
    of its training, or allowed there, which is named before the number and withholds the test."""
    control: bool = True
    """Also train ridge on the ignored talker, as a control that should not decode the attended one."""
    cca: CcaSettings = CcaSettings()
    """Of canonical correlation."""
    training: TrainingSettings = TrainingSettings()
    """Of the networks."""
    significance: SignificanceSettings = SignificanceSettings()
    """Each subject's test against chance."""
    switch: SwitchSettings = SwitchSettings()
    """The minimal expected switch duration."""
    intent: IntentSettings | None = None
    """What the decoded attention is worth to whatever works on the sound: see docs/intent.md."""
    models: FrontEnds = ()
    """Audio front ends of which is asked what they explain of the EEG beyond the envelope: ``gammatone``,
    ``spectrogram``, names of timm's networks, ``module:factory`` of your own (docs/encoding.md)."""
    encoding: EncodingSettings = EncodingSettings()
    """How front ends hear, and how their features are set against EEG."""
    humans: str = ""
    """Listeners whom the decoders' numbers are set beside, such as another laboratory's: a CSV file of persons
    (columns in docs/aad.md); nobody when empty, as no single listeners have been published with the study."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.decoders)) < len(self.decoders):
            raise ValueError("decoders must differ from each other")
        if len(set(self.features)) < len(self.features):
            raise ValueError("features must differ from each other")
        if not all(b > a for a, b in pairwise((0.0, *self.windows_s))):
            raise ValueError("windows_s must be positive and rise")
        if self.intent is not None:
            if self.intent.window_s not in self.windows_s:
                raise ValueError(f"intent.window_s must be one of windows_s; got {self.intent.window_s:g}")
            if self.intent.enhance and not set(self.decoders) & set(RECONSTRUCTING):
                raise ValueError(
                    f"intent.enhance needs one of {', '.join(RECONSTRUCTING)} among decoders; "
                    f"got {', '.join(self.decoders)}"
                )
        return self
