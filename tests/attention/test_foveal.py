"""Foveal attention as a module: plain attention at the start, then a fovea where the data want one."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn.functional import mse_loss, scaled_dot_product_attention

from cogattn.attention import FovealAttention, FovealAttentionConfig

BIASES = ["smooth", "log", "gauss", "none"]


def attention(**settings) -> FovealAttention:
    return FovealAttention(FovealAttentionConfig(width=16, heads=2, **settings))


@pytest.mark.parametrize("bias", BIASES)
def test_zero_parameters_give_scaled_dot_product_attention(scene, bias):
    module = attention(bias=bias)
    q, k, v = module.projections.split(scene.queries, scene.objects)
    plain = module.projections.merge(scaled_dot_product_attention(q, k, v))
    torch.testing.assert_close(module(*scene.arguments()), plain, rtol=1e-13, atol=1e-13)


def test_zero_parameters_give_the_very_numbers_of_attention_in_single_precision(scene):
    """In a radial kind of bias nothing but zeros is added, so not a bit differs where nothing is learned."""
    module = attention(bias="smooth").float()
    queries, objects, gaze, position = (tensor.float() for tensor in scene.arguments())
    q, k, v = module.projections.split(queries, objects)
    plain = module.projections.merge(scaled_dot_product_attention(q, k, v))
    with torch.no_grad():
        assert torch.equal(module(queries, objects, gaze, position), plain)
    torch.testing.assert_close(module(queries, objects, gaze, position), plain)


def test_zero_parameters_give_torch_multihead_attention(scene):
    module, peer = attention(), nn.MultiheadAttention(16, 2, batch_first=True)
    names = (module.projections.query, module.projections.key, module.projections.value)
    with torch.no_grad():
        peer.in_proj_weight.copy_(torch.cat([linear.weight for linear in names]))
        peer.in_proj_bias.copy_(torch.cat([linear.bias for linear in names]))
        peer.out_proj.load_state_dict(module.projections.out.state_dict())
    want, _ = peer(scene.queries, scene.objects, scene.objects, need_weights=False)
    torch.testing.assert_close(module(*scene.arguments()), want)


@pytest.mark.parametrize("bias", BIASES)
def test_translation_and_mirror_change_nothing(scene, stir, bias):
    module = stir(attention(bias=bias, alpha=1.5, radius_deg=6.0))
    want = module(*scene.arguments())
    for move in (lambda p: p + torch.tensor([8.0, -4.0]), lambda p: p * torch.tensor([-1.0, 1.0])):
        torch.testing.assert_close(module(*scene.moved(move).arguments()), want)


def test_a_layout_stands_for_positions(scene, stir):
    module = stir(attention(bias="log", alpha=1.5, radius_deg=6.0))
    queries, objects, gaze, position = scene.arguments()
    layout = module.layout(gaze, position)
    for _ in range(2):
        torch.testing.assert_close(module(queries, objects, layout=layout), module(*scene.arguments()))
    with pytest.raises(ValueError, match="the module's radius"):
        attention(radius_deg=5.0)(queries, objects, layout=layout)


def test_padding_changes_nothing(scene, stir):
    module = stir(attention(bias="log", alpha=1.5))
    padded, present = scene.padded(4)
    weight = torch.zeros(2, 13).masked_fill(~present, -torch.inf)
    torch.testing.assert_close(module(*padded.arguments(), log_weight=weight), module(*scene.arguments()))


def test_a_key_of_log_weight_ln_n_is_n_keys(scene, stir):
    module = stir(attention(bias="log", alpha=1.5))
    index = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 3])
    repeated = module(scene.queries, scene.objects[:, index], scene.gaze, scene.position[:, index])
    weight = torch.zeros(2, 9)
    weight[:, 3] = torch.log(torch.tensor(3.0))
    torch.testing.assert_close(module(*scene.arguments(), log_weight=weight), repeated)


def test_gradients_reach_every_parameter_and_the_gaze(scene, stir):
    module = stir(attention(bias="smooth", alpha=1.0))
    scene.gaze.requires_grad_()
    module(*scene.arguments()).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in module.parameters())
    assert scene.gaze.grad.abs().max() > 0


def test_gradients_equal_finite_differences(scene, stir):
    module = stir(attention(bias="smooth", alpha=1.0))
    names, values = zip(*module.named_parameters(), strict=True)

    def call(gaze, *parameters):
        arguments = (scene.queries, scene.objects, gaze, scene.position)
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), arguments)

    leaves = [scene.gaze.requires_grad_(), *(value.detach().requires_grad_() for value in values)]
    assert torch.autograd.gradcheck(call, leaves, fast_mode=True)


def test_a_saved_module_answers_alike(scene, stir, tmp_path):
    module, other = stir(attention(alpha=1.0)), attention()
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(other(*scene.arguments()), module(*scene.arguments()))


def test_it_learns_how_steeply_a_teacher_falls(stir):
    """The teacher sees the mean of random features under areal magnification; the fovea's place varies."""
    x, y = torch.meshgrid(torch.arange(-4.0, 5.0), torch.arange(-4.0, 5.0), indexing="xy")
    place = torch.stack([x, y], -1).reshape(1, -1, 2)
    student = attention(bias="log", e2_deg=0.75)
    with torch.no_grad():  # content is to be ignored; values pass unchanged
        for linear in (student.projections.query, student.projections.key):
            linear.weight.zero_()
            linear.bias.zero_()
        for linear in (student.projections.value, student.projections.out):
            linear.weight.copy_(torch.eye(16))
            linear.bias.zero_()
    geometry = [student.alpha, student.log_e2]
    optimizer = torch.optim.LBFGS(geometry, max_iter=60, line_search_fn="strong_wolfe")
    objects, gaze = torch.randn(8, 81, 16), 3 * torch.randn(8, 6, 2)
    eccentricity = (place[:, None] - gaze[:, :, None]).square().sum(-1).sqrt()
    target = torch.softmax(-2 * torch.log1p(eccentricity / 0.75), -1) @ objects

    def loss():
        optimizer.zero_grad()
        value = mse_loss(student(torch.zeros(8, 6, 16), objects, gaze, place), target)
        value.backward()
        return value

    optimizer.step(loss)
    torch.testing.assert_close(student.alpha.detach(), torch.full((2,), 2.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(student.log_e2.exp().detach(), torch.ones(2), rtol=1e-2, atol=0)


def test_it_compiles_without_a_graph_break(scene, stir):
    module = stir(attention(bias="log", alpha=1.0, radius_deg=6.0))
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*scene.arguments()), module(*scene.arguments()))


def test_heads_must_divide_the_width():
    with pytest.raises(ValidationError, match="width must be a multiple of heads; got 16 and 3"):
        FovealAttentionConfig(width=16, heads=3)


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        FovealAttentionConfig().alpha = 1.0
