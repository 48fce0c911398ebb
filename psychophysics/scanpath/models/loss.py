"""What a network's scores are worth: cross entropy over the objects and the end, and the likelihood of durations.

Fixations that are given, and padding, never count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cogattn.attention import LogNormal
from cogattn.attention.choosing import IGNORED, following
from cogattn.psychophysics.scanpath.models.batches import PathBatch


def outputs(network: nn.Module, batch: PathBatch) -> tuple[Tensor, LogNormal | None]:
    """Return scores (n_paths, n_fixations + 1, n_objects + 1) and how long fixations last, if the network says.

    No path ends before a fixation that is not given.
    """
    predict = getattr(network, "predict", None)
    scores, durations = (network(batch), None) if predict is None else predict(batch)
    barred = torch.zeros(scores.shape, dtype=torch.bool)
    barred[..., -1] = torch.arange(scores.shape[1]) <= batch.n_given[:, None]
    return scores.masked_fill(barred, -torch.inf), durations


def nats(scores: Tensor, batch: PathBatch, *, null_logit: float | None = None) -> tuple[Tensor, int]:
    """Return the summed -ln of the chances of what followed, and how many steps were asked.

    Parameters
    ----------
    scores : Tensor, shape (n_paths, n_fixations + 1, n_objects + 1)
        As `outputs` returns them.
    batch : PathBatch
        What followed; given fixations and padding never count.
    null_logit : float, optional
        Score of a further class that is never right, as the published model is trained with.
    """
    followed = following(batch.objects, batch.layouts.present.shape[1], batch.n_given)
    if null_logit is not None:
        scores = torch.cat([scores, torch.full_like(scores[..., :1], null_logit)], -1)
    total = F.cross_entropy(scores.flatten(0, 1), followed.flatten(), ignore_index=IGNORED, reduction="sum")
    return total, int((followed != IGNORED).sum())


def duration_nats(durations: LogNormal, batch: PathBatch) -> Tensor:
    """Return the mean -ln of the density, per ms, of durations of fixations that are not given; 0 without any."""
    if batch.durations_ms is None:
        return durations.mean.new_zeros(())
    step = torch.arange(batch.objects.shape[1])
    asked = (batch.objects >= 0) & (step >= batch.n_given[:, None]) & (batch.durations_ms > 0)
    density = durations.log_density(torch.where(asked, batch.durations_ms, 1.0))
    return -density.masked_fill(~asked, 0).sum() / asked.sum().clamp(min=1)


def bits(network: nn.Module, batches: Iterable[PathBatch]) -> float:
    """Return the mean -log2 of the chance of what followed, over all that is asked in the batches, nothing dropped."""
    network.eval()
    total, n = 0.0, 0
    with torch.inference_mode():
        for batch in batches:
            lost, asked = nats(outputs(network, batch)[0], batch)
            total, n = total + float(lost), n + asked
    return total / n / math.log(2)
