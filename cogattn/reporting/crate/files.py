"""The crate of a run as files: metadata in the run's folder, and a whole crate as one archive or another folder.

``ro-crate-metadata.json`` is written when a run is finished. It tells when and by which command, so, like
provenance.json, it is no part of MANIFEST.json, which is the same for the same content; it has MANIFEST.json's hash
instead, and carries its own: its SHA-256 with zeros in the hash's place.
"""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from cogattn.errors import CogattnError, ConfigError, StoreError
from cogattn.psych_ds import EPOCH
from cogattn.registry import load_study
from cogattn.reporting.crate.bibtex import read as read_bibtex
from cogattn.reporting.crate.deposit import UNSAID, Deposit, with_deposit
from cogattn.reporting.crate.entities import Entity
from cogattn.reporting.crate.graph import SEAL, SHA256, UNSEALED, Made, metadata
from cogattn.reporting.crate.sources import inputs_of, sources_of
from cogattn.running.atomic import read_regular, sha256_hex, temporary_beside, write_atomically
from cogattn.running.cells import record_of
from cogattn.running.records import CRATE, CellList, CellRecord, ConfigRecord, Manifest, Provenance
from cogattn.running.store import RunFolder, cause
from cogattn.study import Study

log = logging.getLogger(__name__)
RECORDS = (Manifest.file, Provenance.file)
"""Files of a run that its manifest does not list."""
UNIX = 3
"""What a ZIP archive says of the system that wrote it: the same everywhere."""


def describe(run: RunFolder, study: Study, records: Iterable[CellRecord]) -> None:
    """Write the metadata of a run that has just been finished into its folder.

    Parameters
    ----------
    run : RunFolder
        With its manifest.
    study : Study
        Its study.
    records : iterable of CellRecord
        Of its cells.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_atomically(run.path(CRATE), sealed(metadata(_made(run, study, records, finished=now))))


def document_of(run: RunFolder, *, study: Study | None = None) -> Entity:
    """Return a run's metadata: those of its folder, or, of a run without, made of its records.

    Parameters
    ----------
    run : RunFolder
        Finished.
    study : Study, optional
        Its study; the registered one of its name where none is given.

    Raises
    ------
    StoreError
        If the run is not finished, or a record is damaged or missing.
    ConfigError
        If it has no metadata and its study is not installed.
    """
    run.manifest()
    path = run.path(CRATE)
    if path.exists():
        return unsealed(run, path)
    return metadata(_made(run, study or load_study(run.study), _stored_records(run), finished=""))


def crate_of(run: RunFolder, deposit: Deposit = UNSAID) -> bytes:
    """Return a run's metadata with what people say of it; raise as `document_of` does."""
    return sealed(with_deposit(document_of(run), deposit))


def problem(run: RunFolder, manifest: Manifest) -> str | None:
    """Say what is wrong with the metadata in a finished run's folder; None where nothing is, or there are none."""
    try:
        path = run.path(CRATE)
        if not path.exists():
            return None
        document = unsealed(run, path)
    except StoreError as error:
        return str(error)
    told = {str(one["@id"]): one["sha256"] for one in entities(document) if one.get("@type") == "File"}
    if {name: digest for name, digest in told.items() if name not in RECORDS} != manifest.files:
        return f"{CRATE} of run {run.id} must tell of the files in {Manifest.file}; got others ({path})"
    return None


def is_whole(run: RunFolder, manifest: Manifest) -> bool:
    """Whether a finished run's metadata are as they were written, or were never written; else they are set aside."""
    found = problem(run, manifest)
    if found is None:
        return True
    log.warning("%s; set aside", found)
    run.set_aside(run.path(CRATE))
    return False


def write_crate(run: RunFolder, to: Path, deposit: Deposit = UNSAID) -> None:
    """Write a run with its metadata as one ZIP archive, or as a folder; equal runs give equal bytes.

    Parameters
    ----------
    run : RunFolder
        Finished.
    to : Path
        A file whose name ends in ``.zip``, or a folder, neither of which is there yet.
    deposit : Deposit
        What people say of it.

    Raises
    ------
    ConfigError
        If something stands at `to`.
    StoreError
        If the run is not finished, or a file is not as it was written, or cannot be written.
    """
    publish(to, _contents(run, deposit))


