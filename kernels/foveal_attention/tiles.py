"""How a CPU walks over a call: in tiles of some queries of some heads, with the keys that these can reach.

Queries are sorted along a curve through the visual field, so that a tile's are neighbours; its keys are those within
the radius of the box around them. Heads whose radii differ are walked apart: one that sees far makes no other see far.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.lists import bounding_boxes, boxes_within
from cogattn.kernels.foveal_attention.visibility import ranks_of

QUERY_TILE = 64
TRAINED_TILE = 32  # of queries whose weights are written out, which can be fewer: fewer keys are reached
LONG_TILE_SCORES = 2**22  # of many queries of a head or two, where no key is skipped: 16 MiB in float32
TRAINED_TILE_SCORES = 2**19  # of some queries of a head, which go head by head: 2 MiB
SPARSE_FROM_KEYS = 512  # below, gathering costs more than it saves
SPARSE_BELOW = 0.7  # largest fraction of keys reached for which gathering pays
SIMILAR = 1.2  # heads in a row are walked together while no radius is so many times another

Index = Tensor | slice


class Tile(NamedTuple):
    """Some images, some neighbouring heads, some of their queries, and the keys that these can reach."""

    images: slice
    heads: slice
    queries: Index
    keys: Index


def tiles(call: Call, *, trains: bool = False) -> list[Tile]:
    """Cut the call into tiles: gathered where the radius skips enough keys, plain slices elsewhere.

    Torch's flash attention is fastest with many queries of one head at a time, and neighbouring tiles differ by heads
    then. Where the weights of a call that `trains` are written out, tiles have few queries and all heads.
    """
    if not math.prod(call.q.shape[:3]) or not call.k.shape[2]:
        return []
    kind = ("tiles", trains, call.q.shape[:3], call.wide)
    return call.scene.keep(
        kind, lambda: [tile for heads in _similar_heads(call) for tile in _tiles_of(call, heads, trains)]
    )


def part_of(call: Call, tile: Tile) -> Call:
    """The call restricted to a tile."""
    gaze = _images(call.query_position, tile)
    weight = None if call.log_weight is None else _images(call.log_weight, tile)
    return call._replace(
        q=take(call.q[tile.images, tile.heads], tile.queries),
        k=take(call.k[tile.images, tile.heads], tile.keys),
        v=take(call.v[tile.images, tile.heads], tile.keys),
        query_position=gaze if gaze.shape[1] == 1 else take(gaze, tile.queries, 1),
        key_position=take(_images(call.key_position, tile), tile.keys, 1),
        log_weight=None if weight is None else take(weight, tile.keys, 1),
        coefficients=of_heads(call.coefficient_tensor, tile.heads),
        e2=of_heads(call.e2_tensor, tile.heads),
        radius=None if call.radius is None else of_heads(call.radius_tensor, tile.heads),
        layout=None,
        mask=None if call.mask is None else _pairs(call.mask, tile),
        sequences=None if call.sequences is None else _both(call.sequences, tile),
        ranks=_ranks(call, tile) if call.causal else None,
    )


def take(tensor: Tensor, index: Index, dim: int = 2) -> Tensor:
    """Return the indexed rows of a dimension."""
    if isinstance(index, slice):
        return tensor.narrow(dim, index.start, index.stop - index.start)
    return tensor.index_select(dim, index)


def length(index: Index) -> int:
    """Number of indexed rows."""
    return index.stop - index.start if isinstance(index, slice) else len(index)


def of_heads(values: Tensor, heads: slice) -> Tensor:
    """Values (heads or 1, ...) of some heads, which may share one."""
    return values if len(values) == 1 else values[heads]


def _pairs(mask: Tensor, tile: Tile) -> Tensor:
    mask = _images(mask, tile)
    mask = mask if mask.shape[1] == 1 else mask[:, tile.heads]
    return take(take(mask, tile.queries, 2), tile.keys, 3)


def _both(sequences: tuple[Tensor, Tensor], tile: Tile) -> tuple[Tensor, Tensor]:
    query, key = (_images(ids, tile) for ids in sequences)
    return take(query, tile.queries, 1), take(key, tile.keys, 1)


def _ranks(call: Call, tile: Tile) -> tuple[Tensor, Tensor]:
    query, key = ranks_of(call)
    return take(query, tile.queries, 0), take(key, tile.keys, 0)


def _images(tensor: Tensor, tile: Tile) -> Tensor:
    return tensor if len(tensor) == 1 else tensor[tile.images]


def _similar_heads(call: Call) -> Iterator[slice]:
    """Runs of heads whose radii are about the same."""
    n_heads = call.q.shape[1]
    if call.radius is None or len(call.radius_tensor) == 1:
        yield slice(0, n_heads)
        return
    radii = call.radius_tensor.tolist()
    first = 0
    for head in range(1, n_heads + 1):
        run = radii[first : head + 1]
        if head == n_heads or max(run) > SIMILAR * min(run):
            yield slice(first, head)
            first = head


def reached_fraction(call: Call) -> float:
    """Mean fraction of the keys that tiles of queries reach; 1 where gathering them would not pay."""
    if not call.q.numel() or not call.k.numel():
        return 1.0
    call = call.tensors()
    kind = ("fraction", call.q.shape[1:3], call.wide)
    return call.scene.keep(kind, lambda: _mean_reached(call))


def _mean_reached(call: Call) -> float:
    heads = list(_similar_heads(call))
    shares = ((h.stop - h.start) / call.q.shape[1] for h in heads)
    return sum(share * _reach(call, h)[2] for share, h in zip(shares, heads, strict=True))


def _tiles_of(call: Call, heads: slice, trains: bool) -> Iterator[Tile]:
    size = TRAINED_TILE if trains else QUERY_TILE
    order, reached, fraction = _reach(call, heads, size)
    if fraction < SPARSE_BELOW:
        return _sparse_tiles(call, heads, order, reached, size)
    return _trained_tiles(call, heads) if trains else _long_tiles(call, heads)


def _reach(call: Call, heads: slice, size: int = QUERY_TILE) -> tuple[Tensor, Tensor, float]:
    """Order of the queries, the keys that each tile of `size` of them may see, and their mean fraction."""
    skips = call.radius is not None or call.causal or call.sequences is not None
    if not skips or call.k.shape[2] < SPARSE_FROM_KEYS:
        return call.query_position, call.key_position, 1.0  # the two are not looked at
    radius = None if call.radius is None else of_heads(call.radius_tensor, heads)
    order, reached = _reached_keys(call, radius, size)
    return order, reached, float(reached.float().mean())


def _reached_keys(call: Call, radius: Tensor | None, size: int) -> tuple[Tensor, Tensor]:
    """Order of the queries (layouts, n) and the keys that each tile of them may see (layouts, tiles, keys)."""
    n_layouts = call.n_position_batches
    order = _order(call, n_layouts)
    gaze = call.query_position.expand(n_layouts, order.shape[1], -1)
    keys = call.key_position.expand(n_layouts, -1, -1)
    boxes = bounding_boxes(gaze.gather(1, order[..., None].expand_as(gaze)), size)
    reached = boxes_within(boxes, (keys, keys), radius)
    if call.log_weight is not None:
        reached = reached & ~torch.isneginf(call.log_weight)[:, None]
    if call.sequences is not None:
        query, key = call.sequences
        low, high = _span(query.expand(n_layouts, -1).gather(1, order), size)
        reached = reached & (key[:, None] >= low) & (key[:, None] <= high)
    if call.causal:
        query, key = ranks_of(call)
        reached = reached & (key <= _span(query[order], size)[1])
    return order, reached


def _order(call: Call, n_layouts: int) -> Tensor:
    """Queries of one sequence after those of another, and neighbours in the visual field next to each other."""
    order = call.scene.query_order().expand(n_layouts, -1)
    if order.shape[1] != call.q.shape[2]:  # one gaze
        order = torch.arange(call.q.shape[2], device=call.q.device).expand(n_layouts, -1)
    if call.sequences is None:
        return order
    ids = call.sequences[0].expand(n_layouts, -1).gather(1, order)
    return order.gather(1, torch.argsort(ids, dim=-1, stable=True))


def _span(values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Least and largest (layouts, tiles, 1) of the values (layouts, n) of each tile."""
    missing = -values.shape[1] % size
    parts = torch.cat([values, values[:, -1:].expand(-1, missing)], 1).unflatten(1, (-1, size))
    return parts.amin(2)[..., None], parts.amax(2)[..., None]


