"""Box sums on a GPU: one program per block of boxes and of channels reads the corners and adds them."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

CHANNEL_BLOCK = 64
BOX_BLOCK = 8  # 16 took all registers and spilled
COMPILER: dict[str, object] = {"enable_fp_fusion": True}  # said aloud: the default changes with the version


@triton.jit
def edge(position, tap: tl.constexpr, FRACTIONAL: tl.constexpr):
    """Corner next to an edge and its share: the lower (tap 0) or the upper one."""
    if FRACTIONAL:
        floor = tl.floor(position)
        part = position - floor
        corner = floor.to(tl.int64) + tap
        return corner, (part if tap == 1 else 1.0 - part)
    else:
        return position.to(tl.int64), position * 0 + 1


@triton.jit
def box_means_kernel(
    table_ptr, boxes_ptr, out_ptr, n_boxes, height, width, channels, boxes_stride_b,
    TAPS: tl.constexpr, BOX_BLOCK: tl.constexpr, CHANNEL_BLOCK: tl.constexpr,
):  # fmt: skip
    """Write the means of BOX_BLOCK boxes of one image for CHANNEL_BLOCK channels."""
    program = tl.program_id(0)  # the other axes of a grid end at 65,535
    n_box_blocks, n_channel_blocks = tl.cdiv(n_boxes, BOX_BLOCK), tl.cdiv(channels, CHANNEL_BLOCK)
    row = program // n_box_blocks
    image = (row // n_channel_blocks).to(tl.int64)
    box = program % n_box_blocks * BOX_BLOCK + tl.arange(0, BOX_BLOCK)
    channel = row % n_channel_blocks * CHANNEL_BLOCK + tl.arange(0, CHANNEL_BLOCK)
    present = box < n_boxes
    boxes_ptr += image * boxes_stride_b + box * 4
    left = tl.load(boxes_ptr, mask=present, other=0)
    top = tl.load(boxes_ptr + 1, mask=present, other=0)
    right = tl.load(boxes_ptr + 2, mask=present, other=0)
    bottom = tl.load(boxes_ptr + 3, mask=present, other=0)
    table_ptr += image * (height + 1) * (width + 1) * channels
    mask = present[:, None] & (channel[None, :] < channels)
    acc = tl.zeros([BOX_BLOCK, CHANNEL_BLOCK], table_ptr.dtype.element_ty)
    for side_y in tl.static_range(2):
        for tap_y in tl.static_range(TAPS):
            line, share_y = edge(bottom if side_y == 1 else top, tap_y, TAPS == 2)
            line = tl.minimum(line, height)
            for side_x in tl.static_range(2):
                for tap_x in tl.static_range(TAPS):
                    column, share_x = edge(right if side_x == 1 else left, tap_x, TAPS == 2)
                    column = tl.minimum(column, width)
                    share = share_x * share_y
                    if side_x != side_y:
                        share = -share
                    row = (line * (width + 1) + column) * channels
                    value = tl.load(table_ptr + row[:, None] + channel[None, :], mask=mask, other=0.0)
                    acc += share.to(acc.dtype)[:, None] * value
    size = ((right - left) * (bottom - top)).to(acc.dtype)
    acc = acc / tl.where(size > 0, size, 1.0)[:, None]
    tl.store(out_ptr + (image * n_boxes + box[:, None]) * channels + channel[None, :], acc, mask=mask)


def forward(table: Tensor, boxes: Tensor) -> Tensor:
    """Means (batch, n, channels) over clipped boxes (batch, n, 4), in the table's dtype."""
    batch, lines, columns, channels = table.shape
    boxes = boxes.contiguous()
    n_boxes = boxes.shape[1]
    out = table.new_empty(batch, n_boxes, channels)
    block = min(CHANNEL_BLOCK, triton.next_power_of_2(channels))
    box_means_kernel[(triton.cdiv(n_boxes, BOX_BLOCK) * triton.cdiv(channels, block) * batch,)](
        table, boxes, out, n_boxes, lines - 1, columns - 1, channels, boxes.stride(0),
        TAPS=2 if boxes.dtype.is_floating_point else 1, BOX_BLOCK=BOX_BLOCK, CHANNEL_BLOCK=block,
        **COMPILER,
    )  # fmt: skip
    return out
