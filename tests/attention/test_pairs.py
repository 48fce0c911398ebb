"""Planes of pairs and the fused operator are one; paths that share layouts are as if each had its own."""

from __future__ import annotations

import pytest
import torch

from cogattn.attention import (
    ObjectAttention,
    ObjectDecoder,
    ObjectEncoder,
    ObjectTransformerConfig,
    PointerHead,
    pairs,
)
from cogattn.attention.groups import Groups
from cogattn.kernels import dispatch

CONFIG = ObjectTransformerConfig(
    width=16, heads=2, n_knots=5, extent_deg=10.0, feedforward=24, dropout=0.0, n_pair_features=2
)
OF = [
    torch.tensor(of)
    for of in (
        [0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 0], [0, 1], [1], [0, 0, 0],
    )
]  # fmt: skip


def answers(module, leaves, call):
    module.zero_grad()
    for leaf in leaves:
        leaf.grad = None
    out = call()
    out.masked_fill(torch.isneginf(out), 0).square().sum().backward()
    return [out.detach(), *(leaf.grad.clone() for leaf in leaves if leaf.grad is not None)]


@pytest.fixture
def masked(scene):
    """What objects have beside their tokens; one scene lacks two of them."""
    present = torch.ones(2, 9, dtype=torch.bool)
    present[1, 7:] = False
    return {"log_area": torch.randn(2, 9), "present": present}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        *((kind, content) for kind in (ObjectAttention, PointerHead) for content in ("plain", "features")),
        (ObjectAttention, "visible"),  # a pointer points at everything
    ],
)
def test_planes_and_the_fused_operator_agree_gradients_too(scene, stir, masked, monkeypatch, kind, content):
    module = stir(kind(CONFIG.model_copy(update={"pointers": 2})))
    extra = {"features": {"pair_features": torch.randn(2, 5, 9, 2)}, "plain": {}}.get(
        content, {"visible": torch.rand(2, 5, 9) < 0.5}
    )
    leaves = [*scene.arguments(), *module.parameters()]
    for leaf in leaves:
        leaf.requires_grad_()

    def call():
        return module(*scene.arguments(), **masked, **extra)

    kept = answers(module, leaves, call)
    monkeypatch.setattr(pairs, "MOST_NUMBERS", 0)
    fused = answers(module, leaves, call)
    assert len(kept) == len(fused) > 10
    for got, want in zip(kept, fused, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-10)


def test_the_encoder_agrees_and_takes_the_fused_operator_where_there_is_no_room(
    scene, stir, masked, monkeypatch
):
    encoder = stir(ObjectEncoder(CONFIG))
    dispatch.last_used.pop("foveal_attention", None)
    want = encoder(scene.objects, scene.position, **masked)
    assert "foveal_attention" not in dispatch.last_used
    monkeypatch.setattr(pairs, "MOST_NUMBERS", 100)
    torch.testing.assert_close(encoder(scene.objects, scene.position, **masked), want)
    assert "foveal_attention" in dispatch.last_used


def test_in_single_precision_they_agree_to_five_digits(scene, stir, monkeypatch):
    module = stir(ObjectAttention(CONFIG)).float()
    arguments = [tensor.float() for tensor in scene.arguments()]
    want = module(*arguments)
    monkeypatch.setattr(pairs, "MOST_NUMBERS", 0)
    torch.testing.assert_close(module(*arguments), want, rtol=1e-5, atol=1e-5)


def test_planes_are_exact_at_knots_and_constant_beyond_the_last():
    gaze = torch.zeros(1, 1, 2)
    ring = torch.expm1(torch.linspace(0, 1, 5) * torch.log1p(torch.tensor(10.0)))
    position = torch.stack([torch.zeros(6), torch.cat([ring, ring[-1:] * 3])], -1)[None]
    seen = pairs.look(CONFIG, gaze, position, dtype=torch.float64, groups=Groups.of(None, 1, 1))
    tents = seen.planes[0, :5, 0]
    torch.testing.assert_close(tents, torch.cat([torch.eye(5), torch.eye(5)[:, -1:]], 1))
    down = seen.planes[0, 10:15, 0]  # sine of straight down, y pointing downwards
    torch.testing.assert_close(down[:, 1:], tents[:, 1:])
    assert (down[:, 0] == 0).all()  # at the gaze there is no direction


