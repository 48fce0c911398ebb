"""Attention that knows where its queries look: the public functions, their dispatch and their registration.

For a query that looks at p and a key at x, both in degrees of visual angle,

    S = scale * q . k + log_weight + b(|x - p|),   S = -inf where |x - p| > radius,   out = softmax(S) v

with the bias b of `cogattn.kernels.foveal_attention.radial`, or the log-polar table of
`cogattn.kernels.foveal_attention.polar`. Every gradient exists, those of the gaze and of the bias's
parameters included; only the radius is not learned. A query without any key within its radius gives 0.
"""

from __future__ import annotations

from types import ModuleType
from typing import Literal, cast

import torch
from torch import Tensor

from cogattn.kernels import dispatch
from cogattn.kernels.foveal_attention import blocked, folded, reference
from cogattn.kernels.foveal_attention import triton as triton_kernels
from cogattn.kernels.foveal_attention.call import Bias, Call, Precision, make_call

Impl = Literal["auto", "reference", "folded", "blocked", "triton"]


def foveal_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor,
    key_position: Tensor,
    *,
    log_weight: Tensor | None = None,
    bias: Bias = "smooth",
    alpha: Tensor | float = 2.0,
    e2: Tensor | float = 0.75,
    radius: Tensor | float | None = None,
    table: Tensor | None = None,
    extent_deg: float = 20.0,
    scale: float | None = None,
    precision: Precision = "ieee",
    impl: Impl = "auto",
) -> Tensor:
    """Attend from gazes to places in the visual field.

    Parameters
    ----------
    q : Tensor, shape (batch, heads, n_queries, dim)
        Queries.
    k, v : Tensor, shape (batch, heads, n_keys, dim) and (batch, heads, n_keys, dim_v)
        Keys and values, of the dtype and on the device of `q`.
    query_position : Tensor, shape (batch or 1, n_queries or 1, 2)
        Where each query looks, in degrees; a size of 1 is shared.
    key_position : Tensor, shape (batch or 1, n_keys, 2)
        Where each key lies, in degrees.
    log_weight : Tensor, shape (batch or 1, n_keys), optional
        Added to the scores of a key: ln of the area or number it stands for, -inf for padding.
    bias : {"smooth", "log", "gauss", "none", "polar"}
        How scores change with eccentricity; see the modules `radial` and `polar`.
    alpha : float or Tensor, shape () or (heads,)
        Strength of a radial bias, dimensionless.
    e2 : float or Tensor, shape () or (heads,)
        Eccentricity scale, in degrees, above 0; one value for the polar bias.
    radius : float or Tensor, shape () or (heads,), optional
        Largest eccentricity that is attended, in degrees, itself included; None for no limit. No gradient.
    table : Tensor, shape (heads or 1, n_knots, 6), optional
        Gain and directional bias of the polar kind.
    extent_deg : float
        Eccentricity of the table's last knot, in degrees.
    scale : float, optional
        Factor of ``q . k``; ``dim ** -0.5`` by default.
    precision : {"ieee", "tf32", "tf32x3"}
        How a GPU multiplies float32 matrices.
    impl : {"auto", "reference", "folded", "blocked", "triton"}
        Implementation; ``auto`` takes the fastest that can run, and `cogattn.kernels.dispatch.last_used`
        names it.

    Returns
    -------
    Tensor, shape (batch, heads, n_queries, dim_v)
        In the dtype of `q`.

    Raises
    ------
    ValueError
        If a shape, dtype or name breaks its rule.
    ImplementationError
        If the implementation that was asked for cannot run this call.

    Notes
    -----
    Key ``n`` times at one place equals one key with ``log_weight`` ln n. With ``alpha=0`` and no radius the
    result is exactly `torch.nn.functional.scaled_dot_product_attention`. Half-precision inputs keep their
    scores and sums in float32. On a GPU the radius saves time where neighbours in the list are neighbours in
    the visual field (`cogattn.kernels.spatial_order`); on a CPU the order does not matter.

    References
    ----------
    Duncan & Boynton (2003), Neuron 38, 659-671 (cortical magnification); Dao et al. (2022), NeurIPS
    (recomputing attention tile by tile).
    """
    call = make_call(
        q,
        k,
        v,
        query_position,
        key_position,
        log_weight=log_weight,
        bias=bias,
        alpha=alpha,
        e2=e2,
        radius=radius,
        table=table,
        extent_deg=extent_deg,
        scale=scale,
        precision=precision,
    )
    chosen = OPERATOR.choose(impl, call)
    dispatch.record(OPERATOR.name, chosen)
    if chosen == "reference":
        return reference.attend(call)
    if chosen == "folded":
        return folded.attend(call)
    return _attention_op(*call, chosen)[0]


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
    scale: float | None = None,
) -> Tensor:
    """Return the scores that `foveal_attention` would put through its softmax, for pointer heads.

    Parameters
    ----------
    q, k, query_position, key_position, log_weight, bias, alpha, e2, radius, table, extent_deg, scale
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
        scale=scale,
        precision="ieee",
    )
    wide = call.e2.dtype
    scores = reference.pair_scores(call._replace(q=q.to(wide), k=k.to(wide)))
    return scores if radius is None else scores.masked_fill(~reference.within_radius(call), -torch.inf)


def can_run(impl: Impl, q: Tensor, k: Tensor, v: Tensor, *positions: Tensor, **settings) -> tuple[bool, str]:
    """Return whether `impl` can run `foveal_attention` on these arguments, and why where it cannot."""
    defaults = dict(foveal_attention.__kwdefaults__ or {})
    defaults.pop("impl", None)
    return OPERATOR.can_run(impl, make_call(q, k, v, *positions, **(defaults | settings)))


def _preference(call: Call) -> tuple[str, ...]:
    """Order of implementations: measured by ``benchmarks/kernels_cpu.py`` and ``benchmarks/gpu.py``."""
    if call.q.device.type == "cuda":
        return ("triton", "blocked")
    gauss_is_learned = call.bias == "gauss" and call.learns_bias
    return ("folded", "blocked") if gauss_is_learned or call.bias == "none" else ("blocked",)


OPERATOR: dispatch.Operator[Call] = dispatch.Operator(
    name="foveal_attention",
    obstacles={
        "reference": lambda _: "",
        "folded": folded.obstacle,
        "blocked": lambda _: "",
        "triton": triton_kernels.obstacle,
    },
    preference=_preference,
)


@torch.library.custom_op("cogattn::foveal_attention", mutates_args=())
def _attention_op(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor,
    key_position: Tensor,
    log_weight: Tensor | None,
    coefficients: Tensor,
    e2: Tensor,
    radius: Tensor | None,
    bias: str,
    scale: float,
    extent_deg: float,
    precision: str,
    impl: str,
) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp (batch, heads, n_queries)."""
    call = Call(
        q, k, v, query_position, key_position, log_weight, coefficients, e2, radius,
        cast(Bias, bias), scale, extent_deg, cast(Precision, precision),
    )  # fmt: skip
    dispatch.record(OPERATOR.name, impl)
    return _backend(impl).forward(call)


