"""Block lists never drop a pair, and skip what they can."""

from __future__ import annotations

import pytest
import torch

from cogattn.kernels import spatial_order
from cogattn.kernels.foveal_attention.call import make_call
from cogattn.kernels.foveal_attention.lists import block_lists, kept_blocks

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def lattice(side, order=True):
    place = torch.cartesian_prod(torch.arange(float(side)), torch.arange(float(side)))
    return (place[spatial_order(place)] if order else place)[None]


def dense_blocks(gaze, place, radius, query_block, key_block):
    offset = place[:, None] - gaze[:, :, None]
    near = (offset * offset).sum(-1) <= radius * radius
    missing = (0, -near.shape[2] % key_block, 0, -near.shape[1] % query_block)
    near = torch.nn.functional.pad(near, missing)
    return near.unflatten(2, (-1, key_block)).unflatten(1, (-1, query_block)).any(4).any(2)


@pytest.mark.parametrize("radius", [0.0, 1.0, 2.5, 5.0])
@pytest.mark.parametrize("blocks", [(16, 16), (32, 8), (7, 5)])
def test_every_block_with_a_pair_is_kept(radius, blocks):
    gaze, place = lattice(13), lattice(11) + 1.0
    keep = kept_blocks(gaze, place, torch.tensor([radius]), query_block=blocks[0], key_block=blocks[1])
    assert (keep | ~dense_blocks(gaze, place, radius, *blocks)).all()


def test_square_tiles_are_skipped_exactly():
    """On whole 8 x 8 tiles the boxes are full, so the gap is the distance of the nearest pair."""
    place = lattice(32)
    keep = kept_blocks(place, place, torch.tensor([5.0]), query_block=64, key_block=64)
    assert torch.equal(keep, dense_blocks(place, place, 5.0, 64, 64))


def test_spatial_order_halves_the_blocks_of_raster_order():
    raster, ordered = (
        kept_blocks(p, p, torch.tensor([8.5]), query_block=64, key_block=64).float().mean()
        for p in (lattice(64, order=False), lattice(64))
    )
    assert ordered < 0.5 * raster
    assert ordered < 0.21


def test_spatial_order_is_a_permutation_and_accepts_one_place():
    place = torch.randn(3, 50, 2)
    assert torch.equal(spatial_order(place).sort(-1).values, torch.arange(50).expand(3, -1))
    assert torch.equal(spatial_order(torch.zeros(4, 2)), torch.arange(4))


def test_blocks_of_padding_are_skipped_and_padding_stretches_no_box():
    place = lattice(16)
    weight = torch.zeros(1, 256)
    weight[:, 100:] = -torch.inf
    place[:, 100:] = 0.0
    keep = kept_blocks(place, place, torch.tensor([3.0]), query_block=16, key_block=16, log_weight=weight)
    assert not keep[..., 7:].any()
    without = kept_blocks(place, place[:, :100], torch.tensor([3.0]), query_block=16, key_block=16)
    assert torch.equal(keep[..., :7], without)


def test_lists_hold_the_kept_columns_in_rising_order():
    keep = torch.rand(2, 5, 9, generator=torch.Generator().manual_seed(0)) < 0.4
    lists = block_lists(keep)
    for image, row in torch.cartesian_prod(torch.arange(2), torch.arange(5)).tolist():
        index = lists.index[image, row, : lists.count[image, row]]
        assert index.tolist() == keep[image, row].nonzero()[:, 0].tolist()


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("chunk", [64, 1024], ids=["several chunks", "one chunk"])
def test_the_list_kernel_equals_the_lists_in_torch(monkeypatch, transposed, weighted, chunk):
    from cogattn.kernels.foveal_attention.triton import launch
    from cogattn.kernels.foveal_attention.triton.tiling import Tiling

    monkeypatch.setattr(launch, "CHUNK_POSITIONS", chunk)
    gaze, place = torch.cat([lattice(9), lattice(9) + 40]), lattice(12)
    weight = torch.zeros(1, 144)
    weight[:, 70:] = -torch.inf
    q, k = torch.zeros(2, 1, 81, 16), torch.zeros(2, 1, 144, 16)
    call = make_call(
        *(t.to(DEVICE) for t in (q, k, k, gaze, place)),
        log_weight=weight.to(DEVICE) if weighted else None, bias="none", alpha=0.0, e2=1.0,
        radius=torch.tensor([3.0]), table=None, extent_deg=1.0, scale=None, precision="ieee",
    )  # fmt: skip
    tile = Tiling(16, 32, 4, 1)
    got = launch.visits(call, call.scene, tile, transposed=transposed)
    keep = kept_blocks(
        gaze,
        place,
        torch.tensor([3.0]),
        query_block=16,
        key_block=32,
        log_weight=weight if weighted else None,
    )
    want = block_lists(keep.mT if transposed else keep)
    assert torch.equal(got.count[:, 0].cpu(), want.count)
    for mine, true, count in zip(
        got.index.cpu().flatten(0, 2), want.index.flatten(0, 1), want.count.flatten(), strict=True
    ):
        assert torch.equal(mine[:count], true[:count])
