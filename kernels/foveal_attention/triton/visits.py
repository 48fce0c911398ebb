"""Block lists in one launch: a program per block of rows tests its bounding box against all column blocks.

The same lists as `cogattn.kernels.foveal_attention.lists.block_lists`, without its chain of small operations,
which would take longer than the attention itself.
"""

from __future__ import annotations

import triton
import triton.language as tl

from cogattn.kernels.foveal_attention.triton.tile import squared_distance


@triton.jit
def visits_kernel(
    row_ptr, column_ptr, row_weight_ptr, column_weight_ptr, radius_ptr, count_ptr, index_ptr,
    stride_rb, stride_rn, stride_cb, stride_cn, stride_rwb, stride_cwb,
    n_rows, n_columns, n_radii,
    BLOCK_ROWS: tl.constexpr, BLOCK_COLUMNS: tl.constexpr, CHUNK: tl.constexpr,
    ROWS_WEIGHTED: tl.constexpr, COLUMNS_WEIGHTED: tl.constexpr, FAST: tl.constexpr,
):  # fmt: skip
    """Write how many, and which, of the column blocks lie within the largest radius of a block of rows."""
    block = tl.program_id(0)
    image = tl.program_id(1).to(tl.int64)
    rows = block * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    present = rows < n_rows
    if ROWS_WEIGHTED:
        row_weight = tl.load(row_weight_ptr + image * stride_rwb + rows, mask=present, other=float("-inf"))
        present = present & (row_weight > float("-inf"))
    row_ptr += image * stride_rb + rows * stride_rn
    low_x = tl.min(tl.load(row_ptr, mask=present, other=float("inf")), 0)
    high_x = tl.max(tl.load(row_ptr, mask=present, other=float("-inf")), 0)
    low_y = tl.min(tl.load(row_ptr + 1, mask=present, other=float("inf")), 0)
    high_y = tl.max(tl.load(row_ptr + 1, mask=present, other=float("-inf")), 0)
    radius = tl.load(radius_ptr)
    for head in range(1, n_radii):
        radius = tl.maximum(radius, tl.load(radius_ptr + head))

    n_blocks = tl.cdiv(n_columns, BLOCK_COLUMNS)
    list_row = image * tl.num_programs(0) + block
    index_ptr += list_row * n_blocks
    count = 0
    for start in range(0, n_blocks, CHUNK):
        blocks = start + tl.arange(0, CHUNK)
        columns = blocks[:, None] * BLOCK_COLUMNS + tl.arange(0, BLOCK_COLUMNS)[None, :]
        there = columns < n_columns
        if COLUMNS_WEIGHTED:
            weight = tl.load(
                column_weight_ptr + image * stride_cwb + columns, mask=there, other=float("-inf")
            )
            there = there & (weight > float("-inf"))
        places = column_ptr + image * stride_cb + columns * stride_cn
        gap_x = tl.maximum(
            tl.min(tl.load(places, mask=there, other=float("inf")), 1) - high_x,
            low_x - tl.max(tl.load(places, mask=there, other=float("-inf")), 1),
        )
        gap_y = tl.maximum(
            tl.min(tl.load(places + 1, mask=there, other=float("inf")), 1) - high_y,
            low_y - tl.max(tl.load(places + 1, mask=there, other=float("-inf")), 1),
        )
        squared = squared_distance(tl.maximum(gap_x, 0.0), tl.maximum(gap_y, 0.0), FAST)
        keep = (squared <= radius * radius) & (squared < float("inf"))
        order = tl.cumsum(keep.to(tl.int32), 0)
        tl.store(index_ptr + count + order - 1, blocks, mask=keep)
        count += tl.sum(keep.to(tl.int32), 0)
    tl.store(count_ptr + list_row, count)
