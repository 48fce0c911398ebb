"""A vision transformer with a fovea: the plain one at full acuity, timm's own under a mask otherwise."""

from __future__ import annotations

from math import log

import pytest
import timm
import torch
from torch import Tensor, nn

from cogattn.attention import FoveaConfig, FoveatedTransformer
from cogattn.attention.fixations import Fixation, Patches
from cogattn.errors import ObserverError

SIDE = 64
NETWORKS = {
    "class token": ("vit_tiny_patch16_224", {"depth": 2}),
    "two tokens": ("deit_tiny_distilled_patch16_224", {"depth": 2}),
    "registers": ("vit_small_patch14_reg4_dinov2", {"depth": 2, "img_size": 70}),
    "class token without a code": ("deit3_small_patch16_224", {"depth": 2}),
    "mean, no token": ("vit_base_patch16_gap_224", {"depth": 1}),
    "mean, norms of queries": ("test_vit4", {}),
    "pool by attention": ("test_vit3", {}),
    "any size": ("vit_tiny_patch16_224", {"depth": 2, "dynamic_img_size": True}),
}
FOVEA = FoveaConfig(alpha=2.0, bias="log", e2_deg=0.5, width_deg=4.0)


def plain(kind: str = "class token") -> nn.Module:
    name, settings = NETWORKS[kind]
    network = timm.create_model(name, **{"img_size": SIDE} | settings).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # layers start near 0 in some of them
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def images(network: nn.Module, n: int = 2) -> Tensor:
    return torch.randn(n, 3, *network.patch_embed.img_size)


def masked(network: nn.Module, pictures: Tensor, log_weight: Tensor, first_block: int = 0) -> Tensor:
    """timm's own transformer with what a key counts added to its scores, (n_prefix + n_patches,)."""
    mask = log_weight.expand(len(pictures), 1, 1, -1)
    tokens = network._pos_embed(network.patch_embed(pictures))
    for number, block in enumerate(network.blocks):
        tokens = block(tokens, attn_mask=mask if number >= first_block else None)
    return network.norm(tokens)


def by_hand(gaze: tuple[float, float], n_prefix: int = 1) -> Tensor:
    """What the 16 patches of `SIDE` pixels count under `FOVEA`, one by one."""
    weights = []
    for row in range(4):
        for column in range(4):
            distance = ((column + 0.5 - 2 - gaze[0]) ** 2 + (row + 0.5 - 2 - gaze[1]) ** 2) ** 0.5
            weights.append((1 + distance / 0.5) ** -2.0)
    counts = torch.tensor(weights) * 16 / sum(weights)
    return torch.cat([torch.zeros(n_prefix), counts.log()])


