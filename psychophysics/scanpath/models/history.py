"""What a scanpath has done so far, as features of each fixation and object: visits, recency, and the way straight on.

Inhibition of return and saccadic momentum (Smith & Henderson, 2009) are what a model can make of them.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

RECENCY = 4.0
"""Fixations after which a visit counts e times less."""
N_FEATURES = 4


class History(NamedTuple):
    """Visits so far, to be gone on with one fixation at a time or many.

    Parameters
    ----------
    count : Tensor, shape (n_paths, n_objects)
        How often each object was looked at.
    last : Tensor of int64, shape (n_paths, n_objects)
        Number of the fixation that last did; 0 where none did.
    gaze : Tensor, shape (n_paths, 2)
        Where the last fixation was, in degrees.
    n : int
        Fixations so far, the begin token included.
    """

    count: Tensor
    last: Tensor
    gaze: Tensor
    n: int

    @classmethod
    def none(cls, n_paths: int, n_objects: int, like: Tensor) -> Self:
        """Return the history of paths that have not begun."""
        count = like.new_zeros(n_paths, n_objects)
        return cls(count, count.long(), like.new_zeros(n_paths, 2), 0)

    def after(self, objects: Tensor, gaze: Tensor, position: Tensor) -> tuple[Tensor, History]:
        """Return the features of further fixations, and the history that includes them.

        Parameters
        ----------
        objects : Tensor of int64, shape (n_paths, n_fixations)
            Objects looked at; -1 for the begin token, and at padding.
        gaze : Tensor, shape (n_paths, n_fixations, 2)
            Where these fixations are, in degrees.
        position : Tensor, shape (n_paths or 1, n_objects, 2)
            Where objects are.

        Returns
        -------
        features : Tensor, shape (n_paths, n_fixations, n_objects, 4)
            Looked at or not, ln(1 + looks), exp(-fixations since / `RECENCY`) of what was looked at, and the cosine
            between the last movement of gaze and the way to the object, 0 where there is none. All include the
            fixation itself. The way from the begin token to the first fixation is no movement of gaze.
        """
        n_fixations, n_objects = objects.shape[1], position.shape[1]
        now = self.n + torch.arange(n_fixations, device=objects.device)[:, None]
        looks = objects[..., None] == torch.arange(n_objects, device=objects.device)
        count = self.count[:, None] + looks.to(self.count.dtype).cumsum(1)
        last = torch.maximum(self.last[:, None], (looks * now).cummax(1).values)
        seen = (count > 0).to(count.dtype)
        recency = torch.exp((last - now).to(count.dtype) / RECENCY) * seen
        before = torch.cat([self.gaze[:, None], gaze[:, :-1]], 1)
        heading = _unit(gaze - before) * (now > 1)
        straight = (_unit(position[:, None] - gaze[:, :, None]) * heading[:, :, None]).sum(-1)
        features = torch.stack([seen, count.log1p(), recency, straight], 1).movedim(1, -1)
        return features, History(count[:, -1], last[:, -1], gaze[:, -1], self.n + n_fixations)


def _unit(vector: Tensor) -> Tensor:
    """Vectors (..., 2) of length 1, or 0 where they are 0."""
    x, y = vector.unbind(-1)
    squared = x * x + y * y
    return vector * torch.where(squared > 0, squared.clamp(min=1e-12).rsqrt(), 0)[..., None]
