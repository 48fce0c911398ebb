"""The JSON records of a run: its settings, where its numbers come from, and the hash of every file."""

from __future__ import annotations

import json
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from cogattn.running.atomic import sha256_hex


class Record(BaseModel):
    """A record of known shape; anything else in its file is damage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: ClassVar[str]
    """Name of the record's file in the run's folder."""


class ConfigRecord(Record):
    """Which study, which version, which settings: what the run's id is made of."""

    file: ClassVar[str] = "config.json"

    study: str
    version: int
    config: dict[str, JsonValue]

    @property
    def run_id(self) -> str:
        """The id of the run that this record belongs to."""
        canonical = json.dumps(self.config, sort_keys=True, separators=(",", ":"))
        text = json.dumps([self.study, self.version, canonical], separators=(",", ":"))
        return sha256_hex(text.encode())[:12]


class Session(Record):
    """One start of the run that computed cells; see `cogattn.running.provenance.collect`."""

    started: str
    argv: tuple[str, ...]
    n_cells: int
    workers: int
    threads_per_worker: int
    versions: dict[str, str | None]
    git: str | None
    platform: str
    cpu: str
    gpus: tuple[str, ...]
    inputs: dict[str, str]


class Provenance(Record):
    """All sessions, in the order of their starts."""

    file: ClassVar[str] = "provenance.json"

    sessions: tuple[Session, ...] = ()


class Manifest(Record):
    """SHA-256 of every file by relative path, and the sentences that belong under the summary."""

    file: ClassVar[str] = "MANIFEST.json"

    files: dict[str, str]
    remarks: tuple[str, ...]
