"""The reference against loops, plain attention and finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from cogattn.kernels import foveal_attention, foveal_scores

BIASES = ["smooth", "log", "gauss", "none", "polar"]


def bias_by_hand(kind, dx, dy, alpha, e2, table, extent):
    eccentricity = math.hypot(dx, dy)
    u = eccentricity / e2
    if kind == "polar":
        angle = math.atan2(dy, dx)
        present = float(eccentricity > 0)
        knots = len(table)
        place = math.log(1 + u) / math.log(1 + extent / e2) * (knots - 1)
        low = min(int(place), knots - 2)
        part = min(place - low, 1.0)
        row = [(1 - part) * a + part * b for a, b in zip(table[low], table[low + 1], strict=True)]
        waves = [1, math.cos(angle), math.sin(angle), math.cos(2 * angle), math.sin(2 * angle)]
        return row[0], sum(
            w * t * (present if i else 1) for i, (w, t) in enumerate(zip(waves, row[1:], strict=True))
        )
    fall = {"log": math.log(1 + u), "smooth": math.log(1 + u * u) / 2, "gauss": u * u / 2, "none": 0.0}
    return 1.0, -alpha * fall[kind]


@pytest.mark.parametrize("kind", BIASES)
def test_output_equals_loops_over_pairs(make_problem, kind):
    problem = make_problem(bias=kind, radius=4.0, batch=1, n_queries=5, n_keys=11, dim=4)
    a = {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in problem.arguments().items()}
    got = foveal_attention(**a, impl="reference")
    for head in range(2):
        table = a["table"][head].tolist() if kind == "polar" else None
        alpha = float(a["alpha"][head]) if "alpha" in a else 0.0
        e2 = float(a["e2"][0 if kind == "polar" else head]) if "e2" in a else 1.0
        for i in range(5):
            weights = []
            for j in range(11):
                dx, dy = (a["key_position"][0, j] - a["query_position"][0, i]).tolist()
                gain, bias = bias_by_hand(kind, dx, dy, alpha, e2, table, 6.0)
                score = gain * float(a["q"][0, head, i] @ a["k"][0, head, j]) / 2 + bias
                within = math.hypot(dx, dy) <= 4.0
                weights.append(math.exp(score + float(a["log_weight"][0, j])) if within else 0.0)
            total = sum(weights)
            want = sum(w * a["v"][0, head, j] for j, w in enumerate(weights)) / (total or 1.0)
            torch.testing.assert_close(got[0, head, i], want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", BIASES)
@pytest.mark.parametrize("radius", [None, 4.0])
def test_gradients_equal_finite_differences(make_problem, kind, radius):
    problem = make_problem(
        bias=kind, radius=radius, batch=1, heads=1, n_queries=4, n_keys=6, dim=3, weighted=False
    )
    problem.tensors["key_position"] = problem.tensors["key_position"].detach().add(0.05).requires_grad_()
    names, inputs = zip(*problem.learned().items(), strict=True)

    def call(*values):
        return foveal_attention(
            **(problem.arguments() | dict(zip(names, values, strict=True))), impl="reference"
        )

    assert torch.autograd.gradcheck(call, inputs, fast_mode=True)


@pytest.mark.parametrize("impl", ["reference", "blocked", "folded", "auto"])
def test_zero_alpha_is_plain_attention(make_problem, impl):
    problem = make_problem(bias="none", weighted=False)
    q, k, v, gaze, place = (t.detach() for t in problem.tensors.values())
    bias = "none" if impl == "folded" else "log"
    got = foveal_attention(q, k, v, gaze, place, bias=bias, alpha=0.0, impl=impl)
    torch.testing.assert_close(got, scaled_dot_product_attention(q, k, v), rtol=1e-12, atol=1e-12)


def test_neutral_table_is_plain_attention(make_problem):
    q, k, v, gaze, place = (t.detach() for t in make_problem(weighted=False).tensors.values())
    table = torch.zeros(1, 4, 6, dtype=torch.float64)
    table[..., 0] = 1
    got = foveal_attention(q, k, v, gaze, place, bias="polar", table=table)
    torch.testing.assert_close(got, scaled_dot_product_attention(q, k, v), rtol=1e-12, atol=1e-12)


def test_log_bias_of_two_weighs_keys_by_areal_magnification():
    """With equal contents the output is the mean of v under cortical area, (1 + E/E2)^-2."""
    eccentricity = torch.tensor([0.0, 0.75, 3.0, 12.0], dtype=torch.float64)
    place = torch.stack([eccentricity, torch.zeros(4)], -1)[None]
    content, gaze = torch.zeros(1, 1, 4, 8, dtype=torch.float64), torch.zeros(1, 1, 2, dtype=torch.float64)
    v = torch.eye(4, 8, dtype=torch.float64)[None, None]
    area = (1 + eccentricity / 0.75) ** -2
    got = foveal_attention(content[:, :, :1], content, v, gaze, place, bias="log", alpha=2.0, e2=0.75)
    torch.testing.assert_close(got[0, 0, 0, :4], area / area.sum())


@pytest.mark.parametrize("kind", BIASES)
def test_scores_are_those_of_the_softmax(make_problem, kind):
    problem = make_problem(bias=kind, radius=6.0)
    arguments = problem.arguments()
    v = arguments.pop("v")
    scores = foveal_scores(**arguments)
    torch.testing.assert_close(torch.softmax(scores, -1) @ v, foveal_attention(v=v, **arguments))
