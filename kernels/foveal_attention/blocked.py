"""Foveal attention for CPUs: one fused attention per tile of queries, over the keys that the tile can reach.

Queries are visited in tiles of neighbours; each tile gathers the keys within the radius of its bounding box,
makes its part of the bias and hands both to torch's flash attention. Nothing of size n_queries * n_keys is
ever held. The backward pass visits the same tiles and recomputes the weights from the stored log-sum-exp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.lists import bounding_boxes, boxes_within, spatial_order
from cogattn.kernels.foveal_attention.polar import polar_backward, polar_geometry
from cogattn.kernels.foveal_attention.radial import radial_backward
from cogattn.kernels.foveal_attention.reference import score_terms, within_radius

QUERY_TILE = 64
DENSE_TILE_SCORES = 2**21  # scores of a tile's bias where no key is skipped: 8 MiB in float32
SPARSE_FROM_KEYS = 512  # below, gathering costs more than it saves
SPARSE_BELOW = 0.7  # largest fraction of keys reached for which gathering pays

Index = Tensor | slice


class Gradients(NamedTuple):
    """Gradients of a call's tensors; empty where not asked for."""

    q: Tensor
    k: Tensor
    v: Tensor
    query_position: Tensor
    key_position: Tensor
    log_weight: Tensor
    coefficients: Tensor
    e2: Tensor


class Tile(NamedTuple):
    """Some images, some of their queries, and the keys that these can reach."""

    images: slice
    queries: Index
    keys: Index


def forward(call: Call) -> tuple[Tensor, Tensor]:
    """Return the output and the natural log-sum-exp of the scores (batch, heads, n_queries)."""
    call = _aligned(call)
    batch, heads, n_queries, _ = call.q.shape
    out = call.q.new_zeros(batch, heads, n_queries, call.v.shape[-1])
    log_sum = call.e2.new_zeros(batch, heads, n_queries)
    for tile in tiles(call):
        part = _part(call, tile)
        gain, bias = _masked_terms(part)
        attended, part_log_sum = _attend(part, gain, bias)
        _put(out, tile, attended)
        _put(log_sum, tile, part_log_sum)
    return out, log_sum


def backward(
    call: Call, out: Tensor, log_sum: Tensor, grad_out: Tensor, learns_bias: bool, learns_position: bool
) -> Gradients:
    """Gradients of all tensors from that of the output; those not learned are empty."""
    call, grad_out = _aligned(call), _dense(grad_out)
    wide = call.e2.dtype
    learned = (learns_position, learns_position, learns_bias, learns_bias, learns_bias)
    tensors = (call.query_position, call.key_position, call.log_weight, call.coefficients, call.e2)
    grads = Gradients(
        call.q.new_zeros(call.q.shape),
        call.k.new_zeros(call.k.shape, dtype=wide),
        call.v.new_zeros(call.v.shape, dtype=wide),
        *(
            call.e2.new_zeros(t.shape if learns and t is not None else (0,))
            for t, learns in zip(tensors, learned, strict=True)
        ),
    )
    any_bias = learns_bias or learns_position
    step = _fused_backward if not any_bias and _is_fused(call) else _recomputed_backward
    for tile in tiles(call):
        rows = (_take(t[tile.images], tile.queries) for t in (out, log_sum, grad_out))
        _accumulate(grads, step(_part(call, tile), *rows, any_bias), tile)
    return grads._replace(k=grads.k.to(call.k.dtype), v=grads.v.to(call.v.dtype))


def _aligned(call: Call) -> Call:
    """The call with rows of unit stride, as torch's flash attention reads them without asking (torch 2.11)."""
    return call._replace(q=_dense(call.q), k=_dense(call.k), v=_dense(call.v))


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def tiles(call: Call) -> Iterator[Tile]:
    """Cut the call into tiles: gathered where the radius skips enough keys, plain slices elsewhere."""
    if not math.prod(call.q.shape[:3]) or not call.k.shape[2]:
        return
    if call.radius is not None and call.k.shape[2] >= SPARSE_FROM_KEYS:
        order, reached = _reached_keys(call)
        if reached.float().mean() < SPARSE_BELOW:
            yield from _sparse_tiles(call, order, reached)
            return
    yield from _dense_tiles(call)


