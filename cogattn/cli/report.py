"""``cogattn report``: an observer's card, and every run that holds it with its figures, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cogattn.errors import StoreError

if TYPE_CHECKING:
    from cogattn.reporting.report.model import Report

PAGE = Path("report.html")


def report(
    *,
    observer: Annotated[
        str,
        Parameter(help="A network of timm, module:factory, a decoder, or whoever has rows in a stored run."),
    ],
    out: Annotated[Path, Parameter(name="--out", help="Folder of runs.")] = Path("runs"),
    to: Annotated[Path, Parameter(name="--to", help="The page.")] = PAGE,
) -> int:
    """Write an observer's card and all its runs, tables and figures, as one self-contained page.

    Read from the folder of runs; what has not been run is said, and how to run it.
    """
    import os
    import sys

    from cogattn.reporting.report.model import Report

    if ":" in observer:
        sys.path.insert(0, os.getcwd())
    print(f"written: {written(Report.of(observer, out=out), to)}")
    return 0


def written(report: Report, page: Path) -> Path:
    """Write a report and return where; raise StoreError where that cannot be."""
    try:
        page.write_text(report.to_html(), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"--to must be a writable file; got {error.strerror} ({page})") from error
    return page
