"""Foveal attention for CPUs: one fused attention per tile of queries, over the keys that the tile can reach.

Each tile of `cogattn.kernels.foveal_attention.tiles` gathers its keys, makes its part of the bias and hands both to
torch's flash attention. Nothing of size n_queries * n_keys is held, unless a layout keeps the bias. The backward pass
visits the same tiles and recomputes the weights from the stored log-sum-exp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import threshold

from cogattn.kernels.foveal_attention import kept
from cogattn.kernels.foveal_attention.bias import bias_backward, masked_terms
from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.layout import MOST_KEPT
from cogattn.kernels.foveal_attention.polar import polar_backward, polar_geometry
from cogattn.kernels.foveal_attention.radial import Distances, distances
from cogattn.kernels.foveal_attention.tiles import Index, Tile, length, part_of, take, tiles

PLACES = ("images", "queries", "keys")  # of a tile

Terms = tuple[Tensor | None, Tensor]


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


def forward(call: Call) -> tuple[Tensor, Tensor]:
    """Return the output and the natural log-sum-exp of the scores (batch, heads, n_queries)."""
    call = _aligned(call)
    batch, heads, n_queries, _ = call.q.shape
    out = call.q.new_zeros(batch, heads, n_queries, call.v.shape[-1])
    log_sum = call.query_position.new_full((batch, heads, n_queries), -torch.inf)
    for tile, part, (gain, bias) in _parts(call, keeps=not call.learns_bias):
        attended, part_log_sum = _attend(part, gain, bias)
        _put(out, tile, attended)
        _put(log_sum, tile, part_log_sum)
    return out, log_sum


def backward(
    call: Call,
    out: Tensor,
    log_sum: Tensor,
    grad_out: Tensor,
    learns_bias: bool,
    learns_position: bool,
    grad_log_sum: Tensor | None = None,
) -> Gradients:
    """Gradients of all tensors from those of the output and the log-sum-exp; those not learned are empty."""
    call, grad_out = _aligned(call), _dense(grad_out)
    any_bias = learns_bias or learns_position
    if any_bias and call.bias not in ("polar", "table"):
        return Gradients(*kept.backward(call, grad_out, learns_bias, learns_position, grad_log_sum))
    wide, new_zeros = call.wide, call.query_position.new_zeros
    learned = (learns_position, learns_position, learns_bias, learns_bias, learns_bias)
    tensors = (
        call.query_position,
        call.key_position,
        call.log_weight,
        call.coefficient_tensor,
        call.e2_tensor,
    )
    grads = Gradients(
        call.q.new_zeros(call.q.shape),
        call.k.new_zeros(call.k.shape, dtype=wide),
        call.v.new_zeros(call.v.shape, dtype=wide),
        *(
            new_zeros(t.shape if learns and t is not None else (0,))
            for t, learns in zip(tensors, learned, strict=True)
        ),
    )
    given = (out, log_sum, grad_out) if grad_log_sum is None else (out, log_sum, grad_out, grad_log_sum)

    def rows(tile: Tile) -> Iterator[Tensor]:
        return (take(t[tile.images, tile.heads], tile.queries) for t in given)

    fused = not any_bias and grad_log_sum is None and _is_fused(call)
    step = _fused_backward if fused else _recomputed_backward
    for tile, part, terms in _parts(call, keeps=not any_bias):
        _accumulate(grads, step(part, terms, any_bias, learns_position, *rows(tile)), tile)
    return grads._replace(k=grads.k.to(call.k.dtype), v=grads.v.to(call.v.dtype))


def _aligned(call: Call) -> Call:
    """Rows of unit stride, as torch's flash attention reads them without asking (torch 2.11); parameters as tensors."""
    return call.tensors()._replace(q=_dense(call.q), k=_dense(call.k), v=_dense(call.v))


