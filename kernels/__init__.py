"""Tensor operators of the visual field, and on a CPU faster forms of layers with the same sums (`winograd`, `folding`).

Needs torch and triton alone and knows nothing above it.
"""

if __name__ == "kernels":
    raise ImportError("this folder installs as cogattn.kernels; use `from cogattn import kernels`")

from cogattn.kernels.box_pool.api import box_means, box_pool
from cogattn.kernels.box_pool.boxes import eccentric_boxes, ring_boxes, ring_windows
from cogattn.kernels.foveal_attention.api import can_run, foveal_attention, foveal_scores
from cogattn.kernels.foveal_attention.layout import Layout
from cogattn.kernels.foveal_attention.lists import spatial_order

__all__ = [
    "Layout",
    "box_means",
    "box_pool",
    "can_run",
    "eccentric_boxes",
    "foveal_attention",
    "foveal_scores",
    "ring_boxes",
    "ring_windows",
    "spatial_order",
]
