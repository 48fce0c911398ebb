"""Training with weights kept between the passes: right, the same where they are made anew, and chosen."""

from __future__ import annotations

import gc
import itertools

import pytest
import torch

from cogattn.kernels import Layout, can_run, dispatch, foveal_attention
from cogattn.kernels.foveal_attention import kept, tiles
from cogattn.kernels.foveal_attention.kept import ROOM, _Room

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")
LAYOUTS = {
    "per_image": {},
    "shared": {"shared": True, "dim": 24, "dim_v": 32},
    "plain": {"per_head": False, "weighted": False},
    "one_gaze": {"one_gaze": True},
}
CONTENT, BIAS = ("q", "k", "v"), ("alpha", "e2")
PLACES, WEIGHT = ("query_position", "key_position"), ("log_weight",)


N_QUERIES, N_KEYS = 37, 53


@pytest.fixture(autouse=True, params=["all at once", "32 queries of a head"])
def several_pieces(request, monkeypatch):
    if request.param == "32 queries of a head":
        monkeypatch.setattr(tiles, "TRAINED_TILE_SCORES", 1)
        monkeypatch.setattr(kept, "IN_CACHE", 1)


def learn(problem, names):
    for name, tensor in problem.arguments().items():
        if isinstance(tensor, torch.Tensor):
            tensor.requires_grad_(name in names)
    return problem


