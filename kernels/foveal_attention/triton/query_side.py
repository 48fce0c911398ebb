"""First kernel of the backward pass: gradients of the queries' side, without atomics.

It also corrects delta, the row sum of ``P * dP`` that was estimated from a rounded output: as the rows
of P sum to 1, the rows of ``dS = P * (dP - delta)`` sum to the error. Without that, the sums over a row that
make the gradients of alpha, e2 and the gaze are off by percents in bfloat16. A gradient of the log-sum-exp is
taken from delta, and is then what the rows sum to.

As in the forward pass, the keys of few queries may be split over programs; `join_kernel` adds up their sums.
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
    offsets_to,
    per_head,
    place_of_program,
    seen_scores,
    share_of_split,
    slope,
    squared_radius_of,
    store_rows,
    visited,
    visits_of,
)


@triton.jit
def query_side_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, log_sum_ptr, grad_out_ptr, grad_log_sum_ptr,
    gaze_ptr, place_ptr, weight_ptr, mask_ptr, query_ids_ptr, key_ids_ptr, count_ptr, index_ptr,
    grad_q_ptr, sums_ptr,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    stride_ob, stride_oh, stride_om,
    stride_ga, stride_gb, step_gaze, stride_pa, stride_pb, stride_wb, stride_lb, stride_lh,
    stride_mb, stride_mh, stride_mm, stride_ib, stride_jb,
    alpha, step_alpha, e2, step_e2, radius, step_radius,
    heads, n_queries, n_keys, scale,
    DIM: tl.constexpr, DIM_V: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, SPLITS: tl.constexpr, GROUP: tl.constexpr, DIMS: tl.constexpr,
    KIND: tl.constexpr, WEIGHTED: tl.constexpr, BOUNDED: tl.constexpr, MASKED: tl.constexpr, CAUSAL: tl.constexpr,
    SEQUENCED: tl.constexpr,
    LISTED: tl.constexpr, EVEN: tl.constexpr, LEARN_BIAS: tl.constexpr,
    LEARN_POSITION: tl.constexpr, UPCAST: tl.constexpr, WIDE: tl.constexpr, FAST: tl.constexpr, PRECISION: tl.constexpr,
    ACC: tl.constexpr,
):  # fmt: skip
    """Write the gradient of q and the corrected sums (sums, n_rows), or a split's parts of both.

    Sums over the keys of a query: delta; the gradients of alpha and e2 where LEARN_BIAS; those of the gaze's
    coordinates where LEARN_POSITION.
    """
    n_row_blocks = tl.cdiv(n_queries, BLOCK_M)
    block, head, image = place_of_program(n_row_blocks, heads)
    wide_head = head.to(tl.int64)
    start = block * BLOCK_M
    rows = start + tl.arange(0, BLOCK_M)
    row = (image * heads + head) * n_queries
    n_rows = (tl.num_programs(0) // n_row_blocks).to(tl.int64) * n_queries  # of all heads and images
    split = tl.program_id(1)
    part = split * n_rows + row
    q_ptr += image * stride_qb + wide_head * stride_qh
    q = load_rows(q_ptr, stride_qm, start, n_queries, BLOCK_M, DIM, BLOCK_D, UPCAST, WIDE)
    grad_out_ptr += image * stride_ob + wide_head * stride_oh
    grad_out = load_rows(grad_out_ptr, stride_om, start, n_queries, BLOCK_M, DIM_V, BLOCK_DV, UPCAST, WIDE)
    out = load_rows(out_ptr + row * DIM_V, DIM_V, start, n_queries, BLOCK_M, DIM_V, BLOCK_DV, UPCAST, WIDE)
    delta = tl.sum(out.to(ACC) * grad_out.to(ACC), 1)
    surplus = tl.zeros([BLOCK_M], ACC)  # sum of a row of dS beyond what it should be: 0 but for rounding
    if grad_log_sum_ptr is not None:
        grad_log_sum = tl.load(grad_log_sum_ptr + row + rows, mask=rows < n_queries, other=0.0)
        delta -= grad_log_sum
        surplus -= grad_log_sum * (split == 0)
    log_sum = tl.load(log_sum_ptr + row + rows, mask=rows < n_queries, other=0.0)
    log_sum = tl.where(log_sum == float("-inf"), 0.0, log_sum * LOG2_E)
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
    n_visits, index_ptr = visits_of(count_ptr, index_ptr, list_row, tl.cdiv(n_keys, BLOCK_N), LISTED)
    begin, end = share_of_split(n_visits, split, SPLITS)

    grad_q = tl.zeros([BLOCK_M, BLOCK_D], ACC)
    to_alpha = tl.zeros([BLOCK_M], ACC)  # sums with dS; the mean_ ones are the same sums with P
    mean_alpha = tl.zeros([BLOCK_M], ACC)
    to_e2 = tl.zeros([BLOCK_M], ACC)
    mean_e2 = tl.zeros([BLOCK_M], ACC)
    to_x = tl.zeros([BLOCK_M], ACC)
    mean_x = tl.zeros([BLOCK_M], ACC)
    to_y = tl.zeros([BLOCK_M], ACC)
    mean_y = tl.zeros([BLOCK_M], ACC)
    to_z = tl.zeros([BLOCK_M], ACC)
    mean_z = tl.zeros([BLOCK_M], ACC)
    for step in range(begin, end):
        first = visited(index_ptr, step, LISTED) * BLOCK_N
        columns = first + tl.arange(0, BLOCK_N)
        k = load_rows(k_ptr, stride_kn, first, n_keys, BLOCK_N, DIM, BLOCK_D, UPCAST, WIDE)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION, out_dtype=ACC) * (scale * LOG2_E)
        dx, dy, dz, squared = offsets_to(
            place_ptr, stride_pa, 1, columns, n_keys, gaze_x, gaze_y, gaze_z, DIMS, FAST
        )
        weight = load_weight(weight_ptr, image * stride_wb, columns, n_keys, WEIGHTED)
        column_ids = load_ids(key_ids_ptr, image * stride_jb, columns, n_keys, SEQUENCED)
        scores, fall = seen_scores(
            scores, squared, weight[None, :], rows[:, None], columns[None, :], row_ids[:, None], column_ids[None, :],
            mask_ptr, mask_start, stride_mm, alpha, e2, squared_radius, n_queries, n_keys,
            KIND, BOUNDED, WEIGHTED or not EVEN, MASKED, CAUSAL, SEQUENCED, FAST,
        )  # fmt: skip
        weights = tl.exp2(scores - log_sum[:, None])
        v = load_rows(v_ptr, stride_vn, first, n_keys, BLOCK_N, DIM_V, BLOCK_DV, UPCAST, WIDE)
        grad_weights = tl.dot(grad_out, tl.trans(v), input_precision=PRECISION, out_dtype=ACC)
        grad_scores = weights * (grad_weights - delta[:, None])
        surplus += tl.sum(grad_scores, 1)
        if KIND != 0 and LEARN_BIAS:
            to_alpha += tl.sum(grad_scores * fall, 1)
            mean_alpha += tl.sum(weights * fall, 1)
        if KIND != 0 and (LEARN_BIAS or LEARN_POSITION):
            steepness = slope(squared, e2, KIND, FAST)
            pull = grad_scores * steepness
            drift = weights * steepness
        if KIND != 0 and LEARN_BIAS:
            to_e2 += tl.sum(pull * squared, 1)
            mean_e2 += tl.sum(drift * squared, 1)
        if KIND != 0 and LEARN_POSITION:
            to_x += tl.sum(pull * dx, 1)
            mean_x += tl.sum(drift * dx, 1)
            if DIMS > 1:
                to_y += tl.sum(pull * dy, 1)
                mean_y += tl.sum(drift * dy, 1)
            if DIMS > 2:
                to_z += tl.sum(pull * dz, 1)
                mean_z += tl.sum(drift * dz, 1)
        grad_q = tl.dot(grad_scores.to(k.dtype), k, grad_q, input_precision=PRECISION, out_dtype=ACC)

    store_rows(grad_q_ptr + part * DIM, start, n_queries, grad_q * scale, BLOCK_M, DIM, BLOCK_D)
    inside = rows < n_queries
    sums_ptr += part + rows
    stride = SPLITS * n_rows
    if SPLITS == 1:
        tl.store(sums_ptr, delta + surplus, mask=inside)
    else:
        tl.store(sums_ptr, tl.where(split == 0, delta, 0.0), mask=inside)
        tl.store(sums_ptr + stride, surplus, mask=inside)
    if LEARN_BIAS:
        _store_sum(sums_ptr, 1, stride, to_alpha * -LN_2, mean_alpha * -LN_2, surplus, inside, SPLITS)
        _store_sum(sums_ptr, 2, stride, to_e2 * (alpha / e2), mean_e2 * (alpha / e2), surplus, inside, SPLITS)
    FIRST: tl.constexpr = 3 if LEARN_BIAS else 1
    if LEARN_POSITION:
        _store_sum(sums_ptr, FIRST, stride, to_x * alpha, mean_x * alpha, surplus, inside, SPLITS)
        if DIMS > 1:
            _store_sum(sums_ptr, FIRST + 1, stride, to_y * alpha, mean_y * alpha, surplus, inside, SPLITS)
        if DIMS > 2:
            _store_sum(sums_ptr, FIRST + 2, stride, to_z * alpha, mean_z * alpha, surplus, inside, SPLITS)


@triton.jit
def _store_sum(pointer, place, stride, to, mean, surplus, inside, SPLITS: tl.constexpr):
    """Write the corrected sum number `place`, or both its parts where other splits have more to add."""
    if SPLITS == 1:
        tl.store(pointer + place * stride, to - surplus * mean, mask=inside)
    else:
        tl.store(pointer + 2 * place * stride, to, mask=inside)
        tl.store(pointer + (2 * place + 1) * stride, mean, mask=inside)


@triton.jit
def join_kernel(
    part_ptr, part_sums_ptr, grad_q_ptr, sums_ptr, n_rows,
    DIM: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, SPLITS: tl.constexpr, SUMS: tl.constexpr,
    ACC: tl.constexpr,
):  # fmt: skip
    """Add up the splits' gradients of q (SPLITS, n_rows, DIM) and sums (2 * SUMS, SPLITS, n_rows), then correct."""
    start = tl.program_id(0) * BLOCK_M
    rows = tl.cast(start, tl.int64) + tl.arange(0, BLOCK_M)
    inside = rows < n_rows
    grad_q = tl.zeros([BLOCK_M, BLOCK_D], ACC)
    for split in tl.static_range(SPLITS):
        split_ptr = part_ptr + split * tl.cast(n_rows, tl.int64) * DIM
        grad_q += load_rows(split_ptr, DIM, start, n_rows, BLOCK_M, DIM, BLOCK_D, False, True)
    store_rows(grad_q_ptr, start, n_rows, grad_q, BLOCK_M, DIM, BLOCK_D)
    delta = _sum_of_splits(part_sums_ptr, rows, n_rows, inside, SPLITS)
    surplus = _sum_of_splits(part_sums_ptr + SPLITS * n_rows, rows, n_rows, inside, SPLITS)
    tl.store(sums_ptr + rows, delta + surplus, mask=inside)
    for place in tl.static_range(1, SUMS):
        pair_ptr = part_sums_ptr + 2 * place * SPLITS * tl.cast(n_rows, tl.int64)
        to = _sum_of_splits(pair_ptr, rows, n_rows, inside, SPLITS)
        mean = _sum_of_splits(pair_ptr + SPLITS * n_rows, rows, n_rows, inside, SPLITS)
        tl.store(sums_ptr + place * n_rows + rows, to - surplus * mean, mask=inside)


@triton.jit
def _sum_of_splits(pointer, rows, n_rows, inside, SPLITS: tl.constexpr):
    total = tl.load(pointer + rows, mask=inside, other=0.0)
    for split in tl.static_range(1, SPLITS):
        total += tl.load(pointer + split * n_rows + rows, mask=inside, other=0.0)
    return total
