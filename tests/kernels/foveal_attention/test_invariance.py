"""Symmetries of the visual field, and what merged or padded keys must not change."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import foveal_attention, spatial_order

BIASES = ["smooth", "log", "gauss", "polar"]


def close(got, want):
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


@pytest.fixture(params=BIASES)
def arguments(make_problem, request):
    problem = make_problem(bias=request.param, radius=5.0)
    return {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in problem.arguments().items()}


def moved(arguments, move):
    return arguments | {n: move(arguments[n]) for n in ("query_position", "key_position")}


def quarter_turn(place):
    return torch.stack([-place[..., 1], place[..., 0]], -1)


def mirror(place):
    return place * place.new_tensor([-1.0, 1.0])


def test_translation_changes_nothing(arguments):
    shift = torch.tensor([16.0, -32.0], dtype=torch.float64)
    close(foveal_attention(**moved(arguments, lambda p: p + shift)), foveal_attention(**arguments))


def test_a_quarter_turn_turns_the_table(arguments):
    """cos(t - 90) = sin t, sin(t - 90) = -cos t, and the double angle changes its sign."""
    turned = moved(arguments, quarter_turn)
    if arguments["bias"] == "polar":
        gain, one, c, s, cc, ss = arguments["table"].unbind(-1)
        turned["table"] = torch.stack([gain, one, -s, c, -cc, -ss], -1)
    close(foveal_attention(**turned), foveal_attention(**arguments))


def test_a_mirror_swaps_left_and_right(arguments):
    mirrored = moved(arguments, mirror)
    if arguments["bias"] == "polar":
        sign = torch.tensor([1, 1, -1, 1, 1, -1], dtype=torch.float64)
        mirrored["table"] = arguments["table"] * sign
    close(foveal_attention(**mirrored), foveal_attention(**arguments))


def test_radial_biases_ignore_direction(make_problem):
    arguments = {
        n: t.detach() if isinstance(t, torch.Tensor) else t
        for n, t in make_problem(bias="log").arguments().items()
    }
    angle = torch.tensor(0.7, dtype=torch.float64)
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2)
    close(foveal_attention(**moved(arguments, lambda p: p @ rotation)), foveal_attention(**arguments))


def test_the_order_of_keys_and_queries_does_not_matter(arguments):
    order = torch.randperm(53, generator=torch.Generator().manual_seed(3))
    shuffled = arguments | {n: arguments[n][:, :, order] for n in ("k", "v")}
    shuffled |= {n: arguments[n][:, order] for n in ("key_position", "log_weight")}
    close(foveal_attention(**shuffled), foveal_attention(**arguments))
    rows = spatial_order(arguments["query_position"][0])
    sorted_rows = arguments | {
        "q": arguments["q"][:, :, rows],
        "query_position": arguments["query_position"][:, rows],
    }
    close(foveal_attention(**sorted_rows), foveal_attention(**arguments)[:, :, rows])


def test_padding_changes_nothing(arguments):
    padded = arguments | {
        "k": torch.cat([arguments["k"], torch.randn(2, 2, 9, 16, dtype=torch.float64)], 2),
        "v": torch.cat([arguments["v"], torch.randn(2, 2, 9, 16, dtype=torch.float64)], 2),
        "key_position": torch.cat([arguments["key_position"], torch.randn(2, 9, 2, dtype=torch.float64)], 1),
        "log_weight": torch.cat([arguments["log_weight"], torch.full((2, 9), -torch.inf).double()], 1),
    }
    close(foveal_attention(**padded), foveal_attention(**arguments))


def test_equal_patches_are_one_object_of_log_weight_ln_n(arguments):
    """The consistency law: n patches that share key, value and place act as one of weight n."""
    n = 4
    patches = arguments | {
        name: torch.cat([arguments[name]] + [arguments[name][:, :, 7:8]] * (n - 1), 2) for name in ("k", "v")
    }
    patches |= {
        name: torch.cat([arguments[name]] + [arguments[name][:, 7:8]] * (n - 1), 1)
        for name in ("key_position", "log_weight")
    }
    weight = arguments["log_weight"].clone()
    weight[:, 7] += torch.log(torch.tensor(float(n), dtype=torch.float64))
    close(foveal_attention(**patches), foveal_attention(**(arguments | {"log_weight": weight})))
