"""Positions of one, two or more coordinates: lags, places in the visual field, places in a video."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import foveal_attention, spatial_order


def placed_in(problem, n_dims):
    """The problem with positions of so many coordinates, spread as before."""
    generator = torch.Generator().manual_seed(5)
    for name in ("query_position", "key_position"):
        shape = (*problem.tensors[name].shape[:2], n_dims)
        position = 8 * torch.rand(*shape, generator=generator, dtype=torch.float64)
        problem.tensors[name] = position.requires_grad_()
    return problem


@pytest.mark.parametrize("sizes", [{}, {"n_queries": 130, "n_keys": 700}], ids=["whole", "gathered"])
@pytest.mark.parametrize("n_dims", [1, 3, 4])
@pytest.mark.parametrize("impl", ["dense", "blocked"])
def test_output_and_every_gradient(make_problem, assert_agree, impl, n_dims, sizes):
    problem = placed_in(make_problem(bias="smooth", radius=2.0, **sizes), n_dims)
    assert_agree(problem.answers(foveal_attention, impl), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("impl", ["reference", "folded", "dense", "blocked"])
@pytest.mark.parametrize("n_dims", [1, 3])
def test_more_coordinates_that_are_zero_change_nothing(make_problem, impl, n_dims):
    problem = placed_in(make_problem(bias="gauss"), n_dims)
    arguments = problem.placed(impl)
    gaze, place = (torch.nn.functional.pad(arguments[n], (0, 1)) for n in ("query_position", "key_position"))
    wider = arguments | {"query_position": gaze, "key_position": place}
    torch.testing.assert_close(foveal_attention(**arguments, impl=impl), foveal_attention(**wider, impl=impl))


def test_a_line_is_sorted_and_a_volume_is_cut_into_cubes():
    line = torch.randperm(50, generator=torch.Generator().manual_seed(0)).float()[None, :, None]
    assert torch.equal(line.gather(1, spatial_order(line)[..., None]), line.sort(1).values)
    along = torch.arange(8.0)
    volume = torch.cartesian_prod(along, along, along)
    cubes = volume[spatial_order(volume)].unflatten(0, (-1, 64))
    assert (cubes.amax(1) - cubes.amin(1) == 3).all()


def test_the_polar_table_needs_a_plane(make_problem):
    problem = placed_in(make_problem(bias="polar"), 3)
    with pytest.raises(ValueError, match=r"\(x, y\) for the polar bias"):
        foveal_attention(**problem.arguments())
