"""A network that names images: one score per category, whatever it answers with by itself.

A network with ImageNet's 1000 classes answers with the 16 categories that they make up; one with as many outputs as
there are categories answers with its own; of any other, features are read out by a linear classifier.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from cogattn.errors import ObserverError
from cogattn.observers.answers import answers_imagenet
from cogattn.observers.build import build_network
from cogattn.observers.config import ReadoutObserver
from cogattn.observers.network import Network
from cogattn.observers.readout import Readout
from cogattn.vision.images.categories import decide

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from cogattn.observers.config import NetworkObserver

Scores = Callable[["Tensor"], "Tensor"]
Decision = Literal["mean", "max", "sum"]


class Training(Protocol):
    """What a readout is trained on; equal ones (and of one hash) train the same readout."""

    @property
    def labels(self) -> NDArray:
        """Category of each image, an index into `categories`."""
        ...

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories."""
        ...

    def stimuli(self) -> Tensor:
        """Return the images, (n, 3, height, width) in [0, 1], as the study shows them."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Namer:
    """A network at work.

    Parameters
    ----------
    categories : tuple of str
        What it chooses from.
    scores : callable
        Colour images (n, 3, height, width) in [0, 1] -> scores before softmax (n, n_categories), on the device of the
        images and with gradients where these ask for them; the highest is the answer.
    device : torch.device
        Where the network is: images that are there already need not be moved.
    """

    categories: tuple[str, ...]
    scores: Scores
    device: torch.device


def build_namer(
    settings: NetworkObserver,
    name: str,
    *,
    seed: int,
    categories: Sequence[str],
    decision: Decision = "mean",
    training: Training | None = None,
) -> Namer:
    """Build the observer `name` of `settings`.

    Parameters
    ----------
    settings : TimmObserver, ReadoutObserver, FactoryObserver or ModuleObserver
        Who takes part.
    name : str
        The observer's id.
    seed : int
        The run's seed.
    categories : sequence of str
        What it is to choose from, in the order of the labels.
    decision : {"mean", "max", "sum"}
        How 1000 class probabilities become 16.
    training : Training, optional
        Images of a readout, which answers with their categories.

    Raises
    ------
    ObserverError, ConfigError
        If the observer cannot be loaded, or its answers do not fit the categories.

    Notes
    -----
    What takes long is kept between the cells of one worker: the network, a readout's training.
    """
    network = build_network(settings, name, seed=seed)
    if isinstance(settings, ReadoutObserver):
        if training is None:
            raise ObserverError(f"a readout must have images to be trained on; got none ({name})")
        readout = _readout(network, training)
        return Namer(readout.categories, functools.partial(_scores, readout.logits), network.device)
    if answers_imagenet(name, network.n_classes, categories):
        scores = functools.partial(_category_scores, network, decision)
    else:
        scores = functools.partial(_scores, network.logits)
    return Namer(tuple(categories), scores, network.device)


def as_rgb(grey: Tensor) -> Tensor:
    """Repeat grey images (n, height, width) over three colour channels: (n, 3, height, width)."""
    return grey.unsqueeze(1).expand(-1, 3, -1, -1)


def _scores(answer: Callable[..., Tensor], images: Tensor) -> Tensor:
    return answer(images, differentiable=images.requires_grad)


def _category_scores(network: Network, rule: Decision, images: Tensor) -> Tensor:
    """Logarithm of the 16 category scores: its softmax gives them back, made to sum to 1."""
    probabilities = _scores(network.logits, images).softmax(-1)
    return decide(probabilities, rule).clamp_min(1e-30).log()


@functools.lru_cache(maxsize=1)
def _readout(network: Network, training: Training) -> Readout:
    return Readout.fit(network, training.stimuli(), training.labels, training.categories)
