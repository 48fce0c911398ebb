"""``cogattn runs crate``, ``bids`` and ``cite``: a finished run as others deposit, read and cite it."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, cast

from cyclopts import Parameter

from cogattn.errors import ConfigError
from cogattn.registry import load_study, load_target
from cogattn.reporting.crate.citing import references_of
from cogattn.reporting.crate.deposit import Deposit
from cogattn.reporting.crate.files import crate_of, publish, write_crate
from cogattn.running.catalogue import find_run
from cogattn.running.store import RunFolder

MakeDerivatives = Callable[[RunFolder, Deposit], Mapping[str, bytes]]
Out = Annotated[Path, Parameter(name="--out", help="Folder of runs.")]
Authors = Annotated[
    tuple[str, ...],
    Parameter(
        name="--author",
        negative="",
        show_default=False,
        help="A name, an ORCID may follow ('Ada Lovelace 0000-0002-1825-0097'); may be repeated.",
    ),
]
Licence = Annotated[
    str,
    Parameter(
        name="--licence",
        show_default=False,
        help="Of the run's own files: an SPDX identifier (CC-BY-4.0), an address, or a sentence.",
    ),
]
AsJson = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON and nothing else.")
]


def crate(
    run: str,
    /,
    *,
    to: Annotated[
        Path | None,
        Parameter(name="--to", help="ZIP archive or folder to write; without, the metadata are printed."),
    ] = None,
    author: Authors = (),
    agent: Annotated[
        str, Parameter(name="--agent", show_default=False, help="Who ran it, as an author is told.")
    ] = "",
    licence: Licence = "",
    out: Out = Path("runs"),
) -> int:
    """Pack a finished run as an RO-Crate: its files, and metadata that say what they are and how they were made.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found, deposit = find_run(out, run), Deposit(author, agent, licence)
    if to is None:
        print(crate_of(found, deposit).decode(), end="")
        return 0
    write_crate(found, to, deposit)
    print(f"written: {to}")
    return 0


def bids(
    run: str,
    /,
    *,
    to: Annotated[Path, Parameter(name="--to", help="Folder or ZIP archive to write.")],
    author: Authors = (),
    licence: Licence = "",
    out: Out = Path("runs"),
) -> int:
    """Write what a study of recordings found in each person as BIDS derivatives.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found = find_run(out, run)
    target = load_study(found.study).derivatives
    if not target:
        raise ConfigError(f"run must be of a study of recordings to be BIDS derivatives; got {found.study}")
    make = cast(MakeDerivatives, load_target(target))
    publish(to, make(found, Deposit(author, licence=licence)).items())
    print(f"written: {to}")
    return 0


def cite(run: str, /, *, out: Out = Path("runs"), json: AsJson = False) -> int:
    """Print what to cite for a run as BibTeX: the study's paper, the data sets that it read, and cogattn.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found = references_of(find_run(out, run))
    if json:
        print(
            json_module.dumps(
                [{"key": one.key, "url": one.url, "bibtex": one.bibtex} for one in found], indent=1
            )
        )
        return 0
    print("\n\n".join(one.bibtex for one in found))
    return 0
