"""Diets of images, one after the other: what a network that is raised on them forgets, and what rehearsal keeps.

A phase is a diet of `cogattn.psychophysics.search.diet`; all show the same pictures: drawn objects of sixteen
categories (``cogattn masking``'s without photographs), or a folder or manifest of images by category. The network names
the category. A score is the share of pictures, none of which was trained on, that it names right on a diet.

Pictures are grey and keep a part of their contrast between a fifth and all of it, another each time, so that what was
raised sees masking's low contrast as well as search displays. Networks of timm get a head with an output for each
category and learn from images of 64 pixels (`raised`); your own must have these outputs already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from cogattn.errors import ConfigError
from cogattn.exhibits import Picture
from cogattn.observers.config import TimmObserver
from cogattn.observers.roster import observer_names
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.measures import ACCURACY
from cogattn.rehearsal.scenario import Defaults, Effort
from cogattn.running.digests import combined
from cogattn.seeds import Streams
from cogattn.vision.images.config import FolderImages, ManifestImages, ProceduralImages
from cogattn.vision.images.listing import ImageList, list_images

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from cogattn.observers.network import Network

    Index = NDArray[np.int64]
    Images = ProceduralImages | FolderImages | ManifestImages

DRAWN = RehearsalConfig().data
"""``data`` as it is left: pictures are drawn."""
PIXELS = 64
"""Side of the pictures."""
N_TRAIN, N_TEST = 150, 320
"""Drawn pictures of each category to learn from, and of all to test on, at most."""
LEARNT = 0.75
"""Part of the smallest category of a folder that every category gives to learn from; the others are tested."""
CONTRASTS = (0.2, 1.0)
"""Lowest and highest part of its contrast that a picture keeps."""
CHUNK = 64
"""Test pictures at a time."""


class Shown(NamedTuple):
    """A batch: grey images (n, 1, side, side) in [0, 1], and categories (n,), int64."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures by category, in memory.

    Parameters
    ----------
    train, test : Shown
        As they are: on no diet, at full contrast.
    categories : tuple of str
        Names.
    """

    train: Shown
    test: Shown
    categories: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Diets:
    """Diets as tasks, as `cogattn.rehearsal.scenario.Scenario` asks.

    Parameters
    ----------
    names : tuple of str
        Of the diets, in the order in which they are met.
    pictures : Pictures
        Shared by all.
    config : RehearsalConfig
        Whose observer is raised.
    streams : Streams
        Of contrasts and of a diet's chances. What a picture of a batch meets follows from the batch, so that a training
        that goes on where it was sees what it would have seen.
    """

    names: tuple[str, ...]
    pictures: Pictures
    config: RehearsalConfig
    streams: Streams

    @property
    def sizes(self) -> tuple[int, ...]:
        """Training pictures of each diet."""
        return (len(self.pictures.train.labels),) * len(self.names)

    def batch(self, task: Index, index: Index) -> Shown:
        """Return these pictures, each on its diet."""
        import torch

        rows = torch.from_numpy(index)
        images, labels = (part[rows] for part in self.pictures.train)
        images = images.clone()
        for t in np.unique(task):
            own = torch.from_numpy(task == t)
            chance = _chance(self.streams, self.names[t], *index[task == t].tolist())
            images[own] = _on(self.names[t], images[own], chance)
        return Shown(images, labels)

    def pictures_of(self, task: Index, index: Index, place: int) -> tuple[Picture, ...]:
        """Return a picture of a batch on its diet, and as it is."""
        met, own = self.batch(task, index), self.pictures.train.images[index[place], 0].numpy()
        category = self.pictures.categories[int(met.labels[place])]
        about = f"as it was learnt: {category}, {self.names[task[place]]}, at a contrast of its own"
        return Picture(met.images[place, 0].numpy(), about), Picture(own, f"on no diet: {category}")

    def held_out(self, task: int) -> Shown:
        """Return the test pictures on a diet: the same lines and contrasts for everybody."""
        images, labels = self.pictures.test
        name = self.names[task]
        return Shown(_on(name, images, _chance(Streams(self.streams.seed), "tested", name)), labels)

    def learner(self, streams: Streams) -> DietLearner:
        """Return an untrained network, or one as its weights have it."""
        return DietLearner(_newborn(self.config, len(self.pictures.categories), streams), self)


class DietLearner:
    """A network that is raised.

    Parameters
    ----------
    network : Network
        What it is, and how images are made to its measure.
    diets : Diets
        What it is tested on.
    """

    def __init__(self, network: Network, diets: Diets) -> None:
        self.network, self.diets = network, diets
        self.model: nn.Module = network.module.requires_grad_(True)
        self._tested: dict[int, Shown] = {}

    def outputs(self, batch: Shown) -> Tensor:
        """Return logits, shape (n_items, n_categories)."""
        import torch

        network = self.network
        images = network.preprocess(batch.images.to(network.device).expand(-1, 3, -1, -1))
        return torch.as_tensor(self.model(images.contiguous(memory_format=network.memory_format)))

    def loss(self, batch: Shown) -> tuple[Tensor, Tensor]:
        """Return the mean cross entropy, and whether each picture was named right."""
        from torch.nn.functional import cross_entropy

        logits, labels = self.outputs(batch), batch.labels.to(self.network.device)
        return cross_entropy(logits, labels), (logits.detach().argmax(dim=1) == labels).float()

    def score(self, task: int) -> tuple[float, int]:
        """Return the share of the test pictures that are named right on a diet, and how many there are."""
        if task not in self._tested:
            self._tested[task] = self.diets.held_out(task)
        tested = self._tested[task]
        parts = zip(tested.images.split(CHUNK), tested.labels.split(CHUNK), strict=True)
        right = sum(int((self.outputs(Shown(*p)).argmax(dim=1).cpu() == p[1]).sum()) for p in parts)
        return right / len(tested.labels), len(tested.labels)


class DietKind:
    """A network that is raised on diet after diet (``cogattn rehearsal --diet plain rotated``)."""

    name = "diets"
    about = "sixteen categories of pictures, altered otherwise in every phase"
    score = ACCURACY

    def defaults(self, config: RehearsalConfig) -> Defaults:
        """Return a phase for each diet."""
        return Defaults(n_tasks=len(_diets(config)), n_new=12_800, batch=16, learning_rate=2e-3)

    def check(self, config: RehearsalConfig) -> None:
        """Refuse diets and networks that are unknown, and images that cannot be used."""
        from cogattn.observers.check import check as check_observer
        from cogattn.psychophysics.search.diet import DIETS

        names = _diets(config)
        unknown = [name for name in names if name not in DIETS]
        if unknown:
            raise ConfigError(f"diet must be among {', '.join(DIETS)}; got {unknown[0]}")
        if len(set(names)) < len(names):
            raise ConfigError(f"diet must name each once; got {', '.join(names)}")
        if max(config.n_tasks, default=0) > len(names):
            raise ConfigError(f"n_tasks must be at most the diets, {len(names)}; got {max(config.n_tasks)}")
        observers = observer_names(config.observer)
        if len(observers) > 1:
            raise ConfigError(f"observer must be one network; got {', '.join(observers)}")
        check_observer(config.observer, seed=config.seed)
        _listed.cache_clear()
        _newborn(config, len(_listed(_images(config), config.seed)[0].categories), Streams(config.seed))

    def contents(self, config: RehearsalConfig) -> Mapping[str, str]:
        """Return the digests of the pictures, and of the network that is raised where it has a past."""
        from cogattn.observers.content import content_of

        train, test = (part.content() for part in _listed(_images(config), config.seed))
        name = observer_names(config.observer)[0]
        observer = content_of(config.observer, name, seed=config.seed)
        return {"pictures": combined({"train": train, "test": test}), **observer}

    def relevant(self, config: RehearsalConfig) -> Mapping[str, object]:
        """Return where the pictures come from, the diets, and what is raised."""
        return {"data": config.data, "diet": _diets(config), "observer": config.observer}

    def effort(self, config: RehearsalConfig) -> Effort | None:
        """Return what the network takes; None where it is none of timm's."""
        from cogattn.psychophysics.search import raising

        return raising.effort(config, most_tested=N_TEST)

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> Diets:
        """Return the first `n_tasks` diets, in the order of the settings."""
        pictures = _pictures(_images(config), config.seed, config.n_test)
        return Diets(_diets(config)[:n_tasks], pictures, config, streams.child("tasks"))


