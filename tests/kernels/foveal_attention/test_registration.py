"""The operator under torch.compile and torch's own checks of custom operators."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import foveal_attention
from cogattn.kernels.foveal_attention import registration
from cogattn.kernels.foveal_attention.call import make_call


def operator_arguments(make_problem, impl, dtype=torch.float32, **kw):
    problem = make_problem(dtype=dtype, batch=1, heads=1, n_queries=5, n_keys=9, dim_v=24, **kw)
    placed = problem.placed(impl)
    call = make_call(
        *(placed[name] for name in problem.tensors), log_weight=placed.get("log_weight"), bias=placed["bias"],
        alpha=placed.get("alpha", 0.0), e2=placed.get("e2", 1.0), radius=placed["radius"],
        table=placed.get("table"), extent_deg=6.0, scale=None, precision="ieee",
    )  # fmt: skip
    return (*(leaf(value) for value in registration._arguments(call)), impl)


def leaf(value):
    learned = isinstance(value, torch.Tensor) and value.requires_grad
    return value.detach().requires_grad_() if learned else value


@pytest.mark.parametrize(
    ("impl", "kind", "radius"),
    [("blocked", "log", 3.0), ("blocked", "polar", None), ("triton", "smooth", 3.0)],
)
def test_opcheck_passes(make_problem, impl, kind, radius):
    arguments = operator_arguments(make_problem, impl, bias=kind, radius=radius)
    torch.library.opcheck(torch.ops.cogattn.foveal_attention.default, arguments)


def test_opcheck_passes_in_half_precision_where_no_bias_is_learned(make_problem):
    """What is not learned has no gradient, and the log-sum-exp is wider than the queries."""
    arguments = operator_arguments(make_problem, "blocked", dtype=torch.bfloat16, bias="log", radius=3.0)
    fixed = [a.detach() if isinstance(a, torch.Tensor) and i > 2 else a for i, a in enumerate(arguments)]
    torch.library.opcheck(torch.ops.cogattn.foveal_attention.default, tuple(fixed))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.parametrize(
    ("impl", "kind"),
    [
        ("auto", "log"),
        ("folded", "gauss"),
        ("reference", "smooth"),
        ("blocked", "polar"),
        ("triton", "smooth"),
    ],
)
def test_compiled_without_a_graph_break_gives_the_same(make_problem, impl, kind, backend):
    problem = make_problem(bias=kind, dtype=torch.float32, batch=1, n_queries=6, n_keys=10)

    def twice(**arguments):
        return 2 * foveal_attention(**arguments)

    torch._dynamo.reset()
    compiled = torch.compile(twice, fullgraph=True, backend=backend)
    eager, traced = problem.answers(twice, impl), problem.answers(compiled, impl)
    assert eager.keys() == traced.keys()
    for name in eager:
        torch.testing.assert_close(traced[name], eager[name], rtol=1e-4, atol=1e-4)
