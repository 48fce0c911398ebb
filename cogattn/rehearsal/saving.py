"""Pages of a training under way: when they are due, and signed, so that no other training takes one for its own."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cogattn.rehearsal.plans import Draws
from cogattn.running.checkpoints import Checkpoint

if TYPE_CHECKING:
    from cogattn.running.pages import Page


class Pen:
    """Writes a training's pages.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        Where to; nothing is written without one.
    every_s : float
        Seconds between pages; 0 makes one due after each step.
    signature : Tensor
        Of the training (see `signature_of`).
    """

    def __init__(self, checkpoint: Checkpoint | None, every_s: float, signature: Tensor) -> None:
        self._checkpoint = checkpoint or Checkpoint()
        self._every_s, self._signature = every_s, signature
        self._due = math.inf if self._checkpoint.path is None else time.monotonic() + every_s

    def is_due(self) -> bool:
        """Return whether it is time for a page."""
        return time.monotonic() >= self._due

    def write(self, page: Page) -> None:
        """Save a page in the place of the one before."""
        if self._checkpoint.path is not None:
            self._checkpoint.save_tensors({**page, "signature": self._signature})
            self._due = time.monotonic() + self._every_s

    def last(self) -> Page:
        """Return the last page; empty where there is none, or it is damaged, or another training's."""
        page = self._checkpoint.load_tensors() or {}
        signature = page.pop("signature", None)
        return page if signature is not None and torch.equal(signature, self._signature) else {}


def signature_of(told: object, plans: Sequence[Sequence[Draws]]) -> Tensor:
    """Return a digest of what a training was told, by its repr, and of its plans: 32 bytes, as uint8."""
    digest = hashlib.sha256(repr(told).encode())
    for draws in (draws for plan in plans for draws in plan):
        for array in (draws.task, draws.index, draws.new, draws.offsets):
            digest.update(np.ascontiguousarray(array).data)
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)
