"""The 17 sets of images that people named trial by trial (Geirhos et al. 2018, 2019, 2021): conditions and images.

Each set shows the same images to all its people, every image once, in one condition. Twelve are of photographs of
ImageNet's training images in two to eight conditions, one of which leaves the photograph as it is (grey, but for
``colour`` and ``false-colour``); five are drawn, filtered or painted images in a single condition.

What a set's measures are averaged over is what Geirhos et al. (2021) averaged over: all conditions but the one without
manipulation, and but those in which people are right at most a fifth of the time, since errors that all make say
little. Which these are is fixed by the published people (`facts.SetFacts.too_hard`; tests), whoever takes part. Of
a set of one's own all conditions count.

An image of a set is known by its name (`people.image_name`). The file of a photograph that was manipulated must say so
in the prefix that the published files have, because without it ``n02084071_12.JPEG`` may as well be the photograph
itself, named like its copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.naming.people import image_name, named_category, named_condition
from cogattn.psychophysics.naming.pictures import ENDINGS, read_rgb
from cogattn.psychophysics.naming.sets.facts import FACTS
from cogattn.running.digests import combined, file_digest
from cogattn.vision.images.listing import damage


@dataclass(frozen=True)
class Conditions:
    """The conditions of a set, in order.

    Parameters
    ----------
    axis : str
        What they are values of; empty where it has no name.
    names, labels : tuple of str
        As tables call them, and for a reader.
    counted : tuple of bool
        Whether the set's measures are averaged over each.
    """

    axis: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    counted: tuple[bool, ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Labels of those that are not averaged over."""
        return tuple(label for label, counts in zip(self.labels, self.counted, strict=True) if not counts)


def conditions_of(name: str, answers: pd.DataFrame) -> Conditions:
    """Return the conditions of a set.

    Parameters
    ----------
    name : str
        One of `FACTS`, or any other for a set of one's own.
    answers : DataFrame
        Of people, or of whoever was shown the set: the column condition.

    Raises
    ------
    DataError
        If a published set's table has a condition that the set does not have.
    """
    found = list(dict.fromkeys(answers["condition"]))
    if name not in FACTS:
        names = tuple(sorted(found, key=float) if _are_numbers(found) else found)
        return Conditions("condition", names, names, (True,) * len(names))
    facts = FACTS[name]
    known = {_plain(condition): condition for condition in facts.conditions}
    other = [condition for condition in found if _plain(condition) not in known]
    if other:
        raise DataError(
            f"people of {name} must have seen the conditions {', '.join(facts.conditions)}; got {other[0]}"
        )
    names = {_plain(condition): condition for condition in found}
    shown = [i for i, condition in enumerate(facts.conditions) if _plain(condition) in names]
    apart = (facts.control, *facts.too_hard)
    return Conditions(
        facts.axis,
        tuple(names[_plain(facts.conditions[i])] for i in shown),
        tuple(facts.labels[i] for i in shown),
        tuple(facts.conditions[i] not in apart for i in shown),
    )


@dataclass(frozen=True, eq=False)
class SetImages:
    """Images of a set that lie in a folder, each with what people's table says of it.

    Parameters
    ----------
    folder : Path
        Where they lie.
    files : tuple of str
        Path of each below `folder`, in the order of the table.
    names : tuple of str
        By which they join people's answers.
    categories, conditions : tuple of str
        The right answer, and how each is shown.
    n_other : int
        Images in the folder that nobody saw.
    n_missing : int
        Images that people saw and the folder has not.
    """

    folder: Path
    files: tuple[str, ...]
    names: tuple[str, ...]
    categories: tuple[str, ...]
    conditions: tuple[str, ...]
    n_other: int = 0
    n_missing: int = 0

    def __len__(self) -> int:
        return len(self.files)

    def load(self, index: int) -> NDArray[np.float32]:
        """Return one image as it is, in colour, (3, height, width) in [0, 1]; raise DataError if it is unreadable."""
        return read_rgb(self.folder, self.files[index])

    def damaged(self) -> dict[str, str]:
        """Return what is wrong, by file, with the images that cannot be read."""
        found = {name: damage(self.folder / name) for name in self.files}
        return {name: reason for name, reason in found.items() if reason is not None}

    def content(self) -> str:
        """Return the SHA-256 over names, categories, conditions and bytes; raise DataError where one is unreadable."""
        rows = zip(self.files, self.names, self.categories, self.conditions, strict=True)
        return combined(
            {
                name: f"{category} {condition} {file_digest(self.folder / file)}"
                for file, name, category, condition in rows
            }
        )


