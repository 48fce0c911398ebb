"""From a cell to what predicts in it: fitted on the cell's split, or read from the run that fitted it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from cogattn.observers import alone
from cogattn.observers.tensors import load_strictly
from cogattn.psychophysics.scanpath import baselines, leaks, plan
from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.columns import TRAINING
from cogattn.psychophysics.scanpath.config import ScanpathConfig, TrainingSettings
from cogattn.psychophysics.scanpath.fitted import ARTEFACT, Fitted, Sight, described, pack, read_file
from cogattn.psychophysics.scanpath.layouts.grids import grid_of
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.models import saving, training
from cogattn.psychophysics.scanpath.models.appearance import Appearance, appearance_of
from cogattn.psychophysics.scanpath.models.collating import Told
from cogattn.psychophysics.scanpath.models.crops import Crops
from cogattn.psychophysics.scanpath.models.members import Members
from cogattn.psychophysics.scanpath.models.pooled import Pooled
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor
from cogattn.psychophysics.scanpath.models.saving import About
from cogattn.psychophysics.scanpath.plan import ScanpathCell
from cogattn.psychophysics.scanpath.predicting import Predictor
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.pages import named, part
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = TrainingSettings(learning_rate=1e-4, batch=20, clip=1.0, weight_decay=0.0, averaging=0.0)
"""Steps of the published training; when it ends is the run's to say."""
POOL, MEMBERS = "pool", "members"
"""What a model's file calls those of its arrays that are neither of the first network nor of appearance."""


@dataclass(frozen=True)
class Ready:
    """Something that predicts.

    Parameters
    ----------
    predictor : Predictor
        Who.
    longest : int
        Fixations of the longest scanpath that it was fitted on: it draws no longer ones.
    tables, artefacts
        What its fitting leaves, as in `cogattn.study.Outcome`.
    """

    predictor: Predictor
    longest: int
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    artefacts: Mapping[str, bytes] = field(default_factory=dict)


def ready(
    config: ScanpathConfig,
    cell: ScanpathCell,
    data: PathSet,
    split: Split,
    rng: Streams,
    checkpoint: Checkpoint,
) -> Ready:
    """Return the predictor of a cell.

    Raises
    ------
    ConfigError, DataError, ObserverError
        If it cannot be fitted or read, or needs images that are not there.
    """
    who, longest = cell.who, longest_of(data, split)
    if who.variant == plan.OUTSIDE:
        from cogattn.psychophysics.scanpath.baselines import outside

        return Ready(outside.read(config.predictors[0], data, config.objects), longest)
    if config.weights is not None:
        kept = read_file(config.weights)
        return Ready(read(kept, data), kept.longest)
    if plan.is_ours(who) or plan.is_published(who):
        return _trained(config, cell, data, split, rng, checkpoint)
    fitted = baselines.make(who)().fit(data, split, config)
    about = described(who, cell.split, longest=longest)
    return Ready(fitted, longest, {}, {ARTEFACT: pack(fitted.state(), about, trained_on=_known(data, split))})


def longest_of(data: PathSet, split: Split) -> int:
    """Return the fixations of the longest scanpath of training; of all where nothing is trained on."""
    numbers = split.train if len(split.train) else range(len(data.paths))
    return max(len(data.paths[number]) for number in numbers)


def _known(data: PathSet, split: Split) -> dict[str, str]:
    """Marks of the layouts of training and validation."""
    names = {data.layout_of(data.paths[number]).name for number in (*split.train, *split.validation)}
    return {name: mark for name, mark in leaks.marks(data).items() if name in names}


# ---- fitted here


def _trained(
    config: ScanpathConfig,
    cell: ScanpathCell,
    data: PathSet,
    split: Split,
    rng: Streams,
    checkpoint: Checkpoint,
) -> Ready:
    """A network, its training log and its file."""
    who, longest = cell.who, longest_of(data, split)
    appearance, sight = _appearance(config, cell, data, split)
    told = _told(config, cell, data, appearance)
    about = About(
        model="published" if plan.is_published(who) else "ours",
        network=config.network,
        n_features=told.n_features,
        grid=grid_of(data.layouts) if plan.is_published(who) else None,
        crops=told.crops is not None,
        observer=sight.name if sight else "",
        target_known=told.target_known,
        scale="nominal" if any(one.scene.pixels_per_degree is None for one in data.layouts) else "known",
        trained_on=_known(data, split),
        fitted=described(who, cell.split, longest=longest, sight=sight),
    )
    networks, logs = [], []
    for number in range(1 if plan.is_published(who) else config.training.members):
        own = rng if number == 0 else rng.child("member", number)
        network = training.initialised(lambda: saving.build(about), own.child("initial"))
        kept = checkpoint.part(str(number))
        logs.append(_fit(network, config, cell, data, split, told, own.child("training"), kept))
        networks.append(NetworkPredictor(network, told))
    arrays = {} if appearance is None else _tensors(appearance.state)
    for number, one in enumerate(networks[1:], start=1):
        arrays |= named(f"{MEMBERS}/{number}", one.network.state_dict())
    predictor = networks[0] if plan.is_published(who) else _together(networks, config, data, split)
    if isinstance(predictor, Pooled):
        arrays |= named(POOL, _tensors(predictor.state()))
    rows = {TRAINING: logs[0].rows(cell.observer, cell.split)}
    return Ready(predictor, longest, rows, {ARTEFACT: saving.save(networks[0], about, arrays)})


