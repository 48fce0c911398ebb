"""Training with a bias that falls with eccentricity, on a CPU: written out, the weights kept between the passes.

Tile by tile, as `cogattn.kernels.foveal_attention.blocked`, but some heads at a time whose scores stay in cache, and in
few passes over them. A constant added to a row of scores changes no weight: ``ln(1 + E/e2)`` may be ``ln(e2 + E)``, and
as a row of the scores' gradient sums to 0, the gradient of e2 follows from ``1 / (e2 + E)`` alone.

The weights are kept while there is room for them, over all calls under way, and made anew by the same steps elsewhere:
the answer is the same to the last bit.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from cogattn.kernels.foveal_attention.bias import other_terms
from cogattn.kernels.foveal_attention.call import N_LEARNED, Call
from cogattn.kernels.foveal_attention.radial import (
    Distances,
    Fall,
    distances,
    fall_backward,
    positions_backward,
    pull,
)
from cogattn.kernels.foveal_attention.tiles import Index, Tile, length, of_heads, part_of, take, tiles

IN_CACHE = 2**19
"""Scores that a thread holds at a time: 2 MiB in float32."""
ROOM = 2**30
"""Bytes of weights that are kept between forward and backward passes, over all calls under way."""
PAYS_FROM = 2**16
"""Least number of pairs of a query and a key for which it is faster than all scores at once."""


class _Scene:
    """Images of a tile, which share a layout; what lies between its queries and keys is made when asked for."""

    def __init__(self, tile: Tile, part: Call) -> None:
        self.tile, self.part = tile, part

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of its scores."""
        n_images, n_heads, n_queries, _ = self.part.q.shape
        return n_images, n_heads, n_queries, self.part.k.shape[2]

    @cached_property
    def places(self) -> Distances:
        """Each (1, 1, n_queries or 1, n_keys)."""
        return distances(self.part.bias, self.part.query_position, self.part.key_position)

    @cached_property
    def others(self) -> Tensor | None:
        """What no bias says, (heads or 1, n_queries or 1, n_keys)."""
        others = other_terms(self.part, self.places.squared)
        return None if others is None else others[0]

    @cached_property
    def dead(self) -> Tensor | None:
        """Which queries see no key, (heads or 1, n_queries or 1, 1), if any."""
        if self.others is None:
            return None
        dead = torch.isneginf(self.others.amax(-1, keepdim=True))
        return dead if dead.any() else None

    def at(self, image: int, heads: slice) -> tuple[int, slice]:
        """An image and some heads of the part in the whole."""
        first = self.tile.heads.start
        return self.tile.images.start + image, slice(first + heads.start, first + heads.stop)

    def falls(self) -> Iterator[tuple[slice, Fall]]:
        """Some heads at a time, as many as stay in cache, and how their bias falls."""
        _, n_heads, n_queries, n_keys = self.shape
        n_steps = math.ceil(n_heads * n_queries * n_keys / (IN_CACHE * torch.get_num_threads()))
        step, e2 = math.ceil(n_heads / n_steps), self.part.e2_tensor
        kind, base = self.part.bias, lambda: self.places.base[0]
        shared = Fall(kind, base, e2) if len(e2) == 1 else None
        for first in range(0, n_heads, step):
            heads = slice(first, min(first + step, n_heads))
            yield heads, shared or Fall(kind, base, e2[heads])


def obstacle(call: Call) -> str:
    """Return why `call` cannot be trained so, or ``""``."""
    if call.q.device.type != "cpu":
        return "weights are kept on a CPU alone"
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return "neither compilers nor torch.func look into it"
    if call.bias in ("polar", "table"):
        return f"weights are kept for biases that fall with eccentricity, and {call.bias} is a table"
    return "the log-sum-exp is not told" if call.return_lse else ""


def attend(call: Call) -> tuple[Tensor, None]:
    """Return the output, (batch, heads, n_queries, dim_v), without a log-sum-exp."""
    call = call.tensors()._replace(layout=call.scene)  # its tiles serve both passes
    return _Kept.apply(call[N_LEARNED:], *call[:N_LEARNED]), None


class _Kept(torch.autograd.Function):
    """Both passes, from the learned tensors and the rest of the call."""

    @staticmethod
    def forward(ctx, rest: tuple, *learned: Tensor | None):
        ctx.rest, call = rest, Call._make((*learned, *rest))
        ctx.room = _Room(_size(call) if any(ctx.needs_input_grad) else 0)
        out, weights = _forward(call, keeps=ctx.room.size > 0)
        ctx.save_for_backward(*learned, *weights)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_out: Tensor):
        learned, weights = ctx.saved_tensors[:N_LEARNED], ctx.saved_tensors[N_LEARNED:]
        needed = ctx.needs_input_grad[1:]
        call = Call._make((*learned, *ctx.rest))
        grads = backward(call, grad_out, any(needed[5:]), any(needed[3:5]), weights=weights)
        ctx.room.leave()
        return None, *(grad if need else None for grad, need in zip(grads, needed, strict=True))


