"""The images of a set that a run shows, and who named them: those of a folder that people saw, or made ones."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cogattn.errors import ConfigError, DataError
from cogattn.people.tables import holds_persons
from cogattn.psychophysics.naming import persons
from cogattn.psychophysics.naming.material import whole_images
from cogattn.psychophysics.naming.sets.made import MadeImages
from cogattn.psychophysics.naming.sets.published import SetImages, list_set

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.psychophysics.naming.config import ImageSet, MadeSet, NamingConfig
    from cogattn.vision.images.listing import ImageList


def set_images(config: NamingConfig) -> SetImages | MadeImages:
    """Return the images of a set that people saw, or those that are made; raise where they cannot be had.

    Raises
    ------
    ConfigError
        If nothing names the images, or the people who tell their categories and conditions.
    DataError
        If a folder or a table cannot be read, or they do not fit.
    """
    shown = config.shown
    if shown.kind == "made":
        return _made(shown, whole_images(config), config.seed)
    if shown.kind != "set":
        raise DataError(f"shown.kind must be set or made; got {shown.kind}")
    if shown.path is None:
        raise ConfigError(
            f"shown.path must be given: a folder of the images of {shown.name}; got none; those of the published sets "
            "are in github.com/bethgelab/model-vs-human, release v0.1; people alone (observer.kind = human) need none"
        )
    if not shown.path.is_dir():
        raise DataError(
            f"shown.path must be a folder of the images of {shown.name}; got {shown.path}, which is none"
        )
    if answers(config) is None:
        raise ConfigError(
            f"humans must name the trials of people who saw {shown.name}, which tell categories and conditions; got "
            f"{config.humans or 'none'}"
        )
    return _listed(shown, *_people(config))


def content(config: NamingConfig) -> str:
    """Return the SHA-256 over names, categories, conditions and bytes of a set's images in a folder.

    Raises
    ------
    ConfigError, DataError
        As `set_images`; or if an image cannot be read.
    """
    images = set_images(config)
    if not isinstance(images, SetImages):
        raise TypeError("made images have no bytes of their own")
    return _content(images)


def answers(config: NamingConfig) -> pd.DataFrame | None:
    """Return the answers of the people of a set, with the column correct; None where no trials are named.

    Raises
    ------
    DataError
        If they are not in the cache, or cannot be read.
    """
    given, setting, digest = _people(config)
    if not given or holds_persons(given):
        return None
    return _answers(given, setting, digest)


def forget() -> None:
    """List all images anew when they are next wanted."""
    for kept in (_made, _listed, _content):
        kept.cache_clear()


def _people(config: NamingConfig) -> tuple[str, str, str]:
    """Who they are, which setting says so, and the digest of their files."""
    given, setting = persons.named(config)
    known = given and not holds_persons(given)
    return given, setting, persons.digest(given, setting) if known else ""


@lru_cache(maxsize=2)
def _answers(given: str, setting: str, digest: str) -> pd.DataFrame:
    """`digest` is that of the files: kept as long as they stay as they are."""
    answers = persons.answers_of(given, setting)
    return answers.assign(correct=answers["response"] == answers["category"])


@lru_cache(maxsize=2)
def _listed(shown: ImageSet, given: str, setting: str, digest: str) -> SetImages:
    if shown.path is None:
        raise TypeError("a set's folder must be known")
    return list_set(shown.path, _answers(given, setting, digest), shown.name)


@lru_cache(maxsize=2)
def _content(images: SetImages) -> str:
    return images.content()


@lru_cache(maxsize=2)
def _made(shown: MadeSet, images: ImageList, seed: int) -> MadeImages:
    return MadeImages.of(images, shown.name, shown.conditions, each=shown.each, seed=seed)