def _dense(tensor: Tensor) -> Tensor:
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _parts(call: Call, *, keeps: bool) -> Iterator[tuple[Tile, Call, Terms]]:
    """Tiles, the call in them and what is added to their scores, which a layout may keep."""
    cut, make = tiles(call), _Terms()
    keeps = keeps and call.layout is not None and call.bias != "polar" and _n_kept(call, cut) <= MOST_KEPT
    values = call.values() if keeps else ()
    for i, tile in enumerate(cut):
        part = part_of(call, tile)
        if keeps:
            name = ("bias", call.q.shape[:3], call.wide, i)
            yield tile, part, call.scene.keep(name, partial(make, tile, part), of=values)
        else:
            yield tile, part, make(tile, part)


class _Terms:
    """Makes what is added to the scores of tiles; those that differ by their heads alone share the distances."""

    def __init__(self) -> None:
        self._tile: Tile | None = None
        self._places: Distances | None = None

    def __call__(self, tile: Tile, part: Call) -> Terms:
        last, self._tile = self._tile, tile
        if last is None or any(getattr(last, name) is not getattr(tile, name) for name in PLACES):
            self._places = distances(part.bias, part.query_position, part.key_position)
        return masked_terms(part, self._places)


def _n_kept(call: Call, cut: list[Tile]) -> int:
    """Numbers of bias in all tiles."""
    return call.n_position_batches * sum(length(t.heads) * length(t.queries) * length(t.keys) for t in cut)


def _put(target: Tensor, tile: Tile, value: Tensor) -> None:
    target[tile.images, tile.heads, tile.queries] = value


def _is_fused(call: Call) -> bool:
    """Whether torch's flash attention for CPUs takes this call's tiles."""
    return call.bias != "polar" and call.q.device.type == "cpu" and call.q.shape[-1] == call.v.shape[-1]


def _attend(part: Call, gain: Tensor | None, bias: Tensor) -> tuple[Tensor, Tensor]:
    if _is_fused(part):
        out, log_sum = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            part.q, part.k, part.v, attn_mask=bias, scale=part.scale
        )
        if part.return_lse:  # torch says 0 of a row without a key
            log_sum = log_sum.masked_fill(torch.isneginf(bias.amax(-1)), -torch.inf)
        return out, log_sum
    scores = _scores(part, gain, bias)
    log_sum = scores.logsumexp(-1)
    weights = weights_of(scores, log_sum)
    return (weights @ part.v.to(weights.dtype)).to(part.q.dtype), log_sum


def _scores(part: Call, gain: Tensor | None, bias: Tensor) -> Tensor:
    wide = bias.dtype
    content = part.q.to(wide) @ part.k.to(wide).mT
    content *= part.scale if gain is None else gain * part.scale
    return content.add_(bias)


def weights_of(scores: Tensor, level: Tensor) -> Tensor:
    """exp(scores - level) in place, for levels (batch, heads, n_queries) of which -inf stands for no key.

    What would underflow, -inf too, is 0 by a detour: a CPU's exp takes 20 to 150 times as long for it.
    """
    least = 4 * torch.finfo(scores.dtype).tiny
    level = level.masked_fill(torch.isneginf(level), 0)[..., None]
    weights = scores.sub_(level).clamp_(math.log(least), 0).exp_()
    return threshold(weights, 1.1 * least, 0, inplace=True)


def _fused_backward(
    part: Call, terms: Terms, _bias: bool, _position: bool, out: Tensor, log_sum: Tensor, grad_out: Tensor
) -> Gradients:
    bias = terms[1]
    none = part.query_position.new_zeros(0)
    grads = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward(
        grad_out, part.q, part.k, part.v, out, log_sum, 0.0, False, attn_mask=bias, scale=part.scale
    )
    return Gradients(*grads, none, none, none, none, none)


