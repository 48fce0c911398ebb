"""Forward pass: one program per block of queries, with a running maximum and sum (Dao et al., 2022).

Few queries on many keys would leave most of a GPU idle, so the keys may be split over programs; `merge_kernel` joins
what they found, each split weighted by its share of the sum.
"""

from __future__ import annotations

import triton
import triton.language as tl

from cogattn.kernels.foveal_attention.triton.tile import (
    LN_2,
    LOG2_E,
    load_ids,
    load_position,
    load_rows,
    load_weight,
    log2,
    offsets_to,
    per_head,
    place_of_program,
    seen_scores,
    share_of_split,
    squared_radius_of,
    store_rows,
    visited,
    visits_of,
)


@triton.jit
def forward_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, log_sum_ptr,
    gaze_ptr, place_ptr, weight_ptr, mask_ptr, query_ids_ptr, key_ids_ptr, count_ptr, index_ptr,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    stride_ga, stride_gb, step_gaze, stride_pa, stride_pb, stride_wb, stride_lb, stride_lh,
    stride_mb, stride_mh, stride_mm, stride_ib, stride_jb,
    alpha, step_alpha, e2, step_e2, radius, step_radius,
    heads, n_queries, n_keys, scale,
    DIM: tl.constexpr, DIM_V: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, SPLITS: tl.constexpr, GROUP: tl.constexpr, DIMS: tl.constexpr,
    KIND: tl.constexpr, WEIGHTED: tl.constexpr, BOUNDED: tl.constexpr, MASKED: tl.constexpr, CAUSAL: tl.constexpr,
    SEQUENCED: tl.constexpr,
    LISTED: tl.constexpr, EVEN: tl.constexpr, UPCAST: tl.constexpr, WIDE: tl.constexpr,
    FAST: tl.constexpr, PRECISION: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Write the output and the natural log-sum-exp of BLOCK_M queries of one head, over one split of the keys."""
    n_row_blocks = tl.cdiv(n_queries, BLOCK_M)
    block, head, image = place_of_program(n_row_blocks, heads)
    wide_head = head.to(tl.int64)
    start = block * BLOCK_M
    rows = start + tl.arange(0, BLOCK_M)
    q_ptr += image * stride_qb + wide_head * stride_qh
    q = load_rows(q_ptr, stride_qm, start, n_queries, BLOCK_M, DIM, BLOCK_D, UPCAST, WIDE)
    gaze_x, gaze_y, gaze_z = load_position(
        gaze_ptr + image * stride_gb, stride_ga, step_gaze, rows, n_queries, DIMS
    )
    key_head = (head // GROUP).to(tl.int64)
    k_ptr += image * stride_kb + key_head * stride_kh
    v_ptr += image * stride_vb + key_head * stride_vh
    place_ptr += image * stride_pb
    row_ids = load_ids(query_ids_ptr, image * stride_ib, rows, n_queries, SEQUENCED)
    mask_start = image * stride_mb + head * stride_mh
    alpha = per_head(alpha, head, step_alpha)
    e2 = per_head(e2, head, step_e2)
    squared_radius = squared_radius_of(radius, head, step_radius, BOUNDED)
    list_row = image * stride_lb + head * stride_lh + block
    split = tl.program_id(1)
    n_visits, index_ptr = visits_of(count_ptr, index_ptr, list_row, tl.cdiv(n_keys, BLOCK_N), LISTED)
    begin, end = share_of_split(n_visits, split, SPLITS)

    top = tl.full([BLOCK_M], float("-inf"), ACC)
    total = tl.zeros([BLOCK_M], ACC)
    acc = tl.zeros([BLOCK_M, BLOCK_DV], ACC)
    for step in range(begin, end):
        first = visited(index_ptr, step, LISTED) * BLOCK_N
        columns = first + tl.arange(0, BLOCK_N)
        k = load_rows(k_ptr, stride_kn, first, n_keys, BLOCK_N, DIM, BLOCK_D, UPCAST, WIDE)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION, out_dtype=ACC) * (scale * LOG2_E)
        _, _, _, squared = offsets_to(
            place_ptr, stride_pa, 1, columns, n_keys, gaze_x, gaze_y, gaze_z, DIMS, FAST
        )
        weight = load_weight(weight_ptr, image * stride_wb, columns, n_keys, WEIGHTED)
        column_ids = load_ids(key_ids_ptr, image * stride_jb, columns, n_keys, SEQUENCED)
        scores, _ = seen_scores(
            scores, squared, weight[None, :], rows[:, None], columns[None, :], row_ids[:, None], column_ids[None, :],
            mask_ptr, mask_start, stride_mm, alpha, e2, squared_radius, n_queries, n_keys,
            KIND, BOUNDED, WEIGHTED or not EVEN, MASKED, CAUSAL, SEQUENCED, FAST,
        )  # fmt: skip
        new_top = tl.maximum(top, tl.max(scores, 1))
        pivot = tl.where(new_top == float("-inf"), 0.0, new_top)  # a row without keys yet stays finite
        weights = tl.exp2(scores - pivot[:, None])
        shrink = tl.exp2(top - pivot)
        total = total * shrink + tl.sum(weights, 1)
        v = load_rows(v_ptr, stride_vn, first, n_keys, BLOCK_N, DIM_V, BLOCK_DV, UPCAST, WIDE)
        acc = tl.dot(weights.to(v.dtype), v, acc * shrink[:, None], input_precision=PRECISION, out_dtype=ACC)
        top = new_top

    acc = acc / tl.where(total > 0, total, 1.0)[:, None]
    n_rows = tl.num_programs(0) // n_row_blocks * n_queries  # of all heads and images
    row = split.to(tl.int64) * n_rows + (image * heads + head) * n_queries
    store_rows(out_ptr + row * DIM_V, start, n_queries, acc, BLOCK_M, DIM_V, BLOCK_DV)
    log_sum = (top + log2(tl.where(total > 0, total, 1.0), FAST)) * LN_2  # -inf in a dead row
    tl.store(log_sum_ptr + row + rows, log_sum, mask=rows < n_queries)


@triton.jit
def merge_kernel(
    part_ptr, part_log_sum_ptr, out_ptr, log_sum_ptr, n_rows,
    DIM: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, SPLITS: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Join the splits' outputs (SPLITS, n_rows, DIM) and log-sum-exps (SPLITS, n_rows)."""
    start = tl.program_id(0) * BLOCK_M
    rows = tl.cast(start, tl.int64) + tl.arange(0, BLOCK_M)
    inside = rows < n_rows
    top = tl.full([BLOCK_M], float("-inf"), ACC)
    for split in range(SPLITS):
        part = tl.load(part_log_sum_ptr + split * n_rows + rows, mask=inside, other=float("-inf"))
        top = tl.maximum(top, part)
    pivot = tl.where(top == float("-inf"), 0.0, top)
    total = tl.zeros([BLOCK_M], ACC)
    acc = tl.zeros([BLOCK_M, BLOCK_D], ACC)
    for split in range(SPLITS):
        part = tl.load(part_log_sum_ptr + split * n_rows + rows, mask=inside, other=float("-inf"))
        weight = tl.exp(part - pivot)
        total += weight
        part_out_ptr = part_ptr + split * tl.cast(n_rows, tl.int64) * DIM
        acc += weight[:, None] * load_rows(
            part_out_ptr, DIM, start, n_rows, BLOCK_M, DIM, BLOCK_D, False, True
        )
    total_or_one = tl.where(total > 0, total, 1.0)
    store_rows(out_ptr, start, n_rows, acc / total_or_one[:, None], BLOCK_M, DIM, BLOCK_D)
    tl.store(log_sum_ptr + rows, top + tl.log(total_or_one), mask=inside)
