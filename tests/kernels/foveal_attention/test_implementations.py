"""Every implementation gives the reference's output and gradients, for awkward sizes and inputs."""

from __future__ import annotations

import itertools

import pytest
import torch

from cogattn.kernels import can_run, dispatch, foveal_attention
from cogattn.kernels.foveal_attention import blocked, kept, tiles

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")

RADIAL = ["smooth", "log", "gauss", "none"]
LAYOUTS = {
    "per_image": {},
    "shared": {"shared": True, "dim": 24, "dim_v": 32},
    "one_gaze": {"one_gaze": True},
    "plain": {"per_head": False, "weighted": False},
}
SIZES = [(1, 1), (2, 9), (1, 63), (7, 111), (63, 7), (111, 1)]


def check(problem, impl, assert_agree, factor=1.0):
    able, reason = can_run(impl, **problem.placed(impl))
    if not able:
        pytest.skip(reason)
    truth = problem.answers(foveal_attention, "reference")
    assert_agree(problem.answers(foveal_attention, impl), truth, factor)
    assert dispatch.last_used["foveal_attention"] == impl


def folds(kind, radius, layout):
    return layout == "one_gaze" or (radius is None and kind in ("gauss", "none"))


def odd(kind, radius, layout):
    """Half of the cases, as an interpreter takes seconds for each; among the others any two choices come together."""
    return (RADIAL.index(kind) + list(LAYOUTS).index(layout) + (radius is None)) % 2 == 1


CASES = [
    (impl, kind, radius, layout)
    for impl, kind, radius, layout in itertools.product(
        ["dense", "blocked", "folded", "triton"], [*RADIAL, "polar"], [None, 2.5], LAYOUTS
    )
    if not (impl in ("folded", "triton") and kind == "polar")
    and not (impl == "folded" and not folds(kind, radius, layout))
    and not (impl == "triton" and odd(kind, radius, layout))
]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
ROUNDED = [
    (impl, kind, dtype)
    for (i, kind), (j, dtype), impl in itertools.product(
        enumerate([*RADIAL, "polar"]), enumerate(DTYPES), ["dense", "blocked", "triton"]
    )
    if impl != "triton" or (kind != "polar" and (i + j) % 2 == 0)
]


@pytest.mark.parametrize(("impl", "kind", "radius", "layout"), CASES)
def test_output_and_every_gradient(make_problem, assert_agree, impl, kind, radius, layout):
    on_gpu = impl == "triton" and torch.cuda.is_available()
    dtype = torch.float32 if on_gpu else torch.float64
    check(make_problem(bias=kind, radius=radius, dtype=dtype, **LAYOUTS[layout]), impl, assert_agree)


@pytest.mark.parametrize(("impl", "kind", "dtype"), ROUNDED)
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


@pytest.mark.parametrize("shared", [True, False])
def test_each_head_has_its_radius(make_problem, assert_agree, shared):
    """One that sees far and some that do not, in runs of similar ones; tiles are gathered for the near ones alone."""
    problem = make_problem(bias="log", heads=5, n_queries=300, n_keys=700, shared=shared)
    problem.settings["radius"] = torch.tensor([1.0, 1.1, 30.0, 1.5, 0.5], dtype=torch.float64)
    check(problem, "blocked", assert_agree)


@pytest.mark.parametrize("per_head", [True, False])
@pytest.mark.parametrize("at_a_time", [1, 2])
def test_heads_of_a_tile_some_at_a_time(make_problem, assert_agree, monkeypatch, at_a_time, per_head):
    """Five heads in twos leave one; each has its radius, and its bias or that of all."""
    problem = make_problem(bias="log", heads=5, batch=1, per_head=per_head)
    problem.settings["radius"] = torch.tensor([2.5, 2.6, 2.9, 2.7, 2.8], dtype=torch.float64)
    monkeypatch.setattr(kept, "IN_CACHE", at_a_time * 37 * 53 / torch.get_num_threads())
    fallen, made = [], kept.Fall
    monkeypatch.setattr(kept, "Fall", lambda *of: fallen.append(of) or made(*of))
    check(problem, "blocked", assert_agree)
    assert len(fallen) == ({1: 5, 2: 3}[at_a_time] if per_head else 1)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("learned", [("q", "k", "v"), ("alpha", "e2", "query_position", "key_position")])
def test_slices_of_all_keys(make_problem, assert_agree, monkeypatch, learned, shared):
    """Three slices of queries: a head at a time, sharing distances, or all heads where the bias is learned."""
    monkeypatch.setattr(tiles, "LONG_TILE_SCORES", 1)
    monkeypatch.setattr(tiles, "TRAINED_TILE_SCORES", 1)
    problem = make_problem(bias="log", n_queries=150, heads=3, shared=shared)
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name in learned)
    check(problem, "blocked", assert_agree)


def test_weights_that_would_underflow_are_nothing():
    """Each is what exp says, but for numbers below the normal ones; a row without a key has none."""
    scores = torch.tensor([0.0, -20.0, -80.0, -88.0, -95.0, -1000.0, -torch.inf])
    weights = blocked.weights_of(scores.expand(1, 1, 2, -1).clone(), torch.tensor([[[0.0, -torch.inf]]]))
    want = scores.double().exp().where(scores > -85, 0).float()
    torch.testing.assert_close(weights[0, 0], want.expand(2, -1), rtol=1e-6, atol=0)


@pytest.mark.parametrize("impl", ["dense", "blocked", "kept", "sampled", "triton"])
def test_gazes_of_each_image_on_the_same_keys(make_problem, assert_agree, impl):
    dtype = torch.float32 if impl == "triton" and torch.cuda.is_available() else torch.float64
    problem = make_problem(bias="log", radius=3.0, dtype=dtype, heads=1, n_queries=9, n_keys=30)
    for group, name in ((problem.tensors, "key_position"), (problem.settings, "log_weight")):
        group[name] = group[name].detach()[:1].clone().requires_grad_()
    check(problem, impl, assert_agree)


@pytest.mark.parametrize("impl", ["dense", "blocked", "folded", "triton"])
def test_content_gradients_without_learned_bias(make_problem, assert_agree, impl):
    problem = make_problem(bias="gauss", dtype=torch.float32)
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name in ("q", "k", "v"))
    check(problem, impl, assert_agree)


@pytest.mark.parametrize("dtype", DTYPES)
def test_content_gradients_of_gathered_tiles(make_problem, assert_agree, dtype):
    problem = make_problem(bias="log", radius=1.5, n_queries=130, n_keys=700, dtype=dtype)
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name in ("q", "k", "v"))
    check(problem, "blocked", assert_agree)


@pytest.mark.parametrize("impl", ["blocked", "triton"])
@pytest.mark.parametrize("learned", ["alpha", "query_position", "key_position", "log_weight"])
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


@pytest.mark.slow
def test_triton_is_deterministic(make_problem):
    problem = make_problem(bias="log", radius=3.0, dtype=torch.float32)
    first, second = (problem.answers(foveal_attention, "triton") for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