def _diets(config: RehearsalConfig) -> tuple[str, ...]:
    """All, where none is given."""
    if config.diet:
        return config.diet
    from cogattn.psychophysics.search.diet import DIETS

    return tuple(DIETS)


def _images(config: RehearsalConfig) -> Images:
    if config.data == DRAWN:
        return ProceduralImages(n_images=N_TEST, size=PIXELS)
    path = Path(config.data)
    return ManifestImages(path=path, size=PIXELS) if path.is_file() else FolderImages(path=path, size=PIXELS)


@lru_cache(maxsize=4)
def _listed(images: Images, seed: int) -> tuple[ImageList, ImageList]:
    """Pictures to learn from and to test on."""
    every = list_images(images, seed=seed)
    if isinstance(images, ProceduralImages):
        return every.split(N_TRAIN)
    return every.split(int(LEARNT * np.bincount(every.labels).min()))


@lru_cache(maxsize=2)
def _pictures(images: Images, seed: int, n_test: int) -> Pictures:
    """Load them, at most `n_test` to test on, evenly out of the list; kept from one rule's cell to the next."""
    train, test = _listed(images, seed)
    n = min(n_test, N_TEST, len(test))
    shown = np.linspace(0, len(test) - 1, n).round().astype(np.int64)
    return Pictures(_loaded(train, np.arange(len(train))), _loaded(test, shown), train.categories)


