"""What all kernels share: distances, profiles and loads of a tile. Scores are in units of log 2.

The interpreter runs the same code: `FAST` chooses between one hardware instruction and the portable function,
`UPCAST` widens bfloat16, which the interpreter cannot multiply. `WIDE` widens the offsets of rows, which would wrap
where a head spans 2^31 elements and cost registers elsewhere; offsets of heads and images are always 64-bit.
"""

from __future__ import annotations

import triton
import triton.language as tl

SMOOTH = tl.constexpr(1)
LOG = tl.constexpr(2)
LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)


@triton.jit
def square(x, FAST: tl.constexpr):
    """``x*x``, rounded: no fused multiply-add may move a tie."""
    if FAST:
        return tl.inline_asm_elementwise(
            "mul.rn.f32 $0, $1, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        return x * x


@triton.jit
def add(a, b, FAST: tl.constexpr):
    """``a + b``, rounded on its own."""
    if FAST:
        return tl.inline_asm_elementwise(
            "add.rn.f32 $0, $1, $2;", "=f,f,f", [a, b], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        return a + b


@triton.jit
def squared_distance(dx, dy, dz, DIMS: tl.constexpr, FAST: tl.constexpr):
    """``dx*dx + dy*dy + dz*dz`` of the first DIMS axes, each step rounded as on a CPU."""
    squared = square(dx, FAST)
    if DIMS > 1:
        squared = add(squared, square(dy, FAST), FAST)
    if DIMS > 2:
        squared = add(squared, square(dz, FAST), FAST)
    return squared


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
def seen_scores(
    scores, squared, weight, rows, columns, row_ids, column_ids, mask_ptr, mask_start, stride_mm,
    alpha, e2, squared_radius, n_queries, n_keys,
    KIND: tl.constexpr, BOUNDED: tl.constexpr, ADDED: tl.constexpr, MASKED: tl.constexpr, CAUSAL: tl.constexpr,
    SEQUENCED: tl.constexpr, FAST: tl.constexpr,
):  # fmt: skip
    """Scores with bias and weight, -inf where a query may not attend a key, and the level of the bias.

    Rows are of queries, columns of keys, in either orientation.
    """
    fall = squared
    if KIND != 0:
        fall = level(squared, e2, KIND, FAST)
        scores -= alpha * fall
    if ADDED:
        scores += weight
    if BOUNDED:
        scores = tl.where(squared <= squared_radius, scores, float("-inf"))
    if CAUSAL:  # the last query sees the last key
        scores = tl.where(columns <= rows + (n_keys - n_queries), scores, float("-inf"))
    if SEQUENCED:
        scores = tl.where(row_ids == column_ids, scores, float("-inf"))
    if MASKED:
        inside = (rows < n_queries) & (columns < n_keys)
        places = mask_start + rows.to(tl.int64) * stride_mm + columns
        shown = tl.load(mask_ptr + places, mask=inside, other=0)
        scores = tl.where(shown != 0, scores, float("-inf"))
    return scores, fall


@triton.jit
def place_of_program(n_blocks, heads):
    """Block, head and image (64-bit) of a program: the first axis of the grid counts through all three."""
    program = tl.program_id(0)
    row = program // n_blocks
    return program % n_blocks, row % heads, (row // heads).to(tl.int64)


@triton.jit
def per_head(value, head, step):
    """A parameter of a head: the number itself, or what lies at a pointer that has a `step`."""
    if step is None:
        return value
    else:
        return tl.load(value + head * step)


@triton.jit
def squared_radius_of(radius, head, step, BOUNDED: tl.constexpr):
    """Square of a head's radius; 0 where there is none, and nothing asks for it."""
    if BOUNDED:
        reach = per_head(radius, head, step)
        return reach * reach
    else:
        return 0.0


@triton.jit
def visits_of(count_ptr, index_ptr, list_row, n_blocks, LISTED: tl.constexpr):
    """How many blocks a program visits, all or those of its list, and where the list is; lists have room for all."""
    if LISTED:
        return tl.load(count_ptr + list_row), index_ptr + list_row * n_blocks
    else:
        return n_blocks, index_ptr


@triton.jit
def visited(index_ptr, step, LISTED: tl.constexpr):
    """Number of the block that is visited as number `step`."""
    if LISTED:
        return tl.load(index_ptr + step)
    else:
        return step


@triton.jit
def share_of_split(n_blocks, split, SPLITS: tl.constexpr):
    """Range of the visits that are a split's own."""
    if SPLITS > 1:
        share = tl.cdiv(n_blocks, SPLITS)
        return split * share, tl.minimum(split * share + share, n_blocks)
    else:
        return 0, n_blocks


@triton.jit
def load_ids(pointer, start, places, n, SEQUENCED: tl.constexpr):
    """Sequences of queries or keys from `start`; where there are none, something that nothing asks for."""
    if SEQUENCED:
        return tl.load(pointer + start + places, mask=places < n, other=0)
    else:
        return places


@triton.jit
def load_weight(pointer, start, columns, n_keys, WEIGHTED: tl.constexpr):
    """Weights of keys from `start`, in units of log 2; -inf beyond the last key."""
    if WEIGHTED:
        return tl.load(pointer + start + columns, mask=columns < n_keys, other=float("-inf")) * LOG2_E
    else:
        return tl.where(columns < n_keys, 0.0, float("-inf"))


@triton.jit
def load_rows(
    pointer, stride, start, n_rows, ROWS: tl.constexpr, DIM: tl.constexpr, BLOCK: tl.constexpr,
    UPCAST: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """ROWS rows from `start` of a (n_rows, DIM) matrix, (ROWS, BLOCK), 0 beyond its edges."""
    rows, columns = start + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    mask = rows[:, None] < n_rows
    if BLOCK != DIM:
        mask = mask & (columns[None, :] < DIM)
    if WIDE:
        rows = rows.to(tl.int64)
    tile = tl.load(pointer + rows[:, None] * stride + columns[None, :], mask=mask, other=0.0)
    if UPCAST:
        return tile.to(tl.float32)
    else:
        return tile


@triton.jit
def store_rows(pointer, start, n_rows, tile, ROWS: tl.constexpr, DIM: tl.constexpr, BLOCK: tl.constexpr):
    """Write a tile (ROWS, BLOCK) to a contiguous matrix (n_rows, DIM) from row `start`, in its dtype."""
    rows, columns = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    mask = (start + rows)[:, None] < n_rows
    if BLOCK != DIM:
        mask = mask & (columns[None, :] < DIM)
    target = pointer + tl.cast(start, tl.int64) * DIM + rows[:, None] * DIM + columns[None, :]
    tl.store(target, tile.to(pointer.dtype.element_ty), mask=mask)


@triton.jit
def load_position(pointer, stride_axis, step, rows, n_rows, DIMS: tl.constexpr):
    """Coordinates of rows, in degrees; 0 beyond the last; the first again for an axis beyond DIMS."""
    mask = rows < n_rows
    x = tl.load(pointer + rows * step, mask=mask, other=0.0)
    y, z = x, x
    if DIMS > 1:
        y = tl.load(pointer + stride_axis + rows * step, mask=mask, other=0.0)
    if DIMS > 2:
        z = tl.load(pointer + 2 * stride_axis + rows * step, mask=mask, other=0.0)
    return x, y, z


@triton.jit
def offsets_to(pointer, stride_axis, step, columns, n, x, y, z, DIMS: tl.constexpr, FAST: tl.constexpr):
    """Offsets of the places of columns from those of rows at x, y and z, and their squared lengths."""
    other_x, other_y, other_z = load_position(pointer, stride_axis, step, columns, n, DIMS)
    dx, dy = other_x[None, :] - x[:, None], other_y[None, :] - y[:, None]
    dz = other_z[None, :] - z[:, None]
    return dx, dy, dz, squared_distance(dx, dy, dz, DIMS, FAST)
