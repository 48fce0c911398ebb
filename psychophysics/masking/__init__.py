"""Critical-band masking: the spatial-frequency channel with which people and networks recognise objects.

The public names below are loaded when first used, so that the command line starts at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.channel import Channel, fit_channel, fit_channels
    from cogattn.psychophysics.masking.config import MaskingConfig
    from cogattn.psychophysics.masking.consistency import error_consistency
    from cogattn.psychophysics.masking.human import published_counts
    from cogattn.psychophysics.masking.noise import BandSpectra, octave_spectra, pyramid_spectra
    from cogattn.psychophysics.masking.population import population_channel
    from cogattn.psychophysics.masking.robustness import pgd
    from cogattn.psychophysics.masking.study import MaskingStudy

_HOMES = {
    "Channel": "channel",
    "fit_channel": "channel",
    "fit_channels": "channel",
    "MaskingConfig": "config",
    "error_consistency": "consistency",
    "published_counts": "human",
    "BandSpectra": "noise",
    "octave_spectra": "noise",
    "pyramid_spectra": "noise",
    "population_channel": "population",
    "pgd": "robustness",
    "MaskingStudy": "study",
}

__all__ = [
    "BandSpectra",
    "Channel",
    "MaskingConfig",
    "MaskingStudy",
    "error_consistency",
    "fit_channel",
    "fit_channels",
    "octave_spectra",
    "pgd",
    "population_channel",
    "published_counts",
    "pyramid_spectra",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
