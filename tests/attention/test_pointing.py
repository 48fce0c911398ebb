"""Several pointers that are mixed, a head without an end, and durations."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import nn

from cogattn.attention import DurationHead, LogNormal, ObjectDecoder, ObjectTransformerConfig, PointerHead

CONFIG = ObjectTransformerConfig(width=16, heads=2, n_knots=5, extent_deg=10.0, pointers=2)


def test_two_pointers_are_two_dot_products_that_a_linear_layer_mixes(scene, stir):
    """As Fang et al. (2024) have it, but for a bias that a softmax does not see."""
    head = stir(PointerHead(CONFIG))
    with torch.no_grad():
        head.geometry.polar.zero_()
    linear = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        linear.weight.copy_(head.mix[None])
    q, k = head.query(scene.queries), head.key(scene.objects)
    each = torch.stack([q[..., part] @ k[..., part].mT for part in (slice(16), slice(16, 32))], -1) / 4
    end = torch.stack([q[..., :16] @ head.end[0], q[..., 16:] @ head.end[1]], -1) / 4
    logits = head(*scene.arguments())
    torch.testing.assert_close(logits[..., :9], linear(each)[..., 0])
    torch.testing.assert_close(logits[..., 9], linear(end)[..., 0] + head.end_bias)


def test_two_equal_pointers_start_as_one(scene, stir):
    one, two = stir(PointerHead(CONFIG.model_copy(update={"pointers": 1}))), PointerHead(CONFIG)
    with torch.no_grad():
        for name, weights in two.named_parameters():
            if name != "mix" and name != "end_bias" and "area" not in name:
                weights.copy_(torch.cat([one.get_parameter(name)] * 2))
        two.end_bias.copy_(one.end_bias)
        two.geometry.area_weight.copy_(one.geometry.area_weight)
        one.mix.fill_(1)
    area = torch.randn(2, 9)
    torch.testing.assert_close(two(*scene.arguments(), log_area=area), one(*scene.arguments(), log_area=area))


def test_padding_is_minus_infinity_whatever_the_sign_of_the_mix(scene, stir):
    head = stir(PointerHead(CONFIG))
    with torch.no_grad():
        head.mix.copy_(torch.tensor([1.5, -0.5]))
    padded, present = scene.padded(3)
    want, got = head(*scene.arguments()), head(*padded.arguments(), present=present)
    assert torch.isneginf(got[..., 9:12]).all()
    torch.testing.assert_close(torch.cat([got[..., :9], got[..., -1:]], -1), want)
    got[..., :9].sum().backward()
    assert all(p.grad.isfinite().all() for p in head.parameters() if p.grad is not None)


def test_one_pointer_learns_no_mix():
    assert not PointerHead(CONFIG.model_copy(update={"pointers": 1})).mix.requires_grad
    assert PointerHead(CONFIG).mix.requires_grad


def test_pointing_without_an_end_gives_the_objects_scores(scene, stir):
    head, decoder = stir(PointerHead(CONFIG)), ObjectDecoder(CONFIG)
    pairs = decoder.look(scene.gaze, scene.position, dtype=torch.float64)
    keys = head.remember(scene.objects)
    assert torch.equal(head.point(scene.queries, keys, pairs), head.see(scene.queries, keys, pairs)[..., :-1])


def test_the_density_of_durations_is_the_log_normal_of_scipy():
    mean, spread, ms = torch.randn(50) + 5, torch.rand(50) + 0.2, 800 * torch.rand(50) + 10
    want = stats.lognorm(s=spread.numpy(), scale=np.exp(mean.numpy()))
    durations = LogNormal(mean, spread)
    np.testing.assert_allclose(durations.log_density(ms).numpy(), want.logpdf(ms.numpy()), rtol=1e-10)
    np.testing.assert_allclose(durations.expected_ms().numpy(), want.mean(), rtol=1e-10)


def test_a_duration_head_learns_mean_and_spread_of_log_durations():
    head = DurationHead(4)
    kind = torch.randint(2, (4000,))
    ms = torch.exp(torch.where(kind == 0, 5.0, 6.0) + torch.where(kind == 0, 0.2, 0.6) * torch.randn(4000))
    tokens = nn.functional.one_hot(kind, 4).to(ms.dtype)
    start = head(tokens)
    assert abs(float(start.mean.detach().mean()) - np.log(250)) < 0.2
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = -head(tokens).log_density(ms).mean()
        value.backward()
        return value

    optimizer.step(loss)
    for which in (0, 1):
        mine, learned = ms[kind == which].log(), head(tokens[kind == which])
        torch.testing.assert_close(learned.mean[0], mine.mean(), rtol=0, atol=1e-3)
        torch.testing.assert_close(learned.spread[0], mine.std(correction=0), rtol=0, atol=1e-3)
