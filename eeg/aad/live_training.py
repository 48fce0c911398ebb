"""Fit a decoder for live use on a listener's recording, with probabilities learned from held-out trials.

Everything is fitted on what the live chain itself makes of the recording, causal filter and all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cogattn.eeg.aad.crossval import cross_validate
from cogattn.eeg.aad.live_config import LiveConfig
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.live.chain import features
from cogattn.eeg.live.model import LiveDecoder, Preprocessing
from cogattn.eeg.live.sampling import ratio_of
from cogattn.eeg.live.stages import Reference
from cogattn.eeg.live.switches import HeldOut, calibrated
from cogattn.eeg.recordings.cleaning import check_average
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.sources import load
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams


@dataclass(frozen=True)
class Trained:
    """A decoder and how well it did on trials that it had not seen.

    Parameters
    ----------
    decoder : LiveDecoder
        Fitted on all trials.
    accuracy : float
        Share of held-out windows (that do not overlap) in which the attended talker correlates more.
    n_windows, n_trials : int
        How many there were.
    r_attended, r_unattended : float
        Mean correlation over whole held-out trials.
    minutes : float
        Of EEG.
    """

    decoder: LiveDecoder
    accuracy: float
    n_windows: int
    n_trials: int
    r_attended: float
    r_unattended: float
    minutes: float


def as_recorded(config: LiveConfig, listener: str) -> Recording:
    """Load a listener's recording with all channels that live decoding needs, not referenced yet.

    Raises
    ------
    ConfigError
        For cleaning that a live stream cannot be given.
    """
    cleaning = config.cleaning
    for name, given, wanted in (
        ("eog", ", ".join(cleaning.eog), not cleaning.eog),
        ("bad_channels", cleaning.bad_channels, cleaning.bad_channels != "interpolate"),
    ):
        if not wanted:
            raise ConfigError(
                f"cleaning.{name} must be something that is done live too; got {given}; "
                "leave bad channels out instead (cleaning.channels)"
            )
    if config.envelope.method != "gammatone":
        raise ConfigError(
            f"envelope.method must be gammatone, the only one that runs live; got {config.envelope.method}"
        )
    channels = (*cleaning.channels, *cleaning.reference_channels) if cleaning.channels else ()
    raw = cleaning.model_copy(update={"reference": "none", "reference_channels": (), "channels": channels})
    recording = load(config.recordings, listener, cleaning=raw, envelope=config.envelope, seed=config.seed)
    for name in ("attended", "unattended"):
        recording.stream(name)
    return recording


def preprocessing_of(config: LiveConfig, recording: Recording) -> Preprocessing:
    """Return the chain's preprocessing: channels and reference of the recording, the rest from the settings."""
    cleaning, step = config.cleaning, config.preprocessing
    reference: Reference = (
        cleaning.reference_channels if cleaning.reference == "channels" else cleaning.reference
    )
    named = cleaning.channels or recording.channels
    channels = tuple(name for name in named if name not in cleaning.reference_channels)
    check_average(channels, cleaning, subject=recording.subject)
    try:
        ratio_of(recording.sfreq, step.sfreq)
    except ConfigError as error:
        raise ConfigError(
            f"preprocessing.sfreq must suit the recording's rate: {error} (subject {recording.subject})"
        ) from error
    return Preprocessing(
        channels=channels,
        reference=reference,
        low_hz=step.low_hz,
        high_hz=step.high_hz,
        sfreq=step.sfreq,
        order=step.order,
        power=config.envelope.power,
    )


def fit(config: LiveConfig, listener: str) -> Trained:
    """Load a listener's recording and `fit_recording`."""
    return fit_recording(config, as_recorded(config, listener))


def fit_recording(config: LiveConfig, recording: Recording) -> Trained:
    """Fit a decoder on a recording that has not been filtered or referenced.

    The decoder is fitted on all trials; its accuracy and what a window is worth come from decoders that have not
    seen the trial (nor another piece of it).

    Raises
    ------
    DataError
        If there are fewer than two trials, or held-out trials are not decoded above chance.
    """
    preprocessing = preprocessing_of(config, recording)
    eeg, attended, unattended = zip(*features(preprocessing, recording), strict=True)
    names = [trial.name for trial in recording.trials]
    if len(set(names)) < 2:
        raise DataError(f"training needs two trials; got {len(set(names))} (subject {recording.subject})")
    lags, step = config.lags, config.decisions
    decoding = cross_validate(
        eeg,
        attended,
        unattended,
        sfreq=preprocessing.sfreq,
        tmin=lags.tmin_s,
        tmax=lags.tmax_s,
        groups=names,
        subject=recording.subject,
        channels=preprocessing.channels,
    )
    held_out = [
        HeldOut(*parts)
        for parts in zip(decoding.reconstruction, decoding.attended, decoding.unattended, strict=True)
    ]
    switches = calibrated(
        held_out,
        Streams(config.seed).child("live", recording.subject).generator("switches"),
        sfreq=preprocessing.sfreq,
        window_s=step.window_s,
        hop_s=step.hop_s,
        switch_per_s=step.switches_per_minute / 60,
    )
    ridge = RidgeDecoder(preprocessing.sfreq, lags.tmin_s, lags.tmax_s).fit(eeg, attended)
    margins = np.concatenate(decoding.margins([step.window_s])[0])
    minutes = sum(map(len, eeg)) / preprocessing.sfreq / 60
    decoder = LiveDecoder(
        weights=ridge.coef_,
        tmin_s=lags.tmin_s,
        tmax_s=lags.tmax_s,
        preprocessing=preprocessing,
        window_s=step.window_s,
        hop_s=step.hop_s,
        switches=switches,
        penalty=float(ridge.alpha_),
        trained_on=f"{recording.subject}, {len(set(names))} trials, {minutes:.1f} min",
    )
    return Trained(
        decoder=decoder,
        accuracy=float(np.mean((margins > 0) + 0.5 * (margins == 0))),
        n_windows=margins.size,
        n_trials=len(set(names)),
        r_attended=float(np.mean(decoding.r_attended)),
        r_unattended=float(np.mean(decoding.r_unattended)),
        minutes=minutes,
    )
