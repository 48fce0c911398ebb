"""Who answers: an observer's settings become something that names the category of each stimulus."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch

from cogattn.observers.build import build_network
from cogattn.observers.config import ReadoutObserver
from cogattn.observers.network import Network
from cogattn.observers.readout import Readout
from cogattn.psychophysics.masking.checks import answers_imagenet
from cogattn.psychophysics.masking.config import TemplateObserver
from cogattn.psychophysics.masking.ideal_observer import TemplateResponder
from cogattn.psychophysics.masking.material import training_images
from cogattn.psychophysics.masking.presentation import load
from cogattn.psychophysics.masking.stimuli.composition import set_contrast
from cogattn.seeds import Streams
from cogattn.vision.images.categories import CATEGORIES, decide
from cogattn.vision.images.listing import ImageList

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from cogattn.observers.config import NetworkObserver
    from cogattn.psychophysics.masking.config import MaskingConfig

Scores = Callable[["Tensor"], "Tensor"]
Decision = Literal["mean", "max", "sum"]


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


def build_respondent(config: MaskingConfig, name: str, categories: Sequence[str]) -> Respondent:
    """Build the observer `name` of `config`.

    Parameters
    ----------
    config : MaskingConfig
        Settings.
    name : str
        The observer's id.
    categories : sequence of str
        What it is to choose from, in the order of the labels.

    Raises
    ------
    ObserverError, ConfigError
        If the observer cannot be loaded, or its answers do not fit the categories.

    Notes
    -----
    What takes long is kept between the cells of one worker: the network, a readout's training, an ideal observer.
    """
    settings = config.observer
    if isinstance(settings, TemplateObserver):
        responder = _template(settings, config.images.size, config.seed)
        answer = functools.partial(responder.name, n_categories=len(categories))
        return Respondent(answer, settings.n_alternatives)
    network = build_network(
        cast("NetworkObserver", settings), name, seed=config.seed
    )  # people show up in no trial
    if isinstance(settings, ReadoutObserver):
        stimulus = config.stimulus
        readout = _readout(network, training_images(config), stimulus.contrast, stimulus.mean_luminance)
        return Respondent.of_scores(functools.partial(_scores, readout.logits), len(readout.categories))
    if answers_imagenet(name, network.n_classes, categories):
        scores = functools.partial(_category_scores, network, config.decision)
        return Respondent.of_scores(scores, len(CATEGORIES))
    return Respondent.of_scores(functools.partial(_scores, network.logits), network.n_classes)


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
def _readout(network: Network, training: ImageList, contrast: float, mean_luminance: float) -> Readout:
    """Train a linear readout on clean low-contrast stimuli of images that no trial shows."""
    grey = torch.from_numpy(load(training, range(len(training))))
    stimuli = set_contrast(grey, contrast, mean_luminance)
    return Readout.fit(network, as_rgb(stimuli), training.labels, training.categories)


@functools.lru_cache(maxsize=1)
def _template(settings: TemplateObserver, size: int, seed: int) -> TemplateResponder:
    return TemplateResponder(settings, size, rng=Streams(seed).generator("template"))
