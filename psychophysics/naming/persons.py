"""The people of a run: those who named what it shows, each with all answers to images that it shows.

They come from a set of model-vs-human (Geirhos et al. 2021) or from a table of one's own, which ``humans`` names, or
``observer.table`` where people are the observers. Right is the category of the shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.errors import DataError
from cogattn.measures import Row
from cogattn.observers.observer import Observer
from cogattn.people.tables import HUMANS, beside, holds_persons, read_persons
from cogattn.psychophysics.naming.conflicts import texture_of
from cogattn.psychophysics.naming.datasets import MODEL_VS_HUMAN
from cogattn.psychophysics.naming.material import conflict_images
from cogattn.psychophysics.naming.measures import ALL
from cogattn.psychophysics.naming.people import SETS, files_of, image_name, read_answers
from cogattn.running.digests import cache_folder, combined, file_digest
from cogattn.vision.images.categories import CATEGORIES

if TYPE_CHECKING:
    from cogattn.psychophysics.naming.config import NamingConfig

CUE_CONFLICT = "cue-conflict"
TABLE = "observer.table"


@dataclass(frozen=True, eq=False)
class NamingPeople:
    """Persons who named images of a run.

    Parameters
    ----------
    name : str
        As the setting names them.
    trials : mapping of Observer to DataFrame
        Of each person: columns image, category (of the shape), texture, response ("" where none), correct; images that
        the run shows, and no others.
    images : tuple of str
        All images that the run shows, as `image_name` calls them.
    n_shared : int
        Of these, how many any person saw.
    """

    name: str
    trials: Mapping[Observer, pd.DataFrame]
    images: tuple[str, ...]
    n_shared: int


def named(config: NamingConfig) -> tuple[str, str]:
    """Return what names the people of a run, and by which setting; empty where nothing does."""
    tested = config.observer.kind == "human"
    given, setting = (config.observer.table, TABLE) if tested else (config.humans, HUMANS)
    if given:
        return given, setting
    if config.shown.kind == "set" and config.shown.name in SETS:
        return config.shown.name, "shown.name"
    if config.shown.kind == "made" and _are_here():
        return config.shown.name, "shown.name"
    return (CUE_CONFLICT, TABLE) if tested and config.shown.kind == "conflicts" else ("", setting)


def names(config: NamingConfig) -> tuple[str, ...]:
    """Return the persons who are the observers of a run.

    Raises
    ------
    DataError
        If there is no such table, or it cannot be read.
    """
    return tuple(dict.fromkeys(answers_of(*named(config))["person"]))


def inputs(config: NamingConfig) -> dict[str, str]:
    """Return the SHA-256 of people's table by the setting's name, nothing where none is named."""
    given, setting = named(config)
    return {setting: digest(given, setting)} if given else {}


def read_people(config: NamingConfig) -> NamingPeople | None:
    """Return the persons whom answers to cue-conflict images are set beside; None where no trials are named.

    Raises
    ------
    DataError
        If they are not in the cache, cannot be read, saw none of the images, or know another shape of one.
    """
    given, setting = named(config)
    if config.shown.kind != "conflicts" or not given or holds_persons(given):
        return None
    if config.observer.kind == "human":
        return _alone(given, setting, digest(given, setting))
    shown = conflict_images(config)
    images = tuple(image_name(name) for name in shown.ids)
    return _beside(
        given, setting, digest(given, setting), images, shown.shapes, shown.textures, shown.categories
    )


def with_persons(config: NamingConfig, rows: list[Row]) -> list[Row]:
    """Return a summary's rows with the persons of a table of persons beside them, where ``humans`` names one."""
    given, setting = named(config)
    if setting != HUMANS or not given or not holds_persons(given):
        return rows
    return beside(rows, read_persons(given, known=ALL), confidence=config.confidence)


