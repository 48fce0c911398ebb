"""What an address compares: runs of the store and published tables by their registered names, and nothing else.

The comparison itself is `cogattn.reporting.compare`'s, kept until a summary changes; ``cogattn compare`` says the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from cogattn.api import Run
from cogattn.apps.dashboard.links import name_of
from cogattn.apps.dashboard.run.choice import LONGEST, run_named
from cogattn.errors import CogattnError, StoreError
from cogattn.reporting.compare.comparison import Comparison, compare
from cogattn.reporting.compare.sources import published
from cogattn.running.exporting import PROGRAM
from cogattn.running.records import Manifest
from cogattn.running.store import RunFolder

FEWEST, MOST = 2, 8
"""Runs or published tables of one comparison."""


@dataclass(frozen=True)
class Asked:
    """What an address names.

    Parameters
    ----------
    names : tuple of str
        Runs as ``study/id`` and published tables, in order, each once.
    runs : mapping of str to RunFolder
        The runs among them.
    problems : tuple of str
        A sentence for each name that means nothing here.
    """

    names: tuple[str, ...]
    runs: dict[str, RunFolder]
    problems: tuple[str, ...]


def asked(root: Path, text: str) -> Asked:
    """Read the names of an address, ``masking/abcdef123456,subramanian2023-networks``."""
    names: list[str] = []
    runs: dict[str, RunFolder] = {}
    problems: list[str] = []
    given = [name.strip() for name in text[: LONGEST * 4 * MOST].split(",") if name.strip()]
    if len(given) > MOST:
        problems.append(f"at most {MOST} runs or published tables are compared; got {len(given)}")
    for name in given[:MOST]:
        if name in published_names():
            names.append(name)
            continue
        try:
            run = run_named(root, name)
        except CogattnError as error:
            problems.append(str(error))
            continue
        names.append(name_of(run))
        runs[name_of(run)] = run
    return Asked(tuple(dict.fromkeys(names)), runs, tuple(problems))


@st.cache_resource
def published_names() -> tuple[str, ...]:
    """Return the names of the published tables of all registered studies."""
    return tuple(published())


def compared(root: Path, found: Asked) -> Comparison:
    """Return the comparison of what was asked for.

    Raises
    ------
    CogattnError
        If a run is not finished or damaged, or the sources do not go together.
    """
    stamps = tuple(_stamp(found.runs[name]) if name in found.runs else "" for name in found.names)
    return _compared(str(root), found.names, stamps)


def command(root: Path, names: Sequence[str]) -> str:
    """Return the command that says the same in a terminal."""
    return shlex.join([PROGRAM, "compare", *names, "--out", str(root), "--json"])


def _stamp(run: RunFolder) -> str:
    """Digest of what a run says, and size and date of its summary: another comparison where one is another."""
    manifest = run.read(Manifest)
    if manifest is None:
        raise StoreError(f"run {run.study}/{run.id} must be finished to be compared; got no tables")
    try:
        status = run.path("tables", "summary.csv").stat()
    except OSError:
        return manifest.question
    return f"{manifest.question} {status.st_size} {status.st_mtime_ns}"


@st.cache_data(max_entries=32, show_spinner="Comparing")
def _compared(root: str, names: tuple[str, ...], stamps: tuple[str, ...]) -> Comparison:
    """`stamps` tell a run that has been written again from what it was."""
    own = set(published_names())
    inputs = [name if name in own else Run(run_named(Path(root), name)) for name in names]
    return compare(*inputs, out=Path(root))
