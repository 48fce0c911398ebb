"""Families of layouts, one after the other: what a scanpath transformer forgets, and what rehearsal keeps.

A phase is a family of layouts: simulated ones differ in how many items there are and in how persons look at them, so
that what one family teaches is wrong for the next; of scenes that are given, those with one target are a family. The
transformer is our own without appearance (`models.network`), tested on layouts of each family that it never saw.

A score is what the network saves over equal chances: log2 of its chance of what followed times the number of choices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import ConfigError
from cogattn.exhibits import Picture
from cogattn.measures import Measure
from cogattn.psychophysics.scanpath.config import (
    NetworkSettings,
    ScanpathConfig,
    ScenesSettings,
    SyntheticSettings,
)
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.reading import data_of, digests_of
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.scenario import Defaults
from cogattn.running.digests import combined
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from cogattn.psychophysics.scanpath.models.batches import PathBatch

SIMULATED = RehearsalConfig().data
"""``data`` as it is left: layouts are simulated."""
FAMILIES: Mapping[str, Mapping[str, float]] = {
    "search": {"category": 2.5, "proximity": 0.3, "direction": 0.0},
    "near": {"n_objects": 32, "proximity": 2.0, "direction": 0.0, "category": 0.0},
    "onward": {"direction": 2.5, "proximity": 0.0, "category": 0.0},
    "large": {"n_objects": 12, "area": 2.0, "proximity": 0.0, "category": 0.0},
    "far": {"proximity": -1.5, "direction": 0.0, "category": 0.0},
    "small": {"n_objects": 32, "area": -2.0, "proximity": 0.0, "category": 0.0},
    "back": {"direction": -2.0, "visited": 1.5, "category": 0.0},
    "dense": {"n_objects": 48, "proximity": 1.0, "visited": -5.0},
}
"""Simulated families: what differs from the study's settings."""
N_LAYOUTS, N_PEOPLE, TESTED = 40, 4, 0.25
"""Layouts of a simulated family, persons before each, and the part of a family's layouts that is tested on."""
NETWORK = NetworkSettings(width=64, heads=4, encoder_layers=1, decoder_layers=2, feedforward=128, dropout=0.0)


@dataclass(frozen=True, eq=False)
class Families:
    """Scanpaths over layouts of several families, as `cogattn.rehearsal.scenario.Scenario` asks.

    Parameters
    ----------
    names : tuple of str
        Of the families, in the order in which they are met.
    data : PathSet
        All layouts and paths.
    train, test : tuple of arrays of int
        Numbers of each family's paths.
    n_test : int
        Test paths of a family, at most.
    """

    names: tuple[str, ...]
    data: PathSet
    train: tuple[NDArray[np.int64], ...]
    test: tuple[NDArray[np.int64], ...]
    n_test: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Paths of each family's training part."""
        return tuple(len(numbers) for numbers in self.train)

    def batch(self, task: NDArray[np.int64], index: NDArray[np.int64]) -> PathBatch:
        """Return these paths as the transformer takes them."""
        return self._collated([self.train[t][i] for t, i in zip(task, index, strict=True)])

    def pictures_of(
        self, task: NDArray[np.int64], index: NDArray[np.int64], place: int
    ) -> tuple[Picture, ...]:
        """Return the layout of one of these paths, with the whole path on it."""
        from cogattn.psychophysics.scanpath.shown import picture_of

        path = self.data.paths[self.train[task[place]][index[place]]]
        return (
            picture_of(
                self.data.layout_of(path), path, f"as it was learnt, family {self.names[task[place]]}"
            ),
        )

    def learner(self, streams: Streams) -> ScanpathLearner:
        """Return an untrained transformer."""
        from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork
        from cogattn.psychophysics.scanpath.models.training import initialised

        network = initialised(lambda: ScanpathNetwork(NETWORK, n_features=None), streams.child("init"))
        return ScanpathLearner(network, self)

    @cached_property
    def held_out(self) -> tuple[tuple[PathBatch, ...], ...]:
        """Batches of each family's test part."""
        return tuple(
            tuple(self._collated(part) for part in np.array_split(numbers, math.ceil(len(numbers) / 64)))
            for numbers in (numbers[: self.n_test] for numbers in self.test)
        )

    def _collated(self, numbers: Sequence[int] | NDArray[np.int64]) -> PathBatch:
        from cogattn.psychophysics.scanpath.models.collating import collate

        return collate(self.data, [self.data.paths[number] for number in numbers])


@dataclass(frozen=True, eq=False)
class ScanpathLearner:
    """The transformer and what it is tested on."""

    model: nn.Module
    families: Families

    def loss(self, batch: PathBatch) -> tuple[Tensor, Tensor]:
        """Return the mean -ln of the chances of what followed, and what each path saves over equal chances, in bits."""
        nats, saved, asked = _per_path(self.model, batch)
        return nats.sum() / asked.sum(), (saved / asked).detach()

    def score(self, task: int) -> tuple[float, int]:
        """Return the bits saved a fixation on a family's test part, and how many fixations and ends these are."""
        found = [_per_path(self.model, batch)[1:] for batch in self.families.held_out[task]]
        n = sum(int(asked.sum()) for _, asked in found)
        return sum(float(saved.sum()) for saved, _ in found) / n, n


