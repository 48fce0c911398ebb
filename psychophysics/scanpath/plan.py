"""Who predicts whose scanpaths: the observers and cells of a run, and what can reach the trials of one cell.

A cell is one observer, fitted on one split and tested on its test part. Where weights of another run are given nothing
is fitted: each model of that run is tested on all scanpaths of these data, once for each split that it was fitted on.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cogattn.observers import alone, roster
from cogattn.observers.config import TimmObserver
from cogattn.observers.observer import Observer, Role
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS
from cogattn.psychophysics.scanpath.config import (
    Model,
    NetworkSettings,
    Part,
    ScanpathConfig,
    SplitSettings,
    SyntheticSettings,
    TrainingSettings,
)
from cogattn.psychophysics.scanpath.fitted import Fitted, fitted_in
from cogattn.running.digests import combined, file_digest
from cogattn.study import Cell

if TYPE_CHECKING:
    from cogattn.psychophysics.scanpath.layouts.items import PathSet
    from cogattn.psychophysics.scanpath.splitting import Split

OURS, PUBLISHED, NO_CONTENT = "object transformer", "OAT as published", "no content"
"""Ids: our transformer where nothing says what objects look like, the published one, and ours without content where
something could."""
PEOPLE, VIEWERS, OUTSIDE = "people", "viewers", "outside"
"""Variants: persons against each other, other viewers' fixations, predictions from elsewhere."""
WITHOUT = "without "
"""Begins the variants of our transformer that lack a part."""


@dataclass(frozen=True, kw_only=True)
class ScanpathCell(Cell):
    """One observer, fitted on one split and tested.

    Parameters
    ----------
    role, parent, variant, copy
        Of the observer, as `Observer` has them; of other viewers ``copy`` is how many they are.
    split : int
        Number of the split.
    """

    role: Role
    parent: str
    variant: str
    copy: int
    split: int

    @property
    def who(self) -> Observer:
        """The observer."""
        return Observer(
            self.observer, role=self.role, parent=self.parent, variant=self.variant, copy=self.copy
        )


def observers_of(config: ScanpathConfig) -> tuple[Observer, ...]:
    """Return the models, their controls, the baselines, other viewers, predictions from elsewhere, and people."""
    outside = [Observer(_name_of(path), variant=OUTSIDE) for path in config.predictors]
    people = Observer(PEOPLE, role="person", variant=PEOPLE)
    if config.weights is not None:
        return (*_usable(config), *outside, people)
    models = [network for model in config.models for network in _networks(config, model)]
    return (*models, *_controls(config, models), *_baselines(config), *_viewers(config), *outside, people)


def _name_of(predictions: Path) -> str:
    return predictions.stem or predictions.name


def _predictions(config: ScanpathConfig, observer: Observer) -> Path:
    """The file or folder of an observer from elsewhere."""
    return next(path for path in config.predictors if _name_of(path) == observer.id)


def _networks(config: ScanpathConfig, model: Model) -> list[Observer]:
    if model == "published":
        return [Observer(PUBLISHED, variant="published")]
    return list(roster.observers_of(config.observer)) if sees(config) else [Observer(OURS)]


def _controls(config: ScanpathConfig, models: Sequence[Observer]) -> Iterator[Observer]:
    ours = [network for network in models if not network.variant]
    if "no_content" in config.controls and sees(config):
        if ours:
            yield Observer(NO_CONTENT, role="control", variant=NO_CONTENT)
        if "published" in config.models:
            yield Observer(PUBLISHED, variant="published").control(NO_CONTENT)
    if "random_weights" in config.controls and sees(config):
        yield from (
            network.control(alone.UNTRAINED, copy=k) for network in ours for k in range(config.n_random)
        )
    yield from (network.control(f"{WITHOUT}{part}") for network in ours for part in config.network.ablate)


def _baselines(config: ScanpathConfig) -> list[Observer]:
    names = [name for name in config.baselines if name != "saliency" or has_images(config)]
    return [Observer(name, role="control", variant=name) for name in names]


def _viewers(config: ScanpathConfig) -> list[Observer]:
    return [viewers_of(n) for n in config.viewers if n <= n_others(config)]


def viewers_of(n: int) -> Observer:
    """Return the observer that is told what `n` other people looked at."""
    return Observer(f"{n} viewer{'s' if n > 1 else ''}", role="control", variant=VIEWERS, copy=n)


def _usable(config: ScanpathConfig) -> list[Observer]:
    """Models of another run that these data have all for: images, and as many other people."""
    found = dict.fromkeys(fitted.observer for fitted in fitted_of(config))
    return [
        one
        for one in found
        if not (one.variant == "saliency" and not has_images(config))
        and not (one.variant == VIEWERS and one.copy > n_others(config))
    ]


