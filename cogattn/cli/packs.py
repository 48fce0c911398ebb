"""``cogattn runs pack`` and ``unpack``: runs as one file, for a file system that wants few, or for e-mail."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cogattn.cli.studies import Out, near
from cogattn.errors import ConfigError
from cogattn.running.catalogue import find_run
from cogattn.running.packing import pack as pack_runs
from cogattn.running.unpacking import Unpacked
from cogattn.running.unpacking import unpack as unpack_runs

AsJson = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON and nothing else.")
]


def pack(
    *runs: str,
    to: Annotated[Path, Parameter(name="--to", help="ZIP archive to write.")],
    out: Out = Path("runs"),
    json: AsJson = False,
) -> int:
    """Pack runs with all their cells into one file that `unpack` brings into another store.

    Parameters
    ----------
    runs
        The starts of the runs' ids, or study/id.
    """
    if not runs:
        raise ConfigError("runs pack must be told which runs; got none")
    found = pack_runs([find_run(out.absolute(), name) for name in runs], to)
    if json:
        row = {"file": str(to), "runs": found.n_runs, "cells": found.n_cells}
        print(json_module.dumps({**row, "bytes": found.n_bytes, "sha256": found.sha256}, indent=1))
    else:
        size = f"{found.n_bytes / 1e6:,.1f} MB"
        print(
            f"written: {to}, {found.n_runs} run(s), {found.n_cells:,} cells, {size}, SHA-256 {found.sha256}"
        )
    return 0


def unpack(file: Path, /, *, out: Out = Path("runs"), json: AsJson = False) -> int:
    """Bring the runs of a pack into a store: all of them, each file checked before, or none.

    Parameters
    ----------
    file
        What `pack` has written.
    """
    found = unpack_runs(file, out)
    print(json_module.dumps(list(map(_row, found)), indent=1) if json else "\n".join(map(_text, found)))
    return 0


def _row(one: Unpacked) -> dict[str, object]:
    row = {"study": one.run.study, "run": one.run.id, "new": one.new}
    return {**row, "cells": one.n_cells, "new_cells": one.n_new_cells}


def _text(one: Unpacked) -> str:
    what = "unpacked" if one.new else "there already"
    return f"{what}: {near(one.run.folder)}, {one.n_cells:,} cells, {one.n_new_cells:,} of them new"
