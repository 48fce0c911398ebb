"""Foveal attention as one would write it with torch alone, each peer at its best known setting; float64 is the truth.

A peer is a function that gets a `Problem`, makes what may be made once (a mask that is kept, lists of blocks, compiled
code) and returns the call that is timed; where it cannot take the problem it raises ValueError. Peers of objects
instead of patches stand in ``attention_decoding.py``.

Settings that were found to matter: ``log(1 + u)`` in place, never ``log1p``; distances from two arrays, x and y; the
mask in the dtype of the queries; for flex_attention the logarithm to the base 2, whole blocks that skip the radius
(`create_block_mask` finds them), rows that are known to see a key, the block size that is the fastest of several, and
the search for tiles of ``max-autotune`` on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from cogattn.kernels import Layout, foveal_attention, spatial_order

Bias = Literal["log", "smooth", "gauss", "none"]
Learned = Literal["", "content", "bias", "places", "weights"]
Attend = Callable[[], Tensor]
Block = tuple[int, int]
Axes = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]
Planes = tuple[Tensor, Tensor | None]

TINY = 1e-24  # squared distance whose root stands for that of 0, so that its gradient is 0 and not infinite
QUERIES_IN_TILE = 64
FLEX_BLOCKS = ((64, 64), (128, 64), (128, 128))  # the first is the fastest on a CPU
# a peer compiles anew for each problem and each block size
torch._dynamo.config.recompile_limit = 64  # ty: ignore[invalid-assignment]


class Problem(NamedTuple):
    """One call: queries that look at `gaze`, keys that lie at `place`, both in the same unit."""

    q: Tensor  # (images, heads, n_queries, dim)
    k: Tensor  # (images, heads, n_keys, dim)
    v: Tensor
    gaze: Tensor  # (images or 1, n_queries, 2)
    place: Tensor  # (1, n_keys, 2)
    alpha: Tensor  # (heads,)
    e2: Tensor  # (heads,)
    bias: Bias
    radius: Tensor | None  # (heads or 1,)
    log_weight: Tensor | None = None  # (1, n_keys)

    @property
    def leaves(self) -> list[Tensor]:
        """Tensors that gradients are asked for; gaze and place may be one."""
        tensors = (self.q, self.k, self.v, self.alpha, self.e2, self.gaze, self.place, self.log_weight)
        return list({id(t): t for t in tensors if t is not None and t.requires_grad}.values())

    @property
    def learns_bias(self) -> bool:
        return self.alpha.requires_grad or self.log_weight is not None

    @property
    def learns_places(self) -> bool:
        return self.gaze.requires_grad or self.place.requires_grad


# problems


def lattice(side: int, device: str = "cpu") -> Tensor:
    """Places (1, side * side, 2) of patches one unit apart, neighbours near each other in the list."""
    along = torch.arange(float(side), device=device)
    place = torch.cartesian_prod(along, along)
    return place[spatial_order(place)][None]


def radius_for(gaze: Tensor, place: Tensor, keep: float) -> Tensor | None:
    """Radius within which a query sees the fraction `keep` of the keys, on average; no key lies on it."""
    if keep == 1:
        return None
    some = gaze[:1, :: max(1, gaze.shape[1] // 128)]
    squared = (some[:, :, None] - place[:, None]).square().sum(-1).flatten().sort().values
    return squared[int(keep * len(squared))].sqrt()[None] + 1e-3


def content(
    shape: tuple[int, int, int, int], n_queries: int, dtype: torch.dtype, device: str
) -> tuple[Tensor, ...]:
    """Queries, keys and values, the same each time; `shape` is that of the keys."""
    generator = torch.Generator(device).manual_seed(0)
    images, heads, n_keys, dim = shape
    return tuple(
        torch.randn(images, heads, n, dim, generator=generator, device=device).to(dtype)
        for n in (n_queries, n_keys, n_keys)
    )


def problem_of(
    gaze: Tensor,
    place: Tensor,
    *,
    images: int,
    heads: int,
    dim: int,
    radius: Tensor | None,
    bias: Bias = "log",
    learned: Learned = "",
    dtype: torch.dtype = torch.float32,
    alpha: float = 2.0,
    e2: float = 3.0,
) -> Problem:
    """Random content at these places; `learned` says what has gradients: nothing, q, k and v, or more beside these."""
    device = place.device.type
    q, k, v = content((images, heads, place.shape[1], dim), gaze.shape[1], dtype, device)
    strength, scale = (torch.full((heads,), value, device=device) for value in (alpha, e2))
    if learned:
        for leaf in (q, k, v):
            leaf.requires_grad_()
    weight = torch.zeros(place.shape[:2], device=device) if learned == "weights" else None
    more = {"bias": (strength, scale), "places": (gaze, place)}.get(learned, ())
    for leaf in (*more, *(() if weight is None else (weight,))):
        leaf.requires_grad_()
    return Problem(q, k, v, gaze, place, strength, scale, bias, radius, weight)


# truth


def truth(problem: Problem, upstream: Tensor, *, most_scores: int = 2**25) -> list[Tensor]:
    """Output and gradients of the leaves in float64, some queries at a time.

    Parameters
    ----------
    problem : Problem
        Its leaves get no gradient: copies do.
    upstream : Tensor, shape (images, heads, n_queries, dim)
        Gradient of the output.
    most_scores : int
        Scores that are held at a time.
    """
    copies: dict[int, Tensor] = {}

    def wide(t: Tensor) -> Tensor:
        return copies.setdefault(id(t), t.detach().double().requires_grad_(t.requires_grad))

    images, heads, n_queries, _ = problem.q.shape
    whole = problem._replace(
        q=wide(problem.q), k=wide(problem.k), v=wide(problem.v), gaze=wide(problem.gaze), place=wide(problem.place),
        alpha=wide(problem.alpha), e2=wide(problem.e2),
        radius=None if problem.radius is None else wide(problem.radius),
        log_weight=None if problem.log_weight is None else wide(problem.log_weight),
    )  # fmt: skip
    n_rows = max(1, most_scores // (images * heads * problem.k.shape[2]))
    outputs = []
    for rows in torch.arange(n_queries, device=problem.q.device).split(n_rows):
        part = whole._replace(q=whole.q[:, :, rows], gaze=whole.gaze[:, rows])
        out = plain_softmax(part)
        if problem.leaves:
            out.backward(upstream[:, :, rows].double())
        outputs.append(out.detach())
    return [torch.cat(outputs, 2), *(cast(Tensor, copies[id(leaf)].grad) for leaf in problem.leaves)]


def plain_softmax(problem: Problem) -> Tensor:
    scores = problem.q @ problem.k.mT * problem.q.shape[-1] ** -0.5
    mask = fall(problem, *seen(problem))
    return torch.softmax(scores if mask is None else scores + mask, -1) @ problem.v


def answers(attend: Attend, problem: Problem, upstream: Tensor) -> list[Tensor]:
    """Output and gradients of the leaves by one method."""
    if not problem.leaves:
        with torch.no_grad():
            return [attend()]
    out = attend()
    return [out.detach(), *torch.autograd.grad(out, problem.leaves, upstream)]


def errors(found: list[Tensor], true: list[Tensor]) -> list[float]:
    """Relative error (Frobenius) of each answer; infinite where one is no number."""
    pairs = zip(found, true, strict=True)
    distances = (float((a.double() - b).norm() / b.norm().clamp(min=1e-30)) for a, b in pairs)
    return [distance if math.isfinite(distance) else math.inf for distance in distances]


# a dense mask


def seen(problem: Problem) -> Planes:
    """What the bias falls with, (images or 1, 1, n_queries, n_keys), and which pairs are beyond the radius."""
    (gaze_x, gaze_y), (x, y) = problem.gaze.unbind(-1), problem.place.unbind(-1)
    dx, dy = x[:, None] - gaze_x[:, :, None], y[:, None] - gaze_y[:, :, None]
    squared = torch.addcmul(dx * dx, dy, dy)[:, None]
    radius = problem.radius
    beyond = None if radius is None else squared > (radius * radius)[:, None, None]
    return (squared.clamp(min=TINY).sqrt() if problem.bias == "log" else squared), beyond


def fall(problem: Problem, plane: Tensor, beyond: Tensor | None) -> Tensor | None:
    """The mask (images or 1, heads or 1, n_queries, n_keys); None where it would be 0."""
    alpha, e2 = problem.alpha[:, None, None], problem.e2[:, None, None]
    if problem.bias == "none":
        bare = beyond is None and problem.log_weight is None
        mask = None if bare else torch.zeros_like(plane if beyond is None else beyond, dtype=plane.dtype)
    elif problem.bias == "gauss":
        mask = plane * (-alpha / (2 * e2 * e2))
    elif problem.bias == "smooth":
        mask = (plane / (e2 * e2)).add_(1).log_().mul_(-alpha / 2)
    else:
        mask = (plane / e2).add_(1).log_().mul_(-alpha)
    if mask is None:
        return None
    if problem.log_weight is not None:
        mask = mask + problem.log_weight[:, None, None]
    return (mask if beyond is None else mask.masked_fill_(beyond, -torch.inf)).to(problem.q.dtype)


def attend_with(problem: Problem, mask: Tensor | None, backend: SDPBackend | None = None) -> Tensor:
    with nullcontext() if backend is None else sdpa_kernel(backend):
        return scaled_dot_product_attention(problem.q, problem.k, problem.v, attn_mask=mask)


def attend_dense(problem: Problem) -> Tensor:
    return attend_with(problem, fall(problem, *seen(problem)))


def dense(problem: Problem) -> Attend:
    """A mask that every call builds."""
    return lambda: attend_dense(problem)


def compiled(problem: Problem) -> Attend:
    """The same, compiled."""
    function = torch.compile(attend_dense, dynamic=False)
    return lambda: function(problem)


def kept(problem: Problem, backend: SDPBackend | None = None) -> Attend:
    """What places fix is made once: the mask, or the distances alone where the bias is learned."""
    if problem.learns_places:
        raise ValueError("nothing can be kept where places are learned")
    planes = seen(problem)
    if problem.learns_bias:
        return lambda: attend_with(problem, fall(problem, *planes), backend)
    mask = fall(problem, *planes)
    return lambda: attend_with(problem, mask, backend)


def unbiased(problem: Problem, backend: SDPBackend | None = None) -> Attend:
    """Attention that knows no places: the speed limit of a dense mask, and another function."""
    if problem.learns_bias or problem.learns_places:
        raise ValueError("it has no bias to learn")
    return lambda: attend_with(problem, None, backend)


# tiles


def tiles(problem: Problem) -> Attend:
    """Tiles of queries over the keys that they reach, each run again in the backward pass; lists are made once."""
    if problem.radius is None:
        raise ValueError("without a radius every key is reached")
    cuts = [list(_cuts(problem, layout)) for layout in range(len(problem.gaze))]

    def attend_tile(images: slice, rows: slice, keys: Tensor) -> Tensor:
        gaze = problem.gaze if len(problem.gaze) == 1 else problem.gaze[images]
        part = problem._replace(
            q=problem.q[images, :, rows],
            k=problem.k[images].index_select(2, keys),
            v=problem.v[images].index_select(2, keys),
            gaze=gaze[:, rows],
            place=problem.place.index_select(1, keys),
            log_weight=None if problem.log_weight is None else problem.log_weight.index_select(1, keys),
        )
        return attend_dense(part)

    def run(images: slice, rows: slice, keys: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return attend_tile(images, rows, keys)
        return checkpoint(
            attend_tile, images, rows, keys, use_reentrant=False, preserve_rng_state=False,
            determinism_check="none",
        )  # fmt: skip

    def attend() -> Tensor:
        images = [slice(None)] if len(cuts) == 1 else [slice(i, i + 1) for i in range(len(cuts))]
        return torch.cat(
            [torch.cat([run(image, *cut) for cut in one], 2) for image, one in zip(images, cuts, strict=True)]
        )

    return attend


def _cuts(problem: Problem, layout: int) -> Iterator[tuple[slice, Tensor]]:
    with torch.no_grad():
        gaze, radius = problem.gaze[layout : layout + 1], problem.radius
        assert radius is not None
        for start in range(0, gaze.shape[1], QUERIES_IN_TILE):
            rows = slice(start, min(start + QUERIES_IN_TILE, gaze.shape[1]))
            part = problem._replace(gaze=gaze[:, rows], radius=radius.amax(0, keepdim=True))
            _, beyond = seen(part)
            assert beyond is not None
            yield rows, (~beyond).any(2)[0, 0].nonzero()[:, 0]


# flex_attention


def best_block(problem: Problem, clock: Callable[[Attend], float]) -> Block:
    """The block size of flex_attention whose forward pass is the fastest."""
    if problem.radius is None:
        return FLEX_BLOCKS[0]
    with torch.no_grad():
        return min(FLEX_BLOCKS, key=lambda block: clock(flex(problem, block)))


def flex(problem: Problem, block: Block = FLEX_BLOCKS[0], mode: str = "default") -> Attend:
    """flex_attention with blocks of so many queries and keys; its decoding kernel takes few queries by itself."""
    if problem.place.device.type == "cpu" and problem.leaves:
        raise ValueError("flex_attention has no backward pass on a CPU")
    axes = axes_of(problem)
    (gaze_x, gaze_y), (x, y) = axes
    alpha, e2, weight = problem.alpha, problem.e2, problem.log_weight

    def score(s, b, h, i, j):
        dx, dy = x[j] - gaze_x[b, i], y[j] - gaze_y[b, i]
        squared, scale, strength = dx * dx + dy * dy, 1 / e2[h], alpha[h] * math.log(2)
        if weight is not None:
            s = s + weight[0, j]
        if problem.bias == "gauss":
            return s - 0.5 * alpha[h] * scale * scale * squared
        if problem.bias == "smooth":
            return s - 0.5 * strength * torch.log2(1 + scale * scale * squared)
        return s - strength * torch.log2(1 + torch.sqrt(squared) * scale)

    attend = torch.compile(flex_attention, dynamic=False, mode=mode)
    plain = problem.bias == "none" and weight is None
    mask = block_mask(problem, axes, block)
    call = partial(
        attend, problem.q, problem.k, problem.v, score_mod=None if plain else score, block_mask=mask,
        kernel_options={"ROWS_GUARANTEED_SAFE": True},  # ty: ignore[invalid-argument-type]
    )  # fmt: skip
    return cast(Attend, call)


def block_mask(problem: Problem, axes: Axes, block: Block) -> BlockMask | None:
    """Blocks that hold a pair within the radius, those wholly within it apart."""
    if problem.radius is None:
        return None
    (gaze_x, gaze_y), (x, y) = axes
    if (
        problem.learns_places
    ):  # a mask is not learned; else the tensors are those of the scores, as a CPU needs
        gaze_x, gaze_y, x, y = (t.detach() for t in (gaze_x, gaze_y, x, y))
    images, heads = len(problem.gaze), len(problem.radius)
    reach = problem.radius * problem.radius

    def within(b, h, i, j):
        dx, dy = x[j] - gaze_x[b, i], y[j] - gaze_y[b, i]
        return dx * dx + dy * dy <= reach[h if heads > 1 else 0]

    return create_block_mask(
        within, images if images > 1 else None, heads if heads > 1 else None,
        problem.q.shape[2], problem.k.shape[2], device=x.device, BLOCK_SIZE=block,
    )  # fmt: skip


def axes_of(problem: Problem) -> Axes:
    """x and y of gazes (images, n_queries) and of places (n_keys,), each contiguous."""
    gaze_x, gaze_y = (t.expand(len(problem.q), -1).contiguous() for t in problem.gaze.unbind(-1))
    x, y = (t[0].contiguous() for t in problem.place.unbind(-1))
    return (gaze_x, gaze_y), (x, y)


# ours


def ours(problem: Problem) -> Attend:
    """Positions come with every call."""
    attend = partial(
        foveal_attention, problem.q, problem.k, problem.v, problem.gaze, problem.place, bias=problem.bias,
        alpha=problem.alpha, e2=problem.e2, radius=problem.radius, log_weight=problem.log_weight,
    )  # fmt: skip
    return cast(Attend, attend)


def ours_with_layout(problem: Problem) -> Attend:
    """Positions are a layout, which keeps what follows from them."""
    layout = Layout(problem.gaze, problem.place, radius=problem.radius, log_weight=problem.log_weight)
    attend = partial(
        foveal_attention, problem.q, problem.k, problem.v, layout=layout, bias=problem.bias, alpha=problem.alpha,
        e2=problem.e2,
    )  # fmt: skip
    return cast(Attend, attend)
