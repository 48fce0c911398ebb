"""Trainable decoders on torch: two that reconstruct the envelope, one that names the talker.

- ``cnn``: temporal, spatial and separable convolutions after EEGNet, as Thornton et al. use it.
- ``attention``: each sample attends to the EEG of the following context window, relative position learned.
- `SpeakerClassifier`: EEG and both envelopes through inception-like convolutions, correlated (after AADNet).

Reconstructors are trained by minus Pearson's r within windows, the classifier by cross-entropy over both
orders of the talkers, so that it cannot prefer a side. All run on the GPU where there is one. They need far
more data than ridge: on one listener's hour expect no gain.

References
----------
Thornton, Mandic and Reichenbach (2022), J. Neural Eng. 19, 046007. Nguyen et al. (2025), AADNet, IEEE TNSRE.
Lawhern et al. (2018), J. Neural Eng. 15, 056013 (EEGNet). Vaswani et al. (2017), NeurIPS 30.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from cogattn.eeg.aad.inputs import checked_eeg, checked_streams
from cogattn.errors import DataError

FloatArray = NDArray[np.floating]
Architecture = Literal["cnn", "attention"]


class ConvolutionalReconstructor(nn.Module):
    """EEGNet-like map (batch, channels, times) -> (batch, times), looking `context` samples ahead."""

    def __init__(self, n_channels: int, context: int, *, width: int = 8, dropout: float = 0.25) -> None:
        super().__init__()
        self.context = context
        self.temporal = nn.Conv2d(1, width, (1, context), bias=False)
        self.spatial = nn.Conv2d(width, 2 * width, (n_channels, 1), groups=width, bias=False)
        self.depthwise = nn.Conv1d(2 * width, 2 * width, 9, padding=4, groups=2 * width, bias=False)
        self.pointwise = nn.Conv1d(2 * width, 2 * width, 1)
        self.norms = nn.ModuleList(
            [nn.BatchNorm2d(width), nn.BatchNorm2d(2 * width), nn.BatchNorm1d(2 * width)]
        )
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Conv1d(2 * width, 1, 1)

    def forward(self, eeg: Tensor) -> Tensor:
        """Reconstruct."""
        x = functional.pad(eeg, (0, self.context - 1))[:, None]  # (batch, 1, channels, times)
        x = self.norms[0](self.temporal(x))
        x = functional.elu(self.norms[1](self.spatial(x)))[:, :, 0]
        x = self.dropout(x)
        x = functional.elu(self.norms[2](self.pointwise(self.depthwise(x))))
        return self.out(self.dropout(x))[:, 0]


class AttentionReconstructor(nn.Module):
    """Attention from each sample to the EEG of the following `context` samples -> (batch, times)."""

    def __init__(self, n_channels: int, context: int, *, width: int = 32, n_heads: int = 4) -> None:
        super().__init__()
        self.context, self.n_heads = context, n_heads
        self.embed = nn.Conv1d(n_channels, width, 1)
        self.project = nn.Conv1d(width, 3 * width, 1)
        self.position = nn.Parameter(torch.zeros(n_heads, context))
        self.offset_value = nn.Parameter(torch.randn(n_heads, width // n_heads, context) / context**0.5)
        self.out = nn.Conv1d(width, 1, 1)

    def forward(self, eeg: Tensor) -> Tensor:
        """Reconstruct."""
        batch, _, times = eeg.shape
        query, key, value = self.project(self.embed(eeg)).chunk(3, dim=1)
        shape = (batch, self.n_heads, -1, times)
        query, key, value = (
            query.reshape(shape),
            self._ahead(key.reshape(shape)),
            self._ahead(value.reshape(shape)),
        )
        scores = torch.einsum("bhdt,bhdtc->bhtc", query, key) / key.shape[2] ** 0.5 + self.position[:, None]
        weights = scores.softmax(dim=-1)
        # each offset has a value map of its own, so that the sign of a response may change with its latency
        mixed = torch.einsum("bhtc,bhdtc,hdc->bhdt", weights, value, self.offset_value)
        return self.out(mixed.reshape(batch, -1, times))[:, 0]

    def _ahead(self, x: Tensor) -> Tensor:
        """Windows of `context` samples from each sample on, (..., times, context)."""
        return functional.pad(x, (0, self.context - 1)).unfold(-1, self.context, 1)


class TwoStreamNetwork(nn.Module):
    """AADNet-like: score of each talker for windows of EEG (batch, channels, times) and envelopes."""

    def __init__(self, n_channels: int, *, width: int = 8, dropout: float = 0.4) -> None:
        super().__init__()
        self.spatial = nn.Conv1d(n_channels, width, 1)
        self.eeg_branches = nn.ModuleList(
            [nn.Conv1d(width, width, k, padding=k // 2) for k in (19, 25, 33, 39)]
        )
        self.sound_branches = nn.ModuleList([nn.Conv1d(1, width, k, padding=k // 2) for k in (65, 81)])
        self.eeg_mix = nn.Conv1d(4 * width, width, 1)
        self.sound_mix = nn.Conv1d(2 * width, width, 1)
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(width * width, 1)

    def forward(self, eeg: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        x = self._branches(self.spatial(eeg), self.eeg_branches, self.eeg_mix)
        scores = []
        for sound in (first, second):
            y = self._branches(sound[:, None], self.sound_branches, self.sound_mix)
            match = torch.einsum("bit,bjt->bij", _standard(x), _standard(y)) / x.shape[-1]
            scores.append(self.score(self.dropout(match.flatten(1)))[:, 0])
        return torch.stack(scores, dim=1)

    def _branches(self, x: Tensor, branches: nn.ModuleList, mix: nn.Conv1d) -> Tensor:
        return mix(functional.elu(torch.cat([branch(x) for branch in branches], dim=1)))


class NetworkReconstructor:
    """Envelope reconstruction by a network; same calls as `RidgeDecoder`.

    Parameters
    ----------
    sfreq : float
        Rate in Hz.
    architecture : {"cnn", "attention"}
        See the module.
    context_s : float
        How much of the EEG after a sample the network sees.
    window_s : float
        Training window.
    n_epochs, batch_size, learning_rate, weight_decay
        Adam's settings.
    seed : int
        Of initial weights and order; the same seed gives the same network on one device and thread count.
    """

    def __init__(
        self,
        sfreq: float,
        architecture: Architecture = "cnn",
        *,
        context_s: float = 0.4,
        window_s: float = 5.0,
        n_epochs: int = 20,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-3,
        seed: int = 0,
    ) -> None:
        self.sfreq = sfreq
        self.architecture = architecture
        self.context_s = context_s
        self.window_s = window_s
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.seed = seed

    def fit(self, eeg: Sequence[FloatArray], envelope: Sequence[FloatArray]) -> NetworkReconstructor:
        """Fit on lists of trials: eeg (n_times, n_channels), envelope (n_times,)."""
        x = checked_eeg(eeg)
        y = checked_streams(envelope, x, name="envelope")
        self.scale_ = float(np.sqrt(np.mean([np.mean(trial**2) for trial in x])))
        inputs, targets = (
            _windows([trial / scale for trial in trials], round(self.window_s * self.sfreq))
            for trials, scale in ((x, self.scale_), (y, 1.0))
        )
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.network_ = self._build(x[0].shape[1])
            _train(
                self, self.network_, (inputs, targets[:, 0]), lambda net, a, b: -_pearson(net(a), b).mean()
            )
        return self

    @overload
    def predict(self, eeg: FloatArray) -> FloatArray: ...

    @overload
    def predict(self, eeg: Sequence[FloatArray]) -> list[FloatArray]: ...

    def predict(self, eeg: Sequence[FloatArray] | FloatArray) -> list[FloatArray] | FloatArray:
        """Reconstruct one trial, (n_times,), or each of a list of trials."""
        if not hasattr(self, "network_"):
            raise DataError("a decoder must be fitted before it predicts; call fit first")
        single = isinstance(eeg, np.ndarray) and eeg.ndim == 2
        decoded = []
        for trial in checked_eeg(eeg):
            signal = torch.as_tensor(trial.T / self.scale_, dtype=torch.float32, device=_device())[None]
            with torch.inference_mode():
                decoded.append(self.network_(signal)[0].cpu().numpy().astype(np.float64))
        return decoded[0] if single else decoded

    def _build(self, n_channels: int) -> nn.Module:
        context = max(2, round(self.context_s * self.sfreq))
        kinds = {"cnn": ConvolutionalReconstructor, "attention": AttentionReconstructor}
        if self.architecture not in kinds:
            raise DataError(f"architecture must be one of {sorted(kinds)}; got {self.architecture!r}")
        return kinds[self.architecture](n_channels, context).to(_device())


class SpeakerClassifier:
    """Direct classification of the attended talker; same calls as `CcaDecoder`.

    Parameters are those of `NetworkReconstructor`.
    """

    def __init__(
        self,
        sfreq: float,
        *,
        window_s: float = 5.0,
        n_epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        seed: int = 0,
    ) -> None:
        self.sfreq = sfreq
        self.window_s = window_s
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.seed = seed

    def fit(
        self, eeg: Sequence[FloatArray], attended: Sequence[FloatArray], unattended: Sequence[FloatArray]
    ) -> SpeakerClassifier:
        """Fit on lists of trials."""
        x = checked_eeg(eeg)
        sounds = [
            checked_streams(s, x, name=n) for s, n in ((attended, "attended"), (unattended, "unattended"))
        ]
        self.scale_ = float(np.sqrt(np.mean([np.mean(trial**2) for trial in x])))
        self.sound_scale_ = float(np.sqrt(np.mean([np.mean(s**2) for stream in sounds for s in stream])))
        length = round(self.window_s * self.sfreq)
        windows = [_windows([t / self.scale_ for t in x], length, hop=length // 2)]
        windows += [
            _windows([t / self.sound_scale_ for t in s], length, hop=length // 2)[:, 0] for s in sounds
        ]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.network_ = TwoStreamNetwork(x[0].shape[1]).to(_device())
            _train(self, self.network_, tuple(windows), _both_orders)
        return self

    def margins(
        self, eeg: FloatArray, first: FloatArray, second: FloatArray, *, window_s: float
    ) -> FloatArray:
        """Log odds of `first` over `second` in successive windows of one trial."""
        if not hasattr(self, "network_"):
            raise DataError("a decoder must be fitted before it decides; call fit first")
        x = checked_eeg([eeg])
        a, b = (checked_streams([s], x, name="envelope") for s in (first, second))
        length = round(window_s * self.sfreq)
        signal = _windows([x[0] / self.scale_], length).to(_device())
        pair = [_windows([s[0] / self.sound_scale_], length)[:, 0].to(_device()) for s in (a, b)]
        with torch.inference_mode():
            logits = self.network_(signal, *pair)
        return (logits[:, 0] - logits[:, 1]).cpu().numpy().astype(np.float64)


def _both_orders(network: nn.Module, eeg: Tensor, attended: Tensor, unattended: Tensor) -> Tensor:
    labels = torch.zeros(len(eeg), dtype=torch.long, device=eeg.device)
    forward = functional.cross_entropy(network(eeg, attended, unattended), labels)
    return (forward + functional.cross_entropy(network(eeg, unattended, attended), labels + 1)) / 2


def _train(settings: NetworkReconstructor | SpeakerClassifier, network: nn.Module, data: tuple, loss) -> None:
    """Minimise `loss` over shuffled batches; leaves the network in evaluation mode."""
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    n = len(data[0])
    steps = settings.n_epochs * max(1, n // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    network.train()
    for _ in range(settings.n_epochs):
        order = torch.randperm(n)
        for start in range(0, max(1, n - n % settings.batch_size), settings.batch_size):
            batch = [part[order[start : start + settings.batch_size]].to(_device()) for part in data]
            optimiser.zero_grad()
            value = loss(network, *batch)
            if not torch.isfinite(value):
                raise DataError("training must stay finite; got a loss of NaN; lower learning_rate")
            value.backward()
            optimiser.step()
            schedule.step()
    network.eval()


def _windows(trials: Sequence[FloatArray], length: int, hop: int | None = None) -> Tensor:
    """Windows of all trials as float32 (n_windows, n_columns, length); none spans two trials."""
    cut = [
        trial[start : start + length].T
        for trial in trials
        for start in range(0, trial.shape[0] - length + 1, hop or length)
    ]
    if not cut:
        raise DataError(f"window_s must fit into a trial; got {length} samples in {len(trials[0])}")
    return torch.as_tensor(np.stack(cut), dtype=torch.float32)


def _standard(x: Tensor) -> Tensor:
    return (x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True, correction=0) + 1e-6)


def _pearson(x: Tensor, y: Tensor) -> Tensor:
    return (_standard(x) * _standard(y)).mean(dim=-1)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
