"""Second kernel of the backward pass: gradients of the keys' side, a program per block of keys, without atomics."""

from __future__ import annotations

import triton
import triton.language as tl

from cogattn.kernels.foveal_attention.triton.tile import (
    LOG2_E,
    load_ids,
    load_position,
    load_rows,
    load_weight,
    offsets_to,
    per_head,
    place_of_program,
    seen_scores,
    slope,
    squared_radius_of,
    store_rows,
    visited,
    visits_of,
)


@triton.jit
def key_side_kernel(
    q_ptr, k_ptr, v_ptr, log_sum_ptr, delta_ptr, grad_out_ptr,
    gaze_ptr, place_ptr, weight_ptr, mask_ptr, query_ids_ptr, key_ids_ptr, count_ptr, index_ptr,
    grad_k_ptr, grad_v_ptr, grad_weight_ptr, grad_place_ptr,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    stride_ob, stride_oh, stride_om,
    stride_ga, stride_gb, step_gaze, stride_pa, stride_pb, stride_wb, stride_lb, stride_lh,
    stride_mb, stride_mh, stride_mm, stride_ib, stride_jb,
    alpha, step_alpha, e2, step_e2, radius, step_radius,
    heads, n_queries, n_keys, scale,
    DIM: tl.constexpr, DIM_V: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP: tl.constexpr, DIMS: tl.constexpr, KIND: tl.constexpr,
    WEIGHTED: tl.constexpr, BOUNDED: tl.constexpr, MASKED: tl.constexpr, CAUSAL: tl.constexpr, SEQUENCED: tl.constexpr,
    LISTED: tl.constexpr, EVEN: tl.constexpr, LEARN_BIAS: tl.constexpr, LEARN_POSITION: tl.constexpr,
    UPCAST: tl.constexpr, WIDE: tl.constexpr, FAST: tl.constexpr, PRECISION: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Write the gradients of k, v and, per key of a head, of the weight and the place; tiles are (keys, queries).

    The GROUP heads of queries that a head of keys serves are visited one after the other.
    """
    n_key_blocks = tl.cdiv(n_keys, BLOCK_N)
    block, key_head, image = place_of_program(n_key_blocks, heads // GROUP)
    start = block * BLOCK_N
    columns = start + tl.arange(0, BLOCK_N)
    present = columns < n_keys
    wide_head = key_head.to(tl.int64)
    k_ptr += image * stride_kb + wide_head * stride_kh
    v_ptr += image * stride_vb + wide_head * stride_vh
    k = load_rows(k_ptr, stride_kn, start, n_keys, BLOCK_N, DIM, BLOCK_D, UPCAST, WIDE)
    v = load_rows(v_ptr, stride_vn, start, n_keys, BLOCK_N, DIM_V, BLOCK_DV, UPCAST, WIDE)
    place_x, place_y, place_z = load_position(
        place_ptr + image * stride_pb, stride_pa, 1, columns, n_keys, DIMS
    )
    gaze_ptr += image * stride_gb
    column_ids = load_ids(key_ids_ptr, image * stride_jb, columns, n_keys, SEQUENCED)
    weight = load_weight(weight_ptr, image * stride_wb, columns, n_keys, WEIGHTED)

    grad_k = tl.zeros([BLOCK_N, BLOCK_D], ACC)
    grad_v = tl.zeros([BLOCK_N, BLOCK_DV], ACC)
    grad_weight = tl.zeros([BLOCK_N], ACC)
    grad_x = tl.zeros([BLOCK_N], ACC)
    grad_y = tl.zeros([BLOCK_N], ACC)
    grad_z = tl.zeros([BLOCK_N], ACC)
    for member in range(GROUP):
        head = key_head * GROUP + member
        row = (image * heads + head) * n_queries
        head_q_ptr = q_ptr + image * stride_qb + head.to(tl.int64) * stride_qh
        head_grad_ptr = grad_out_ptr + image * stride_ob + head.to(tl.int64) * stride_oh
        mask_start = image * stride_mb + head * stride_mh
        head_alpha = per_head(alpha, head, step_alpha)
        head_e2 = per_head(e2, head, step_e2)
        squared_radius = squared_radius_of(radius, head, step_radius, BOUNDED)
        list_row = image * stride_lb + head * stride_lh + block
        n_visits, list_ptr = visits_of(count_ptr, index_ptr, list_row, tl.cdiv(n_queries, BLOCK_M), LISTED)
        to_x = tl.zeros([BLOCK_N], ACC)
        to_y = tl.zeros([BLOCK_N], ACC)
        to_z = tl.zeros([BLOCK_N], ACC)
        for step in range(n_visits):
            first = visited(list_ptr, step, LISTED) * BLOCK_M
            rows = first + tl.arange(0, BLOCK_M)
            q = load_rows(head_q_ptr, stride_qm, first, n_queries, BLOCK_M, DIM, BLOCK_D, UPCAST, WIDE)
            scores = tl.dot(k, tl.trans(q), input_precision=PRECISION, out_dtype=ACC) * (scale * LOG2_E)
            dx, dy, dz, squared = offsets_to(
                gaze_ptr, stride_ga, step_gaze, rows, n_queries, place_x, place_y, place_z, DIMS, FAST
            )
            row_ids = load_ids(query_ids_ptr, image * stride_ib, rows, n_queries, SEQUENCED)
            scores, _ = seen_scores(
                scores, squared, weight[:, None], rows[None, :], columns[:, None], row_ids[None, :],
                column_ids[:, None], mask_ptr, mask_start, stride_mm, head_alpha, head_e2, squared_radius,
                n_queries, n_keys, KIND, BOUNDED, WEIGHTED or not EVEN, MASKED, CAUSAL, SEQUENCED, FAST,
            )  # fmt: skip
            log_sum = tl.load(log_sum_ptr + row + rows, mask=rows < n_queries, other=float("inf"))
            log_sum = tl.where(log_sum == float("-inf"), 0.0, log_sum * LOG2_E)
            delta = tl.load(delta_ptr + row + rows, mask=rows < n_queries, other=0.0)
            weights = tl.exp2(scores - log_sum[None, :])  # 0 for queries beyond the last
            grad_out = load_rows(
                head_grad_ptr, stride_om, first, n_queries, BLOCK_M, DIM_V, BLOCK_DV, UPCAST, WIDE
            )
            grad_v = tl.dot(
                weights.to(grad_out.dtype), grad_out, grad_v, input_precision=PRECISION, out_dtype=ACC
            )
            grad_weights = tl.dot(v, tl.trans(grad_out), input_precision=PRECISION, out_dtype=ACC)
            grad_scores = weights * (grad_weights - delta[None, :])
            if WEIGHTED and LEARN_BIAS:
                grad_weight += tl.sum(grad_scores, 1)
            if KIND != 0 and LEARN_POSITION:
                pull = grad_scores * slope(squared, head_e2, KIND, FAST)
                to_x += tl.sum(pull * dx, 1)
                if DIMS > 1:
                    to_y += tl.sum(pull * dy, 1)
                if DIMS > 2:
                    to_z += tl.sum(pull * dz, 1)
            grad_k = tl.dot(grad_scores.to(q.dtype), q, grad_k, input_precision=PRECISION, out_dtype=ACC)
        grad_x += to_x * head_alpha
        grad_y += to_y * head_alpha
        grad_z += to_z * head_alpha

    key_row = (image * (heads // GROUP) + key_head) * n_keys
    store_rows(grad_k_ptr + key_row * DIM, start, n_keys, grad_k * scale, BLOCK_N, DIM, BLOCK_D)
    store_rows(grad_v_ptr + key_row * DIM_V, start, n_keys, grad_v, BLOCK_N, DIM_V, BLOCK_DV)
    if WEIGHTED and LEARN_BIAS:
        tl.store(grad_weight_ptr + key_row + columns, grad_weight, mask=present)
    if LEARN_POSITION:
        grad_place_ptr += key_row + columns
        stride = (tl.num_programs(0) // n_key_blocks).to(tl.int64) * n_keys  # an axis of all heads and images
        tl.store(grad_place_ptr, grad_x, mask=present)
        if DIMS > 1:
            tl.store(grad_place_ptr + stride, grad_y, mask=present)
        if DIMS > 2:
            tl.store(grad_place_ptr + 2 * stride, grad_z, mask=present)
