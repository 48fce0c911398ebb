"""Trainable decoders: two that reconstruct the envelope, one that names the talker; `training` fits them.

Reconstructors learn by minus Pearson's r within windows, the classifier by cross-entropy over both orders of the
talkers, so that it cannot prefer a side. They need far more data than ridge: on one listener's hour expect no gain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Self, overload

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.eeg.aad.checks import checked_eeg, checked_streams
from cogattn.eeg.aad.config import TrainingSettings
from cogattn.eeg.aad.journal import Journal
from cogattn.eeg.aad.networks import (
    AttentionReconstructor,
    ConvolutionalReconstructor,
    TwoStreamNetwork,
    standardised,
)
from cogattn.eeg.aad.training import Loss, Windows, device, train
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

Architecture = Literal["cnn", "attention"]
DEFAULT_TRAINING = TrainingSettings()


class NetworkDecoder:
    """Base of the trainable decoders: how they are fitted.

    Parameters
    ----------
    sfreq : float
        Rate in Hz.
    training : TrainingSettings
        Windows, epochs and what is tuned.
    seed : int
        Of initial weights and order; the same seed gives the same network on one device and thread count.

    Attributes
    ----------
    network_ : torch.nn.Module
        In evaluation mode.
    n_epochs_, learning_rate_, weight_decay_
        What was chosen.
    scale_ : float
        Root mean square of the training EEG.
    """

    def __init__(self, sfreq: float, *, training: TrainingSettings = DEFAULT_TRAINING, seed: int = 0) -> None:
        self.sfreq = sfreq
        self.training = training
        self.seed = seed

    def _learn(
        self,
        build: Callable[[], nn.Module],
        trials: Sequence[Windows],
        loss: Loss,
        journal: Journal | None,
        fold: int,
    ) -> Self:
        """Train, and keep what was chosen."""
        self.network_, found = train(
            build,
            trials,
            loss,
            self.training,
            seed=self.seed,
            journal=journal,
            fold=fold,
            facts=self._scales(),
        )
        self.n_epochs_ = found.n_epochs
        self.learning_rate_, self.weight_decay_ = found.learning_rate, found.weight_decay
        return self

    def _scales(self) -> dict[str, float]:
        """What the network's inputs were divided by."""
        return {"scale": self.scale_}

    def _scaled(self, eeg: Sequence[FloatArray]) -> list[FloatArray]:
        """Set `scale_` from the training EEG and divide by it."""
        self.scale_ = _root_mean_square(eeg)
        return [trial / self.scale_ for trial in eeg]

    def _require_fit(self) -> None:
        if not hasattr(self, "network_"):
            raise DataError("a decoder must be fitted before it predicts; call fit first")


class NetworkReconstructor(NetworkDecoder):
    """Envelope reconstruction by a network; same calls as `RidgeDecoder`.

    Parameters
    ----------
    sfreq : float
        Rate in Hz.
    architecture : {"cnn", "attention"}
        See `cogattn.eeg.aad.networks`.
    context_s : float
        How much of the EEG after a sample the network sees.
    training, seed
        See `NetworkDecoder`.
    """

    def __init__(
        self,
        sfreq: float,
        architecture: Architecture = "cnn",
        *,
        context_s: float = 0.4,
        training: TrainingSettings = DEFAULT_TRAINING,
        seed: int = 0,
    ) -> None:
        super().__init__(sfreq, training=training, seed=seed)
        self.architecture = architecture
        self.context_s = context_s

    def fit(
        self,
        eeg: Sequence[FloatArray],
        envelope: Sequence[FloatArray],
        *,
        journal: Journal | None = None,
        fold: int = 0,
    ) -> Self:
        """Fit on lists of trials: eeg (n_times, n_channels), envelope (n_times,); `journal` as in `train`."""
        kinds = {"cnn": ConvolutionalReconstructor, "attention": AttentionReconstructor}
        if self.architecture not in kinds:
            raise DataError(f"architecture must be one of {sorted(kinds)}; got {self.architecture!r}")
        x = checked_eeg(eeg)
        y = checked_streams(envelope, x, name="envelope")
        length, context = (
            round(self.training.window_s * self.sfreq),
            max(2, round(self.context_s * self.sfreq)),
        )
        trials = [
            (windows(a, length), windows(b, length)[:, 0]) for a, b in zip(self._scaled(x), y, strict=True)
        ]

        def loss(network: nn.Module, signal: Tensor, target: Tensor) -> Tensor:
            r = (standardised(network(signal)) * standardised(target)).mean(dim=-1)
            return -r.mean()

        return self._learn(
            lambda: kinds[self.architecture](x[0].shape[1], context), trials, loss, journal, fold
        )

    @overload
    def predict(self, eeg: FloatArray) -> FloatArray: ...

    @overload
    def predict(self, eeg: Sequence[FloatArray]) -> list[FloatArray]: ...

    def predict(self, eeg: Sequence[FloatArray] | FloatArray) -> list[FloatArray] | FloatArray:
        """Reconstruct one trial, (n_times,), or each of a list of trials."""
        self._require_fit()
        decoded = []
        for trial in checked_eeg(eeg):
            signal = torch.as_tensor(trial.T / self.scale_, dtype=torch.float32, device=device())[None]
            with torch.inference_mode():
                decoded.append(self.network_(signal)[0].cpu().numpy().astype(np.float64))
        return decoded[0] if isinstance(eeg, np.ndarray) and eeg.ndim == 2 else decoded


