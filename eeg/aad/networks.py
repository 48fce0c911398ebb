"""The networks behind the trainable decoders; `trainable` fits them.

- `ConvolutionalReconstructor`: temporal, spatial and separable convolutions after EEGNet, as Thornton et al. use it.
- `AttentionReconstructor`: foveal attention in time. Every sample looks at a few learned latencies after itself;
  what it sees falls with the distance in time, as acuity does with eccentricity.
- `TwoStreamNetwork`: EEG and both envelopes through inception-like convolutions, correlated (after AADNet).

References
----------
Thornton, Mandic and Reichenbach (2022), J. Neural Eng. 19, 046007. Nguyen et al. (2025), AADNet, IEEE TNSRE.
Lawhern et al. (2018), J. Neural Eng. 15, 056013 (EEGNet).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.attention import FovealAttention, FovealAttentionConfig

PIECE = 64
"""Samples that `AttentionReconstructor` decodes at a time, so that cost grows with length and not its square."""


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
    """Foveal attention from each sample to the EEG of the following `context` samples -> (batch, times).

    Positions are samples in time. From sample t, gaze i falls on t + latency_i; the latencies are learned, and a
    Gaussian fall-off of learned width keeps each gaze to its neighbourhood. The radius ends at t and at
    t + context, so that nothing before t and nothing beyond the context is seen.
    """

    def __init__(self, n_channels: int, context: int, *, width: int = 32, n_gazes: int = 6) -> None:
        super().__init__()
        self.context, self.width = context, width
        self.radius = max(1.0, context / 6)
        settings = FovealAttentionConfig(
            width=width, heads=4, bias="gauss", alpha=1.0, radius_deg=self.radius
        )
        self.embed = nn.Conv1d(n_channels, width, 1, bias=False)
        self.attend = FovealAttention(settings)
        self.gaze = nn.Parameter(torch.randn(n_gazes, width) / width**0.5)
        self.latency = nn.Parameter(torch.linspace(-2, 2, n_gazes))
        self.out = nn.Linear(n_gazes * width, 1)

    def forward(self, eeg: Tensor) -> Tensor:
        """Reconstruct."""
        batch, _, times = eeg.shape
        n_pieces = -(-times // PIECE)
        ahead = self.context - 1
        x = self.embed(functional.pad(eeg, (0, n_pieces * PIECE - times + ahead)))
        pieces = (
            x.unfold(2, PIECE + ahead, PIECE).permute(0, 2, 3, 1).flatten(0, 1)
        )  # (all pieces, times, width)
        queries = (pieces[:, :PIECE, None] + self.gaze).flatten(1, 2)
        clock = torch.arange(PIECE + ahead, dtype=x.dtype, device=x.device)
        looked = (clock[:PIECE, None] + self.latencies()).flatten()
        seen = self.attend(queries, pieces, _on_a_line(looked), _on_a_line(clock))
        decoded = self.out(seen.unflatten(1, (PIECE, -1)).flatten(2))[..., 0]
        return decoded.reshape(batch, -1)[:, :times]

    def latencies(self) -> Tensor:
        """Samples after the decoded one at which it looks, (n_gazes,): a radius away from either end."""
        span = max(self.context - 1 - 2 * self.radius, 0.0)
        return self.radius + span * torch.sigmoid(self.latency)


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

    def forward(self, eeg: Tensor, *sounds: Tensor) -> Tensor:
        """Score each of the sounds, (batch, n_sounds); the logits of the talkers."""
        x = self._branches(self.spatial(eeg), self.eeg_branches, self.eeg_mix)
        scores = []
        for sound in sounds:
            y = self._branches(sound[:, None], self.sound_branches, self.sound_mix)
            match = torch.einsum("bit,bjt->bij", standardised(x), standardised(y)) / x.shape[-1]
            scores.append(self.score(self.dropout(match.flatten(1)))[:, 0])
        return torch.stack(scores, dim=1)

    def _branches(self, x: Tensor, branches: nn.ModuleList, mix: nn.Conv1d) -> Tensor:
        return mix(functional.elu(torch.cat([branch(x) for branch in branches], dim=1)))


def standardised(x: Tensor) -> Tensor:
    """Zero mean and unit variance over the last axis."""
    return (x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True, correction=0) + 1e-6)


def _on_a_line(position: Tensor) -> Tensor:
    """(n,) as (1, n, 2), the second coordinate 0."""
    return torch.stack([position, torch.zeros_like(position)], dim=-1)[None]
