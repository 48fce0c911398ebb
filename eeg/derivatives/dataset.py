"""A run as a data set of BIDS derivatives: one file for each person and part, and what describes them.

BIDS has no suffix yet for tables of estimates, so that these are ``_stat``, in the folder of what they are derived
from (``eeg``), told apart by ``desc-``, and named in ``.bidsignore``; each has its data dictionary beside it. All else
is as the standard says, ``channels.tsv`` among it: which channels were analysed, and which were bad.

References
----------
Gorgolewski et al. (2016), Scientific Data 3, 160044; Pernet et al. (2019), Scientific Data 6, 103 (EEG);
BIDS 1.10.0, derivatives: https://bids-specification.readthedocs.io.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pydantic import JsonValue

from cogattn.eeg.derivatives.labels import labels_of
from cogattn.eeg.derivatives.tables import Column, Columns, as_json, dictionary, tsv
from cogattn.eeg.recordings.config import Bids, Simulated, Source
from cogattn.errors import DataError
from cogattn.reporting.crate.citing import references_of
from cogattn.reporting.crate.deposit import Deposit
from cogattn.reporting.crate.entities import bare_name
from cogattn.reporting.crate.files import document_of, entities
from cogattn.reporting.crate.graph import DATA
from cogattn.running.exporting import command_of
from cogattn.running.records import Provenance
from cogattn.running.store import RunFolder

VERSION = "1.10.0"
"""Of BIDS."""
SUFFIX = "stat"
TASK = "listening"
"""Label of the task, where the recordings do not name one."""
IGNORED = ("*_stat.tsv", "*_stat.json", "descriptions.tsv", "descriptions.json")
"""What validators are told to leave alone: our suffix, and a file that those of BIDS before 1.10 do not know."""
PARTICIPANTS: Columns = {
    "participant_id": Column("Label of the person in this data set."),
    "source_id": Column("What the person is called in the run, and so in the recordings."),
    "n_trials": Column("Trials that were analysed."),
    "duration_s": Column("Seconds that were analysed.", "s"),
    "lost_s": Column("Seconds that were left out: BAD spans, thresholds, filters' edges.", "s"),
    "n_channels": Column("EEG channels that were analysed."),
}
CHANNELS: Columns = {
    "name": Column("The electrode's label."),
    "type": Column("Kind of channel."),
    "units": Column("Unit of the signal before standardisation."),
    "status": Column(
        "Whether it was analysed.", levels={"good": "analysed", "bad": "left out or interpolated"}
    ),
}
DESCRIPTIONS: Columns = {
    "desc_id": Column("The part of a file's name."),
    "description": Column("What the file holds."),
}


@dataclass(frozen=True)
class Part:
    """One kind of file: rows of all persons.

    Parameters
    ----------
    desc : str
        Letters and digits, the label of ``desc-``.
    about : str
        What it holds.
    rows : DataFrame
        With a column that says whose each row is.
    person : str
        That column.
    columns : mapping of str to Column
        What the others mean.
    """

    desc: str
    about: str
    rows: pd.DataFrame
    person: str
    columns: Columns


def unit_of(source: Source) -> str:
    """Unit of the EEG as BIDS writes it: ``V``, or ``arbitrary``."""
    return "arbitrary" if getattr(source, "unit", None) == "arbitrary" else "V"


def data_set(
    run: RunFolder,
    source: Source,
    parts: Sequence[Part],
    *,
    channels: Mapping[str, Sequence[str]],
    question: str,
    deposit: Deposit,
) -> dict[str, bytes]:
    """Return the files of a data set by their paths.

    Parameters
    ----------
    run : RunFolder
        Finished, with a trial table ``recording``.
    source : Source
        Where its recordings come from.
    parts : sequence of Part
        What was found; those without rows are left out.
    channels : mapping of str to sequence of str
        Those analysed, by person.
    question : str
        What the study asks, in a sentence.
    deposit : Deposit
        Authors and licence.

    Raises
    ------
    StoreError
        If the run is not finished or a file is not as it was written.
    DataError
        If a column is not described, or a part's label is none.
    """
    taken = run.trials("recording").drop_duplicates("observer").reset_index(drop=True)
    labels = labels_of([str(name) for name in taken["observer"]])
    filled = [part for part in parts if len(part.rows)]
    people = _participants(taken, labels)
    described = pd.DataFrame(
        [(f"desc-{_checked(part.desc)}", part.about) for part in filled], columns=list(DESCRIPTIONS)
    )
    files = {
        "dataset_description.json": as_json(_description(run, source, deposit)),
        "README.md": _readme(run, source, filled, question).encode(),
        ".bidsignore": "".join(f"{pattern}\n" for pattern in IGNORED).encode(),
        "participants.tsv": tsv(people),
        "participants.json": dictionary(people, PARTICIPANTS),
        "descriptions.tsv": tsv(described),
        "descriptions.json": dictionary(described, DESCRIPTIONS),
    }
    bads = dict(zip(taken["observer"], taken["bads"], strict=True))
    for person, label in labels.items():
        stem = _stem(label, source)
        table = _channels(channels.get(person, ()), str(bads[person]), unit_of(source))
        if len(table):
            files[f"{stem}_channels.tsv"] = tsv(table)
            files[f"{stem}_channels.json"] = dictionary(table, CHANNELS)
        files |= _files_of(person, stem, filled, task=_task(source))
    return files


def _files_of(person: str, stem: str, parts: Sequence[Part], *, task: str) -> Iterator[tuple[str, bytes]]:
    """A person's tables with their data dictionaries."""
    for part in parts:
        own = part.rows[part.rows[part.person] == person].drop(columns=part.person).reset_index(drop=True)
        if len(own):
            about = {"Description": part.about, "TaskName": task}
            yield f"{stem}_desc-{part.desc}_{SUFFIX}.tsv", tsv(own)
            yield f"{stem}_desc-{part.desc}_{SUFFIX}.json", dictionary(own, part.columns, more=about)


