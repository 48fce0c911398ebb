"""Host side of the kernels: tile sizes, argument lists and the sums over heads that end the backward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.lists import BlockLists
from cogattn.kernels.foveal_attention.triton.backward import key_side_kernel, query_side_kernel
from cogattn.kernels.foveal_attention.triton.forward import forward_kernel
from cogattn.kernels.foveal_attention.triton.visits import visits_kernel

INTERPRETING = not isinstance(forward_kernel, triton.JITFunction)
KINDS = {"none": 0, "smooth": 1, "log": 2, "gauss": 3}
COMPILER: dict[str, object] = {"enable_fp_fusion": True}  # said aloud: the default changes with the version
CHUNK_POSITIONS = 1024  # positions that the list kernel looks at in one step


@dataclass(frozen=True)
class Tiling:
    """Block of queries, block of keys, warps and pipeline stages of a kernel."""

    queries: int
    keys: int
    warps: int
    stages: int


def tiling(kernel: str, dim: int, dtype: torch.dtype, n_queries: int) -> Tiling:
    """Tile sizes for "forward", "query_side" or "key_side" at head dimension `dim` (padded).

    Chosen from compiled sm_90 code: the largest tiles that neither spill nor exceed shared memory.
    """
    if INTERPRETING:
        return Tiling(32, 32, 4, 1)
    exact = dtype == torch.float32  # multiplied without tensor cores, from registers
    if kernel == "forward":
        table = Tiling(64, 32, 4, 2) if exact else Tiling(128, 64, 8, 3)
    elif kernel == "query_side":
        table = Tiling(32, 32, 4, 2) if exact else Tiling(64, 32, 4, 2) if dim > 64 else Tiling(128, 32, 8, 2)
    else:
        table = Tiling(32, 32, 4, 2) if exact else Tiling(32 if dim > 64 else 64, 64, 4, 2)
    if kernel != "key_side" and n_queries <= table.queries // 2:
        return Tiling(max(16, triton.next_power_of_2(n_queries)), table.keys, 4, table.stages)
    return table


def forward(call: Call) -> tuple[Tensor, Tensor]:
    """Return the output and the natural log-sum-exp of the scores (batch, heads, n_queries)."""
    call = _aligned(call)
    batch, heads, n_queries, _ = call.q.shape
    out = call.q.new_empty(batch, heads, n_queries, call.v.shape[-1])
    log_sum = call.e2.new_empty(batch, heads, n_queries)
    tile = _tiling("forward", call)
    lists = visits(call, tile)
    forward_kernel[(triton.cdiv(n_queries, tile.queries), batch * heads)](
        call.q, call.k, call.v, out, log_sum,
        *_geometry(call), *_list_tensors(call, lists),
        *call.q.stride()[:3], *call.k.stride()[:3], *call.v.stride()[:3],
        *_geometry_strides(call, lists),
        heads, n_queries, call.k.shape[2], call.scale,
        **_constants(call, tile),
    )  # fmt: skip
    return out, log_sum


def backward(
    call: Call, out: Tensor, log_sum: Tensor, grad_out: Tensor, learns_bias: bool, learns_position: bool
) -> tuple[Tensor, ...]:
    """Gradients in the order of the call's tensors; those not learned are empty."""
    call = _aligned(call)
    grad_out = grad_out if grad_out.stride(-1) == 1 else grad_out.contiguous()
    batch, heads, n_queries, _ = call.q.shape
    n_keys = call.k.shape[2]
    grad_q, grad_k, grad_v = (t.new_empty(t.shape) for t in (call.q, call.k, call.v))
    per_query, per_key = (batch, heads, n_queries), (batch, heads, n_keys)
    new = call.e2.new_empty
    delta = new(per_query)
    grad_alpha, grad_e2 = (new(per_query if learns_bias else (0,)) for _ in range(2))
    grad_weight = new(per_key if learns_bias and call.log_weight is not None else (0,))
    grad_gaze = new((*per_query, 2) if learns_position else (0,))
    grad_place = new((*per_key, 2) if learns_position else (0,))
    strides = (
        *call.q.stride()[:3], *call.k.stride()[:3], *call.v.stride()[:3], *grad_out.stride()[:3]
    )  # fmt: skip
    learned = {"LEARN_BIAS": learns_bias, "LEARN_POSITION": learns_position}

    tile = _tiling("query_side", call)
    lists = visits(call, tile)
    query_side_kernel[(triton.cdiv(n_queries, tile.queries), batch * heads)](
        call.q, call.k, call.v, out, log_sum, grad_out,
        *_geometry(call), *_list_tensors(call, lists),
        delta, grad_q, grad_alpha, grad_e2, grad_gaze,
        *strides, *_geometry_strides(call, lists),
        heads, n_queries, n_keys, call.scale,
        **_constants(call, tile), **learned,
    )  # fmt: skip
    tile = _tiling("key_side", call)
    lists = visits(call, tile, transposed=True)
    key_side_kernel[(triton.cdiv(n_keys, tile.keys), batch * heads)](
        call.q, call.k, call.v, log_sum, delta, grad_out,
        *_geometry(call), *_list_tensors(call, lists),
        grad_k, grad_v, grad_weight, grad_place,
        *strides, *_geometry_strides(call, lists),
        heads, n_queries, n_keys, call.scale,
        **_constants(call, tile), **learned,
    )  # fmt: skip
    return (
        grad_q,
        grad_k,
        grad_v,
        grad_gaze.sum(1).sum_to_size(call.query_position.shape) if learns_position else grad_gaze,
        grad_place.sum(1).sum_to_size(call.key_position.shape) if learns_position else grad_place,
        grad_weight
        if call.log_weight is None or not learns_bias
        else grad_weight.sum(1).sum_to_size(call.log_weight.shape),
        grad_alpha.sum((0, 2)).sum_to_size(call.coefficients.shape) if learns_bias else grad_alpha,
        grad_e2.sum((0, 2)).sum_to_size(call.e2.shape) if learns_bias else grad_e2,
    )


