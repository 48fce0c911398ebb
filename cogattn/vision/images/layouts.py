"""Which image file is of which category: folders in four layouts, and CSV manifests.

Nothing here opens an image. Links in a folder, and paths of a manifest that lead out of its folder, are
refused: a data set cannot name files that its user did not mean to show, nor one image twice.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cogattn.errors import DataError
from cogattn.vision.images.categories import (
    CATEGORIES,
    N_CLASSES,
    category_of_index,
    category_of_wnid,
)
from cogattn.vision.images.config import FolderImages, ManifestImages

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".gif")
WNID = re.compile(r"n\d{8}")
VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.jpe?g", re.IGNORECASE)
GRAYSPLIT_NAME = re.compile(r"\d+_.*_([a-z]+)\.[a-z]+", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One image file: its name within the folder (posix), where it is, and its category."""

    id: str
    path: Path
    category: str


@dataclass(frozen=True)
class Listing:
    """All image files of a source, in the order of their names.

    Parameters
    ----------
    entries : tuple of Entry
        Sorted by id.
    categories : tuple of str
        All categories; each has at least one entry.
    n_left_out : int
        Files of ImageNet classes outside the 16 categories.
    """

    entries: tuple[Entry, ...]
    categories: tuple[str, ...]
    n_left_out: int = 0


def read_folder(settings: FolderImages) -> Listing:
    """List a folder in the layout that `settings` name, or in the one that it seems to have.

    Raises
    ------
    DataError
        If the folder is unreadable or empty, its layout is unknown, a category has no image, or a link leads
        out of it.
    """
    root = settings.path
    if not root.is_dir():
        raise DataError(f"images.path must be a folder; got {root}")
    layout = _guess(root) if settings.layout == "auto" else settings.layout
    match layout:
        case "wnid":
            return _wnid(root)
        case "flat":
            return _flat(root, settings.ground_truth)
        case "graysplit":
            return _graysplit(root)
        case _:
            return _categories(root)


def read_manifest(settings: ManifestImages) -> Listing:
    """List the images of a CSV file with the columns ``path`` and ``category``.

    Raises
    ------
    DataError
        If the file is unreadable or lacks a column, a row is incomplete, names a file twice, a missing file
        or one outside the manifest's folder, or there are fewer than two categories.
    """
    file = settings.path
    rows = _rows(file)
    entries: dict[Path, Entry] = {}
    for line, row in enumerate(rows, start=2):
        name, category = (row["path"] or "").strip(), (row["category"] or "").strip()
        where = f"line {line} of {file}"
        if not name or not category:
            raise DataError(f"a manifest's row must have a path and a category; got {row} ({where})")
        path = _inside(file.parent, file.parent / name, where)
        if not path.is_file():
            raise DataError(f"a manifest's path must name a file; got {name} ({where})")
        if path.resolve() in entries:
            raise DataError(f"a manifest must list each image once; got {name} twice ({where})")
        entries[path.resolve()] = Entry(PurePosixPath(os.path.normpath(name)).as_posix(), path, category)
    names = sorted({entry.category for entry in entries.values()})
    if len(names) < 2:
        raise DataError(f"a manifest must list images of two or more categories; got {len(names)} ({file})")
    return _listing(entries.values(), names, file)


def _rows(file: Path) -> list[dict[str, str | None]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            rows, columns = list(reader), reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"images.path must name a readable CSV file; got {file} ({error})") from None
    if not {"path", "category"} <= set(columns):
        raise DataError(f"a manifest must have the columns path and category; got {list(columns)} ({file})")
    return rows


def _guess(root: Path) -> str:
    """The layout that a folder seems to have."""
    folders, files = _subfolders(root), _images(root)
    if any(WNID.fullmatch(folder.name) for folder in folders):
        return "wnid"
    if any(VALIDATION_NAME.fullmatch(file.name) for file in files):
        return "flat"
    splits = [folder for folder in folders if folder.name.isdigit()]
    if splits and any(GRAYSPLIT_NAME.fullmatch(file.name) for file in _images(splits[0])):
        return "graysplit"
    if len(folders) >= 2:
        return "categories"
    raise DataError(
        f"images.path must hold class folders by wnid, ILSVRC2012_val files, one sub-folder per category, or "
        f"GraySplit's folders; got {len(folders)} sub-folder(s) and {len(files)} image(s) in {root}; "
        f"a CSV manifest (images.kind = manifest) can list any other arrangement"
    )