def left_out(config: ScanpathConfig) -> tuple[str, ...]:
    """Return who was asked for and cannot take part, a sentence each; of numbers of viewers, where they were chosen."""
    if config.weights is not None:
        asked = [fitted.observer.id for fitted in fitted_of(config)]
    else:
        chosen = config.viewers != ScanpathConfig().viewers
        asked = [*config.baselines, *(viewers_of(n).id for n in config.viewers if chosen)]
    here = {observer.id for observer in observers_of(config)}
    missing = list(dict.fromkeys(name for name in asked if name not in here))
    said = ["saliency is left out: not every scene has an image"] if "saliency" in missing else []
    if several := [name for name in missing if name != "saliency"]:
        n = n_others(config)
        said.append(f"left out: {', '.join(several)}; a scene of the test was seen by {n} other people only")
    return tuple(said)


def fitted_of(config: ScanpathConfig) -> tuple[Fitted, ...]:
    """Return the models of another run that are tested here; none where models are fitted."""
    return () if config.weights is None else fitted_in(config.weights)


def data_of(config: ScanpathConfig) -> PathSet:
    """Return layouts and scanpaths; raise as the reader does."""
    from cogattn.psychophysics.scanpath.layouts.reading import data_of

    return data_of(config)


def split_of(config: ScanpathConfig, number: int) -> Split:
    """Return a split of the data; all is test where models come from another run."""
    import numpy as np

    from cogattn.psychophysics.scanpath import splitting

    data = data_of(config)
    if config.weights is not None:
        none = np.zeros(0, dtype=np.int64)
        return splitting.Split(none, none, np.arange(len(data.paths)))
    return splitting.split_of(data, config.split, config.seed, number)


def has_images(config: ScanpathConfig) -> bool:
    """Whether every scene has an image."""
    return all(layout.scene.picture is not None for layout in data_of(config).layouts)


def sees(config: ScanpathConfig) -> bool:
    """Whether models are told what objects look like."""
    return config.appearance == "network" or (config.appearance == "auto" and has_images(config))


def splits_of(config: ScanpathConfig) -> tuple[int, ...]:
    """Return the numbers of the run's splits, or of those that the models of another run were fitted on."""
    if config.weights is None:
        return tuple(range(config.split.n_splits))
    return tuple(sorted({fitted.split for fitted in fitted_of(config)}))


def n_others(config: ScanpathConfig) -> int:
    """Return how many other people at least looked at a scene that a test path is of."""
    data = data_of(config)
    tested = {int(path) for number in splits_of(config) for path in split_of(config, number).test}
    people: dict[int, set[str]] = {}
    for path in data.paths:
        people.setdefault(path.layout, set()).add(path.person)
    return min((len(people[data.paths[path].layout]) - 1 for path in tested), default=0)


def cells_of(config: ScanpathConfig) -> list[ScanpathCell]:
    """Return the plan: observer by observer, split by split."""
    if config.weights is None:
        return [_cell(one, split) for one in observers_of(config) for split in splits_of(config)]
    fitted = {(one.observer.id, one.split) for one in fitted_of(config)}
    return [
        _cell(one, split)
        for one in observers_of(config)
        for split in splits_of(config)
        if one.variant in (OUTSIDE, PEOPLE) or (one.id, split) in fitted
    ]


def _cell(observer: Observer, split: int) -> ScanpathCell:
    return ScanpathCell(
        label=f"{observer.name}, split {split}",
        task=PATHS if observer.variant == PEOPLE else FIXATIONS,
        observer=observer.id,
        role=observer.role,
        parent=observer.parent,
        variant=observer.variant,
        copy=observer.copy,
        split=split,
    )


def network_of(config: ScanpathConfig, observer: Observer) -> str:
    """Return the name of the network that tells an observer what objects look like; empty where none does."""
    if not sees(config) or not is_ours(observer) or observer.variant == NO_CONTENT:
        return ""
    return observer.parent or observer.id


def is_ours(observer: Observer) -> bool:
    """Whether an observer is our transformer, or a control made of it."""
    if observer.variant == NO_CONTENT:
        return not observer.parent
    return observer.variant in ("", alone.UNTRAINED) or observer.variant.startswith(WITHOUT)


def is_published(observer: Observer) -> bool:
    """Whether an observer is the published transformer, or that without content."""
    return PUBLISHED in (observer.id, observer.parent)