def _reached_keys(call: Call) -> tuple[Tensor, Tensor]:
    """Spatial order of the queries (layouts, n) and the keys each tile reaches (layouts, tiles, keys)."""
    n_layouts, n_queries = call.n_position_batches, call.q.shape[2]
    gaze = call.query_position.expand(n_layouts, n_queries, 2)
    order = spatial_order(gaze)
    boxes = bounding_boxes(gaze.gather(1, order[..., None].expand_as(gaze)), QUERY_TILE)
    keys = call.key_position.expand(n_layouts, -1, -1)
    reached = boxes_within(boxes, (keys, keys), call.radius)
    if call.log_weight is not None:
        reached = reached & ~torch.isneginf(call.log_weight)[:, None]
    return order, reached


def _sparse_tiles(call: Call, order: Tensor, reached: Tensor) -> Iterator[Tile]:
    for layout in range(reached.shape[0]):
        images = slice(layout, layout + 1) if reached.shape[0] > 1 else slice(0, call.q.shape[0])
        for queries, keys in zip(order[layout].split(QUERY_TILE), reached[layout], strict=True):
            index = keys.nonzero()[:, 0]
            if index.shape[0]:
                yield Tile(images, queries, index)


def _dense_tiles(call: Call) -> Iterator[Tile]:
    batch, heads, n_queries, n_keys = *call.q.shape[:3], call.k.shape[2]
    shared = call.n_position_batches == 1
    n_rows = max(QUERY_TILE, DENSE_TILE_SCORES // max(1, heads * n_keys))  # queries in a tile
    n_images = batch if shared else max(1, n_rows // max(1, n_queries))
    for image in range(0, batch, n_images):
        for row in range(0, n_queries, n_rows):
            rows = slice(row, min(row + n_rows, n_queries))
            yield Tile(slice(image, image + n_images), rows, slice(0, n_keys))


def _part(call: Call, tile: Tile) -> Call:
    """The call restricted to a tile."""

    def images(t: Tensor) -> Tensor:
        return t if t.shape[0] == 1 else t[tile.images]

    gaze = images(call.query_position)
    weight = None if call.log_weight is None else images(call.log_weight)
    return call._replace(
        q=_take(call.q[tile.images], tile.queries),
        k=_take(call.k[tile.images], tile.keys),
        v=_take(call.v[tile.images], tile.keys),
        query_position=gaze if gaze.shape[1] == 1 else _take(gaze, tile.queries, 1),
        key_position=_take(images(call.key_position), tile.keys, 1),
        log_weight=None if weight is None else _take(weight, tile.keys, 1),
    )


def _take(tensor: Tensor, index: Index, dim: int = 2) -> Tensor:
    if isinstance(index, slice):
        return tensor.narrow(dim, index.start, index.stop - index.start)
    return tensor.index_select(dim, index)


def _put(target: Tensor, tile: Tile, value: Tensor) -> None:
    target[tile.images, :, tile.queries] = value


def _masked_terms(part: Call) -> tuple[Tensor | None, Tensor]:
    """Gain and bias of a tile; the bias holds the weights, and -inf beyond the radius."""
    gain, bias = score_terms(part)
    if part.log_weight is not None:
        bias = bias + part.log_weight[:, None, None]
    if part.radius is not None:
        bias = bias.masked_fill(~within_radius(part), -torch.inf)
    return gain, bias


def _is_fused(call: Call) -> bool:
    """Whether torch's flash attention for CPUs takes this call's tiles."""
    return call.bias != "polar" and call.q.device.type == "cpu" and call.q.shape[-1] == call.v.shape[-1]


def _attend(part: Call, gain: Tensor | None, bias: Tensor) -> tuple[Tensor, Tensor]:
    if _is_fused(part):
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            part.q, part.k, part.v, attn_mask=bias, scale=part.scale
        )
    scores = _scores(part, gain, bias)
    log_sum = scores.logsumexp(-1)
    weights = _weights(scores, log_sum)
    return (weights @ part.v.to(weights.dtype)).to(part.q.dtype), log_sum


def _scores(part: Call, gain: Tensor | None, bias: Tensor) -> Tensor:
    wide = bias.dtype
    content = part.q.to(wide) @ part.k.to(wide).mT
    content *= part.scale if gain is None else gain * part.scale
    return content.add_(bias)


def _weights(scores: Tensor, log_sum: Tensor) -> Tensor:
    """exp(scores - log_sum) in place; 0 in rows without a key, whose log_sum is -inf."""
    return scores.sub_(log_sum.masked_fill(torch.isneginf(log_sum), 0)[..., None]).exp_()


def _fused_backward(part: Call, out: Tensor, log_sum: Tensor, grad_out: Tensor, _: bool) -> Gradients:
    bias = _masked_terms(part)[1]
    none = part.e2.new_zeros(0)
    grads = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        grad_out, part.q, part.k, part.v, out, log_sum, 0.0, False, attn_mask=bias, scale=part.scale
    )
    return Gradients(*grads, none, none, none, none, none)


