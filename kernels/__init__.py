"""Tensor operators of the visual field; needs torch and triton alone and knows nothing above it."""

if __name__ == "kernels":
    raise ImportError("this folder installs as cogattn.kernels; use `from cogattn import kernels`")

from cogattn.kernels.foveal_attention.api import can_run, foveal_attention, foveal_scores
from cogattn.kernels.foveal_attention.lists import spatial_order

__all__ = ["can_run", "foveal_attention", "foveal_scores", "spatial_order"]
