"""The versions that CI tries lowest are those that pyproject.toml says suffice."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_lowest_versions_tried_are_the_floors() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["eeg"]]
    floors = dict(
        match.groups() for line in asked if (match := re.match(r"([A-Za-z0-9-]+)>=([0-9.]+)", line))
    )
    lines = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8").split()
    tried = dict(line.split("==") for line in lines)
    assert len(floors) > 20
    for name, floor in floors.items():
        version = [int(part) for part in floor.split(".")]
        lowest = [int(part) for part in tried[name].split(".")]
        assert lowest[: len(version)] == version, f"{name}: {floor} is allowed, {tried[name]} is tried"
        assert not any(lowest[len(version) :]), f"{name}: {floor} is allowed, {tried[name]} is tried"
