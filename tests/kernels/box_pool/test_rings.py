"""Ring windows against one masked pooling of the whole map per ring, as eccNET's code computes them."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d, pad

from cogattn.kernels import box_means, ring_boxes, ring_windows


def masked_poolings(features, gaze, stride, windows, fovea, ring):
    """One average pooling with TensorFlow's "same" padding per ring, times a mask, summed."""
    height, width = features.shape[-2:]
    rows, columns = -(-height // stride), -(-width // stride)
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    eccentricity = torch.hypot((x + 0.5) * stride - gaze[0], (y + 0.5) * stride - gaze[1])
    total = features.new_zeros(*features.shape[:2], rows, columns)
    for k, window in enumerate(windows):
        outer = torch.inf if k == len(windows) - 1 else fovea + k * ring
        inner = -torch.inf if k == 0 else fovea + (k - 1) * ring
        mask = (eccentricity > inner) & (eccentricity <= outer)
        need = [max((n - 1) * stride + window - size, 0) for n, size in ((columns, width), (rows, height))]
        margins = (need[0] // 2, need[0] - need[0] // 2, need[1] // 2, need[1] - need[1] // 2)
        sums, counts = (
            avg_pool2d(pad(t, margins), window, stride)[..., :rows, :columns]
            for t in (features, torch.ones_like(features))
        )
        total += sums / counts * mask
    return total


@pytest.mark.parametrize("size", [(26, 33), (40, 40)])
@pytest.mark.parametrize("gaze", [(20.0, 20.0), (3.0, 30.5)])
@pytest.mark.parametrize("stride", [1, 2])
def test_ring_boxes_equal_masked_poolings(size, gaze, stride):
    features = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    windows = (2, 3, 3, 4, 5, 8)
    settings = {"stride": stride, "windows": windows, "fovea": 6.0, "ring": 4.0}
    boxes = ring_boxes(torch.tensor([[gaze]]), *size, **settings)
    pooled = box_means(features, boxes.flatten(1, 3)).unflatten(1, boxes.shape[2:4]).movedim(-1, 1)
    torch.testing.assert_close(pooled, masked_poolings(features, gaze, **settings), rtol=1e-12, atol=1e-12)


def test_windows_are_those_seen_in_eccnet_on_a_search_image_of_806_pixels():
    assert ring_windows(0.07, pixels_per_deg=8, n_rings=9) == (2, 3, 3, 4, 4, 5, 5, 6, 6, 7)
    assert ring_windows(0.16, pixels_per_deg=4, n_rings=9) == (2, 3, 3, 4, 5, 5, 6, 6, 7, 8)
    assert ring_windows(0.0, pixels_per_deg=30, n_rings=3) == (2, 2, 2, 2)
