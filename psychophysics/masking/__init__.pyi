from .channel.fit import Channel as Channel
from .channel.fit import fit_channel as fit_channel
from .channel.fit import fit_channels as fit_channels
from .channel.population import population_channel as population_channel
from .config import MaskingConfig as MaskingConfig
from .counts import published_counts as published_counts
from .counts import published_networks as published_networks
from .halves import channel_reliability as channel_reliability
from .stimuli.noise import BandSpectra as BandSpectra
from .stimuli.noise import octave_spectra as octave_spectra
from .stimuli.noise import pyramid_spectra as pyramid_spectra
from .study import MaskingStudy as MaskingStudy

__all__ = [
    "BandSpectra",
    "Channel",
    "MaskingConfig",
    "MaskingStudy",
    "channel_reliability",
    "fit_channel",
    "fit_channels",
    "octave_spectra",
    "population_channel",
    "published_counts",
    "published_networks",
    "pyramid_spectra",
]