@pytest.mark.parametrize("kind", NETWORKS)
def test_at_full_acuity_it_is_the_plain_transformer(kind):
    network = plain(kind)
    pictures = images(network)
    seen = FoveatedTransformer(network, FoveaConfig()).eval()
    torch.testing.assert_close(seen(pictures), network(pictures), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(seen.forward_features(pictures), network.forward_features(pictures))
    want = network.forward_intermediates(pictures, indices=[0], intermediates_only=True)
    torch.testing.assert_close(seen.forward_intermediates(pictures, [0]), want)


@pytest.mark.parametrize("gaze", [(0.0, 0.0), (-1.3, 0.4)], ids=["middle", "aside"])
def test_a_patch_counts_by_its_eccentricity_in_all_blocks(gaze):
    network = plain()
    pictures = images(network)
    seen = FoveatedTransformer(network, FOVEA).forward_features
    want = masked(network, pictures, by_hand(gaze))
    found = FoveatedTransformer(network, FOVEA.model_copy(update={"gaze_deg": gaze}))
    torch.testing.assert_close(found.forward_features(pictures), want)
    assert (seen(pictures) - network.forward_features(pictures)).abs().max() > 1e-3


def test_blocks_before_the_first_have_no_fovea():
    network = plain()
    pictures = images(network)
    found = FoveatedTransformer(network, FOVEA.model_copy(update={"first_block": 1}))
    want = masked(network, pictures, by_hand((0.0, 0.0)), first_block=1)
    torch.testing.assert_close(found.forward_features(pictures), want)


def test_patches_beyond_the_radius_are_as_if_they_were_not_there():
    network = plain()
    pictures = images(network)
    fovea = FoveaConfig(radius_deg=0.8, width_deg=4.0)
    near = [5, 6, 9, 10]  # the four about the middle
    counts = torch.full((17,), -torch.inf)
    counts[0], counts[[1 + patch for patch in near]] = 0, log(4)
    want = masked(network, pictures, counts)
    seen = FoveatedTransformer(network, fovea)
    torch.testing.assert_close(seen.forward_features(pictures), want[:, [0, *(1 + p for p in near)]])
    (maps,) = seen.forward_intermediates(pictures, [1])
    assert maps.flatten(2).abs().sum((0, 1)).nonzero().ravel().tolist() == near


def test_gazes_that_keep_unequally_many_patches_see_what_each_sees_alone():
    network = plain()
    pictures = images(network)
    seen = FoveatedTransformer(network, FOVEA.model_copy(update={"radius_deg": 1.6}))
    gaze = torch.tensor([[0.0, 0.0], [-2.0, -2.0], [-50.0, 0.0]])  # the last sees the two nearest patches
    assert [len(seen._fixate(seen.embed(pictures), g.view(1, 1, 2)).kept[0]) for g in gaze] == [12, 3, 2]
    together = seen(pictures, gaze[None])
    for number, one in enumerate(gaze):
        torch.testing.assert_close(together[:, number], seen(pictures, one.view(1, 1, 2))[:, 0])


def test_gazes_of_one_image_share_its_patches_and_the_blocks_before_the_fovea():
    network = plain()
    pictures, calls = images(network), []
    seen = FoveatedTransformer(network, FOVEA.model_copy(update={"first_block": 1}))
    for number, layer in enumerate([seen.network.patch_embed, *seen.network.blocks]):
        layer.register_forward_hook(lambda _, inputs, __, n=number: calls.append((n, len(inputs[0]))))
    seen(pictures, torch.randn(1, 5, 2))
    assert calls == [(0, 2), (1, 2), (2, 10)]


def test_each_image_may_have_gazes_of_its_own():
    network = plain()
    pictures, gaze = images(network), torch.randn(2, 3, 2)
    seen = FoveatedTransformer(network, FOVEA)
    want = torch.stack([seen(pictures[i : i + 1], gaze[i : i + 1])[0] for i in range(2)])
    torch.testing.assert_close(seen(pictures, gaze), want)


@pytest.mark.parametrize(
    "settings",
    [{"bias": "smooth"}, {"bias": "log"}, {"bias": "gauss"}, {"reach_deg": 1.5}, {"radius_deg": 1.6}],
    ids=["smooth", "log", "gauss", "reach", "radius"],
)
def test_the_gaze_has_a_gradient(settings):
    network = plain()
    pictures, weights = images(network), torch.randn(1000)
    seen = FoveatedTransformer(network, FOVEA.model_copy(update=settings))
    gaze = torch.tensor([[[0.3, -0.2], [1.1, 0.7]]], requires_grad=True)
    assert torch.autograd.gradcheck(lambda g: seen(pictures, g) @ weights, gaze)


@pytest.mark.parametrize("kind", ["class token", "registers", "mean, no token"])
@pytest.mark.parametrize("first_block", [0, 1])
def test_patches_attend_as_far_as_they_reach_and_other_tokens_everywhere(kind, first_block):
    network = plain(kind)
    first_block = min(first_block, len(network.blocks) - 1)
    pictures, n_prefix = images(network), network.num_prefix_tokens
    side = network.patch_embed.grid_size[0]
    place = torch.cartesian_prod(torch.arange(side), torch.arange(side)).double()  # one degree each
    far = torch.zeros(n_prefix + side**2, n_prefix + side**2)
    far[n_prefix:, n_prefix:].masked_fill_(torch.cdist(place, place) > 1.5, -torch.inf)
    distance = (place - (side - 1) / 2).norm(dim=-1)
    weights = (1 + distance / 0.5) ** -2
    counts = torch.cat([torch.zeros(n_prefix), (weights * side**2 / weights.sum()).log()])
    tokens = network._pos_embed(network.patch_embed(pictures))
    for number, block in enumerate(network.blocks):
        mask = far + counts if number >= first_block else far
        tokens = block(tokens, attn_mask=mask[None, None])
    fovea = FOVEA.model_copy(update={"reach_deg": 1.5, "width_deg": float(side), "first_block": first_block})
    fixed = FoveatedTransformer(network, fovea)
    found = fixed.look(fixed.embed(pictures))
    want = network.norm(tokens)
    if network.global_pool == "avg":
        want = want * counts.exp()[:, None]
    torch.testing.assert_close(found, want)


@pytest.mark.parametrize("kind", ["mean, no token", "mean, norms of queries"])
def test_the_mean_over_patches_is_weighed_as_attention_is(kind):
    network = plain(kind)
    pictures = images(network)
    n_prefix = network.num_prefix_tokens
    counts = by_hand((0.0, 0.0), n_prefix)
    tokens = masked(network, pictures, counts)[:, n_prefix:]
    mean = (tokens * counts[n_prefix:].exp()[:, None]).sum(1) / 16
    found = FoveatedTransformer(network, FOVEA)(pictures)
    torch.testing.assert_close(found, network.head(network.fc_norm(mean)))


@pytest.mark.parametrize(
    "settings", [{}, {"reach_deg": 1.5}, {"radius_deg": 1.6}], ids=["all", "reach", "radius"]
)
def test_half_precision_sees_what_single_precision_does(settings):
    network = plain().float()
    pictures = images(network).float()
    seen = FoveatedTransformer(network, FOVEA.model_copy(update=settings)).eval()
    want = seen(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(seen(pictures).float(), want, rtol=0.05, atol=0.05)
    found = seen.bfloat16()(pictures.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), want, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 1)], ids=str)
