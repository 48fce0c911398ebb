"""The operator as torch knows it: opaque to compilers, with a backward pass of its own.

Registered by the plain calls of `torch.library`, the cheapest: two operators, and one autograd function for both ways
to get there. A call without a layout goes through the operator. One with a layout runs at once, as an operator's
arguments are tensors and numbers; where a graph is traced its positions are arguments like others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from cogattn.kernels import dispatch
from cogattn.kernels.foveal_attention import blocked, sampled
from cogattn.kernels.foveal_attention import triton as triton_kernels
from cogattn.kernels.foveal_attention.call import N_LEARNED, Bias, Call, Precision
from cogattn.kernels.foveal_attention.layout import Layout

NAME = "foveal_attention"
CALL = (
    "Tensor q, Tensor k, Tensor v, Tensor query_position, Tensor key_position, Tensor? log_weight, "
    "Tensor? coefficients, Tensor? e2, Tensor? radius, Tensor? mask, Tensor? query_sequence, Tensor? key_sequence, "
    "float? alpha_number, float? e2_number, float? radius_number, "
    "str bias, float scale, float extent_deg, str precision, float[] spacing, bool causal, bool return_lse"
)
N_TENSORS = 12  # of a call

LIBRARY = torch.library.Library("cogattn", "FRAGMENT")
LIBRARY.define(f"{NAME}({CALL}, str impl) -> (Tensor, Tensor)")
LIBRARY.define(
    f"{NAME}_backward(Tensor grad_out, Tensor? grad_log_sum, Tensor out, Tensor log_sum, {CALL}, bool learns_bias, "
    "bool learns_position, str impl) -> Tensor[]"
)


class Passes(NamedTuple):
    """How to run both passes: forward(impl, *call) and backward(impl, *gradients, *outputs, *call, *learns)."""

    forward: Callable[..., tuple[Tensor, Tensor]]
    backward: Callable[..., Sequence[Tensor]]


def attend(call: Call, impl: str) -> tuple[Tensor, Tensor]:
    """Return output and natural log-sum-exp (batch, heads, n_queries) of a checked call."""
    if torch._C._are_functorch_transforms_active():
        return _Attention.apply(_OPERATORS, impl, *_arguments(call))
    if call.layout is None or torch.compiler.is_compiling():
        return torch.ops.cogattn.foveal_attention(*_arguments(call), impl)
    call = call if torch.is_grad_enabled() else call.detached()
    return _Attention.apply(_at_once(call), impl, *_arguments(call))


class _Attention(torch.autograd.Function):
    """Gradients of the learned tensors by the backward pass of the implementation that ran."""

    generate_vmap_rule = True

    @staticmethod
    def forward(passes: Passes, impl: str, *arguments):
        return passes.forward(impl, *arguments)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.passes, ctx.impl, *arguments = inputs
        ctx.settings = arguments[N_TENSORS:]
        ctx.save_for_backward(*output, *arguments[:N_TENSORS])
        if not ctx.settings[-1]:
            ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx, *gradients):
        grad_out, grad_log_sum = gradients
        out, log_sum, *tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[2 : 2 + N_LEARNED]
        learns_bias, learns_position = any(needed[5:]), any(needed[3:5])
        grad_log_sum = grad_log_sum if ctx.settings[-1] else None
        grads = ctx.passes.backward(
            ctx.impl,
            grad_out,
            grad_log_sum,
            out,
            log_sum,
            *tensors,
            *ctx.settings,
            learns_bias,
            learns_position,
        )
        unneeded = (None,) * (N_TENSORS - N_LEARNED + len(ctx.settings))
        return (
            None,
            None,
            *(grad if need else None for grad, need in zip(grads, needed, strict=True)),
            *unneeded,
        )


def _at_once(call: Call) -> Passes:
    """Passes that run the implementation itself, which reads the layout."""

    def forward(impl: str, *arguments):
        return _backend(impl).forward(_call(arguments)._replace(layout=call.layout))

    def backward(impl: str, *arguments):
        return _run_backward(impl, arguments, call.layout)

    return Passes(forward, backward)


def _forward(*arguments):
    *rest, impl = arguments
    dispatch.record(NAME, impl)
    return _backend(impl).forward(_call(rest))


def _backward(*arguments):
    *rest, impl = arguments
    return list(_run_backward(impl, rest, None))


def _run_backward(impl: str, arguments: Sequence, layout: Layout | None) -> Sequence[Tensor]:
    grad_out, grad_log_sum, out, log_sum, *rest, learns_bias, learns_position = arguments
    call = _call(rest)._replace(layout=layout)
    more = () if grad_log_sum is None else (grad_log_sum,)
    return _backend(impl).backward(call, out, log_sum, grad_out, learns_bias, learns_position, *more)


def _fake_forward(q, k, v, *_):
    return q.new_empty(*q.shape[:3], v.shape[-1]), q.new_empty(q.shape[:3], dtype=_wide(q))


def _fake_backward(grad_out, grad_log_sum, out, log_sum, *arguments):
    learns_bias, learns_position = arguments[-3:-1]
    content, positions, bias = arguments[:3], arguments[3:5], arguments[5:N_LEARNED]
    nothing = ((0,), (1,), (1,))  # of no log_weight, and of numbers as coefficients and e2
    shapes = [t.shape if learns_position else (0,) for t in positions]
    shapes += [
        (0,) if not learns_bias else default if t is None else t.shape
        for t, default in zip(bias, nothing, strict=True)
    ]
    return [t.new_empty(t.shape) for t in content] + [log_sum.new_empty(shape) for shape in shapes]


def _below_autograd(operator) -> Callable:
    def run(impl: str, *arguments):
        with torch._C._AutoDispatchBelowAutograd():
            return operator(*arguments, impl)

    return run


def _differentiable(*arguments):
    *rest, impl = arguments
    return _Attention.apply(_OPERATORS, impl, *rest)


def _arguments(call: Call) -> tuple:
    """The call as the operator's arguments: each parameter as a tensor or as a number."""
    parameters = (call.coefficients, call.e2, call.radius)
    tensors = (value if isinstance(value, Tensor) else None for value in parameters)
    numbers = (None if isinstance(value, Tensor) else value for value in parameters)
    return (
        *call[:6], *tensors, call.mask, *(call.sequences or (None, None)), *numbers,
        call.bias, call.scale, call.extent_deg, call.precision, call.spacing, call.causal, call.return_lse,
    )  # fmt: skip


