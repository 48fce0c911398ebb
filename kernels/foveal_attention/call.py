"""One call of foveal attention: its tensors in canonical form, checked once at the boundary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Self, get_args

import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual
from torch.nn import Parameter

from cogattn.kernels.foveal_attention.layout import Layout

Bias = Literal["smooth", "log", "gauss", "none", "polar", "table"]
Precision = Literal["ieee", "tf32", "tf32x3"]
N_LEARNED = 8  # the first fields of a call, up to e2, can have gradients
N_POLAR_TERMS = 6  # gain on content, then 1, cos, sin, cos 2, sin 2 of the direction


class Call(NamedTuple):
    """Checked arguments; tensors but q, k, v and the mask's are float32, or float64 beside float64 queries.

    Numbers stay numbers, so that none has to be copied to a device; `tensors` turns them into tensors.
    """

    q: Tensor  # (batch, heads, n_queries, dim)
    k: Tensor  # (batch, heads, n_keys, dim); heads may be a divisor of those of q, until `ungrouped`
    v: Tensor  # (batch, heads, n_keys, dim_v)
    query_position: Tensor  # (batch or 1, n_queries or 1, n_dims)
    key_position: Tensor  # (batch or 1, n_keys, n_dims)
    log_weight: Tensor | None  # (batch or 1, n_keys)
    coefficients: (
        Tensor | float
    )  # (heads or 1,) alpha; polar: (heads or 1, n_knots, 6); table: (heads or 1, *cells)
    e2: Tensor | float  # (heads or 1,); polar: (1,)
    radius: Tensor | float | None  # (heads or 1,)
    bias: Bias
    scale: float
    extent_deg: float
    precision: Precision
    layout: Layout | None = None  # that the caller made; `scene` is one in any case
    mask: Tensor | None = None  # (batch or 1, heads or 1, n_queries, n_keys) bool: True where attended
    causal: bool = False
    sequences: tuple[Tensor, Tensor] | None = None  # ids (batch or 1, n_queries) and (batch or 1, n_keys)
    return_lse: bool = False  # whether the log-sum-exp is asked for, and then differentiable
    spacing: tuple[float, ...] = ()  # of the table's cells, axis by axis
    ranks: tuple[Tensor, Tensor] | None = (
        None  # of a part's queries and keys in the whole, where it is causal
    )

    @property
    def wide(self) -> torch.dtype:
        """Type of scores and of all that is added to them."""
        return self.query_position.dtype

    @property
    def scene(self) -> Layout:
        """The caller's layout, or one for this call alone."""
        if self.layout is not None:
            return self.layout
        return Layout(
            self.query_position, self.key_position, radius=self.radius, log_weight=self.log_weight,
            mask=self.mask, causal=self.causal, sequences=self.sequences,
        )  # fmt: skip

    @property
    def n_position_batches(self) -> int:
        """Number of distinct layouts: 1 where all images share positions, weights, masks and sequences."""
        return self.scene.n_layouts

    @property
    def hides_pairs(self) -> bool:
        """Whether something but padding keeps queries from keys."""
        return self.radius is not None or self.mask is not None or self.causal or self.sequences is not None

    @property
    def learns_content(self) -> bool:
        """Whether q, k or v has a gradient."""
        return any(t.requires_grad for t in (self.q, self.k, self.v))

    @property
    def learns_bias(self) -> bool:
        """Whether anything but q, k and v has a gradient."""
        given = (self.query_position, self.key_position, self.log_weight, self.coefficients, self.e2)
        return any(isinstance(value, Tensor) and value.requires_grad for value in given)

    @property
    def has_tangents(self) -> bool:
        """Whether a forward-mode derivative is asked for."""
        return not torch.compiler.is_compiling() and any(
            unpack_dual(value).tangent is not None for value in self[:8] if isinstance(value, Tensor)
        )

    @property
    def coefficient_tensor(self) -> Tensor:
        """Coefficients as a tensor, (heads or 1, ...)."""
        return self._tensor(self.coefficients)

    @property
    def e2_tensor(self) -> Tensor:
        """E2 as a tensor, (heads or 1,)."""
        return self._tensor(self.e2)

    @property
    def radius_tensor(self) -> Tensor:
        """Radius as a tensor, (heads or 1,); infinite where there is none."""
        return self._tensor(torch.inf if self.radius is None else self.radius)

    def values(self) -> tuple[object, ...]:
        """Return the parameters of the bias as what two calls can be compared by; reads tensors."""
        parameters = (self.coefficients, self.e2)
        values = (
            (v.shape, v.detach().cpu().numpy().tobytes()) if isinstance(v, Tensor) else v for v in parameters
        )
        return (self.bias, self.spacing, self.extent_deg, *values)

    def detached(self) -> Self:
        """Return the call without gradients."""
        tensors = {
            name: value.detach() for name, value in self._asdict().items() if isinstance(value, Tensor)
        }
        return self._replace(**tensors)

    def ungrouped(self) -> Self:
        """Return the call with keys and values for each head of queries, repeated where some share them."""
        heads, shared = self.q.shape[1], self.k.shape[1]
        if shared == heads:
            return self
        k, v = (t.repeat_interleave(heads // shared, 1) for t in (self.k, self.v))
        return self._replace(k=k, v=v)

    def tensors(self) -> Self:
        """Return the call with numbers as tensors (1,); filled where they are, not copied there."""
        return self._replace(
            coefficients=self.coefficient_tensor,
            e2=self.e2_tensor,
            radius=None if self.radius is None else self.radius_tensor,
        )

    def _tensor(self, value: Tensor | float) -> Tensor:
        return value if isinstance(value, Tensor) else self.query_position.new_full((1,), value)


def make_call(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    query_position: Tensor | None = None,
    key_position: Tensor | None = None,
    *,
    layout: Layout | None = None,
    log_weight: Tensor | None,
    bias: Bias,
    alpha: Tensor | float,
    e2: Tensor | float,
    radius: Tensor | float | None,
    table: Tensor | None,
    extent_deg: float,
    scale: float | None,
    precision: Precision,
    mask: Tensor | None = None,
    causal: bool = False,
    sequences: tuple[Tensor, Tensor] | None = None,
    return_lse: bool = False,
    spacing: float | Sequence[float] = 1.0,
) -> Call:
    """Check shapes, dtypes and ranges and bring every argument to its canonical form."""
    _check_name("bias", bias, get_args(Bias))
    _check_name("precision", precision, get_args(Precision))
    _check_content(q, k, v)
    if not extent_deg > 0:
        raise ValueError(f"extent_deg must be above 0; got {extent_deg}")
    if layout is not None:
        _check_layout_alone(
            query_position=query_position, key_position=key_position, log_weight=log_weight, radius=radius,
            mask=mask, causal=causal or None, sequences=sequences,
        )  # fmt: skip
        query_position, key_position = layout.query_position, layout.key_position
        log_weight, radius = layout.log_weight, layout.radius
        mask, causal, sequences = layout.mask, layout.causal, layout.sequences
    if query_position is None or key_position is None:
        raise ValueError("foveal attention needs query_position and key_position, or a layout; got neither")
    batch, heads, n_queries, dim = q.shape
    n_keys, n_dims = k.shape[2], key_position.shape[-1]
    dtype = torch.float64 if q.dtype == torch.float64 else torch.float32
    polar = bias == "polar"
    if polar and n_dims != 2:
        raise ValueError(f"positions must be (x, y) for the polar bias; got {n_dims} coordinates")
    place = (batch, n_keys, n_dims)
    return Call(
        q,
        k,
        v,
        _sized("query_position", query_position, (batch, n_queries, n_dims), dtype),
        _sized("key_position", key_position, place, dtype, free=(0,)),
        None if log_weight is None else _sized("log_weight", log_weight, place[:2], dtype, free=(0,)),
        _per_head("alpha", alpha, q, dtype)
        if bias not in ("polar", "table")
        else _check_table(bias, table, heads, n_dims).to(q.device, dtype),
        _above_zero(_per_head("e2", e2, q, dtype, one=polar)),
        None if radius is None else _not_negative(_per_head("radius", radius, q, dtype)),
        bias,
        dim**-0.5 if scale is None else float(scale),
        float(extent_deg),
        precision,
        layout,
        None if mask is None else _check_mask(mask, (batch, heads, n_queries, n_keys)),
        causal,
        None if sequences is None else _check_sequences(sequences, batch, n_queries, n_keys),
        return_lse,
        _check_spacing(spacing, n_dims) if bias == "table" else (),
    )


def _check_name(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise ValueError(f"{what} must be one of {', '.join(names)}; got {name!r}")


def _check_layout_alone(**given: object) -> None:
    """What a layout holds cannot be said a second time."""
    twice = [name for name, value in given.items() if value is not None]
    if twice:
        raise ValueError(f"a layout holds {', '.join(twice)}; got both")


def _per_head(
    name: str, value: Tensor | float, q: Tensor, dtype: torch.dtype, *, one: bool = False
) -> Tensor | float:
    """A number as it is, a tensor as (heads or 1,) beside `q`."""
    if not isinstance(value, Tensor):
        return float(value)
    tensor = value.to(q.device, dtype).reshape(-1)
    if tensor.shape[0] not in (1, 1 if one else q.shape[1]):
        count = "one value" if one else f"a scalar or one value per head ({q.shape[1]})"
        raise ValueError(f"{name} must be {count}; got {tensor.shape[0]}")
    return tensor


def _above_zero(e2: Tensor | float) -> Tensor | float:
    if not _holds(e2, lambda value: value > 0):
        raise ValueError(f"e2 must be above 0, in degrees; got {_shown(e2)}")
    return e2


def _not_negative(radius: Tensor | float) -> Tensor | float:
    if not _holds(radius, lambda value: value >= 0):
        raise ValueError(f"radius must be 0 or more, in degrees; got {_shown(radius)}")
    return radius.detach() if isinstance(radius, Tensor) else radius


def _holds(value: Tensor | float, rule: Callable[[Tensor | float], Tensor | bool]) -> bool:
    """Whether a rule holds, of what can be read without waiting for a device or breaking a graph."""
    if not isinstance(value, Tensor):
        return bool(rule(value))
    readable = type(value) in (Tensor, Parameter) and value.device.type == "cpu"
    return not readable or torch.compiler.is_compiling() or bool(torch.as_tensor(rule(value.detach())).all())


def _shown(value: Tensor | float) -> object:
    return value.tolist() if isinstance(value, Tensor) else value


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
    fits = k.shape[0] == q.shape[0] and k.shape[3] == q.shape[3] and v.shape[:3] == k.shape[:3]
    if not fits or (k.shape[1] != q.shape[1] and (not k.shape[1] or q.shape[1] % k.shape[1])):
        raise ValueError(
            "k must have shape (batch, heads, n_keys, dim) and v (batch, heads, n_keys, dim_v), with the heads of q "
            f"or a divisor of them; got q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
        )


def _check_mask(mask: Tensor, shape: tuple[int, ...]) -> Tensor:
    if mask.dtype != torch.bool:
        raise ValueError(f"mask must be bool, True where a query attends; got {mask.dtype}")
    return _sized("mask", mask, shape, torch.bool)


def _check_sequences(
    sequences: tuple[Tensor, Tensor], batch: int, n_queries: int, n_keys: int
) -> tuple[Tensor, Tensor]:
    if any(ids.dtype.is_floating_point or ids.dtype == torch.bool for ids in sequences):
        raise ValueError(
            f"sequences must be ids, as integers; got {', '.join(str(i.dtype) for i in sequences)}"
        )
    query, key = sequences
    return (
        _sized("sequences of queries", query, (batch, n_queries), torch.int64, free=(0,)),
        _sized("sequences of keys", key, (batch, n_keys), torch.int64, free=(0,)),
    )


def _check_table(bias: Bias, table: Tensor | None, heads: int, n_dims: int) -> Tensor:
    shape = () if table is None else tuple(table.shape)
    if bias == "polar":
        rule, fits = (
            f"n_knots >= 2, {N_POLAR_TERMS}",
            len(shape) == 3 and shape[2] == N_POLAR_TERMS and shape[1] > 1,
        )
    else:
        rule, fits = (
            f"2 or more cells for each of {n_dims} axes",
            len(shape) == n_dims + 1 and min(shape[1:]) > 1,
        )
    if table is None or not fits or shape[0] not in (1, heads):
        raise ValueError(f"table must have shape (heads or 1, {rule}) for {bias}; got {shape or None}")
    return table


def _check_spacing(spacing: float | Sequence[float], n_dims: int) -> tuple[float, ...]:
    per_axis = tuple(spacing) if isinstance(spacing, Sequence) else (float(spacing),) * n_dims
    if len(per_axis) != n_dims or not all(unit > 0 for unit in per_axis):
        raise ValueError(f"spacing must be above 0, one or one for each of {n_dims} axes; got {spacing}")
    return per_axis


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
