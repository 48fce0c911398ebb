"""One call of foveal attention: its tensors in canonical form, checked once at the boundary."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

Bias = Literal["smooth", "log", "gauss", "none", "polar"]
Precision = Literal["ieee", "tf32", "tf32x3"]
N_POLAR_TERMS = 6  # gain on content, then 1, cos, sin, cos 2, sin 2 of the direction


class Call(NamedTuple):
    """Checked arguments; all but q, k and v are float32, or float64 beside float64 queries."""

    q: Tensor  # (batch, heads, n_queries, dim)
    k: Tensor  # (batch, heads, n_keys, dim)
    v: Tensor  # (batch, heads, n_keys, dim_v)
    query_position: Tensor  # (batch or 1, n_queries or 1, 2)
    key_position: Tensor  # (batch or 1, n_keys, 2)
    log_weight: Tensor | None  # (batch or 1, n_keys)
    coefficients: Tensor  # (heads or 1,) alpha; polar: (heads or 1, n_knots, 6)
    e2: Tensor  # (heads or 1,); polar: (1,)
    radius: Tensor | None  # (heads or 1,)
    bias: Bias
    scale: float
    extent_deg: float
    precision: Precision

    @property
    def n_position_batches(self) -> int:
        """Number of distinct layouts: 1 where all images share the positions."""
        weights = 1 if self.log_weight is None else self.log_weight.shape[0]
        return max(self.query_position.shape[0], self.key_position.shape[0], weights)

    @property
    def learns_bias(self) -> bool:
        """Whether a gradient is asked for anything but q, k and v."""
        learned = (self.query_position, self.key_position, self.log_weight, self.coefficients, self.e2)
        return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in learned)


def make_call(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor,
    key_position: Tensor,
    *,
    log_weight: Tensor | None,
    bias: Bias,
    alpha: Tensor | float,
    e2: Tensor | float,
    radius: Tensor | float | None,
    table: Tensor | None,
    extent_deg: float,
    scale: float | None,
    precision: Precision,
) -> Call:
    """Check shapes, dtypes and ranges and bring every argument to its canonical form."""
    if bias not in get_args(Bias):
        raise ValueError(f"bias must be one of {', '.join(get_args(Bias))}; got {bias!r}")
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}; got {precision!r}")
    _check_content(q, k, v)
    batch, heads, n_queries, dim = q.shape
    n_keys = k.shape[2]
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32

    def per_head(name: str, value: Tensor | float) -> Tensor:
        tensor = torch.as_tensor(value, dtype=dtype, device=q.device).reshape(-1)
        if tensor.shape[0] not in (1, heads):
            raise ValueError(
                f"{name} must be a scalar or one value per head ({heads}); got {tensor.shape[0]}"
            )
        return tensor

    if bias == "polar":
        coefficients = _check_table(table, heads).to(device=q.device, dtype=dtype)
    else:
        coefficients = per_head("alpha", alpha)
    e2 = per_head("e2", e2)
    if bias == "polar" and e2.shape[0] != 1:
        raise ValueError(f"e2 must be one value for the polar bias; got {e2.shape[0]}")
    if not extent_deg > 0:
        raise ValueError(f"extent_deg must be above 0; got {extent_deg}")
    return Call(
        q,
        k,
        v,
        _sized("query_position", query_position, (batch, n_queries, 2), dtype),
        _sized("key_position", key_position, (batch, n_keys, 2), dtype, free=(0,)),
        None if log_weight is None else _sized("log_weight", log_weight, (batch, n_keys), dtype, free=(0,)),
        coefficients,
        e2,
        None if radius is None else per_head("radius", radius).detach(),
        bias,
        dim**-0.5 if scale is None else float(scale),
        float(extent_deg),
        precision,
    )


def _check_content(q: Tensor, k: Tensor, v: Tensor) -> None:
    for name, tensor in (("q", q), ("k", k), ("v", v)):
        if tensor.dim() != 4:
            raise ValueError(f"{name} must have shape (batch, heads, n, dim); got {tuple(tensor.shape)}")
        if tensor.dtype != q.dtype or tensor.device != q.device:
            raise ValueError(
                f"q, k and v must share dtype and device; got {name} {tensor.dtype} on {tensor.device}, "
                f"q {q.dtype} on {q.device}"
            )
    if not q.dtype.is_floating_point:
        raise ValueError(f"q must be a floating-point tensor; got {q.dtype}")
    if k.shape != (*q.shape[:2], k.shape[2], q.shape[3]) or v.shape[:3] != k.shape[:3]:
        raise ValueError(
            "k must have shape (batch, heads, n_keys, dim) and v (batch, heads, n_keys, dim_v); "
            f"got q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
        )


def _check_table(table: Tensor | None, heads: int) -> Tensor:
    shape = None if table is None else tuple(table.shape)
    if (
        table is None
        or shape is None
        or len(shape) != 3
        or shape[0] not in (1, heads)
        or shape[1] < 2
        or shape[2] != N_POLAR_TERMS
    ):
        raise ValueError(
            f"table must have shape (heads or 1, n_knots >= 2, {N_POLAR_TERMS}) for polar; got {shape}"
        )
    return table


def _sized(
    name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype, free: tuple[int, ...] = (0, 1)
) -> Tensor:
    """`tensor` in `dtype`, where its `free` dimensions may also be 1 (shared)."""
    fits = tensor.dim() == len(shape) and all(
        have == want or (have == 1 and axis in free)
        for axis, (have, want) in enumerate(zip(tensor.shape, shape, strict=True))
    )
    if not fits:
        shown = ", ".join(f"{n} or 1" if i in free else str(n) for i, n in enumerate(shape))
        raise ValueError(f"{name} must have shape ({shown}); got {tuple(tensor.shape)}")
    return tensor.to(dtype)
