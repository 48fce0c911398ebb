"""Box means against counting pixels, plain pooling and finite differences."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d

from cogattn.kernels import box_means, box_pool, dispatch

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")

IMPLS = ["bag", "triton"]
GPU = torch.cuda.is_available()


def to_device(impl, *tensors):
    return [t.to("cuda" if impl == "triton" and GPU else "cpu") for t in tensors]


def random_boxes(n, generator, whole=False, reach=2.0):
    low = torch.rand(2, n, 2, generator=generator, dtype=torch.float64) * 14 - reach
    boxes = torch.cat([low, low + torch.rand(2, n, 2, generator=generator, dtype=torch.float64) * 7], -1)
    return boxes.round().long() if whole else boxes


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(2)


@pytest.fixture
def features(generator):
    return torch.randn(2, 5, 9, 12, generator=generator, dtype=torch.float64)


def test_reference_counts_pixels(features):
    boxes = torch.tensor(
        [[[1, 2, 4, 5], [0, 0, 12, 9], [10, 7, 20, 20], [5, 5, 5, 9], [-9, -9, -1, -1]]]
    ).expand(2, -1, -1)
    got = box_means(features, boxes, impl="reference")
    torch.testing.assert_close(got[:, 0], features[:, :, 2:5, 1:4].mean((2, 3)))
    torch.testing.assert_close(got[:, 1], features.mean((2, 3)))
    torch.testing.assert_close(got[:, 2], features[:, :, 7:, 10:].mean((2, 3)))
    assert (got[:, 3:] == 0).all()
    half = box_means(features, torch.tensor([[[1.5, 2.0, 2.0, 3.0]]]), impl="reference")
    torch.testing.assert_close(half[:, 0], features[:, :, 2, 1])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("table", ["float64", "centred"])
@pytest.mark.parametrize("impl", IMPLS)
def test_means_and_gradients_equal_the_reference(features, generator, impl, table, whole):
    boxes = random_boxes(21, generator, whole=whole)
    weights = torch.randn(2, 21, 5, generator=generator, dtype=torch.float64)

    def answers(impl):
        f, b, w = to_device(impl, features, boxes, weights)
        leaves = [f.requires_grad_()] if whole else [f.requires_grad_(), b.requires_grad_()]
        means = box_means(f, b, table=table, impl=impl)
        return [t.cpu() for t in (means.detach(), *torch.autograd.grad(means, leaves, w))]

    for got, want in zip(answers(impl), answers("reference"), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)  # a small box divides by its area
    assert dispatch.last_used["box_pool"] == "reference"


def test_images_boxes_and_blocks_of_channels_share_one_axis_of_the_grid(generator, monkeypatch):
    """Its other axes end at 65,535."""
    kernels = pytest.importorskip("cogattn.kernels.box_pool.triton")
    grids, kernel = [], kernels.box_means_kernel

    class Watched:
        def __getitem__(self, grid):
            grids.append(grid)
            return kernel[grid]

    monkeypatch.setattr(kernels, "box_means_kernel", Watched())
    features = torch.randn(2, 70, 9, 12, generator=generator, dtype=torch.float64)
    boxes = random_boxes(kernels.BOX_BLOCK + 1, generator)
    got = box_means(*to_device("triton", features, boxes), impl="triton")
    torch.testing.assert_close(got.cpu(), box_means(features, boxes, impl="reference"))
    assert grids == [(2 * 2 * 2,)]


def test_gradients_equal_finite_differences(generator):
    features = torch.randn(1, 2, 4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor(
        [[[0.3, 0.2, 2.6, 3.7], [-1.2, 1.4, 1.3, 7.1]]], dtype=torch.float64, requires_grad=True
    )
    assert torch.autograd.gradcheck(lambda f, b: box_means(f, b, impl="bag"), (features, boxes))


@pytest.mark.parametrize("table", ["float64", "centred"])
def test_a_large_mean_costs_no_precision(generator, table):
    """A float32 table of features around 100 would be wrong by a percent."""
    features = 100 + torch.randn(1, 3, 112, 112, generator=generator)
    boxes = torch.tensor([[[90, 90, 92, 92], [100, 100, 111, 112]]])
    truth = box_means(features.double(), boxes, impl="reference") - 100
    error = (box_means(features, boxes, table=table).double() - 100 - truth).abs().max()
    assert error < (2e-5 if table == "float64" else 2e-3)


def test_a_uniform_window_is_average_pooling(features):
    gaze = torch.tensor([[[6.0, 4.0]]], dtype=torch.float64)
    pooled = box_pool(features[..., :8, :], gaze, stride=2, size_min=2.0, slope=0.0)
    torch.testing.assert_close(pooled[:, 0], avg_pool2d(features[..., :8, :], 2))


def test_a_window_of_one_pixel_returns_the_features(features):
    gaze = torch.zeros(1, 3, 2, dtype=torch.float64)
    pooled = box_pool(features, gaze, size_min=1.0, slope=0.0)
    torch.testing.assert_close(pooled, features[:, None].expand(-1, 3, -1, -1, -1))


def test_pooling_moves_with_the_image(features):
    """Shifting image and gaze by whole pixels shifts the result, away from the border."""
    features = torch.nn.functional.pad(features, (8, 8, 8, 8))
    gaze = torch.tensor([[[13.2, 11.7]]], dtype=torch.float64)
    settings = {"size_min": 1.0, "slope": 0.3, "fovea": 1.0}
    here = box_pool(features, gaze, **settings)
    there = box_pool(features.roll((2, 3), (2, 3)), gaze + torch.tensor([3.0, 2.0]), **settings)
    inner = (..., slice(8, 16), slice(8, 16))
    torch.testing.assert_close(there.roll((-2, -3), (3, 4))[inner], here[inner])


def test_pooling_is_differentiable_in_gaze_and_sizes(generator):
    features = torch.randn(1, 2, 6, 7, generator=generator, dtype=torch.float64)
    gaze = torch.tensor([[[3.21, 2.83]]], dtype=torch.float64, requires_grad=True)
    sizes = torch.tensor([1.3, 0.41, 0.37], dtype=torch.float64, requires_grad=True)

    def pooled(gaze, sizes):
        return box_pool(features, gaze, size_min=sizes[0], slope=sizes[1], fovea=sizes[2])

    assert torch.autograd.gradcheck(pooled, (gaze, sizes), fast_mode=True)


@pytest.mark.slow
@pytest.mark.parametrize("impl", IMPLS)
def test_the_operator_passes_opcheck(generator, impl):
    table = torch.randn(1, 5, 6, 3, generator=generator)
    boxes = torch.tensor([[[0.3, 0.2, 2.6, 3.7], [1.1, 1.4, 4.3, 3.1]]])
    leaves = [t.detach().requires_grad_() for t in to_device(impl, table, boxes)]
    torch.library.opcheck(torch.ops.cogattn.box_means.default, (*leaves, impl))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.nightly)])
def test_it_compiles_without_a_graph_break(features, backend):
    gaze = torch.tensor([[[6.1, 4.3]]], dtype=torch.float64, requires_grad=True)
    torch._dynamo.reset()
    compiled = torch.compile(box_pool, fullgraph=True, backend=backend)
    eager, traced = box_pool(features, gaze), compiled(features, gaze)
    torch.testing.assert_close(traced, eager)
    grads = [torch.autograd.grad(out.square().sum(), gaze)[0] for out in (eager, traced)]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": torch.zeros(5, 9, 12)}, "features must be real, of shape"),
        ({"gaze": torch.zeros(1, 2)}, "gaze must have shape"),
        ({"stride": 0}, "stride must be at least 1 pixel; got 0"),
        ({"table": "float16"}, "table must be float64 or centred; got 'float16'"),
    ],
)
def test_wrong_input_names_parameter_rule_and_value(features, change, message):
    with pytest.raises(ValueError, match=message):
        box_pool(**({"features": features, "gaze": torch.zeros(1, 1, 2)} | change))