def _call(arguments: Sequence) -> Call:
    """The call of the operator's arguments."""
    q, k, v, gaze, place, weight, *parameters, mask, query_sequence, key_sequence = arguments[:N_TENSORS]
    numbers, settings = arguments[N_TENSORS : N_TENSORS + 3], arguments[N_TENSORS + 3 :]
    coefficients, e2, radius = (
        number if tensor is None else tensor for tensor, number in zip(parameters, numbers, strict=True)
    )
    bias, scale, extent_deg, precision, spacing, causal, return_lse = settings
    return Call(
        q, k, v, gaze, place, weight, coefficients, e2, radius, cast("Bias", bias), scale, extent_deg,
        cast("Precision", precision),
        mask=mask, causal=causal, return_lse=return_lse, spacing=tuple(spacing),
        sequences=None if query_sequence is None else (query_sequence, key_sequence),
    )  # fmt: skip


def _backend(impl: str):
    return triton_kernels.load() if impl == "triton" else sampled if impl == "sampled" else blocked


def _wide(q: Tensor) -> torch.dtype:
    return torch.float64 if q.dtype == torch.float64 else torch.float32


_OPERATORS = Passes(
    _below_autograd(torch.ops.cogattn.foveal_attention),
    _below_autograd(torch.ops.cogattn.foveal_attention_backward),
)
LIBRARY.impl(NAME, _forward, "CompositeExplicitAutograd")
LIBRARY.impl(f"{NAME}_backward", _backward, "CompositeExplicitAutograd")
LIBRARY.impl(NAME, _differentiable, "Autograd")
torch.library.register_fake(f"cogattn::{NAME}", _fake_forward, lib=LIBRARY)
torch.library.register_fake(f"cogattn::{NAME}_backward", _fake_backward, lib=LIBRARY)
