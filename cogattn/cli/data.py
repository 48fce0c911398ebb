"""``cogattn data``: which data sets there are, on what terms, and where they lie."""

from __future__ import annotations

import json as json_module
import sys
import textwrap
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cogattn.errors import ConfigError
from cogattn.fetch import DataSet, Download, Packaged, adopt, by_hand, check, data_sets, fetch, locate, state
from cogattn.reporting.tables import aligned
from cogattn.running.digests import CACHE_VARIABLE, cache_folder

app = App(
    name="data",
    help=f"List, fetch and find data sets. {CACHE_VARIABLE} moves the cache.",
    help_format="plaintext",
)


@app.command(name="list")
def list_(
    *,
    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print JSON and nothing else.")
    ] = False,
) -> int:
    """List the data sets: name, state, size, licence, what for.

    The state is packaged, here, damaged (not what it should be), to fetch, or by hand.
    """
    cache = cache_folder()
    rows = [(d.name, state(d, cache), _size(d), d.licence, d.about, d.source) for d in data_sets().values()]
    header = ("name", "state", "size", "licence", "about", "source")
    if json:
        print(json_module.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=1))
    else:
        print(aligned(header[:-1], [row[:-1] for row in rows]) if rows else "no data sets")
    return 0


@app.command(name="fetch")
def fetch_(
    name: str,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--from", help="A file or folder you have.")] = None,
) -> int:
    """Bring a data set into the cache, checked by its SHA-256 or the names of its files, and print where it is.

    Parameters
    ----------
    name
        As ``cogattn data list`` shows it.
    """
    data_set = _named(name)
    if isinstance(data_set, Download):
        print(f"{name}: licence {data_set.licence}; from {data_set.source}", file=sys.stderr)
    cache = cache_folder()
    print(adopt(data_set, source, cache) if source else fetch(data_set, cache, progress=sys.stderr.isatty()))
    return 0


@app.command
def about(name: str, /) -> int:
    """Print all that is known about a data set: terms, source, how to get it, what it holds, settings that read it.

    Parameters
    ----------
    name
        As ``cogattn data list`` shows it.
    """
    data_set, cache = _named(name), cache_folder()
    facts = {
        "what": data_set.about,
        "licence": data_set.licence,
        "source": data_set.source,
        "state": state(data_set, cache),
        **({} if isinstance(data_set, Packaged) else {"by hand": by_hand(data_set, cache)}),
        **data_set.details(),
    }
    for heading, text in facts.items():
        print(f"{heading}:\n{textwrap.indent(text.strip(), '  ')}")
    return 0


@app.command
def where(name: str | None = None, /) -> int:
    """Print the cache folder, or where one data set is.

    Parameters
    ----------
    name
        As ``cogattn data list`` shows it.
    """
    if name is None:
        print(cache_folder())
        return 0
    data_set = _named(name)
    place = locate(data_set, cache_folder())
    if place is None:
        raise ConfigError(
            f"{name} must be fetched first; got nothing in {cache_folder()}; run: cogattn data fetch {name}"
        )
    check(data_set, place)
    print(place)
    return 0


def _named(name: str) -> DataSet:
    found = data_sets()
    if name not in found:
        raise ConfigError(f"data set must be one of {', '.join(found) or 'none'}; got {name[:80]!r}")
    return found[name]


def _size(data_set: DataSet) -> str:
    return f"{data_set.n_bytes / 1e6:,.1f} MB" if isinstance(data_set, Download) else "-"
