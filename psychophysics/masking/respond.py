"""Who answers: an observer's settings become something that names the category of each stimulus."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.build import build_network
from cogattn.observers.readout import Readout
from cogattn.psychophysics.masking.ideal_observer import TemplateResponder
from cogattn.psychophysics.masking.material import training_images, trial_images
from cogattn.psychophysics.masking.stimuli.composition import set_contrast
from cogattn.seeds import Streams
from cogattn.vision.images.categories import CATEGORIES, decide

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from cogattn.observers.config import NetworkObserver
    from cogattn.observers.network import Network
    from cogattn.psychophysics.masking.config import MaskingConfig

Scores = Callable[["Tensor"], "Tensor"]
Decision = Literal["mean", "max", "sum"]
N_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class Respondent:
    """An observer at work.

    Parameters
    ----------
    answer : callable
        (stimuli (n, height, width) in [0, 1], the same stimuli without noise, their categories (n,)) -> answered
        categories (n,). Only ideal observers, which know what may come, look at the second and third.
    n_alternatives : int
        Number of answers it chooses from; 1 / n_alternatives is chance.
    scores : callable, optional
        Colour images (n, 3, height, width) in [0, 1] -> scores before softmax (n, n_alternatives), with gradients
        where the images ask for them. Ideal observers have none.
    """

    answer: Callable[[Tensor, Tensor, NDArray[np.int64]], NDArray[np.int64]]
    n_alternatives: int
    scores: Scores | None = None

    @classmethod
    def of_scores(cls, scores: Callable[[Tensor], Tensor], n_alternatives: int) -> Respondent:
        """Build one that answers with the highest score."""
        return cls(
            lambda stimuli, *_: scores(as_rgb(stimuli)).argmax(-1).cpu().numpy(), n_alternatives, scores
        )


@functools.lru_cache(maxsize=1)
def build_respondent(config: MaskingConfig, name: str) -> Respondent:
    """Build the observer `name` of `config`; kept between the cells of one worker.

    Raises
    ------
    ObserverError
        If the observer cannot be loaded, or its answers do not fit the categories of the images.
    """
    settings, categories = config.observer, trial_images(config).categories
    if settings.kind == "template":
        rng = Streams(config.seed).generator("template")
        responder = TemplateResponder(settings, config.images.size, rng=rng)
        answer = functools.partial(responder.name, n_categories=len(categories))
        return Respondent(answer, settings.n_alternatives)
    settings = cast("NetworkObserver", settings)  # people answer no trials here
    network = build_network(settings, name, seed=config.seed)
    if settings.kind == "readout":
        return _readout(config, network)
    if network.n_classes == N_IMAGENET_CLASSES:
        _check_categories(categories)
        return Respondent.of_scores(
            functools.partial(_category_scores, network, config.decision), len(CATEGORIES)
        )
    if network.n_classes != len(categories):
        raise ObserverError(
            f"observer {name} must answer with 1000 ImageNet classes or the {len(categories)} categories of the "
            f"images; got {network.n_classes} classes"
        )
    return Respondent.of_scores(functools.partial(_scores, network.logits), network.n_classes)


def as_rgb(grey: Tensor) -> Tensor:
    """Repeat grey images (n, height, width) over three colour channels: (n, 3, height, width)."""
    return grey.unsqueeze(1).expand(-1, 3, -1, -1)


def _check_categories(categories: Sequence[str]) -> None:
    if tuple(categories) != CATEGORIES:
        raise ConfigError(
            "images must show the 16 categories of Geirhos et al. (2018) to a network that answers with ImageNet "
            f"classes; got {', '.join(categories[:20])}; use observer.kind = readout"
        )


def _scores(answer: Callable[..., Tensor], images: Tensor) -> Tensor:
    return answer(images, differentiable=images.requires_grad)


def _category_scores(network: Network, rule: Decision, images: Tensor) -> Tensor:
    """Logarithm of the 16 category scores: its softmax gives them back, made to sum to 1."""
    probabilities = _scores(network.logits, images).softmax(-1)
    return decide(probabilities, rule).clamp_min(1e-30).log()


def _readout(config: MaskingConfig, network: Network) -> Respondent:
    """Train a linear readout on clean low-contrast stimuli of images that no trial shows."""
    import torch

    training = training_images(config)
    grey = torch.from_numpy(np.stack([training.load(index) for index in range(len(training.ids))]))
    stimuli = set_contrast(grey, config.stimulus.contrast, config.stimulus.mean_luminance)
    readout = Readout.fit(network, as_rgb(stimuli), training.labels, training.categories)
    return Respondent.of_scores(functools.partial(_scores, readout.logits), len(training.categories))
