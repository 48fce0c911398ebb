"""OAT as published: objects and fixations through torch's transformer, pointing at the next object (Fang et al., 2024).

A token is what an object looks like, by a small convolutional network that is trained with the rest, beside the code of
its place (`codes`). The encoder takes the objects and, after them, the target once more with the mark of a target; the
decoder takes what was fixated before, in order, from a begin token in the middle of the grid on. Two heads point at the
encoder's tokens, and to point at the target's extra token is to end the path.

What the publication's code does and is easily missed: blocks normalise after each branch; a fixation on the target
has the target's mark, its own object in the encoder has not; the first fixation cannot be the end; in the loss of
training there is one further class, of logit 0, which is never right (`PublishedNetwork.null_logit`).

Departures: the table of codes is exact (`codes.position_table`); the Linear(2, 1) that mixes the heads has no bias,
which cancels in every softmax; training stops by validation likelihood, not by the behaviour metric of greedy paths.
Where nobody may know the target (`target_position` unknown), its extra token has the crop of the begin token and lies
in the middle of the grid.

References
----------
Fang, Yu, Zhang, van der Lans, Shi (2024), ECCV; arXiv:2407.13335.
Vaswani et al. (2017), NeurIPS 30; Vinyals, Fortunato, Jaitly (2015), NeurIPS 28 (pointing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.grids import cells_of
from cogattn.psychophysics.scanpath.models.batches import LayoutBatch, PathBatch
from cogattn.psychophysics.scanpath.models.codes import place_codes, position_table, sinusoids
from cogattn.psychophysics.scanpath.models.crops import SIZE
from cogattn.psychophysics.scanpath.models.looks import Looks

Pair = tuple[Tensor, Tensor]
"""Keys and values."""


@dataclass(frozen=True, eq=False)
class Memory:
    """Layouts as the decoder and the pointers see them.

    Parameters
    ----------
    encoded : Tensor, shape (n_layouts, n_objects + 1, width)
        The target's extra token is the last.
    hidden : Tensor of bool, shape (n_layouts, n_objects + 1)
        True at padding.
    fixated : Tensor, shape (n_layouts, n_objects, width)
        Token of a fixation on each object.
    begin : Tensor, shape (n_layouts, width)
        The begin token.
    pointed : Tensor, shape (n_layouts, n_pointers, n_objects + 1, width)
        Keys of the pointers.
    """

    encoded: Tensor
    hidden: Tensor
    fixated: Tensor
    begin: Tensor
    pointed: Tensor


@dataclass(frozen=True, eq=False)
class State:
    """Paths so far, one token at a time.

    Parameters
    ----------
    memory : Memory
        Of the layouts.
    of : Tensor of int64, shape (n_paths,)
        Each path's layout.
    scores : Tensor, shape (n_paths, n_objects + 1)
        Log scores of what comes next, unnormalised; the last column ends the path.
    n_tokens : int
        So far, the begin token among them.
    past, seen : tuple of (keys, values), one of each decoder layer
        (n_paths, heads, n_tokens, width / heads) of the fixations; (n_layouts, heads, n_objects + 1, width / heads) of
        the objects.
    """

    memory: Memory
    of: Tensor
    scores: Tensor
    n_tokens: int
    past: tuple[Pair, ...]
    seen: tuple[Pair, ...]


class PublishedNetwork(nn.Module):
    """The published network on layouts that are grids.

    Parameters
    ----------
    rows, columns : int
        The largest grid, `layouts.grids.grid_of` these layouts.
    crops : bool
        Whether objects are seen. Without, the half of a token that their crops fill is 0, and tokens differ by their
        places alone: for sets whose images nobody has.
    width, heads, encoder_layers, decoder_layers, feedforward, dropout, n_pointers
        As published.
    crop_size : tuple of int
        (height, width) of crops in pixels.

    Notes
    -----
    The network protocol of this study; torch's global stream draws the parameters.
    """

    null_logit: ClassVar[float] = 0.0
    """Of a class that is never right but takes its share of the softmax in training, as padding does there."""

    table: Tensor

    def __init__(
        self,
        *,
        rows: int,
        columns: int,
        crops: bool = True,
        width: int = 512,
        heads: int = 4,
        encoder_layers: int = 4,
        decoder_layers: int = 4,
        feedforward: int = 512,
        dropout: float = 0.1,
        n_pointers: int = 2,
        crop_size: tuple[int, int] = SIZE,
    ) -> None:
        super().__init__()
        self.rows, self.columns, self.width, self.heads = rows, columns, width, heads
        half = width // 2
        self.looks = Looks(half, crop_size) if crops else None
        table = position_table(max(rows, columns, 2), columns=-(-half // 3))
        self.register_buffer("table", table, persistent=False)
        self.encoder = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, feedforward, dropout, batch_first=True)
            for _ in range(encoder_layers)
        )
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, feedforward, dropout, batch_first=True)
            for _ in range(decoder_layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.keys = nn.ModuleList(nn.Linear(width, width) for _ in range(n_pointers))
        self.queries = nn.ModuleList(nn.Linear(width, width) for _ in range(n_pointers))
        self.mix = nn.Linear(n_pointers, 1, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, batch: PathBatch) -> Tensor:
        """Return log scores (n_paths, n_fixations + 1, n_objects + 1) before each fixation and after the last.

        Unnormalised; -inf at padding, and for the end before the first fixation. The last column ends the path.

        Raises
        ------
        DataError
            If a layout is no grid, or a larger one, or crops are wanted and not there.
        """
        memory = self.encode(batch.layouts)
        tokens = self._path_tokens(memory, batch)
        n_tokens = tokens.shape[1]
        later = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=tokens.device).triu(1)
        encoded, hidden = memory.encoded[batch.of], memory.hidden[batch.of]
        for layer in self.decoder:
            tokens = layer(tokens, encoded, tgt_mask=later, memory_key_padding_mask=hidden)
        return self._scores(tokens, memory, batch.of, first=True)

    def encode(self, layouts: LayoutBatch) -> Memory:
        """Return layouts as the decoder sees them."""
        row, column, middle = self._cells(layouts)
        looks, blank = self._looks_of(layouts)
        n, has = len(layouts.target), layouts.target >= 0
        every, target = torch.arange(n, device=has.device), layouts.target.clamp(min=0)
        unmarked, marked = torch.zeros_like(row), torch.ones_like(layouts.target)
        is_target = unmarked.index_put((every[has], target[has]), unmarked.new_tensor(1))
        objects = torch.cat([looks, self._code(row, column, unmarked)], -1)
        fixated = torch.cat([looks, self._code(row, column, is_target)], -1)
        begin = torch.cat([blank, self._code(*middle, torch.zeros_like(marked))], -1)
        last_look = torch.where(has[:, None], looks[every, target], blank)
        last_row = torch.where(has, row[every, target], middle[0])
        last_column = torch.where(has, column[every, target], middle[1])
        last = torch.cat([last_look, self._code(last_row, last_column, marked)], -1)
        tokens = torch.cat([objects, last[:, None]], 1)
        hidden = functional.pad(~layouts.present, (0, 1), value=False)
        for layer in self.encoder:
            tokens = layer(tokens, src_key_padding_mask=hidden)
        pointed = torch.stack([key(tokens) for key in self.keys], 1)
        return Memory(tokens, hidden, fixated, begin, pointed)

    def begin(self, memory: Memory, of: Tensor) -> State:
        """Return the state before the first fixation of paths over the layouts `of`, shape (n_paths,)."""
        seen = tuple(
            (
                _project(layer.multihead_attn, memory.encoded, 1),
                _project(layer.multihead_attn, memory.encoded, 2),
            )
            for layer in self._decoder_layers()
        )
        nothing = memory.encoded.new_zeros(len(of), self.heads, 0, self.width // self.heads)
        empty = State(memory, of, memory.encoded, 0, tuple((nothing, nothing) for _ in self.decoder), seen)
        return self._advance(empty, memory.begin[of])

    def step(self, state: State, objects: Tensor) -> State:
        """Return the state after one more fixation of each path, on `objects`, shape (n_paths,)."""
        return self._advance(state, state.memory.fixated[state.of, objects])

    def _advance(self, state: State, tokens: Tensor) -> State:
        tokens, past = (tokens + sinusoids(state.n_tokens + 1, self.width)[-1].to(tokens))[:, None], []
        visible = ~state.memory.hidden[state.of][:, None, None]
        for layer, before, (keys, values) in zip(self._decoder_layers(), state.past, state.seen, strict=True):
            tokens, own = _one_more(layer, tokens, before, (keys[state.of], values[state.of]), visible)
            past.append(own)
        scores = self._scores(tokens, state.memory, state.of, first=state.n_tokens == 0)[:, 0]
        return State(state.memory, state.of, scores, state.n_tokens + 1, tuple(past), state.seen)

    def _decoder_layers(self) -> list[nn.TransformerDecoderLayer]:
        return [cast(nn.TransformerDecoderLayer, layer) for layer in self.decoder]

    def _path_tokens(self, memory: Memory, batch: PathBatch) -> Tensor:
        """The begin token and the fixations with their places in the sequence, (n_paths, n_fixations + 1, width)."""
        objects = batch.objects.clamp(min=0)  # padding comes last, where nothing sees it
        fixated = memory.fixated[batch.of[:, None], objects]
        tokens = torch.cat([memory.begin[batch.of][:, None], fixated], 1)
        return self.dropout(tokens + sinusoids(tokens.shape[1], self.width).to(tokens))

    def _scores(self, tokens: Tensor, memory: Memory, of: Tensor, *, first: bool) -> Tensor:
        """Mixed pointers (n_paths, n_tokens, n_objects + 1); the first token may be that before any fixation."""
        pointing = torch.stack([query(tokens) for query in self.queries], 1)
        heads = (
            pointing @ memory.pointed[of].mT / self.width**0.5
        )  # (n_paths, n_pointers, n_tokens, n_objects + 1)
        scores = self.mix(heads.movedim(1, -1))[..., 0]
        barred = memory.hidden[of][:, None].expand_as(scores)
        if first:
            barred = barred.clone()
            barred[:, 0, -1] = True
        return scores.masked_fill(barred, -torch.inf)

    def _code(self, row: Tensor, column: Tensor, is_target: Tensor) -> Tensor:
        return place_codes(self.table, row, column, is_target, width=self.width - self.width // 2)

    def _cells(self, layouts: LayoutBatch) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Row and column of each object, 0 at padding, and of the middle of each grid."""
        rows, columns = (np.zeros(layouts.present.shape, dtype=np.int64) for _ in range(2))
        position, size = (values.double().cpu().numpy() for values in (layouts.position, layouts.size))
        for number, present in enumerate(layouts.present.cpu().numpy()):
            cells = cells_of(position[number, present], size[number, present])
            if cells is None or cells[0].max() >= self.rows or cells[1].max() >= self.columns:
                raise DataError(
                    f"objects must be the cells of a grid of at most {self.rows} x {self.columns} for the published "
                    f"model; got others (layout {number} of {len(position)})"
                )
            rows[number, present], columns[number, present] = cells
        middle = ((rows.max(1) + 1) // 2, (columns.max(1) + 1) // 2)
        device = layouts.present.device
        row, column, *between = (torch.from_numpy(one).to(device) for one in (rows, columns, *middle))
        return row, column, (between[0], between[1])

    def _looks_of(self, layouts: LayoutBatch) -> tuple[Tensor, Tensor]:
        """What objects look like (n_layouts, n_objects, width / 2), and the blank crop, (n_layouts, width / 2)."""
        n_layouts, n_objects = layouts.present.shape
        if self.looks is None:
            nothing = self.table.new_zeros(n_layouts, n_objects + 1, self.width // 2)
            return nothing[:, 1:], nothing[:, 0]
        if layouts.crops is None:
            raise DataError("layouts must have crops for the published model; got none")
        blank = self.looks(torch.ones(1, 3, *layouts.crops.shape[-2:], device=layouts.crops.device))
        seen = self.looks.of_many(layouts.crops[layouts.present])
        looks = seen.new_zeros(n_layouts, n_objects, seen.shape[-1])
        looks = looks.index_put(tuple(layouts.present.nonzero().T), seen)
        return looks, blank.expand(n_layouts, -1)


def _one_more(
    layer: nn.TransformerDecoderLayer, token: Tensor, past: Pair, seen: Pair, visible: Tensor
) -> tuple[Tensor, Pair]:
    """What a layer makes of the next token (n_paths, 1, width), and the keys and values with those of that token."""
    query, key, value = (_project(layer.self_attn, token, part) for part in range(3))
    own = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
    recalled = functional.scaled_dot_product_attention(query, *own)
    token = layer.norm1(token + layer.self_attn.out_proj(_merge(recalled)))
    query = _project(layer.multihead_attn, token, 0)
    attended = functional.scaled_dot_product_attention(query, *seen, attn_mask=visible)
    token = layer.norm2(token + layer.multihead_attn.out_proj(_merge(attended)))
    return layer.norm3(token + layer.linear2(functional.relu(layer.linear1(token)))), own


def _project(attention: nn.MultiheadAttention, tokens: Tensor, part: int) -> Tensor:
    """Queries (part 0), keys (1) or values (2) of tokens, (n, heads, n_tokens, width / heads)."""
    weight, bias = attention.in_proj_weight.chunk(3)[part], attention.in_proj_bias.chunk(3)[part]
    projected = functional.linear(tokens, weight, bias)
    return projected.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)


def _merge(heads: Tensor) -> Tensor:
    return heads.transpose(1, 2).flatten(2)
