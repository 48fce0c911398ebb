"""Audio front ends by name: gammatone bands, a log-mel spectrogram, or a network fed with one of the two.

A front end turns a sound into columns of features with the moments that they stand for (`Columns`); `aligned` puts
them on the EEG's samples. Importing this module imports no torch; front ends that are networks need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cogattn.eeg.encoding.columns import Columns
from cogattn.eeg.encoding.config import BUILT_IN, GAMMATONE, EncodingSettings
from cogattn.eeg.encoding.spectrogram import CEILING_DB, FLOOR_DB, FRAME_S, log_mel
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError, ObserverError

if TYPE_CHECKING:
    from torch import nn

    from cogattn.eeg.encoding.trunk import Reader

FACTORY_SIZE = 160
"""Side in pixels of the images of a factory's network where none is given."""
GAMMATONE_PAST_S = 0.128
"""Length of a gammatone band's impulse response."""
OUTPUT = "output"
"""The one layer of a front end that is no network."""


class FrontEnd(Protocol):
    """What turns sounds into features."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of what it can be asked for."""
        ...

    def __call__(self, sound: FloatArray, rate: float) -> Mapping[str, Columns]:
        """Return the columns of each layer for a sound (n_samples,) at `rate` Hz."""
        ...


@dataclass(frozen=True)
class BuiltIn:
    """Gammatone bands (power law) or a log-mel spectrogram."""

    name: str
    settings: EncodingSettings

    @property
    def layers(self) -> tuple[str, ...]:
        """``output`` alone."""
        return (OUTPUT,)

    def __call__(self, sound: FloatArray, rate: float) -> Mapping[str, Columns]:
        """Return the bands' columns under ``output``."""
        frame_hz = self.settings.frame_hz
        if self.name == GAMMATONE:
            bands = Envelope(sfreq=frame_hz).bands(sound, rate)
            return {OUTPUT: Columns(np.arange(len(bands)) / frame_hz, bands, GAMMATONE_PAST_S, 0.0)}
        levels, frames_hz = _levels(sound, rate, self.settings)
        return {OUTPUT: Columns(np.arange(len(levels)) / frames_hz, levels, FRAME_S / 2, FRAME_S / 2)}


