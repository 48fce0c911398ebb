"""Dead rows, ties, padding, layouts in memory: where attention kernels usually go wrong."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import foveal_attention

IMPLS = ["reference", "dense", "blocked", "triton"]


pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")


def device(impl):
    return "cuda" if impl == "triton" and torch.cuda.is_available() else "cpu"


@pytest.mark.parametrize("impl", [*IMPLS, "folded"])
def test_an_all_padded_image_gives_zero_and_finite_gradients(make_problem, impl):
    problem = make_problem(bias="gauss", dtype=torch.float32, n_queries=5, n_keys=9)
    with torch.no_grad():
        problem.settings["log_weight"][1] = -torch.inf
    answers = problem.answers(foveal_attention, impl)
    assert (answers["out"][1] == 0).all()
    assert (answers["out"][0] != 0).all()
    assert all(t.isfinite().all() for t in answers.values())
    assert all((answers[name][1] == 0).all() for name in ("q", "k", "v", "query_position"))


@pytest.mark.parametrize(
    ("n_keys", "impl"),
    [
        *((n_keys, impl) for n_keys in (20, 600) for impl in IMPLS if (n_keys, impl) != (600, "triton")),
        pytest.param(600, "triton", marks=pytest.mark.slow),
    ],
)
def test_a_query_without_keys_in_its_radius_gives_zero(make_problem, impl, n_keys):
    problem = make_problem(
        bias="log", radius=1.0, dtype=torch.float32, batch=1, n_queries=70, n_keys=n_keys, weighted=False
    )
    with torch.no_grad():
        problem.tensors["query_position"][0, 3] = 500.0
    answers = problem.answers(foveal_attention, impl)
    assert (answers["out"][0, :, 3] == 0).all()
    assert (answers["q"][0, :, 3] == 0).all()
    assert all(t.isfinite().all() for t in answers.values())


@pytest.mark.parametrize("impl", [*IMPLS, "sampled"])
def test_a_key_at_the_radius_is_seen(impl):
    """3-4-5 triangles on a lattice: the distance equals the radius, and the test is exact."""
    where = device(impl)
    place = torch.cartesian_prod(torch.arange(11.0), torch.arange(11.0))[None].to(where)
    v = torch.eye(121, device=where)[None, None]
    content = torch.zeros(1, 1, 121, 16, device=where)
    weights = foveal_attention(
        content, content, v[..., :121].contiguous(), place, place, bias="none", radius=5.0, impl=impl
    )[0, 0]
    offset = place[0, :, None] - place[0]
    within = (offset * offset).sum(-1) <= 25
    torch.testing.assert_close(weights, within / within.sum(-1, keepdim=True))


@pytest.mark.parametrize("kind", ["smooth", "log", "gauss", "polar"])
def test_gradients_are_finite_where_the_gaze_is_on_a_key(make_problem, kind):
    problem = make_problem(bias=kind, n_queries=3, n_keys=3)
    with torch.no_grad():
        problem.tensors["key_position"].copy_(problem.tensors["query_position"])
    answers = [problem.answers(foveal_attention, impl) for impl in ("reference", "blocked")]
    for name, truth in answers[0].items():
        assert truth.isfinite().all()
        torch.testing.assert_close(answers[1][name], truth)


@pytest.mark.parametrize("learns_bias", [False, True])
@pytest.mark.parametrize("impl", IMPLS)
def test_memory_layout_does_not_matter(make_problem, impl, learns_bias):
    problem = make_problem(bias="smooth", radius=4.0, dtype=torch.float32, batch=1)
    arguments = {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in problem.placed(impl).items()}

    def answers(**changed):
        moved = arguments | changed
        leaves = [moved[n].requires_grad_() for n in ("q", "k", "v")]
        moved["alpha"].requires_grad_(learns_bias)
        out = foveal_attention(**moved, impl=impl)
        return [out, *torch.autograd.grad(out.square().sum(), leaves)]

    scattered = answers(
        q=arguments["q"].transpose(1, 2).contiguous().transpose(1, 2),
        k=arguments["k"].mT.contiguous().mT,
        v=arguments["v"].repeat_interleave(2, 2)[:, :, ::2],
        key_position=arguments["key_position"].mT.contiguous().mT,
    )
    for got, want in zip(scattered, answers(), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("impl", ["blocked", "triton"])
def test_an_expanded_upstream_gradient_is_read_by_its_strides(make_problem, impl):
    """``sum().backward()`` hands over a gradient of stride 0."""
    problem = make_problem(dtype=torch.float32, batch=1)
    q = problem.tensors["q"].detach().to(device(impl)).requires_grad_()
    arguments = {
        n: t.detach().to(device(impl)) if isinstance(t, torch.Tensor) else t
        for n, t in problem.arguments().items()
    }
    foveal_attention(**(arguments | {"q": q}), impl=impl).sum().backward()
    ones = torch.autograd.grad(foveal_attention(**(arguments | {"q": q}), impl=impl), q, torch.ones_like(q))[
        0
    ]
    torch.testing.assert_close(q.grad, ones)


def test_no_query_and_no_key():
    content, place = torch.zeros(1, 2, 4, 8), torch.zeros(1, 4, 2)
    nothing, nowhere = content[:, :, :0], place[:, :0]
    assert foveal_attention(nothing, content, content, nowhere, place).shape == (1, 2, 0, 8)
    assert (foveal_attention(content, nothing, nothing, place, nowhere) == 0).all()
