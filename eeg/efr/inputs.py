"""One listener's EEG and what was heard, ready for analysis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.recordings import sources
from cogattn.eeg.recordings.places import STIMULUS
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.errors import DataError


def load(config: EfrConfig, listener: str) -> Recording:
    """Return a listener's recording with the stream ``stimulus`` where something tells what was heard.

    Parameters
    ----------
    config : EfrConfig
        The run's settings, or those that are relevant to the cell.
    listener : str
        Whose recording.

    Returns
    -------
    Recording
        Cleaned, and at most at ``config.sfreq``.

    Raises
    ------
    DataError
        If a file is missing, damaged, or sound and EEG cannot be aligned.
    """
    recording = sources.load(
        config.recordings, listener, cleaning=config.cleaning, envelope=config.envelope, seed=config.seed
    )
    recording = heard(recording, config.talker)
    if recording.sfreq > config.sfreq:
        recording = recording.resampled(config.sfreq)
    if config.following and len(recording.channels) < 2:
        raise DataError(f"a recording must have at least two EEG channels; got {recording.channels}")
    return recording.checked()


def heard(recording: Recording, talker: str) -> Recording:
    """The recording with one stream, ``stimulus``: what was heard, or of two talkers the one that is asked for."""

    def one(trial: Trial) -> Trial:
        stream = trial.streams.get(STIMULUS, trial.streams.get(talker))
        if stream is None:
            return replace(trial, streams={})
        return replace(trial, streams={STIMULUS: np.asarray(stream).reshape(len(stream), -1).mean(axis=1)})

    return replace(recording, trials=tuple(one(trial) for trial in recording.trials))