def _recomputed_backward(
    part: Call,
    terms: Terms,
    learns_bias: bool,
    learns_position: bool,
    out: Tensor,
    log_sum: Tensor,
    grad_out: Tensor,
    grad_log_sum: Tensor | None = None,
) -> Gradients:
    gain, bias = terms
    wide = bias.dtype
    q, k, v, grad_out = part.q.to(wide), part.k.to(wide), part.v.to(wide), grad_out.to(wide)
    weights = weights_of(_scores(part, gain, bias), log_sum)
    grad_v = weights.mT @ grad_out
    grad_scores = _grad_scores(weights, v, out, grad_out, grad_log_sum)
    grad_content = grad_scores if gain is None else grad_scores * gain
    grad_q = (grad_content @ k).mul_(part.scale)
    grad_k = (grad_content.mT @ q).mul_(part.scale)
    none = part.query_position.new_zeros(0)
    if not learns_bias:
        return Gradients(grad_q, grad_k, grad_v, none, none, none, none, none)
    grad_weight = none if part.log_weight is None else grad_scores.sum((1, 2))
    grad_gain = None if gain is None else grad_scores * (q @ k.mT).mul_(part.scale)
    grad_coefficients, grad_e2, grad_gaze, grad_place = _bias_backward(
        part, grad_scores, grad_gain, learns_position
    )
    return Gradients(grad_q, grad_k, grad_v, grad_gaze, grad_place, grad_weight, grad_coefficients, grad_e2)


def _grad_scores(
    weights: Tensor, v: Tensor, out: Tensor, grad_out: Tensor, grad_log_sum: Tensor | None
) -> Tensor:
    """Gradient of the scores (batch, heads, n_queries, n_keys), all in the precision of the weights."""
    grad_scores = grad_out @ v.mT
    # the delta of a rounded output would give the rows of grad_scores a sum that swamps the bias's gradient
    is_exact = out.dtype == weights.dtype
    delta = (grad_out * out).sum(-1) if is_exact else torch.einsum("bhmn,bhmn->bhm", weights, grad_scores)
    delta = delta if grad_log_sum is None else delta - grad_log_sum
    return grad_scores.sub_(delta[..., None]).mul_(weights)


def _bias_backward(
    part: Call, grad_bias: Tensor, grad_gain: Tensor | None, learns_position: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of coefficients, e2 and positions, after summing over what shares one layout or one gaze."""
    grad_bias = _over_shared(part, grad_bias)
    grad_gain = None if grad_gain is None else _over_shared(part, grad_gain)
    if grad_gain is None:
        return bias_backward(part, grad_bias, learns_position=learns_position)
    polar = polar_geometry(
        part.query_position,
        part.key_position,
        part.e2_tensor,
        part.extent_deg,
        part.coefficient_tensor.shape[1],
    )
    return polar_backward(
        polar, part.coefficient_tensor, part.e2_tensor, part.extent_deg, grad_gain, grad_bias
    )


def _over_shared(part: Call, pairs: Tensor) -> Tensor:
    """Sum of (batch, heads, n_queries, n_keys) over the images that share one layout and the queries with one gaze."""
    shared = []
    if part.query_position.shape[0] == part.key_position.shape[0] == 1 < len(pairs):
        shared.append(0)
    if part.query_position.shape[1] == 1 < pairs.shape[2]:
        shared.append(2)
    return pairs.sum(shared, keepdim=True) if shared else pairs


def _accumulate(grads: Gradients, part: Gradients, tile: Tile) -> None:
    """Add a tile's gradients to those of the whole call."""
    _put(grads.q, tile, part.q.to(grads.q.dtype))
    _add(grads.k[:, tile.heads], tile.images, tile.keys, part.k, dim=2)
    _add(grads.v[:, tile.heads], tile.images, tile.keys, part.v, dim=2)
    for whole, piece in ((grads.coefficients, part.coefficients), (grads.e2, part.e2)):
        if len(whole):
            (whole if len(whole) == 1 else whole[tile.heads]).add_(piece)
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
