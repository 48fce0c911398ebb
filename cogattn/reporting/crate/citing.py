"""What is to be cited for a run: the study's paper, the data sets that it read, and cogattn."""

from __future__ import annotations

from importlib.metadata import metadata

from cogattn.reporting.crate.bibtex import Reference, read
from cogattn.reporting.crate.files import document_of, entities
from cogattn.reporting.crate.graph import ARTICLE, DATA, SOFTWARE
from cogattn.running.records import Provenance
from cogattn.running.store import RunFolder


def references_of(run: RunFolder) -> list[Reference]:
    """Return the study's paper, the data sets of a finished run, and cogattn in the run's version.

    Raises
    ------
    StoreError, ConfigError
        As `cogattn.reporting.crate.files.document_of`.
    """
    cited = [
        one
        for one in entities(document_of(run))
        if ARTICLE.items() <= one.items() or DATA.items() <= one.items()
    ]
    sessions = (run.read(Provenance) or Provenance()).sessions
    version = sessions[-1].versions.get(SOFTWARE) if sessions else None
    return [*(read(str(one["creditText"])) for one in cited), software(version or "")]


def software(version: str) -> Reference:
    """Return cogattn as an entry: its authors as its distribution names them.

    Parameters
    ----------
    version : str
        Which; empty where it is not known.
    """
    about = metadata(SOFTWARE)
    fields = {"title": SOFTWARE, "author": f"{{{about['Author']}}}", "version": version}
    return Reference("software", SOFTWARE, {name: value for name, value in fields.items() if value})
