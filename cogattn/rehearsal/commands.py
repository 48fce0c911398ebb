"""Commands below ``cogattn rehearsal``: weights of trained networks as files, for other studies to test."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import JsonValue

from cogattn.errors import ConfigError
from cogattn.running.atomic import write_atomically
from cogattn.running.catalogue import find_run
from cogattn.running.records import CellList
from cogattn.running.store import RunFolder

STUDY = "rehearsal"
Run = Annotated[str, Parameter(help="The start of the run's id.")]
Out = Annotated[Path, Parameter(name="--out", help="Folder of runs.")]
To = Annotated[Path, Parameter(name="--to", help="Folder for the files; made where it is not there.")]


def weights(run: Run, /, *, to: To, out: Out = Path("runs")) -> int:
    """Write the networks of a run as files: before and after what came behind the first phase.

    A file is named by schedule, budget, tasks and seed, and holds tensors by name (safetensors). Those of runs on image
    diets are ``--observer.checkpoints`` of masking and search, behind the factory of
    `cogattn.psychophysics.search.raised`.
    """
    found = find_run(out, run)
    if found.study != STUDY:
        raise ConfigError(f"run must be one of {STUDY}; got one of {found.study} ({found.id})")
    files = list(_files(found))
    if not files:
        raise ConfigError(
            f"run must be of a scenario whose networks are kept (diets, scanpaths, listeners); got none in {found.id}"
        )
    for name, data in files:
        try:
            to.mkdir(parents=True, exist_ok=True)
            write_atomically(to / name, data)
        except OSError as error:
            raise ConfigError(
                f"--to must be a folder that can be written; got {error.strerror} ({to})"
            ) from error
        sys.stdout.write(f"{to / name}\n")
    return 0


def _files(run: RunFolder) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of what cells kept beside their trials."""
    listed = run.read(CellList)
    for cell in listed.cells if listed else ():
        if run.cells.has(cell.name):
            record, outcome, _ = run.cells.read(cell.name)
            for artefact, data in outcome.artefacts.items():
                yield f"{_stem(record.cell)}-{artefact}", data


def _stem(cell: Mapping[str, JsonValue]) -> str:
    """Schedule, budget and tasks of a cell, as a file's name can have them."""
    text = f"{cell['observer']}-budget{cell['budget']}-tasks{cell['n_tasks']}"
    return re.sub(r"[^\w.-]+", "-", text)
