"""Host side of the kernels: their arguments, and the sums over heads that end the backward pass.

Numbers are handed over as numbers and lists come from the scene's layout, so that a call neither copies to the device
nor waits for it, and a CUDA graph can hold it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.layout import Layout
from cogattn.kernels.foveal_attention.lists import BlockLists
from cogattn.kernels.foveal_attention.triton.forward import forward_kernel, merge_kernel
from cogattn.kernels.foveal_attention.triton.key_side import key_side_kernel
from cogattn.kernels.foveal_attention.triton.query_side import join_kernel, query_side_kernel
from cogattn.kernels.foveal_attention.triton.tiling import Kernel, Tiling, padded, processors, splits, tiling
from cogattn.kernels.foveal_attention.triton.visits import visits_kernel

INTERPRETING = not isinstance(forward_kernel, triton.JITFunction)
FAST = not INTERPRETING  # one hardware instruction where the interpreter has a function
KINDS = {"none": 0, "smooth": 1, "log": 2, "gauss": 3}
COMPILER: dict[str, object] = {"enable_fp_fusion": True}  # said aloud: the default changes with the version
CHUNK_POSITIONS = 1024  # positions that the list kernel looks at in one step
MERGED_ROWS = 16  # of a program that joins splits


def forward(call: Call) -> tuple[Tensor, Tensor]:
    """Return the output and the natural log-sum-exp of the scores (batch, heads, n_queries)."""
    call = _aligned(call)
    scene, rows = call.scene, call.q.shape[:3]
    tile = _tiling("forward", call, scene)
    n_splits = _splits(call, scene, tile)
    out, log_sum = call.q.new_empty(*rows, call.v.shape[-1]), call.query_position.new_empty(rows)
    part_out, part_log_sum = out, log_sum
    if n_splits > 1:
        part_out, part_log_sum = (log_sum.new_empty(n_splits, *t.shape) for t in (out, log_sum))
    forward_kernel[(_programs(call.q, tile.queries), n_splits)](
        out_ptr=part_out, log_sum_ptr=part_log_sum, SPLITS=n_splits, **_shared(call, scene, tile)
    )
    if n_splits > 1:
        _join(merge_kernel, (part_out, part_log_sum, out, log_sum), n_splits)
    return out, log_sum


def backward(
    call: Call,
    out: Tensor,
    log_sum: Tensor,
    grad_out: Tensor,
    learns_bias: bool,
    learns_position: bool,
    grad_log_sum: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Gradients in the order of the call's tensors; those not learned are empty."""
    call = _aligned(call)
    scene = call.scene
    if grad_out.stride(-1) != 1 or _is_wide(grad_out):
        grad_out = grad_out.contiguous()
    upstream = {
        "grad_out_ptr": grad_out,
        "log_sum_ptr": log_sum,
        **_strides("o", "m", grad_out),
        "LEARN_BIAS": learns_bias,
        "LEARN_POSITION": learns_position,
    }
    grad_log_sum = None if grad_log_sum is None else grad_log_sum.contiguous()
    grad_q, sums = _query_side(call, scene, out, grad_log_sum, upstream)
    grad_k, grad_v, grad_weight, grad_place = _key_side(call, scene, sums[0], upstream)
    nothing = sums.new_empty(0)
    grads = [grad_q, grad_k, grad_v, nothing, nothing, nothing, nothing, nothing]
    if learns_position:
        grads[3] = _per_position(sums[-call.key_position.shape[-1] :], call.query_position)
        grads[4] = _per_position(grad_place, call.key_position)
    if learns_bias:
        grads[5] = (
            nothing if call.log_weight is None else grad_weight.sum(1).sum_to_size(call.log_weight.shape)
        )
        grads[6], grads[7] = _per_parameter(sums[1], call.coefficients), _per_parameter(sums[2], call.e2)
    return tuple(grads)