class SpeakerClassifier(NetworkDecoder):
    """Direct classification of the attended talker; same calls as `CcaDecoder`."""

    def fit(
        self,
        eeg: Sequence[FloatArray],
        attended: Sequence[FloatArray],
        unattended: Sequence[FloatArray],
        *,
        journal: Journal | None = None,
        fold: int = 0,
    ) -> Self:
        """Fit on lists of trials; `journal` as in `train`."""
        x = checked_eeg(eeg)
        sounds = [
            checked_streams(s, x, name=n) for s, n in ((attended, "attended"), (unattended, "unattended"))
        ]
        self.sound_scale_ = _root_mean_square([trial for stream in sounds for trial in stream])
        length = round(self.training.window_s * self.sfreq)
        trials = [
            (windows(signal, length, hop=length // 2), *(self._sound(s, length, length // 2) for s in pair))
            for signal, *pair in zip(self._scaled(x), *sounds, strict=True)
        ]
        return self._learn(lambda: TwoStreamNetwork(x[0].shape[1]), trials, _both_orders, journal, fold)

    def scores(self, eeg: FloatArray, sounds: Sequence[FloatArray], *, window_s: float) -> FloatArray:
        """Logit of each sound in successive windows of one trial, (n_sounds, n_windows)."""
        self._require_fit()
        x = checked_eeg([eeg])
        length = round(window_s * self.sfreq)
        streams = [checked_streams([s], x, name="envelope")[0] for s in sounds]
        signal = windows(x[0] / self.scale_, length).to(device())
        with torch.inference_mode():
            logits = self.network_(signal, *(self._sound(s, length, length).to(device()) for s in streams))
        return logits.T.cpu().numpy().astype(np.float64)

    def margins(
        self, eeg: FloatArray, first: FloatArray, second: FloatArray, *, window_s: float
    ) -> FloatArray:
        """Log odds of `first` over `second` in successive windows of one trial."""
        one, other = self.scores(eeg, [first, second], window_s=window_s)
        return one - other

    def _scales(self) -> dict[str, float]:
        return {"scale": self.scale_, "sound_scale": self.sound_scale_}

    def _sound(self, stream: FloatArray, length: int, hop: int) -> Tensor:
        return windows(stream / self.sound_scale_, length, hop=hop)[:, 0]


def windows(trial: FloatArray, length: int, *, hop: int | None = None) -> Tensor:
    """Windows of one trial (n_times, n_columns) as float32 (n_windows, n_columns, length)."""
    starts = range(0, trial.shape[0] - length + 1, hop or length)
    if not starts:
        raise DataError(f"window_s must fit into a trial; got {length} samples in {trial.shape[0]}")
    return torch.as_tensor(np.stack([trial[s : s + length].T for s in starts]), dtype=torch.float32)


def _both_orders(network: nn.Module, eeg: Tensor, attended: Tensor, unattended: Tensor) -> Tensor:
    labels = torch.zeros(len(eeg), dtype=torch.long, device=eeg.device)
    forward = functional.cross_entropy(network(eeg, attended, unattended), labels)
    return (forward + functional.cross_entropy(network(eeg, unattended, attended), labels + 1)) / 2


def _root_mean_square(trials: Sequence[FloatArray]) -> float:
    return float(np.sqrt(np.mean([np.mean(trial**2) for trial in trials])))
