"""Our transformer of objects and fixations: who looked where says where they look next.

Objects are tokens of what they look like, where they lie, how large they are and whether they are looked for; an
encoder lets them see one another, a decoder follows the fixations from a begin token in the layout's middle, and a
pointer says which object is next, or that the path ends. Scores know distance and direction from gaze by a log-polar
table, and what was looked at before: visits, their number, how long ago, and whether an object lies straight on.

After the object-level attention transformer of Fang et al. (2024, ECCV); what differs is in ``docs/scanpath.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cogattn.attention import (
    DurationHead,
    LogNormal,
    ObjectDecoder,
    ObjectEncoder,
    ObjectTransformerConfig,
    Past,
    PointerHead,
)
from cogattn.attention.heads import Remembered
from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import NetworkSettings
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.models.history import N_FEATURES, History

WAVELENGTHS_DEG = (2.0, 64.0)
N_WAVELENGTHS = 8
SMALLEST_DEG = 0.01


@dataclass(frozen=True, eq=False)
class Memory:
    """Layouts as the network sees them, made once and read at every fixation.

    Parameters
    ----------
    position : Tensor, shape (n_layouts or 1, n_objects, 2)
        Degrees; one row where all layouts share it.
    log_area : Tensor, shape (n_layouts, n_objects), optional
        ln of square degrees; None where areas are left out.
    present : Tensor of bool, shape (n_layouts, n_objects), optional
        False at padding; None where there is none.
    tokens : Tensor, shape (n_layouts, n_objects, width)
        Objects in the light of the others.
    seen : tuple of (k, v)
        Each decoder block's keys and values.
    pointed_at : Tensor, shape (n_layouts, pointers, n_objects, width)
        The pointer's keys.
    """

    position: Tensor
    log_area: Tensor | None
    present: Tensor | None
    tokens: Tensor
    seen: tuple[Remembered, ...]
    pointed_at: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """Paths as far as they have come; a step makes a new one and leaves this as it is.

    Parameters
    ----------
    memory : Memory
        The layouts.
    of : Tensor of int64, shape (n_paths,)
        Which of them each path is over.
    scores : Tensor, shape (n_paths, n_objects + 1)
        Log scores of what comes next, the last one of ending.
    duration : LogNormal, optional
        Of the last fixation, fields of shape (n_paths,), where durations are learned.
    past : Past
        What the decoder keeps of the fixations.
    history : History
        Visits.
    """

    memory: Memory
    of: Tensor
    scores: Tensor
    duration: LogNormal | None
    past: Past
    history: History


class ScanpathNetwork(nn.Module):
    """Objects in, and for each fixation of a path the scores of what comes next.

    Parameters
    ----------
    settings : NetworkSettings
        Size, and parts that are left out.
    n_features : int, optional
        Features of an object's appearance; None for a model that is not told any.

    Examples
    --------
    >>> network = ScanpathNetwork(NetworkSettings(), n_features=None).eval()
    >>> nine = torch.ones(1, 9)
    >>> layouts = LayoutBatch(torch.randn(1, 9, 2), torch.ones(1, 9, 2), nine, nine.bool(), torch.tensor([4]))
    >>> state = network.begin(network.encode(layouts), torch.zeros(100, dtype=torch.int64))  # 100 paths over it
    >>> network.step(state, torch.full((100,), 3)).scores.shape
    torch.Size([100, 10])
    """

    def __init__(self, settings: NetworkSettings, *, n_features: int | None) -> None:
        super().__init__()
        self.settings = settings
        without, width = set(settings.without), settings.width
        config = ObjectTransformerConfig(
            width=width,
            heads=settings.heads,
            encoder_layers=settings.encoder_layers,
            decoder_layers=settings.decoder_layers,
            feedforward=settings.feedforward,
            dropout=settings.dropout,
            polar="geometry" not in without,
            n_knots=settings.n_knots,
            n_pair_features=0 if "history" in without else N_FEATURES,
            pointers=settings.n_pointers,
        )
        self.appearance = None if n_features is None else nn.Linear(n_features, width)
        self.position = None if "position" in without else nn.Linear(4 * N_WAVELENGTHS, width)
        self.area = None if "area" in without else nn.Linear(3, width)
        self.target = nn.Linear(1, width)
        self.begin_token = nn.Parameter(torch.randn(width))
        self.encoder = ObjectEncoder(config)
        self.decoder = ObjectDecoder(config)
        self.pointer = PointerHead(config)
        self.durations = DurationHead(width) if settings.durations else None

    def forward(self, batch: PathBatch) -> Tensor:
        """Return log scores (n_paths, n_fixations + 1, n_objects + 1) before each fixation and after the last."""
        return self.predict(batch)[0]

    def duration(self, batch: PathBatch) -> Tensor | None:
        """Return the expected ln ms of each fixation, (n_paths, n_fixations), where durations are learned."""
        durations = self.predict(batch)[1]
        return None if durations is None else durations.mean

    def predict(self, batch: PathBatch) -> tuple[Tensor, LogNormal | None]:
        """Return the scores of `forward`, and the distributions of durations (n_paths, n_fixations), if learned."""
        memory = self.encode(batch.layouts)
        begin = batch.objects.new_full((len(batch.objects), 1), -1)
        tokens, scores, _, _ = self._go_on(memory, batch.of, torch.cat([begin, batch.objects], 1), None)
        return scores, None if self.durations is None else self.durations(tokens[:, 1:])

    def encode(self, layouts: LayoutBatch) -> Memory:
        """Return layouts as the network sees them."""
        first = layouts.position[:1]
        position = first if bool((layouts.position == first).all()) else layouts.position
        log_area = None if self.area is None else layouts.log_area
        present = None if bool(layouts.present.all()) else layouts.present
        tokens = self.encoder(self._tokens(layouts), position, log_area=log_area, present=present)
        seen, pointed_at = self.decoder.remember(tokens), self.pointer.remember(tokens)
        return Memory(position, log_area, present, tokens, seen, pointed_at)

    def begin(self, memory: Memory, of: Tensor) -> State:
        """Return paths that have not begun, over the layouts numbered `of` (n_paths,)."""
        return self._state(memory, of, of.new_full((len(of), 1), -1), None)

    def step(self, state: State, objects: Tensor) -> State:
        """Return the paths after a further fixation each, on `objects` (n_paths,).

        A path that has ended may be given any object, the number of the end included; what follows means nothing.
        """
        n_objects = state.memory.tokens.shape[1]
        known = torch.where(objects < n_objects, objects, -1)
        return self._state(state.memory, state.of, known[:, None], state)

    def _state(self, memory: Memory, of: Tensor, objects: Tensor, before: State | None) -> State:
        tokens, scores, past, history = self._go_on(memory, of, objects, before)
        duration = (
            None if self.durations is None else LogNormal(*(rows[:, 0] for rows in self.durations(tokens)))
        )
        return State(memory, of, scores[:, 0], duration, past, history)

    def _go_on(
        self, memory: Memory, of: Tensor, objects: Tensor, before: State | None
    ) -> tuple[Tensor, Tensor, Past, History]:
        """Tokens and scores of further fixations on `objects` (n_paths, n_fixations), -1 being the begin token."""
        position = memory.position if len(memory.position) == 1 else memory.position[of]
        history = None if before is None else before.history
        if history is None:
            history = History.none(len(of), position.shape[1], position)
        token, gaze = self._fixated(memory, position, of, objects)
        token = token + order_code(history.n, objects.shape[1], token.shape[-1]).to(token)
        features, history = history.after(objects, gaze, position)
        pairs = self.decoder.look(
            gaze,
            memory.position,
            dtype=token.dtype,
            of=of,
            n_layouts=len(memory.tokens),
            log_area=memory.log_area,
            present=memory.present,
            pair_features=None if "history" in self.settings.without else features,
        )
        past = None if before is None else before.past
        tokens, past = self.decoder.extend(token, gaze, memory.seen, pairs, past)
        return tokens, self.pointer.see(tokens, memory.pointed_at, pairs), past, history

    def _fixated(
        self, memory: Memory, position: Tensor, of: Tensor, objects: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens and places of what is looked at, (n_paths, n_fixations, ...); the begin token lies in the middle."""
        n_objects = position.shape[1]
        begins, number = (objects < 0)[..., None], objects.clamp(min=0)
        row = torch.arange(len(position), device=of.device)[:, None] * n_objects
        gaze = position.flatten(0, 1)[row + number].masked_fill(begins, 0)
        tokens = memory.tokens.flatten(
            0, 1
        )  # index_select, whose gradient is much faster than that of an index
        token = tokens.index_select(0, (of[:, None] * n_objects + number).flatten()).unflatten(
            0, objects.shape
        )
        return torch.where(begins, self.begin_token, token), gaze

    def _tokens(self, layouts: LayoutBatch) -> Tensor:
        n_objects = layouts.position.shape[1]
        wanted = layouts.target[:, None] == torch.arange(n_objects, device=layouts.target.device)
        tokens = self.target(wanted[..., None].to(layouts.position.dtype))
        if self.appearance is not None:
            if layouts.features is None:
                raise DataError(
                    f"layouts must have features, {self.appearance.in_features} for each object; got none (layouts)"
                )
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


def order_code(first: int, n: int, width: int) -> Tensor:
    """Return the sinusoids of Vaswani et al. (2017), (n, width), of fixations numbered from `first` on."""
    rate = torch.exp(-math.log(1e4) * torch.arange(0, width, 2) / width)
    phase = torch.arange(first, first + n)[:, None] * rate
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(1)[:, :width]
