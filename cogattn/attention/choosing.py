"""What to make of a pointer's logits, (..., n_objects + 1), the last of which ends the path: likelihoods and samples.

The chance of the next fixation is that of going on times that of its object given that the path goes on; bits of the
second do not change with how sure a model is of the end, so models with and without one compare.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

IGNORED = -100
"""Of `following`, where nothing follows; what `torch.nn.functional.cross_entropy` skips."""


def going_on(logits: Tensor) -> Tensor:
    """Return ln of the chance of each object given that the path goes on, from logits (..., n_objects + 1)."""
    return logits[..., :-1].log_softmax(-1)


def end_log_odds(logits: Tensor) -> Tensor:
    """Return ln of the odds that the path ends here, (...,), from logits (..., n_objects + 1)."""
    return logits[..., -1] - logits[..., :-1].logsumexp(-1)


def log_end(logits: Tensor) -> Tensor:
    """Return ln of the chance that the path ends here, (...,), from logits (..., n_objects + 1)."""
    return logsigmoid(end_log_odds(logits))


def next_bits(logits: Tensor, objects: Tensor) -> Tensor:
    """Return -log2 of the chance of each path's next object given that it goes on; NaN at padding.

    Parameters
    ----------
    logits : Tensor, shape (n_paths, at least n_fixations, n_objects + 1)
        Before each fixation.
    objects : Tensor of int64, shape (n_paths, n_fixations)
        Objects looked at; -1 at padding.

    Returns
    -------
    Tensor, shape (n_paths, n_fixations)
    """
    log_p = going_on(logits[:, : objects.shape[1]])
    chosen = log_p.gather(-1, objects.clamp(min=0)[..., None])[..., 0]
    return torch.where(objects >= 0, -chosen / math.log(2), torch.nan)


def following(objects: Tensor, n_objects: int, n_given: Tensor | None = None) -> Tensor:
    """Return what comes at each place of the path, as a target for `torch.nn.functional.cross_entropy`.

    Parameters
    ----------
    objects : Tensor of int64, shape (n_paths, n_fixations)
        Objects looked at; -1 at padding, which may only follow the last.
    n_objects : int
        Objects of the layouts, padding included: the number of the end.
    n_given : Tensor of int64, shape (n_paths,), optional
        So many fixations at the start are told, and so are not asked of the model.

    Returns
    -------
    Tensor of int64, shape (n_paths, n_fixations + 1)
        Objects, then the end, then `IGNORED`; given fixations are `IGNORED`, too.
    """
    place = torch.arange(objects.shape[1] + 1, device=objects.device)
    length = (objects >= 0).sum(1)[:, None]
    after = torch.cat([objects, objects.new_full((len(objects), 1), -1)], 1)
    after = after.masked_fill(place == length, n_objects).masked_fill(place > length, IGNORED)
    return after if n_given is None else after.masked_fill(place < n_given[:, None], IGNORED)


def draw(
    logits: Tensor,
    *,
    generator: torch.Generator | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    may_end: bool = True,
) -> Tensor:
    """Draw what comes next from logits (..., n_objects + 1); n_objects is the end.

    Parameters
    ----------
    logits : Tensor, shape (..., n_objects + 1)
        Of a `PointerHead`; -inf for what cannot come.
    generator : torch.Generator, optional
        Source of chance; the same state draws the same.
    temperature : float
        Logits are divided by it; 0 is greedy: the most likely, the first of equal ones.
    top_k : int, optional
        Draw among the `top_k` most likely alone, at least.
    may_end : bool
        Whether the end may be drawn.

    Returns
    -------
    Tensor of int64, shape (...,)
    """
    if not (temperature >= 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature must be at least 0 and finite; got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1; got {top_k}")
    if not may_end:
        logits = torch.cat([logits[..., :-1], torch.full_like(logits[..., -1:], -torch.inf)], -1)
    if temperature == 0:
        return logits.argmax(-1)
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, -1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    # the largest of logits with Gumbel noise is a draw from their softmax (Gumbel, 1954)
    noise = torch.empty_like(logits).exponential_(generator=generator)
    return (logits / temperature - noise.log()).argmax(-1)