def test_the_patch_under_gaze_counts_most(place):
    row, column = place
    patches = Patches.of((2, 3), (16, 16), (32, 48), pixels_per_degree=8, like=torch.zeros(1))
    gaze = torch.tensor([[(column + 0.5) * 2 - 3, (row + 0.5) * 2 - 2]])  # patches are two degrees wide
    fixation = Fixation.at(gaze, patches, FOVEA, n_prefix=1)
    assert fixation.log_weight[0, 1:].argmax() == 3 * row + column
    assert fixation.log_weight[0, 0] == 0
    assert fixation.log_weight[0, 1:].exp().sum() == pytest.approx(6)


def test_padding_does_not_move_the_middle():
    network = plain("any size")
    seen = FoveatedTransformer(network, FOVEA)
    padded = torch.randn(1, 3, 48, 64)
    position = seen.embed(padded, pixels_per_degree=16, image_px=(40, 64)).patches.position_deg
    torch.testing.assert_close(position[0], torch.tensor([-1.5, 0.5 - 40 / 32]))


def test_patches_of_a_convolutional_stem_are_as_large_as_their_stride():
    network = timm.create_model("vit_tiny_r_s16_p8_224", img_size=64, depth=1).eval()
    position = FoveatedTransformer(network, FOVEA).embed(torch.randn(1, 3, 64, 64)).patches.position_deg
    torch.testing.assert_close(position, torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]))


@pytest.mark.slow
def test_more_patches_get_interpolated_codes():
    network = plain()
    seen = FoveatedTransformer(network, FoveaConfig(image_size=1024)).eval()
    assert network.pos_embed.shape[1] == 17  # the given one stays as it was
    assert seen.pretrained_cfg["input_size"] == (3, 1024, 1024)
    pictures = torch.randn(1, 3, 1024, 1024)
    network.set_input_size(img_size=(1024, 1024))
    with torch.inference_mode():
        assert seen.embed(pictures).tokens.shape[1] == 4097
        torch.testing.assert_close(seen(pictures), network(pictures))


@pytest.mark.parametrize(
    ("network", "fovea", "message"),
    [
        ("test_resnet", FOVEA, "needs a VisionTransformer of timm; got ResNet"),
        ("vit_pwee_patch16_reg1_gap_256", FOVEA, "needs blocks with timm's Attention"),
        ("test_vit", FoveaConfig(first_block=6), "one of 6 blocks, from 0; got 6"),
    ],
    ids=["convolutional", "parallel blocks", "no such block"],
)
def test_what_can_have_no_fovea_says_why(network, fovea, message):
    with pytest.raises(ObserverError, match=message):
        FoveatedTransformer(timm.create_model(network), fovea)