def _sparse_tiles(call: Call, heads: slice, order: Tensor, reached: Tensor, size: int) -> Iterator[Tile]:
    n_layouts, n_images = len(reached), len(call.q)
    for layout in range(n_layouts):
        images = slice(layout, layout + 1) if n_layouts > 1 else slice(0, n_images)
        for queries, keys in zip(_split(order[layout], size), reached[layout], strict=True):
            index = keys.nonzero()[:, 0]
            if len(index):
                yield Tile(images, heads, queries, index)


def _split(order: Tensor, size: int) -> Sequence[Index]:
    """Parts of an order (n,): slices where it is that of the list itself, of which nothing has to be gathered."""
    n = len(order)
    if not torch.equal(order, torch.arange(n, device=order.device)):
        return order.split(size)
    return [slice(i, min(i + size, n)) for i in range(0, n, size)]


def _trained_tiles(call: Call, heads: slice) -> Iterator[Tile]:
    rows = max(TRAINED_TILE, torch.get_num_threads() * TRAINED_TILE_SCORES // call.k.shape[2])
    for images, queries, keys in _slices(call, rows):
        yield Tile(images, heads, queries, keys)


def _long_tiles(call: Call, heads: slice) -> Iterator[Tile]:
    n_queries, n_keys = call.q.shape[2], call.k.shape[2]
    rows = max(QUERY_TILE, LONG_TILE_SCORES // n_keys)
    at_once = max(1, torch.get_num_threads() * LONG_TILE_SCORES // (min(rows, n_queries) * n_keys))
    for images, queries, keys in _slices(call, rows):
        for first in range(heads.start, heads.stop, at_once):
            yield Tile(images, slice(first, min(first + at_once, heads.stop)), queries, keys)


def _slices(call: Call, rows: int) -> Iterator[tuple[slice, slice, slice]]:
    """Images, about so many queries, and all keys."""
    n_images, _, n_queries, n_keys = *call.q.shape[:3], call.k.shape[2]
    images = n_images if call.n_position_batches == 1 else max(1, rows // n_queries)
    keys = slice(0, n_keys)
    for image, row in itertools.product(range(0, n_images, images), range(0, n_queries, rows)):
        yield slice(image, min(image + images, n_images)), slice(row, min(row + rows, n_queries)), keys
