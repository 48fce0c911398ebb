"""Who answers: an observer's settings become something that names the category of each stimulus."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch

from cogattn.observers.config import ReadoutObserver
from cogattn.observers.naming import Namer, as_rgb, build_namer
from cogattn.psychophysics.masking.config import TemplateObserver
from cogattn.psychophysics.masking.ideal_observer import TemplateResponder
from cogattn.psychophysics.masking.material import training_images
from cogattn.psychophysics.masking.presentation import load
from cogattn.psychophysics.masking.stimuli.composition import Scale, set_contrast, to_codes, to_scale
from cogattn.seeds import Streams
from cogattn.vision.images.listing import ImageList

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from cogattn.observers.config import NetworkObserver
    from cogattn.psychophysics.masking.config import MaskingConfig


@dataclass(frozen=True)
class Respondent:
    """An observer at work.

    Parameters
    ----------
    answer : callable
        (stimuli (n, height, width), code values in [0, 1], the same without noise, their categories (n,)) -> answered
        categories (n,). Only ideal observers, which know what may come, look at the second and third.
    n_alternatives : int
        Number of answers it chooses from; 1 / n_alternatives is chance.
    """

    answer: Callable[[Tensor, Tensor, NDArray[np.int64]], NDArray[np.int64]]
    n_alternatives: int

    @classmethod
    def of(cls, namer: Namer) -> Respondent:
        """Build one that answers with a network's highest score."""
        return cls(
            lambda stimuli, *_: namer.scores(as_rgb(stimuli)).argmax(-1).cpu().numpy(), len(namer.categories)
        )


@dataclass(frozen=True)
class LowContrast:
    """Images that train a readout: clean stimuli of low contrast, of images that no trial shows."""

    images: ImageList
    scale: Scale
    contrast: float
    mean: float

    @property
    def labels(self) -> NDArray[np.int64]:
        """Category of each image, an index into `categories`."""
        return self.images.labels

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the categories."""
        return self.images.categories

    def stimuli(self) -> Tensor:
        """Return them, (n, 3, size, size), code values in [0, 1]."""
        grey = torch.from_numpy(load(self.images, range(len(self.images))))
        clean = set_contrast(to_scale(grey, self.scale), self.contrast, self.mean)
        return as_rgb(to_codes(clean, self.scale))


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
        answer = functools.partial(_named, responder, len(categories), config.stimulus.scale)
        return Respondent(answer, settings.n_alternatives)
    training, stimulus = None, config.stimulus
    if isinstance(settings, ReadoutObserver):
        training = LowContrast(training_images(config), stimulus.scale, stimulus.contrast, stimulus.mean)
    return Respondent.of(
        build_namer(
            cast("NetworkObserver", settings),  # people show up in no trial
            name,
            seed=config.seed,
            categories=categories,
            decision=config.decision,
            training=training,
        )
    )


def _named(
    responder: TemplateResponder,
    n_categories: int,
    scale: Scale,
    stimuli: Tensor,
    signals: Tensor,
    labels: NDArray[np.int64],
) -> NDArray[np.int64]:
    """An ideal observer looks at the scale on which noise was added: its theory is that of a sum."""
    seen, known = to_scale(stimuli, scale), to_scale(signals, scale)
    return responder.name(seen, known, labels, n_categories=n_categories)


@functools.lru_cache(maxsize=1)
def _template(settings: TemplateObserver, size: int, seed: int) -> TemplateResponder:
    return TemplateResponder(settings, size, rng=Streams(seed).generator("template"))
