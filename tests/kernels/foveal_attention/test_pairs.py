"""Masks of pairs, causal order, packed sequences, grouped queries and the log-sum-exp, against loops or plain torch."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from cogattn.kernels import Layout, foveal_attention

IMPLS = ["dense", "blocked"]
N_QUERIES, N_KEYS = 37, 53
SPARSE = {"n_queries": 150, "n_keys": 700}  # enough keys for tiles of their own


def ids(lengths, n):
    """(1, n) numbers of packed sequences of these lengths, the last of which takes the rest."""
    numbers = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    return torch.cat([numbers, numbers.new_full((n - len(numbers),), len(lengths))])[None]


def pairs(name, n_queries=N_QUERIES, n_keys=N_KEYS):
    if name == "causal":
        return {"causal": True}
    if name == "sequences":
        return {"sequences": (ids([5, n_queries // 2], n_queries), ids([n_keys // 2, 8], n_keys))}
    per_head = torch.rand(2, 2, n_queries, n_keys, generator=torch.Generator().manual_seed(2)) < 0.6
    per_head[:, :, 3] = False
    return {"mask": per_head if name == "mask" else per_head[:1, :1]}


def visible(name, n_queries, n_keys):
    """The mask of the pairs, in words of torch alone."""
    settings = pairs(name, n_queries, n_keys)
    if name == "causal":
        return torch.ones(n_queries, n_keys, dtype=torch.bool).tril(n_keys - n_queries)[None, None]
    if name == "sequences":
        query, key = settings["sequences"]
        return (query[:, :, None] == key[:, None])[:, None]
    return settings["mask"]


NAMES = ["mask", "shared mask", "causal", "sequences"]


@pytest.mark.parametrize("name", NAMES)
def test_zero_bias_is_masked_attention(make_problem, name):
    q, k, v, gaze, place = (t.detach() for t in make_problem(bias="none", weighted=False).tensors.values())
    got = foveal_attention(q, k, v, gaze, place, bias="log", alpha=0.0, impl="reference", **pairs(name))
    shown = visible(name, N_QUERIES, N_KEYS)
    dead = ~shown.any(-1, keepdim=True)
    want = scaled_dot_product_attention(q, k, v, attn_mask=shown | dead).masked_fill(dead, 0)
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sizes", [{}, SPARSE], ids=["whole", "gathered"])
@pytest.mark.parametrize("radius", [None, 2.5])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("impl", IMPLS)
def test_pairs_and_their_gradients_equal_the_reference(make_problem, assert_agree, impl, name, radius, sizes):
    problem = make_problem(bias="smooth", radius=radius, **sizes)
    problem.settings |= pairs(name, **sizes)
    assert_agree(problem.answers(foveal_attention, impl), problem.answers(foveal_attention, "reference"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("impl", IMPLS)
def test_a_layout_holds_pairs(make_problem, impl, name):
    problem = make_problem(bias="log", radius=2.5, **SPARSE)
    arguments = problem.placed("blocked") | pairs(name, **SPARSE)
    held = ("query_position", "key_position", "radius", "log_weight", *pairs(name, **SPARSE))
    layout = Layout(**{n: arguments[n] for n in held})
    rest = {n: v for n, v in arguments.items() if n not in held}
    want = foveal_attention(**arguments, impl="reference")
    with torch.no_grad():
        for _ in range(2):
            torch.testing.assert_close(foveal_attention(**rest, layout=layout, impl=impl), want.detach())


def test_sequences_are_as_if_apart(make_problem):
    q, k, v, gaze, place = (t.detach() for t in make_problem(weighted=False, batch=1).tensors.values())
    query, key = ids([20], N_QUERIES), ids([30], N_KEYS)
    packed = foveal_attention(q, k, v, gaze, place, sequences=(query, key))
    apart = [
        foveal_attention(q[:, :, a], k[:, :, b], v[:, :, b], gaze[:, a], place[:, b])
        for a, b in ((slice(0, 20), slice(0, 30)), (slice(20, None), slice(30, None)))
    ]
    torch.testing.assert_close(packed, torch.cat(apart, 2))


@pytest.mark.parametrize("impl", ["reference", *IMPLS])
def test_grouped_queries_are_repeated_keys(make_problem, impl):
    q, k, v, gaze, place = (t.detach() for t in make_problem(heads=4, weighted=False).tensors.values())
    k, v = (t[:, :2].clone().requires_grad_() for t in (k, v))
    grouped = foveal_attention(q, k, v, gaze, place, radius=3.0, impl=impl)
    repeated = foveal_attention(
        q, *(t.repeat_interleave(2, 1) for t in (k, v)), gaze, place, radius=3.0, impl="reference"
    )
    torch.testing.assert_close(grouped, repeated)
    got, want = (torch.autograd.grad(out.square().sum(), [k, v]) for out in (grouped, repeated))
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("kind", ["smooth", "none", "polar"])
@pytest.mark.parametrize("impl", ["auto", *IMPLS])
def test_log_sum_exp_and_its_gradient(make_problem, assert_agree, impl, kind):
    problem = make_problem(bias=kind, radius=3.0)

    def both(**arguments):
        out, log_sum = foveal_attention(**arguments, return_lse=True)
        return torch.cat([out, log_sum[..., None] * 0.3], -1)

    assert_agree(problem.answers(both, impl), problem.answers(both, "reference"))
    for name, tensor in problem.learned().items():  # as where a bias is fixed
        tensor.requires_grad_(name in ("q", "k", "v"))
    assert_agree(problem.answers(both, impl), problem.answers(both, "reference"))


@pytest.mark.parametrize("impl", ["reference", *IMPLS])
def test_halves_of_the_keys_merge_to_the_whole(make_problem, impl):
    """What context parallelism and caches do: outputs weighed by exp(log-sum-exp)."""
    problem = make_problem(bias="log", radius=4.0)
    arguments = {n: t.detach() if isinstance(t, torch.Tensor) else t for n, t in problem.arguments().items()}
    parts = []
    for keys in (slice(0, 20), slice(20, None)):
        part = arguments | {n: arguments[n][:, :, keys] for n in ("k", "v")}
        part |= {n: arguments[n][:, keys] for n in ("key_position", "log_weight")}
        parts.append(foveal_attention(**part, return_lse=True, impl=impl))
    whole, log_sum = foveal_attention(**arguments, return_lse=True, impl=impl)
    log_sums = torch.stack([part[1] for part in parts])
    torch.testing.assert_close(log_sums.logsumexp(0), log_sum)
    shares = torch.softmax(log_sums, 0)[..., None]
    torch.testing.assert_close(sum(s * part[0] for s, part in zip(shares, parts, strict=True)), whole)


def test_a_query_that_sees_nothing_has_a_log_sum_exp_of_minus_infinity(make_problem):
    arguments = make_problem().placed("blocked") | {
        "mask": torch.zeros(1, 1, N_QUERIES, N_KEYS, dtype=torch.bool)
    }
    for impl in ("reference", *IMPLS):
        out, log_sum = foveal_attention(**arguments, return_lse=True, impl=impl)
        assert (out == 0).all()
        assert torch.isneginf(log_sum).all()


BROKEN = {
    "mask of numbers": ({"mask": torch.ones(1, 1, N_QUERIES, N_KEYS)}, "mask must be bool"),
    "mask of another size": ({"mask": torch.ones(1, 1, 3, N_KEYS, dtype=torch.bool)}, "mask must have shape"),
    "sequences of floats": (
        {"sequences": (torch.zeros(1, N_QUERIES), torch.zeros(1, N_KEYS))},
        "as integers",
    ),
    "heads that do not divide": (
        {"k": torch.zeros(2, 3, N_KEYS, 16), "v": torch.zeros(2, 3, N_KEYS, 16)},
        "divisor",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_pairs_are_refused(make_problem, case):
    changed, message = BROKEN[case]
    with pytest.raises(ValueError, match=message):
        foveal_attention(**(make_problem(dtype=torch.float32).arguments() | changed))
