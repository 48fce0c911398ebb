"""Likelihoods are chances that sum to 1; draws come as often as they are likely."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import cross_entropy

from cogattn.attention import draw, end_log_odds, following, going_on, log_end, next_bits


@pytest.fixture
def logits():
    logits = 2 * torch.randn(3, 5, 8)
    logits[1, :, 4:7] = -torch.inf  # a layout of four objects
    return logits


def test_objects_share_a_chance_of_one_given_that_the_path_goes_on(logits):
    log_p = going_on(logits)
    assert log_p.shape == (3, 5, 7)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(3, 5))
    assert torch.isneginf(log_p[1, :, 4:]).all()


def test_the_end_and_the_objects_make_up_the_softmax(logits):
    chances = logits.softmax(-1)
    end = log_end(logits).exp()
    torch.testing.assert_close(end, chances[..., -1])
    torch.testing.assert_close(end_log_odds(logits), torch.logit(chances[..., -1]))
    torch.testing.assert_close((1 - end)[..., None] * going_on(logits).exp(), chances[..., :-1])


def test_bits_are_those_of_the_objects_looked_at_and_nan_at_padding(logits):
    objects = torch.tensor([[6, 0, 3, 2], [1, 3, -1, -1], [0, -1, -1, -1]])
    bits = next_bits(logits, objects)
    assert torch.equal(torch.isnan(bits), objects < 0)
    kept = logits[1, 1, :4].softmax(-1)
    torch.testing.assert_close(bits[1, 1], -torch.log2(kept[3]))
    torch.testing.assert_close(
        next_bits(torch.zeros(1, 2, 9), torch.tensor([[1, 5]])), torch.full((1, 2), 3.0)
    )


def test_gradients_of_bits_pass_padding_by(logits):
    logits.requires_grad_()
    bits = next_bits(logits, torch.tensor([[6, 0], [1, -1], [-1, -1]]))
    bits[~bits.isnan()].mean().backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[2] == 0).all()


def test_what_follows_is_the_objects_then_the_end_then_nothing():
    objects = torch.tensor([[4, 2, 1], [3, -1, -1], [0, 5, -1]])
    want = torch.tensor([[4, 2, 1, 7], [3, 7, -100, -100], [0, 5, 7, -100]])
    assert torch.equal(following(objects, 7), want)
    want[0, :2], want[2, 0] = -100, -100
    assert torch.equal(following(objects, 7, torch.tensor([2, 0, 1])), want)


def test_cross_entropy_of_what_follows_is_bits_of_objects_and_of_going_on(logits):
    objects = torch.tensor([[6, 0, 3, 2], [1, 3, -1, -1], [0, -1, -1, -1]])
    total = cross_entropy(logits.flatten(0, 1), following(objects, 7).flatten(), reduction="sum")
    goes_on = torch.log1p(-log_end(logits).exp())
    length = (objects >= 0).sum(1)
    ends = log_end(logits)[torch.arange(3), length]
    want = next_bits(logits, objects).nansum() * math.log(2) - ends.sum()
    want = want - sum(goes_on[i, :n].sum() for i, n in enumerate(length.tolist()))
    torch.testing.assert_close(total, want)


def chi_square(drawn: torch.Tensor, chances: torch.Tensor) -> float:
    """p of counts as often as they are likely; what cannot come never came."""
    counts = torch.bincount(drawn, minlength=len(chances))
    assert (counts[chances == 0] == 0).all()
    likely = chances > 0
    return stats.chisquare(counts[likely].numpy(), (len(drawn) * chances[likely]).numpy()).pvalue


@pytest.mark.parametrize(
    ("settings", "change"),
    [
        ({}, lambda logits: logits),
        ({"temperature": 0.5}, lambda logits: 2 * logits),
        ({"temperature": 3.0}, lambda logits: logits / 3),
        ({"top_k": 3}, lambda logits: logits.masked_fill(logits < logits.topk(3).values[-1], -torch.inf)),
        ({"may_end": False}, lambda logits: torch.cat([logits[:-1], torch.tensor([-torch.inf])])),
    ],
    ids=["plain", "cold", "hot", "top 3", "no end"],
)
def test_draws_come_as_often_as_they_are_likely(logits, settings, change):
    row = logits[1, 0].float()
    drawn = draw(row.expand(20_000, -1), generator=torch.Generator().manual_seed(3), **settings)
    chances = change(row.double()).softmax(-1)
    assert chi_square(drawn, chances / chances.sum()) > 1e-3


def test_the_same_generator_draws_the_same_and_another_something_else(logits):
    first, again, other = (draw(logits, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (3, 5)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_greedy_draws_are_the_most_likely(logits):
    assert torch.equal(draw(logits, temperature=0), logits.argmax(-1))
    logits[..., -1] = 50
    assert (draw(logits, temperature=0) == 7).all()
    assert torch.equal(draw(logits, temperature=0, may_end=False), logits[..., :-1].argmax(-1))
    assert torch.equal(draw(logits, top_k=1, may_end=False), logits[..., :-1].argmax(-1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": -1.0}, "temperature must be at least 0 and finite; got -1"),
        ({"temperature": np.nan}, "temperature must be at least 0 and finite; got nan"),
        ({"top_k": 0}, "top_k must be at least 1; got 0"),
    ],
)
def test_settings_of_a_draw_that_mean_nothing_are_refused(logits, settings, message):
    with pytest.raises(ValueError, match=message):
        draw(logits, **settings)
