"""Backward pass in two kernels without atomics: gradients of the queries' side, then of the keys' side.

The first also corrects delta, the row sum of ``P * dP`` that was estimated from a rounded output: as the rows
of P sum to 1, the rows of ``dS = P * (dP - delta)`` sum to the error. Without that, the sums over a row that
make the gradients of alpha, e2 and the gaze are off by percents in bfloat16.
"""

from __future__ import annotations

import triton
import triton.language as tl

from cogattn.kernels.foveal_attention.triton.tile import (
    LN_2,
    LOG2_E,
    level,
    load_positions,
    load_rows,
    slope,
    squared_distance,
    store_rows,
)


@triton.jit
def query_side_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, log_sum_ptr, grad_out_ptr,
    gaze_ptr, place_ptr, weight_ptr, alpha_ptr, e2_ptr, radius_ptr, count_ptr, index_ptr,
    delta_ptr, grad_q_ptr, grad_alpha_ptr, grad_e2_ptr, grad_gaze_ptr,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    stride_ob, stride_oh, stride_om,
    stride_gb, stride_gm, stride_pb, stride_pn, stride_wb, stride_lb, step_alpha, step_e2, step_radius,
    heads, n_queries, n_keys, scale,
    DIM: tl.constexpr, DIM_V: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, KIND: tl.constexpr, WEIGHTED: tl.constexpr,
    BOUNDED: tl.constexpr, EVEN: tl.constexpr, LEARN_BIAS: tl.constexpr, LEARN_POSITION: tl.constexpr,
    UPCAST: tl.constexpr, FAST: tl.constexpr, PRECISION: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Gradients of q and, per query, of alpha, e2 and the gaze; writes the corrected delta."""
    block = tl.program_id(0)
    head = tl.program_id(1) % heads
    image = (tl.program_id(1) // heads).to(tl.int64)
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)
    row = (image * heads + head) * n_queries
    q = load_rows(
        q_ptr + image * stride_qb + head * stride_qh, stride_qm, rows, n_queries, DIM, BLOCK_D, UPCAST
    )
    grad_out = load_rows(
        grad_out_ptr + image * stride_ob + head * stride_oh,
        stride_om,
        rows,
        n_queries,
        DIM_V,
        BLOCK_DV,
        UPCAST,
    )
    out = load_rows(out_ptr + row * DIM_V, DIM_V, rows, n_queries, DIM_V, BLOCK_DV, UPCAST)
    delta = tl.sum(out.to(ACC) * grad_out.to(ACC), 1)
    log_sum = tl.load(log_sum_ptr + row + rows, mask=rows < n_queries, other=0.0)
    log_sum = tl.where(log_sum == float("-inf"), 0.0, log_sum * LOG2_E)
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

    grad_q = tl.zeros([BLOCK_M, BLOCK_D], ACC)
    surplus = tl.zeros([BLOCK_M], ACC)  # sum of a row of dS, 0 but for rounding
    to_alpha = tl.zeros([BLOCK_M], ACC)  # sums with dS; the mean_ ones are the same sums with P
    mean_alpha = tl.zeros([BLOCK_M], ACC)
    to_e2 = tl.zeros([BLOCK_M], ACC)
    mean_e2 = tl.zeros([BLOCK_M], ACC)
    to_x = tl.zeros([BLOCK_M], ACC)
    mean_x = tl.zeros([BLOCK_M], ACC)
    to_y = tl.zeros([BLOCK_M], ACC)
    mean_y = tl.zeros([BLOCK_M], ACC)
    for step in range(n_blocks):
        key_block = step
        if BOUNDED:
            key_block = tl.load(index_ptr + step)
        columns = key_block * BLOCK_N + tl.arange(0, BLOCK_N)
        k = load_rows(k_ptr, stride_kn, columns, n_keys, DIM, BLOCK_D, UPCAST)
        scores = tl.dot(q, tl.trans(k), input_precision=PRECISION, out_dtype=ACC) * (scale * LOG2_E)
        if BOUNDED or KIND != 0:
            place_x, place_y = load_positions(place_ptr, stride_pn, columns, n_keys)
            dx, dy = place_x[None, :] - gaze_x[:, None], place_y[None, :] - gaze_y[:, None]
            squared = squared_distance(dx, dy, FAST)
        if KIND != 0:
            fall = level(squared, e2, KIND, FAST)
            scores -= alpha * fall
        if WEIGHTED:
            weight = tl.load(
                weight_ptr + image * stride_wb + columns, mask=columns < n_keys, other=float("-inf")
            )
            scores += (weight * LOG2_E)[None, :]
        elif not EVEN:
            scores = tl.where(columns[None, :] < n_keys, scores, float("-inf"))
        if BOUNDED:
            scores = tl.where(squared <= squared_radius, scores, float("-inf"))
        weights = tl.exp2(scores - log_sum[:, None])
        v = load_rows(v_ptr, stride_vn, columns, n_keys, DIM_V, BLOCK_DV, UPCAST)
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
            to_y += tl.sum(pull * dy, 1)
            mean_y += tl.sum(drift * dy, 1)
        grad_q = tl.dot(grad_scores.to(k.dtype), k, grad_q, input_precision=PRECISION, out_dtype=ACC)

    inside = rows < n_queries
    store_rows(grad_q_ptr + row * DIM, DIM, rows, n_queries, grad_q * scale, DIM, BLOCK_D)
    tl.store(delta_ptr + row + rows, delta + surplus, mask=inside)
    if LEARN_BIAS:
        tl.store(grad_alpha_ptr + row + rows, (surplus * mean_alpha - to_alpha) * LN_2, mask=inside)
        tl.store(grad_e2_ptr + row + rows, (to_e2 - surplus * mean_e2) * (alpha / e2), mask=inside)
    if LEARN_POSITION:
        tl.store(grad_gaze_ptr + (row + rows) * 2, (to_x - surplus * mean_x) * alpha, mask=inside)
        tl.store(grad_gaze_ptr + (row + rows) * 2 + 1, (to_y - surplus * mean_y) * alpha, mask=inside)


@triton.jit
def key_side_kernel(
    q_ptr, k_ptr, v_ptr, log_sum_ptr, delta_ptr, grad_out_ptr,
    gaze_ptr, place_ptr, weight_ptr, alpha_ptr, e2_ptr, radius_ptr, count_ptr, index_ptr,
    grad_k_ptr, grad_v_ptr, grad_weight_ptr, grad_place_ptr,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    stride_ob, stride_oh, stride_om,
    stride_gb, stride_gm, stride_pb, stride_pn, stride_wb, stride_lb, step_alpha, step_e2, step_radius,
    heads, n_queries, n_keys, scale,
    DIM: tl.constexpr, DIM_V: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_DV: tl.constexpr,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, KIND: tl.constexpr, WEIGHTED: tl.constexpr,
    BOUNDED: tl.constexpr, EVEN: tl.constexpr, LEARN_BIAS: tl.constexpr, LEARN_POSITION: tl.constexpr,
    UPCAST: tl.constexpr, FAST: tl.constexpr, PRECISION: tl.constexpr, ACC: tl.constexpr,
):  # fmt: skip
    """Gradients of k, v and, per key of a head, of the weight and the place; tiles are (keys, queries)."""
    block = tl.program_id(0)
    head = tl.program_id(1) % heads
    image = (tl.program_id(1) // heads).to(tl.int64)
    columns = block * BLOCK_N + tl.arange(0, BLOCK_N)
    row = (image * heads + head) * n_queries
    k = load_rows(
        k_ptr + image * stride_kb + head * stride_kh, stride_kn, columns, n_keys, DIM, BLOCK_D, UPCAST
    )
    v = load_rows(
        v_ptr + image * stride_vb + head * stride_vh, stride_vn, columns, n_keys, DIM_V, BLOCK_DV, UPCAST
    )
    place_x, place_y = load_positions(place_ptr + image * stride_pb, stride_pn, columns, n_keys)
    q_ptr += image * stride_qb + head * stride_qh
    grad_out_ptr += image * stride_ob + head * stride_oh
    gaze_ptr += image * stride_gb
    alpha = tl.load(alpha_ptr + head * step_alpha)
    e2 = tl.load(e2_ptr + head * step_e2)
    present = columns < n_keys
    weight = tl.where(present, 0.0, float("-inf")).to(ACC)
    if WEIGHTED:
        weight += tl.load(weight_ptr + image * stride_wb + columns, mask=present, other=0.0) * LOG2_E
    if BOUNDED:
        radius = tl.load(radius_ptr + head * step_radius)
        squared_radius = radius * radius
        list_row = image * stride_lb + block
        n_blocks = tl.load(count_ptr + list_row)
        index_ptr += list_row * tl.cdiv(n_queries, BLOCK_M)
    else:
        n_blocks = tl.cdiv(n_queries, BLOCK_M)

    grad_k = tl.zeros([BLOCK_N, BLOCK_D], ACC)
    grad_v = tl.zeros([BLOCK_N, BLOCK_DV], ACC)
    grad_weight = tl.zeros([BLOCK_N], ACC)
    to_x = tl.zeros([BLOCK_N], ACC)
    to_y = tl.zeros([BLOCK_N], ACC)
    for step in range(n_blocks):
        query_block = step
        if BOUNDED:
            query_block = tl.load(index_ptr + step)
        rows = query_block * BLOCK_M + tl.arange(0, BLOCK_M)
        q = load_rows(q_ptr, stride_qm, rows, n_queries, DIM, BLOCK_D, UPCAST)
        scores = tl.dot(k, tl.trans(q), input_precision=PRECISION, out_dtype=ACC) * (scale * LOG2_E)
        if BOUNDED or KIND != 0:
            gaze_x, gaze_y = load_positions(gaze_ptr, stride_gm, rows, n_queries)
            dx, dy = gaze_x[None, :] - place_x[:, None], gaze_y[None, :] - place_y[:, None]
            squared = squared_distance(dx, dy, FAST)
        if KIND != 0:
            scores -= alpha * level(squared, e2, KIND, FAST)
        if WEIGHTED or not EVEN:
            scores += weight[:, None]
        if BOUNDED:
            scores = tl.where(squared <= squared_radius, scores, float("-inf"))
        log_sum = tl.load(log_sum_ptr + row + rows, mask=rows < n_queries, other=float("inf"))
        log_sum = tl.where(log_sum == float("-inf"), 0.0, log_sum * LOG2_E)
        delta = tl.load(delta_ptr + row + rows, mask=rows < n_queries, other=0.0)
        weights = tl.exp2(scores - log_sum[None, :])  # 0 for queries beyond the last
        grad_out = load_rows(grad_out_ptr, stride_om, rows, n_queries, DIM_V, BLOCK_DV, UPCAST)
        grad_v = tl.dot(
            weights.to(grad_out.dtype), grad_out, grad_v, input_precision=PRECISION, out_dtype=ACC
        )
        grad_weights = tl.dot(v, tl.trans(grad_out), input_precision=PRECISION, out_dtype=ACC)
        grad_scores = weights * (grad_weights - delta[None, :])
        if WEIGHTED and LEARN_BIAS:
            grad_weight += tl.sum(grad_scores, 1)
        if KIND != 0 and LEARN_POSITION:
            pull = grad_scores * slope(squared, e2, KIND, FAST)
            to_x += tl.sum(pull * dx, 1)
            to_y += tl.sum(pull * dy, 1)
        grad_k = tl.dot(grad_scores.to(q.dtype), q, grad_k, input_precision=PRECISION, out_dtype=ACC)

    key_row = (image * heads + head) * n_keys
    store_rows(grad_k_ptr + key_row * DIM, DIM, columns, n_keys, grad_k * scale, DIM, BLOCK_D)
    store_rows(grad_v_ptr + key_row * DIM_V, DIM_V, columns, n_keys, grad_v, DIM_V, BLOCK_DV)
    if WEIGHTED and LEARN_BIAS:
        tl.store(grad_weight_ptr + key_row + columns, grad_weight, mask=present)
    if LEARN_POSITION:
        tl.store(grad_place_ptr + (key_row + columns) * 2, to_x * alpha, mask=present)
        tl.store(grad_place_ptr + (key_row + columns) * 2 + 1, to_y * alpha, mask=present)
