"""A few gazes on many keys: each query over a list of the keys within its radius, read where they lie.

Gazes are far apart, so that a tile of them would reach nearly all keys, and a gathered tile for each would copy more
than it computes. Here the scores of listed pairs are one sampled product of matrices, and what is seen is one weighted
sum of listed rows (`torch.nn.functional.embedding_bag`); backward the lists are read the other way round. No key is
copied, and nothing of size n_queries * n_keys is held where neighbours in the list are neighbours in the visual field.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from cogattn.kernels.foveal_attention.bias import bias_backward, masked_terms
from cogattn.kernels.foveal_attention.blocked import Gradients, weights_of
from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.lists import kept_blocks
from cogattn.kernels.foveal_attention.radial import squared_eccentricity

FEW_QUERIES = 64
MANY_KEYS = 4096
KEY_BLOCK = 32  # keys whose bounding box is held against the radius first
SELDOM = 0.2  # largest mean fraction of keys within the radius for which lists are the faster way


class Lists(NamedTuple):
    """For each query of each layout the keys within the largest radius; all are as long as the longest."""

    index: Tensor  # (layouts, n_queries, length); 0 where there is none
    padding: Tensor  # (layouts, n_queries, length): 0, or -inf where there is none
    fraction: float  # of the keys that are listed


class Rows(NamedTuple):
    """The rows of q, k or v as one matrix, wherever they lie in memory."""

    matrix: Tensor  # (rows, dim)
    steps: tuple[int, int, int]  # from image to image, head to head, token to token


def obstacle(call: Call) -> str:
    """Return why `call` cannot run this way, or ``""``."""
    if call.q.device.type != "cpu" or call.q.dtype not in (torch.float32, torch.float64):
        return f"lists are walked on a CPU in float32 or float64; got {call.q.dtype} on {call.q.device.type}"
    if call.radius is None:
        return "without a radius every key would be listed"
    if call.bias == "polar":
        return "the polar bias has a gain on content"
    if call.mask is not None or call.causal or call.sequences is not None:
        return "lists know no mask of pairs, no causal order and no sequences"
    return "" if call.q.numel() and call.k.numel() else "there is no query or no key"


def few(call: Call) -> bool:
    """Whether there are few queries on many keys, of which a radius leaves some out."""
    many = call.q.shape[2] <= FEW_QUERIES and call.k.shape[2] >= MANY_KEYS
    return many and not torch.compiler.is_compiling() and obstacle(call) == ""


def pays(call: Call) -> bool:
    """Whether lists are faster than tiles."""
    return few(call) and _lists(call.tensors()).fraction <= SELDOM


def forward(call: Call) -> tuple[Tensor, Tensor]:
    """Return the output and the natural log-sum-exp of the scores (batch, heads, n_queries)."""
    call = call.tensors()
    scores = _scores(call)
    highest = scores.amax(-1)
    weights = weights_of(scores, highest)
    total = weights.sum(-1)
    out = _bags(call, weights, call.v).div_(total.masked_fill(total == 0, 1)[..., None])
    return out, highest + total.log()


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
    call, grad_out = call.tensors(), grad_out.contiguous()
    lists = _lists(call)
    weights = weights_of(_scores(call), log_sum)
    delta = (grad_out * out).sum(-1)
    delta = delta if grad_log_sum is None else delta - grad_log_sum
    grad_scores = _products(call, grad_out, call.v).sub_(delta[..., None]).mul_(weights)
    grad_products = grad_scores * call.scale
    content = (
        _bags(call, grad_products, call.k),
        _bags_of_keys(call, grad_products, call.q),
        _bags_of_keys(call, weights, grad_out),
    )
    none = call.query_position.new_zeros(0)
    if not (learns_bias or learns_position):
        return Gradients(*content, none, none, none, none, none)
    grads = _bias_backward(call, grad_scores, lists, learns_position)
    return Gradients(*content, *grads[:2], *(grads[2:] if learns_bias else (none, none, none)))


def _lists(call: Call) -> Lists:
    return call.scene.keep(("lists", call.q.shape[2], call.wide), lambda: _make_lists(call))


def _make_lists(call: Call) -> Lists:
    n_layouts, n_queries = call.scene.n_layouts, call.q.shape[2]
    counts, keys = _keys_within(call)
    longest = max(1, int(counts.max()))
    slots = torch.arange(longest) < counts[:, None]
    index = torch.zeros(slots.shape, dtype=torch.int64).masked_scatter_(slots, keys)
    padding = call.query_position.new_zeros(slots.shape).masked_fill_(~slots, -torch.inf)
    fraction = float(counts.double().mean()) / call.k.shape[2]
    return Lists(index.view(n_layouts, n_queries, -1), padding.view(n_layouts, n_queries, -1), fraction)


def _keys_within(call: Call) -> tuple[Tensor, Tensor]:
    """How many keys each query of each layout has within the largest radius, and which, one query after the other.

    Blocks of keys whose bounding box is too far are not looked at.
    """
    n_layouts, n_queries, n_keys = call.scene.n_layouts, call.q.shape[2], call.k.shape[2]
    gaze, place, weight = call.query_position, call.key_position, call.log_weight
    near = kept_blocks(
        gaze, place, call.radius_tensor, query_block=1, key_block=KEY_BLOCK, log_weight=weight
    )  # (layouts or 1, n_queries or 1, n_blocks)
    row, block = near.expand(n_layouts, n_queries, -1).flatten(0, 1).nonzero().unbind(1)
    if weight is not None:
        place = place.masked_fill(torch.isneginf(weight)[..., None], torch.nan)  # within no radius
    blocks = pad(place, (0, 0, 0, -n_keys % KEY_BLOCK), value=torch.nan).unflatten(1, (-1, KEY_BLOCK))
    which = block if len(blocks) == 1 else row // n_queries * blocks.shape[1] + block
    place = blocks.flatten(0, 1).index_select(0, which)  # (near blocks, KEY_BLOCK, n_dims)
    gaze = gaze.expand(n_layouts, n_queries, -1).flatten(0, 1).index_select(0, row)[:, None]
    within = squared_eccentricity(gaze, place)[:, 0] <= (call.radius_tensor * call.radius_tensor).amax()
    counts = torch.zeros(n_layouts * n_queries, dtype=torch.int64).index_add_(0, row, within.sum(1))
    keys = block[:, None] * KEY_BLOCK + torch.arange(KEY_BLOCK)
    return counts, keys[within]


def _scores(call: Call) -> Tensor:
    """Scores of the listed pairs, (batch, heads, n_queries, length)."""
    keeps = call.layout is not None and not call.learns_bias
    name = ("listed bias", call.q.shape[2], call.wide)
    bias = call.scene.keep(name, lambda: _bias(call), of=call.values()) if keeps else _bias(call)
    return _products(call, call.q, call.k).mul_(call.scale).add_(bias)


def _bias(call: Call) -> Tensor:
    lists = _lists(call)
    return (
        masked_terms(_listed(call, lists))[1].unflatten(0, lists.index.shape[:2])[..., 0, :].transpose(1, 2)
    )


def _listed(call: Call, lists: Lists) -> Call:
    """The call as one of single queries, each with its own keys: images are (layouts * n_queries)."""
    n_layouts, n_queries, _ = lists.index.shape
    images = torch.arange(n_layouts)[:, None, None]
    weight = lists.padding
    if call.log_weight is not None:
        weight = weight + call.log_weight.expand(n_layouts, -1)[images, lists.index]
    return call._replace(
        query_position=call.query_position.expand(n_layouts, n_queries, -1).flatten(0, 1)[:, None],
        key_position=call.key_position.expand(n_layouts, -1, -1)[images, lists.index].flatten(0, 1),
        log_weight=weight.flatten(0, 1),
        layout=None,
    )


def _products(call: Call, queries: Tensor, keys: Tensor) -> Tensor:
    """Inner products of each query with its listed keys, (batch, heads, n_queries, length)."""
    rows = _rows(keys)
    columns = _numbers(call, rows)
    flat, length = queries.reshape(-1, queries.shape[-1]), columns.shape[-1]
    starts = torch.arange(0, columns.numel() + 1, length, dtype=columns.dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "beta state", said once a process
        pattern = torch.sparse_csr_tensor(
            starts, columns.flatten(), flat.new_zeros(columns.numel()), (len(flat), len(rows.matrix)),
            check_invariants=False,
        )  # fmt: skip
    torch.sparse.sampled_addmm(pattern, flat, rows.matrix.mT, beta=0.0, out=pattern)
    return pattern.values().view(columns.shape)


def _bags(call: Call, weights: Tensor, keys: Tensor) -> Tensor:
    """Sums of each query's listed keys by weights (batch, heads, n_queries, length)."""
    rows = _rows(keys)
    columns = _numbers(call, rows).flatten(0, 2)
    summed = embedding_bag(columns, rows.matrix, mode="sum", per_sample_weights=weights.flatten(0, 2))
    return summed.unflatten(0, weights.shape[:3])


