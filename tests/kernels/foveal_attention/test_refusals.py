"""What the operator does not do it says: ranges of its parameters, derivatives that an implementation lacks."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import torch

from cogattn.kernels import can_run, dispatch, foveal_attention
from cogattn.kernels.dispatch import ImplementationError
from cogattn.kernels.foveal_attention import triton as triton_kernels

OUT_OF_RANGE = {
    "e2 of zero": ("e2", 0.0, "e2 must be above 0"),
    "e2 below zero in one head": ("e2", torch.tensor([0.75, -0.1]), "e2 must be above 0"),
    "e2 not a number": ("e2", float("nan"), "e2 must be above 0"),
    "negative radius": ("radius", -1.0, "radius must be 0 or more"),
    "radius not a number in one head": ("radius", torch.tensor([1.0, torch.nan]), "radius must be 0 or more"),
}


@pytest.mark.parametrize("case", OUT_OF_RANGE)
def test_values_out_of_range_are_refused(make_problem, case):
    name, value, message = OUT_OF_RANGE[case]
    arguments = make_problem(bias="log").arguments()
    with pytest.raises(ValueError, match=message):
        foveal_attention(**(arguments | {name: value}))


LIMITS = {
    "four coordinates": ({"query_position": (1, 1, 4), "key_position": (1, 3, 4)}, "at most 3 coordinates"),
    "a wide head": ({"q": (1, 1, 2, 136), "k": (1, 1, 3, 136), "v": (1, 1, 3, 8)}, "at most 128; got 136"),
    "a large grid": (
        {"q": (2**16, 2**15, 2, 8), "k": (2**16, 2**15, 3, 8), "v": (2**16, 2**15, 3, 8)},
        "holds less than 2\\^31 programs",
    ),
}


@pytest.mark.parametrize("case", LIMITS)
def test_limits_of_the_gpu_kernels_are_said(monkeypatch, case):
    monkeypatch.setattr(triton_kernels, "_obstacle_of_machine", lambda _: "")
    shapes, message = LIMITS[case]
    usual = {"q": (1, 1, 2, 8), "k": (1, 1, 3, 8), "v": (1, 1, 3, 8)}
    usual |= {"query_position": (1, 2, 2), "key_position": (1, 3, 2)}
    able, reason = can_run("triton", *(torch.zeros(()).expand(shape) for shape in (usual | shapes).values()))
    assert not able
    assert re.search(message, reason)


MACHINES = {
    "an old GPU": ({"major": 7, "minor": 5}, None, "compute capability 8.0; Old has 7.5"),
    "little shared memory": (
        {"shared_memory_per_block_optin": 65536},
        None,
        "bytes of shared memory a block",
    ),
    "ROCm": ({}, "6.2", "built for ROCm"),
    "a GPU that will do": ({}, None, "^$"),
}


@pytest.mark.parametrize("case", MACHINES)
def test_machines_that_cannot_run_the_kernels_are_told_why(monkeypatch, case):
    found, rocm, message = MACHINES[case]
    usual = {"name": "Old", "major": 8, "minor": 0, "shared_memory_per_block_optin": 101376}
    monkeypatch.setattr(triton_kernels, "_interpreting", lambda: False)
    monkeypatch.setattr(torch.version, "hip", rocm)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(**(usual | found)))
    triton_kernels._obstacle_of_gpu.cache_clear()
    reason = triton_kernels._obstacle_of_machine(torch.device("cuda"))
    triton_kernels._obstacle_of_gpu.cache_clear()
    assert re.search(message, reason)


def directional(function, tensor, direction, step=1e-6):
    return (function(tensor + step * direction) - function(tensor - step * direction)) / (2 * step)


@pytest.mark.parametrize("name", ["q", "query_position", "alpha"])
def test_forward_mode_equals_finite_differences(make_problem, name):
    arguments = {
        n: v.detach() if isinstance(v, torch.Tensor) else v
        for n, v in make_problem(bias="smooth").arguments().items()
    }

    def attend(tensor):
        return foveal_attention(**(arguments | {name: tensor}))

    direction = torch.cos(torch.arange(arguments[name].numel()).double()).reshape(arguments[name].shape)
    _, tangent = torch.func.jvp(attend, (arguments[name],), (direction,))
    assert dispatch.last_used["foveal_attention"] == "reference"
    torch.testing.assert_close(tangent, directional(attend, arguments[name], direction), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("impl", ["blocked", "folded", "triton"])
def test_forward_mode_is_refused_where_it_would_be_zero(make_problem, impl):
    arguments = make_problem(bias="gauss").arguments()
    with torch.autograd.forward_ad.dual_level():
        arguments["q"] = torch.autograd.forward_ad.make_dual(arguments["q"], torch.ones_like(arguments["q"]))
        assert not can_run(impl, **arguments)[0]
        with pytest.raises(ImplementationError, match="forward-mode"):
            foveal_attention(**arguments, impl=impl)


def test_functional_gradient_is_that_of_autograd(make_problem):
    arguments = make_problem(bias="smooth").arguments()

    def total(q):
        return foveal_attention(**(arguments | {"q": q})).square().sum()

    (want,) = torch.autograd.grad(total(arguments["q"]), arguments["q"])
    torch.testing.assert_close(torch.func.grad(total)(arguments["q"].detach()), want)
