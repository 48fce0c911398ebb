"""Run the trials of one cell: show what is planned, ask the observer, name the answers.

What a row of each table is, `cogattn.psychophysics.naming.plan.TABLES` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from cogattn.observers.naming import Namer, build_namer
from cogattn.psychophysics.naming import persons
from cogattn.psychophysics.naming.config import Attacked, NamingConfig
from cogattn.psychophysics.naming.conflicts import score_conflicts, texture_of
from cogattn.psychophysics.naming.material import conflict_images, load, training, whole_images
from cogattn.psychophysics.naming.pictures import score_images
from cogattn.psychophysics.naming.plan import (
    SCORES,
    TABLES,
    AttackCell,
    ConflictCell,
    PersonCell,
    SetCell,
)
from cogattn.psychophysics.naming.robustness import answers_under_attack
from cogattn.psychophysics.naming.sets.material import set_images
from cogattn.seeds import Streams
from cogattn.study import Cell
from cogattn.vision.images.categories import CATEGORIES
from cogattn.vision.images.listing import ImageList

if TYPE_CHECKING:
    from cogattn.observers.config import NetworkObserver


def run(config: NamingConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """Run one cell of the study's plan; see `cogattn.psychophysics.naming.plan`.

    Raises
    ------
    DataError, ObserverError
        If an image, a table or the observer fails.
    """
    match cell:
        case ConflictCell():
            return _conflicts(config, cell)
        case AttackCell():
            return _attacked(config, cell)
        case SetCell():
            return _set(config, cell)
        case PersonCell():
            return _person(config, cell)
    raise TypeError(f"a cell of this study must be one that it planned; got {type(cell).__name__}")


def as_table(cell: Cell, **columns: object) -> pd.DataFrame:
    """Return the rows of `cell` with the columns that its table has, in order and of their types."""
    schema = dict(TABLES[cell.task])
    return pd.DataFrame({"observer": cell.observer, **columns})[list(schema)].astype(schema)


def namer_of(config: NamingConfig, name: str, categories: tuple[str, ...]) -> Namer:
    """Build the observer `name` of a run, which is to choose from `categories`."""
    return build_namer(
        cast("NetworkObserver", config.observer),  # people show up in no such cell
        name,
        seed=config.seed,
        categories=categories,
        decision=config.decision,
        training=training(config),
    )


def attacked_images(config: NamingConfig, images: ImageList) -> NDArray[np.int64]:
    """Return the images to attack: as many as asked for, drawn by the seed."""
    order = Streams(config.seed).generator("attacked").permutation(len(images))
    return np.sort(order[: cast(Attacked, config.shown).max_images])


def _person(config: NamingConfig, cell: PersonCell) -> pd.DataFrame:
    """The answers of one person of a table."""
    answers = persons.answers_of(*persons.named(config))
    own = answers[answers["person"] == cell.person].reset_index(drop=True)
    return as_table(
        cell,
        image=own["image"],
        category=own["category"],
        texture=own["image"].map(texture_of) if config.shown.kind == "conflicts" else "",
        condition=own["condition"],
        response=own["response"],
        correct=own["response"] == own["category"],
    )


def _conflicts(config: NamingConfig, cell: ConflictCell) -> pd.DataFrame:
    """A stretch of cue-conflict images, shown as they are, at full contrast."""
    images = conflict_images(config)
    indices = range(cell.start, cell.stop)
    scores = score_conflicts(images, indices, namer_of(config, cell.observer, images.categories).scores)
    answers = [images.categories[best] for best in scores.argmax(axis=-1)]
    shapes = [images.shapes[index] for index in indices]
    return as_table(
        cell,
        image=[images.ids[index] for index in indices],
        category=shapes,
        texture=[images.textures[index] for index in indices],
        response=answers,
        correct=[answer == shape for answer, shape in zip(answers, shapes, strict=True)],
        **dict(zip(SCORES, scores.T, strict=True)),
    )


def _set(config: NamingConfig, cell: SetCell) -> pd.DataFrame:
    """A stretch of the images of a set, shown as they are: in colour, of their own size, at full contrast."""
    images = set_images(config)
    categories = CATEGORIES if config.shown.kind == "set" else whole_images(config).categories
    namer = namer_of(config, cell.observer, categories)
    indices = range(cell.start, cell.stop)
    scores = score_images(images.load, indices, namer.scores, len(namer.categories))
    answers = [namer.categories[best] for best in scores.argmax(axis=-1)]
    right = list(images.categories[cell.start : cell.stop])
    return as_table(
        cell,
        image=list(images.names[cell.start : cell.stop]),
        category=right,
        condition=list(images.conditions[cell.start : cell.stop]),
        response=answers,
        correct=[answer == category for answer, category in zip(answers, right, strict=True)],
        **dict(zip(SCORES, scores.T, strict=True)),
    )


def _attacked(config: NamingConfig, cell: AttackCell) -> pd.DataFrame:
    """A stretch of images at full contrast, as they are (epsilon 0) and attacked at each radius."""
    images = whole_images(config)
    namer = namer_of(config, cell.observer, images.categories)
    indices = attacked_images(config, images)[cell.start : cell.stop]
    labels, ids = images.labels[indices], np.array(images.ids)[indices]
    settings, streams = cast(Attacked, config.shown), Streams(config.seed).child("attack")
    epsilons = (0.0, *settings.epsilons)
    answers = answers_under_attack(  # (n_epsilons, n)
        namer.scores,
        load(images, indices).contiguous(),
        torch.from_numpy(labels),
        epsilons=settings.epsilons,
        norm=settings.norm,
        n_steps=settings.n_steps,
        rng_of=lambda image, epsilon: streams.generator(ids[image], f"{epsilon:.9g}"),
        device=namer.device,
    )
    names, n = np.array(images.categories), len(epsilons)
    return as_table(
        cell,
        image=np.tile(ids, n),
        category=np.tile(names[labels], n),
        response=names[answers.ravel()],
        correct=answers.ravel() == np.tile(labels, n),
        epsilon=np.repeat(epsilons, len(indices)),
    )