def relevant(config: ScanpathConfig, cell: ScanpathCell) -> ScanpathConfig:
    """Return the settings that can change a cell's trials, all others at their defaults.

    What other observers there are, and how many splits and resamples, changes none. Leaks are refused before the first
    cell, or never.
    """
    who, fitting = cell.who, config.weights is None
    network = network_of(config, who) if fitting else ""
    trained = fitting and (is_ours(who) or is_published(who))
    looks = bool(network) or (is_published(who) and who.variant != NO_CONTENT and sees(config))
    return ScanpathConfig(
        seed=config.seed,
        scenes=config.scenes,
        synthetic=config.synthetic if config.scenes.path is None else SyntheticSettings(),
        objects=config.objects,
        split=_split(config.split) if fitting else SplitSettings(leaks="show"),
        weights=_weights(config, cell),
        appearance="network" if fitting and looks else "none",
        observer=alone.settings_of(config.observer, network, who.variant) if network else TimmObserver(),
        network=_network(config.network, who) if fitting and is_ours(who) else NetworkSettings(),
        training=config.training if trained else TrainingSettings(),
        predictors=(_predictions(config, who),) if who.variant == OUTSIDE else (),
        n_samples=ScanpathConfig().n_samples if who.variant == PEOPLE else config.n_samples,
    )


def _weights(config: ScanpathConfig, cell: ScanpathCell) -> Path | None:
    """The file of the model that a cell tests; of people, and of predictions from elsewhere, whatever was given."""
    own = fitted_for(config, cell)
    return config.weights if own is None else own.file


def _split(split: SplitSettings) -> SplitSettings:
    return SplitSettings(by=split.by, test=split.test, validation=split.validation, leaks="show")


def _network(network: NetworkSettings, who: Observer) -> NetworkSettings:
    """An ablation is what lacks the part from the start."""
    part = who.variant.removeprefix(WITHOUT) if who.variant.startswith(WITHOUT) else ""
    lacking = (*network.without, *([cast(Part, part)] if part and part not in network.without else []))
    return network.model_copy(update={"without": tuple(sorted(lacking)), "ablate": ()})


def contents(config: ScanpathConfig, cell: ScanpathCell) -> Mapping[str, str]:
    """Return the digests of the scenes, of the cell's network, and of predictions and weights that it reads."""
    who, found = cell.who, dict(inputs_of_scenes(config))
    if who.variant == OUTSIDE:
        return found | {"predictions": path_digest(_predictions(config, who))}
    if config.weights is not None:
        return found | _of_fitted(config, cell)
    return found | dict(
        alone.network_contents(config.observer, network_of(config, who), who, seed=config.seed)
    )


def _of_fitted(config: ScanpathConfig, cell: ScanpathCell) -> dict[str, str]:
    """Digests of a model of another run and of the network here that its features come from; none of people."""
    own = fitted_for(config, cell)
    return {} if own is None else {"fitted": own.sha256, **own.network_contents()}


def fitted_for(config: ScanpathConfig, cell: ScanpathCell) -> Fitted | None:
    """Return the model of another run that a cell tests; None where it tests none."""
    found = [one for one in fitted_of(config) if (one.observer.id, one.split) == (cell.observer, cell.split)]
    return found[0] if found else None


def inputs_of_scenes(config: ScanpathConfig) -> Mapping[str, str]:
    """Return one digest of all scenes; none where they follow from the settings."""
    if config.scenes.path is None:
        return {}
    from cogattn.psychophysics.scanpath.layouts.reading import digests_of

    return {"scenes": combined(digests_of(config))}


def inputs(config: ScanpathConfig) -> Mapping[str, str]:
    """Return the digests of what the summary reads beside the trials: the scenes."""
    return inputs_of_scenes(config)


def path_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files in a folder by their names."""
    if not path.is_dir():
        return file_digest(path)
    files = sorted(one for one in path.rglob("*") if one.is_file())
    return combined({one.relative_to(path).as_posix(): file_digest(one) for one in files})


def demo() -> ScanpathConfig:
    """Return a small run: few simulated layouts and persons, a small transformer, few epochs."""
    return ScanpathConfig(
        synthetic=SyntheticSettings(n_layouts=16, n_objects=10, n_people=4, n_fixations=7),
        split=SplitSettings(test=0.25, n_splits=2),
        network=NetworkSettings(width=32, heads=2, encoder_layers=1, decoder_layers=1, feedforward=32),
        training=TrainingSettings(max_epochs=20, batch=8, learning_rate=3e-3),
        viewers=(1, 2),
        n_samples=3,
        n_bootstrap=200,
    )
