"""Average pooling over boxes of any size and place, at a price that does not depend on their size.

A summed-area table of the features is built once per image; each box then costs the reading of its corners,
so that the pooled maps of many gazes come at little more than the price of writing them.

References
----------
Crow (1984), SIGGRAPH (summed-area tables); Gupta et al. (2021), NeurIPS (eccentricity-dependent pooling).
"""

from __future__ import annotations

import importlib.util
import os
from types import ModuleType
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from cogattn.kernels import dispatch
from cogattn.kernels.box_pool import bag, reference
from cogattn.kernels.box_pool.boxes import eccentric_boxes
from cogattn.kernels.box_pool.table import Table, area, clip, corners, summed_area_table

Impl = Literal["auto", "reference", "bag", "triton"]


class Call(NamedTuple):
    """Features (batch, channels, height, width) and boxes (batch, n, 4)."""

    features: Tensor
    boxes: Tensor


def box_pool(
    features: Tensor,
    gaze: Tensor,
    *,
    stride: int = 1,
    size_min: Tensor | float = 1.0,
    slope: Tensor | float = 0.25,
    fovea: Tensor | float = 0.0,
    table: Table = "float64",
    impl: Impl = "auto",
) -> Tensor:
    """Pool a feature map with square windows that grow with the distance from each gaze.

    Parameters
    ----------
    features : Tensor, shape (batch, channels, height, width)
        Feature map.
    gaze : Tensor, shape (batch or 1, n_gazes, 2)
        Horizontal and vertical gaze, in pixels of the map; the centre of the first pixel is (0.5, 0.5).
    stride : int
        Distance of neighbouring output cells, in pixels.
    size_min, slope, fovea : float or Tensor, shape ()
        Side of the window is ``size_min + slope * max(0, E - fovea)`` pixels at E pixels from the gaze.
    table : {"float64", "centred"}
        Precision of the summed-area table: double, or that of the features after taking out each channel's
        mean, which halves its size and loses up to three digits.
    impl : {"auto", "reference", "bag", "triton"}
        Implementation; `cogattn.kernels.dispatch.last_used` names the one that ran.

    Returns
    -------
    Tensor, shape (batch, n_gazes, channels, ceil(height / stride), ceil(width / stride))
        Means over the part of each window inside the map. Differentiable in features, gaze and sizes.

    Notes
    -----
    A pixel counts by the part of it that the window covers, so that the result is continuous in the gaze.
    ``size_min=1, slope=0, stride=1`` returns the features themselves.
    """
    _check_features(features)
    if gaze.dim() != 3 or gaze.shape[0] not in (1, features.shape[0]) or gaze.shape[2] != 2:
        raise ValueError(f"gaze must have shape (batch or 1, n_gazes, 2); got {tuple(gaze.shape)}")
    if stride < 1:
        raise ValueError(f"stride must be at least 1 pixel; got {stride}")
    height, width = features.shape[-2:]
    gaze = gaze.to(_wide(features))
    boxes = eccentric_boxes(gaze, height, width, stride=stride, size_min=size_min, slope=slope, fovea=fovea)
    pooled = box_means(features, boxes.flatten(1, 3), table=table, impl=impl)
    return pooled.unflatten(1, boxes.shape[1:4]).movedim(-1, 2)


def box_means(features: Tensor, boxes: Tensor, *, table: Table = "float64", impl: Impl = "auto") -> Tensor:
    """Mean of a feature map over each box.

    Parameters
    ----------
    features : Tensor, shape (batch, channels, height, width)
        Feature map.
    boxes : Tensor, shape (batch or 1, n_boxes, 4)
        Left, top, right and bottom edge in pixels: integers for whole pixels, or real numbers. What reaches
        beyond the map does not count; a box that covers nothing gives 0.
    table, impl
        As in `box_pool`.

    Returns
    -------
    Tensor, shape (batch, n_boxes, channels)
        In the dtype of `features`; differentiable in the features and in real boxes.
    """
    _check_features(features)
    if boxes.dim() != 3 or boxes.shape[0] not in (1, features.shape[0]) or boxes.shape[2] != 4:
        raise ValueError(f"boxes must have shape (batch or 1, n_boxes, 4); got {tuple(boxes.shape)}")
    if table not in ("float64", "centred"):
        raise ValueError(f"table must be float64 or centred; got {table!r}")
    call = Call(features, boxes.expand(features.shape[0], -1, -1))
    chosen = OPERATOR.choose(impl, call)
    dispatch.record(OPERATOR.name, chosen)
    clipped = clip(call.boxes, *features.shape[-2:])
    if chosen == "reference":
        return reference.box_means(features, clipped)
    if table == "float64":
        return _box_means_op(summed_area_table(features.double()), clipped, chosen).to(features.dtype)
    wide = features.to(_wide(features))
    mean = wide.mean((2, 3), keepdim=True)
    means = _box_means_op(summed_area_table(wide - mean), clipped, chosen)
    covered = ((clipped[..., 2:] - clipped[..., :2]) > 0).all(-1, keepdim=True)
    return (means + mean[:, None, :, 0, 0] * covered).to(features.dtype)


