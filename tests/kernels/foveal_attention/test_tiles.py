"""How a CPU cuts a call into tiles: heads of like radii together, sequences apart, scenes by all that differs."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import foveal_attention, spatial_order
from cogattn.kernels.foveal_attention.call import make_call
from cogattn.kernels.foveal_attention.tiles import length, reached_fraction, tiles

N = 768
USUAL = {"log_weight": None, "table": None, "extent_deg": 1.0, "scale": None, "precision": "ieee"}


def call_of(*, backwards=False, **settings):
    """Two heads of as many queries as keys on a line."""
    content, place = torch.zeros(1, 2, N, 8), torch.arange(float(N))[None, :, None]
    place = place.flip(1) if backwards else place
    usual = USUAL | {"bias": "none", "alpha": 0.0, "e2": 1.0, "radius": None}
    return make_call(content, content, content, place, place, **(usual | settings)).tensors()


@pytest.mark.parametrize(
    ("radii", "runs"),
    [([5.0, 90.0], {(0, 1), (1, 2)}), ([90.0, 5.0], {(0, 1), (1, 2)}), ([5.0, 5.5], {(0, 2)})],
)
def test_heads_are_walked_together_where_their_radii_are_alike(radii, runs):
    cut = tiles(call_of(radius=torch.tensor(radii)))
    assert {(tile.heads.start, tile.heads.stop) for tile in cut} == runs
    for tile in cut:
        reach = max(radii[tile.heads])
        assert length(tile.keys) <= length(tile.queries) + 2 * reach


@pytest.mark.parametrize("impl", ["blocked", "kept"])
@pytest.mark.parametrize("in_order", [True, False])
def test_queries_that_are_in_order_are_slices(make_problem, assert_agree, impl, in_order):
    """The same answers; what is in order has not to be gathered."""
    problem = make_problem(bias="log", radius=1.5, n_queries=130, n_keys=700, shared=True)
    if in_order:
        gaze = problem.tensors["query_position"].detach()
        problem.tensors["query_position"] = gaze[:, spatial_order(gaze)[0]].requires_grad_()
    assert_agree(problem.answers(foveal_attention, impl), problem.answers(foveal_attention, "reference"))
    cut = tiles(call_of(radius=torch.tensor([2.0]), backwards=not in_order))
    assert {isinstance(tile.queries, slice) for tile in cut} == {in_order}


def test_queries_of_one_sequence_make_tiles_wherever_they_stand():
    ids = torch.arange(N)[None] % 4
    assert reached_fraction(call_of(sequences=(ids, ids))) == pytest.approx(0.25)


@pytest.mark.parametrize("impl", ["blocked", "kept"])
def test_queries_of_one_gaze_are_all_in_tiles(make_problem, assert_agree, impl):
    problem = make_problem(bias="log", n_queries=130, n_keys=700, one_gaze=True)
    problem.settings["sequences"] = tuple(torch.arange(n)[None] * 4 // n for n in (130, 700))
    assert_agree(problem.answers(foveal_attention, impl), problem.answers(foveal_attention, "reference"))


def test_images_of_one_scene_have_sequences_of_their_own(make_problem):
    problem = make_problem(radius=3.0, n_queries=130, n_keys=700, shared=True, weighted=False)
    ids = [torch.stack([torch.arange(n) * 3 // n, torch.arange(n) * 2 // n]) for n in (130, 700)]
    arguments = problem.placed("blocked") | {"sequences": tuple(ids)}
    want = foveal_attention(**arguments, impl="reference")
    torch.testing.assert_close(foveal_attention(**arguments, impl="blocked"), want)