def _bags_of_keys(call: Call, weights: Tensor, queries: Tensor) -> Tensor:
    """Sums over the queries that list a key, (batch, heads, n_keys, dim): the transpose of `_bags`."""
    batch, heads, n_queries, length = weights.shape
    order, starts = call.scene.keep(
        ("listing queries", call.q.shape[2], call.wide), lambda: _transposed(call)
    )
    n_keys, n_listed = call.k.shape[2], n_queries * length
    blocks = torch.arange(batch * heads).view(batch, heads, 1)
    listed = weights.flatten(2).gather(2, order[:, None].expand(batch, heads, -1))
    asking = (order // length)[:, None] + blocks * n_queries
    summed = embedding_bag(
        asking.flatten(), queries.reshape(-1, queries.shape[-1]), (starts[:, None] + blocks * n_listed).flatten(),
        mode="sum", per_sample_weights=listed.flatten(),
    )  # fmt: skip
    return summed.view(batch, heads, n_keys, -1)


def _transposed(call: Call) -> tuple[Tensor, Tensor]:
    """Listed pairs sorted by key (layouts, n_queries * length), and where each key's begin (layouts, n_keys)."""
    index = _lists(call).index.flatten(1)
    sorted_keys, order = index.sort(dim=1, stable=True)
    keys = torch.arange(call.k.shape[2]).expand(len(index), -1).contiguous()
    return order, torch.searchsorted(sorted_keys, keys)


def _numbers(call: Call, rows: Rows) -> Tensor:
    """Number of the row of each listed key in every image and head, (batch, heads, n_queries, length)."""
    whole = (
        torch.int32 if len(rows.matrix) < 2**31 else torch.int64
    )  # half the size, and a third faster to walk
    batch, heads = call.q.shape[:2]

    def make() -> Tensor:
        index = _lists(call).index.to(whole)
        image, head = (torch.arange(n, dtype=whole) for n in (batch, heads))
        blocks = image[:, None] * rows.steps[0] + head * rows.steps[1]
        return blocks[..., None, None] + (index * rows.steps[2])[:, None]

    return call.scene.keep(("rows", call.q.shape[:3], call.wide, rows.steps), make)


def _bias_backward(
    call: Call, grad_scores: Tensor, lists: Lists, learns_position: bool
) -> tuple[Tensor, ...]:
    """Gradients of both positions, log_weight, coefficients and e2 from that of the listed scores."""
    n_layouts, n_queries, length = lists.index.shape
    part = _listed(call, lists)
    per_layout = grad_scores if n_layouts > 1 else grad_scores.sum(0, keepdim=True)
    pairs = per_layout.transpose(1, 2).flatten(0, 1)[:, :, None]  # (layouts * n_queries, heads, 1, length)
    grad_coefficients, grad_e2, grad_gaze, grad_place = bias_backward(
        part, pairs, learns_position=learns_position
    )
    none = call.query_position.new_zeros(0)
    gaze, place, weight = none, none, none
    if learns_position:
        gaze = grad_gaze.view(n_layouts, n_queries, -1).sum_to_size(call.query_position.shape)
        place = _to_keys(call, grad_place.view(n_layouts, n_queries * length, -1), lists)
        place = place.sum_to_size(call.key_position.shape)
    if call.log_weight is not None:
        weight = _to_keys(call, per_layout.sum(1).view(n_layouts, -1, 1), lists)[..., 0]
        weight = weight.sum_to_size(call.log_weight.shape)
    return gaze, place, weight, grad_coefficients, grad_e2


def _to_keys(call: Call, listed: Tensor, lists: Lists) -> Tensor:
    """Sums of what is listed (layouts, n_queries * length, width) over the queries, (layouts, n_keys, width)."""
    n_layouts, _, width = listed.shape
    index = lists.index.view(n_layouts, -1, 1).expand(-1, -1, width)
    return listed.new_zeros(n_layouts, call.k.shape[2], width).scatter_add_(1, index, listed)


def _rows(tensor: Tensor) -> Rows:
    """The rows of (batch, heads, n, dim) without a copy, where they are whole and equally far apart."""
    dim = tensor.shape[-1]
    if tensor.stride(-1) != 1 or any(step % dim for step in tensor.stride()[:3]):
        tensor = tensor.contiguous()
    image, head, token, _ = (step // dim for step in tensor.stride())
    steps = image, head, token
    n_rows = 1 + sum(step * (size - 1) for step, size in zip(steps, tensor.shape, strict=False))
    return Rows(tensor.as_strided((n_rows, dim), (dim, 1)), steps)
