"""Attention that knows where its queries look: the public functions, their dispatch and their registration.

For a query that looks at p and a key at x, both in degrees of visual angle,

    S = scale * q . k + log_weight + b(|x - p|),   S = -inf where |x - p| > radius,   out = softmax(S) v

with the bias b of `cogattn.kernels.foveal_attention.radial`, or the tables over offsets x - p of
`cogattn.kernels.foveal_attention.polar` and `cogattn.kernels.foveal_attention.table`. Every gradient exists, those of
the gaze and of the bias's parameters included; only the radius is not learned. A query that sees no key gives 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, Unpack, cast, overload

import torch
from torch import Tensor

from cogattn.kernels import dispatch
from cogattn.kernels.foveal_attention import dense, folded, kept, reference, registration, sampled
from cogattn.kernels.foveal_attention import triton as triton_kernels
from cogattn.kernels.foveal_attention.call import Bias, Call, Precision, make_call
from cogattn.kernels.foveal_attention.layout import MOST_KEPT, Layout
from cogattn.kernels.foveal_attention.tiles import reached_fraction
from cogattn.kernels.foveal_attention.visibility import hidden_pairs

Impl = Literal["auto", "reference", "folded", "dense", "blocked", "sampled", "kept", "triton"]
BY_AUTOGRAD = {
    "reference": reference.attend,
    "folded": folded.attend,
    "dense": dense.attend,
    "kept": kept.attend,
}
FEW_SCORES = 2**24
"""Largest mask that a call builds at once: 64 MiB in float32; beyond, tiles stay in cache."""
FEW_PAIRS = 2**17
"""Most pairs of a gaze and a key, over all layouts, whose log-polar terms are faster all at once than tile by tile."""
SPARSE_BELOW = 0.45
"""Largest fraction of keys that tiles reach for which they are faster than one mask, made anew or kept."""


class Settings(TypedDict, total=False):
    """What `foveal_attention` takes by name, but for ``return_lse`` and ``impl``."""

    layout: Layout | None
    log_weight: Tensor | None
    bias: Bias
    alpha: Tensor | float
    e2: Tensor | float
    radius: Tensor | float | None
    table: Tensor | None
    extent_deg: float
    spacing: float | Sequence[float]
    scale: float | None
    mask: Tensor | None
    causal: bool
    sequences: tuple[Tensor, Tensor] | None
    precision: Precision


@overload
def foveal_attention(  # ty: ignore[inconsistent-overload-implementation]
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor | None = None,
    key_position: Tensor | None = None,
    *,
    return_lse: Literal[False] = False,
    impl: Impl = "auto",
    **settings: Unpack[Settings],
) -> Tensor: ...
@overload
def foveal_attention(  # ty: ignore[inconsistent-overload-implementation]
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor | None = None,
    key_position: Tensor | None = None,
    *,
    return_lse: Literal[True],
    impl: Impl = "auto",
    **settings: Unpack[Settings],
) -> tuple[Tensor, Tensor]: ...
def foveal_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor | None = None,
    key_position: Tensor | None = None,
    *,
    layout: Layout | None = None,
    log_weight: Tensor | None = None,
    bias: Bias = "smooth",
    alpha: Tensor | float = 2.0,
    e2: Tensor | float = 0.75,
    radius: Tensor | float | None = None,
    table: Tensor | None = None,
    extent_deg: float = 20.0,
    spacing: float | Sequence[float] = 1.0,
    scale: float | None = None,
    mask: Tensor | None = None,
    causal: bool = False,
    sequences: tuple[Tensor, Tensor] | None = None,
    return_lse: bool = False,
    precision: Precision = "ieee",
    impl: Impl = "auto",
) -> Tensor | tuple[Tensor, Tensor]:
    """Attend from gazes to places in the visual field.

    Parameters
    ----------
    q : Tensor, shape (batch, heads, n_queries, dim)
        Queries.
    k, v : Tensor, shape (batch, heads, n_keys, dim) and (batch, heads, n_keys, dim_v)
        Keys and values, of the dtype and on the device of `q`; their heads may be a divisor of those of `q`, where each
        serves as many neighbouring heads of queries (grouped queries).
    query_position : Tensor, shape (batch or 1, n_queries or 1, n_dims)
        Where each query looks; a size of 1 is shared. In degrees (x, y), or in any unit and any number of coordinates:
        a lag, a place and a time in a video.
    key_position : Tensor, shape (batch or 1, n_keys, n_dims)
        Where each key lies, in the same unit.
    layout : Layout, optional
        Positions, `radius`, `log_weight`, `mask`, `causal` and `sequences` in their place; made once per scene and used
        by all its calls.
    log_weight : Tensor, shape (batch or 1, n_keys), optional
        Added to the scores of a key: ln of the area or number it stands for, -inf for padding.
    bias : {"smooth", "log", "gauss", "none", "polar", "table"}
        How scores change with eccentricity or offset; see the modules `radial`, `polar` and `table`.
    alpha : float or Tensor, shape () or (heads,)
        Strength of a radial bias, dimensionless.
    e2 : float or Tensor, shape () or (heads,)
        Eccentricity scale, in degrees, above 0; one value for the polar bias.
    radius : float or Tensor, shape () or (heads,), optional
        Largest eccentricity that is attended, in degrees, itself included, 0 or more; None for no limit. No gradient.
    table : Tensor, shape (heads or 1, n_knots, 6) or (heads or 1, n_1, ..., n_dims), optional
        Gain and directional bias of the polar kind; or the bias of the table kind, whose centre is offset 0.
    extent_deg : float
        Eccentricity of the polar table's last knot, in degrees.
    spacing : float or sequence of float
        Distance between neighbouring cells of the table kind, of all axes or of each.
    scale : float, optional
        Factor of ``q . k``; ``dim ** -0.5`` by default.
    mask : Tensor of bool, shape (batch or 1, heads or 1, n_queries, n_keys), optional
        True where a query may attend.
    causal : bool
        Whether a query sees keys up to its own alone, the last query being at the last key: key j is seen by query i
        where ``j - n_keys <= i - n_queries``, whatever `sequences` say.
    sequences : (Tensor, Tensor) of int, shapes (batch or 1, n_queries) and (batch or 1, n_keys), optional
        Ids of the sequences that are packed in a row; a query sees the keys of its own id alone.
    return_lse : bool
        Whether to return ln of the sum of the exponentiated scores as well, by which parts can be merged.
    precision : {"ieee", "tf32", "tf32x3"}
        How a GPU multiplies float32 matrices.
    impl : {"auto", "reference", "folded", "dense", "blocked", "sampled", "kept", "triton"}
        Implementation; ``auto`` takes the fastest that can run, and `cogattn.kernels.dispatch.last_used`
        names it.

    Returns
    -------
    Tensor, shape (batch, heads, n_queries, dim_v)
        In the dtype of `q`.
    Tensor, shape (batch, heads, n_queries)
        With `return_lse`: the log-sum-exp, in float32 (float64 for float64 queries), differentiable; -inf where a query
        sees no key.

    Raises
    ------
    ValueError
        If a shape, dtype, name or range breaks its rule. Numbers and tensors on a CPU are held to their ranges; tensors
        on a GPU are not read, as that would wait for it.
    ImplementationError
        If the implementation that was asked for cannot run this call.

    Notes
    -----
    Key ``n`` times at one place equals one key with ``log_weight`` ln n. With ``alpha=0`` and no radius the
    result is exactly `torch.nn.functional.scaled_dot_product_attention`. Half-precision inputs keep their
    scores and sums in float32. On a GPU the radius saves time where neighbours in the list are neighbours in
    the visual field (`cogattn.kernels.spatial_order`); on a CPU the order does not matter. Forward-mode derivatives
    run as ``reference``; `torch.func.grad` works, and second derivatives are refused by torch.

    References
    ----------
    Duncan & Boynton (2003), Neuron 38, 659-671 (cortical magnification); Dao et al. (2022), NeurIPS
    (recomputing attention tile by tile); Liu et al. (2021), ICCV (Swin: relative position bias).
    """
    call = make_call(
        q,
        k,
        v,
        query_position,
        key_position,
        layout=layout,
        log_weight=log_weight,
        bias=bias,
        alpha=alpha,
        e2=e2,
        radius=radius,
        table=table,
        extent_deg=extent_deg,
        spacing=spacing,
        scale=scale,
        precision=precision,
        mask=mask,
        causal=causal,
        sequences=sequences,
        return_lse=return_lse,
    )
    if sampled.few(call):
        call = call._replace(layout=call.scene)  # its lists serve the choice and both passes
    chosen = OPERATOR.choose(impl, call)
    dispatch.record(OPERATOR.name, chosen)
    call = call if chosen == "triton" else call.ungrouped()
    plain = BY_AUTOGRAD.get(chosen)
    out, log_sum = plain(call) if plain else registration.attend(call, chosen)
    return (out, cast(Tensor, log_sum)) if return_lse else out


def foveal_scores(
    q: Tensor,
    k: Tensor,
    query_position: Tensor,
    key_position: Tensor,
    *,
    log_weight: Tensor | None = None,
    bias: Bias = "polar",
    alpha: Tensor | float = 2.0,
    e2: Tensor | float = 0.75,
    radius: Tensor | float | None = None,
    table: Tensor | None = None,
    extent_deg: float = 20.0,
    spacing: float | Sequence[float] = 1.0,
    scale: float | None = None,
) -> Tensor:
    """Return the scores that `foveal_attention` would put through its softmax, for pointer heads.

    Parameters
    ----------
    q, k, query_position, key_position, log_weight, bias, alpha, e2, radius, table, extent_deg, spacing, scale
        As in `foveal_attention`.

    Returns
    -------
    Tensor, shape (batch, heads, n_queries, n_keys)
        In float32 (float64 for float64 queries); -inf beyond the radius and at padding.
    """
    call = make_call(
        q,
        k,
        k,
        query_position,
        key_position,
        log_weight=log_weight,
        bias=bias,
        alpha=alpha,
        e2=e2,
        radius=radius,
        table=table,
        extent_deg=extent_deg,
        spacing=spacing,
        scale=scale,
        precision="ieee",
    )
    call = call._replace(q=q.to(call.wide), k=k.to(call.wide)).ungrouped().tensors()
    scores, hidden = reference.pair_scores(call), hidden_pairs(call)
    return scores if hidden is None else scores.masked_fill(hidden, -torch.inf)


def can_run(
    impl: Impl, q: Tensor, k: Tensor, v: Tensor, *positions: Tensor, **settings: Unpack[Settings]
) -> tuple[bool, str]:
    """Return whether `impl` can run `foveal_attention` on these arguments, of the shapes that it has, and why not."""
    given: dict[str, Any] = {**(foveal_attention.__kwdefaults__ or {}), **settings}
    given.pop("impl", None)
    return OPERATOR.can_run(impl, make_call(q, k, v, *positions, **given))


def _preference(call: Call) -> tuple[str, ...]:
    """Order of implementations: measured by ``benchmarks/kernels_cpu.py`` and ``benchmarks/gpu.py``."""
    if call.q.device.type == "cuda":
        return ("triton", "blocked", "reference")
    if sampled.pays(call):
        return ("sampled", "blocked", "reference")
    learns = call.learns_bias and torch.is_grad_enabled()
    if call.bias == "none" or (call.bias == "gauss" and learns):
        return ("folded", "blocked", "reference")
    n_pairs = call.q.shape[2] * call.k.shape[2]
    trains = learns or (call.layout is None and torch.is_grad_enabled() and call.learns_content)
    if trains and n_pairs >= kept.PAYS_FROM and not kept.obstacle(call):
        return ("kept", "blocked", "reference")
    return ("dense", "blocked", "reference") if _is_small(call, learns) else ("blocked", "reference")


def _is_small(call: Call, learns: bool) -> bool:
    """Whether all scores at once are faster than tiles, on a CPU."""
    n_pairs = call.q.shape[2] * call.k.shape[2]
    few = call.q.shape[0] * call.q.shape[1] * n_pairs <= FEW_SCORES
    if call.bias == "polar":
        return few and call.n_position_batches * n_pairs <= FEW_PAIRS
    if learns:
        return few and not kept.obstacle(call)
    keeps = call.layout is not None
    if dense.n_scores(call) > (MOST_KEPT if keeps else FEW_SCORES):
        return False
    if torch.compiler.is_compiling():
        return call.radius is None and not call.causal and call.sequences is None
    return reached_fraction(call) > SPARSE_BELOW


def _reverse_only(obstacle: Callable[[Call], str]) -> Callable[[Call], str]:
    """The obstacle of an implementation without forward-mode derivatives."""
    reason = "forward-mode derivatives (jvp) are those of impl='reference' alone"
    return lambda call: reason if call.has_tangents else obstacle(call)


OPERATOR: dispatch.Operator[Call] = dispatch.Operator(
    name=registration.NAME,
    obstacles={
        "reference": lambda _: "",
        "folded": _reverse_only(folded.obstacle),
        "dense": _reverse_only(lambda _: ""),
        "blocked": _reverse_only(lambda _: ""),
        "sampled": _reverse_only(sampled.obstacle),
        "kept": _reverse_only(kept.obstacle),
        "triton": _reverse_only(triton_kernels.obstacle),
    },
    preference=_preference,
)