def can_run(impl: Impl, features: Tensor, boxes: Tensor) -> tuple[bool, str]:
    """Return whether `impl` can run `box_means` on these arguments, and why where it cannot."""
    return OPERATOR.can_run(impl, Call(features, boxes))


def _check_features(features: Tensor) -> None:
    if features.dim() != 4 or not features.dtype.is_floating_point:
        raise ValueError(
            "features must be real, of shape (batch, channels, height, width); "
            f"got {features.dtype} of shape {tuple(features.shape)}"
        )


def _triton_obstacle(call: Call) -> str:
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if call.features.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"triton needs a CUDA device; the tensors are on {call.features.device.type}"
    return "" if call.boxes.shape[1] else "there is no box"


OPERATOR: dispatch.Operator[Call] = dispatch.Operator(
    name="box_pool",
    obstacles={"reference": lambda _: "", "bag": lambda _: "", "triton": _triton_obstacle},
    preference=lambda call: ("triton", "bag") if call.features.device.type == "cuda" else ("bag",),
)


@torch.library.custom_op("cogattn::box_means", mutates_args=())
def _box_means_op(table: Tensor, boxes: Tensor, impl: str) -> Tensor:
    """Means (batch, n, channels) over clipped boxes."""
    dispatch.record(OPERATOR.name, impl)
    return _backend(impl).forward(table, boxes)


@_box_means_op.register_fake
def _(table: Tensor, boxes: Tensor, impl: str) -> Tensor:
    return table.new_empty(boxes.shape[0], boxes.shape[1], table.shape[3])


def _keep(ctx, inputs, output) -> None:
    table, boxes, _ = inputs
    ctx.save_for_backward(table, boxes, output)


def _differentiate(ctx, grad_means: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    table, boxes, means = ctx.saved_tensors
    height, width = table.shape[1] - 1, table.shape[2] - 1
    rows, weights_y, weights_x = corners(boxes, height, width)
    grad_sums = grad_means / area(boxes)[..., None]
    flat = table.reshape(-1, table.shape[3])
    grad_table = grad_boxes = None
    if ctx.needs_input_grad[0]:
        grad_table = torch.zeros_like(flat)
        for i in range(rows.shape[2]):
            for j in range(rows.shape[3]):
                weight = (weights_y[..., i] * weights_x[..., j])[..., None]
                grad_table = grad_table.index_add(
                    0, rows[..., i, j].flatten(), (grad_sums * weight).flatten(0, 1).to(flat.dtype)
                )
        grad_table = grad_table.reshape(table.shape)
    if ctx.needs_input_grad[1]:
        grad_boxes = _boxes_backward(flat, boxes, means, rows, weights_y, weights_x, grad_means)
    return grad_table, grad_boxes, None


def _boxes_backward(
    flat: Tensor,
    boxes: Tensor,
    means: Tensor,
    rows: Tensor,
    weights_y: Tensor,
    weights_x: Tensor,
    grad_means: Tensor,
) -> Tensor:
    """Gradient of real boxes: a moving edge adds the line of pixels that it passes."""
    per_corner = torch.stack(
        [
            torch.stack([(flat[rows[..., i, j]] * grad_means).sum(-1) for j in range(rows.shape[3])], -1)
            for i in range(rows.shape[2])
        ],
        -2,
    )  # (batch, n, taps, taps)
    across = (weights_y[..., None] * per_corner).sum(-2)
    down = (weights_x[..., None, :] * per_corner).sum(-1)
    grad_sum = torch.stack(
        [across[..., 0] - across[..., 1], down[..., 0] - down[..., 1],
         across[..., 3] - across[..., 2], down[..., 3] - down[..., 2]], -1
    )  # fmt: skip
    span = boxes[..., 2:] - boxes[..., :2]
    of_area = torch.cat([-span.flip(-1), span.flip(-1)], -1)
    through_area = (means * grad_means).sum(-1, keepdim=True) * of_area
    return ((grad_sum - through_area) / area(boxes)[..., None]).to(boxes.dtype)


_box_means_op.register_autograd(_differentiate, setup_context=_keep)


def _backend(impl: str) -> ModuleType:
    if impl == "bag":
        return bag
    from cogattn.kernels.box_pool import triton

    return triton


def _wide(tensor: Tensor) -> torch.dtype:
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32
