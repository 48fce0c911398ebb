"""A layout gives what its positions give, however often it is used, and never what they no longer are."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import Layout, foveal_attention

SCENE = ("query_position", "key_position", "log_weight", "radius")
IMPLS = ["reference", "dense", "blocked", "triton"]


def split(arguments):
    """A layout of a problem's arguments, and what is left of them."""
    scene = {name: arguments.get(name) for name in SCENE}
    return Layout(**scene), {n: v for n, v in arguments.items() if n not in SCENE}


def with_layout(**arguments):
    layout, rest = split(arguments)
    return foveal_attention(**rest, layout=layout)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("kind", ["log", "none"])
def test_a_layout_gives_what_its_positions_give(make_problem, assert_agree, impl, kind):
    problem = make_problem(bias=kind, radius=2.5, dtype=torch.float32)
    assert_agree(problem.answers(with_layout, impl), problem.answers(foveal_attention, "reference"))


def test_layers_share_a_layout_and_its_gradients_add_up(make_problem):
    problem = make_problem(bias="smooth", radius=2.5)

    def twice(attend):
        arguments = problem.placed("blocked")
        out = sum(attend(arguments, factor) for factor in (1.0, 2.0))
        return [out, *torch.autograd.grad(out.square().sum(), [arguments[n] for n in problem.learned()])]

    layouts = {}

    def shared(arguments, factor):
        layout, rest = layouts.setdefault("scene", split(arguments))
        return foveal_attention(**(rest | {"v": rest["v"] * factor}), layout=layout, impl="blocked")

    def apart(arguments, factor):
        return foveal_attention(**(arguments | {"v": arguments["v"] * factor}), impl="blocked")

    torch.testing.assert_close(twice(shared), twice(apart))


@pytest.mark.parametrize("changed", ["query_position", "key_position", "log_weight"])
def test_a_position_that_changed_in_place_is_noticed(make_problem, changed):
    arguments = make_problem(bias="log", radius=1.5, batch=1, n_queries=130, n_keys=700).placed("blocked")
    arguments = {n: v.detach() if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
    layout, rest = split(arguments)
    before = foveal_attention(**rest, layout=layout)
    shape = arguments[changed].shape
    arguments[changed].add_(torch.linspace(0, 5, shape[1]).double().reshape(1, -1, *(1,) * (len(shape) - 2)))
    after = foveal_attention(**rest, layout=layout)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, foveal_attention(**arguments, impl="reference"))


@pytest.mark.parametrize("changed", ["radius", "mask", "sequences"])
def test_pairs_that_changed_in_place_are_noticed(changed):
    place, content = torch.arange(700.0)[None, :, None], torch.randn(1, 1, 700, 8)
    pairs = {
        "radius": torch.tensor([3.0]),
        "mask": torch.ones(1, 1, 700, 700, dtype=torch.bool),
        "sequences": (torch.arange(700)[None] // 50, torch.arange(700)[None] // 50),
    }
    layout = Layout(place, place, **pairs)
    for impl in ("dense", "blocked"):
        foveal_attention(content, content, content, layout=layout, impl=impl)
    if changed == "radius":
        pairs["radius"].add_(4.0)
    elif changed == "mask":
        pairs["mask"][..., ::2] = False
    else:
        pairs["sequences"][1].add_(1)
    want = foveal_attention(content, content, content, place, place, impl="reference", **pairs)
    for impl in ("dense", "blocked"):
        torch.testing.assert_close(
            foveal_attention(content, content, content, layout=layout, impl=impl), want
        )


@pytest.mark.parametrize("changed", ["alpha", "e2", "bias"])
@pytest.mark.parametrize("impl", ["dense", "blocked", "sampled"])
def test_a_bias_that_is_kept_is_that_of_its_parameters(make_problem, impl, changed):
    arguments = make_problem(bias="log", radius=2.5, shared=True, n_queries=7).placed(impl)
    layout, rest = split(arguments)
    other = "smooth" if changed == "bias" else 2 * arguments[changed]
    with torch.no_grad():
        for changes in ({}, {changed: other}, {}):
            got = foveal_attention(**(rest | changes), layout=layout, impl=impl)
            torch.testing.assert_close(got, foveal_attention(**(arguments | changes), impl="reference"))


@pytest.mark.parametrize("impl", ["dense", "blocked", "sampled"])
def test_one_gaze_serves_any_number_of_queries_in_any_precision(make_problem, impl):
    """What is kept for one number of queries, or in float32, is not taken for another."""
    arguments = make_problem(bias="log", radius=2.5, one_gaze=True, n_queries=20).placed(impl)
    layout, rest = split(arguments)
    settings = {} if impl == "sampled" else {"causal": True}
    if settings:
        layout = Layout(**{name: arguments.get(name) for name in SCENE}, **settings)
    want = foveal_attention(**arguments, **settings, impl="reference")
    contents = {name: rest[name] for name in ("q", "k", "v")}
    with torch.no_grad():
        narrow = {name: t.float() for name, t in contents.items()}
        foveal_attention(**(rest | narrow), layout=layout, impl=impl)
        for n in (5, 20):
            last = {"q": contents["q"][:, :, -n:]}  # a causal order ends with the last
            got = foveal_attention(**(rest | last), layout=layout, impl=impl)
            torch.testing.assert_close(got, want[:, :, -n:], rtol=1e-10, atol=1e-12)


def test_what_is_kept_is_made_once_and_holds_no_gradient():
    place = torch.rand(1, 9, 2, requires_grad=True)
    layout = Layout(place, place)
    assert layout.key_order() is layout.key_order()
    axes = layout.key_axes()
    assert not axes.requires_grad
    assert axes.shape == (2, 1, 9)
    torch.testing.assert_close(axes[1], place.detach()[..., 1])


@pytest.mark.parametrize("twice", ["query_position", "key_position", "log_weight", "radius"])
def test_what_a_layout_holds_is_not_said_twice(make_problem, twice):
    arguments = make_problem(radius=2.0).placed("blocked")
    layout, rest = split(arguments)
    with pytest.raises(ValueError, match=f"a layout holds {twice}"):
        foveal_attention(**rest, layout=layout, **{twice: arguments[twice]})


def test_neither_positions_nor_layout_is_refused():
    content = torch.zeros(1, 1, 3, 8)
    with pytest.raises(ValueError, match="needs query_position and key_position, or a layout"):
        foveal_attention(content, content, content)


def test_a_compiled_call_takes_a_layout(make_problem):
    arguments = make_problem(bias="log", radius=2.5).placed("blocked")
    layout, rest = split(arguments)
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda: foveal_attention(**rest, layout=layout), fullgraph=True, backend="aot_eager"
    )
    torch.testing.assert_close(compiled(), foveal_attention(**arguments))