def answers_of(given: str, setting: str, categories: Sequence[str] = CATEGORIES) -> pd.DataFrame:
    """Return all answers of the people whom `given` names, as `cogattn.psychophysics.naming.people.read_answers`.

    Raises
    ------
    DataError
        If there is no such table, or it cannot be read.
    """
    if not given:
        raise DataError(
            f"{setting} must be one of {', '.join(SETS)}, or a CSV file or folder of trials; got none"
        )
    return _answers(given, setting, digest(given, setting), tuple(categories))


def digest(given: str, setting: str) -> str:
    """Return the SHA-256 of the files that `given` names."""
    return combined(
        {file.name: file_digest(file) for file in files_of(*_place(given, setting), setting=setting)}
    )


def _are_here() -> bool:
    """Whether the people of model-vs-human are in the cache."""
    from cogattn.fetch import locate

    return locate(MODEL_VS_HUMAN, cache_folder()) is not None


@lru_cache(maxsize=4)
def _answers(given: str, setting: str, digest: str, categories: tuple[str, ...]) -> pd.DataFrame:
    """`digest` is that of the files: kept as long as they stay as they are."""
    return read_answers(*_place(given, setting), setting=setting, categories=categories)


def _place(given: str, setting: str) -> tuple[Path, str]:
    """Folder or file, and the set in it."""
    from cogattn.fetch import check, locate

    if given not in SETS:
        if not Path(given).exists():
            raise DataError(
                f"{setting} must be one of {', '.join(SETS)}, or a CSV file or folder of trials; got {given}, which "
                "is not there"
            )
        return Path(given), ""
    place = locate(MODEL_VS_HUMAN, cache_folder())
    if place is None:
        raise DataError(
            f"{setting} must be fetched first; got {given}, but no {MODEL_VS_HUMAN.name} in {cache_folder()}; run: "
            f"cogattn data fetch {MODEL_VS_HUMAN.name} --from FOLDER ({MODEL_VS_HUMAN.instructions})"
        )
    check(MODEL_VS_HUMAN, place)
    return place, given


@lru_cache(maxsize=2)
def _beside(
    given: str,
    setting: str,
    digest: str,
    images: tuple[str, ...],
    shapes: tuple[str, ...],
    textures: tuple[str, ...],
    categories: tuple[str, ...],
) -> NamingPeople:
    answers = _answers(given, setting, digest, categories)
    shown = pd.DataFrame({"image": images, "shape": shapes, "texture": textures}).drop_duplicates("image")
    both = answers.merge(shown, on="image")
    if both.empty:
        raise DataError(
            f"{setting} must name people who saw images of shown.path; got none of its {len(images):,} images "
            f"({given} has {answers['image'].iloc[0]}, shown.path has {images[0]})"
        )
    other = both[both["category"] != both["shape"]]
    if len(other):
        first = other.iloc[0]
        raise DataError(
            f"{setting} must have the category of an image's shape; got {first['category']} for {first['image']}, "
            f"whose shape is {first['shape']}"
        )
    return NamingPeople(given, _by_person(both), images, both["image"].nunique())


@lru_cache(maxsize=2)
def _alone(given: str, setting: str, digest: str) -> NamingPeople:
    """All answers to images whose shape and texture are of two categories."""
    answers = _answers(given, setting, digest, CATEGORIES)
    answers = answers.assign(texture=answers["image"].map(texture_of))
    conflict = answers[(answers["texture"] != "") & (answers["texture"] != answers["category"])]
    if conflict.empty:
        raise DataError(
            f"{setting} must name people who saw cue-conflict images, called like bird2-clock3; got "
            f"{answers['image'].iloc[0]} ({given})"
        )
    images = tuple(dict.fromkeys(conflict["image"]))
    return NamingPeople(given, _by_person(conflict), images, len(images))


def _by_person(answers: pd.DataFrame) -> dict[Observer, pd.DataFrame]:
    answers = answers.assign(correct=answers["response"] == answers["category"])
    kept = ["image", "category", "texture", "response", "correct"]
    return {
        Observer.person(str(name)): rows[kept].reset_index(drop=True)
        for name, rows in answers.groupby("person", sort=False)
    }