def _query_side(
    call: Call, scene: Layout, out: Tensor, grad_log_sum: Tensor | None, upstream: dict
) -> tuple[Tensor, Tensor]:
    """Gradient of q, and the sums (1 to 6, batch, heads, n_queries) that `query_side_kernel` names."""
    tile = _tiling("query_side", call, scene, upstream["LEARN_POSITION"])
    n_splits = _splits(call, scene, tile)
    rows = call.q.shape[:3]
    n_sums = 1 + 2 * upstream["LEARN_BIAS"] + call.key_position.shape[-1] * upstream["LEARN_POSITION"]
    grad_q, sums = call.q.new_empty(call.q.shape), call.query_position.new_empty(n_sums, *rows)
    part_q, part_sums = grad_q, sums
    if n_splits > 1:
        part_q = sums.new_empty(n_splits, *call.q.shape)
        part_sums = sums.new_empty(2 * n_sums, n_splits, *rows)
    query_side_kernel[(_programs(call.q, tile.queries), n_splits)](
        out_ptr=out, grad_log_sum_ptr=grad_log_sum, grad_q_ptr=part_q, sums_ptr=part_sums, SPLITS=n_splits,
        **_shared(call, scene, tile), **upstream,
    )  # fmt: skip
    if n_splits > 1:
        _join(join_kernel, (part_q, part_sums, grad_q, sums), n_splits, SUMS=n_sums)
    return grad_q, sums


def _join(kernel, tensors: tuple[Tensor, ...], n_splits: int, **constants: int) -> None:
    """Join the splits of all rows: parts of content and sums, then what becomes of them."""
    *_, content, sums = tensors
    dim, n_rows = content.shape[-1], content[..., 0].numel()
    kernel[(triton.cdiv(n_rows, MERGED_ROWS),)](
        *tensors, n_rows, DIM=dim, BLOCK_D=padded(dim), BLOCK_M=MERGED_ROWS, SPLITS=n_splits,
        ACC=_accumulator(sums), **constants, **COMPILER,
    )  # fmt: skip


def _key_side(call: Call, scene: Layout, delta: Tensor, upstream: dict) -> tuple[Tensor, ...]:
    """Gradients of k and v; for each of their heads also those of log_weight and, by axis, of the keys' positions."""
    tile = _tiling("key_side", call, scene, upstream["LEARN_POSITION"])
    per_key = call.k.shape[:3]
    weighted = upstream["LEARN_BIAS"] and call.log_weight is not None
    n_dims = call.key_position.shape[-1] if upstream["LEARN_POSITION"] else 0
    grad_k, grad_v = call.k.new_empty(call.k.shape), call.v.new_empty(call.v.shape)
    grad_weight, grad_place = delta.new_empty(per_key if weighted else 0), delta.new_empty(n_dims, *per_key)
    key_side_kernel[(_programs(call.k, tile.keys),)](
        delta_ptr=delta, grad_k_ptr=grad_k, grad_v_ptr=grad_v, grad_weight_ptr=grad_weight,
        grad_place_ptr=grad_place, **_shared(call, scene, tile, transposed=True), **upstream,
    )  # fmt: skip
    return grad_k, grad_v, grad_weight, grad_place


def _per_position(grad: Tensor, position: Tensor) -> Tensor:
    """Sum gradients (n_dims, batch, heads, n) over heads, and over what shares a position."""
    return grad.sum(2).movedim(0, -1).sum_to_size(position.shape).contiguous()


def _per_parameter(grad: Tensor, value: Tensor | float) -> Tensor:
    """Sum a gradient (batch, heads, n_queries) to the shape of a parameter of the heads; of a number there is none."""
    return grad.sum((0, 2)).sum_to_size(value.shape) if isinstance(value, Tensor) else grad.new_zeros(1)


def visits(call: Call, scene: Layout, tile: Tiling, *, transposed: bool = False) -> BlockLists | None:
    """Lists of key blocks for each query block (`transposed`: the reverse); None where no block can be skipped.

    Both tensors have one axis more than those of `lists.block_lists`, the second: of size 1, or a list for each head
    where each has a radius.
    """
    if not _is_listed(call):
        return None
    name = ("visits", call.q.shape[2], tile.queries, tile.keys, transposed)
    return scene.keep(name, lambda: _make_visits(call, scene, tile, transposed))


class _Side(NamedTuple):
    """Queries or keys, as rows or columns of the block lists."""

    axes: Tensor
    log_weight: Tensor | None
    ids: Tensor | None
    n: int
    block: int


