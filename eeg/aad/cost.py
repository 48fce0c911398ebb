"""What a cell of the attended-speaker study takes, roughly: from the length of the recording and the decoder.

Seconds were measured on one core of a server processor with 20 and 40 simulated trials of a minute, 32 and 64
channels; of files only the size is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cogattn.eeg.aad.config import LINEAR, NETWORKS, AadConfig, DecoderName
from cogattn.eeg.aad.features import columns_of
from cogattn.eeg.aad.plan import DecodingCell, EnhancementCell, FeatureCell, read_by
from cogattn.eeg.encoding.plan import EncodingCell, encoding_cost
from cogattn.eeg.recordings.size import size
from cogattn.study import Cell, Cost

SOLVING_S: dict[DecoderName, float] = {"ridge": 0.03, "ledoit-wolf": 0.025, "forward": 0.05, "cca": 0.15}
"""A minute of 32 channels in one of 20 trials, all folds together."""
EPOCH_S: dict[DecoderName, float] = {"cnn": 0.04, "attention": 0.075, "classifier": 0.05}
"""A minute of 32 channels, once through."""
ENHANCING_S, ENHANCING_MB = 2.5, 300.0
"""A minute of a mixture."""
LIBRARIES_MB, NETWORKS_MB = 500.0, 400.0


@dataclass(frozen=True)
class _Length:
    """Trials, and minutes of 32 channels, of what a cell reads."""

    n_trials: int
    minutes: float
    megabytes: float


def cost(config: AadConfig, cell: Cell, listeners: Sequence[str]) -> Cost:
    """Estimate what a cell takes on one core without a GPU."""
    length = _length(config, read_by(config, cell, listeners))
    memory_mb = LIBRARIES_MB + 6 * length.megabytes
    if isinstance(cell, EnhancementCell):
        training_s = (
            EPOCH_S.get(cell.decoder, 0.0) * config.training.n_epochs * length.n_trials * length.minutes
        )
        one = size(config.recordings, cell.observer).duration_s / 60
        return Cost(cpu_s=0.5 + training_s + ENHANCING_S * one, memory_mb=memory_mb + ENHANCING_MB)
    if isinstance(cell, EncodingCell):
        return encoding_cost(cell, length.minutes, length.n_trials, memory_mb=memory_mb)
    if isinstance(cell, FeatureCell):
        columns = len(columns_of(config.features))
        return Cost(cpu_s=0.3 + 0.03 * columns * length.minutes, memory_mb=memory_mb)
    if not isinstance(cell, DecodingCell):
        return Cost(cpu_s=0.1 + 0.015 * length.minutes, memory_mb=memory_mb)
    if cell.decoder not in NETWORKS:
        seconds = SOLVING_S[cell.decoder] * length.minutes * (0.5 + length.n_trials / 40)
    else:
        training = config.training
        passes = training.n_epochs * len(training.learning_rates) * len(training.weight_decays)
        folds = 1 if config.validation == "subject" else length.n_trials
        seconds = EPOCH_S[cell.decoder] * length.minutes * folds * passes
        memory_mb += NETWORKS_MB
    if (
        config.significance.method == "refit"
        and config.validation != "subject"
        and cell.decoder not in LINEAR
    ):
        seconds *= 1 + config.significance.n_permutations
    return Cost(cpu_s=0.3 + seconds, memory_mb=memory_mb)


def _length(config: AadConfig, subjects: Sequence[str]) -> _Length:
    sizes = [size(config.recordings, subject) for subject in subjects]
    minutes = sum(one.duration_s * one.n_channels for one in sizes) / 60 / 32
    kept = sum(one.duration_s * one.n_channels for one in sizes) * config.preprocessing.sfreq
    largest = max((one.n_samples for one in sizes), default=0.0)
    return _Length(sum(one.n_trials for one in sizes), minutes, 8e-6 * (kept + largest))