def _together(
    networks: list[NetworkPredictor], config: ScanpathConfig, data: PathSet, split: Split
) -> Members | Pooled:
    """Our networks as one, pooled with the choice model unless that is left out."""
    members = Members(tuple(networks))
    if "choice" in config.network.without:
        return members
    return Pooled.fit(members, _choice_model(config, data, split), data, split)


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


_choice_models: WeakKeyDictionary[PathSet, dict[bytes, ChoiceModel]] = WeakKeyDictionary()


def _choice_model(config: ScanpathConfig, data: PathSet, split: Split) -> ChoiceModel:
    """The model of the cell ``history``, fitted once in a process however many networks are pooled with it."""
    known = _choice_models.setdefault(data, {})
    parts = (np.asarray(part).tobytes() for part in (split.train, split.validation))
    key = b"|".join([str(config.seed).encode(), *parts])
    if key not in known:
        known[key] = ChoiceModel().fit(data, split, config)
    return known[key]


def _appearance(
    config: ScanpathConfig, cell: ScanpathCell, data: PathSet, split: Split
) -> tuple[Appearance | None, Sight | None]:
    """What objects look like to the cell's network, and which network that is."""
    name = plan.network_of(config, cell.who)
    if not name:
        return None, None
    names = {data.layout_of(data.paths[number]).name for number in split.train}
    contents = alone.network_contents(config.observer, name, cell.who, seed=config.seed)
    settings = alone.settings_of(config.observer, name, cell.variant)
    return appearance_of(config, cell.who, data, names), Sight(settings, name, config.seed, contents)


def _told(config: ScanpathConfig, cell: ScanpathCell, data: PathSet, appearance: Appearance | None) -> Told:
    crops = config.appearance == "network" and plan.is_published(cell.who)
    return Told(
        features=None if appearance is None else appearance.features,
        crops=Crops(data.layouts) if crops else None,
        target_known=config.objects.target_position == "given",
    )


def _fit(
    network: nn.Module,
    config: ScanpathConfig,
    cell: ScanpathCell,
    data: PathSet,
    split: Split,
    told: Told,
    rng: Streams,
    checkpoint: Checkpoint,
) -> training.TrainingLog:
    return training.fit(
        network,
        data,
        split,
        told.features,
        published_steps(config.training) if plan.is_published(cell.who) else config.training,
        rng,
        checkpoint,
        crops=told.crops,
        target_known=told.target_known,
    )


def published_steps(settings: TrainingSettings) -> TrainingSettings:
    """Return how the published model is trained: as published in all that a run leaves at its defaults, but the end."""
    plain = TrainingSettings()
    names = PUBLISHED.model_fields_set
    as_published = {
        name: getattr(PUBLISHED, name) for name in names if getattr(settings, name) == getattr(plain, name)
    }
    return settings.model_copy(update=as_published)


# ---- read from the run that fitted it


def read(kept: Fitted, data: PathSet) -> Predictor:
    """Return a model of another run, told of these layouts.

    Raises
    ------
    DataError, ObserverError
        If its file is damaged, or a scene has no image and the model needs one.
    """
    if not kept.is_network:
        return baselines.make(kept.observer)().load(kept.arrays())
    saved = saving.read(kept.data, source=kept.where)
    features, crops = None, None
    if kept.sight is not None:
        state = {
            name: tensor.numpy()
            for name, tensor in saved.arrays.items()
            if name.partition("/")[0] not in (POOL, MEMBERS)
        }
        seeing = ScanpathConfig(seed=kept.sight.seed, observer=kept.sight.settings)
        features = Appearance.apply(state, seeing, kept.observer, data).features
    if saved.about.crops:
        crops = Crops(data.layouts)
    told = Told(features, crops, saved.about.target_known)
    first = saving.load(kept.data, source=kept.where).telling(told)
    if saved.about.model == "published":
        return first
    members = Members((first, *_further(saved, first, source=kept.where)))
    pool = {name: tensor.numpy() for name, tensor in part(saved.arrays, POOL).items()}
    return Pooled.load(members, pool) if pool else members


def _further(saved: saving.Saved, first: NetworkPredictor, *, source: str) -> Iterator[NetworkPredictor]:
    """The networks of a file after the first one."""
    weights = part(saved.arrays, MEMBERS)
    for number in sorted({int(name.partition("/")[0]) for name in weights}):
        network = deepcopy(first.network)
        load_strictly(network, part(weights, str(number)), source=source)
        yield NetworkPredictor(network, first.told)
