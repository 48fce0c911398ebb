"""Sittings of persons in a store: ``<store>/sittings/<id>/`` with sitting.json and trials.csv, until withdrawn.

A sitting is begun (what is to be shown, which consent was given) and later finished (trials, and the SHA-256 of their
file). Its id is random and says nothing of the person. Runs are answers that can be computed again; these cannot, so
they are no part of a run, and deleting runs leaves them alone.
"""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue, ValidationError

from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import (
    publish_once,
    read_regular,
    sealed,
    sha256_hex,
    sync_folder,
    unsealed,
    write_atomically,
)
from cogattn.running.formats import csv_bytes, read_csv
from cogattn.running.records import Record
from cogattn.running.store import SITTINGS, STUDY_NAME

if TYPE_CHECKING:
    import pandas as pd

SITTING_ID = re.compile(r"[0-9a-f]{16}")
WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
TRIALS_FILE = "trials.csv"
LIMIT = 1 << 26


class SittingRecord(Record):
    """What a sitting was begun with, and how it ended."""

    file: ClassVar[str] = "sitting.json"

    id: str
    study: str
    word: str
    """The sitting among its study's."""
    seed: int
    n: int
    """Its length, as the sitting counts it."""
    consent: str
    """Version of the text that was agreed to."""
    begun: str
    """ISO 8601, UTC."""
    finished: str = ""
    trials_sha256: str = ""
    marks: dict[str, JsonValue] = Field(default_factory=dict)
    apparatus: dict[str, JsonValue] = Field(default_factory=dict)
    """Screen, frames, calibration, events."""
    versions: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class SessionFolder:
    """One sitting's folder.

    Parameters
    ----------
    root : Path
        The store.
    id : str
        Sixteen hex digits.

    Raises
    ------
    ConfigError
        If the id has another form, so that no path can leave the store.
    """

    root: Path
    id: str

    def __post_init__(self) -> None:
        if not SITTING_ID.fullmatch(self.id):
            raise ConfigError(f"sitting must be 16 hex digits; got {self.id[:40]!r}")

    @classmethod
    def begin(
        cls, root: Path, *, study: str, word: str, seed: int, n: int, consent: str, versions: dict[str, str]
    ) -> SessionFolder:
        """Make a folder under a random id, with the record of what was agreed to.

        Raises
        ------
        ConfigError, StoreError
            If a name has another form, or the folder cannot be made.
        """
        if not STUDY_NAME.fullmatch(study) or not WORD.fullmatch(word):
            raise ConfigError(f"a sitting must be a study's; got {study[:40]!r}, {word[:40]!r}")
        session = cls(root, secrets.token_hex(8))
        try:
            session.folder.mkdir(parents=True)
        except OSError as error:
            raise StoreError(f"--runs must be a writable folder; got {error.strerror} ({root})") from error
        record = SittingRecord(
            id=session.id,
            study=study,
            word=word,
            seed=seed,
            n=n,
            consent=consent,
            begun=now(),
            versions=versions,
        )
        session._write(record)
        return session

    @property
    def folder(self) -> Path:
        """Where its files are; raise StoreError where a link on the way could lead out of the store."""
        for path in (self.root / SITTINGS, self.root / SITTINGS / self.id):
            if path.is_symlink():
                raise StoreError(f"paths of a sitting must not be symbolic links; got {path}")
        return self.root / SITTINGS / self.id

    def read(self) -> SittingRecord | None:
        """Return the record; None where there is no such sitting (any more); raise StoreError where it is damaged."""
        path = self.folder / SittingRecord.file
        try:
            return SittingRecord.model_validate(unsealed(read_regular(path, limit=LIMIT)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ValidationError) as error:
            raise StoreError(
                f"{path.name} of sitting {self.id} must be undamaged; got {type(error).__name__}"
            ) from error

    def trials(self) -> pd.DataFrame:
        """Return the trials of a finished sitting; raise StoreError where they are not as they were written."""
        record = self.read()
        try:
            data = read_regular(self.folder / TRIALS_FILE, limit=LIMIT)
        except (OSError, ValueError) as error:
            raise StoreError(f"{TRIALS_FILE} of sitting {self.id} must be readable; got {error}") from error
        if record is None or sha256_hex(data) != record.trials_sha256:
            raise StoreError(
                f"{TRIALS_FILE} of sitting {self.id} must have the SHA-256 of its record; got another"
            )
        return read_csv(data)

    def finish(
        self, trials: pd.DataFrame, *, marks: dict[str, JsonValue], apparatus: dict[str, JsonValue]
    ) -> SittingRecord:
        """Keep the trials, once: who sends them again changes nothing.

        Raises
        ------
        StoreError
            If the sitting was withdrawn, another result is being kept, or the disk refuses.
        """
        record = self.read()
        if record is None:
            raise StoreError(f"sitting {self.id} must have been begun; got none (was it withdrawn?)")
        if record.finished:
            return record
        own = csv_bytes(trials)
        publish_once(self.folder / TRIALS_FILE, own)
        kept = sha256_hex(read_regular(self.folder / TRIALS_FILE, limit=LIMIT))
        if kept != sha256_hex(own):
            raise StoreError(f"sitting {self.id} must have one result; got another while one was being kept")
        done = record.model_copy(
            update={"finished": now(), "trials_sha256": kept, "marks": marks, "apparatus": apparatus}
        )
        self._write(done)
        return done

    def withdraw(self) -> None:
        """Delete all that the disk holds of the sitting; nothing where it is gone."""
        folder = self.folder
        try:
            if folder.is_dir():
                shutil.rmtree(folder)
                sync_folder(folder.parent)
        except OSError as error:
            raise StoreError(
                f"sitting {self.id} must be deletable; got {error.strerror} ({folder})"
            ) from error

    def _write(self, record: SittingRecord) -> None:
        write_atomically(self.folder / record.file, sealed(record.model_dump(mode="json")))


def now() -> str:
    """Return the time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def seconds_since(moment: str) -> float:
    """Return the seconds from a moment that `now` told until now."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
