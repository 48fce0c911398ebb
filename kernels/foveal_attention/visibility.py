"""Which pairs may be attended: within the radius, in one sequence, not later, and not masked."""

from __future__ import annotations

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.radial import squared_eccentricity


def hidden_pairs(call: Call, squared: Tensor | None = None) -> Tensor | None:
    """Mask of the pairs that are not attended, broadcastable to the scores; None where all are.

    The radius is tested in the positions' dtype, on `squared` (batch, 1, n_queries, n_keys) where that is at hand.
    """
    hidden = None if call.mask is None else ~call.mask
    for more in (_beyond(call, squared), _later(call), _elsewhere(call)):
        hidden = more if hidden is None else hidden if more is None else hidden | more
    return hidden


def ranks_of(call: Call) -> tuple[Tensor, Tensor]:
    """Places of queries and keys in a row whose ends coincide; a causal query sees up to its own."""
    if call.ranks is not None:
        return call.ranks
    n_queries, n_keys = call.q.shape[2], call.k.shape[2]
    device = call.q.device
    return torch.arange(n_keys - n_queries, n_keys, device=device), torch.arange(n_keys, device=device)


def _beyond(call: Call, squared: Tensor | None) -> Tensor | None:
    if call.radius is None:
        return None
    if squared is None:
        squared = squared_eccentricity(call.query_position, call.key_position)[:, None]
    return ~(squared <= (call.radius_tensor * call.radius_tensor)[:, None, None])


def _later(call: Call) -> Tensor | None:
    if not call.causal:
        return None
    query, key = ranks_of(call)
    return (key > query[:, None])[None, None]


def _elsewhere(call: Call) -> Tensor | None:
    if call.sequences is None:
        return None
    query, key = call.sequences
    return (key[:, None] != query[:, :, None])[:, None]
