"""From an observer's name to the baseline that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from cogattn.errors import ConfigError
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.baselines.saliency import Saliency
from cogattn.psychophysics.scanpath.baselines.simple import Centre, Density, Histogram, Nearest, Uniform
from cogattn.psychophysics.scanpath.baselines.stepwise import Stepwise
from cogattn.psychophysics.scanpath.baselines.viewers import Viewers

VIEWERS = "viewers"
BASELINES: Mapping[str, type[Stepwise]] = {
    "uniform": Uniform,
    "centre": Centre,
    "density": Density,
    "nearest": Nearest,
    "histogram": Histogram,
    "saliency": Saliency,
    "history": ChoiceModel,
}
"""By `Observer.variant`, beside ``viewers``, whose number is `Observer.copy`."""


def make(observer: Observer) -> Callable[[], Stepwise]:
    """Return what makes a baseline that is not fitted yet; call its `fit` or its `load`.

    Parameters
    ----------
    observer : Observer
        Its variant names the baseline; of ``viewers`` its copy tells how many.

    Raises
    ------
    ConfigError
        If no baseline has that name.
    """
    if observer.variant == VIEWERS:
        return partial(Viewers, observer.copy)
    if observer.variant not in BASELINES:
        known = ", ".join([*BASELINES, VIEWERS])
        raise ConfigError(f"baselines must be of {known}; got {observer.variant} ({observer.id})")
    return BASELINES[observer.variant]