def _recomputed_backward(
    part: Call, out: Tensor, log_sum: Tensor, grad_out: Tensor, learns_bias: bool
) -> Gradients:
    gain, bias = _masked_terms(part)
    wide = bias.dtype
    q, k, v, grad_out = part.q.to(wide), part.k.to(wide), part.v.to(wide), grad_out.to(wide)
    weights = _weights(_scores(part, gain, bias), log_sum)
    grad_v = weights.mT @ grad_out
    grad_scores = grad_out @ v.mT
    # the delta of a rounded output would give the rows of grad_scores a sum that swamps the bias's gradient
    is_exact = out.dtype == wide
    delta = (grad_out * out).sum(-1) if is_exact else torch.einsum("bhmn,bhmn->bhm", weights, grad_scores)
    grad_scores = grad_scores.sub_(delta[..., None]).mul_(weights)
    grad_content = grad_scores if gain is None else grad_scores * gain
    grad_q = (grad_content @ k).mul_(part.scale)
    grad_k = (grad_content.mT @ q).mul_(part.scale)
    none = part.e2.new_zeros(0)
    if not learns_bias:
        return Gradients(grad_q, grad_k, grad_v, none, none, none, none, none)
    grad_weight = none if part.log_weight is None else grad_scores.sum((1, 2))
    grad_gain = None if gain is None else grad_scores * (q @ k.mT).mul_(part.scale)
    grad_coefficients, grad_e2, grad_gaze, grad_place = _bias_backward(part, grad_scores, grad_gain)
    return Gradients(grad_q, grad_k, grad_v, grad_gaze, grad_place, grad_weight, grad_coefficients, grad_e2)


def _bias_backward(
    part: Call, grad_bias: Tensor, grad_gain: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of coefficients, e2 and positions, after summing over what shares one layout or one gaze."""
    shared = []
    if part.query_position.shape[0] == part.key_position.shape[0] == 1:
        shared.append(0)
    if part.query_position.shape[1] == 1:
        shared.append(2)
    if shared:
        grad_bias = grad_bias.sum(shared, keepdim=True)
        grad_gain = None if grad_gain is None else grad_gain.sum(shared, keepdim=True)
    if grad_gain is None:
        return radial_backward(
            part.bias, grad_bias, part.query_position, part.key_position, part.coefficients, part.e2
        )
    polar = polar_geometry(
        part.query_position, part.key_position, part.e2, part.extent_deg, part.coefficients.shape[1]
    )
    return polar_backward(polar, part.coefficients, part.e2, part.extent_deg, grad_gain, grad_bias)


def _accumulate(grads: Gradients, part: Gradients, tile: Tile) -> None:
    """Add a tile's gradients to those of the whole call."""
    _put(grads.q, tile, part.q.to(grads.q.dtype))
    _add(grads.k, tile.images, tile.keys, part.k, dim=2)
    _add(grads.v, tile.images, tile.keys, part.v, dim=2)
    if grads.e2.shape[0]:
        grads.coefficients.add_(part.coefficients)
        grads.e2.add_(part.e2)
    if grads.log_weight.dim() == 2:
        _add(grads.log_weight, tile.images, tile.keys, part.log_weight)
    if grads.key_position.dim() == 3:
        queries = tile.queries if grads.query_position.shape[1] > 1 else slice(None)
        _add(grads.query_position, tile.images, queries, part.query_position)
        _add(grads.key_position, tile.images, tile.keys, part.key_position)


def _add(target: Tensor, images: slice, index: Index, value: Tensor, dim: int = 1) -> None:
    """Add `value` to the indexed rows of some images, or of the one that all images share."""
    if target.shape[0] == 1:
        images = slice(None)
        value = value.sum(0, keepdim=True) if value.shape[0] > 1 else value
    rows = target[images]
    if isinstance(index, slice):
        rows[(slice(None),) * dim + (index,)] += value
    else:
        rows.index_add_(dim, index, value.to(rows.dtype))