class _Room:
    """A share of `ROOM`, if as much is left, until the share itself is left or gone."""

    left = ROOM
    _lock = threading.RLock()

    def __init__(self, size: int) -> None:
        with self._lock:
            self.size = size if size <= _Room.left else 0
            _Room.left -= self.size

    def leave(self) -> None:
        with self._lock:
            _Room.left += self.size
            self.size = 0

    __del__ = leave


def backward(
    call: Call,
    grad_out: Tensor,
    learns_bias: bool,
    learns_position: bool,
    grad_log_sum: Tensor | None = None,
    *,
    weights: Sequence[Tensor] = (),
) -> tuple[Tensor, ...]:
    """Gradients of a call's learned tensors, empty where not learned; weights that are not given are made anew."""
    call = call.tensors()
    grads = _Gradients(call, learns_bias, learns_position)
    grad_out = grad_out.to(call.wide)
    for i, scene in enumerate(_scenes(call)):
        grads.add(scene, weights[i] if weights else None, grad_out, grad_log_sum)
    return grads.finished(call)


def _forward(call: Call, *, keeps: bool) -> tuple[Tensor, list[Tensor]]:
    """Output (images, heads, n_queries, dim_v), and the weights of each scene, none if they are not kept."""
    out = call.query_position.new_zeros(*call.q.shape[:3], call.v.shape[-1])
    kept = []
    for scene in _scenes(call):
        part, (_, _, queries, _) = scene.part, scene.tile
        kept += [out.new_empty(scene.shape)] if keeps else []
        for heads, fall in scene.falls():
            for image in range(len(part.q)):
                weights = _weights(scene, image, heads, fall, kept[-1][image, heads] if keeps else None)
                _put(out[scene.at(image, heads)], queries, torch.bmm(weights, part.v[image, heads]))
    return out.to(call.q.dtype), kept


class _Gradients:
    """Sums of the gradients of a call's tensors."""

    def __init__(self, call: Call, learns_bias: bool, learns_position: bool) -> None:
        self.learns_bias, self.learns_position = learns_bias, learns_position
        self.q = call.query_position.new_zeros(call.q.shape)
        self.keys = {"k": _OfKeys(call, call.k.shape), "v": _OfKeys(call, call.v.shape)}
        learned = [learns_position] * 2 + [learns_bias] * 3
        self.gaze, self.place, self.weight, self.alpha, self.e2 = (
            self.q.new_zeros(t.shape if learns and isinstance(t, Tensor) else 0)
            for t, learns in zip(call[3:N_LEARNED], learned, strict=True)
        )

    def finished(self, call: Call) -> tuple[Tensor, ...]:
        """In the order of the call."""
        content = (self.q.mul_(call.scale), *(keys.finished() for keys in self.keys.values()))
        content = (grad.to(call.q.dtype) for grad in content)
        return (*content, self.gaze, self.place, self.weight, self.alpha, self.e2)

    def add(self, scene: _Scene, kept: Tensor | None, grad_out: Tensor, grad_log_sum: Tensor | None) -> None:
        """Add those of a scene, whose weights may be kept."""
        part, (_, _, queries, keys) = scene.part, scene.tile
        pulled = 0.0
        for heads, fall in scene.falls():
            alpha = of_heads(part.coefficient_tensor, heads)
            for image in range(len(part.q)):
                at = scene.at(image, heads)
                weights = _weights(scene, image, heads, fall) if kept is None else kept[image, heads]
                grad_rows = take(grad_out[at], queries, 1)
                self.keys["v"].add(at, keys, weights, grad_rows)
                grad_scores = _softmax_backward(torch.bmm(grad_rows, part.v[image, heads].mT), weights)
                total = grad_scores.new_zeros(len(weights))
                if grad_log_sum is not None:
                    grad_level = take(grad_log_sum[at], queries, 1)
                    if scene.dead is not None:
                        grad_level = grad_level.masked_fill(of_heads(scene.dead, heads)[..., 0], 0)
                    grad_scores.addcmul_(weights, grad_level[..., None])
                    total = grad_level.sum(1)
                _put(self.q[at], queries, torch.bmm(grad_scores, part.k[image, heads]))
                self.keys["k"].add(at, keys, grad_scores, part.q[image, heads])
                if self.learns_bias or self.learns_position:
                    pulled = pulled + self._add_bias(scene, at, fall, alpha, grad_scores, total)
        if self.learns_position:
            self._add_places(scene, pulled)

    def _add_bias(
        self, scene: _Scene, at: tuple[int, slice], fall: Fall, alpha: Tensor, grad: Tensor, total: Tensor
    ) -> Tensor | float:
        """Add those of the bias from that of the scores (heads, n_queries, n_keys); return what pulls at places."""
        image, heads = at
        if self.weight.numel():
            rows = self.weight[image if len(self.weight) > 1 else 0]
            _add(rows[None], scene.tile.keys, grad.sum((0, 1))[None])
        if scene.part.query_position.shape[1] < grad.shape[1]:
            grad = grad.sum(1, keepdim=True)  # one gaze
        grad_alpha, grad_e2, steep = fall_backward(grad[None], fall, alpha, total)
        if self.learns_bias:
            of_heads(self.alpha, heads).add_(grad_alpha)
            of_heads(self.e2, heads).add_(grad_e2)
        return pull(steep, alpha) if self.learns_position else 0.0

    def _add_places(self, scene: _Scene, pulled: Tensor | float) -> None:
        """Add those of both positions from what pulls at the pairs of a scene, (1, n_queries or 1, n_keys)."""
        part, places, (images, _, queries, keys) = scene.part, scene.places, scene.tile
        of_gaze, of_place = positions_backward(
            pulled * places.base[:, 0], places.squared, part.query_position, part.key_position
        )
        rows = queries if self.gaze.shape[1] > 1 else slice(0, 1)
        _add(_of_image(self.gaze, images.start), rows, of_gaze)
        _add(_of_image(self.place, images.start), keys, of_place)


