"""What a cell has trained so far: finished folds, the fold under way, and the checkpoint that keeps both.

A training that is killed is begun again and finds here where it was: model, optimiser, best epoch and random
generators as they were after the last epoch. It ends with the bits that it would have had anyway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from cogattn.running.pages import named, part

if TYPE_CHECKING:
    from cogattn.running.checkpoints import Checkpoint

Page = dict[str, Tensor]
"""Tensors by name; names of a part begin with the part's name and a slash."""


class Journal:
    """The trainings of one cell in order, a page each.

    Parameters
    ----------
    checkpoint : Checkpoint, optional
        Where every page is kept that is written; None only remembers.
    """

    def __init__(self, checkpoint: Checkpoint | None = None) -> None:
        self._checkpoint = checkpoint
        self._pages: Page = (checkpoint.load_tensors() if checkpoint else None) or {}

    def read(self, fold: int) -> Page:
        """Return the page of one training; empty before it is written first."""
        return part(self._pages, str(fold))

    def write(self, fold: int, page: Page) -> None:
        """Replace the page of one training, and keep all of them."""
        others = {name: value for name, value in self._pages.items() if not name.startswith(f"{fold}/")}
        self._pages = {**others, **named(str(fold), page)}
        if self._checkpoint:
            self._checkpoint.save_tensors(self._pages)

    def to_bytes(self, about: Mapping[str, str]) -> bytes:
        """Return all pages as a safetensors file whose metadata says what they are about.

        Names are ``fold/weights/parameter``, and ``fold/scale``, ``fold/learning_rate``, ... for numbers.
        """
        from safetensors.torch import save

        # a single key, because the order of several is not defined and equal cells must have equal bytes
        return save(self._pages, metadata={"about": json.dumps(dict(about), sort_keys=True)})