@pytest.mark.parametrize("radius", [None, 2.5])
@pytest.mark.parametrize(
    ("kind", "layout"), list(itertools.product(["log", "smooth", "gauss", "none"], LAYOUTS))
)
def test_output_and_every_gradient(make_problem, assert_agree, kind, layout, radius):
    problem = make_problem(bias=kind, radius=radius, **LAYOUTS[layout])
    assert_agree(problem.answers(foveal_attention, "kept"), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("shared", [True, False])
def test_gathered_tiles_and_slices_in_one_call(make_problem, assert_agree, shared):
    """A head that sees far and some that do not."""
    problem = make_problem(bias="log", heads=5, n_queries=300, n_keys=700, shared=shared)
    problem.settings["radius"] = torch.tensor([1.0, 1.1, 30.0, 1.5, 0.5], dtype=torch.float64)
    assert_agree(problem.answers(foveal_attention, "kept"), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("hides", ["mask", "causal", "sequences"])
def test_pairs_that_are_hidden(make_problem, assert_agree, hides, shared):
    problem = make_problem(bias="smooth", n_queries=37, n_keys=53, shared=shared)
    ids = torch.arange(53)[None].expand(2, -1) // 20
    mask = torch.rand(2, 1, 37, 53, generator=torch.Generator().manual_seed(0)) < 0.3
    mask[1, :, 5] = False
    more = {
        "mask": {"mask": mask},
        "causal": {"causal": True},
        "sequences": {"sequences": (ids[:, :37], ids)},
    }
    problem.settings |= more[hides]
    assert_agree(problem.answers(foveal_attention, "kept"), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounding_stays_within_the_dtype(make_problem, assert_agree, dtype):
    problem = make_problem(bias="log", dtype=dtype)
    assert_agree(problem.answers(foveal_attention, "kept"), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("learned", [CONTENT, BIAS, PLACES, WEIGHT, ("q",), ("e2",)])
@pytest.mark.parametrize("kind", ["log", "smooth"])
def test_some_gradients_alone(make_problem, assert_agree, kind, learned):
    problem = learn(make_problem(bias=kind), learned)
    assert_agree(problem.answers(foveal_attention, "kept"), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("radius", [None, 2.5])
@pytest.mark.parametrize("learned", [CONTENT, (*CONTENT, *BIAS, *PLACES)])
def test_weights_made_anew_give_the_same_bits(make_problem, monkeypatch, learned, radius):
    problem = learn(make_problem(bias="log", dtype=torch.float32, radius=radius), learned)
    first = problem.answers(foveal_attention, "kept")
    made, weights = [], kept._weights
    monkeypatch.setattr(_Room, "left", 0)
    monkeypatch.setattr(kept, "_weights", lambda *of: made.append(of) or weights(*of))
    anew = problem.answers(foveal_attention, "kept")
    assert len(made) == (2 * (2 * 2 * 2) if kept.IN_CACHE == 1 else 2 * 2)  # passes: images, heads, cuts
    assert all(torch.equal(first[name], anew[name]) for name in first)
    assert _Room.left == 0


def test_room_is_taken_until_the_backward_pass(make_problem):
    problem = learn(make_problem(bias="log", dtype=torch.float32), CONTENT)
    size = 2 * 2 * N_QUERIES * N_KEYS * 4
    gc.collect()
    free = _Room.left
    assert free <= ROOM
    outs = [foveal_attention(**problem.placed("kept"), impl="kept") for _ in range(2)]
    assert free - _Room.left == 2 * size
    outs[0].sum().backward()
    assert free - _Room.left == size
    del outs
    assert _Room.left == free
    with torch.no_grad():
        foveal_attention(**problem.placed("kept"), impl="kept")
        assert _Room.left == free


def test_room_that_is_not_there_is_not_taken(make_problem, monkeypatch):
    problem = learn(make_problem(bias="log", dtype=torch.float32), CONTENT)
    size = 2 * 2 * N_QUERIES * N_KEYS * 4
    monkeypatch.setattr(_Room, "left", size)
    first = foveal_attention(**problem.placed("kept"), impl="kept")
    assert _Room.left == 0
    second = foveal_attention(**problem.placed("kept"), impl="kept")
    assert _Room.left == 0
    del second
    assert _Room.left == 0
    del first
    assert _Room.left == size


def test_an_image_without_a_key_gives_nothing(make_problem, assert_agree):
    problem = make_problem(bias="log")
    with torch.no_grad():
        problem.settings["log_weight"][1] = -torch.inf
    answers = problem.answers(foveal_attention, "kept")
    assert (answers["out"][1] == 0).all()
    assert (answers["q"][1] == 0).all()
    assert_agree(answers, problem.answers(foveal_attention, "reference"))


def test_weights_of_keys_shared_by_images_that_look_elsewhere(make_problem, assert_agree):
    problem = make_problem(bias="log")
    for group, name in ((problem.tensors, "key_position"), (problem.settings, "log_weight")):
        group[name] = group[name].detach()[:1].clone().requires_grad_()
    assert_agree(problem.answers(foveal_attention, "kept"), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("kind", ["log", "smooth", "gauss"])
def test_the_log_sum_exp_of_a_query_without_a_key_has_no_gradient(make_problem, assert_agree, kind):
    problem = make_problem(bias=kind, radius=2.5)
    with torch.no_grad():
        problem.tensors["query_position"][:, 5] = 500.0

    def log_sum(**arguments):
        return foveal_attention(**arguments, return_lse=True)[1]

    got, truth = (problem.answers(log_sum, impl) for impl in ("blocked", "reference"))
    assert torch.isneginf(got.pop("out")[:, :, 5]).all()
    truth.pop("out")
    assert_agree(got | {"out": got["q"]}, truth | {"out": truth["q"]})


@pytest.mark.parametrize("impl", ["kept", "blocked"])
@pytest.mark.parametrize("learned", [CONTENT, (*CONTENT, *BIAS)])
def test_gradients_are_contiguous(make_problem, impl, learned):
    """The operator's stand-in for compilers says so."""
    moved = learn(make_problem(bias="log"), learned).placed(impl)
    out = foveal_attention(**moved, impl=impl)
    assert all(
        grad.is_contiguous() for grad in torch.autograd.grad(out.sum(), [moved[name] for name in learned])
    )


def test_gradients_twice_of_one_graph(make_problem):
    problem = learn(make_problem(bias="log"), CONTENT)
    moved = problem.placed("kept")
    out = foveal_attention(**moved, impl="kept")
    first, second = (torch.autograd.grad(out.sum(), moved["q"], retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_second_derivatives_are_refused(make_problem):
    moved = learn(make_problem(bias="log"), CONTENT).placed("kept")
    out = foveal_attention(**moved, impl="kept")
    (first,) = torch.autograd.grad(out.square().sum(), moved["q"], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bias": "table", "table": torch.zeros(1, 5, 5)}, "table"),
        ({"return_lse": True}, "log-sum-exp"),
        ({}, ""),
    ],
)
def test_what_it_refuses(make_problem, changed, reason):
    problem = make_problem(bias="log", dtype=torch.float32, weighted=False)
    able, said = can_run("kept", **(problem.arguments() | changed))
    assert (able, reason in said, bool(said)) == (not reason, True, bool(reason))


class TestAuto:
    """It runs where gradients are asked for, from 65,536 pairs on."""

    def used(self, side, *, learned=CONTENT, layout=False, **settings):
        along = torch.arange(float(side))
        place = torch.cartesian_prod(along, along)[None]
        given = {"alpha": torch.ones(1), "e2": torch.ones(1)}
        given |= {name: torch.randn(1, 1, side * side, 4) for name in CONTENT}
        for name in learned:
            given[name].requires_grad_()
        places = (
            {"layout": Layout(place, place)} if layout else {"query_position": place, "key_position": place}
        )
        foveal_attention(**given, **places, **({"bias": "log"} | settings))
        return dispatch.last_used["foveal_attention"]

    def test_it_trains(self):
        assert (
            self.used(16) == self.used(16, learned=BIAS) == self.used(16, learned=BIAS, layout=True) == "kept"
        )

    def test_a_small_call_has_all_scores_at_once(self):
        assert self.used(15) == self.used(15, learned=BIAS) == "dense"

    def test_a_mask_that_a_layout_keeps_is_faster(self):
        assert self.used(16, layout=True) == "dense"

    def test_without_gradients(self):
        assert self.used(16, learned=()) == "dense"
        with torch.no_grad():
            assert self.used(16) == self.used(16, learned=BIAS) == "dense"

    def test_other_biases_and_hidden_pairs(self):
        assert self.used(16, bias="gauss", learned=BIAS) == "folded"
        assert self.used(16, causal=True, learned=BIAS) == "kept"

    def test_under_torch_func(self):
        along = torch.arange(16.0, dtype=torch.float64)
        place = torch.cartesian_prod(along, along)[None]
        q = torch.randn(1, 1, 256, 4, dtype=torch.float64)
        got = torch.func.grad(lambda t: foveal_attention(t, q, q, place, place, bias="log").sum())(q)
        assert dispatch.last_used["foveal_attention"] == "dense"
        leaf = q.clone().requires_grad_()
        foveal_attention(leaf, q, q, place, place, bias="log", impl="kept").sum().backward()
        torch.testing.assert_close(leaf.grad, got)
