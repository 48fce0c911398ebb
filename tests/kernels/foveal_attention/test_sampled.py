"""A few gazes on many keys: lists give the reference's output and gradients, and are chosen where they pay."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import Layout, dispatch, foveal_attention
from cogattn.kernels.foveal_attention import sampled
from cogattn.kernels.foveal_attention.call import make_call

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")
CASES = {
    "per image": {},
    "shared": {"shared": True},
    "one gaze": {"one_gaze": True},
    "plain": {"per_head": False, "weighted": False, "shared": True},
    "other width of values": {"dim": 8, "dim_v": 24},
}


@pytest.mark.parametrize("kind", ["log", "smooth", "gauss", "none"])
@pytest.mark.parametrize("case", CASES)
def test_output_and_every_gradient(make_problem, assert_agree, case, kind):
    problem = make_problem(bias=kind, radius=2.0, n_queries=7, n_keys=301, **CASES[case])
    got = problem.answers(foveal_attention, "sampled")
    assert_agree(got, problem.answers(foveal_attention, "reference"))


def test_float32_and_a_radius_per_head(make_problem, assert_agree):
    problem = make_problem(bias="log", dtype=torch.float32, n_queries=7, n_keys=301)
    problem.settings["radius"] = torch.tensor([1.0, 4.0])
    got = problem.answers(foveal_attention, "sampled")
    assert_agree(got, problem.answers(foveal_attention, "reference"))


def test_content_gradients_without_learned_bias(make_problem, assert_agree):
    problem = make_problem(bias="log", radius=2.0, n_queries=7, n_keys=301)
    for name, tensor in problem.learned().items():
        tensor.requires_grad_(name in ("q", "k", "v"))
    got = problem.answers(foveal_attention, "sampled")
    assert_agree(got, problem.answers(foveal_attention, "reference"))


def test_log_sum_exp_and_its_gradient(make_problem, assert_agree):
    problem = make_problem(bias="smooth", radius=2.0, n_queries=7, n_keys=301)

    def both(**arguments):
        out, log_sum = foveal_attention(**arguments, return_lse=True)
        return torch.cat([out, log_sum[..., None] * 0.3], -1)

    assert_agree(problem.answers(both, "sampled"), problem.answers(both, "reference"))


def test_a_gaze_that_sees_nothing_gives_zero(make_problem):
    problem = make_problem(bias="log", radius=1.0, n_queries=5, n_keys=301, weighted=False)
    with torch.no_grad():
        problem.tensors["query_position"][0, 3] = 500.0
    answers = problem.answers(foveal_attention, "sampled")
    assert (answers["out"][0, :, 3] == 0).all()
    assert all(t.isfinite().all() for t in answers.values())


@pytest.mark.parametrize("memory", ["tokens first", "a third of a projection", "columns", "wider rows"])
def test_keys_are_read_where_they_lie(make_problem, memory):
    arguments = make_problem(bias="log", radius=2.0, n_queries=7, n_keys=301).placed("blocked")
    k = arguments["k"].detach()
    if memory == "tokens first":
        moved = k.transpose(1, 2).contiguous().transpose(1, 2)
    elif memory == "columns":
        moved = k.mT.contiguous().mT
    elif memory == "wider rows":
        moved = torch.cat([k, k[..., :5]], -1)[..., : k.shape[-1]]
    else:
        moved = k.transpose(1, 2)[:, :, None].repeat(1, 1, 3, 1, 1)[:, :, 1].transpose(1, 2)
    assert not moved.is_contiguous()
    want = foveal_attention(**arguments, impl="reference")
    scene = ("query_position", "key_position", "log_weight", "radius")
    layout = Layout(**{name: arguments.pop(name) for name in scene})
    for keys in (k, moved):
        got = foveal_attention(**(arguments | {"k": keys}), layout=layout, impl="sampled")
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize(("radius", "impl"), [(2.0, "sampled"), (200.0, "dense")])
def test_lists_are_chosen_where_few_of_many_keys_are_seen(radius, impl):
    place = 64 * torch.rand(1, 4096, 2)
    q, k = torch.randn(1, 2, 5, 8), torch.randn(1, 2, 4096, 8)
    gaze = place[:, :5]
    got = foveal_attention(q, k, k, gaze, place, radius=radius)
    assert dispatch.last_used["foveal_attention"] == impl
    layout = Layout(gaze, place, radius=radius)
    for _ in range(2):
        torch.testing.assert_close(foveal_attention(q, k, k, layout=layout), got)
    torch.testing.assert_close(got, foveal_attention(q, k, k, gaze, place, radius=radius, impl="reference"))


def test_padding_between_keys_is_in_no_list():
    place, weight = torch.rand(1, 70, 2), torch.zeros(1, 70)
    weight[:, ::2] = -torch.inf
    tokens = torch.randn(1, 1, 70, 4)
    call = make_call(
        tokens[:, :, :3], tokens, tokens, place[:, :3], place, log_weight=weight, radius=9.0, bias="log", alpha=2.0,
        e2=1.0, table=None, extent_deg=1.0, scale=None, precision="ieee",
    )  # fmt: skip
    counts, keys = sampled._keys_within(call)
    assert counts.tolist() == [35, 35, 35]
    assert keys.tolist() == [*range(1, 70, 2)] * 3
