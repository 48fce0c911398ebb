"""``cogattn models``: the networks that can be tested, and their weights ahead of time for nodes without a network."""

from __future__ import annotations

import json as json_module
import shlex
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from cogattn.errors import CogattnError, NotFetched
from cogattn.reporting.tables import aligned

if TYPE_CHECKING:
    from cogattn.observers.fetching import Fetching

Rows = list[dict[str, str | int]]
AsJson = Annotated[bool, Parameter(negative="", show_default=False, help="Print JSON and nothing else.")]


def models(pattern: str = "", /, *, json: AsJson = False) -> int:
    """List the networks that need no download, or all that match a pattern.

    Parameters
    ----------
    pattern
        Part of a name, or a name with * and ? as in a shell: resnet50*.
    """
    from cogattn.observers import list_models

    rows = [asdict(row) for row in list_models(pattern)]
    if json:
        print(json_module.dumps(rows, indent=1))
    elif rows:
        print(aligned(list(rows[0]), [[_text(value) for value in row.values()] for row in rows]))
    else:
        print(f"no model fits {pattern}" if pattern else "no model is here; cogattn models NAME lists others")
    return 0


app = App(
    name="models", default_command=models, help=models.__doc__, help_format="plaintext", version_flags=()
)


@app.command
def fetch(
    *names: str,
    listed: Annotated[
        Path | None,
        Parameter(name="--list", show_default=False, help="File with a name a line, # before a comment."),
    ] = None,
    to: Annotated[
        Path | None,
        Parameter(
            name="--to", show_default=False, help="Folder that becomes a cache; the hub's own cache without."
        ),
    ] = None,
    json: AsJson = False,
) -> int:
    """Download the weights of networks ahead of time and check them, for nodes without a network.

    Parameters
    ----------
    names
        As timm has them; also patterns (resnet*), and @networks.txt.
    """
    from cogattn.observers.fetching import HOMES, cache_in, look_up, names_of

    wanted = names_of(names, listed=listed)
    with cache_in(to) as record, redirect_stdout(sys.stderr):
        found = look_up(wanted)
        print(_plan(found))
        rows, refused = _fetched(found, record)
    _print_rows(rows, as_json=json)
    if to is not None:
        place = shlex.quote(str(to.absolute()))
        print(f"on the node: export {' '.join(f'{home}={place}' for home in HOMES)}", file=sys.stderr)
    if refused:
        raise NotFetched(refused, len(rows))
    return 0


def _fetched(found: Fetching, record: Path) -> tuple[Rows, dict[str, str]]:
    """Fetch one after the other; return a row for each that is there, and why others are not."""
    from cogattn.observers.fetching import fetch as fetch_weights

    rows: Rows = []
    refused = dict(found.refused)
    for one in found.wanted:
        print(f"{len(rows) + len(refused) + 1} of {len(found.wanted) + len(found.refused)}: {one.name}")
        try:
            sha256 = fetch_weights(one.name, record).sha256 if one.state != "wheel" else ""
        except CogattnError as error:
            refused[one.name] = str(error)
            continue
        rows.append({"name": one.name, "source": one.state, "bytes": one.n_bytes, "sha256": sha256})
    return rows, refused


def _plan(found: Fetching) -> str:
    """What is there and what comes, before it does."""
    states = [one.state for one in found.wanted]
    refused = f", {len(found.refused)} cannot be had" if found.refused else ""
    here, wheels, coming = (states.count(state) for state in ("here", "wheel", "to fetch"))
    sizes = f"{found.n_bytes / 1e6:,.1f} MB of {found.free_bytes / 1e9:,.1f} GB that are free"
    return f"{here} network(s) here, {wheels} in wheels, {coming} to fetch: {sizes}{refused}"


def _print_rows(rows: Rows, *, as_json: bool) -> None:
    if as_json:
        print(json_module.dumps(rows, indent=1))
    elif rows:
        header = ("name", "source", "MB", "SHA-256")
        lines = [
            (str(r["name"]), str(r["source"]), f"{int(r['bytes']) / 1e6:,.1f}", str(r["sha256"]))
            for r in rows
        ]
        print(aligned(header, lines))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value or "-")
