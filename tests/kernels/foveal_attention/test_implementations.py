"""Every implementation gives the reference's output and gradients, for awkward sizes and inputs."""

from __future__ import annotations

import itertools

import pytest
import torch

from cogattn.kernels import can_run, dispatch, foveal_attention

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")

RADIAL = ["smooth", "log", "gauss", "none"]
LAYOUTS = {
    "per_image": {},
    "shared": {"shared": True, "dim": 24, "dim_v": 32},
    "one_gaze": {"one_gaze": True},
    "plain": {"per_head": False, "weighted": False},
}
SIZES = [(1, 1), (1, 63), (7, 111), (63, 7), (111, 1)]


def check(problem, impl, assert_agree, factor=1.0):
    able, reason = can_run(impl, **problem.placed(impl))
    if not able:
        pytest.skip(reason)
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, impl), truth, factor)
    assert dispatch.last_used["foveal_attention"] == impl


def folds(kind, radius, layout):
    return layout == "one_gaze" or (radius is None and kind in ("gauss", "none"))


CASES = [
    (impl, kind, radius, layout)
    for impl, kind, radius, layout in itertools.product(
        ["blocked", "folded", "triton"], [*RADIAL, "polar"], [None, 2.5], LAYOUTS
    )
    if not (impl != "blocked" and kind == "polar")
    and not (impl == "folded" and not folds(kind, radius, layout))
]


@pytest.mark.parametrize(("impl", "kind", "radius", "layout"), CASES)
def test_output_and_every_gradient(make_problem, assert_agree, impl, kind, radius, layout):
    on_gpu = impl == "triton" and torch.cuda.is_available()
    dtype = torch.float32 if on_gpu else torch.float64
    check(make_problem(bias=kind, radius=radius, dtype=dtype, **LAYOUTS[layout]), impl, assert_agree)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("impl", "kind"), [("blocked", "polar"), *itertools.product(["blocked", "triton"], RADIAL)]
)
def test_rounding_stays_within_the_dtype(make_problem, assert_agree, impl, kind, dtype):
    check(make_problem(bias=kind, radius=2.5, dtype=dtype), impl, assert_agree)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("impl", ["blocked", "triton"])
def test_awkward_sizes(make_problem, assert_agree, impl, size):
    problem = make_problem(
        bias="log", radius=3.0, dtype=torch.float32, batch=1, n_queries=size[0], n_keys=size[1]
    )
    check(problem, impl, assert_agree)


@pytest.mark.parametrize("dim", [1, 48, 80, 128])
@pytest.mark.parametrize("impl", ["blocked", "triton"])
def test_head_dimensions_are_padded(make_problem, assert_agree, impl, dim):
    problem = make_problem(dtype=torch.float32, batch=1, heads=1, n_queries=9, n_keys=40, dim=dim)
    check(problem, impl, assert_agree)


@pytest.mark.parametrize("shared", [True, False])
def test_gathered_tiles_equal_the_reference(make_problem, assert_agree, shared):
    problem = make_problem(bias="smooth", radius=1.5, n_queries=300, n_keys=700, shared=shared)
    check(problem, "blocked", assert_agree)


@pytest.mark.parametrize("impl", ["blocked", "folded", "triton"])
def test_content_gradients_without_learned_bias(make_problem, assert_agree, impl):
    problem = make_problem(bias="gauss", dtype=torch.float32)
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name in ("q", "k", "v"))
    check(problem, impl, assert_agree)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_content_gradients_of_gathered_tiles(make_problem, assert_agree, dtype):
    problem = make_problem(bias="log", radius=1.5, n_queries=130, n_keys=700, dtype=dtype)
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name in ("q", "k", "v"))
    check(problem, "blocked", assert_agree)


@pytest.mark.parametrize("impl", ["blocked", "triton"])
@pytest.mark.parametrize("learned", ["alpha", "key_position", "log_weight"])
def test_each_gradient_alone(make_problem, assert_agree, impl, learned):
    problem = make_problem(bias="log", dtype=torch.float32, batch=1)
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name == learned)
    check(problem, impl, assert_agree)


@pytest.mark.parametrize("impl", ["blocked", "triton"])
def test_bfloat16_gradient_of_alpha_is_not_swamped_by_a_rounded_output(make_problem, impl):
    """The row sums of dS must vanish; a delta from the rounded output would leave percents."""
    problem = make_problem(bias="smooth", dtype=torch.bfloat16, n_queries=64, n_keys=64, weighted=False)
    truth = problem.answers(foveal_attention, "reference")["alpha"]
    got = problem.answers(foveal_attention, impl)["alpha"]
    bound = 1e-2 if torch.cuda.is_available() else 1e-4  # the interpreter multiplies in float32
    torch.testing.assert_close(got, truth, rtol=bound, atol=bound * float(truth.abs().max()))


def test_triton_is_deterministic(make_problem):
    problem = make_problem(bias="log", radius=3.0, dtype=torch.float32)
    first, second = (problem.answers(foveal_attention, "triton") for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
