"""Block lists in one launch: a program per block of rows tests its bounding box against all column blocks.

The same lists as `cogattn.kernels.foveal_attention.lists.block_lists`, without its chain of small operations,
which would take longer than the attention itself. Heads with a radius of their own have lists of their own: those of
the largest radius would make all heads pay for one.
"""

from __future__ import annotations

import triton
import triton.language as tl

from cogattn.kernels.foveal_attention.triton.tile import per_head, place_of_program, squared_distance

FAR = tl.constexpr(2**62)  # beyond every sequence


@triton.jit
def visits_kernel(
    row_ptr, column_ptr, row_weight_ptr, column_weight_ptr, row_ids_ptr, column_ids_ptr, count_ptr, index_ptr,
    stride_ra, stride_rb, step_row, stride_ca, stride_cb, step_column, stride_rwb, stride_cwb, stride_rib, stride_cib,
    radius, step_radius, n_radii, n_rows, n_columns,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, CHUNK: tl.constexpr, DIMS: tl.constexpr,
    ROWS_WEIGHTED: tl.constexpr, COLUMNS_WEIGHTED: tl.constexpr, BOUNDED: tl.constexpr,
    CAUSAL: tl.constexpr, SEQUENCED: tl.constexpr, TRANSPOSED: tl.constexpr, FAST: tl.constexpr,
):  # fmt: skip
    """Write how many, and which, of the column blocks may hold a pair with a block of rows.

    Blocks of rows and columns are kept where the gap between them is within the radius, the range of their sequences
    overlaps, and some query is not before some key.
    """
    n_row_blocks = tl.cdiv(n_rows, BLOCK_ROWS)
    block, which, image = place_of_program(n_row_blocks, n_radii)
    rows = block * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    present = rows < n_rows
    if ROWS_WEIGHTED:
        row_weight = tl.load(row_weight_ptr + image * stride_rwb + rows, mask=present, other=float("-inf"))
        present = present & (row_weight > float("-inf"))
    row_ptr += image * stride_rb + rows * step_row
    low_x, high_x = _ends(row_ptr, present, 0, float("inf"))
    low_y, high_y = _ends(row_ptr + stride_ra * (DIMS > 1), present, 0, float("inf"))
    low_z, high_z = _ends(row_ptr + 2 * stride_ra * (DIMS > 2), present, 0, float("inf"))

    if BOUNDED:
        reach = per_head(radius, which, step_radius)
    if SEQUENCED:
        low_id, high_id = _ends(row_ids_ptr + image * stride_rib + rows, rows < n_rows, 0, FAR)
        column_ids_ptr += image * stride_cib

    n_blocks = tl.cdiv(n_columns, BLOCK_COLUMNS)
    list_row = (image * n_radii + which) * n_row_blocks + block
    index_ptr += list_row * n_blocks
    count = 0
    for start in range(0, n_blocks, CHUNK):
        blocks = start + tl.arange(0, CHUNK)
        columns = blocks[:, None] * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)[None, :]
        inside = columns < n_columns
        there = inside
        if COLUMNS_WEIGHTED:
            weight = tl.load(
                column_weight_ptr + image * stride_cwb + columns, mask=there, other=float("-inf")
            )
            there = there & (weight > float("-inf"))
        places = column_ptr + image * stride_cb + columns * step_column
        gap_x = _gap(low_x, high_x, places, there)
        gap_y = _gap(low_y, high_y, places + stride_ca * (DIMS > 1), there)
        gap_z = _gap(low_z, high_z, places + 2 * stride_ca * (DIMS > 2), there)
        squared = squared_distance(gap_x, gap_y, gap_z, DIMS, FAST)
        keep = squared < float("inf")
        if BOUNDED:
            keep = keep & (squared <= reach * reach)
        if SEQUENCED:
            other_low, other_high = _ends(column_ids_ptr + columns, inside, 1, FAR)
            keep = keep & (other_low <= high_id) & (other_high >= low_id)
        if CAUSAL:
            last_row = tl.minimum(block * BLOCK_ROWS + BLOCK_ROWS, n_rows) - 1
            last_column = tl.minimum(blocks * BLOCK_COLUMNS + BLOCK_COLUMNS, n_columns) - 1
            if TRANSPOSED:
                keep = keep & (block * BLOCK_ROWS <= last_column + (n_rows - n_columns))
            else:
                keep = keep & (blocks * BLOCK_COLUMNS <= last_row + (n_columns - n_rows))
        order = tl.cumsum(keep.to(tl.int32), 0)
        tl.store(index_ptr + count + order - 1, blocks, mask=keep)
        count += tl.sum(keep.to(tl.int32), 0)
    tl.store(count_ptr + list_row, count)


@triton.jit
def _ends(pointer, present, AXIS: tl.constexpr, FARTHEST: tl.constexpr):
    """Lowest and highest value along an axis of a tile; of none, the ends of an empty interval."""
    low = tl.min(tl.load(pointer, mask=present, other=FARTHEST), AXIS)
    return low, tl.max(tl.load(pointer, mask=present, other=-FARTHEST), AXIS)


@triton.jit
def _gap(low, high, places, there):
    """Distance on an axis from the interval of the rows to that of each block of columns; infinite to none."""
    other_low, other_high = _ends(places, there, 1, float("inf"))
    return tl.maximum(tl.maximum(other_low - high, low - other_high), 0.0)
