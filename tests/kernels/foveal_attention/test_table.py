"""The learned table over offsets against an index lookup, finite differences and itself."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import Layout, can_run, foveal_attention

IMPLS = ["reference", "dense", "blocked"]


def lattice(*sides):
    return torch.cartesian_prod(*(torch.arange(float(side)) for side in sides)).reshape(1, -1, len(sides))


def looked_up(table, *sides):
    """The relative position bias as Swin and NATTEN index it: (heads, n, n), `table` being (heads, 2 side - 1, ...)."""
    place = lattice(*sides)[0].long()
    offset = place[None] - place[:, None]
    index = [offset[..., axis] + side - 1 for axis, side in enumerate(sides)]
    return table[(slice(None), *index)]


def problem_with_table(make_problem, n_dims=2, heads=2, **sizes):
    problem = make_problem(bias="none", batch=2, **sizes)
    generator = torch.Generator().manual_seed(7)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    for name in ("query_position", "key_position"):
        shape = (*problem.tensors[name].shape[:2], n_dims)
        problem.tensors[name] = (8 * uniform(*shape)).requires_grad_()
    problem.settings |= {"bias": "table", "spacing": [1.5, 2.0, 0.7][:n_dims]}
    problem.settings["table"] = uniform(heads, *[5, 4, 3][:n_dims]).requires_grad_()
    return problem


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("sides", [(9,), (4, 5), (2, 3, 4)], ids=["lags", "plane", "video"])
def test_on_a_lattice_it_is_the_relative_position_bias(impl, sides):
    generator = torch.Generator().manual_seed(0)
    place = lattice(*sides)
    q, k, v = (
        torch.randn(2, 3, place.shape[1], 8, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    table = torch.randn(3, *(2 * side - 1 for side in sides), generator=generator, dtype=torch.float64)
    learned, by_hand = (table.clone().requires_grad_() for _ in range(2))
    got = foveal_attention(q, k, v, place, place, bias="table", table=learned, impl=impl)
    scores = q @ k.mT / 8**0.5 + looked_up(by_hand, *sides)
    want = torch.softmax(scores, -1) @ v
    torch.testing.assert_close(got, want)
    upstream = torch.randn(got.shape, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        *(torch.autograd.grad(o, t, upstream)[0] for o, t in ((got, learned), (want, by_hand)))
    )


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("n_dims", [1, 2, 3])
@pytest.mark.parametrize("impl", ["dense", "blocked"])
def test_output_and_every_gradient(make_problem, assert_agree, impl, n_dims, heads):
    problem = problem_with_table(make_problem, n_dims, heads)
    problem.settings |= {"radius": 4.0, "e2": torch.ones(heads).double().requires_grad_()}  # e2 is of no use
    assert_agree(problem.answers(foveal_attention, impl), problem.answers(foveal_attention, "reference"))


def test_gathered_tiles_and_lists_give_the_same(make_problem, assert_agree):
    problem = problem_with_table(make_problem, n_queries=20, n_keys=700)
    problem.settings["radius"] = 1.5
    truth = problem.answers(foveal_attention, "reference")
    for impl in ("blocked", "sampled"):
        assert_agree(problem.answers(foveal_attention, impl), truth)


def test_a_layout_keeps_no_bias_of_another_spacing(make_problem):
    arguments = problem_with_table(make_problem, weighted=False).placed("dense")
    positions = arguments.pop("query_position"), arguments.pop("key_position")
    layout = Layout(*positions)
    with torch.no_grad():
        for spacing in (1.5, 0.5, [0.5, 3.0]):
            arguments["spacing"] = spacing
            want = foveal_attention(**arguments, query_position=positions[0], key_position=positions[1])
            for impl in ("dense", "blocked"):
                torch.testing.assert_close(foveal_attention(**arguments, layout=layout, impl=impl), want)


def test_gradients_equal_finite_differences(make_problem):
    problem = problem_with_table(make_problem, n_queries=4, n_keys=6, dim=3, weighted=False)
    names, inputs = zip(*problem.learned().items(), strict=True)

    def call(*values):
        return foveal_attention(
            **(problem.arguments() | dict(zip(names, values, strict=True))), impl="reference"
        )

    assert torch.autograd.gradcheck(call, inputs, fast_mode=True)


def test_beyond_the_edge_the_table_is_constant():
    content, gaze = torch.zeros(1, 1, 1, 8), torch.zeros(1, 1, 1)
    place = torch.tensor([[[2.0], [2.5], [900.0]]])
    table = torch.linspace(-1, 1, 5)[None]
    weights = foveal_attention(
        content,
        content.expand(-1, -1, 3, -1),
        torch.eye(3, 8)[None, None],
        gaze,
        place,
        bias="table",
        table=table,
    )
    torch.testing.assert_close(weights[0, 0, 0, :3], torch.full((3,), 1 / 3))


@pytest.mark.parametrize("impl", ["dense", "blocked"])
def test_gradients_are_the_same_each_time_with_several_threads(make_problem, impl):
    problem = problem_with_table(make_problem, n_queries=200, n_keys=300)
    for group in (problem.tensors, problem.settings):
        group |= {
            n: t.detach().float().requires_grad_() for n, t in group.items() if isinstance(t, torch.Tensor)
        }
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        first, *others = (problem.answers(foveal_attention, impl) for _ in range(4))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)


BROKEN = {
    "no table": ({"table": None}, "table must have shape"),
    "an axis too few": ({"table": torch.zeros(2, 5)}, "for each of 2 axes"),
    "spacing of zero": ({"spacing": 0.0}, "spacing must be above 0"),
    "spacing of three axes": ({"spacing": [1.0, 1.0, 1.0]}, "one for each of 2 axes"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_tables_are_refused(make_problem, case):
    changed, message = BROKEN[case]
    with pytest.raises(ValueError, match=message):
        foveal_attention(**(problem_with_table(make_problem).arguments() | changed))


def test_a_gpu_says_why_it_runs_without_triton(make_problem):
    arguments = problem_with_table(make_problem).arguments()
    able, reason = can_run("triton", **arguments)
    assert not able
    assert reason