class _OfKeys:
    """Sums of gradients of keys or values (images, heads, n_keys, width)."""

    def __init__(self, call: Call, shape: torch.Size) -> None:
        self.empty, self.shape = call.query_position.new_empty(0), shape
        self.rows: Tensor | None = None  # (images, heads, n_keys, width), of keys that were gathered
        self.columns: Tensor | None = None  # (images, heads, width, n_keys), of all: products are faster so

    def add(self, at: tuple[int, slice], keys: Index, pairs: Tensor, rows: Tensor) -> None:
        """Add the sums of `rows` (heads, n_queries, width) by `pairs` (heads, n_queries, n_keys)."""
        if isinstance(keys, slice):
            if self.columns is None:
                self.columns = self.empty.new_zeros(*self.shape[:2], self.shape[3], self.shape[2])
            self.columns[at].baddbmm_(rows.mT, pairs)
        else:
            if self.rows is None:
                self.rows = self.empty.new_zeros(self.shape)
            self.rows[at].index_add_(1, keys, torch.bmm(pairs.mT, rows))

    def finished(self) -> Tensor:
        """Contiguous, as compilers are told."""
        if self.columns is None:
            return self.empty.new_zeros(self.shape) if self.rows is None else self.rows
        rows = self.columns.mT.contiguous()
        return rows if self.rows is None else rows.add_(self.rows)


def _scenes(call: Call) -> Iterator[_Scene]:
    """Tiles of some queries of all heads of like radii, layout by layout; q is scaled."""
    call = call._replace(q=call.q.to(call.wide) * call.scale, k=call.k.to(call.wide), v=call.v.to(call.wide))
    alone = call.n_position_batches > 1
    for tile in tiles(call, trains=True):
        images = range(tile.images.start, tile.images.stop)
        for some in [slice(i, i + 1) for i in images] if alone else [tile.images]:
            one = tile._replace(images=some)
            yield _Scene(one, part_of(call, one))


def _weights(scene: _Scene, image: int, heads: slice, fall: Fall, out: Tensor | None = None) -> Tensor:
    """Weights (heads, n_queries, n_keys) of an image; 0 of a query that sees no key."""
    part = scene.part
    scores = torch.bmm(part.q[image, heads], part.k[image, heads].mT, out=out)
    strength = of_heads(part.coefficient_tensor, heads) * fall.share
    if len(strength) == 1:
        scores.sub_(fall.level, alpha=float(strength))
    else:
        scores.addcmul_(fall.level, strength[:, None, None], value=-1)
    if scene.others is not None:
        scores.add_(of_heads(scene.others, heads))
    weights = torch.softmax(scores, -1, out=scores)
    return weights if scene.dead is None else weights.masked_fill_(of_heads(scene.dead, heads), 0)


def _softmax_backward(grad_weights: Tensor, weights: Tensor) -> Tensor:
    """Gradient of the scores (heads, n_queries, n_keys) in the place of that of the weights: one pass over a row."""
    return torch.ops.aten._softmax_backward_data.out(
        grad_weights, weights, -1, weights.dtype, grad_input=grad_weights
    )


def _size(call: Call) -> int:
    """Bytes of all weights."""
    indices = ((tile.heads, tile.queries, tile.keys, tile.images) for tile in tiles(call, trains=True))
    return call.query_position.element_size() * sum(math.prod(map(length, index)) for index in indices)


def _of_image(values: Tensor, image: int) -> Tensor:
    return values if len(values) == 1 else values[image : image + 1]


def _put(rows: Tensor, index: Index, values: Tensor) -> None:
    """Set the indexed rows of (heads, n, width)."""
    if isinstance(index, slice):
        rows[:, index] = values
    else:
        rows.index_copy_(1, index, values)


def _add(rows: Tensor, index: Index, values: Tensor) -> None:
    """Add to the indexed rows of (1, n, ...)."""
    if isinstance(index, slice):
        rows[:, index] += values
    else:
        rows.index_add_(1, index, values)