def _make_visits(call: Call, scene: Layout, tile: Tiling, transposed: bool) -> BlockLists:
    query_ids, key_ids = call.sequences or (None, None)
    row = _Side(_axes(scene.query_axes(), call), None, query_ids, call.q.shape[2], tile.queries)
    column = _Side(_axes(scene.key_axes(), call), call.log_weight, key_ids, call.k.shape[2], tile.keys)
    if transposed:
        row, column = column, row
    n_radii = call.radius.shape[0] if isinstance(call.radius, Tensor) else 1
    shape = (scene.n_layouts, n_radii, triton.cdiv(row.n, row.block))
    lists = BlockLists(
        row.axes.new_empty(shape, dtype=torch.int32),
        row.axes.new_empty(*shape, triton.cdiv(column.n, column.block), dtype=torch.int32),
    )
    visits_kernel[(lists.count.numel(),)](
        row.axes, column.axes, row.log_weight, column.log_weight, row.ids, column.ids, *lists,
        *_axis_strides(row.axes), *_axis_strides(column.axes),
        *(_batch_stride(t) for t in (row.log_weight, column.log_weight, row.ids, column.ids)),
        call.radius, _step(call.radius), n_radii, row.n, column.n,
        BLOCK_ROWS=row.block, BLOCK_COLUMNS=column.block, CHUNK=max(1, CHUNK_POSITIONS // column.block),
        DIMS=len(row.axes), ROWS_WEIGHTED=row.log_weight is not None, COLUMNS_WEIGHTED=column.log_weight is not None,
        BOUNDED=call.radius is not None, CAUSAL=call.causal, SEQUENCED=call.sequences is not None,
        TRANSPOSED=transposed, FAST=FAST, **COMPILER,
    )  # fmt: skip
    return lists


def _is_listed(call: Call) -> bool:
    """Whether blocks can be skipped; a mask of pairs hides within blocks alone."""
    return call.radius is not None or call.causal or call.sequences is not None


def _kept(call: Call, scene: Layout) -> float:
    """Fraction of the blocks of 64 that are visited; 1 where no layout would keep the answer."""
    if call.layout is None or not _is_listed(call):
        return 1.0

    def count() -> float:
        lists = _make_visits(call, scene, Tiling(64, 64, 4, 1), False)
        return float(lists.count.sum()) / lists.index.numel()

    return scene.keep(("kept", call.q.shape[2]), count)


def _tiling(kernel: Kernel, call: Call, scene: Layout, learns_position: bool = False) -> Tiling:
    if INTERPRETING:
        return Tiling(32, 32, 4, 1)
    dim = max(padded(call.q.shape[-1]), padded(call.v.shape[-1]))
    return tiling(
        kernel, dim, call.q.dtype, call.q.shape[2], kept=_kept(call, scene), learns_position=learns_position
    )


def _splits(call: Call, scene: Layout, tile: Tiling) -> int:
    programs = _programs(call.q, tile.queries)
    return splits(tile, call.k.shape[2], _kept(call, scene), programs, processors(call.q.device))


def _programs(rows: Tensor, block: int) -> int:
    """Programs for all blocks of rows (batch, heads, n, dim)."""
    batch, heads, n, _ = rows.shape
    return triton.cdiv(n, block) * batch * heads


def _aligned(call: Call) -> Call:
    """The call with rows of unit stride, as the kernels read them."""

    def dense(tensor: Tensor | None) -> Tensor | None:
        return tensor if tensor is None or tensor.stride(-1) == 1 else tensor.contiguous()

    if call.wide == torch.float64:
        call = call.tensors()  # numbers as arguments are 32-bit
    content = {name: dense(getattr(call, name)) for name in ("q", "k", "v", "log_weight", "mask")}
    query_ids, key_ids = call.sequences or (None, None)
    sequences = (
        None if query_ids is None or key_ids is None else (query_ids.contiguous(), key_ids.contiguous())
    )
    heads = {name: getattr(call, name) for name in ("coefficients", "e2", "radius")}
    return call._replace(
        sequences=sequences,
        **content,
        **{n: t.contiguous() if isinstance(t, Tensor) else t for n, t in heads.items()},
    )


def _shared(call: Call, scene: Layout, tile: Tiling, *, transposed: bool = False) -> dict[str, object]:
    """What the three kernels are told alike."""
    gaze, place = _axes(scene.query_axes(), call), _axes(scene.key_axes(), call)
    lists = visits(call, scene, tile, transposed=transposed)
    (stride_ga, stride_gb, step_gaze), (stride_pa, stride_pb, _) = _axis_strides(gaze), _axis_strides(place)
    return {
        "q_ptr": call.q, "k_ptr": call.k, "v_ptr": call.v,
        **_strides("q", "m", call.q), **_strides("k", "n", call.k), **_strides("v", "n", call.v),
        "gaze_ptr": gaze, "stride_ga": stride_ga, "stride_gb": stride_gb, "step_gaze": step_gaze,
        "place_ptr": place, "stride_pa": stride_pa, "stride_pb": stride_pb,
        "weight_ptr": call.log_weight, "stride_wb": _batch_stride(call.log_weight),
        **_list_arguments(lists), **_pair_arguments(call),
        "alpha": call.coefficients, "step_alpha": _step(call.coefficients),
        "e2": call.e2, "step_e2": _step(call.e2),
        "radius": call.radius, "step_radius": _step(call.radius),
        "heads": call.q.shape[1], "n_queries": call.q.shape[2], "n_keys": call.k.shape[2], "scale": call.scale,
        **_constants(call, tile),
    }  # fmt: skip


def _strides(name: str, row: str, tensor: Tensor) -> dict[str, int]:
    return {f"stride_{name}{axis}": tensor.stride(i) for i, axis in enumerate(("b", "h", row))}


def _list_arguments(lists: BlockLists | None) -> dict[str, object]:
    if lists is None:
        return {"count_ptr": None, "index_ptr": None, "stride_lb": 0, "stride_lh": 0}
    layouts, radii, _ = lists.count.shape
    by_image, by_head, _ = lists.count.stride()
    return {
        "count_ptr": lists.count,
        "index_ptr": lists.index,
        "stride_lb": by_image if layouts > 1 else 0,
        "stride_lh": by_head if radii > 1 else 0,
    }


def _pair_arguments(call: Call) -> dict[str, object]:
    query_ids, key_ids = call.sequences or (None, None)
    shown = None if call.mask is None else call.mask.expand(*call.q.shape[:3], -1).view(torch.uint8)
    return {
        "mask_ptr": shown,
        "query_ids_ptr": query_ids,
        "key_ids_ptr": key_ids,
        **(
            dict.fromkeys(("stride_mb", "stride_mh", "stride_mm"), 0)
            if shown is None
            else _strides("m", "m", shown)
        ),
        "stride_ib": _batch_stride(query_ids),
        "stride_jb": _batch_stride(key_ids),
    }


def _axes(axes: Tensor, call: Call) -> Tensor:
    """Coordinates (n_dims, batch or 1, n or 1) in the type of the scores."""
    return axes.to(call.wide)


def _axis_strides(axes: Tensor) -> tuple[int, int, int]:
    """Steps from axis to axis, image to image and position to position; 0 where one is shared."""
    return axes.stride(0), axes.stride(1) if axes.shape[1] > 1 else 0, int(axes.shape[2] > 1)


def _batch_stride(tensor: Tensor | None) -> int:
    """Step from image to image; 0 where all share the tensor or there is none."""
    return 0 if tensor is None or tensor.shape[0] == 1 else tensor.stride(0)


def _step(value: Tensor | float | None) -> int | None:
    """Step from head to head, 0 where all share it; None for a number, which is no pointer."""
    return int(value.shape[0] > 1) if isinstance(value, Tensor) else None


def _is_wide(content: Tensor) -> bool:
    """Whether the offset of a row within its head can pass 32 bits."""
    return content.shape[2] * content.stride(2) >= 2**31


def _accumulator(tensor: Tensor) -> tl.dtype:
    return tl.float64 if tensor.dtype == torch.float64 else tl.float32


def _constants(call: Call, tile: Tiling) -> dict[str, object]:
    return {
        "DIM": call.q.shape[-1],
        "DIM_V": call.v.shape[-1],
        "BLOCK_D": padded(call.q.shape[-1]),
        "BLOCK_DV": padded(call.v.shape[-1]),
        "BLOCK_M": tile.queries,
        "BLOCK_N": tile.keys,
        "GROUP": call.q.shape[1] // call.k.shape[1],
        "DIMS": call.key_position.shape[-1],
        "KIND": KINDS[call.bias],
        "WEIGHTED": call.log_weight is not None,
        "BOUNDED": call.radius is not None,
        "MASKED": call.mask is not None,
        "CAUSAL": call.causal,
        "SEQUENCED": call.sequences is not None,
        "LISTED": _is_listed(call),
        "EVEN": call.k.shape[2] % tile.keys == 0,
        "UPCAST": INTERPRETING and call.q.dtype == torch.bfloat16,
        "WIDE": any(_is_wide(t) for t in (call.q, call.k, call.v)),
        "FAST": FAST,
        "PRECISION": call.precision,
        "ACC": _accumulator(call.q),
        "num_warps": tile.warps,
        "num_stages": tile.stages,
        **COMPILER,
    }