def _wnid(root: Path) -> Listing:
    entries, left_out = [], 0
    for folder in _subfolders(root):
        if not WNID.fullmatch(folder.name):
            continue
        category, files = category_of_wnid(folder.name), _images(folder)
        if category is None:
            left_out += len(files)
        else:
            entries += [Entry(_name(root, file), file, category) for file in files]
    return _listing(entries, CATEGORIES, root, left_out)


def _flat(root: Path, ground_truth: Path | None) -> Listing:
    if ground_truth is None:
        raise DataError(
            f"images.ground_truth must name the file of the validation images' classes for a flat folder; "
            f"got none ({root})"
        )
    answers = _ground_truth(ground_truth)
    entries, left_out = [], 0
    for file in _images(root):
        match = VALIDATION_NAME.fullmatch(file.name)
        if match is None:
            continue
        number = int(match[1])
        if not 1 <= number <= len(answers):
            raise DataError(
                f"images.ground_truth must have a line for every image; got {len(answers)} lines "
                f"and no number {number} ({file.name})"
            )
        category = answers[number - 1]
        if category is None:
            left_out += 1
        else:
            entries.append(Entry(_name(root, file), file, category))
    return _listing(entries, CATEGORIES, root, left_out)


def _ground_truth(file: Path) -> list[str | None]:
    """The category of each line; None for classes outside the 16."""
    try:
        lines = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"images.ground_truth must be a readable text file; got {file} ({error})") from None
    if all(WNID.fullmatch(line) for line in lines):
        return [category_of_wnid(line) for line in lines]
    indices = [int(line) if line.isdecimal() else -1 for line in lines]
    for number, (line, index) in enumerate(zip(lines, indices, strict=True), start=1):
        if not 0 <= index < N_CLASSES:
            raise DataError(
                f"images.ground_truth must hold one wnid, or its index 0-{N_CLASSES - 1} in order, a line "
                f"(the development kit's 1-{N_CLASSES} are in another order; convert them to wnids); "
                f"got {line} (line {number} of {file})"
            )
    return [category_of_index(index) for index in indices]


def _graysplit(root: Path) -> Listing:
    """Test folders 0-4; the folder ``train`` was people's practice and is left out."""
    entries = []
    for folder in _subfolders(root):
        if not folder.name.isdigit():
            continue
        for file in _images(folder):
            match = GRAYSPLIT_NAME.fullmatch(file.name)
            if match is None or match[1] not in CATEGORIES:
                raise DataError(
                    f"images of GraySplit must be named <number>_..._<category>.JPEG, with one of the 16 "
                    f"categories; got {_name(root, file)} in {root}"
                )
            entries.append(Entry(_name(root, file), file, match[1]))
    return _listing(entries, CATEGORIES, root)


def _categories(root: Path) -> Listing:
    folders = _subfolders(root)
    if len(folders) < 2:
        raise DataError(
            f"images.path must have two or more category sub-folders; got {len(folders)} in {root}"
        )
    entries = [Entry(_name(root, file), file, folder.name) for folder in folders for file in _images(folder)]
    return _listing(entries, sorted(folder.name for folder in folders), root)


def _listing(
    entries: Iterable[Entry], categories: Sequence[str], where: Path, n_left_out: int = 0
) -> Listing:
    """Sort entries by name and make sure that every category has some."""
    entries = sorted(entries, key=lambda entry: entry.id)
    found = Counter(entry.category for entry in entries)
    missing = [name for name in categories if not found[name]]
    if missing:
        raise DataError(
            f"images.path must have images of all {len(categories)} categories; got none of "
            f"{', '.join(missing)} in {where}; add some or remove the category"
        )
    return Listing(tuple(entries), tuple(categories), n_left_out)


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _images(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.suffix.lower() in ENDINGS and not path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """What is in a folder but for hidden names, sorted; links are refused."""
    try:
        with os.scandir(folder) as found:
            entries = sorted((e for e in found if not e.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise DataError(f"images.path must be readable; got {folder} ({error.strerror})") from None
    for entry in entries:
        if entry.is_symlink():
            raise DataError(
                f"images.path must hold files and folders, not links, which could lead out of it or show an "
                f"image twice; got {entry.path}; copy the file there"
            )
    return [Path(entry.path) for entry in entries]


def _inside(root: Path, path: Path, where: str) -> Path:
    """Return `path`, or refuse it where it leads out of `root`."""
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # loops of links, embedded zeros
        inside = False
    if not inside:
        raise DataError(
            f"a manifest's path must stay inside {root}; got {path} ({where}); copy the file there"
        )
    return path


def _name(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()
