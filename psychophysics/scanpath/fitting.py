"""From a cell to what predicts in it: fitted on the cell's split, or read from the run that fitted it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cogattn.psychophysics.scanpath import baselines, leaks, plan
from cogattn.psychophysics.scanpath.config import ScanpathConfig, TrainingSettings
from cogattn.psychophysics.scanpath.fitted import ARTEFACT, described, pack
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.plan import ScanpathCell
from cogattn.psychophysics.scanpath.predicting import Predictor
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED = TrainingSettings(learning_rate=1e-4, batch=20, clip=1.0, weight_decay=0.0, averaging=0.0)
"""Steps of the published training; when it ends is the run's."""


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
        If it cannot be fitted, or read, or needs images that are not there.
    """
    who, longest = cell.who, longest_of(data, split)
    if who.variant == plan.OUTSIDE:
        from cogattn.psychophysics.scanpath.baselines import outside

        return Ready(outside.read(config.predictors[cell.copy], data), longest)
    kept = plan.fitted_for(config, cell)
    if kept is not None:
        return Ready(_read(kept, data), kept.longest)
    if plan.is_ours(who) or plan.is_published(who):
        return _trained(config, cell, data, split, rng, checkpoint)
    fitted = baselines.make(who)().fit(data, split, config)
    about = described(who, cell.split, longest=longest)
    return Ready(fitted, longest, {}, {ARTEFACT: pack(fitted.state(), about, trained_on=_known(data, split))})


def longest_of(data: PathSet, split: Split) -> int:
    """Return the fixations of the longest scanpath of training; of all where none is trained on."""
    numbers = split.train if len(split.train) else range(len(data.paths))
    return max(len(data.paths[number]) for number in numbers)


def _known(data: PathSet, split: Split) -> dict[str, str]:
    """Marks of the layouts of training and validation."""
    names = {data.layout_of(data.paths[number]).name for number in (*split.train, *split.validation)}
    return {name: mark for name, mark in leaks.marks(data).items() if name in names}