def list_set(folder: Path, answers: pd.DataFrame, name: str, *, setting: str = "shown.path") -> SetImages:
    """Find the images that people saw in a folder, at any depth.

    Parameters
    ----------
    folder : Path
        Holds PNG or JPEG files.
    answers : DataFrame
        People's, columns image, category and condition.
    name : str
        Of the set.
    setting : str
        What named the folder, for the start of an error.

    Raises
    ------
    DataError
        If none of the images is there, one is there twice, the name of a file says another category than people's
        table, or that of a manipulated photograph says no condition or another one.
    """
    files = sorted(
        file.relative_to(folder).as_posix()
        for file in (folder.rglob("*") if folder.is_dir() else ())
        if file.suffix.lower() in ENDINGS
    )
    if not files:
        raise DataError(f"{setting} must hold PNG or JPEG images; got none ({folder})")
    shown = answers.drop_duplicates("image").set_index("image")[["category", "condition"]]
    by_name: dict[str, str] = {}
    for file in files:
        key = image_name(file)
        if key in by_name and key in shown.index:
            raise DataError(f"{setting} must hold each image once; got {by_name[key]} and {file} ({folder})")
        by_name[key] = file
    there = [key for key in shown.index if key in by_name]
    if not there:
        raise DataError(
            f"{setting} must hold images that people of {name} saw; got none of their {len(shown):,} ({folder} has "
            f"{files[0]}, people saw {shown.index[0]})"
        )
    if len(FACTS.get(name, FACTS["sketch"]).conditions) > 1:
        _check_manipulated([by_name[key] for key in there], shown.loc[there, "condition"], setting)
    _check_categories([by_name[key] for key in there], shown.loc[there, "category"], setting)
    return SetImages(
        folder,
        tuple(by_name[key] for key in there),
        tuple(there),
        tuple(shown.loc[there, "category"]),
        tuple(shown.loc[there, "condition"]),
        len(by_name) - len(there),
        len(shown) - len(there),
    )


def _check_manipulated(files: Sequence[str], conditions: Sequence[str], setting: str) -> None:
    for file, condition in zip(files, conditions, strict=True):
        said = named_condition(file)
        if said is None:
            raise DataError(
                f"{setting} must hold the images as people saw them, whose names begin with trial, experiment, person "
                f"and condition (0001_cop_dnn_c30_knife_10_...); got {file}, which may be the photograph itself"
            )
        if _plain(said) != _plain(condition):
            raise DataError(
                f"{setting} must show {file} as people saw it, in condition {condition}; got {said}"
            )


def _check_categories(files: Sequence[str], categories: Sequence[str], setting: str) -> None:
    for file, category in zip(files, categories, strict=True):
        said = named_category(file)
        if said not in (None, category):
            raise DataError(
                f"{setting} must show {file} as the {category} that it is by people's table; got a name that says "
                f"{said}"
            )


def _plain(condition: str) -> str:
    """A condition however it is written: 0.10 as 0.1, True as true."""
    return f"{float(condition):g}" if _are_numbers([condition]) else condition.lower()


def _are_numbers(texts: Sequence[str]) -> bool:
    try:
        return bool(texts) and all(text.strip() and float(text) is not None for text in texts)
    except ValueError:
        return False