def _per_path(network: nn.Module, batch: PathBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Of each path: summed -ln of the chances of what followed, bits saved over equal chances, how many are asked."""
    from torch.nn.functional import cross_entropy

    from cogattn.attention.choosing import IGNORED, following
    from cogattn.psychophysics.scanpath.models.loss import outputs

    scores, _ = outputs(network, batch)  # (paths, fixations + 1, objects + 1)
    followed = following(batch.objects, batch.layouts.present.shape[1], batch.n_given)
    nats = cross_entropy(scores.transpose(1, 2), followed, ignore_index=IGNORED, reduction="none").sum(1)
    asked = (followed != IGNORED).sum(1)
    choices = batch.layouts.present.sum(1)[batch.of] + 1
    equal = choices.log() * (asked - 1) + (choices - 1).log()  # the first that is asked cannot be the end
    return nats, (equal - nats.detach()) / math.log(2), asked


class FamilyKind:
    """Scanpaths over families of layouts (``cogattn rehearsal --scenario scanpaths``)."""

    name = "scanpaths"
    about = "scanpaths over objects, a family of layouts a phase"
    score = Measure("gain", "bits", "bits a fixation over equal chances")

    def defaults(self, config: RehearsalConfig) -> Defaults:
        """Return all families that are simulated, each path once or twice."""
        return Defaults(n_tasks=5, n_new=480, batch=16, learning_rate=2e-3)

    def check(self, config: RehearsalConfig) -> None:
        """Refuse more families than there are, and scenes without targets."""
        most = len(self._families(config))
        for n_tasks in config.n_tasks or (self.defaults(config).n_tasks,):
            if n_tasks > most:
                raise ConfigError(
                    f"n_tasks must be at most the families of layouts, {most}; got {n_tasks} "
                    "(scenes with one target are a family)"
                )

    def contents(self, config: RehearsalConfig) -> Mapping[str, str]:
        """Return one digest of the scenes that are given."""
        return {} if config.data == SIMULATED else {"scenes": combined(digests_of(_given(config)))}

    def relevant(self, config: RehearsalConfig) -> Mapping[str, object]:
        """Return where the scenes come from."""
        return {"data": config.data}

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> Families:
        """Return `n_tasks` families, in an order of the seed's own."""
        tasks = streams.child("tasks")
        names = self._families(config)
        chosen = [names[i] for i in tasks.generator("order").permutation(len(names))[:n_tasks]]
        if config.data == SIMULATED:
            data, parts = _simulated(chosen, tasks)
        else:
            data = data_of(_given(config))
            parts = [
                [i for i, path in enumerate(data.paths) if data.layout_of(path).target_name == name]
                for name in chosen
            ]
        split = [
            _held_out(data, part, tasks.child("held out", name))
            for name, part in zip(chosen, parts, strict=True)
        ]
        train, test = zip(*split, strict=True)
        return Families(tuple(chosen), data, train, test, config.n_test)

    def _families(self, config: RehearsalConfig) -> tuple[str, ...]:
        if config.data == SIMULATED:
            return tuple(FAMILIES)
        found = sorted({layout.target_name for layout in data_of(_given(config)).layouts} - {""})
        if len(found) < 2:
            raise ConfigError(
                f"data must be scenes with two targets or more, each a family; got {len(found)} ({config.data})"
            )
        return tuple(found)


def _given(config: RehearsalConfig) -> ScanpathConfig:
    return ScanpathConfig(scenes=ScenesSettings(path=Path(config.data)), appearance="none")


def _simulated(names: Sequence[str], streams: Streams) -> tuple[PathSet, list[list[int]]]:
    """All families as one set, and the numbers of each one's paths."""
    layouts, paths, parts = [], [], []
    for name in names:
        seed = int(streams.generator("family", name).integers(2**32))
        settings = SyntheticSettings.model_validate(
            {"n_layouts": N_LAYOUTS, "n_people": N_PEOPLE, **FAMILIES[name]}
        )
        own = data_of(ScanpathConfig(seed=seed, synthetic=settings, appearance="none"))
        parts.append(list(range(len(paths), len(paths) + len(own.paths))))
        paths += [_moved(path, len(layouts)) for path in own.paths]
        layouts += own.layouts
    return PathSet(tuple(layouts), tuple(paths)), parts


def _moved(path: ObjectPath, by: int) -> ObjectPath:
    return replace(path, layout=path.layout + by)


def _held_out(
    data: PathSet, part: Sequence[int], streams: Streams
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training and test paths of a family, which share no group of layouts; both in random order."""
    groups = sorted({data.layout_of(data.paths[number]).group for number in part})
    n_test = min(max(1, round(TESTED * len(groups))), len(groups) - 1)
    if n_test < 1:
        raise ConfigError(f"data must have two layouts of each family or more; got one of {groups[0]}")
    tested = {groups[i] for i in streams.generator("groups").permutation(len(groups))[:n_test]}
    shuffled = streams.generator("paths").permutation(np.array(part, dtype=np.int64))
    test = np.array([data.layout_of(data.paths[number]).group in tested for number in shuffled])
    return shuffled[~test], shuffled[test]


SCANPATHS = FamilyKind()
"""The kind, as the entry point names it."""
