"""What is cited for a run; cogattn itself as CITATION.cff and the distribution have it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

from cogattn import __version__
from cogattn.reporting.crate.citing import references_of, software
from cogattn.running.store import RunFolder

ROOT = Path(__file__).resolve().parents[3]


def test_the_paper_comes_first_and_cogattn_last(run: RunFolder) -> None:
    paper, own = references_of(run)
    assert paper.authors == ("František Bartoš",)
    assert paper.url == "https://doi.org/10.48550/arXiv.2310.04153"
    assert (own.kind, own.key, own.fields["version"]) == ("software", "cogattn", __version__)


def test_the_citation_file_agrees_with_the_project_and_with_what_is_printed() -> None:
    told = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (told["title"], str(told["version"]), told["license"]) == (
        project["name"],
        project["version"],
        project["license"],
    )
    authors = tuple(one["name"] for one in told["authors"])
    assert authors == tuple(one["name"] for one in project["authors"])
    entry = software(__version__)
    assert (entry.title, entry.fields["version"], entry.authors) == (
        told["title"],
        str(told["version"]),
        authors,
    )
