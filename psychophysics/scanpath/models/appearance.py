"""Appearance of objects as numbers that a model can take: what a frozen network says of them.

The network sees each scene once (`seeing`); what is said of an object is fitted on the layouts of training alone
(`describing`) and can be saved, so that a model that was fitted to one set of scenes is told of another in the same
numbers. Layouts that were passed through a network are kept in the process as long as that network is asked for:
further splits cost no pass.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from torch import Tensor

from cogattn.errors import DataError
from cogattn.observers import alone, build_network
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Layout, PathSet
from cogattn.psychophysics.scanpath.models import describing
from cogattn.psychophysics.scanpath.models.seeing import N_DEPTHS, Seen, see
from cogattn.vision.fovea import Backbone
from cogattn.vision.scenes.reading import digest_of

KEPT_BYTES = 1_000_000_000
"""Features that are kept at most; what has no room is passed through the network again."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """What the objects of some layouts look like.

    Parameters
    ----------
    features : dict of str to Tensor, shape (n_objects, n_features)
        By the layout's name; float32.
    state : dict of str to array
        What was fitted on the layouts of training, for `apply` to others.
    """

    features: dict[str, Tensor]
    state: dict[str, np.ndarray]

    @property
    def n_features(self) -> int:
        """Numbers of each object."""
        return next(iter(self.features.values())).shape[-1]

    @classmethod
    def apply(
        cls, state: Mapping[str, np.ndarray], config: ScanpathConfig, observer: Observer, data: PathSet
    ) -> Appearance:
        """Return the appearance of layouts by what was fitted on others.

        Parameters
        ----------
        state : mapping of str to array
            Of an `Appearance` of the same network.
        config, observer, data
            As in `appearance_of`.

        Raises
        ------
        DataError
            If `state` is of another network, or a scene has no image.
        """
        eye, features = _Eye.of(config, observer), {}
        for layout in data.layouts:
            seen = eye.see(layout)
            if not describing.fits(state, seen):
                raise DataError(
                    f"weights must be of a model that was told by {observer.id}; got another one's"
                )
            features[layout.name] = describing.describe(state, layout, seen, trained=False)
        return cls(features, dict(state))


def appearance_of(
    config: ScanpathConfig, observer: Observer, data: PathSet, train_names: Collection[str]
) -> Appearance:
    """Return what the objects of all layouts look like to an observer's network.

    Parameters
    ----------
    config : ScanpathConfig
        Its ``observer`` and ``seed``.
    observer : Observer
        A network under test, or a control made from one; an untrained copy has a seed of its own.
    data : PathSet
        Layouts.
    train_names : collection of str
        Names of the layouts that are trained on; no other has a part in what is fitted.

    Raises
    ------
    DataError
        If no layout is trained on, or a scene has no image.
    ObserverError
        If the network cannot be built or does not show its features.
    """
    trained = set(train_names)
    training = [layout for layout in data.layouts if layout.name in trained]
    if not training:
        raise DataError("appearance must be fitted on one layout of training at least; got none")
    eye = _Eye.of(config, observer)
    state = describing.fit(training, eye.see)
    features = {
        layout.name: describing.describe(state, layout, eye.see(layout), trained=layout.name in trained)
        for layout in data.layouts
    }
    return Appearance(features, state)


@dataclass(eq=False)
class _Eye:
    """A network that looks at layouts, and remembers."""

    backbone: Backbone
    kept: dict[str, Seen] = field(default_factory=dict)
    n_bytes: int = 0

    @classmethod
    def of(cls, config: ScanpathConfig, observer: Observer) -> _Eye:
        """The eye of an observer; the last one, if it is the same."""
        name, untrained = observer.parent or observer.id, observer.variant == alone.UNTRAINED
        settings = alone.settings_of(config.observer, name, observer.variant)
        contents = alone.network_contents(config.observer, name, observer, seed=config.seed)
        seed = alone.network_seed(config.seed, observer)
        drawn = seed if untrained or not contents else None
        key = settings.model_dump_json(), tuple(sorted(contents.items())), drawn
        if key not in _eyes:
            _eyes.clear()  # before the next is built: there may be room for one
            network = build_network(settings, name, seed=seed, untrained=untrained)
            _eyes[key] = cls(Backbone(network, n_levels=N_DEPTHS))
        return _eyes[key]

    def see(self, layout: Layout) -> Seen:
        """Look, or remember."""
        if layout.scene.picture is None:
            return see(layout, self.backbone)  # which says what is wrong
        key = _digest(layout)
        if key not in self.kept:
            seen = see(layout, self.backbone)
            if self.n_bytes + seen.n_bytes > KEPT_BYTES:
                return seen
            self.kept[key] = seen
            self.n_bytes += seen.n_bytes
        return self.kept[key]


_eyes: dict[Hashable, _Eye] = {}


@lru_cache(maxsize=2048)
def _digest(layout: Layout) -> str:
    return digest_of(layout.scene)
