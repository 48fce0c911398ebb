"""Sixteen everyday categories made of 207 ImageNet-1k classes, and how 1000 probabilities become 16 scores.

The mapping is that of Geirhos et al. (2018), kept in ``data/imagenet16.json``; classes of theirs that are not
in ImageNet-1k are left out. Indices are those of torchvision and timm (wnids in sorted order).

References
----------
Geirhos, Temme, Rauber, Schuett, Bethge and Wichmann (2018), Generalisation in humans and deep neural
networks, NeurIPS.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

N_CLASSES = 1000

_WNIDS: dict[str, dict[str, int]] = json.loads(
    files("cogattn.vision.images").joinpath("data/imagenet16.json").read_text(encoding="utf-8")
)["categories"]

CATEGORIES: tuple[str, ...] = tuple(_WNIDS)
"""Names of the categories in alphabetical order; a category's label is its place here."""

WNIDS: dict[str, tuple[str, ...]] = {name: tuple(classes) for name, classes in _WNIDS.items()}
"""WordNet ids of each category's ImageNet-1k classes."""

INDICES: dict[str, tuple[int, ...]] = {name: tuple(classes.values()) for name, classes in _WNIDS.items()}
"""ImageNet-1k indices (0-999) of each category's classes."""

_OF_WNID = {wnid: name for name, wnids in WNIDS.items() for wnid in wnids}
_OF_INDEX = {index: name for name, indices in INDICES.items() for index in indices}


def category_of_wnid(wnid: str) -> str | None:
    """Return the category of a WordNet id such as ``n02690373``; None where it is in none of the 16."""
    return _OF_WNID.get(wnid)


def category_of_index(index: int) -> str | None:
    """Return the category of an ImageNet-1k index (0-999); None where it is in none of the 16."""
    return _OF_INDEX.get(index)


def decide(probabilities: Tensor, rule: Literal["mean", "max", "sum"] = "mean") -> Tensor:
    """Score the 16 categories from the probabilities of the 1000 classes; the answer is the highest score.

    Parameters
    ----------
    probabilities : Tensor, shape (n, 1000)
        Softmax output; differentiable.
    rule : {"mean", "max", "sum"}
        Over a category's classes. The mean (the paper's) favours neither small nor large categories; the sum
        is the probability of the category.

    Returns
    -------
    Tensor, shape (n, 16)
        Scores in the order of `CATEGORIES`.

    Raises
    ------
    ValueError
        If there are not 1000 probabilities.
    """
    import torch

    if probabilities.ndim != 2 or probabilities.shape[1] != N_CLASSES:
        raise ValueError(f"probabilities must be of shape (n, {N_CLASSES}); got {tuple(probabilities.shape)}")
    pool = {"mean": torch.mean, "max": torch.amax, "sum": torch.sum}[rule]
    return torch.stack([pool(probabilities[:, list(indices)], dim=1) for indices in INDICES.values()], dim=1)