@dataclass(frozen=True)
class NetworkFront:
    """A network that is given a spectrogram as an image, or the waveform."""

    reader: Reader
    settings: EncodingSettings

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers that are read."""
        return self.reader.layers

    def __call__(self, sound: FloatArray, rate: float) -> Mapping[str, Columns]:
        """Return the columns of each layer."""
        if self.reader.hears == "waveform":
            samples = resample(np.asarray(sound, dtype=np.float64), rate, self.settings.sound_hz)
            level = float(np.sqrt(np.mean(samples**2))) or 1.0
            return self.reader.columns(samples / level * 0.1)
        levels, frames_hz = _levels(sound, rate, self.settings)
        found = self.reader.columns((levels - FLOOR_DB) / (CEILING_DB - FLOOR_DB))
        edge = FRAME_S / 2  # of a frame, and what rounding the hop changed of the frames' rate
        stretch = self.reader.rate / frames_hz
        return {
            layer: replace(c, times_s=c.times_s * stretch, past_s=c.past_s + edge, future_s=c.future_s + edge)
            for layer, c in found.items()
        }


def build(
    name: str, settings: EncodingSettings, *, seed: int, untrained: bool = False, all_layers: bool = False
) -> FrontEnd:
    """Return a front end.

    Parameters
    ----------
    name : str
        ``gammatone``, ``spectrogram``, a name of timm's, or ``module:factory``.
    settings : EncodingSettings
        How it hears.
    seed : int
        The run's seed, from which untrained networks and factories draw.
    untrained : bool
        The network's architecture with parameters drawn anew: its control.
    all_layers : bool
        Read every stage instead of one layer.

    Raises
    ------
    ObserverError
        If the name is unknown, weights cannot be had, or a factory fails.
    """
    if name in BUILT_IN:
        return BuiltIn(name, settings)
    module = network(name, settings, seed=seed, untrained=untrained)
    return of_module(module, settings, name=name, all_layers=all_layers)


def of_module(
    module: nn.Module, settings: EncodingSettings | None = None, *, name: str = "", all_layers: bool = False
) -> NetworkFront:
    """Return a live network as a front end; parameters as in `build`, the module is frozen in place."""
    from cogattn.eeg.encoding.trunk import Reader, stages

    given = settings or EncodingSettings()
    called = name or type(module).__name__
    waveform = given.hears == "waveform" and not _is_timm(module)
    size, mean, std = _preprocessing(module, given)
    listed = stages(module)
    layers = listed if all_layers else (given.layer or listed[:2][-1],)
    if all_layers and given.layer and given.layer not in layers:
        layers = (*layers, given.layer)
    window = round(given.window_s * given.sound_hz) if waveform else size
    rate = given.sound_hz if waveform else given.frame_hz
    hears = "waveform" if waveform else "spectrogram"
    return NetworkFront(Reader(module, called, layers, hears, window, rate, mean, std), given)


def network(name: str, settings: EncodingSettings, *, seed: int, untrained: bool = False) -> nn.Module:
    """Return the network that a name stands for; ObserverError as `build`."""
    if ":" in name:
        from cogattn.observers.factory import call_factory
        from cogattn.observers.untrained import untrained_copy

        module = call_factory(name, seed=seed)
        return untrained_copy(module, seed=seed, name=name) if untrained else module
    from cogattn.observers import weights
    from cogattn.observers.build import check_model_name

    check_model_name(name)
    return weights.create(name, weights="random" if untrained else settings.weights, seed=seed)


def content(
    name: str, settings: EncodingSettings, *, seed: int, untrained: bool = False
) -> Mapping[str, str]:
    """Return what a front end's features follow from beside its settings: SHA-256 by name, of weights and code.

    Raises
    ------
    ObserverError
        If weights cannot be had, a factory fails, or builds another network each time.
    """
    if name in BUILT_IN:
        return {}
    if ":" in name:
        return _content_of_factory(name, settings, seed, untrained)
    from cogattn.observers.config import TimmObserver
    from cogattn.observers.content import content_of

    known = TimmObserver(models=(name,), weights=settings.weights)
    return content_of(known, name, seed=seed, untrained=untrained)


def aligned(columns: Columns, n_times: int, sfreq: float, *, causal: bool = True) -> FloatArray:
    """Return features on the EEG's samples, (n_times, n_features).

    Parameters
    ----------
    columns : Columns
        Of one sound, which began with the first sample.
    n_times, sfreq : int, float
        Samples, and their rate in Hz.
    causal : bool
        Delay each column by its ``future_s``, so that it stands where all that it depends on was heard.

    Raises
    ------
    DataError
        If there are fewer than four columns.
    """
    from scipy.interpolate import make_interp_spline

    times = columns.times_s + (columns.future_s if causal else 0.0)
    if len(times) < 4:
        raise DataError(f"a sound must be long enough for four columns of features; got {len(times)}")
    rate = (len(times) - 1) / (times[-1] - times[0])
    finer = max(1, int(np.ceil(rate / sfreq - 1e-6)))
    wanted = np.arange(n_times * finer) / (sfreq * finer)
    spline = make_interp_spline(times, columns.values, k=3)
    fine = spline(np.clip(wanted, times[0], times[-1]))
    return resample(fine, sfreq * finer, sfreq) if finer > 1 else fine


def _levels(sound: FloatArray, rate: float, settings: EncodingSettings) -> tuple[FloatArray, float]:
    return log_mel(
        sound, rate, frame_hz=settings.frame_hz, n_mels=settings.n_mels, sound_hz=settings.sound_hz
    )


def _preprocessing(
    module: nn.Module, settings: EncodingSettings
) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Side of the images, mean and SD: a network of timm says them itself."""
    if not _is_timm(module):
        return settings.image_size or FACTORY_SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    from timm.data import resolve_model_data_config

    data = resolve_model_data_config(module)
    channels, height, width = data["input_size"]
    if channels != 3 or height != width:
        raise ObserverError(f"models must take square images of three channels; got {data['input_size']}")
    return settings.image_size or height, tuple(data["mean"]), tuple(data["std"])


def _is_timm(module: nn.Module) -> bool:
    return isinstance(getattr(module, "pretrained_cfg", None), dict)


def _content_of_factory(
    name: str, settings: EncodingSettings, seed: int, untrained: bool
) -> Mapping[str, str]:
    from cogattn.observers.anatomy import module_digest, own_code
    from cogattn.observers.code import observer_code
    from cogattn.observers.targets import parse_target

    made: list[nn.Module] = [network(name, settings, seed=seed, untrained=untrained) for _ in range(2)]
    first, second = (module_digest(module) for module in made)
    if first != second:
        raise ObserverError(
            f"models must build the same network every time; got other numbers at the second call ({name})"
        )
    target = parse_target(name)
    code = observer_code([f"{target.module}:{target.attribute}", *own_code(made[0])])
    return {"weights": first, **code.contents}
