"""The changelog is by version, newest first, and its newest entry is the version of the package."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

from packaging.version import Version

import cogattn

ROOT = Path(__file__).resolve().parents[2]
HEADS = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
RELEASED = [head for head in HEADS if head != "[Unreleased]"]
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_newest_entry_is_the_packages_version() -> None:
    newest, day = re.fullmatch(r"\[(.+)\] - (\d{4}-\d\d-\d\d)", RELEASED[0]).groups()  # ty: ignore[unresolved-attribute]
    date.fromisoformat(day)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert cited is not None
    assert newest == project["version"] == cogattn.__version__ == cited[1]


def test_entries_are_in_the_form_that_the_page_says() -> None:
    found = [re.fullmatch(r"\[(.+)\] - (.+)", head) for head in RELEASED]
    assert all(found)
    versions = [Version(one[1]) for one in found if one]
    assert versions == sorted(set(versions), reverse=True)
    assert "[Unreleased]" not in HEADS[1:]
    kinds = re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert set(kinds) <= KINDS
