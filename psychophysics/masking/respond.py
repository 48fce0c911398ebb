"""Who answers: an observer's settings become something that names the category of each stimulus."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers import build_network
from cogattn.psychophysics.masking.categories import CATEGORIES, decide
from cogattn.psychophysics.masking.images import ImageList, list_images
from cogattn.psychophysics.masking.stimuli import set_contrast
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import torch

    from cogattn.observers.network import Network
    from cogattn.psychophysics.masking.config import MaskingConfig

N_IMAGENET_CLASSES = 1000


@dataclass(frozen=True)
class Respondent:
    """An observer at work.

    Parameters
    ----------
    answer : callable
        (stimuli (n, height, width) in [0, 1], the same stimuli without noise) -> category indices (n,). Only
        ideal observers look at the second.
    n_alternatives : int
        Number of answers it chooses from; 1 / n_alternatives is chance.
    """

    answer: Callable[[torch.Tensor, torch.Tensor], np.ndarray]
    n_alternatives: int


@functools.lru_cache(maxsize=1)
def build_respondent(config: MaskingConfig, name: str) -> Respondent:
    """Build the observer `name` of `config`; kept between the cells of one worker.

    Raises
    ------
    ObserverError
        If the observer cannot be loaded, or its answers do not fit the categories of the images.
    """
    settings = config.observer
    images = list_images(config.images, seed=config.seed)
    if settings.kind == "template":
        return _template(config, images)
    network = build_network(settings, name, seed=config.seed)
    if settings.kind == "readout":
        return _readout(config, network, images)
    if network.n_classes == N_IMAGENET_CLASSES:
        if images.categories != CATEGORIES:
            raise ConfigError(
                f"images must show the 16 categories of Geirhos et al. (2018) to a network that answers with "
                f"ImageNet classes; got {', '.join(images.categories)}; use observer.kind = readout"
            )
        return Respondent(
            lambda stimuli, _: decide(network.logits(as_rgb(stimuli)).softmax(-1), config.decision).argmax(-1).cpu().numpy(),
            len(CATEGORIES),
        )
    if network.n_classes != len(images.categories):
        raise ObserverError(
            f"observer {name} must answer with 1000 ImageNet classes or the {len(images.categories)} categories of the "
            f"images; got {network.n_classes} classes"
        )
    return Respondent(lambda stimuli, _: network.logits(as_rgb(stimuli)).argmax(-1).cpu().numpy(), network.n_classes)


def as_rgb(grey: torch.Tensor) -> torch.Tensor:
    """Repeat grey images (n, height, width) over three colour channels: (n, 3, height, width)."""
    return grey.unsqueeze(1).expand(-1, 3, -1, -1)


def clean_stimuli(config: MaskingConfig, images: ImageList, indices: np.ndarray) -> torch.Tensor:
    """Load images and set their contrast and mean: (n, height, width), without noise."""
    import torch

    grey = torch.stack([torch.from_numpy(images.load(int(index))) for index in indices])
    return set_contrast(grey, config.stimulus.contrast, config.stimulus.mean_luminance)


def _readout(config: MaskingConfig, network: Network, images: ImageList) -> Respondent:
    """Train a linear readout on clean low-contrast stimuli of images that no trial shows."""
    from cogattn.observers.readout import Readout

    training = images.training
    stimuli = clean_stimuli(config, training, np.arange(len(training.ids)))
    readout = Readout.fit(network, as_rgb(stimuli), training.labels, images.categories)
    return Respondent(lambda stimuli, _: readout.scores(as_rgb(stimuli)).argmax(-1), len(images.categories))


def _template(config: MaskingConfig, images: ImageList) -> Respondent:
    """An ideal observer with a known channel; its competing images are fixed by the seed."""
    from cogattn.psychophysics.masking.template import TemplateResponder

    rng = Streams(config.seed).generator("template")
    n = config.observer.n_alternatives
    rivals = clean_stimuli(config, images, rng.choice(len(images.ids), size=n - 1, replace=False))
    return Respondent(TemplateResponder(config.observer, rivals, rng=rng).answer, n)
