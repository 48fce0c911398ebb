"""What eccNET's network sees against layers written out cell by cell, and parts of windows against whole ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from cogattn.psychophysics.search.eccnet.network import EccNet
from cogattn.psychophysics.search.eccnet.pooling import Ring, Window, rings
from tests.psychophysics.search.eccnet.vgg import Vgg, halved, layers_by_hand, pooled_by_hand

BACKGROUND = np.uint8(60)


@pytest.fixture(scope="module")
def vgg():
    return Vgg(seed=3)


def window(side, rows=(0, 0), columns=(0, 0), seed=0, channels=()):
    """A blank window with noise in a rectangle."""
    picture = np.full((side, side, *channels), BACKGROUND)
    place = slice(*rows), slice(*columns)
    picture[place] = np.random.default_rng(seed).integers(0, 256, picture[place].shape)
    return picture


def relative(found, expected):
    found, expected = (torch.as_tensor(np.asarray(one)).squeeze().double() for one in (found, expected))
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(("side", "ppd"), [(160, 12.0), (174, 9.0), (210, 30.0)])
def test_maps_are_those_of_the_layers_written_out(vgg, side, ppd) -> None:
    seen = window(side, (0, side), (0, side))
    convolved, _ = layers_by_hand(vgg, seen, ppd)
    expected = [halved(halved(convolved[2])), halved(convolved[3]), convolved[4]]
    found = EccNet(vgg, pixels_per_degree=ppd).see(seen)
    assert [one.shape[-1] for one in found] == [-(-side // 16)] * 3
    for one, other in zip(found, expected, strict=True):
        assert relative(one, other) < 1e-5


@pytest.mark.parametrize("side", [7, 31, 48, 69])
def test_targets_are_their_poolings_at_half_the_scale(vgg, side) -> None:
    picture = window(side, (0, side), (0, side))
    convolved, pooled = layers_by_hand(vgg, picture, 30)
    expected = [halved(halved(pooled[2])), halved(pooled[3]), pooled[4]]
    for one, other in zip(EccNet(vgg).know(picture), expected, strict=True):
        assert one.shape[-1] == -(-side // 32)
        assert relative(one, other) < 1e-5
    whole = [halved(halved(convolved[2])), halved(convolved[3]), convolved[4]]
    for one, other in zip(EccNet(vgg, without=("half_scale",)).know(picture), whole, strict=True):
        assert relative(one, other) < 1e-5


@pytest.mark.parametrize(
    ("side", "rows", "columns"),
    [
        (208, (64, 104), (71, 111)),
        (208, (101, 141), (64, 65)),
        (210, (65, 66), (140, 146)),
        (232, (66, 168), (64, 165)),
        (210, (0, 0), (0, 0)),
    ],
)
@pytest.mark.parametrize("ppd", [12.0, 30.0])
def test_a_window_is_the_blank_one_but_where_the_display_reaches(vgg, side, rows, columns, ppd) -> None:
    seeing, seen = EccNet(vgg, pixels_per_degree=ppd), window(side, rows, columns)
    whole = seeing.see(seen)
    for one, other in zip(seeing.see(seen, background=BACKGROUND), whole, strict=True):
        assert (one - other).abs().max() < 1e-5 * other.abs().max()


def test_a_blank_window_is_kept_for_its_size_and_colour_only(vgg) -> None:
    seeing = EccNet(vgg, pixels_per_degree=12)
    first, larger = window(208, (64, 104), (71, 111)), window(232, (66, 168), (64, 165))
    for seen, background in ((first, BACKGROUND), (larger, BACKGROUND), (first, BACKGROUND)):
        part, whole = seeing.see(seen, background=background), seeing.see(seen)
        assert all(relative(one, other) < 1e-5 for one, other in zip(part, whole, strict=True))
    darker = np.where(first == BACKGROUND, np.uint8(20), first)
    part, whole = seeing.see(darker, background=np.uint8(20)), seeing.see(darker)
    assert all(relative(one, other) < 1e-5 for one, other in zip(part, whole, strict=True))


def test_colours_reach_the_network_as_red_green_and_blue(vgg) -> None:
    seen = window(160, (64, 96), (64, 96), channels=(3,))
    means = np.array([123.68, 116.779, 103.939])
    with torch.no_grad():
        first = vgg.features[:2](torch.from_numpy(seen - means).movedim(-1, 0).float()[None])
        own = EccNet(vgg).blocks[0][:2](EccNet(vgg)._inputs(seen))
    assert torch.allclose(first, own, atol=1e-3)
    reddish = np.array([200, 60, 60], dtype=np.uint8)
    seen[:64] = seen[96:] = seen[:, :64] = seen[:, 96:] = reddish
    seeing = EccNet(vgg, pixels_per_degree=12)
    part, whole = seeing.see(seen, background=reddish), seeing.see(seen)
    assert all(relative(one, other) < 1e-5 for one, other in zip(part, whole, strict=True))


def test_networks_may_take_other_units(vgg) -> None:
    own = Vgg(seed=3)
    with torch.no_grad():
        own.features[0].weight *= 255
    seen = window(160, (0, 160), (0, 160))
    scaled = EccNet(own, mean=(123.68, 116.779, 103.939), std=(255.0,) * 3).see(seen)
    for one, other in zip(scaled, EccNet(vgg).see(seen), strict=True):
        assert relative(one, other) < 1e-5


def test_without_rings_all_windows_are_alike(vgg) -> None:
    seen = window(208, (0, 208), (0, 208))
    convolved, _ = layers_by_hand(vgg, seen, 12, slopes=(0,) * 5)
    found = EccNet(vgg, pixels_per_degree=12, without=("rings",)).see(seen)
    assert relative(found[2], convolved[4]) < 1e-5
    assert relative(found[2], EccNet(vgg, pixels_per_degree=12).see(seen)[2]) > 1e-3


def test_rings_follow_a_fixation_beside_the_middle(vgg) -> None:
    seeing = EccNet(vgg, pixels_per_degree=12)
    seen = window(208, (0, 208), (0, 208))
    middle = seeing.see(
        seen, centre=(104, 104)
    )  # the middle cell, 26 / 2, of a pooled map of 8 pixels a cell
    assert all(torch.equal(one, other) for one, other in zip(middle, seeing.see(seen), strict=True))
    assert relative(seeing.see(seen, centre=(80, 140))[2], middle[2]) > 1e-3
    shares = seeing._shares(2, 26, 26, (10, 17))  # of pooling 3, pixel (80, 140) in cells of 8
    assert shares[2][10, 17]
    rows, columns = np.nonzero(shares[2])
    assert (rows.min() + rows.max(), columns.min() + columns.max()) == (20, 34)


@pytest.mark.parametrize("side", [9, 40, 41, 100, 101])
@pytest.mark.parametrize(("slope", "scale"), [(0.07, 8), (0.16, 4), (0.32, 2), (0.3, 3)])
def test_poolings_are_averages_over_rings(vgg, side, slope, scale) -> None:
    maps = np.random.default_rng(1).normal(size=(2, side, side))
    expected = pooled_by_hand(maps, slope, scale)
    seeing = EccNet(vgg)
    seeing._slopes, seeing._cells_per_degree = (slope,), [scale]
    assert relative(seeing._pool(torch.from_numpy(maps)[None], 0), expected) < 1e-12


@pytest.mark.parametrize(
    ("n_out", "slope", "scale", "windows"),
    [(101, 0.07, 8, [2, 3, 3, 4, 4, 5, 5, 6, 6, 7]), (51, 0.16, 4, [2, 3, 3, 4, 5, 5, 6, 6, 7, 8])],
)
def test_rings_are_a_degree_wide_beyond_a_fovea_of_four(n_out, slope, scale, windows) -> None:
    """The windows of poolings 3 and 4 of the authors' network in a window of 806 pixels."""
    found = rings(n_out, slope=slope, cells_per_degree=scale)
    radii = [0.0, *(2.0 * scale + scale / 2 * ring for ring in range(len(windows) - 1))]
    assert [next(r.window for r in found if r.inner <= radius < r.outer) for radius in radii] == windows
    assert all(ring.outer == after.inner for ring, after in itertools.pairwise(found))
    assert found[-1].outer == np.inf


def test_small_maps_and_flat_slopes_have_one_ring() -> None:
    assert rings(31, slope=0.07, cells_per_degree=8) == [Ring(0, np.inf, 2)]
    assert rings(32, slope=0.07, cells_per_degree=8) == [Ring(0, 16, 2), Ring(16, np.inf, 3)]
    assert rings(101, slope=0.0, cells_per_degree=8) == [Ring(0, np.inf, 2)]


@pytest.mark.parametrize("n", [9, 10, 33])
@pytest.mark.parametrize("size", [2, 3, 5, 8])
def test_windows_that_touch_cells_are_known(n, size) -> None:
    window = Window(size, n)
    covered = [range(*window.reach((one, one + 1))) for one in range(-(-n // 2))]
    for low in range(n):
        for high in range(low + 1, n + 1):
            touching = [one for one, cells in enumerate(covered) if set(cells) & set(range(low, high))]
            assert range(*window.touching((low, high))) == range(touching[0], touching[-1] + 1)
    counts = [len(set(cells) & set(range(n))) for cells in covered]
    assert window.counts((0, len(covered))).tolist() == counts
