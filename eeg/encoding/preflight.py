"""What can be known to be wrong with front ends before the first cell: names, weights, factories, layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cogattn.eeg.encoding.config import BUILT_IN, EncodingSettings
from cogattn.eeg.encoding.fronts import build, content
from cogattn.eeg.recordings.config import AvGc, Cnd, Dtu, Kul, Source
from cogattn.errors import ConfigError

PROBE_S = 4.0


def check(models: Sequence[str], settings: EncodingSettings, *, seed: int, taken: Sequence[str] = ()) -> None:
    """Build every network once and let it hear a moment of noise.

    Parameters
    ----------
    models : sequence of str
        Front ends.
    settings : EncodingSettings
        How they hear.
    seed : int
        The run's seed.
    taken : sequence of str
        Names that the other observers of the study have.

    Raises
    ------
    ConfigError, ObserverError
        If a name is another observer's, timm does not know it, weights are out of reach or damaged, a factory fails or
        builds another network each time, or a layer does not exist or has no axis of time.
    """
    double = [name for name in models if name in taken]
    if double:
        raise ConfigError(f"models must be named unlike listeners and decoders; got {double[0]!r}")
    for name in models:
        if name in BUILT_IN:
            continue
        if ":" not in name:
            from cogattn.observers.check import check as check_observer
            from cogattn.observers.config import TimmObserver

            check_observer(TimmObserver(models=(name,), weights=settings.weights), seed=seed)
        content(name, settings, seed=seed)
        rate = settings.sound_hz
        seconds = max(PROBE_S, 2 * settings.window_s if settings.hears == "waveform" else 0.0)
        noise = np.random.default_rng(0).standard_normal(round(seconds * rate))
        build(name, settings, seed=seed)(noise, rate)


def check_sounds(models: Sequence[str], source: Source) -> None:
    """Raise ConfigError where front ends are to hear recordings that hold envelopes only."""
    silent = isinstance(source, Dtu | AvGc | Cnd) or (isinstance(source, Kul) and source.audio is None)
    if models and silent:
        hint = "; name recordings.audio" if isinstance(source, Kul) else ""
        raise ConfigError(
            f"models must hear the sounds, which recordings of kind {source.kind} do not hold; got {models[0]}{hint}"
        )
