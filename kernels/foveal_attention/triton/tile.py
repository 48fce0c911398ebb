"""What all kernels share: distances, profiles and loads of a tile. Scores are in units of log 2.

The interpreter runs the same code: `FAST` chooses between one hardware instruction and the portable
function, `UPCAST` widens bfloat16, which the interpreter cannot multiply.
"""

from __future__ import annotations

import triton
import triton.language as tl

SMOOTH = tl.constexpr(1)
LOG = tl.constexpr(2)
LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def squared_distance(dx, dy, FAST: tl.constexpr):
    """``dx*dx + dy*dy`` with three roundings, as on a CPU: no fused multiply-add may move a tie."""
    if FAST:
        return tl.inline_asm_elementwise(
            "{ .reg .f32 a, b; mul.rn.f32 a, $1, $1; mul.rn.f32 b, $2, $2; add.rn.f32 $0, a, b; }",
            "=f,f,f",
            [dx, dy],
            dtype=tl.float32,
            is_pure=True,
            pack=1,
        )
    else:
        return dx * dx + dy * dy


@triton.jit
def log2(x, FAST: tl.constexpr):
    """One MUFU instruction instead of the thirteen of libdevice; its error, 2^-22, is harmless in a score."""
    if FAST:
        return tl.inline_asm_elementwise(
            "lg2.approx.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        return tl.log2(x)


@triton.jit
def level(squared, e2, KIND: tl.constexpr, FAST: tl.constexpr):
    """The bias is ``-alpha * level``, in units of log 2."""
    c = 1.0 / e2
    if KIND == SMOOTH:
        return 0.5 * log2(squared * (c * c) + 1.0, FAST)
    elif KIND == LOG:
        return log2(tl.sqrt(squared) * c + 1.0, FAST)
    else:
        return squared * (0.5 * 1.4426950408889634 * c * c)


@triton.jit
def reciprocal(x, FAST: tl.constexpr):
    """1 / x within one unit in the last place, in one MUFU instruction where `FAST`."""
    if FAST:
        return tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        return 1.0 / x


@triton.jit
def slope(squared, e2, KIND: tl.constexpr, FAST: tl.constexpr):
    """L'(E) / E of the natural profile; 0 at E = 0 for the log kind, whose kink is there."""
    if KIND == SMOOTH:
        return reciprocal(squared + e2 * e2, FAST)
    elif KIND == LOG:
        eccentricity = tl.sqrt(squared)
        product = tl.where(squared > 0, eccentricity * (eccentricity + e2), float("inf"))
        return reciprocal(product, FAST)
    else:
        return squared * 0.0 + 1.0 / (e2 * e2)


@triton.jit
def load_rows(pointer, stride, rows, n_rows, DIM: tl.constexpr, BLOCK: tl.constexpr, UPCAST: tl.constexpr):
    """Rows of a (n, DIM) matrix, (rows, BLOCK), 0 beyond its edges."""
    columns = tl.arange(0, BLOCK)
    mask = rows[:, None] < n_rows
    if BLOCK != DIM:
        mask = mask & (columns[None, :] < DIM)
    tile = tl.load(pointer + rows[:, None] * stride + columns[None, :], mask=mask, other=0.0)
    if UPCAST:
        return tile.to(tl.float32)
    else:
        return tile


@triton.jit
def store_rows(pointer, stride, rows, n_rows, tile, DIM: tl.constexpr, BLOCK: tl.constexpr):
    """Write a tile (rows, BLOCK) back in the dtype of the matrix."""
    columns = tl.arange(0, BLOCK)
    mask = rows[:, None] < n_rows
    if BLOCK != DIM:
        mask = mask & (columns[None, :] < DIM)
    target = pointer + rows[:, None] * stride + columns[None, :]
    tl.store(target, tile.to(pointer.dtype.element_ty), mask=mask)


@triton.jit
def load_positions(pointer, stride, rows, n_rows):
    """Horizontal and vertical positions of rows, in degrees; 0 beyond the last."""
    mask = rows < n_rows
    return (
        tl.load(pointer + rows * stride, mask=mask, other=0.0),
        tl.load(pointer + rows * stride + 1, mask=mask, other=0.0),
    )