def _loaded(pictures: ImageList, which: Index) -> Shown:
    import torch

    images = np.stack([pictures.load(int(i)) for i in which])[:, None]  # (n, 1, side, side)
    return Shown(torch.from_numpy(images), torch.from_numpy(pictures.labels[which]))


def _on(diet: str, images: Tensor, chance: torch.Generator) -> Tensor:
    """Images on a diet, each at a contrast of its own."""
    import torch

    from cogattn.psychophysics.search.diet import DIETS

    low, high = CONTRASTS
    contrast = low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=chance)
    altered = DIETS[diet](images, chance)
    mean = altered.mean(dim=(2, 3), keepdim=True)
    return mean + contrast * (altered - mean)


def _chance(streams: Streams, *names: str | int) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(int(streams.generator("shown", *names).integers(2**63)))


def _newborn(config: RehearsalConfig, n_categories: int, streams: Streams) -> Network:
    """The network before the first phase; raises ConfigError where its outputs are not the categories."""
    import copy

    from cogattn.observers.build import build_network
    from cogattn.observers.factory import probe
    from cogattn.observers.network import Network

    name, seed = observer_names(config.observer)[0], int(streams.generator("network").integers(2**31))
    if isinstance(config.observer, TimmObserver):
        return _headed(config.observer, name, n_categories, seed)
    given = build_network(config.observer, name, seed=seed)
    if given.n_classes != n_categories:
        raise ConfigError(
            f"observer must answer with the {n_categories} categories of the pictures; got {given.n_classes} classes"
        )
    own = copy.deepcopy(given.module)
    network = Network(
        own,
        name=name,
        n_classes=n_categories,
        input_size=given.input_size,
        mean=given.mean,
        std=given.std,
        interpolation=given.interpolation,
    )
    probe(network, setting="observer")
    return network


def _headed(observer: TimmObserver, name: str, n_categories: int, seed: int) -> Network:
    """A network of timm with a head of its own making."""
    from cogattn.observers import weights
    from cogattn.observers.factory import seeded
    from cogattn.observers.network import Network
    from cogattn.psychophysics.search.raised import Raised, side_of

    module = weights.create(name, weights=observer.weights, seed=seed)
    with seeded(seed, "head"):
        cast(Any, module).reset_classifier(n_categories)
    return Network(Raised(module), name=name, n_classes=n_categories, input_size=side_of(module))


RAISED = DietKind()
"""The kind, as the entry point names it."""