@pytest.mark.parametrize("of", OF, ids=lambda of: "".join(map(str, of.tolist())))
def test_paths_that_share_layouts_are_as_if_each_had_its_own(stir, masked, of):
    """Answers and gradients of decoder and pointer, whether paths are folded or keys spread."""
    n = len(of)
    modules = torch.nn.ModuleList([stir(ObjectDecoder(CONFIG)), stir(PointerHead(CONFIG))])
    objects, position = torch.randn(2, 9, 16, requires_grad=True), 4 * torch.randn(2, 9, 2)
    fixations, gaze, features = torch.randn(n, 4, 16), 4 * torch.randn(n, 4, 2), torch.randn(n, 4, 9, 2)

    def call(shared: bool):
        decoder, head = modules
        known = {"pair_features": features, **masked, "of": of}
        seen, place = objects, position
        if not shared:
            seen, place = objects[of], position[of]
            known |= {name: rows[of] for name, rows in masked.items()} | {"of": None}
        tokens = decoder(fixations, gaze, seen, place, **known)
        return head(tokens, seen, gaze, place, **known)

    leaves = [objects, *modules.parameters()]
    together, apart = (
        answers(modules, leaves, lambda shared=shared: call(shared)) for shared in (True, False)
    )
    assert together[0].shape == (n, 4, 10)
    for got, want in zip(together, apart, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("of", OF, ids=lambda of: "".join(map(str, of.tolist())))
def test_folded_rows_come_back_and_lie_with_their_layout(of):
    groups, rows = Groups.of(of, len(of), 2), torch.randn(len(of), 3, 2)
    assert torch.equal(groups.unfold(groups.fold(rows)), rows)
    layout = groups.fold(of[:, None].expand(-1, 3) + 1)  # 0 where no path is
    over = groups.keys(torch.tensor([1, 2]))[:, None]
    assert ((layout == over) | (layout == 0)).all()
    assert groups.n_groups * groups.slots <= 1.25 * len(of) or groups.slots == 1


def test_a_query_that_sees_only_what_is_not_there_gives_the_output_bias(scene, stir, masked):
    attend, visible = stir(ObjectAttention(CONFIG)), torch.zeros(2, 5, 9, dtype=torch.bool)
    visible[..., 7:] = True  # objects that the second scene lacks
    got = attend(*scene.arguments(), visible=visible, **masked)
    torch.testing.assert_close(got[1], attend.projections.out.bias.expand(5, -1))
    assert not torch.allclose(got[0], attend.projections.out.bias)


def test_one_gaze_for_all_is_spread_over_paths(stir):
    attend = stir(ObjectAttention(CONFIG))
    of = torch.tensor([0, 0, 1, 1])
    queries, objects, position = torch.randn(4, 3, 16), torch.randn(2, 9, 16), torch.randn(2, 9, 2)
    gaze = torch.randn(1, 3, 2)
    want = attend(queries, objects[of], gaze.expand(4, -1, -1), position[of])
    torch.testing.assert_close(attend(queries, objects, gaze, position, of=of), want)


def test_without_a_table_positions_mean_nothing(scene, stir):
    plain = CONFIG.model_copy(update={"polar": False})
    attend, head = stir(ObjectAttention(plain)), stir(PointerHead(plain))
    q, k, v = attend.projections.split(scene.queries, scene.objects)
    want = attend.projections.merge(torch.nn.functional.scaled_dot_product_attention(q, k, v))
    torch.testing.assert_close(attend(*scene.arguments()), want)
    far = scene.moved(lambda p: 3 * p)
    assert torch.equal(head(*far.arguments()), head(*scene.arguments()))
    assert attend.geometry.polar.numel() == 0
