"""Forward pass: one program per block of queries, with a running maximum and sum (Dao et al., 2022)."""

from __future__ import annotations

import triton
import triton.language as tl

from cogattn.kernels.foveal_attention.triton.tile import (
    LN_2,
    LOG2_E,
    level,
    load_positions,
    load_rows,
    log2,
    squared_distance,
    store_rows,
)


@triton.jit
def forward_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, log_sum_ptr,
    gaze_ptr, place_ptr, weight_ptr, alpha_ptr, e2_ptr, radius_ptr, count_ptr, index_ptr,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    stride_gb, stride_gm, stride_pb, stride_pn, stride_wb, stride_lb, step_alpha, step_e2, step_radius,
    heads, n_queries, n_keys, scale,
    DIM: tl.constexpr, DIM_V: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, KIND: tl.constexpr, WEIGHTED: tl.constexpr,
    BOUNDED: tl.constexpr, EVEN: tl.constexpr, UPCAST: tl.constexpr, FAST: tl.constexpr,
    PRECISION: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Write the output and the natural log-sum-exp of BLOCK_M queries of one head."""
    block = tl.program_id(0)
    head = tl.program_id(1) % heads
    image = (tl.program_id(1) // heads).to(tl.int64)
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)
    q = load_rows(
        q_ptr + image * stride_qb + head * stride_qh, stride_qm, rows, n_queries, DIM, BLOCK_D, UPCAST
    )
    gaze_x, gaze_y = load_positions(gaze_ptr + image * stride_gb, stride_gm, rows, n_queries)
    k_ptr += image * stride_kb + head * stride_kh
    v_ptr += image * stride_vb + head * stride_vh
    place_ptr += image * stride_pb
    alpha = tl.load(alpha_ptr + head * step_alpha)
    e2 = tl.load(e2_ptr + head * step_e2)
    if BOUNDED:
        radius = tl.load(radius_ptr + head * step_radius)
        squared_radius = radius * radius
        list_row = image * stride_lb + block
        n_blocks = tl.load(count_ptr + list_row)
        index_ptr += list_row * tl.cdiv(n_keys, BLOCK_N)
    else:
        n_blocks = tl.cdiv(n_keys, BLOCK_N)

    top = tl.full([BLOCK_M], float("-inf"), ACC)
    total = tl.zeros([BLOCK_M], ACC)
    acc = tl.zeros([BLOCK_M, BLOCK_DV], ACC)
    for step in range(n_blocks):
        key_block = step
        if BOUNDED:
            key_block = tl.load(index_ptr + step)
        columns = key_block * BLOCK_N + tl.arange(0, BLOCK_N)
        k = load_rows(k_ptr, stride_kn, columns, n_keys, DIM, BLOCK_D, UPCAST)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION, out_dtype=ACC) * (scale * LOG2_E)
        if BOUNDED or KIND != 0:
            place_x, place_y = load_positions(place_ptr, stride_pn, columns, n_keys)
            squared = squared_distance(
                place_x[None, :] - gaze_x[:, None], place_y[None, :] - gaze_y[:, None], FAST
            )
        if KIND != 0:
            scores -= alpha * level(squared, e2, KIND, FAST)
        if WEIGHTED:
            weight = tl.load(
                weight_ptr + image * stride_wb + columns, mask=columns < n_keys, other=float("-inf")
            )
            scores += (weight * LOG2_E)[None, :]
        elif not EVEN:
            scores = tl.where(columns[None, :] < n_keys, scores, float("-inf"))
        if BOUNDED:
            scores = tl.where(squared <= squared_radius, scores, float("-inf"))
        new_top = tl.maximum(top, tl.max(scores, 1))
        pivot = tl.where(new_top == float("-inf"), 0.0, new_top)  # a row without keys yet stays finite
        weights = tl.exp2(scores - pivot[:, None])
        shrink = tl.exp2(top - pivot)
        total = total * shrink + tl.sum(weights, 1)
        v = load_rows(v_ptr, stride_vn, columns, n_keys, DIM_V, BLOCK_DV, UPCAST)
        acc = tl.dot(weights.to(v.dtype), v, acc * shrink[:, None], input_precision=PRECISION, out_dtype=ACC)
        top = new_top

    acc = acc / tl.where(total > 0, total, 1.0)[:, None]
    row = (image * heads + head) * n_queries
    store_rows(out_ptr + row * DIM_V, DIM_V, rows, n_queries, acc, DIM_V, BLOCK_DV)
    log_sum = (top + log2(tl.where(total > 0, total, 1.0), FAST)) * LN_2  # -inf in a dead row
    tl.store(log_sum_ptr + row + rows, log_sum, mask=rows < n_queries)
