"""Our transformer of objects and fixations: who looked where says where they look next.

Objects are tokens of what they look like, where they lie, how large they are and whether they are looked for; an encoder
lets them see one another, a decoder follows the fixations from a begin token in the layout's middle, and a pointer says
which object is next, or that the path ends. Scores know distance and direction from gaze by a log-polar table, and what
was looked at before: visits, their number, how long ago, and whether an object lies straight on.

After the object-level attention transformer of Fang et al. (2024, ECCV); what differs is in ``docs/scanpath.md``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cogattn.attention import ObjectDecoder, ObjectEncoder, ObjectTransformerConfig, PointerHead
from cogattn.psychophysics.scanpath.config import NetworkSettings
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch

WAVELENGTHS_DEG = (2.0, 64.0)
N_WAVELENGTHS = 8
RECENCY = 4.0
"""Fixations after which a visit counts e times less."""
N_HISTORY = 4
SMALLEST_DEG = 0.01


class ScanpathNetwork(nn.Module):
    """Objects in, and for each fixation of a path the scores of what comes next.

    Parameters
    ----------
    settings : NetworkSettings
        Size, and parts that are left out.
    n_features : int, optional
        Features of an object's appearance; None for a model that is not told any.
    """

    def __init__(self, settings: NetworkSettings, *, n_features: int | None) -> None:
        super().__init__()
        self.settings = settings
        parts = set(settings.without)
        config = ObjectTransformerConfig(
            width=settings.width, heads=settings.heads, encoder_layers=settings.encoder_layers,
            decoder_layers=settings.decoder_layers, feedforward=settings.feedforward, dropout=settings.dropout,
            n_knots=settings.n_knots, n_pair_features=0 if "history" in parts else N_HISTORY,
        )  # fmt: skip
        width = settings.width
        self.appearance = None if n_features is None else nn.Linear(n_features, width)
        self.position = None if "position" in parts else nn.Linear(4 * N_WAVELENGTHS, width)
        self.area = None if "area" in parts else nn.Linear(3, width)
        self.target = nn.Linear(1, width)
        self.begin_token = nn.Parameter(torch.randn(width))
        self.encoder = ObjectEncoder(config)
        self.decoder = ObjectDecoder(config)
        self.pointer = PointerHead(config)
        if "geometry" in parts:
            for name, parameter in self.named_parameters():
                if name.endswith(".polar"):
                    parameter.requires_grad_(False)

    def forward(self, batch: PathBatch) -> Tensor:
        """Return log scores (n_paths, n_fixations + 1, n_objects + 1) before each fixation and after the last."""
        layouts = batch.layouts
        area = None if self.area is None else layouts.log_area
        tokens = self.encoder(self._tokens(layouts), layouts.position, log_area=area, present=layouts.present)
        of, n_objects = batch.of, layouts.position.shape[1]
        position, tokens, present = layouts.position[of], tokens[of], layouts.present[of]
        area = None if area is None else area[of]
        row = torch.arange(len(of), device=of.device)[:, None]
        looked_at = batch.objects.clamp(min=0)
        middle = position.new_zeros(len(of), 1, 2)
        gaze = torch.cat([middle, position[row, looked_at]], 1)
        begin = self.begin_token.expand(len(of), 1, -1)
        order = order_code(gaze.shape[1], tokens.shape[-1]).to(tokens)
        fixations = torch.cat([begin, tokens[row, looked_at]], 1) + order
        pairs = None
        if "history" not in self.settings.without:
            pairs = history(batch.objects, gaze, position, n_objects)
        seen = {"log_area": area, "present": present, "pair_features": pairs}
        fixations = self.decoder(fixations, gaze, tokens, position, **seen)
        return self.pointer(fixations, tokens, gaze, position, **seen)

    def duration(self, batch: PathBatch) -> Tensor | None:
        """Return the expected ln ms of each fixation, (n_paths, n_fixations), where durations are learned."""
        return None

    def _tokens(self, layouts: LayoutBatch) -> Tensor:
        n_objects = layouts.position.shape[1]
        wanted = layouts.target[:, None] == torch.arange(n_objects, device=layouts.target.device)
        tokens = self.target(wanted[..., None].to(layouts.position.dtype))
        if self.appearance is not None:
            tokens = tokens + self.appearance(layouts.features)
        if self.position is not None:
            tokens = tokens + self.position(position_code(layouts.position))
        if self.area is not None:
            sides = layouts.size.clamp(min=SMALLEST_DEG).log()
            tokens = tokens + self.area(torch.cat([sides, layouts.log_area[..., None]], -1))
        return tokens


def position_code(position: Tensor) -> Tensor:
    """Return sines and cosines of places (..., 2) at wavelengths from 2 to 64 degrees, (..., 4 * N_WAVELENGTHS)."""
    first, last = (math.log(length) for length in WAVELENGTHS_DEG)
    lengths = torch.linspace(first, last, N_WAVELENGTHS, dtype=position.dtype, device=position.device).exp()
    phase = (2 * math.pi * position[..., None] / lengths).flatten(-2)
    return torch.cat([phase.sin(), phase.cos()], -1)


def order_code(n: int, width: int) -> Tensor:
    """Return the sinusoids of Vaswani et al. (2017), (n, width): which fixation it is."""
    rate = torch.exp(-math.log(1e4) * torch.arange(0, width, 2) / width)
    phase = torch.arange(n)[:, None] * rate
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(1)[:, :width]


def history(objects: Tensor, gaze: Tensor, position: Tensor, n_objects: int) -> Tensor:
    """Return what came before of each fixation and object, (n_paths, n_fixations + 1, n_objects, 4).

    Looked at or not, ln(1 + looks), exp(-fixations since / RECENCY), and the cosine of the last movement of gaze and the
    way to the object.
    """
    looks = objects[..., None] == torch.arange(n_objects, device=objects.device)
    looks = torch.cat([torch.zeros_like(looks[:, :1]), looks], 1)
    count = looks.to(position.dtype).cumsum(1)
    now = torch.arange(gaze.shape[1], device=objects.device)[:, None]
    last = (looks * now).cummax(1).values
    recency = torch.exp((last - now).to(position.dtype) / RECENCY) * (count > 0)
    moved = gaze.diff(dim=1, prepend=gaze[:, :1])
    moved[:, :2] = 0  # the way from the begin token to the first fixation is no movement of the eye
    way = position[:, None] - gaze[:, :, None]
    straight = (unit(moved)[:, :, None] * unit(way)).sum(-1)
    return torch.stack([(count > 0).to(position.dtype), count.log1p(), recency, straight], -1)


def unit(vector: Tensor) -> Tensor:
    """Return vectors (..., 2) of length 1, or 0 where they are 0."""
    length = vector.norm(dim=-1, keepdim=True)
    return torch.where(length > 0, vector / length.clamp(min=1e-9), 0)
