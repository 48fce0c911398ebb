"""A finished run as an RO-Crate: JSON-LD that says which files there are, who made them, from what, and how.

RO-Crate 1.1 with the profile Process Run Crate 0.5. The run's folder is the root data set. Every start that computed
something is a `CreateAction` whose instrument is cogattn in that version and code, whose objects are the settings and
what was read, and the last of which has the run's files as its result. Who ran it, who its authors are and on what
terms it may be used nobody but they can say: `cogattn.reporting.crate.deposit` adds it.

References
----------
Soiland-Reyes et al. (2022), Data Science 5, 97-138; https://w3id.org/ro/crate/1.1.
Leo et al. (2024), PLOS ONE 19(9), e0309210; https://w3id.org/ro/wfrun/process/0.5.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import JsonValue

from cogattn.reporting.crate.bibtex import Reference
from cogattn.reporting.crate.entities import ROOT, Entity, at, each_once, person, word
from cogattn.reporting.crate.sources import Input, Source
from cogattn.running.records import CRATE, Session

SPECIFICATION = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
CONTEXT: list[JsonValue] = [
    f"{SPECIFICATION}/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
SEAL = "#seal"
UNSEALED = "0" * 64
SOFTWARE = "cogattn"
NO_LICENCE = "No licence has been stated: ask those who made this run before you use it."
ARTICLE: Entity = {"@type": "ScholarlyArticle"}
DATA: Entity = {"@type": "CreativeWork", "additionalType": "Dataset"}
"""What tells the paper and the data sets from other entities."""
TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".pdf": "application/pdf",
}
"""Media types by ending."""
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Made:
    """A finished run as far as its folder tells.

    Parameters
    ----------
    study, about : str
        The study's name and what it asks, in a line.
    run : str
        The run's id.
    reference : Reference
        The study's paper.
    settings : mapping of str to JSON
        By dotted path.
    sessions : sequence of Session
        Starts that computed something.
    finished : str
        When its files were written, ISO 8601; empty where that is not recorded.
    files : mapping of str to (str, int)
        SHA-256 and bytes of every file, by relative path.
    inputs, sources : sequence
        What was read, and the data sets that are recognised in it.
    remarks : sequence of str
        What a reader must know.
    """

    study: str
    about: str
    run: str
    reference: Reference
    settings: Mapping[str, JsonValue]
    sessions: Sequence[Session]
    finished: str
    files: Mapping[str, tuple[str, int]]
    inputs: Sequence[Input]
    sources: Sequence[Source]
    remarks: Sequence[str]


def metadata(made: Made) -> Entity:
    """Return the metadata of a run that has not been deposited yet."""
    graph = [
        _descriptor(),
        _seal(),
        _root(made),
        *_profile(),
        *_files(made.files),
        *_settings(made.settings),
        *map(_input, made.inputs),
        *_article(made.reference),
        *map(_source, made.sources),
        *_software(made.sessions),
        *_actions(made),
    ]
    return {"@context": CONTEXT, "@graph": [*each_once(graph)]}


def _descriptor() -> Entity:
    return {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": at(SPECIFICATION),
        "about": at(ROOT),
        "identifier": at(SEAL),
    }


def _seal() -> Entity:
    return {
        "@id": SEAL,
        "@type": "PropertyValue",
        "name": "SHA-256 of this file with zeros in this value's place",
        "propertyID": "sha256",
        "value": UNSEALED,
    }


def _root(made: Made) -> Entity:
    told = f"Run {made.run} of the study {made.study}: {made.about}"
    return {
        "@id": ROOT,
        "@type": "Dataset",
        "name": f"{SOFTWARE} {made.study} {made.run}",
        "description": " ".join([told, *made.remarks]),
        "identifier": f"{made.study}/{made.run}",
        "datePublished": (made.finished or made.sessions[-1].started)[:10],
        "license": NO_LICENCE,
        "conformsTo": at(PROFILE),
        "keywords": [SOFTWARE, made.study],
        "citation": at(_address(made.reference)),
        "isBasedOn": [at(_source_id(source)) for source in made.sources],
        "hasPart": [at(name) for name in made.files],
        "mentions": [at(_action_id(i)) for i in range(len(made.sessions))],
    }


def _profile() -> Iterator[Entity]:
    yield {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}


def _files(files: Mapping[str, tuple[str, int]]) -> Iterator[Entity]:
    for name, (sha256, n_bytes) in files.items():
        path = PurePosixPath(name)
        kind = path.parent.name.removesuffix("s")
        yield {
            "@id": name,
            "@type": "File",
            "name": f"{kind} {path.stem}" if kind else path.name,
            "encodingFormat": TYPES.get(path.suffix, "application/octet-stream"),
            "contentSize": str(n_bytes),
            "sha256": sha256,
        }


def _settings(settings: Mapping[str, JsonValue]) -> Iterator[Entity]:
    for path, value in settings.items():
        yield {"@id": _setting_id(path), "@type": "PropertyValue", "name": path, "value": value}


def _input(one: Input) -> Entity:
    own = {"sha256": one.sha256} if SHA256.fullmatch(one.sha256) else {"identifier": one.sha256}
    return {"@id": _input_id(one), "@type": "CreativeWork", "name": one.name, **own}


def _source(source: Source) -> Entity:
    more = {"url": source.url, "license": source.licence, "creditText": source.reference.bibtex}
    return {
        "@id": _source_id(source),
        **DATA,
        "name": source.name,
        "description": source.about,
        **({"identifier": f"https://doi.org/{source.doi}"} if source.doi else {}),
        **{key: value for key, value in more.items() if value},
    }


def _article(reference: Reference) -> Iterator[Entity]:
    people, venue = [person(name) for name in reference.authors], f"#{word(reference.venue)}"
    more = {"identifier": reference.url, "datePublished": reference.fields.get("year", "")}
    yield {
        "@id": _address(reference),
        **ARTICLE,
        "name": reference.title,
        "author": [at(one["@id"]) for one in people],
        "creditText": reference.bibtex,
        **({"isPartOf": at(venue)} if reference.venue else {}),
        **{key: value for key, value in more.items() if value},
    }
    yield from people
    if reference.venue:
        yield {"@id": venue, "@type": "CreativeWork", "name": reference.venue}


def _software(sessions: Sequence[Session]) -> Iterator[Entity]:
    """cogattn in each version and code, and the libraries that it ran with."""
    for session in sessions:
        libraries = {
            f"#{name}-{version}": (name, version)
            for name, version in session.versions.items()
            if version and name != SOFTWARE
        }
        code = f"#code-{session.code[:16]}"
        yield {
            "@id": _software_id(session),
            "@type": "SoftwareApplication",
            "name": SOFTWARE,
            "softwareVersion": session.versions.get(SOFTWARE) or "unknown",
            "identifier": at(code),
            "softwareRequirements": [at(name) for name in libraries],
        }
        yield {
            "@id": code,
            "@type": "PropertyValue",
            "propertyID": "sha256",
            "name": "Digest of the code that the cells reach",
            "value": session.code,
        }
        for name, (library, version) in libraries.items():
            yield {
                "@id": name,
                "@type": "SoftwareApplication",
                "name": library,
                "softwareVersion": version,
            }


def _actions(made: Made) -> Iterator[Entity]:
    last = len(made.sessions) - 1
    objects: list[JsonValue] = [
        at("config.json"),
        *(at(_setting_id(path)) for path in made.settings),
        *(at(_input_id(one)) for one in made.inputs),
        *(at(_source_id(source)) for source in made.sources),
    ]
    made_files: Entity = {
        "result": [at(name) for name in made.files if name != "config.json"],
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    for i, session in enumerate(made.sessions):
        hardware = ", ".join([session.cpu, *session.gpus])
        yield {
            "@id": _action_id(i),
            "@type": "CreateAction",
            "name": f"{session.n_missing} of {session.n_cells} cells computed"
            + (", tables and figures made" if i == last else ""),
            "description": f"{shlex.join(session.argv)} ({session.workers} at once on {hardware})".strip(),
            "instrument": at(_software_id(session)),
            "startTime": session.started,
            **({"endTime": made.finished} if made.finished and i == last else {}),
            "object": objects,
            **(made_files if i == last else {}),
        }


def _address(reference: Reference) -> str:
    return reference.url or f"#{word(reference.key)}"


def _action_id(index: int) -> str:
    return f"#session-{index + 1}"


def _software_id(session: Session) -> str:
    return f"#{SOFTWARE}-{word(session.versions.get(SOFTWARE) or 'unknown')}-{session.code[:16]}"


def _setting_id(path: str) -> str:
    return f"#setting-{word(path)}"


def _input_id(one: Input) -> str:
    return f"#input-{word(one.name)}-{word(one.sha256[:16])}"


def _source_id(source: Source) -> str:
    return f"#data-{word(f'{source.name} {source.doi}')}"
