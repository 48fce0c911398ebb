"""What a side-by-side benchmark writes with ``--json``: rows of one form, which ``all.py`` puts into one table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict


class Ratio(TypedDict):
    """A case, who else does it, the time of both in one unit, and theirs over ours."""

    case: str
    peer: str
    ours: float
    theirs: float
    unit: str
    ratio: float


def ratio(case: str, peer: str, ours: float, theirs: float, unit: str = "CPU s") -> Ratio:
    """Return a row; above 1 ours is the faster."""
    return {"case": case, "peer": peer, "ours": ours, "theirs": theirs, "unit": unit, "ratio": theirs / ours}


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark take ``--json FILE``."""
    parser.add_argument("--json", type=Path, help="file to write the ratios to")


def write(path: Path | None, rows: Sequence[Ratio]) -> None:
    """Write the rows where a file was asked for."""
    if path is not None:
        path.write_text(json.dumps(list(rows), indent=1) + "\n", encoding="utf-8")
