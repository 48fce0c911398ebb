"""Object attention: plain attention at the start; direction, distance and area once they are learned."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from cogattn.attention import ObjectAttention, ObjectAttentionConfig


def attention(**settings) -> ObjectAttention:
    return ObjectAttention(ObjectAttentionConfig(width=16, heads=2, n_knots=5, extent_deg=10.0, **settings))


@pytest.fixture
def module(stir) -> ObjectAttention:
    """An attention whose every parameter matters, with area as a quadrature weight."""
    module = stir(attention())
    with torch.no_grad():
        module.geometry.area_weight.fill_(1.0)
    return module


def test_zero_parameters_give_scaled_dot_product_attention(scene):
    module = attention(n_pair_features=2)
    q, k, v = module.projections.split(scene.queries, scene.objects)
    plain = module.projections.merge(scaled_dot_product_attention(q, k, v))
    features = torch.randn(2, 5, 9, 2)
    area = torch.randn(2, 9)
    for got in (
        module(*scene.arguments()),
        module(*scene.arguments(), log_area=area),
        module(*scene.arguments(), log_area=area, pair_features=features),
    ):
        torch.testing.assert_close(got, plain, rtol=1e-13, atol=1e-13)


def test_a_mask_of_pairs_is_that_of_scaled_dot_product_attention(scene):
    module, visible = attention(), torch.rand(2, 5, 9) < 0.5
    visible[..., 0] = True
    q, k, v = module.projections.split(scene.queries, scene.objects)
    plain = module.projections.merge(scaled_dot_product_attention(q, k, v, attn_mask=visible[:, None]))
    torch.testing.assert_close(module(*scene.arguments(), visible=visible), plain)


def test_explicit_scores_and_the_kernel_agree(scene, module):
    everything = torch.ones(1, 5, 9, dtype=torch.bool)
    torch.testing.assert_close(module(*scene.arguments(), visible=everything), module(*scene.arguments()))


def test_translation_changes_nothing_and_direction_matters(scene, module):
    want = module(*scene.arguments())
    shifted = scene.moved(lambda p: p + torch.tensor([8.0, -4.0]))
    torch.testing.assert_close(module(*shifted.arguments()), want)
    mirrored = scene.moved(lambda p: p * torch.tensor([-1.0, 1.0]))
    assert not torch.allclose(module(*mirrored.arguments()), want)


def test_a_mirror_swaps_left_and_right_in_the_table(scene, module):
    """cos t and sin 2t change their sign."""
    want = module(*scene.arguments())
    with torch.no_grad():
        module.geometry.polar.mul_(torch.tensor([1.0, 1, -1, 1, 1, -1]))
    mirrored = scene.moved(lambda p: p * torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(module(*mirrored.arguments()), want)


def test_padding_changes_nothing_whatever_its_area(scene, module):
    padded, present = scene.padded(4)
    area = torch.randn(2, 13)
    want = module(*scene.arguments(), log_area=area[:, :9])
    torch.testing.assert_close(module(*padded.arguments(), log_area=area, present=present), want)
    everything = torch.ones(1, 5, 13, dtype=torch.bool)
    explicit = module(*padded.arguments(), log_area=area, present=present, visible=everything)
    torch.testing.assert_close(explicit, want)


def test_a_scene_of_padding_alone_gives_the_output_bias(scene, module):
    present = torch.tensor([[True] * 9, [False] * 9])
    for visible in (None, torch.ones(1, 5, 9, dtype=torch.bool)):
        module.zero_grad()
        got = module(*scene.arguments(), present=present, visible=visible)
        torch.testing.assert_close(got[1], module.projections.out.bias.expand(5, -1))
        got.sum().backward()
        assert all(p.grad.isfinite().all() for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize("explicit", [False, True])
def test_equal_patches_are_one_object_of_their_log_number(scene, module, explicit):
    """The consistency law, which makes an object the exact sum of its patches."""
    index = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3, 3])
    visible = torch.ones(1, 5, 12, dtype=torch.bool) if explicit else None
    patches = module(
        scene.queries,
        scene.objects[:, index],
        scene.gaze,
        scene.position[:, index],
        log_area=torch.zeros(1, 12),
        visible=visible,
    )
    area = torch.zeros(1, 9)
    area[:, 3] = torch.log(torch.tensor(4.0))
    torch.testing.assert_close(module(*scene.arguments(), log_area=area), patches)


def test_gradients_equal_finite_differences(scene, stir):
    module = stir(attention(n_pair_features=2))
    names, values = zip(*module.named_parameters(), strict=True)
    features, area = torch.randn(2, 5, 9, 2), torch.randn(2, 9)

    def call(gaze, *parameters):
        arguments = (scene.queries, scene.objects, gaze, scene.position)
        optional = {"log_area": area, "pair_features": features}
        return torch.func.functional_call(
            module, dict(zip(names, parameters, strict=True)), arguments, optional
        )

    leaves = [scene.gaze.requires_grad_(), *(value.detach().requires_grad_() for value in values)]
    assert torch.autograd.gradcheck(call, leaves, fast_mode=True)


def test_gradients_reach_every_parameter(scene, stir):
    module = stir(attention())
    module(*scene.arguments(), log_area=torch.randn(2, 9)).square().sum().backward()
    reached = {name for name, p in module.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert reached == {name for name, p in module.named_parameters() if p.numel()}