def visits(call: Call, tile: Tiling, *, transposed: bool = False) -> BlockLists | None:
    """Lists of key blocks for each query block (`transposed`: the reverse); None without a radius."""
    if call.radius is None:
        return None
    sides = [
        (call.query_position.expand(-1, call.q.shape[2], -1), None, tile.queries),
        (call.key_position, call.log_weight, tile.keys),
    ]
    (row, row_weight, row_block), (column, column_weight, column_block) = sides[::-1] if transposed else sides
    n_layouts = call.n_position_batches
    n_rows, n_columns = triton.cdiv(row.shape[1], row_block), triton.cdiv(column.shape[1], column_block)
    lists = BlockLists(
        row.new_empty(n_layouts, n_rows, dtype=torch.int32),
        row.new_empty(n_layouts, n_rows, n_columns, dtype=torch.int32),
    )
    visits_kernel[(n_rows, n_layouts)](
        row, column, row_weight, column_weight, call.radius, *lists,
        _batch_stride(row), row.stride(1), _batch_stride(column), column.stride(1),
        _batch_stride(row_weight), _batch_stride(column_weight),
        row.shape[1], column.shape[1], call.radius.shape[0],
        BLOCK_ROWS=row_block, BLOCK_COLUMNS=column_block, CHUNK=max(1, CHUNK_POSITIONS // column_block),
        ROWS_WEIGHTED=row_weight is not None, COLUMNS_WEIGHTED=column_weight is not None,
        FAST=not INTERPRETING, **COMPILER,
    )  # fmt: skip
    return lists


def _tiling(kernel: str, call: Call) -> Tiling:
    dim = max(_padded(call.q.shape[-1]), _padded(call.v.shape[-1]))
    return tiling(kernel, dim, call.q.dtype, call.q.shape[2])


def _padded(dim: int) -> int:
    return max(16, triton.next_power_of_2(dim))


def _aligned(call: Call) -> Call:
    """The call with rows of unit stride, as the kernels read them."""

    def dense(tensor: Tensor | None) -> Tensor | None:
        return tensor if tensor is None or tensor.stride(-1) == 1 else tensor.contiguous()

    return call._replace(
        q=dense(call.q),
        k=dense(call.k),
        v=dense(call.v),
        query_position=dense(call.query_position),
        key_position=dense(call.key_position),
        log_weight=dense(call.log_weight),
        coefficients=call.coefficients.contiguous(),
        e2=call.e2.contiguous(),
        radius=None if call.radius is None else call.radius.contiguous(),
    )


def _geometry(call: Call) -> tuple[Tensor | None, ...]:
    return (
        call.query_position, call.key_position, call.log_weight, call.coefficients, call.e2, call.radius
    )  # fmt: skip


def _list_tensors(call: Call, lists: BlockLists | None) -> tuple[Tensor | None, Tensor | None]:
    return (None, None) if lists is None else (lists.count, lists.index)


def _geometry_strides(call: Call, lists: BlockLists | None) -> tuple[int, ...]:
    gaze, place = call.query_position, call.key_position
    one_gaze = gaze.shape[1] == 1
    shared_list = lists is None or lists.count.shape[0] == 1
    return (
        _batch_stride(gaze), 0 if one_gaze else gaze.stride(1), _batch_stride(place), place.stride(1),
        _batch_stride(call.log_weight), 0 if shared_list else lists.count.shape[1],
        *(int(t is not None and t.shape[0] > 1) for t in (call.coefficients, call.e2, call.radius)),
    )  # fmt: skip


def _batch_stride(tensor: Tensor | None) -> int:
    """Step from image to image; 0 where all share the tensor or there is none."""
    return 0 if tensor is None or tensor.shape[0] == 1 else tensor.stride(0)


def _constants(call: Call, tile: Tiling) -> dict[str, object]:
    half = call.q.dtype == torch.bfloat16
    return {
        "DIM": call.q.shape[-1],
        "DIM_V": call.v.shape[-1],
        "BLOCK_D": _padded(call.q.shape[-1]),
        "BLOCK_DV": _padded(call.v.shape[-1]),
        "BLOCK_M": tile.queries,
        "BLOCK_N": tile.keys,
        "KIND": KINDS[call.bias],
        "WEIGHTED": call.log_weight is not None,
        "BOUNDED": call.radius is not None,
        "EVEN": call.k.shape[2] % tile.keys == 0,
        "UPCAST": INTERPRETING and half,
        "FAST": not INTERPRETING,
        "PRECISION": call.precision,
        "ACC": tl.float64 if call.q.dtype == torch.float64 else tl.float32,
        "num_warps": tile.warps,
        "num_stages": tile.stages,
        **COMPILER,
    }