def _stem(label: str, source: Source) -> str:
    """A person's folder and the beginning of its files' names."""
    session = source.session if isinstance(source, Bids) else None
    number = source.run if isinstance(source, Bids) else None
    folder = "/".join([f"sub-{label}", *([f"ses-{session}"] if session else []), "eeg"])
    words = [f"sub-{label}", *([f"ses-{session}"] if session else []), f"task-{_task(source)}"]
    return f"{folder}/{'_'.join([*words, *([f'run-{number}'] if number else [])])}"


def _task(source: Source) -> str:
    return source.task if isinstance(source, Bids) else TASK


def _checked(desc: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]+", desc):
        raise DataError(f"a label must be letters and digits; got desc-{desc}")
    return desc


def _participants(taken: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    ids = taken["observer"].map(lambda name: f"sub-{labels[name]}")
    kept = taken[[name for name in PARTICIPANTS if name in taken]]
    return kept.assign(participant_id=ids, source_id=taken["observer"])[list(PARTICIPANTS)]


def _channels(analysed: Sequence[str], bads: str, unit: str) -> pd.DataFrame:
    bad = [name for name in bads.split(", ") if name]
    names = [*(name for name in analysed if name not in bad), *bad]
    rows = [(name, "EEG", "n/a" if unit == "arbitrary" else unit, _status(name, bad)) for name in names]
    return pd.DataFrame(rows, columns=list(CHANNELS))


def _status(name: str, bad: Sequence[str]) -> str:
    return "bad" if name in bad else "good"


def _description(run: RunFolder, source: Source, deposit: Deposit) -> dict[str, JsonValue]:
    sessions = (run.read(Provenance) or Provenance()).sessions
    version = (sessions[-1].versions.get("cogattn") if sessions else None) or "unknown"
    read = [_source_data(one) for one in entities(document_of(run)) if DATA.items() <= one.items()]
    papers = [one.url or one.title for one in references_of(run)]
    authors: list[JsonValue] = [bare_name(name) for name in deposit.authors]
    return {
        "Name": f"cogattn {run.study}, run {run.id}",
        "BIDSVersion": VERSION,
        "DatasetType": "derivative",
        **({"License": deposit.licence} if deposit.licence else {}),
        **({"Authors": authors} if authors else {}),
        "GeneratedBy": [
            {
                "Name": "cogattn",
                "Version": version,
                "Description": f"cogattn {run.study}, run {run.id}"
                + (", of simulated listeners" if isinstance(source, Simulated) else ""),
            }
        ],
        **({"SourceDatasets": [one for one in read if one]} if any(read) else {}),
        "ReferencesAndLinks": [*papers],
    }


def _source_data(entity: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A data set's DOI and address, as far as they are known."""
    doi = str(entity.get("identifier", "")).removeprefix("https://doi.org/")
    own: dict[str, JsonValue] = {"DOI": f"doi:{doi}"} if doi else {}
    return {**({"URL": entity["url"]} if "url" in entity else {}), **own}


def _readme(run: RunFolder, source: Source, parts: Sequence[Part], question: str) -> str:
    sessions = (run.read(Provenance) or Provenance()).sessions
    told = [f"- `desc-{part.desc}`: {part.about}" for part in parts]
    remarks = [f"- {remark}" for remark in run.remarks()]
    simulated = (
        "**These listeners are simulated: nobody was recorded.**\n\n" if isinstance(source, Simulated) else ""
    )
    return (
        f"# cogattn {run.study}, run {run.id}\n\n{question}\n\n{simulated}"
        "What was found in each person, one folder each. Every table has a JSON file of the same name that says what "
        "its columns mean and in which units. `n/a` is what could not be estimated; intervals are of 95 %. Who is who "
        "in the recordings: `participants.tsv`, column `source_id`.\n\n"
        "## Files\n\n"
        + "\n".join([*told, "- `channels`: which channels were analysed"])
        + f"\n\nThe suffix `_{SUFFIX}` is not one of BIDS, which has none for tables of estimates: `.bidsignore` names "
        "it.\n\n"
        + (f"## What must be known\n\n{chr(10).join(remarks)}\n\n" if remarks else "")
        + f"## How it was made\n\n`{command_of(run, sessions)}`\n\n"
        "Group results, figures and provenance are in the run's own folder, which `cogattn runs crate` packs.\n\n"
        "## To be cited\n\n"
        + "\n\n".join(f"```bibtex\n{reference.bibtex}\n```" for reference in references_of(run))
        + "\n"
    )
