"""The choice of implementation is explained and recorded; wrong input is refused in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from cogattn.kernels import can_run, dispatch, foveal_attention
from cogattn.kernels.foveal_attention import api


@pytest.fixture
def arguments(make_problem):
    problem = make_problem(bias="smooth", dtype=torch.float32, batch=1)
    return {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in problem.arguments().items()}


def test_the_implementation_used_is_recorded(arguments):
    for impl in ("reference", "blocked", "dense"):
        foveal_attention(**arguments, impl=impl)
        assert dispatch.last_used["foveal_attention"] == impl
    foveal_attention(**arguments, impl="blocked")
    foveal_attention(**arguments)  # few keys: one mask is the faster way
    assert dispatch.last_used["foveal_attention"] == "dense"


@pytest.mark.parametrize(
    ("n_layouts", "n_keys", "impl"), [(1, 360, "dense"), (2, 360, "blocked"), (2, 84, "dense")]
)
def test_log_polar_terms_of_few_pairs_are_made_at_once(n_layouts, n_keys, impl):
    place, tokens = torch.randn(n_layouts, n_keys, 2), torch.randn(2, 1, n_keys, 4)
    foveal_attention(tokens, tokens, tokens, place, place, bias="polar", table=torch.rand(1, 4, 6))
    assert dispatch.last_used["foveal_attention"] == impl


def test_log_polar_terms_of_many_images_are_not_all_held_at_once(monkeypatch):
    monkeypatch.setattr(api, "FEW_SCORES", 4 * 20 * 20 - 1)
    place, tokens = torch.randn(1, 20, 2), torch.randn(2, 2, 20, 4)
    foveal_attention(tokens, tokens, tokens, place, place, bias="polar", table=torch.rand(2, 4, 6))
    assert dispatch.last_used["foveal_attention"] == "blocked"


def test_can_run_gives_the_reason(arguments):
    assert can_run("blocked", **arguments) == (True, "")
    able, reason = can_run("folded", **arguments)
    assert not able
    assert "no inner product" in reason
    polar = arguments | {"bias": "polar", "e2": 1.0, "alpha": 0.0, "table": torch.zeros(1, 4, 6)}
    able, reason = can_run("triton", **polar)
    assert not able
    assert reason.startswith(("the polar bias has no triton kernel", "triton needs a CUDA device"))


def test_an_implementation_that_cannot_run_is_refused_with_the_reason(arguments):
    with pytest.raises(dispatch.ImplementationError, match="cannot run as 'folded': the smooth bias"):
        foveal_attention(**arguments, impl="folded")


def test_without_triton_the_package_imports_and_says_so():
    code = """
import sys
class NoTriton:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "triton":
            raise ModuleNotFoundError(name)
import importlib.util
true = importlib.util.find_spec
importlib.util.find_spec = lambda n, p=None: None if n.split(".")[0] == "triton" else true(n, p)
sys.meta_path.insert(0, NoTriton())
import torch
from cogattn.kernels import can_run, foveal_attention
a = [torch.zeros(1, 1, 3, 8)] * 3 + [torch.zeros(1, 3, 2)] * 2
foveal_attention(*a)
assert can_run("triton", *a) == (False, "triton is not installed"), can_run("triton", *a)
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.slow
def test_the_kernels_need_torch_and_triton_alone():
    """Any distribution but these two and what they require is refused at import; calls run all the same.

    The package above them, cogattn, shows its face by lazy_loader, a hundred lines that import nothing else.
    """
    code = """
import re, sys
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions, requires
wanted, needed = ["torch", "triton", "lazy-loader"], set()
while wanted:
    name = wanted.pop()
    if name not in needed:
        needed.add(name)
        try:
            found = [r for r in requires(name) or [] if "extra ==" not in r]
        except ModuleNotFoundError:
            continue
        wanted += [re.match(r"[\\w.-]+", r)[0].lower().replace("_", "-") for r in found]
owners = packages_distributions()
refused = {
    top for top, names in owners.items()
    if top != "cogattn" and not needed & {n.lower().replace("_", "-") for n in names}
}
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in refused:  # torch may look for it, but not load it
            return ModuleSpec(name, self)
    def create_module(self, spec):
        raise ModuleNotFoundError(f"{spec.name} is neither torch nor triton")
    def exec_module(self, module): ...
sys.meta_path.insert(0, Nothing())
import torch
from cogattn.kernels import box_pool, foveal_attention
q, place = torch.zeros(1, 1, 600, 8, requires_grad=True), torch.rand(1, 600, 2)
foveal_attention(q, q, q, place, place, radius=0.1).sum().backward()
box_pool(torch.zeros(1, 2, 4, 4), place[:, :3])
assert "pytest" in refused and not refused & {m.split(".")[0] for m in sys.modules}
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": torch.zeros(2, 37, 16)}, r"q must have shape \(batch, heads, n, dim\); got \(2, 37, 16\)"),
        ({"k": torch.zeros(1, 2, 53, 8)}, "k must have shape"),
        ({"v": torch.zeros(1, 2, 53, 16, dtype=torch.float64)}, "must share dtype"),
        ({"query_position": torch.zeros(1, 36, 2)}, r"query_position must have shape \(1 or 1, 37 or 1, 2\)"),
        ({"key_position": torch.zeros(1, 1, 2)}, "key_position must have shape"),
        ({"log_weight": torch.zeros(53)}, "log_weight must have shape"),
        ({"alpha": torch.zeros(3)}, r"alpha must be a scalar or one value per head \(2\); got 3"),
        ({"bias": "linear"}, "bias must be one of smooth, log, gauss, none, polar, table; got 'linear'"),
        ({"bias": "polar"}, "table must have shape"),
        ({"precision": "half"}, "precision must be one of"),
        ({"impl": "cuda"}, "impl must be one of"),
    ],
)
def test_wrong_input_names_parameter_rule_and_value(arguments, change, message):
    with pytest.raises(ValueError, match=message):
        foveal_attention(**(arguments | change))
