"""A decoder that goes on from what it keeps says what one that sees the whole path says."""

from __future__ import annotations

import pytest
import torch

from cogattn.attention import ObjectDecoder, ObjectTransformerConfig, PointerHead

CONFIG = ObjectTransformerConfig(
    width=16, heads=2, n_knots=5, extent_deg=10.0, feedforward=24, dropout=0.0, n_pair_features=2, pointers=2
)
N_FIXATIONS = 7


class Paths:
    """Five paths over two layouts of nine objects, the last two of one layout padding."""

    def __init__(self) -> None:
        self.of = torch.tensor([0, 1, 1, 0, 1])
        self.objects, self.position = torch.randn(2, 9, 16), 4 * torch.randn(2, 9, 2)
        self.known = {"log_area": torch.randn(2, 9), "present": torch.ones(2, 9, dtype=torch.bool)}
        self.known["present"][0, 7:] = False
        self.fixations = torch.randn(5, N_FIXATIONS, 16)
        self.gaze = 4 * torch.randn(5, N_FIXATIONS, 2)
        self.features = torch.randn(5, N_FIXATIONS, 9, 2)

    def whole(self, decoder, head):
        known = {"pair_features": self.features, "of": self.of, **self.known}
        tokens = decoder(self.fixations, self.gaze, self.objects, self.position, **known)
        return head(tokens, self.objects, self.gaze, self.position, **known)

    def in_parts(self, decoder, head, sizes):
        remembered, keys, past, parts, start = (
            decoder.remember(self.objects),
            head.remember(self.objects),
            None,
            [],
            0,
        )
        for size in sizes:
            now = slice(start, start + size)
            pairs = decoder.look(
                self.gaze[:, now], self.position, dtype=torch.float64, of=self.of,
                pair_features=self.features[:, now], **self.known,
            )  # fmt: skip
            tokens, past = decoder.extend(self.fixations[:, now], self.gaze[:, now], remembered, pairs, past)
            parts.append(head.see(tokens, keys, pairs))
            start += size
        return torch.cat(parts, 1), past


@pytest.fixture
def paths() -> Paths:
    return Paths()


@pytest.fixture
def modules(stir):
    return stir(ObjectDecoder(CONFIG)), stir(PointerHead(CONFIG))


@pytest.mark.parametrize("sizes", [(1,) * 7, (3, 1, 2, 1), (7,)], ids=str)
def test_fixations_one_by_one_are_fixations_all_at_once(paths, modules, sizes):
    got, past = paths.in_parts(*modules, sizes)
    torch.testing.assert_close(got, paths.whole(*modules), rtol=1e-12, atol=1e-12)
    assert past.n_fixations == N_FIXATIONS


def test_gradients_pass_through_what_is_kept(paths, modules):
    decoder, head = modules
    weights = [
        weight
        for module in (decoder, head)
        for name, weight in module.named_parameters()
        if weight.numel() and not name.endswith("recall.geometry.area_weight")  # fixations have no area
    ]

    def gradients(logits):
        return torch.autograd.grad(logits.masked_fill(torch.isneginf(logits), 0).square().sum(), weights)

    parts, whole = gradients(paths.in_parts(decoder, head, (2, 5))[0]), gradients(paths.whole(decoder, head))
    for got, want in zip(parts, whole, strict=True):
        torch.testing.assert_close(got, want)


def test_a_past_can_branch(paths, modules):
    """What was kept stays as it was when one goes on from it."""
    decoder, _ = modules
    remembered = decoder.remember(paths.objects)

    def extend(now: slice, past):
        gaze = paths.gaze[:, now]
        pairs = decoder.look(gaze, paths.position, dtype=torch.float64, of=paths.of)
        return decoder.extend(paths.fixations[:, now], gaze, remembered, pairs, past)

    _, past = extend(slice(0, 3), None)
    first, _ = extend(slice(3, 4), past)
    extend(slice(5, 6), past)
    again, _ = extend(slice(3, 4), past)
    assert torch.equal(first, again)


def test_what_comes_later_changes_nothing_before(paths, modules):
    want = paths.whole(*modules)
    paths.fixations[:, 4:] += 1
    paths.gaze[:, 4:] -= 1
    paths.features[:, 4:] *= 2
    got = paths.whole(*modules)
    torch.testing.assert_close(got[:, :4], want[:, :4])
    assert not torch.allclose(got[:, 4:, 0], want[:, 4:, 0])