def publish(to: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write files as one ZIP archive or as a folder, in one move; nothing is left behind on failure.

    Parameters
    ----------
    to : Path
        A file whose name ends in ``.zip``, or a folder, neither of which is there yet.
    contents : iterable of (str, bytes)
        Relative path and bytes of each file.

    Raises
    ------
    ConfigError
        If something stands at `to`.
    StoreError
        If a file cannot be written.
    """
    if to.exists() or to.is_symlink():
        raise ConfigError(f"--to must name what is not there yet; got {to}")
    aside = temporary_beside(to)
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        (_write_archive if to.suffix == ".zip" else _write_folder)(aside, contents)
        aside.rename(to)
    except OSError as error:
        raise StoreError(f"{to.name} must be writable; got {error.strerror} ({to.parent})") from error
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        aside.unlink(missing_ok=True)


def sealed(document: Mapping[str, JsonValue]) -> bytes:
    """Return metadata as JSON that carries its own hash."""
    for entity in entities(document):
        if entity["@id"] == SEAL:
            entity["value"] = UNSEALED
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.replace(UNSEALED, sha256_hex(text.encode()), 1).encode()


def unsealed(run: RunFolder, path: Path) -> Entity:
    """Return the metadata of a run's folder; raise StoreError where they are not as they were written."""
    try:
        data = read_regular(path)
        document = json.loads(data)
        (seal,) = (str(one["value"]) for one in entities(document) if one["@id"] == SEAL)
    except OSError as error:
        reason = cause(error)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        reason = "another content than that of such a file"
    else:
        whole = SHA256.fullmatch(seal) and sha256_hex(data.replace(seal.encode(), UNSEALED.encode())) == seal
        if whole:
            return document
        reason = "another SHA-256 than the one it carries"
    raise StoreError(
        f"{CRATE} of run {run.id} must be undamaged; got {reason}; the same command makes it again ({path})"
    )


def entities(document: Mapping[str, JsonValue]) -> Iterator[Entity]:
    """Return what metadata describe, the descriptor and the root first."""
    graph = document["@graph"]
    for entity in graph if isinstance(graph, list) else ():
        if isinstance(entity, dict):
            yield entity


def _made(run: RunFolder, study: Study, records: Iterable[CellRecord], *, finished: str) -> Made:
    """What a run's folder tells of it."""
    config, provenance = run.read(ConfigRecord), run.read(Provenance)
    if config is None or provenance is None or not provenance.sessions:
        missing = ConfigRecord.file if config is None else Provenance.file
        raise StoreError(f"run {run.id} must have its {missing} to be described; got none ({run.folder})")
    inputs = inputs_of(records, provenance.sessions[-1].inputs)
    return Made(
        study=run.study,
        about=((type(study).__doc__ or "").strip().splitlines() or [""])[0],
        run=run.id,
        reference=read_bibtex(study.reference),
        settings=dict(_flat(config.config)),
        sessions=provenance.sessions,
        finished=finished,
        files=_hashed(run),
        inputs=inputs,
        sources=sources_of(config.config, {one.sha256 for one in inputs}),
        remarks=run.remarks(),
    )


def _hashed(run: RunFolder) -> dict[str, tuple[str, int]]:
    """SHA-256 and bytes of the run's files: as its manifest says, and of the records that it does not list."""
    listed = run.manifest().files
    found = {name: (digest, run.path(*name.split("/")).stat().st_size) for name, digest in listed.items()}
    for name in RECORDS:
        data = read_regular(run.path(name))
        found[name] = (sha256_hex(data), len(data))
    return found


def _stored_records(run: RunFolder) -> Iterator[CellRecord]:
    """Records of the run's cells, as far as they are stored undamaged."""
    listed = run.read(CellList)
    for cell in listed.cells if listed else ():
        try:
            yield record_of(read_regular(run.cells.path(cell.name)))
        except (OSError, ValueError, CogattnError):
            continue  # what a cell read is not told where the cell is not there; `runs verify` names it


def _contents(run: RunFolder, deposit: Deposit) -> Iterator[tuple[str, bytes]]:
    """The files of a crate, metadata first, each checked."""
    yield CRATE, crate_of(run, deposit)
    for name in run.manifest().files:
        if run.inside(name) is None:
            raise StoreError(f"{Manifest.file} of run {run.id} must list files of the run; got {name[:80]!r}")
        yield name, run.listed_bytes(name)
    run.read(Provenance)
    for name in RECORDS:
        yield name, read_regular(run.path(name))


def _write_archive(to: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    """Write a ZIP archive; nothing is compressed, so that its bytes do not hang on a library's version."""
    with zipfile.ZipFile(to, "x", zipfile.ZIP_STORED) as archive:
        for name, data in contents:
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system, info.external_attr = UNIX, 0o644 << 16
            archive.writestr(info, data)


def _write_folder(to: Path, contents: Iterable[tuple[str, bytes]]) -> None:
    to.mkdir()
    for name, data in contents:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(data)


def _flat(settings: Mapping[str, JsonValue], above: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Settings by dotted path; lists as JSON text, for a property has one value."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif value is not None:
            yield f"{above}{name}", json.dumps(value) if isinstance(value, list) else value
