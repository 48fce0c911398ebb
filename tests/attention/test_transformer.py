"""Encoder, decoder and pointer: torch's own transformer at zero, causal, blind to padding, able to learn."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from cogattn.attention import ObjectDecoder, ObjectEncoder, ObjectTransformerConfig, PointerHead

CONFIG = ObjectTransformerConfig(
    width=16, heads=2, n_knots=5, extent_deg=10.0, feedforward=24, dropout=0.0, encoder_layers=2
)


def copy_attention(peer: nn.MultiheadAttention, module) -> None:
    heads = module.projections
    names = (heads.query, heads.key, heads.value)
    peer.in_proj_weight.copy_(torch.cat([linear.weight for linear in names]))
    peer.in_proj_bias.copy_(torch.cat([linear.bias for linear in names]))
    peer.out_proj.load_state_dict(heads.out.state_dict())


def copy_feedforward(peer, module, norm: nn.LayerNorm) -> None:
    norm.load_state_dict(module.branch[0].state_dict())
    peer.linear1.load_state_dict(module.branch[1].state_dict())
    peer.linear2.load_state_dict(module.branch[4].state_dict())


@torch.no_grad()
def torch_encoder(encoder: ObjectEncoder) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(16, 2, 24, 0.0, "gelu", batch_first=True, norm_first=True)
    peer = nn.TransformerEncoder(layer, 2, nn.LayerNorm(16), enable_nested_tensor=False)
    for theirs, ours in zip(peer.layers, encoder.blocks, strict=True):
        copy_attention(theirs.self_attn, ours.attend)
        theirs.norm1.load_state_dict(ours.norm.state_dict())
        copy_feedforward(theirs, ours.feedforward, theirs.norm2)
    peer.norm.load_state_dict(encoder.norm.state_dict())
    return peer


@torch.no_grad()
def torch_decoder(decoder: ObjectDecoder) -> nn.TransformerDecoder:
    layer = nn.TransformerDecoderLayer(16, 2, 24, 0.0, "gelu", batch_first=True, norm_first=True)
    peer = nn.TransformerDecoder(layer, 2, nn.LayerNorm(16))
    for theirs, ours in zip(peer.layers, decoder.blocks, strict=True):
        copy_attention(theirs.self_attn, ours.recall)
        copy_attention(theirs.multihead_attn, ours.attend)
        theirs.norm1.load_state_dict(ours.recall_norm.state_dict())
        theirs.norm2.load_state_dict(ours.attend_norm.state_dict())
        copy_feedforward(theirs, ours.feedforward, theirs.norm3)
    peer.norm.load_state_dict(decoder.norm.state_dict())
    return peer


def stir_all_but_geometry(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "geometry" not in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def test_without_geometry_the_encoder_is_torch_s(scene):
    encoder = stir_all_but_geometry(ObjectEncoder(CONFIG))
    present = torch.rand(2, 9) < 0.7
    got = encoder(scene.objects, scene.position, present=present)
    want = torch_encoder(encoder)(scene.objects, src_key_padding_mask=~present)
    torch.testing.assert_close(got, want)


def test_without_geometry_the_decoder_is_torch_s(scene):
    decoder = stir_all_but_geometry(ObjectDecoder(CONFIG))
    present = torch.rand(2, 9) < 0.7
    got = decoder(scene.queries, scene.gaze, scene.objects, scene.position, present=present)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    want = torch_decoder(decoder)(
        scene.queries, scene.objects, tgt_mask=causal, memory_key_padding_mask=~present
    )
    torch.testing.assert_close(got, want)


def test_zero_geometry_gives_scaled_dot_product_logits_and_ends_at_zero(scene):
    head = PointerHead(CONFIG)
    logits = head(*scene.arguments())
    want = head.query(scene.queries) @ head.key(scene.objects).mT / 4
    torch.testing.assert_close(logits[..., :9], want)
    assert (logits[..., 9] == 0).all()


def test_the_end_lies_nowhere(scene, stir):
    head = stir(PointerHead(CONFIG))
    far = scene.moved(lambda p: 3 * p)
    here, there = head(*scene.arguments()), head(*far.arguments())
    torch.testing.assert_close(here[..., 9], there[..., 9])
    assert not torch.allclose(here[..., :9], there[..., :9])


def test_the_past_does_not_depend_on_the_future(scene, stir):
    decoder = stir(ObjectDecoder(CONFIG))
    whole = decoder(scene.queries, scene.gaze, scene.objects, scene.position)
    early = decoder(scene.queries[:, :3], scene.gaze[:, :3], scene.objects, scene.position)
    torch.testing.assert_close(whole[:, :3], early)


def test_padding_changes_nothing_anywhere(scene, stir):
    encoder, decoder, head = (stir(kind(CONFIG)) for kind in (ObjectEncoder, ObjectDecoder, PointerHead))

    def logits(scene, **mask):
        objects = encoder(scene.objects, scene.position, **mask)
        fixations = decoder(scene.queries, scene.gaze, objects, scene.position, **mask)
        return head(fixations, objects, scene.gaze, scene.position, **mask)

    padded, present = scene.padded(3)
    want, got = logits(scene), logits(padded, present=present)
    torch.testing.assert_close(got[..., :9], want[..., :9])
    torch.testing.assert_close(got[..., -1], want[..., -1])
    assert torch.isneginf(got[..., 9:12]).all()


def test_the_order_of_objects_does_not_matter(scene, stir):
    encoder = stir(ObjectEncoder(CONFIG))
    order = torch.randperm(9)
    got = encoder(scene.objects[:, order], scene.position[:, order])
    torch.testing.assert_close(got, encoder(scene.objects, scene.position)[:, order])


def test_weights_load_into_another_copy(scene, stir):
    decoder, other = stir(ObjectDecoder(CONFIG)), ObjectDecoder(CONFIG)
    other.load_state_dict(decoder.state_dict())
    arguments = (scene.queries, scene.gaze, scene.objects, scene.position)
    assert torch.equal(other(*arguments), decoder(*arguments))


def test_pair_features_reach_decoder_and_pointer(scene, stir):
    config = CONFIG.model_copy(update={"n_pair_features": 2})
    decoder, head = stir(ObjectDecoder(config)), stir(PointerHead(config))
    features = torch.randn(2, 5, 9, 2, requires_grad=True)
    fixations = decoder(scene.queries, scene.gaze, scene.objects, scene.position, pair_features=features)
    head(fixations, scene.objects, scene.gaze, scene.position, pair_features=features)[
        ..., 0
    ].sum().backward()
    assert features.grad.abs().min() > 0
    assert head.geometry.pair_weight.grad.abs().max() > 0


@pytest.mark.slow
def test_a_step_compiles_without_a_graph_break(scene, stir):
    decoder, head = stir(ObjectDecoder(CONFIG)), stir(PointerHead(CONFIG))

    def logits(queries, objects, gaze, position):
        return head(decoder(queries, gaze, objects, position), objects, gaze, position)

    torch._dynamo.reset()
    compiled = torch.compile(logits, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*scene.arguments()), logits(*scene.arguments()))
    weights = [decoder.blocks[0].attend.geometry.polar, head.geometry.polar, head.end]
    answers = (torch.autograd.grad(f(*scene.arguments()).square().sum(), weights) for f in (compiled, logits))
    for got, want in zip(*answers, strict=True):
        torch.testing.assert_close(got, want)


def test_under_autocast_all_goes_on_in_half_precision(scene, stir):
    """Masks included, whose fill does not fit the narrow type."""
    torch.set_default_dtype(torch.float32)
    decoder, head = stir(ObjectDecoder(CONFIG)), stir(PointerHead(CONFIG))
    decoder, head = decoder.float(), head.float()
    queries, objects, gaze, position = (tensor.float() for tensor in scene.arguments())
    known = {"present": torch.rand(2, 9) < 0.7}

    def logits():
        return head(decoder(queries, gaze, objects, position, **known), objects, gaze, position, **known)

    want = logits()
    with torch.autocast("cpu", torch.bfloat16):
        got = logits()
    torch.testing.assert_close(got.float(), want, rtol=0.1, atol=0.1)


def test_a_pointer_learns_saccades_of_four_degrees_to_the_right():
    """Content says nothing; the place looked at next lies 4 degrees to the right of gaze, on a lattice of 2."""
    place = torch.cartesian_prod(torch.arange(-8.0, 9.0, 2), torch.arange(-4.0, 5.0, 2))
    start = torch.arange(10, 35)
    head, nothing = PointerHead(CONFIG), torch.zeros(1, 45, 16)
    gaze, following = place[start][None], start + 10  # a column holds 5 places
    optimizer = torch.optim.Adam([head.geometry.polar], lr=0.02)
    for _ in range(100):
        logits = head(nothing[:, start], nothing, gaze, place[None])[0]
        optimizer.zero_grad()
        cross_entropy(logits, following).backward()
        optimizer.step()
    assert torch.equal(logits.argmax(-1), following)


@pytest.mark.slow
def test_it_learns_a_toy_scanpath():
    """From a red object to the nearest unvisited red one, then the end; new scenes are predicted."""
    torch.set_default_dtype(torch.float32)
    config = CONFIG.model_copy(
        update={"width": 32, "n_pair_features": 1, "encoder_layers": 1, "decoder_layers": 1}
    )
    embed = nn.Linear(2, 32)
    encoder, decoder, head = ObjectEncoder(config), ObjectDecoder(config), PointerHead(config)
    modules = nn.ModuleList([embed, encoder, decoder, head])
    optimizer = torch.optim.AdamW(modules.parameters(), lr=3e-3)

    def loss_and_accuracy(n: int):
        place, red, paths = toy_paths(n)
        objects = encoder(embed(nn.functional.one_hot(red.long(), 2).float()), place)
        row = torch.arange(n)[:, None]
        looked_at = paths[:, :-1]
        visited = nn.functional.one_hot(looked_at, 8).cumsum(1)[..., None].float()
        gaze = place[row, looked_at]
        fixations = decoder(objects[row, looked_at], gaze, objects, place, pair_features=visited)
        logits = head(fixations, objects, gaze, place, pair_features=visited)
        following = paths[:, 1:]
        loss = cross_entropy(logits.flatten(0, 1), following.flatten())
        return loss, (logits.argmax(-1) == following).float().mean()

    for _ in range(250):
        loss, _ = loss_and_accuracy(32)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        _, accuracy = loss_and_accuracy(256)
    assert accuracy > 0.85


def toy_paths(n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Places (n, 8, 2), which three of the 8 objects are red, and paths (n, 4) through the red ones to the end."""
    place = 8 * torch.rand(n, 8, 2)
    red = torch.zeros(n, 8, dtype=torch.bool).scatter_(1, torch.rand(n, 8).argsort(1)[:, :3], True)
    left = red.clone()
    here = torch.rand(n, 8).masked_fill(~left, -1).argmax(1)
    path = [here]
    for _ in range(2):
        left = left.scatter(1, here[:, None], False)
        distance = (place - place[torch.arange(n), here][:, None]).square().sum(-1)
        here = distance.masked_fill(~left, torch.inf).argmin(1)
        path.append(here)
    return place, red, torch.stack([*path, torch.full((n,), 8)], 1)
