"""The operator under torch.compile and torch's own checks of custom operators."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import foveal_attention
from cogattn.kernels.foveal_attention.call import make_call


def operator_arguments(make_problem, impl, **kw):
    problem = make_problem(dtype=torch.float32, batch=1, heads=1, n_queries=5, n_keys=9, **kw)
    placed = problem.placed(impl)
    call = make_call(
        *(placed[name] for name in problem.tensors), log_weight=placed.get("log_weight"), bias=placed["bias"],
        alpha=placed.get("alpha", 0.0), e2=placed.get("e2", 1.0), radius=placed["radius"],
        table=placed.get("table"), extent_deg=6.0, scale=None, precision="ieee",
    )  # fmt: skip
    leaves = [
        t.detach().requires_grad_() if isinstance(t, torch.Tensor) and t.requires_grad else t for t in call
    ]
    return (*leaves, impl)


@pytest.mark.parametrize(
    ("impl", "kind", "radius"),
    [("blocked", "log", 3.0), ("blocked", "polar", None), ("triton", "smooth", 3.0)],
)
def test_opcheck_passes(make_problem, impl, kind, radius):
    arguments = operator_arguments(make_problem, impl, bias=kind, radius=radius)
    torch.library.opcheck(torch.ops.cogattn.foveal_attention.default, arguments)


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
