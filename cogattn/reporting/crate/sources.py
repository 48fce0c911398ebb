"""What a run read: files by their hashes, and of which data sets they are, as far as that can be told.

Cells carry the SHA-256 of all that they read. A data set is recognised where the settings give its name, where such a
hash is that of its one file, where a folder of the settings holds files of just its names, or where that folder
describes itself as BIDS data sets do. Nothing is guessed: what is not recognised stays a hash.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from cogattn.fetch import DataSet, Download, Manual, Packaged, data_sets, locate, names_digest
from cogattn.reporting.crate.bibtex import DOI, Reference
from cogattn.running.atomic import read_regular
from cogattn.running.digests import cache_folder, file_digest
from cogattn.running.records import CellRecord

log = logging.getLogger(__name__)
MOST_FILES = 20_000
"""A folder of more is not searched for a data set's names."""
MOST_BYTES = 1 << 20
_ADDRESS = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,}/[\w./%-]*[\w/])")
_ZENODO = re.compile(r"zenodo\.org/records?/(\d+)")


@dataclass(frozen=True)
class Input:
    """Something that cells or the summary read.

    Parameters
    ----------
    name : str
        What it is, with its observer where observers read different ones.
    sha256 : str
        Its digest.
    """

    name: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """A data set that a run read.

    Parameters
    ----------
    name, about : str
        What it is called, and what it is.
    licence : str
        Terms as its source states them; empty where they are not known.
    told : str
        Where it comes from, as the registry of data sets says it.
    doi, url : str
        Empty where unknown.
    """

    name: str
    about: str
    licence: str
    told: str
    doi: str = ""
    url: str = ""

    @property
    def reference(self) -> Reference:
        """The data set as a BibTeX entry."""
        fields = {
            "title": f"{self.name}: {self.about}" if self.about else self.name,
            "howpublished": self.told,
            "doi": self.doi,
            "url": self.url,
            "note": f"Licence: {self.licence}" if self.licence else "",
        }
        key = re.sub(r"[^a-z0-9-]+", "-", self.name.lower()).strip("-") or "data"
        return Reference("misc", key, {name: value for name, value in fields.items() if value})


def inputs_of(records: Iterable[CellRecord], summary: Mapping[str, str]) -> list[Input]:
    """Return everything that cells read, and the summary, each once, by name.

    Parameters
    ----------
    records : iterable of CellRecord
        Of the run's cells.
    summary : mapping of str to str
        SHA-256 by name of what the summary reads (`Session.inputs`).
    """
    read: dict[str, dict[str, str]] = {}  # by name: whose it is, by digest
    for record in records:
        for name, digest in record.contents.items():
            read.setdefault(name, {}).setdefault(digest, str(record.cell.get("observer", "")))
    found = [
        Input(f"{name} of {observer}" if len(by_digest) > 1 and observer else name, digest)
        for name, by_digest in sorted(read.items())
        for digest, observer in by_digest.items()
    ]
    known = {(one.name, one.sha256) for one in found}
    return found + [Input(*pair) for pair in sorted(summary.items()) if pair not in known]


def sources_of(settings: Mapping[str, JsonValue], digests: Collection[str]) -> list[Source]:
    """Return the data sets that a run is known to have read.

    Parameters
    ----------
    settings : mapping of str to JSON
        The run's; relative paths are taken from the current folder.
    digests : collection of str
        SHA-256 of what it read.
    """
    words = list(dict.fromkeys(_texts(settings)))
    folders = {word: names for word in words if (names := _names_in(word)) is not None}
    found = [of_registry(one) for one in _announced() if _was_read(one, words, digests, folders.values())]
    described = (of_bids(Path(folder)) for folder in folders)
    return [*found, *(source for source in described if source is not None)]


def of_registry(data_set: DataSet) -> Source:
    """Return an announced data set with the DOI and address that its source tells."""
    zenodo, doi = _ZENODO.search(data_set.source), DOI.search(data_set.source)
    address = _ADDRESS.search(data_set.source)
    return Source(
        data_set.name,
        data_set.about,
        data_set.licence,
        data_set.source,
        doi=doi[0] if doi else f"10.5281/zenodo.{zenodo[1]}" if zenodo else "",
        url=f"https://{address[1]}" if address else "",
    )


def of_bids(folder: Path) -> Source | None:
    """Return the data set that a folder's ``dataset_description.json`` describes; None where there is no such file."""
    try:
        told = json.loads(read_regular(folder / "dataset_description.json", limit=MOST_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    name, licence = (str(told.get(key) or "") for key in ("Name", "License"))
    doi = DOI.search(str(told.get("DatasetDOI") or ""))
    address = f"https://doi.org/{doi[0]}" if doi else ""
    return Source(name or folder.name, "BIDS data set", licence, address, doi[0] if doi else "", address)


def _announced() -> Sequence[DataSet]:
    try:
        return list(data_sets().values())
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; a run's numbers do not hang on it
        log.warning("which data sets the run read cannot be told: %s", error)
        return []


def _was_read(
    data_set: DataSet, words: Sequence[str], digests: Collection[str], folders: Iterable[Sequence[str]]
) -> bool:
    """Whether settings name it, or one of the hashes or folders is its own."""
    if data_set.name in words:
        return True
    if isinstance(data_set, Download):
        return data_set.sha256 in digests
    if isinstance(data_set, Packaged):
        place = locate(data_set, cache_folder())
        return place is not None and place.is_file() and file_digest(place) in digests
    return isinstance(data_set, Manual) and any(_has_names_of(data_set, names) for names in folders)


def _has_names_of(data_set: Manual, names: Sequence[str]) -> bool:
    own = [name for name in names if re.fullmatch(data_set.pattern, name, re.IGNORECASE)]
    return bool(own) and names_digest(own) == data_set.names_sha256


def _names_in(word: str) -> Sequence[str] | None:
    """Names of all files of a folder and below; None where `word` is no folder or holds very many."""
    if not word or "\0" in word or not os.path.isdir(word):
        return None
    names: list[str] = []
    for _, _, here in os.walk(word):
        names += here
        if len(names) > MOST_FILES:
            return None
    return names


def _texts(value: JsonValue | Mapping[str, JsonValue]) -> Iterator[str]:
    """All texts among settings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