@_attention_op.register_fake
def _(q, k, v, *args) -> tuple[Tensor, Tensor]:
    out = q.new_empty(*q.shape[:3], v.shape[-1])
    return out, q.new_empty(q.shape[:3], dtype=_wide(q))


@torch.library.custom_op("cogattn::foveal_attention_backward", mutates_args=())
def _backward_op(
    grad_out: Tensor,
    out: Tensor,
    log_sum: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor,
    key_position: Tensor,
    log_weight: Tensor | None,
    coefficients: Tensor,
    e2: Tensor,
    radius: Tensor | None,
    bias: str,
    scale: float,
    extent_deg: float,
    precision: str,
    impl: str,
    learns_bias: bool,
    learns_position: bool,
) -> list[Tensor]:
    """Gradients of q, k, v, positions, log_weight, coefficients and e2; empty where not learned."""
    call = Call(
        q, k, v, query_position, key_position, log_weight, coefficients, e2, radius,
        cast(Bias, bias), scale, extent_deg, cast(Precision, precision),
    )  # fmt: skip
    return list(_backend(impl).backward(call, out, log_sum, grad_out, learns_bias, learns_position))


@_backward_op.register_fake
def _(grad_out, out, log_sum, q, k, v, *args) -> list[Tensor]:
    learns_bias, learns_position = args[-2:]
    learned = (learns_position, learns_position, learns_bias, learns_bias, learns_bias)
    shapes = [
        t.shape if learns and t is not None else (0,) for t, learns in zip(args[:5], learned, strict=True)
    ]
    content = [t.new_empty(t.shape) for t in (q, k, v)]
    return content + [q.new_empty(shape, dtype=_wide(q)) for shape in shapes]


def _keep(ctx, inputs, output) -> None:
    *tensors_and_settings, ctx.impl = inputs
    ctx.settings = tensors_and_settings[9:]
    ctx.save_for_backward(*output, *tensors_and_settings[:9])
    ctx.mark_non_differentiable(output[1])


def _differentiate(ctx, grad_out: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    out, log_sum, *tensors = ctx.saved_tensors
    learns_position, learns_bias = any(ctx.needs_input_grad[3:5]), any(ctx.needs_input_grad[5:8])
    grads = _backward_op(
        grad_out, out, log_sum, *tensors, *ctx.settings, ctx.impl, learns_bias, learns_position
    )
    needed = (grad if need else None for grad, need in zip(grads, ctx.needs_input_grad[:8], strict=True))
    return (*needed, *(None,) * 6)


_attention_op.register_autograd(_differentiate, setup_context=_keep)


def _backend(impl: str) -> ModuleType:
    return triton_kernels.load() if impl == "triton" else blocked


def _wide(q: Tensor) -> torch.dtype:
    return torch.float64 if q.dtype == torch.float64 else torch.float32
